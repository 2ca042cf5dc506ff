package edge

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"kohe/relay"
	"kohe/relay/wire"
)

// sessionChanged takes a new row from the cell. Where the session is being
// loaded the row waits for that; its version says whether it is news by then.
func (e *Edge) sessionChanged(row relay.Session) {
	e.mu.Lock()
	l := e.lives[row.ID]
	e.mu.Unlock()
	switch {
	case l == nil:
		e.welcomeMembers(row)
	case l.isReady() && l.elsewhere(row):
		e.presence(func() error { e.moveOut(l); return nil })
	case l.isReady():
		l.changed(row)
	default:
		e.presence(func() error {
			<-l.ready
			e.sessionChanged(row) // another edge may have claimed it meanwhile
			return nil
		})
	}
}

// welcomeMembers lets the clients of this edge into a session that is not
// loaded here, tells those that are in it where it is now, and sees those out
// that do not belong to it any more.
func (e *Edge) welcomeMembers(row relay.Session) {
	for _, c := range e.membersOf(row) {
		switch g := c.guest(row.ID); {
		case g != nil:
			g.changed(row, c.belongs(row))
		case e.misses(c, row):
			e.presence(func() error { return e.enter(context.Background(), c, wire.Resume{Session: row.ID}, false) })
		}
	}
}

// misses reports whether a client that is not in a session has to be let in.
// Who opens one here joins it by that.
func (e *Edge) misses(c *client, row relay.Session) bool {
	if row.State == relay.Waiting {
		origin, _, ok := e.Store.Origin(row.ID)
		return c.who.Role == relay.RoleVisitor && ok && origin != e.Node
	}
	return row.State == relay.Active && c.belongs(row)
}

// membersOf returns the clients here that a session may concern: the visitor's
// tabs and all consoles.
func (e *Edge) membersOf(row relay.Session) []*client {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := slices.Collect(maps.Keys(e.visitors[row.Visitor]))
	for _, set := range e.agents {
		list = slices.AppendSeq(list, maps.Keys(set))
	}
	return list
}

// elsewhere reports whether the row's origin is another edge, since a later
// epoch than this one's.
func (l *live) elsewhere(row relay.Session) bool {
	origin, epoch, ok := l.edge.Store.Origin(row.ID)
	l.mu.Lock()
	defer l.mu.Unlock()
	mine, _ := l.core.Stored()
	return l.edge.Mesh != nil && ok && origin != l.edge.Node && epoch > mine
}

// moveOut ends a session here whose origin is another edge now. Its clients
// become guests there, with what they said and is not stored.
func (e *Edge) moveOut(l *live) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	epoch, seq := l.core.Stored()
	orphans := l.core.Orphans()
	var begin []func()
	for _, c := range slices.Collect(maps.Keys(l.clients)) {
		watch := l.mirror.watchers[c]
		l.remove(c)
		if c.carried {
			c.queue.Close(nil) // its own edge goes where the origin is
			continue
		}
		// What it says from now on the guest takes: nothing falls between the two.
		begin = append(begin, e.invite(c, &guest{
			resume: wire.Resume{Session: l.id, Epoch: epoch, Seq: seq}, watch: watch, unsaid: saidBy(c, orphans), had: true,
		}))
	}
	l.mu.Unlock()
	for _, f := range begin {
		f()
	}
	l.forget()
	if row, ok := e.Store.Session(l.id); ok {
		e.welcomeMembers(row) // the row may have changed meanwhile
	}
}

// saidBy returns the texts of a client's author, to be said again.
func saidBy(c *client, messages []relay.Message) (list []unsaid) {
	for _, m := range messages {
		if m.Kind.Spoken() && m.Author.Same(c.who.Author()) {
			say := wire.SayPayload{Session: m.Session, ID: m.ID, Text: m.Text}
			if m.Kind != relay.KindText {
				say.Kind = m.Kind
			}
			list = append(list, unsaid{say: say})
		}
	}
	return list
}

// changed takes the session's newest row, tells everyone and lets in whoever
// belongs to it now.
func (l *live) changed(row relay.Session) {
	l.mu.Lock()
	was := l.row
	if row.Version < was.Version {
		l.mu.Unlock()
		return
	}
	if row.Facts == nil {
		row.Facts = was.Facts
	}
	l.row = row
	l.drawnNow() // what is not allowed any more goes
	l.events(was, row)
	for c := range l.clients {
		c.push(wire.Session, l.edge.sessionFor(c.who.Role, row))
		if c.who.Role != relay.RoleVisitor && !c.who.Sees(row) {
			l.remove(c)
		}
	}
	if row.State == relay.Ended || !row.Consent {
		l.dropPage()
	}
	l.lead()
	l.drawnNow()
	l.mu.Unlock()
	for _, c := range l.edge.consoles(row) {
		if g := c.guest(l.id); g != nil {
			g.changed(row, true) // it comes home, with what was said
		} else {
			l.join(c, wire.Resume{Session: l.id})
		}
	}
	l.store()
}

// events writes what changed into the transcript. The ids come from the cell,
// so that an event that is said again, here or by another origin, is
// understood as the same. mu is held.
func (l *live) events(was, row relay.Session) {
	event := func(kind relay.MessageKind, id uint64, text string) {
		_, _, err := l.number(nil, relay.Author{Role: relay.RoleSystem}, string(kind)+"-"+strconv.FormatUint(id, 10), kind, text)
		if err != nil {
			l.edge.Log.Warn("event not written", "session", l.id.String(), "kind", kind, "err", err)
		}
	}
	if was.Agent != "" && was.Agent != row.Agent {
		event(relay.KindLeft, was.Assignment, was.AgentName)
	}
	if row.Agent != "" {
		event(relay.KindJoined, row.Assignment, row.AgentName)
	}
	if row.Consent != was.Consent || row.Record != was.Record {
		said := "off"
		switch {
		case row.Record:
			said = "recorded"
		case row.Consent:
			said = "on"
		}
		event(relay.KindConsent, row.Version, said)
	}
	l.levelEvents(was, row, event)
	if row.State == relay.Ended && was.State != relay.Ended {
		event(relay.KindEnded, 0, row.EndedBy)
	}
}
