package state

import (
	"encoding/binary"
	"unicode/utf8"

	"kohe/relay"
)

// messageRow is a message without what its key says.
type messageRow struct {
	Epoch  uint32            `cbor:"1,keyasint"`
	Author relay.Author      `cbor:"2,keyasint"`
	ID     string            `cbor:"3,keyasint"`
	Kind   relay.MessageKind `cbor:"4,keyasint"`
	Text   string            `cbor:"5,keyasint,omitempty"`
	At     int64             `cbor:"6,keyasint"`
}

func (r messageRow) message(session relay.ID, seq uint64) relay.Message {
	return relay.Message{Session: session, Epoch: r.Epoch, Seq: seq, Author: r.Author, ID: r.ID, Kind: r.Kind, Text: r.Text, At: r.At}
}

func seqAt(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

func (s *State) messageKey(session relay.ID, seq uint64) key {
	return s.key(tableMessage).id(session).num(seq)
}

func (s *State) identityKey(session relay.ID, author relay.Author, id string) key {
	return s.key(tableIdentity).id(session).name(string(author.Role)).name(author.ID).name(id)
}

// append stores messages: only those of the current epoch, only in order.
func (t *txn) append(c Append) (any, error) {
	t.now(c.At)
	s, err := t.storing(c.Session)
	if err != nil {
		return nil, err
	}
	if c.Epoch != s.Epoch {
		return nil, ErrStale
	}
	if err := consecutive(c); err != nil {
		return nil, err
	}
	if len(c.Messages) > 0 && c.Messages[0].Seq > s.Stored+1 {
		return nil, &Gap{Have: s.Stored}
	}
	first := s.Stored + 1
	for _, m := range c.Messages {
		if refusal := t.store(s, m); refusal != nil {
			t.stored(s, c, first)
			return nil, &Refused{Seq: m.Seq, Have: s.Stored, Err: refusal}
		}
	}
	t.stored(s, c, first)
	return Appended{Seq: s.Stored}, nil
}

// consecutive says whether an Append is one piece of one session's numbers.
func consecutive(c Append) error {
	if len(c.Messages) > MaxAppend {
		return relay.Errorf(relay.CodeInvalid, "More than %d messages at once.", MaxAppend)
	}
	for i, m := range c.Messages {
		if m.Session != c.Session || m.Seq == 0 || m.Seq != c.Messages[0].Seq+uint64(i) {
			return relay.Errorf(relay.CodeInvalid, "The messages are not consecutive ones of one conversation.")
		}
	}
	return nil
}

// stored notes that the messages of c from number first on are stored now.
func (t *txn) stored(s *session, c Append, first uint64) {
	if s.Stored < first {
		return
	}
	skip := first - c.Messages[0].Seq
	t.rest = append(t.rest, Change{Stored: &Stored{
		Session: s.ID, Epoch: c.Epoch, Messages: c.Messages[skip : s.Stored+1-c.Messages[0].Seq],
	}})
	if s.State == relay.Ended { // the row of a live session does not hold the number
		t.set(t.key(tableEnded).id(s.ID), s.saved(nil))
	}
}

// store stores the next message, or finds that it is stored.
func (t *txn) store(s *session, m relay.Message) *relay.Error {
	if m.Seq <= s.Stored {
		if was, ok := t.message(s.ID, m.Seq); !ok || !was.same(m) {
			return relay.Errorf(relay.CodeConflict, "Another message has this place.")
		}
		return nil
	}
	if err := t.storable(s, m); err != nil {
		return err
	}
	t.k = t.inTable(tableIdentity).id(s.ID).name(string(m.Author.Role)).name(m.Author.ID).name(m.ID)
	var seq uint64
	if t.known(s, t.k) && t.get(t.k, &seq) {
		if was, ok := t.message(s.ID, seq); ok && was.same(m) {
			return relay.Errorf(relay.CodeConflict, "This message was stored before, at place %d.", seq)
		}
		return relay.Errorf(relay.CodeConflict, "This message was stored before with another text.")
	}
	t.v = t.v[:0].uint(m.Seq)
	t.setBytes(t.k, t.v)
	t.remember(s, t.k)
	t.k, t.v = t.inTable(tableMessage).id(s.ID).num(m.Seq), t.v[:0].row(m)
	t.setBytes(t.k, t.v)
	if m.Kind == relay.KindText {
		t.postpone(s, m)
	}
	s.Stored = m.Seq
	return nil
}

func (t *txn) message(session relay.ID, seq uint64) (messageRow, bool) {
	var row messageRow
	ok := t.get(t.messageKey(session, seq), &row)
	return row, ok
}

// same reports whether m is the message of this row: identity and body.
func (r messageRow) same(m relay.Message) bool {
	return r.Author.Same(m.Author) && r.ID == m.ID && r.Kind == m.Kind && r.Text == m.Text
}

// storable says whether a message may be stored in a session now.
func (t *txn) storable(s *session, m relay.Message) *relay.Error {
	switch {
	case m.Epoch != s.Epoch:
		return relay.Errorf(relay.CodeInvalid, "The message is numbered in epoch %d, not %d.", m.Epoch, s.Epoch)
	case m.At <= 0:
		return relay.Errorf(relay.CodeInvalid, "The message has no time.")
	case utf8.RuneCountInString(m.Author.Name) > relay.MaxName:
		return relay.Errorf(relay.CodeInvalid, "The author's name is longer than %d characters.", relay.MaxName)
	}
	if err := relay.CheckClientID(m.ID); err != nil {
		return relay.AsError(err)
	}
	if m.Author.Role == relay.RoleSystem {
		return storableEvent(m)
	}
	if !m.Kind.Spoken() {
		return relay.Errorf(relay.CodeForbidden, "Only Kohe itself writes events.")
	}
	if m.Kind == relay.KindLink {
		if m.Author.Role == relay.RoleVisitor {
			return relay.Errorf(relay.CodeForbidden, "Only agents send pages.")
		}
		if _, err := relay.ParseLink(m.Text); err != nil {
			return relay.AsError(err)
		}
	}
	if err := relay.CheckText(m.Text); err != nil {
		return relay.AsError(err)
	}
	if s.Stored >= MaxMessages {
		return relay.Errorf(relay.CodeInvalid, "The conversation is full. Please start a new one.")
	}
	return t.mayWrite(s, m.Author)
}

func storableEvent(m relay.Message) *relay.Error {
	switch m.Kind {
	case relay.KindJoined, relay.KindLeft, relay.KindEnded, relay.KindConsent, relay.KindLevel, relay.KindAct:
	default:
		return relay.Errorf(relay.CodeForbidden, "Kohe itself writes events only.")
	}
	if m.Author.ID != "" || utf8.RuneCountInString(m.Text) > relay.MaxText {
		return relay.Errorf(relay.CodeInvalid, "An event has no author and at most %d characters.", relay.MaxText)
	}
	return nil
}

// mayWrite says whether an author has a part in a session now.
func (t *txn) mayWrite(s *session, by relay.Author) *relay.Error {
	switch by.Role {
	case relay.RoleVisitor:
		if by.ID == s.Visitor.String() {
			return nil
		}
	case relay.RoleAgent:
		if by.ID == s.Agent && by.ID != "" {
			return nil
		}
	case relay.RoleSupervisor:
		r, ok := t.agents[by.ID]
		if ok && r.Role == relay.RoleSupervisor && r.Customer == s.Customer && !r.Disabled {
			return nil
		}
	}
	return relay.Errorf(relay.CodeForbidden, "The conversation is not with you now.")
}
