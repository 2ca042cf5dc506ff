package edge

import (
	"fmt"
	"sync"
	"time"

	"kohe/edge/page"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/wire"
)

// copied is the page of a session whose origin is another edge, as the clients
// of this one see it: one of them watches there, all of them here, on a tree of
// this edge's own. So a page crosses between two edges once, a slow console
// holds nobody up, and what another edge says of a page is filtered here again.
//
// Its lock is taken before a guest's and never while one is held.
type copied struct {
	edge  *Edge
	id    relay.ID
	topic *hub.Topic

	mu       sync.Mutex // guards what follows
	page     *page.Page // nil before the first frame
	version  uint64     // of page
	watchers map[*client]*guest
	feeder   *guest // watches at the origin
	told     []byte // what the origin last said of the page
	asked    time.Time
	closed   bool // nobody watches here any more; another one may have begun
}

// copyOf returns the copy of a session's page. With start one is begun if there
// is none.
func (e *Edge) copyOf(id relay.ID, start bool) *copied {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.copies[id]
	if k == nil && start {
		k = &copied{edge: e, id: id, topic: e.hub.Topic("copy/" + id.String()), watchers: make(map[*client]*guest)}
		e.copies[id] = k
	}
	return k
}

// watchCopy lets a guest see the page, or ends that.
func (g *guest) watchCopy(p wire.WatchPayload) {
	g.mu.Lock()
	g.watch = p.On
	g.mu.Unlock()
	if !p.On {
		g.leaveCopy()
		return
	}
	for !g.edge.copyOf(g.id, true).watch(g, p.Diverged) {
	}
}

// leaveCopy takes a guest off the copy of its session's page.
func (g *guest) leaveCopy() {
	if k := g.edge.copyOf(g.id, false); k != nil {
		k.leave(g)
	}
}

// watch adds a watcher; false if the copy has just ended. Watching again gets
// the whole page anew.
func (k *copied) watch(g *guest, diverged bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	c := g.client
	if diverged && k.watchers[c] != nil && k.page != nil {
		k.page.Diverged()
	}
	k.watchers[c] = g
	k.topic.SubscribePage(c.queue, k, 0)
	if k.told != nil {
		c.queue.Push(wire.Outgoing{Kind: wire.Mirror, Payload: k.told})
	}
	if k.feeder == nil || k.feeder == g && !diverged {
		k.feed(g)
	}
	return true
}

// leave takes a watcher away. If it was the one that watches at the origin,
// another one does that now.
func (k *copied) leave(g *guest) {
	k.mu.Lock()
	if k.watchers[g.client] != g {
		k.mu.Unlock()
		return
	}
	delete(k.watchers, g.client)
	k.topic.Unsubscribe(g.client.queue)
	if k.feeder == g {
		k.feeder = nil
		for _, other := range k.watchers {
			k.feed(other)
			break
		}
		g.send(wire.Watch, wire.WatchPayload{Session: k.id})
	}
	k.closed = len(k.watchers) == 0
	if k.closed {
		k.restart()
	}
	closed := k.closed
	k.mu.Unlock()
	if closed {
		k.edge.mu.Lock()
		if k.edge.copies[k.id] == k {
			delete(k.edge.copies, k.id)
		}
		k.edge.mu.Unlock()
	}
}

// feed has a guest watch at the origin for all. mu is held.
func (k *copied) feed(g *guest) {
	k.feeder = g
	g.send(wire.Watch, wire.WatchPayload{Session: k.id, On: true})
}

// again has the guest watch at a new origin, if it is the one that does that.
func (k *copied) again(g *guest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feeder == g {
		k.feed(g)
	}
}

// restart forgets the page; what comes next is a whole one. mu is held.
func (k *copied) restart() {
	if k.page != nil {
		k.page.Close()
		k.page, k.version = nil, 0
	}
}

// take takes a frame of the one guest that watches at the origin.
func (k *copied) take(g *guest, f wire.Frame) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feeder != g {
		return // another one does now
	}
	switch f.Kind {
	case wire.PageDiff:
		if err := k.apply(f); err != nil {
			k.edge.Log.Debug("a page of another edge does not fit", "session", k.id.String(), "err", err)
			k.ask()
		}
	case wire.Mirror:
		k.told = f.Payload
		k.toAll(wire.Outgoing{Kind: wire.Mirror, Payload: f.Payload})
	case wire.Faults:
		k.toAll(wire.Outgoing{Kind: wire.Faults, Payload: f.Payload})
	case wire.Pointer:
		k.toAll(wire.Outgoing{Kind: wire.Pointer, Key: "pointer/" + k.id.String(), Payload: f.Payload})
	case wire.Hand:
		k.toAll(wire.Outgoing{Kind: wire.Hand, Key: handKey(f.Payload), Payload: f.Payload})
	case wire.Draw:
		k.toAll(wire.Outgoing{Kind: wire.Draw, Payload: f.Payload})
	}
}

func (k *copied) toAll(out wire.Outgoing) {
	for c := range k.watchers {
		c.queue.Push(out)
	}
}

// apply applies a frame and passes it on. mu is held.
func (k *copied) apply(f wire.Frame) error {
	_, body, err := wire.SplitSession(f)
	if err != nil {
		return err
	}
	if k.page == nil {
		if err := k.open(); err != nil {
			return err
		}
	}
	forward, version, err := k.page.Apply(body)
	if err != nil {
		return err
	}
	if version < k.version { // the page began anew at its origin
		k.topic.Renew()
	}
	k.version = version
	if len(forward) > 0 {
		k.topic.PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: ofSession(k.id, forward)}, version)
	}
	return nil
}

// open makes the tree that the first frame goes into. mu is held.
func (k *copied) open() error {
	row, ok := k.edge.Store.Session(k.id)
	site, served := k.edge.Store.Site(row.Site)
	if !ok || !served {
		return relay.Errorf(relay.CodeGone, "This site is not served here any more.")
	}
	var err error
	if k.page, err = k.edge.Pages.Open(k.id, rulesOf(site)); err != nil {
		return fmt.Errorf("page of a session on site %s: %w", site.ID, err)
	}
	k.topic.Renew()
	return nil
}

// ask asks the origin for the whole page, once in a while. mu is held.
func (k *copied) ask() {
	if now := k.edge.Now(); now.Sub(k.asked) >= snapshotAgain {
		k.asked = now
		k.feed(k.feeder)
	}
}

// Delta implements hub.Puller: what a watcher lacks who has version since.
func (k *copied) Delta(since uint64) ([]byte, uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.page == nil {
		return nil, since
	}
	msg, version := k.page.Delta(since)
	if len(msg) == 0 {
		return nil, version
	}
	return ofSession(k.id, msg), version
}
