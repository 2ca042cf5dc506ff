package edge

import (
	"cmp"
	"errors"
	"time"

	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/session"
	"kohe/relay/wire"
)

// storeAgain is how long to wait before storing is tried again when the cell
// cannot be reached.
const storeAgain = 250 * time.Millisecond

func (c *client) say(p wire.SayPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err == nil {
		err = l.say(c, p)
	}
	if errors.Is(err, errEntering) && c.guest(p.Session) != nil {
		return err // the guest takes it
	}
	if err != nil {
		c.unsaid(p, seq, err)
	}
	return nil
}

// unsaid tells a client that a message could not be taken.
func (c *client) unsaid(p wire.SayPayload, seq uint64, err error) {
	e := relay.AsError(err)
	c.push(wire.Error, wire.ErrorPayload{Code: e.Code, Text: e.Text, RetryMS: e.Retry.Milliseconds(), Ref: seq, Session: p.Session, ID: p.ID})
}

func (l *live) say(c *client, p wire.SayPayload) error {
	if err := errors.Join(relay.CheckText(p.Text), relay.CheckClientID(p.ID)); err != nil {
		return relay.AsError(err)
	}
	l.mu.Lock()
	err := l.maySay(c)
	if err == nil && p.Kind != "" {
		err = l.mayPush(c, p)
	}
	if err == nil {
		author := c.who.Author()
		if c.who.Role == relay.RoleVisitor {
			author.Name = l.row.Name
		}
		var m relay.Message
		var fresh bool
		if m, fresh, err = l.number(c, author, p.ID, cmp.Or(p.Kind, relay.KindText), p.Text); err == nil && !fresh {
			c.push(wire.Message, l.shown(side(c.who.Role), m)) // said before: this is its place
		}
	}
	l.mu.Unlock()
	l.store()
	return err
}

// maySay reports whether a client may write in the session now. mu is held.
func (l *live) maySay(c *client) error {
	switch {
	case l.closed:
		return errEntering
	case l.row.State == relay.Ended:
		return relay.Errorf(relay.CodeGone, "This conversation has ended.")
	case c.who.Role == relay.RoleAgent && l.row.Agent != c.who.Agent:
		return relay.Errorf(relay.CodeForbidden, "This conversation is not yours any more.")
	}
	return nil
}

// number gives a message its place and relays it. by is the author's client,
// which is told the place only; nil: nobody's. mu is held.
func (l *live) number(by *client, author relay.Author, id string, kind relay.MessageKind, text string) (relay.Message, bool, error) {
	m, fresh, err := l.core.Say(author, id, kind, text, l.edge.at())
	if err != nil || !fresh {
		return m, fresh, err
	}
	l.edge.Count.Messages.Add(1)
	if by == nil {
		l.relay(m, nil)
		return m, fresh, nil
	}
	l.relay(m, by.queue)
	by.push(wire.Sent, wire.SentPayload{Session: l.id, ID: m.ID, Epoch: m.Epoch, Seq: m.Seq, At: m.At})
	return m, fresh, nil
}

// relay publishes a message, encoded once a side, to everyone but one queue.
// mu is held.
func (l *live) relay(m relay.Message, told *hub.Queue) {
	for to, topic := range l.topics {
		topic.PublishExcept(wire.Outgoing{Kind: wire.Message, Payload: wire.Encode(l.shown(to, m))}, told)
	}
}

// publish sends both sides the same frame. mu is held.
func (l *live) publish(k wire.Kind, payload any) {
	out := wire.Outgoing{Kind: k, Payload: wire.Encode(payload)}
	for _, topic := range l.topics {
		topic.Publish(out)
	}
}

// store starts storing what was said, unless it is being done already.
func (l *live) store() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.storing || l.closed || l.core.Unstored() == 0 || l.core.Ended() {
		return
	}
	l.storing = true
	l.edge.running.Go(l.storeAll)
}

// storeAll proposes batch after batch, in order, until nothing is left, and
// claims a new epoch where the old one is lost. It is the one goroutine that
// stores for this session.
func (l *live) storeAll() {
	for {
		l.mu.Lock()
		batch, lost := l.core.Propose(), l.core.Lost()
		epoch, _ := l.core.Stored()
		if l.closed || len(batch) == 0 && !lost {
			l.storing = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		var err error
		if lost {
			err = l.reclaim()
		} else {
			err = l.append(epoch, batch)
		}
		if err != nil && (lost || !final(err)) {
			l.edge.Log.Warn("messages not stored yet", "session", l.id.String(), "err", err)
			l.edge.wait(storeAgain)
		}
	}
}

// final reports whether an error says what became of a batch; else it is
// proposed again after a pause.
func final(err error) bool {
	code := relay.CodeOf(err)
	return code != relay.CodeUnavailable && code != relay.CodeInternal
}

// append stores one batch and tells the session what came of it.
func (l *live) append(epoch uint32, batch []relay.Message) error {
	result, err := l.edge.propose(state.Append{Session: l.id, Epoch: epoch, Messages: batch, At: l.edge.at()})
	l.mu.Lock()
	defer l.mu.Unlock()
	var gap *state.Gap
	switch done, ok := result.(state.Appended); {
	case err == nil && ok:
		l.core.Appended(epoch, done.Seq)
	case errors.As(err, &gap):
		l.core.Gap(epoch, gap.Have)
		err = nil
	default:
		l.core.Refused(epoch, err)
	}
	l.notSaved(err)
	l.tellMarks()
	return err
}

// reclaim asks for a new epoch and numbers what is not stored anew. Where
// another edge has become the origin it is refused: moveOut follows.
func (l *live) reclaim() error {
	claim := state.Claim{Session: l.id, Node: l.edge.Node, Nonce: relay.NewID(), At: l.edge.at()}
	if l.edge.Mesh != nil {
		l.mu.Lock()
		claim.Since, _ = l.core.Stored()
		l.mu.Unlock()
	}
	result, err := l.edge.propose(claim)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.core.Unclaimed(err)
		l.notSaved(err)
		return err
	}
	l.mu.Lock()
	_, have := l.core.Stored()
	l.mu.Unlock() // the chat does not wait for what is read from the cell
	claimed, err := l.claimed(result.(state.Claimed), have)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.core.Reclaim(claimed) {
		l.relay(m, nil)
	}
	l.publish(wire.Stored, wire.StoredPayload{Session: l.id, Epoch: claimed.Epoch, Seq: claimed.Stored}) // voids places of older epochs
	l.notSaved(nil)
	return nil
}

// notSaved tells everyone which messages nobody can store any more, and the log
// why (nil: what the cell stored leaves no place for them). mu is held.
func (l *live) notSaved(why error) {
	for _, m := range l.core.NotSaved() {
		l.edge.Log.Warn("message not saved", "session", l.id.String(), "by", m.Author.Role, "err", why)
		l.edge.Count.NotSaved.Add(1)
		l.publish(wire.Error, wire.ErrorPayload{Code: relay.CodeNotSaved, Text: "This message could not be saved.", Session: l.id, ID: m.ID})
	}
}

// stored takes a piece of the stored prefix from the cell's log.
func (l *live) stored(index uint64, s state.Stored) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.core.Committed(s.Messages) {
		l.relay(m, nil)
	}
	l.publish(wire.Stored, wire.StoredPayload{Session: l.id, Epoch: s.Epoch, Seq: s.Messages[len(s.Messages)-1].Seq, Index: index})
	l.notSaved(nil)
	l.tellMarks()
}

// catchUp takes what was stored while the log was not heard.
func (l *live) catchUp(index uint64) {
	row, ok := l.edge.Store.Session(l.id)
	if !ok {
		return
	}
	l.mu.Lock()
	epoch, have := l.core.Stored()
	if row.Stored <= have {
		l.publish(wire.Stored, wire.StoredPayload{Session: l.id, Epoch: epoch, Seq: have, Index: index})
	}
	l.mu.Unlock()
	if row.Stored <= have {
		return
	}
	messages, err := l.edge.transcript(l.id, have, row.Stored)
	if err != nil || len(messages) == 0 {
		l.edge.Log.Error("transcript cannot be read", "session", l.id.String(), "err", err)
		return
	}
	l.stored(index, state.Stored{Session: l.id, Epoch: row.Epoch, Messages: messages})
}

func (c *client) mark(p wire.MarkPayload, _ uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	if c.who.Role == relay.RoleSupervisor && !l.mine(c) {
		return nil // who only looks on has not read for the agent
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.core.Mark(side(c.who.Role), p.Delivered, p.Read)
	l.tellMarks()
	return nil
}

// mine reports whether the session is assigned to the client's agent.
func (l *live) mine(c *client) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.row.Agent == c.who.Agent
}

// tellMarks tells everyone the watermarks that rose and saves them, at most
// once a second. mu is held.
func (l *live) tellMarks() {
	raised := l.core.Raised()
	for _, w := range raised {
		l.publish(wire.Mark, wire.MarkPayload{Session: l.id, By: w.By, Delivered: w.Marks.Delivered, Read: w.Marks.Read})
	}
	if len(raised) > 0 && l.saving == nil && !l.closed {
		l.saving = time.AfterFunc(session.MarksEvery*time.Millisecond, l.saveMarks)
	}
}

// saveMarks saves the watermarks that rose since the last time.
func (l *live) saveMarks() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saving = nil
	if l.closed {
		return
	}
	due, again := l.core.DueMarks(l.edge.at())
	if again > 0 {
		l.saving = time.AfterFunc(time.Duration(again-l.edge.at())*time.Millisecond, l.saveMarks)
	}
	l.edge.running.Go(func() { l.putMarks(due) })
}

// putMarks proposes watermarks; those that the cell does not take are due again.
func (l *live) putMarks(due []session.Watermark) {
	for _, w := range due {
		if _, err := l.edge.propose(state.SetMarks{Session: l.id, By: w.By, Marks: w.Marks, At: l.edge.at()}); err != nil {
			l.edge.Log.Warn("marks not saved", "session", l.id.String(), "err", err)
			l.mu.Lock()
			l.core.Unsaved(w.By)
			l.mu.Unlock()
		}
	}
}

func (c *client) typing(p wire.TypingPayload, _ uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	author := c.who.Author()
	key := "typing/" + l.id.String() + "/" + author.ID
	for to, topic := range l.topics {
		by := author
		if to == relay.RoleVisitor && by.Role != relay.RoleVisitor {
			by.ID = ""
		}
		topic.Publish(wire.Outgoing{Kind: wire.Typing, Key: key, Payload: wire.Encode(wire.TypingPayload{Session: l.id, By: &by, On: p.On})})
	}
	return nil
}

// end ends a session, wherever its origin is: that may be unreachable, and who
// ends one conversation may begin the next at once.
func (c *client) end(p wire.SessionRef, seq uint64) error {
	row, ok := c.edge.Store.Session(p.Session)
	if !ok || row.State == relay.Ended || !c.belongs(row) {
		return errNotPart
	}
	if c.who.Role == relay.RoleAgent && row.Agent != c.who.Agent {
		return relay.Errorf(relay.CodeForbidden, "This conversation is not yours any more.")
	}
	_, err := c.edge.propose(state.EndSession{Session: row.ID, By: string(side(c.who.Role)), At: c.edge.at()})
	if err == nil {
		c.ok(seq, "")
	}
	return err
}
