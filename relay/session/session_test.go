package session

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kohe/relay"
)

var visitor = relay.Author{Role: relay.RoleVisitor, ID: "v"}

// stored returns a session with n messages stored.
func stored(t *testing.T, n int, text string) (*Session, *cell) {
	t.Helper()
	c := &cell{}
	s := New(c.state(c.claim(1), 0))
	for i := range n {
		if _, _, err := s.Say(visitor, fmt.Sprint("m", i+1), relay.KindText, text, int64(i)); err != nil {
			t.Fatal(err)
		}
		storeAll(t, s, c)
	}
	return s, c
}

func storeAll(t *testing.T, s *Session, c *cell) {
	t.Helper()
	for batch := s.Propose(); batch != nil; batch = s.Propose() {
		seq, err := c.append(batch[0].Epoch, batch)
		if err != nil {
			t.Fatal(err)
		}
		s.Appended(batch[0].Epoch, seq)
	}
}

func TestUnstoredMessagesAreBounded(t *testing.T) {
	for name, text := range map[string]string{"count": "x", "bytes": strings.Repeat("x", relay.MaxText)} {
		t.Run(name, func(t *testing.T) {
			s, c := stored(t, 0, "")
			var err error
			n := 0
			for ; err == nil; n++ {
				_, _, err = s.Say(visitor, fmt.Sprint(n), relay.KindText, text, 0)
			}
			if e := relay.AsError(err); e.Code != relay.CodeUnavailable || e.Retry != RetryFull {
				t.Fatalf("%v, retry %v", err, e.Retry)
			}
			if s.weight > UnstoredBytes || s.Unstored() > MaxUnstored {
				t.Fatalf("%d messages of %d bytes are held", s.Unstored(), s.weight)
			}
			if m, fresh, err := s.Say(visitor, "0", relay.KindText, text, 9); err != nil || fresh || m.Seq != 1 {
				t.Fatalf("said again when full: %v, fresh %v, %v", m, fresh, err)
			}
			if _, _, err := s.Say(relay.Author{Role: relay.RoleSystem}, "joined-1", relay.KindJoined, "", 0); name == "count" && err != nil {
				t.Fatalf("the system has no room: %v", err)
			}
			storeAll(t, s, c)
			if _, _, err := s.Say(visitor, "more", relay.KindText, text, 0); err != nil {
				t.Fatalf("room again after storing: %v", err)
			}
		})
	}
}

func TestBatchesAreBounded(t *testing.T) {
	s, c := stored(t, 0, "")
	for i := range MaxUnstored {
		if _, _, err := s.Say(visitor, fmt.Sprint(i), relay.KindText, strings.Repeat("x", 1200), 0); err != nil {
			t.Fatal(err)
		}
	}
	for batch := s.Propose(); batch != nil; batch = s.Propose() {
		bytes := 0
		for _, m := range batch {
			bytes += size(m)
		}
		if len(batch) > MaxBatch || bytes > MaxBatchBytes {
			t.Fatalf("a batch of %d messages, %d bytes", len(batch), bytes)
		}
		seq, _ := c.append(1, batch)
		s.Appended(1, seq)
	}
	if c.last() != MaxUnstored {
		t.Fatalf("%d are stored", c.last())
	}
}

func TestWhatLeftMemoryIsReadFromTheStore(t *testing.T) {
	s, c := stored(t, Window+50, "x")
	if len(s.window) != Window {
		t.Fatalf("%d messages are kept", len(s.window))
	}
	for _, have := range []uint64{0, 7, 49, 50, 51, Window + 49, Window + 50} {
		older, messages := s.Resume(1, have)
		got := append(c.after(0)[older.After:max(older.After, older.Until)], messages...)
		if want := c.after(have); show(got) != show(want) {
			t.Errorf("a client that has %d gets %d messages, want %d", have, len(got), len(want))
		}
	}
	s, _ = stored(t, 100, strings.Repeat("x", relay.MaxText))
	if s.heavy > WindowBytes {
		t.Fatalf("%d bytes are kept", s.heavy)
	}
}

func TestIdentitiesOlderThanTheWindowAreKnown(t *testing.T) {
	s, c := stored(t, Window+50, "x")
	again := New(c.state(c.claim(2), 0))
	for _, s := range []*Session{s, again} {
		m, fresh, err := s.Say(visitor, "m1", relay.KindText, "x", 9)
		if err != nil || fresh || m.Epoch != 1 || m.Seq != 1 || m.At != 0 {
			t.Errorf("m1 again: %+v, fresh %v, %v", m, fresh, err)
		}
		if _, _, err := s.Say(visitor, "m1", relay.KindText, "y", 9); relay.CodeOf(err) != relay.CodeConflict {
			t.Errorf("m1 with another body: %v", err)
		}
	}
}

// A tail that does not reach back to the first message hides older identities;
// the cell recognises them.
func TestMessageStoredBeforeTheTailIsGivenUp(t *testing.T) {
	_, c := stored(t, 5, "x")
	s := New(c.state(c.claim(2), 3))
	for _, id := range []string{"new", "m1", "newer"} {
		if _, fresh, err := s.Say(visitor, id, relay.KindText, "x", 0); !fresh || err != nil {
			t.Fatal(id, err)
		}
	}
	for i := 0; s.Unstored() > 0; i++ {
		if i == 10 {
			t.Fatal("storing never ends")
		}
		if s.Lost() {
			s.Reclaim(c.state(c.claim(10+i), s.stored))
		}
		batch := s.Propose()
		if seq, err := c.append(batch[0].Epoch, batch); err == nil {
			s.Appended(batch[0].Epoch, seq)
		} else {
			s.Refused(batch[0].Epoch, err)
		}
	}
	if lost := s.NotSaved(); len(lost) != 1 || lost[0].ID != "m1" {
		t.Errorf("not saved: %s", show(lost))
	}
	if c.last() != 7 {
		t.Errorf("the transcript is %s", show(c.messages))
	}
}

func TestClientOfAnUnknownEpochGetsEverything(t *testing.T) {
	_, c := stored(t, 5, "x")
	s := New(State{Epoch: c.claim(2), Stored: 5, Tail: c.after(3)})
	older, messages := s.Resume(0, 4)
	if (older != Span{0, 3}) || len(messages) != 2 {
		t.Errorf("read %v, send %s", older, show(messages))
	}
	s = New(State{Epoch: 7, Stored: 5})
	if older, messages := s.Resume(1, 5); (older != Span{0, 5}) || len(messages) != 0 {
		t.Errorf("with nothing in memory: read %v, send %s", older, show(messages))
	}
}

func TestLateAnswerToAnOlderEpochIsIgnored(t *testing.T) {
	s, c := stored(t, 1, "x")
	_, _, _ = s.Say(visitor, "late", relay.KindText, "x", 0)
	s.Propose()
	s.Reclaim(c.state(c.claim(2), 1))
	s.Propose()
	s.Appended(1, 9)
	s.Gap(1, 0)
	s.Refused(1, relay.Errorf(relay.CodeGone, "ended"))
	if epoch, seq := s.Stored(); epoch != 2 || seq != 1 || s.Unstored() != 1 || s.Ended() || s.Lost() {
		t.Errorf("stored (%d,%d), unstored %d, ended %v, lost %v", epoch, seq, s.Unstored(), s.Ended(), s.Lost())
	}
}

func TestClaimOfAnEndedSessionEndsIt(t *testing.T) {
	s := New(State{})
	_, _, _ = s.Say(visitor, "m1", relay.KindText, "x", 0)
	if s.Unclaimed(errTimeout); !s.Lost() || s.Unstored() != 1 {
		t.Error("given up after a timeout")
	}
	s.Unclaimed(relay.Errorf(relay.CodeGone, "ended"))
	if lost := s.NotSaved(); s.Lost() || !s.Ended() || len(lost) != 1 || lost[0].ID != "m1" {
		t.Errorf("lost %v, ended %v, not saved %s", s.Lost(), s.Ended(), show(lost))
	}
}

func TestOnlyTheSystemSaysEvents(t *testing.T) {
	s, _ := stored(t, 0, "")
	if _, _, err := s.Say(visitor, "x", relay.KindEnded, "agent", 0); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("a visitor writes the end: %v", err)
	}
	if _, _, err := s.Say(visitor, "no spaces", relay.KindText, "x", 0); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("a bad id: %v", err)
	}
}

func TestConversationIsBounded(t *testing.T) {
	c := &cell{}
	c.claim(1)
	for i := range MaxMessages {
		c.messages = append(c.messages, relay.Message{Epoch: 1, Seq: uint64(i) + 1, Author: visitor, ID: fmt.Sprint(i), Kind: relay.KindText, Text: "x"})
	}
	s := New(c.state(1, 0))
	if _, _, err := s.Say(visitor, "more", relay.KindText, "x", 0); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("message %d: %v", MaxMessages+1, err)
	}
	if _, fresh, err := s.Say(relay.Author{Role: relay.RoleSystem}, "left-1", relay.KindLeft, "", 0); !fresh || err != nil {
		t.Errorf("the system's: %v", err)
	}
}

func TestTimesNeverRunBackwards(t *testing.T) {
	s, _ := stored(t, 0, "")
	a, _, _ := s.Say(visitor, "a", relay.KindText, "x", 100)
	b, _, _ := s.Say(visitor, "b", relay.KindText, "x", 50)
	if a.At != 100 || b.At != 100 {
		t.Errorf("at %d, then %d", a.At, b.At)
	}
}

func TestMarksNeverFallNorPassTheStoredPrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &cell{}
		s := New(c.state(c.claim(1), 0))
		var told, saved relay.Marks
		var now, last int64 = 1, -MarksEvery
		nonce := 1
		n := rapid.Uint64Range(0, 30)
		t.Repeat(map[string]func(*rapid.T){
			"say": func(t *rapid.T) { _, _, _ = s.Say(visitor, fmt.Sprint("m", s.end(), now), relay.KindText, "x", now) },
			"store": func(t *rapid.T) {
				if batch := s.Propose(); batch != nil {
					seq, err := c.append(batch[0].Epoch, batch)
					if err != nil {
						s.Refused(batch[0].Epoch, err)
					}
					s.Appended(batch[0].Epoch, seq)
				}
			},
			"mark": func(t *rapid.T) { s.Mark(relay.RoleAgent, n.Draw(t, "delivered"), n.Draw(t, "read")) },
			"claim": func(t *rapid.T) {
				nonce++
				st := c.state(c.claim(nonce), s.stored)
				st.Agent = saved
				s.Reclaim(st)
			},
			"save": func(t *rapid.T) {
				now += rapid.Int64Range(0, 700).Draw(t, "ms")
				due, again := s.DueMarks(now)
				if again != 0 && again <= now {
					t.Fatalf("ask again at %d, it is %d", again, now)
				}
				for _, w := range due {
					if now-last < MarksEvery {
						t.Fatalf("saved at %d and %d", last, now)
					}
					saved, last = w.Marks, now
				}
			},
			"": func(t *rapid.T) {
				m := s.Marks(relay.RoleAgent)
				if m.Delivered < told.Delivered || m.Read < told.Read {
					t.Fatalf("%v after %v", m, told)
				}
				if m.Delivered > c.last() || m.Read > m.Delivered {
					t.Fatalf("%v with %d stored", m, c.last())
				}
				for _, w := range s.Raised() {
					if w.Marks != m || w.Marks == told {
						t.Fatalf("told %v, then %v, are %v", told, w.Marks, m)
					}
				}
				told = m
			},
		})
	})
}
