package edge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"kohe/edge/record"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/session"
	"kohe/relay/wire"
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
	closed  bool

	recorder *record.Recorder // nil: the session is not recorded
}

// live returns a session with this edge as its origin, claiming it if need be.
func (e *Edge) live(ctx context.Context, id relay.ID) (*live, error) { return e.liveSince(ctx, id, 0) }

// liveSince is live, but claims only if the epoch is still the given one.
func (e *Edge) liveSince(ctx context.Context, id relay.ID, since uint32) (*live, error) {
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

// transcript reads the stored messages after < seq ≤ until, page by page.
func (e *Edge) transcript(id relay.ID, after, until uint64) (all []relay.Message, err error) {
	for after < until {
		some, err := e.Store.Messages(id, after, int(min(until-after, state.MaxPage)))
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
		after = some[len(some)-1].Seq
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

// join makes a client part of the session and brings it up to date: the state,
// the messages that it lacks, the marks. Joining twice is harmless.
func (l *live) join(c *client, from wire.Resume) {
	read := l.older(from)
	l.mu.Lock()
	if l.closed || l.clients[c] || !c.entered(l) {
		l.mu.Unlock()
		return
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
}

// older reads the stored messages that a client lacks, besides those that the
// session has in memory.
func (l *live) older(from wire.Resume) []relay.Message {
	l.mu.Lock()
	older, _ := l.core.Resume(from.Epoch, from.Seq)
	l.mu.Unlock()
	return l.readOlder(older, nil)
}

// readOlder adds to messages what is missing up to the end of a range.
func (l *live) readOlder(older session.Span, messages []relay.Message) []relay.Message {
	after := max(older.After, older.Until-min(older.Until, historyMost))
	if n := len(messages); n > 0 {
		after = max(after, messages[n-1].Seq)
	}
	if older.Empty() || after >= older.Until {
		return messages
	}
	stored, err := l.edge.transcript(l.id, after, older.Until)
	if err != nil {
		l.edge.Log.Error("transcript cannot be read", "session", l.id.String(), "err", err)
	}
	return append(messages, stored...)
}

// history sends what the client lacks, older messages of which were read
// before. The lock is held, so that nothing falls between it and the topic.
func (l *live) history(c *client, from wire.Resume, read []relay.Message) {
	older, recent := l.core.Resume(from.Epoch, from.Seq)
	messages := append(l.readOlder(older, read), recent...)
	for _, m := range messages {
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

// waitIdle unloads the session after a while without clients. mu is held.
func (l *live) waitIdle() {
	if len(l.clients) > 0 || l.idle != nil || l.closed {
		return
	}
	l.idle = time.AfterFunc(lingerLive, l.unload)
}

func (l *live) unload() {
	l.mu.Lock()
	busy := len(l.clients) > 0 || l.core.Unstored() > 0
	l.idle = nil
	if busy {
		l.waitIdle()
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	l.edge.mu.Lock()
	delete(l.edge.lives, l.id)
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
			l, err := e.live(context.Background(), row.ID)
			if err == nil {
				l.changed(row)
			}
			return err
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
	e.mu.Lock()
	if e.lives[l.id] != l {
		e.mu.Unlock()
		return
	}
	delete(e.lives, l.id)
	e.mu.Unlock()
	l.mu.Lock()
	epoch, seq := l.core.Stored()
	orphans := l.core.Orphans()
	for _, c := range slices.Collect(maps.Keys(l.clients)) {
		if c.carried {
			c.queue.Close(nil) // its own edge goes where the origin is
		} else {
			e.visit(c, &guest{
				resume: wire.Resume{Session: l.id, Epoch: epoch, Seq: seq},
				watch:  l.mirror.watchers[c], unsaid: saidBy(c, orphans),
			})
		}
		l.remove(c)
	}
	l.mu.Unlock()
	l.close()
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
