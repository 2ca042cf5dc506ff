package main

import (
	"cmp"
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
	said    []string          // identities of what is ours, in the order in which it was said
	last    place             // what was last said to be stored
	marked  uint64            // what the edge was told to be drawn
}

// entry is one line.
type entry struct {
	message relay.Message
	mine    bool
	stored  bool
	lost    bool // nobody can store it
}

func newChat(id relay.ID, me relay.Author) *chat {
	return &chat{id: id, me: me, entries: map[string]*entry{}}
}

func lineOf(a relay.Author, id string) string { return string(a.Role) + "/" + a.ID + "/" + id }

// say adds a message of ours.
func (t *chat) say(id, text string) wire.SayPayload {
	key := lineOf(t.me, id)
	t.entries[key] = &entry{mine: true, message: relay.Message{Session: t.id, Author: t.me, ID: id, Kind: relay.KindText, Text: text}}
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
	t.entries[key] = &entry{message: m, mine: m.Author.Same(t.me), stored: m.Stored}
	t.settle()
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
	for _, e := range t.entries {
		if m := e.message; m.Epoch == t.last.epoch && m.Seq != 0 && m.Seq <= t.last.seq {
			e.stored = true
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

// prefix is the stored lines from the first on, up to the first gap.
func (t *chat) prefix() []relay.Message {
	var all []relay.Message
	for _, e := range t.entries {
		if e.stored {
			all = append(all, e.message)
		}
	}
	slices.SortFunc(all, func(a, b relay.Message) int { return cmp.Compare(a.Seq, b.Seq) })
	for i, m := range all {
		if m.Seq != uint64(i)+1 {
			return all[:i]
		}
	}
	return all
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
