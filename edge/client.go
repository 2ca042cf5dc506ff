package edge

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/roster"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/wire"
)

// asksBurst is how many seconds of Config.AsksPerSecond may come at once.
const asksBurst = 3

// How often a quiet page may tell where it is, a second, and at once.
const (
	quietAsks      = 1
	quietAsksBurst = 10
)

// client is one authenticated connection: a tab of a visitor or a console of
// an agent. It handles the link's frames.
type client struct {
	edge    *Edge
	peer    link.Peer
	who     relay.Principal
	queue   *hub.Queue
	tab     string
	quiet   bool
	carried bool // by another node
	looks   bool // of another node: at this one's visitors
	in      auth.Admission
	place   *roster.Tab   // visitors; nil: not on the list
	expires *time.Timer   // with looks: until a fresh grant
	asks    *rate.Limiter // used by the control lane only; quiet: nil before the first
	lang    string

	left  func()        // unregisters; called once by leave
	ended chan struct{} // closed by Closed

	mu      sync.Mutex // guards what follows
	page    wire.TabPayload
	focused time.Time // when the tab last had the focus
	lives   map[*live]bool
	guests  map[relay.ID]*guest
	gone    bool // it enters nothing any more
}

func (e *Edge) newClient(peer link.Peer, who relay.Principal, hello wire.HelloPayload) *client {
	c := &client{edge: e, peer: peer, who: who, queue: e.hub.NewQueue(), ended: make(chan struct{}), tab: hello.Tab, quiet: hello.Quiet, lang: hello.Lang}
	if !c.quiet {
		c.asks = rate.NewLimiter(rate.Limit(e.AsksPerSecond), asksBurst*e.AsksPerSecond)
	}
	return c
}

// Source implements link.Handler.
func (c *client) Source() link.Source { return c.queue }

// Closed implements link.Handler.
func (c *client) Closed(err error) {
	c.queue.Close(err)
	close(c.ended)
	c.leave()
	c.edge.Log.Debug("link closed", "link", c.peer.Link.String(), "role", c.who.Role, "transport", c.peer.Transport, "err", err)
}

// leave takes the client off every list, and out of the sessions that it is a
// guest in.
func (c *client) leave() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	for _, g := range c.allGuests() {
		g.stop()
	}
	unstored := c.sessions()
	c.left()
	c.release(unstored)
}

// release lets go of the admission once what the client said is stored: until
// then the edge speaks for them.
func (c *client) release(of []*live) {
	of = slices.DeleteFunc(of, func(l *live) bool { return !l.unstored() })
	if len(of) > 0 {
		time.AfterFunc(storeAgain, func() { c.release(of) })
		return
	}
	leave(c.in)
}

// leave ends an admission.
func leave(in auth.Admission) {
	if in.Leave != nil {
		in.Leave()
	}
}

// Frame implements link.Handler.
func (c *client) Frame(lane relay.Lane, f wire.Frame) error {
	if lane != relay.Control {
		if ok, err := c.toGuest(f); ok {
			return err
		}
	}
	switch lane {
	case relay.Page:
		return c.pageFrame(f)
	case relay.Cursor:
		if f.Kind == wire.Hand {
			return c.handFrame(f)
		}
		return c.pointerFrame(f)
	}
	if _, ok := c.handlers()[f.Kind]; !ok || !c.mayCome(f.Kind) {
		return relay.Errorf(relay.CodeProtocol, "A %s frame has no place here.", f.Kind)
	}
	if c.asks == nil {
		c.asks = rate.NewLimiter(quietAsks, quietAsksBurst)
	}
	if !c.asks.AllowN(c.edge.Now(), 1) {
		return &relay.Error{Code: relay.CodeRate, Text: "Too fast. Please wait a moment.", Retry: time.Second}
	}
	if f.Kind == wire.Tab {
		for _, g := range c.allGuests() {
			_, _ = g.forward(f) // a guest that moves says it again
		}
	}
	return c.dispatch(f)
}

// mayCome reports whether a kind of control frame has a place on this link.
func (c *client) mayCome(k wire.Kind) bool {
	switch {
	case c.quiet:
		return k == wire.Presence || k == wire.Invitation
	case c.looks:
		return k == wire.View || k == wire.Invite
	case c.carried:
		return aboutSession[k] || k == wire.Tab
	}
	return true
}

// handlers returns the control frames that the client may send.
func (c *client) handlers() map[wire.Kind]func(*client, wire.Frame) error {
	if c.who.Role == relay.RoleVisitor {
		return visitorFrames
	}
	return agentFrames
}

// dispatch does what a control frame asks, or has the guest do it whose session
// is elsewhere, or moved out just now.
func (c *client) dispatch(f wire.Frame) error {
	if ok, err := c.toGuest(f); ok || err != nil {
		return err
	}
	err := c.handle(f)
	if errors.Is(err, errEntering) {
		if ok, again := c.toGuest(f); ok || again != nil {
			return again
		}
	}
	return err
}

// handle does what a control frame asks, here.
func (c *client) handle(f wire.Frame) error { return c.handlers()[f.Kind](c, f) }

// refuse tells the client that a request failed.
func (c *client) refuse(f wire.Frame, err error) {
	e := relay.AsError(err)
	c.push(wire.Error, wire.ErrorPayload{Code: e.Code, Text: e.Text, RetryMS: e.Retry.Milliseconds(), Ref: f.Seq})
}

// ask makes a handler of control frames from a function of their payload.
func ask[P any](h func(c *client, p P, seq uint64) error) func(*client, wire.Frame) error {
	return func(c *client, f wire.Frame) error {
		var p P
		if err := wire.Decode(f, &p); err != nil {
			return err
		}
		return h(c, p, f.Seq)
	}
}

// push queues a control frame for this client.
func (c *client) push(k wire.Kind, payload any) {
	c.queue.Push(wire.Outgoing{Kind: k, Payload: wire.Encode(payload)})
}

// ok answers a request that has no other answer.
func (c *client) ok(ref uint64, id string) { c.push(wire.OK, wire.OKPayload{Ref: ref, ID: id}) }

// welcome fills in what is the same for every client and queues it.
func (c *client) welcome(w wire.WelcomePayload) {
	w.Version, w.Link, w.Key, w.Now, w.Node = c.peer.Version, c.peer.Link, c.peer.Key, c.edge.at(), c.edge.Node
	w.PingMS = int(c.edge.Ping.Milliseconds())
	w.WT, w.Hashes = c.edge.Reach()
	w.Nodes = c.edge.Others()
	c.push(wire.Welcome, w)
}

// tabState returns what the client last said of its tab.
func (c *client) tabState() (wire.TabPayload, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.page, c.focused
}

func (c *client) setTab(p wire.TabPayload) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.page = p
	if p.Focused {
		c.focused = c.edge.Now()
	}
}

// entered and exited keep the list of sessions that the client takes part in. A
// client that has left enters none; one that enters is no guest any more.
func (c *client) entered(l *live) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lives == nil {
		c.lives = make(map[*live]bool)
	}
	if !c.gone {
		c.lives[l] = true
		delete(c.guests, l.id)
	}
	return !c.gone
}

func (c *client) exited(l *live) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lives, l)
}

func (c *client) sessions() []*live {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.lives))
}

// side is how marks and topics name the side of a principal.
func side(r relay.Role) relay.Role {
	if r == relay.RoleVisitor {
		return r
	}
	return relay.RoleAgent
}
