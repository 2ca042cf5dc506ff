package edge

import (
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// join makes a client part of the session and brings it up to date: the state,
// the messages that it lacks, the marks. Joining twice is harmless. ok is false
// where the session is closed here: it may be somebody else's by now.
func (l *live) join(c *client, from wire.Resume) (ok bool) {
	read := l.lockWithOlder(from)
	if l.closed || l.clients[c] || !c.entered(l) {
		defer l.mu.Unlock()
		return !l.closed
	}
	first := c.who.Role == relay.RoleVisitor && !l.visitorHere()
	l.clients[c] = true
	if l.idle != nil {
		l.idle.Stop()
		l.idle = nil
	}
	c.push(wire.Session, l.edge.sessionFor(c.who.Role, l.row))
	l.history(c, from, read)
	l.topics[side(c.who.Role)].Subscribe(c.queue)
	l.lead()
	tab, _ := c.tabState()
	moved := c.who.Role == relay.RoleVisitor && tab.Visible && (tab.URL != l.row.URL || tab.Title != l.row.Title)
	l.mu.Unlock()
	if first {
		l.online(true)
	}
	if moved {
		l.pageView(tab)
	}
	return true
}

// lockWithOlder reads the stored messages that a client lacks, besides those
// that the session has in memory, and locks the session once nothing is between
// the two. What cannot be read is left out. Nothing is read under the lock:
// where the cell does not answer, the session's chat must not wait for it.
func (l *live) lockWithOlder(from wire.Resume) (read []relay.Message) {
	for {
		l.mu.Lock()
		older, _ := l.core.Resume(from.Epoch, from.Seq)
		after := max(older.After, older.Until-min(older.Until, historyMost))
		if n := len(read); n > 0 {
			after = max(after, read[n-1].Seq)
		}
		if older.Empty() || after >= older.Until {
			return read
		}
		l.mu.Unlock()
		some, err := l.edge.transcript(l.id, after, older.Until)
		read = append(read, some...)
		if err != nil || len(some) == 0 {
			l.edge.Log.Error("transcript cannot be read", "session", l.id.String(), "err", err)
			l.mu.Lock()
			return read
		}
	}
}

// history sends what the client lacks, older messages of which were read
// before. mu is held, so that nothing falls between it and the topic.
func (l *live) history(c *client, from wire.Resume, read []relay.Message) {
	_, recent := l.core.Resume(from.Epoch, from.Seq)
	for _, m := range append(read, recent...) {
		c.push(wire.Message, l.shown(side(c.who.Role), m))
	}
	epoch, seq := l.core.Stored()
	c.push(wire.Stored, wire.StoredPayload{Session: l.id, Epoch: epoch, Seq: seq})
	for _, by := range [...]relay.Role{relay.RoleVisitor, relay.RoleAgent} {
		m := l.core.Marks(by)
		c.push(wire.Mark, wire.MarkPayload{Session: l.id, By: by, Delivered: m.Delivered, Read: m.Read})
	}
}

// shown is a message as one side is told of it. mu is held.
func (l *live) shown(to relay.Role, m relay.Message) relay.Message {
	_, stored := l.core.Stored()
	m.Stored = m.Seq != 0 && m.Seq <= stored
	return forSide(to, m)
}

// forSide hides an agent's sign-in name from visitors.
func forSide(to relay.Role, m relay.Message) relay.Message {
	if to == relay.RoleVisitor && m.Author.Role != relay.RoleVisitor {
		m.Author.ID = ""
	}
	return m
}

// leave takes a client out of the session.
func (l *live) leave(c *client) {
	l.mu.Lock()
	if !l.clients[c] {
		l.mu.Unlock()
		return
	}
	l.remove(c)
	l.lead()
	gone := c.who.Role == relay.RoleVisitor && !l.visitorHere()
	l.waitIdle()
	l.mu.Unlock()
	if gone {
		l.online(false)
	}
}

// remove takes a client off the session's lists. mu is held.
func (l *live) remove(c *client) {
	delete(l.clients, c)
	c.exited(l)
	l.topics[side(c.who.Role)].Unsubscribe(c.queue)
	l.unwatch(c)
}

// visitorHere reports whether a tab of the visitor is connected. mu is held.
func (l *live) visitorHere() bool {
	for c := range l.clients {
		if c.who.Role == relay.RoleVisitor {
			return true
		}
	}
	return false
}

// online tells the cell whether the visitor has a connection.
func (l *live) online(on bool) {
	l.edge.presence(func() error {
		l.mu.Lock()
		still := l.visitorHere() == on && l.row.State != relay.Ended
		l.mu.Unlock()
		if !still {
			return nil
		}
		_, err := l.edge.propose(state.SetOnline{Session: l.id, Node: l.edge.Node, On: on, At: l.edge.at()})
		return err
	})
}
