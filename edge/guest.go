package edge

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/session"
	"kohe/relay/wire"
)

// Mesh reaches the other edges. link.Carrier over the nodes' connections is one.
type Mesh interface {
	// Dial opens a link at another node on behalf of a client of this one.
	// deliver gets its frames, those of a lane from one goroutine, which may
	// wait. An error of code unavailable says that the node cannot be reached.
	Dial(ctx context.Context, node string, hello wire.HelloPayload, deliver func(wire.Frame)) (*link.Client, error)
}

// Spans of a guest's life.
const (
	visitFor    = time.Second            // for the origin to welcome a guest
	visitAgain  = 50 * time.Millisecond  // before the origin is tried again
	patientFor  = 2 * time.Second        // before an edge takes over that should leave it to another
	guestLinger = 500 * time.Millisecond // for the last frames of a session that ended
)

// guest is a client of this edge in a session whose origin is another one: it
// carries the client's link there for that session, and goes where the origin
// goes. What the client said and is not stored goes along.
type guest struct {
	edge    *Edge
	client  *client
	id      relay.ID
	stop    context.CancelFunc
	moved   chan struct{} // of one: the origin may be another one
	arrives bool          // see enter

	mu     sync.Mutex // guards what follows
	link   *link.Client
	resume wire.Resume // up to where the client has everything
	unsaid []unsaid    // said and not known to be stored, in order
	watch  bool
	had    bool         // this edge has claimed it since an origin last answered
	over   bool         // the session is here now
	later  []wire.Frame // asked while there was no origin
	refs   [keptRefs]ref
	asked  int // requests forwarded
}

// enter makes a client part of a session, wherever its origin is. An error
// says that the client can never be.
//
// arrives says that a visitor has just connected: then their session comes to
// this edge too, so that their page is held near them. While it cannot, they are
// a guest where it is.
func (e *Edge) enter(ctx context.Context, c *client, r wire.Resume, arrives bool) error {
	for {
		origin, epoch, ok := e.Store.Origin(r.Session)
		if e.Mesh != nil && ok && origin != e.Node {
			e.invite(c, &guest{resume: r, arrives: arrives})()
			return nil
		}
		l, err := e.live(ctx, r.Session, epoch)
		switch {
		case err == nil && l.join(c, r):
			return nil
		case err != nil && relay.CodeOf(err) != relay.CodeStale:
			return err
		}
		select { // it was closed just now, or the state here is behind
		case <-time.After(visitAgain):
		case <-ctx.Done():
			return ctx.Err()
		case <-e.closing:
			return errEntering
		}
	}
}

// invite makes a client a guest, who takes what the client says from now on.
// begin starts it; it must not be called with a lock held. If the client is one
// in that session already, that one takes over what this one has to say.
func (e *Edge) invite(c *client, g *guest) (begin func()) {
	g.edge, g.client, g.id, g.moved = e, c, g.resume.Session, make(chan struct{}, 1)
	watched := g.watch
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	if other := c.addGuest(g); other != g {
		stop()
		return func() {
			if other != nil {
				other.takeFrom(g)
			}
		}
	}
	return func() {
		e.running.Go(func() {
			defer stop()
			if watched { // while the session was here
				g.watchCopy(wire.WatchPayload{Session: g.id, On: true})
			}
			g.run(ctx)
			g.leaveCopy()
			c.removeGuest(g)
		})
	}
}

// guests of a client, by session. The client's mu guards them.
//
// addGuest returns the guest that the client is now: the given one, one that
// there was, or nil if the client has left.
func (c *client) addGuest(g *guest) *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch other := c.guests[g.id]; {
	case c.gone:
		return nil
	case other != nil:
		return other
	case c.guests == nil:
		c.guests = make(map[relay.ID]*guest)
	}
	c.guests[g.id] = g
	return g
}

// takeFrom takes over what a guest that never began was to say and to see.
func (g *guest) takeFrom(other *guest) {
	g.mu.Lock()
	over := g.over
	for _, u := range other.unsaid {
		if !over && g.keep(u.say) == nil && g.link != nil {
			_, _ = g.link.Send(wire.Say, u.say) // a link that ends is followed by another
		}
	}
	g.mu.Unlock()
	switch {
	case over: // it is home
		g.sayHere(other.unsaid)
	case other.watch:
		g.watchCopy(wire.WatchPayload{Session: g.id, On: true})
	}
}

func (c *client) removeGuest(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.guests[g.id] == g {
		delete(c.guests, g.id)
	}
}

func (c *client) guest(id relay.ID) *guest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guests[id]
}

func (c *client) visiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.guests) > 0
}

func (c *client) allGuests() (list []*guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range c.guests {
		list = append(list, g)
	}
	return list
}

// run is at the origin, wherever that is, until the client leaves, the session
// is over for it, or this edge is the origin.
func (g *guest) run(ctx context.Context) {
	if _, epoch, ok := g.edge.Store.Origin(g.id); ok && g.arrives {
		_ = g.takeOver(ctx, epoch)
	}
	var since time.Time // the origin of the epoch cannot be reached
	var last uint32     // that epoch
	for ctx.Err() == nil {
		origin, epoch, ok := g.edge.Store.Origin(g.id)
		if !ok {
			return
		}
		if epoch != last {
			since, last = time.Time{}, epoch
		}
		if origin == g.edge.Node {
			if g.home(ctx, epoch) == nil {
				return
			}
			g.pause(ctx)
			continue
		}
		err := g.stay(ctx, origin)
		g.edge.Log.Debug("a guest's link ended", "session", g.id.String(), "node", origin, "role", g.client.who.Role, "err", err)
		switch relay.CodeOf(err) {
		case relay.CodeForbidden, relay.CodeNotFound, relay.CodeGone, relay.CodeRevoked:
			if row, ok := g.edge.Store.Session(g.id); !ok || row.State == relay.Ended || !g.client.belongs(row) {
				return
			} // else the origin has not heard the news yet
		case "":
			since = time.Time{}
			continue
		case relay.CodeUnavailable, relay.CodeDraining:
			if since.IsZero() {
				since = time.Now()
			}
			if g.mayClaim(time.Since(since)) && g.takeOver(ctx, epoch) == nil && g.isHome() {
				continue
			} // else the state here may be behind the claim
		}
		g.pause(ctx)
	}
}

// isHome reports whether this edge is the session's origin, as far as it has heard.
func (g *guest) isHome() bool {
	origin, _, _ := g.edge.Store.Origin(g.id)
	return origin == g.edge.Node
}

func (g *guest) pause(ctx context.Context) {
	select {
	case <-g.moved:
	case <-time.After(visitAgain):
	case <-ctx.Done():
	}
}

// mayClaim reports whether this edge may become the origin in place of one
// that it has not reached for some time: at once where the visitor is here or
// nowhere, else when the visitor's edge has had the time to do it. An edge that
// had the session waits too, for who took it to load it: two that are slow would
// take it from each other for ever.
func (g *guest) mayClaim(unreached time.Duration) bool {
	g.mu.Lock()
	had := g.had
	g.mu.Unlock()
	row, ok := g.edge.Store.Session(g.id)
	soon := !had && (g.client.who.Role == relay.RoleVisitor || row.AwaySince != 0)
	return ok && (soon || unreached > patientFor)
}

// takeOver is Edge.takeOver, which the guest remembers.
func (g *guest) takeOver(ctx context.Context, since uint32) error {
	err := g.edge.takeOver(ctx, g.id, since)
	if err == nil {
		g.mu.Lock()
		g.had = true
		g.mu.Unlock()
	}
	return err
}

// takeOver makes this edge the origin of a session, unless another became that
// since the epoch.
func (e *Edge) takeOver(ctx context.Context, id relay.ID, since uint32) error {
	ctx, cancel := context.WithTimeout(ctx, visitFor)
	defer cancel()
	_, err := e.live(ctx, id, since)
	return err
}

// home joins the session here, where its origin is now.
func (g *guest) home(ctx context.Context, epoch uint32) error {
	l, err := g.edge.live(ctx, g.id, epoch)
	if err != nil {
		return err
	}
	c := g.client
	g.mu.Lock()
	if !l.join(c, g.resume) {
		g.mu.Unlock()
		return errEntering
	}
	g.over = true // what the client sends from now on is handled here
	say, watch, later := g.unsaid, g.watch, g.later
	g.mu.Unlock()
	g.leaveCopy()
	g.sayHere(say)
	if watch {
		l.watch(c, wire.WatchPayload{Session: g.id, On: true})
	}
	for _, f := range later {
		if err := c.dispatch(f); err != nil {
			c.refuse(f, err)
		}
	}
	return nil
}

// sayHere says again what a guest had to say, whose session is here now. Who
// cannot say it is told.
func (g *guest) sayHere(list []unsaid) {
	for _, u := range list {
		if err := g.client.dispatch(wire.Frame{Kind: wire.Say, Payload: wire.Encode(u.say)}); err != nil {
			g.client.unsaid(u.say, 0, err)
		}
	}
}

// stay visits one origin until the link ends. No error: the link was there.
func (g *guest) stay(ctx context.Context, origin string) error {
	c := g.client
	tab, _ := c.tabState()
	g.mu.Lock()
	hello := wire.HelloPayload{
		Version: c.peer.Version, Role: c.who.Role, Tab: c.tab, Lang: c.lang, Resume: []wire.Resume{g.resume},
	}
	g.mu.Unlock()
	if c.who.Role == relay.RoleVisitor {
		hello.Page = &tab
	}
	l, err := g.dial(ctx, origin, hello)
	if err != nil {
		return relay.AsError(unreached(err))
	}
	defer l.Close()
	g.begin(l)
	if k := g.edge.copyOf(g.id, false); k != nil {
		k.again(g)
	}
	for {
		select {
		case <-l.Done():
			g.end()
			return nil
		case <-ctx.Done():
			g.end()
			return nil
		case <-g.moved:
			if now, _, _ := g.edge.Store.Origin(g.id); now != origin {
				g.end()
				return nil
			}
		}
	}
}

// dial opens the link to the origin, with both lanes.
func (g *guest) dial(ctx context.Context, origin string, hello wire.HelloPayload) (_ *link.Client, err error) {
	ctx, cancel := context.WithTimeout(ctx, visitFor)
	defer cancel()
	if hello.Token, err = g.client.in.Carry(ctx, g.id, origin); err != nil {
		return nil, err
	}
	l, err := g.edge.Mesh.Dial(ctx, origin, hello, g.deliver)
	if err != nil {
		return nil, err
	}
	if err := l.OpenPage(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// unreached makes an error without a code one of code unavailable.
func unreached(err error) error {
	if relay.CodeOf(err) == relay.CodeInternal {
		return &relay.Error{Code: relay.CodeUnavailable, Text: "That server cannot be reached.", Err: err}
	}
	return err
}

// begin says at a new origin what was said and is not stored.
func (g *guest) begin(l *link.Client) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.link, g.had = l, false
	for i := range g.unsaid {
		g.unsaid[i].seq = 0
		_, _ = l.Send(wire.Say, g.unsaid[i].say) // a link that ends is followed by another
	}
	for _, f := range g.later {
		g.request(f)
	}
	g.later = nil
}

func (g *guest) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.link = nil
}

// Carried authenticates a link that another node carries for a client of its
// own. The grant in the place of the token says who that is, not the node.
func (e *Edge) Carried(ctx context.Context, peer link.Peer, hello wire.HelloPayload) (_ link.Handler, err error) {
	if hello.Role == relay.RoleAgent && len(hello.Resume) == 0 {
		return e.acceptLook(ctx, peer, hello)
	}
	if len(hello.Resume) != 1 {
		return nil, relay.Errorf(relay.CodeProtocol, "A carried link is a guest's, in one session.")
	}
	r := hello.Resume[0]
	in, err := e.Gate.Guest(ctx, peer.Node, hello.Token)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			leave(in)
		}
	}()
	row, ok := e.Store.Session(r.Session)
	if !ok || !in.In(r.Session) {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no such session.")
	}
	who, err := e.guestOf(in, row)
	if err != nil {
		return nil, err
	}
	origin, epoch, _ := e.Store.Origin(r.Session)
	if origin != e.Node {
		return nil, state.ErrStale // one of the two has not heard the news yet
	}
	if e.Draining() && !e.evacuating() {
		return nil, &relay.Error{Code: relay.CodeDraining, Text: "This server is being restarted."}
	}
	c := e.newClient(peer, who, hello)
	c.in, c.carried = in, true
	// Its own edge has held it to the rate; what it said to a former origin comes at once.
	c.asks = rate.NewLimiter(rate.Limit(e.AsksPerSecond), asksBurst*e.AsksPerSecond+session.MaxUnstored)
	if hello.Page != nil {
		c.setTab(e.clean(who.Site, *hello.Page))
	}
	c.welcome(wire.WelcomePayload{})
	c.left = func() {
		for _, l := range c.sessions() {
			l.leave(c)
		}
	}
	l, err := e.live(ctx, r.Session, epoch)
	if err != nil {
		return nil, err
	}
	if !l.join(c, r) {
		return nil, state.ErrStale
	}
	return c, nil
}

// guestOf returns who a guest is, if they have a place in the session.
func (e *Edge) guestOf(in auth.Admission, row relay.Session) (relay.Principal, error) {
	if in.Role == relay.RoleVisitor {
		if row.Visitor != in.Visitor || row.Site != in.Site {
			return relay.Principal{}, relay.Errorf(relay.CodeForbidden, "That conversation belongs to somebody else.")
		}
		site, _ := e.Store.Site(row.Site)
		return relay.Principal{Role: relay.RoleVisitor, Customer: site.Customer, Site: row.Site, Visitor: row.Visitor, Name: row.Name}, nil
	}
	agent, ok := e.Store.Agent(in.Agent)
	if !ok || agent.Disabled || agent.Generation != in.Generation {
		return relay.Principal{}, relay.Errorf(relay.CodeRevoked, "This agent may not work here any more.")
	}
	who := agent.Principal()
	if !who.Sees(row) {
		return relay.Principal{}, relay.Errorf(relay.CodeForbidden, "This conversation is not yours any more.")
	}
	return who, nil
}

// changed tells a guest of the session's new row. belongs says that the client
// still has a place in it.
func (g *guest) changed(row relay.Session, belongs bool) {
	if row.State == relay.Ended || !belongs {
		time.AfterFunc(guestLinger, g.stop)
		return
	}
	select {
	case g.moved <- struct{}{}:
	default:
	}
}
