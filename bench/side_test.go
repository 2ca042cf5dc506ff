package bench

import (
	"testing"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

func frame(k wire.Kind, payload any) wire.Frame {
	return wire.Frame{Kind: k, Payload: wire.Encode(payload)}
}

func hand(t *testing.T, s *side, k wire.Kind, payload any) {
	t.Helper()
	if _, err := s.take(frame(k, payload), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestAMessageCountsAsStoredOnlyWhereItsPlaceIsStillItsOwn(t *testing.T) {
	s, _ := newTalk()
	s.say(time.Now())
	s.say(time.Now())
	hand(t, s, wire.Sent, wire.SentPayload{Session: s.session, ID: "0", Epoch: 1, Seq: 7})
	hand(t, s, wire.Sent, wire.SentPayload{Session: s.session, ID: "1", Epoch: 1, Seq: 8})
	hand(t, s, wire.Stored, wire.StoredPayload{Session: s.session, Epoch: 1, Seq: 7})
	hand(t, s, wire.Stored, wire.StoredPayload{Session: s.session, Epoch: 2, Seq: 8}) // another message's, by a new origin
	if said := s.since(time.Time{}); said[0].kept.IsZero() || !said[1].kept.IsZero() {
		t.Errorf("%+v; want the first stored, the second not", said)
	}
	if again := s.again(); len(again) != 1 || again[0].ID != "1" {
		t.Errorf("said again: %+v, want the second", again)
	}
	hand(t, s, wire.Sent, wire.SentPayload{Session: s.session, ID: "1", Epoch: 2, Seq: 9})
	hand(t, s, wire.Stored, wire.StoredPayload{Session: s.session, Epoch: 2, Seq: 9})
	if said := s.since(time.Time{}); said[1].kept.IsZero() {
		t.Error("at its new place it is stored")
	}
}

func TestALinkIsGivenUpForTheOldestMessageThatIsNotAcknowledgedOnIt(t *testing.T) {
	s, _ := newTalk()
	began := time.Now()
	s.say(began)
	s.say(began.Add(100 * time.Millisecond))
	now := began.Add(250 * time.Millisecond)
	if got := s.waiting(now); got != 250*time.Millisecond {
		t.Errorf("waiting %v", got)
	}
	hand(t, s, wire.Sent, wire.SentPayload{Session: s.session, ID: "0", Epoch: 1, Seq: 1})
	if got := s.waiting(now); got != 150*time.Millisecond {
		t.Errorf("with the first acknowledged: waiting %v", got)
	}
	s.again()
	if got := s.waiting(time.Now()); got > 100*time.Millisecond {
		t.Errorf("on a new link: waiting %v", got)
	}
}

func TestTheTranscriptIsComparedWithWhatWasAcknowledged(t *testing.T) {
	visitor, agent := newTalk()
	for _, s := range []*side{visitor, agent} {
		for range 3 {
			s.say(time.Now())
		}
	}
	visitor.said[0].kept, visitor.said[1].kept, agent.said[2].kept = time.Now(), time.Now(), time.Now()
	text := func(r relay.Role, id string) relay.Message {
		return relay.Message{Kind: relay.KindText, Author: relay.Author{Role: r}, ID: id}
	}
	lost, doubled := compare([]relay.Message{
		{Kind: relay.KindJoined, Author: relay.Author{Role: relay.RoleSystem}, ID: "joined-1"},
		text(relay.RoleVisitor, "0"), text(relay.RoleAgent, "2"), text(relay.RoleAgent, "2"), text(relay.RoleVisitor, "2"),
	}, visitor, agent)
	if lost != 1 || doubled != 1 {
		t.Errorf("lost %d, doubled %d; want the visitor's second, and the agent's third twice", lost, doubled)
	}
}
