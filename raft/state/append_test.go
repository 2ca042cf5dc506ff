package state

import (
	"errors"
	"strings"
	"testing"

	"kohe/relay"
)

func TestWhatIsStoredIsAPrefix(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	one, two := text(1, 1, visitor(1), "a", "tere"), text(1, 2, agent("ann"), "a", "tere ise")
	if seq, err := w.append(1, 1, one, two); seq != 2 || err != nil {
		t.Fatal(seq, err)
	}
	if c := w.changes[0].Stored; c == nil || len(c.Messages) != 2 || c.Epoch != 1 {
		t.Errorf("changes %+v", w.changes)
	}
	// The same again, and with one more behind it: only that is new.
	three := text(1, 3, visitor(1), "b", "kolm")
	if seq, err := w.append(1, 1, one, two); seq != 2 || err != nil || len(w.changes) != 0 {
		t.Error(seq, err, w.changes)
	}
	if seq, err := w.append(1, 1, two, three); seq != 3 || err != nil {
		t.Error(seq, err)
	}
	if c := w.changes[0].Stored; len(c.Messages) != 1 || c.Messages[0].ID != "b" {
		t.Errorf("changes %+v", w.changes)
	}
	_, err := w.append(1, 1, text(1, 5, visitor(1), "c", "viis"))
	if have := gapOf(t, err); have != 3 {
		t.Errorf("gap after %d", have)
	}
	if _, err := w.append(1, 2, text(1, 4, visitor(1), "c", "neli")); !errors.Is(err, ErrStale) {
		t.Errorf("an epoch to come: %v", err)
	}
	w.must(Claim{Session: sid(1), Node: "n2", Nonce: relay.ID{1}, At: w.now})
	if _, err := w.append(1, 1, text(1, 4, visitor(1), "c", "neli")); !errors.Is(err, ErrStale) {
		t.Errorf("a former epoch: %v", err)
	}
	if got := w.transcript(1); got != "tere|tere ise|kolm" {
		t.Errorf("transcript %q", got)
	}
	w.reopen()
	if s := w.session(1); s.Stored != 3 || s.Epoch != 2 {
		t.Errorf("after a restart %+v", s)
	}
}

func TestAMessageThatCannotBeStoredNamesItself(t *testing.T) {
	system := relay.Author{Role: relay.RoleSystem}
	kind := func(m relay.Message, k relay.MessageKind) relay.Message { m.Kind = k; return m }
	epoch := func(m relay.Message, e uint32) relay.Message { m.Epoch = e; return m }
	at := func(m relay.Message, at int64) relay.Message { m.At = at; return m }
	supervisor := func(id string) relay.Author { return relay.Author{Role: relay.RoleSupervisor, ID: id} }
	for _, c := range []struct {
		promise string
		message relay.Message
		code    relay.Code // "": stored
	}{
		{"the agent who has the session", text(1, 2, agent("ann"), "x", "hi"), ""},
		{"a supervisor of the customer", text(1, 2, supervisor("sue"), "x", "hi"), ""},
		{"an event", kind(text(1, 2, system, "joined-1", ""), relay.KindJoined), ""},
		{"another agent", text(1, 2, agent("bob"), "x", "hi"), relay.CodeForbidden},
		{"an agent without a name", text(1, 2, agent(""), "x", "hi"), relay.CodeForbidden},
		{"a supervisor of another customer", text(1, 2, supervisor("oto"), "x", "hi"), relay.CodeForbidden},
		{"an agent as supervisor", text(1, 2, supervisor("bob"), "x", "hi"), relay.CodeForbidden},
		{"another visitor", text(1, 2, visitor(2), "x", "hi"), relay.CodeForbidden},
		{"no role", text(1, 2, relay.Author{ID: "ann"}, "x", "hi"), relay.CodeForbidden},
		{"text by the system", text(1, 2, system, "x", "hi"), relay.CodeForbidden},
		{"an event by a visitor", kind(text(1, 2, visitor(1), "x", "agent"), relay.KindEnded), relay.CodeForbidden},
		{"an event with an author", kind(text(1, 2, relay.Author{Role: relay.RoleSystem, ID: "ann"}, "x", ""), relay.KindLeft), relay.CodeInvalid},
		{"no text", text(1, 2, visitor(1), "x", ""), relay.CodeInvalid},
		{"too much text", text(1, 2, visitor(1), "x", strings.Repeat("õ", relay.MaxText+1)), relay.CodeInvalid},
		{"no id", text(1, 2, visitor(1), "", "hi"), relay.CodeInvalid},
		{"a bad id", text(1, 2, visitor(1), "a b", "hi"), relay.CodeInvalid},
		{"no time", at(text(1, 2, visitor(1), "x", "hi"), 0), relay.CodeInvalid},
		{"another epoch than its Append", epoch(text(1, 2, visitor(1), "x", "hi"), 2), relay.CodeInvalid},
		{"its identity with another body", text(1, 2, visitor(1), "a", "hi"), relay.CodeConflict},
		{"its identity with another kind", kind(text(1, 2, system, "joined-0", ""), relay.KindLeft), relay.CodeConflict},
		{"itself at another place", text(1, 2, visitor(1), "a", "tere"), relay.CodeConflict},
		{"the same id by another author", text(1, 2, agent("ann"), "a", "hi"), ""},
		{"another message at a stored place", text(1, 1, agent("ann"), "x", "hi"), relay.CodeConflict},
	} {
		t.Run(c.promise, func(t *testing.T) {
			w := newWorld(t)
			w.work("ann")
			w.talk(1, "ann")
			first := text(1, 1, visitor(1), "a", "tere")
			if strings.Contains(c.promise, "another kind") {
				first = kind(text(1, 1, system, "joined-0", ""), relay.KindJoined)
			}
			if _, err := w.append(1, 1, first); err != nil {
				t.Fatal(err)
			}
			_, err := w.append(1, 1, c.message)
			if relay.CodeOf(err) != c.code {
				t.Fatalf("%v; want code %q", err, c.code)
			}
			var refused *Refused
			if c.code != "" && (!errors.As(err, &refused) || refused.Seq != c.message.Seq || refused.Have != 1) {
				t.Errorf("%#v", err)
			}
			if got, stored := w.session(1).Stored, c.code == ""; (got == 2) != stored {
				t.Errorf("%d messages stored", got)
			}
		})
	}
}

func TestWhatIsBeforeARefusedMessageIsStored(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	_, err := w.append(1, 1,
		text(1, 1, visitor(1), "a", "üks"), text(1, 2, agent("ann"), "b", "mitte minu oma"), text(1, 3, visitor(1), "c", "kolm"))
	var refused *Refused
	if !errors.As(err, &refused) || refused.Seq != 2 || refused.Have != 1 {
		t.Fatalf("%v", err)
	}
	if len(w.changes) != 1 || len(w.changes[0].Stored.Messages) != 1 {
		t.Errorf("changes %+v", w.changes)
	}
	if got := w.transcript(1); got != "üks" {
		t.Errorf("transcript %q", got)
	}
}

func TestAnAppendIsOnePieceOfOneSession(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.open(2, "sales")
	many := make([]relay.Message, MaxAppend+1)
	for i := range many {
		many[i] = text(1, uint64(i+1), visitor(1), string(rune('a'+i%26))+strings.Repeat("x", i/26), "hi")
	}
	for _, messages := range [][]relay.Message{
		{text(1, 1, visitor(1), "a", "x"), text(1, 3, visitor(1), "b", "x")},
		{text(1, 1, visitor(1), "a", "x"), text(1, 1, visitor(1), "b", "x")},
		{text(1, 0, visitor(1), "a", "x")},
		{text(2, 1, visitor(2), "a", "x")},
		many,
	} {
		w.refuse(Append{Session: sid(1), Epoch: 1, Messages: messages, At: w.now}, relay.CodeInvalid)
	}
	if seq, err := w.append(1, 1, many[:MaxAppend]...); seq != MaxAppend || err != nil {
		t.Error(seq, err)
	}
	w.refuse(Append{Session: sid(9), Epoch: 1, At: w.now}, relay.CodeNotFound)
}

func TestMessagesSaidBeforeTheEndWasSeenAreStored(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	w.must(EndSession{Session: sid(1), By: "visitor", At: w.now})
	w.reopen()
	w.now += AppendGrace
	ended := relay.Message{Session: sid(1), Epoch: 1, Seq: 2, Author: relay.Author{Role: relay.RoleSystem}, ID: "ended", Kind: relay.KindEnded, Text: "visitor", At: w.now}
	if seq, err := w.append(1, 1, text(1, 1, agent("ann"), "a", "head aega"), ended); seq != 2 || err != nil {
		t.Fatal(seq, err)
	}
	if s := w.session(1); s.Stored != 2 {
		t.Errorf("%+v", s)
	}
	// An origin that starts anew may claim it too, and no longer.
	w.must(Claim{Session: sid(1), Node: "n2", Nonce: relay.ID{1}, At: w.now})
	w.now++
	w.refuse(Claim{Session: sid(1), Node: "n2", Nonce: relay.ID{2}, At: w.now}, relay.CodeGone)
	w.refuse(Append{Session: sid(1), Epoch: 2, Messages: []relay.Message{text(1, 3, visitor(1), "z", "hilja")}, At: w.now}, relay.CodeGone)
	w.refuse(SetMarks{Session: sid(1), By: relay.RoleVisitor, Marks: relay.Marks{Read: 2}, At: w.now}, relay.CodeGone)
}

func TestAnOlderAssignmentCannotStore(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	w.must(SetAgentOnline{Agent: "ann", Node: "n1", On: false, At: w.now})
	w.now += 20_000
	w.must(Tick{At: w.now})
	if s := w.session(1); s.State != relay.Waiting || s.Agent != "" || s.Place != 1 {
		t.Fatalf("%+v", s)
	}
	w.refuse(Append{Session: sid(1), Epoch: 1, Messages: []relay.Message{text(1, 1, agent("ann"), "a", "hi")}, At: w.now}, relay.CodeForbidden)
	w.work("bob")
	w.refuse(Answer{Session: sid(1), Agent: "ann", Assignment: 1, Accept: true, At: w.now}, relay.CodeStale)
	w.must(Answer{Session: sid(1), Agent: "bob", Assignment: 2, Accept: true, At: w.now})
	w.refuse(Append{Session: sid(1), Epoch: 1, Messages: []relay.Message{text(1, 1, agent("ann"), "a", "hi")}, At: w.now}, relay.CodeForbidden)
	if _, err := w.append(1, 1, text(1, 1, agent("bob"), "a", "hi")); err != nil {
		t.Error(err)
	}
}

func TestFindKnowsAnIdentity(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	m := text(1, 1, visitor(1), "a", "tere")
	if _, err := w.append(1, 1, m); err != nil {
		t.Fatal(err)
	}
	if got, ok := w.state.Read().Find(sid(1), visitor(1), "a"); !ok || got != m {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := w.state.Read().Find(sid(1), agent("ann"), "a"); ok {
		t.Error("found another author's")
	}
}
