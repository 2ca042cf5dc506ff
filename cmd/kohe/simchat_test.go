package main

import (
	"slices"

	"kohe/relay"
	"kohe/relay/wire"
)

// chat is a conversation as a browser keeps it: widget/wire/conversation.ts,
// which says why.
type chat struct {
	id      relay.ID
	me      relay.Author
	row     relay.Session
	entries map[string]*entry // by identity
	open    map[string]*entry // those that are not stored
	said    []string          // identities of what is ours, in the order in which it was said
	last    place             // what was last said to be stored
	marked  uint64            // what the edge was told to be drawn

	firm   []relay.Message          // what is stored, from the first on
	behind map[uint64]relay.Message // what is stored behind a gap, by number
	twice  uint64                   // the first number that two messages have; 0: none
}

// entry is one line.
type entry struct {
	message relay.Message
	mine    bool
	stored  bool
	lost    bool // nobody can store it
}

func newChat(id relay.ID, me relay.Author) *chat {
	return &chat{id: id, me: me, entries: map[string]*entry{}, open: map[string]*entry{}, behind: map[uint64]relay.Message{}}
}

func lineOf(a relay.Author, id string) string { return string(a.Role) + "/" + a.ID + "/" + id }

// say adds a message of ours.
func (t *chat) say(id, text string) wire.SayPayload {
	key := lineOf(t.me, id)
	t.put(key, &entry{mine: true, message: relay.Message{Session: t.id, Author: t.me, ID: id, Kind: relay.KindText, Text: text}})
	t.said = append(t.said, key)
	return wire.SayPayload{Session: t.id, ID: id, Text: text}
}

// pending is what has to be said again, in order.
func (t *chat) pending() (list []wire.SayPayload) {
	t.said = slices.DeleteFunc(t.said, func(key string) bool { return t.entries[key].stored || t.entries[key].lost })
	for _, key := range t.said {
		m := t.entries[key].message
		list = append(list, wire.SayPayload{Session: t.id, ID: m.ID, Text: m.Text})
	}
	return list
}

// session takes the session's row.
func (t *chat) session(row relay.Session) {
	t.row = row
	t.storedTo(row.Epoch, row.Stored)
}

// place gives a message its place, in the stead of any older one.
func (t *chat) place(m relay.Message) {
	key := lineOf(m.Author, m.ID)
	old := t.entries[key]
	if old != nil && (old.stored || !m.Stored && old.message.Epoch > m.Epoch) {
		return
	}
	t.put(key, &entry{message: m, mine: m.Author.Same(t.me), stored: m.Stored})
	t.settle()
}

// put enters a line, in the stead of one that is not stored.
func (t *chat) put(key string, e *entry) {
	t.entries[key], t.open[key] = e, e
	if e.stored {
		t.keep(key, e)
	}
}

// keep notes that a line is stored, which it stays.
func (t *chat) keep(key string, e *entry) {
	e.stored = true
	delete(t.open, key)
	seq := e.message.Seq
	if _, same := t.behind[seq]; same || seq <= uint64(len(t.firm)) {
		if t.twice == 0 || seq < t.twice {
			t.twice = seq
		}
		return
	}
	t.behind[seq] = e.message
	for next := uint64(len(t.firm)) + 1; ; next++ {
		m, ok := t.behind[next]
		if !ok {
			return
		}
		t.firm = append(t.firm, m)
		delete(t.behind, next)
	}
}

// sent takes the place of a message of ours.
func (t *chat) sent(p wire.SentPayload) {
	if e := t.entries[lineOf(t.me, p.ID)]; e != nil {
		m := e.message
		m.Epoch, m.Seq, m.At = p.Epoch, p.Seq, p.At
		t.place(m)
	}
}

// storedTo says that what was numbered in an epoch is stored up to seq.
func (t *chat) storedTo(epoch uint32, seq uint64) {
	t.last = place{t.id, epoch, seq}
	t.settle()
}

func (t *chat) settle() {
	for key, e := range t.open {
		if m := e.message; m.Epoch == t.last.epoch && m.Seq != 0 && m.Seq <= t.last.seq {
			t.keep(key, e)
		}
	}
}

// failed takes an error that names a message.
func (t *chat) failed(p wire.ErrorPayload) {
	e := t.entries[lineOf(t.me, p.ID)]
	if e != nil && !e.stored && p.Code != relay.CodeRate && p.Code != relay.CodeUnavailable {
		e.lost = true
	}
}

// prefix is the stored lines from the first on, up to the first gap or the first
// number that two of them have.
func (t *chat) prefix() []relay.Message {
	if t.twice != 0 && t.twice < uint64(len(t.firm)) {
		return t.firm[:t.twice]
	}
	return t.firm
}

// resume is what the hello says of it.
func (t *chat) resume() wire.Resume {
	r := wire.Resume{Session: t.id}
	if all := t.prefix(); len(all) > 0 {
		last := all[len(all)-1]
		r.Epoch, r.Seq = last.Epoch, last.Seq
	}
	return r
}
