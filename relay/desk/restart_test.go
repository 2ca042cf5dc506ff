package desk

import (
	"testing"

	"kohe/relay"
)

func TestTheTimeThatANodeWasAwayIsNotItsAgents(t *testing.T) {
	const at, away = 1_000, 60_000
	session := relay.ID{1}
	d := New()
	d.Enlist(at, "ann", 1, []string{"sales"})
	d.AgentOnline(at, "ann", "n1", true)
	if _, err := d.SetState(at, "ann", relay.Service, []string{"sales"}); err != nil {
		t.Fatal(err)
	}
	d.Open(at, session, "sales", "n1")
	if _, err := d.Answer(at, session, "ann", 1, true); err != nil {
		t.Fatal(err)
	}
	d.AgentOnline(at, "ann", "n1", false) // the node drains
	d.NodeStarted(at+away, "n1")
	for _, c := range []struct {
		at   int64
		with string
	}{{at + away + VanishTime - 1, "ann"}, {at + away + VanishTime, ""}} {
		d.Tick(c.at)
		if s, _ := d.Session(session); s.Agent != c.with {
			t.Errorf("at %d the session is with %q, want %q", c.at, s.Agent, c.with)
		}
	}
}
