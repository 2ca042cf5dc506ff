package edge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kohe/edge/record"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/session"
)

// live is a session whose origin this edge is. Visitors and agents each have a
// topic, because a visitor may not see an agent's sign-in name.
type live struct {
	edge   *Edge
	id     relay.ID
	topics map[relay.Role]*hub.Topic // by side
	ready  chan struct{}             // closed when core is there, or err
	err    error                     // set before ready is closed

	mu      sync.Mutex // guards what follows
	core    *session.Session
	row     relay.Session
	clients map[*client]bool
	storing bool        // a goroutine proposes messages
	saving  *time.Timer // marks wait to be saved
	idle    *time.Timer // nobody is here: unload
	place   int         // what waiting tabs were last told
	deeds   deeds
	hands   hands
	drawn   drawings
	mirror  mirror
	closed  bool // nobody joins any more

	recorder *record.Recorder // nil: the session is not recorded
}

// live returns a session with this edge as its origin, claiming it if need be:
// then the epoch must still be the given one, or the error is state.ErrStale.
func (e *Edge) live(ctx context.Context, id relay.ID, since uint32) (*live, error) {
	l, mine, err := e.place(id)
	if err != nil {
		return nil, err
	}
	if mine {
		result, err := e.Cell.Propose(ctx, state.Claim{Session: id, Node: e.Node, Nonce: relay.NewID(), At: e.at(), Since: since})
		if err != nil {
			return nil, l.fail(fmt.Errorf("claim session %s: %w", id, err))
		}
		return l, l.load(result.(state.Claimed))
	}
	select {
	case <-l.ready:
		return l, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// adopt loads a session that was just opened here.
func (e *Edge) adopt(c state.Claimed) (*live, error) {
	l, mine, err := e.place(c.Session.ID)
	if err != nil {
		return nil, err
	}
	if mine {
		return l, l.load(c)
	}
	<-l.ready
	return l, l.err
}

// place returns the session's live value; mine is true for the one caller who
// must load it.
func (e *Edge) place(id relay.ID) (l *live, mine bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.lives[id]; l != nil {
		return l, false, nil
	}
	if len(e.lives) >= maxLive {
		return nil, false, &relay.Error{Code: relay.CodeBusy, Text: "This server is full. Please try again soon.", Retry: 10 * time.Second}
	}
	name := id.String()
	l = &live{edge: e, id: id, ready: make(chan struct{}), clients: make(map[*client]bool), topics: map[relay.Role]*hub.Topic{
		relay.RoleVisitor: e.hub.Topic("chat/" + name + "/visitor"),
		relay.RoleAgent:   e.hub.Topic("chat/" + name + "/agent"),
	}}
	l.mirror.topic = e.hub.Topic("page/" + name)
	e.lives[id] = l
	return l, true, nil
}

func (l *live) fail(err error) error {
	l.err = err
	l.edge.mu.Lock()
	delete(l.edge.lives, l.id)
	l.edge.mu.Unlock()
	close(l.ready)
	return err
}

func (l *live) load(c state.Claimed) error {
	claimed, err := l.claimed(c, 0)
	if err != nil {
		return l.fail(err)
	}
	row := c.Session
	if stored, ok := l.edge.Store.Session(l.id); ok {
		row = stored // a claim's answer has no facts
	}
	l.mu.Lock()
	l.core = session.New(claimed)
	l.row = row
	l.waitIdle()
	l.mu.Unlock()
	close(l.ready)
	l.changed(row) // what happened before anybody listened here
	return nil
}

// claimed reads what a claim needs of the transcript after a place.
func (l *live) claimed(c state.Claimed, after uint64) (session.State, error) {
	tail, err := l.edge.transcript(l.id, after, c.Seq)
	if err != nil {
		return session.State{}, fmt.Errorf("read the transcript of session %s: %w", l.id, err)
	}
	return session.State{
		Session: l.id, Epoch: c.Epoch, Stored: c.Seq, Tail: tail, Visitor: c.Session.Visited, Agent: c.Session.Agented,
	}, nil
}

// pagesAtOnce is how many pages of a transcript are asked for at once. Far from
// the core nodes, one after another would take a round trip each, and a session
// that is moving waits for them.
const pagesAtOnce = 8

// transcript reads the stored messages after < seq ≤ until, or as many of them
// as the state here has. Their places have no gaps.
func (e *Edge) transcript(id relay.ID, after, until uint64) (all []relay.Message, err error) {
	type page struct {
		want int
		list []relay.Message
		err  error
	}
	for after < until {
		var pages [pagesAtOnce]page
		var reading sync.WaitGroup
		for i := range pages {
			p, from := &pages[i], after
			p.want = int(min(until-from, state.MaxPage))
			if p.want == 0 {
				break
			}
			after += uint64(p.want)
			reading.Go(func() { p.list, p.err = e.Store.Messages(id, from, p.want) })
		}
		reading.Wait()
		for _, p := range pages {
			all = append(all, p.list...)
			if p.err != nil || len(p.list) < p.want {
				return all, p.err
			}
		}
	}
	return all, nil
}

func (l *live) isReady() bool {
	select {
	case <-l.ready:
		return l.err == nil
	default:
		return false
	}
}

// sessionOf returns the session that a client speaks of, if it takes part in it.
func (e *Edge) sessionOf(c *client, id relay.ID) (*live, error) {
	if l := e.loaded(id); l != nil && l.has(c) {
		return l, nil
	}
	if row, ok := e.Store.Session(id); ok && row.State != relay.Ended && c.belongs(row) {
		return nil, errEntering
	}
	return nil, errNotPart
}

var errNotPart = relay.Errorf(relay.CodeNotFound, "There is no such session, or you are not part of it.")

// errEntering is what a client hears that is about to be let in, or whose
// session is about to have another origin.
var errEntering = &relay.Error{Code: relay.CodeUnavailable, Text: "Please try again in a moment.", Retry: 300 * time.Millisecond}

// belongs reports whether a live session is the client's to take part in.
func (c *client) belongs(row relay.Session) bool {
	if c.who.Role == relay.RoleVisitor {
		return row.Visitor == c.who.Visitor
	}
	return c.who.Sees(row)
}

func (l *live) has(c *client) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clients[c]
}

// sessionFor returns a session as one side may see it.
func (e *Edge) sessionFor(r relay.Role, s relay.Session) relay.Session {
	if s.State == relay.Waiting {
		s.Place = e.Store.Place(s.ID)
	}
	if site, ok := e.Store.Site(s.Site); ok && site.Record == 0 {
		s.Record = false // whatever the visitor allowed
	}
	if side(r) == relay.RoleVisitor {
		s.Agent, s.Assignment, s.Facts = "", 0, nil
	}
	return s
}

// unstored reports whether something that was said here is not stored yet.
func (l *live) unstored() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.closed && l.core.Unstored() > 0
}

// waitIdle unloads the session after a while without clients. mu is held.
func (l *live) waitIdle() {
	if len(l.clients) > 0 || l.idle != nil || l.closed {
		return
	}
	l.idle = time.AfterFunc(lingerLive, l.unload)
}

func (l *live) unload() {
	l.mu.Lock()
	l.idle = nil
	if l.closed {
		l.mu.Unlock()
		return
	}
	if len(l.clients) > 0 || l.core.Unstored() > 0 {
		l.waitIdle()
		l.mu.Unlock()
		return
	}
	l.closed = true
	l.mu.Unlock()
	l.forget()
}

// forget takes a session that is closed off the edge's list: who comes now has
// it loaded anew.
func (l *live) forget() {
	l.edge.mu.Lock()
	if l.edge.lives[l.id] == l {
		delete(l.edge.lives, l.id)
	}
	l.edge.mu.Unlock()
	l.close()
}

// close stops timers and lets go of the page.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, t := range []*time.Timer{l.idle, l.saving, l.mirror.linger} {
		if t != nil {
			t.Stop()
		}
	}
	l.dropPage()
	l.keepRecording()
}
