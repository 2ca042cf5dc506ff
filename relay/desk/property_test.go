package desk

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kohe/relay"
)

// step is one random command, drawn before it is applied so that it can be
// applied to several desks.
type step struct {
	what        string
	now         int64
	agent, node string
	departments []string
	session     relay.ID
	assignment  uint64
	state       relay.AgentState
	on          bool
}

func drawStep(t *rapid.T, now int64, d *Desk) step {
	departments := []string{"sales", "service"}
	s := step{
		what: rapid.SampledFrom([]string{
			"open", "open", "answer", "answer", "answer", "state", "state", "agent", "visitor", "end", "tick", "tick", "lost", "enlist", "dismiss",
		}).Draw(t, "what"),
		now:         now,
		agent:       rapid.SampledFrom([]string{"ann", "bob", "cem"}).Draw(t, "agent"),
		node:        rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node"),
		departments: departments[rapid.IntRange(0, 2).Draw(t, "from"):],
		session:     relay.ID{15: byte(rapid.IntRange(1, 12).Draw(t, "session"))},
		assignment:  uint64(rapid.IntRange(1, 4).Draw(t, "assignment")),
		state:       rapid.SampledFrom([]relay.AgentState{relay.Service, relay.Service, relay.Service, relay.Break, relay.SignedOut}).Draw(t, "state"),
		on:          rapid.Bool().Draw(t, "on"),
	}
	if offered := offers(d); s.what == "answer" && len(offered) > 0 && rapid.IntRange(0, 3).Draw(t, "real") > 0 {
		o := rapid.SampledFrom(offered).Draw(t, "offer")
		s.session, s.agent, s.assignment = o.ID, o.Agent, o.Assignment
	}
	return s
}

func offers(d *Desk) (list []Session) {
	for _, id := range sortedIDs(d.sessions) {
		if s, _ := d.Session(id); s.OfferUntil != 0 {
			list = append(list, s)
		}
	}
	return list
}

func (s step) apply(d *Desk) ([]Event, error) {
	switch s.what {
	case "open":
		return d.Open(s.now, s.session, s.department(), s.node), nil
	case "answer":
		return d.Answer(s.now, s.session, s.agent, s.assignment, s.on)
	case "state":
		return d.SetState(s.now, s.agent, s.state, s.departments)
	case "agent":
		return d.AgentOnline(s.now, s.agent, s.node, s.on), nil
	case "visitor":
		return d.VisitorOnline(s.now, s.session, s.node, s.on), nil
	case "end":
		return d.End(s.now, s.session, "visitor"), nil
	case "lost":
		return d.NodeStarted(s.now, s.node), nil
	case "enlist":
		return d.Enlist(s.now, s.agent, capacity, s.departments), nil
	case "dismiss":
		return d.Dismiss(s.now, s.agent), nil
	default:
		return d.Tick(s.now), nil
	}
}

func (s step) department() string {
	if len(s.departments) == 0 {
		return "service"
	}
	return s.departments[0]
}

const capacity = 2

// TestRulesHold plays random commands and checks after each that the rules of
// the package hold, that a desk restored from its rows goes on in the same way,
// and that a copy which got the same commands did the same.
func TestRulesHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, twin := New(), New()
		now := int64(1_000_000)
		last := map[relay.ID]uint64{} // highest assignment seen
		for _, a := range []string{"ann", "bob", "cem"} {
			for _, d := range []*Desk{d, twin} {
				d.Enlist(now, a, capacity, []string{"sales", "service"})
				d.AgentOnline(now, a, "n1", true)
				if _, err := d.SetState(now, a, relay.Service, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			now += rapid.SampledFrom([]int64{-5_000, 0, 1, 1_000, 12_000, 31_000, 700_000}).Draw(t, "passes")
			s := drawStep(t, now, d)
			before, wasLive := d.Session(s.session)
			events, err := s.apply(d)
			twinEvents, twinErr := s.apply(twin)
			if fmt.Sprint(events, err) != fmt.Sprint(twinEvents, twinErr) {
				t.Fatalf("%+v: %v %v, and in a copy %v %v", s, events, err, twinEvents, twinErr)
			}
			checkAnswer(t, s, before, wasLive, err)
			checkEvents(t, events, last)
			checkDesk(t, d)
			if s.what == "tick" {
				if due, ok := d.Deadline(); ok && due <= d.Now() {
					t.Fatalf("after Tick(%d) the deadline is %d", d.Now(), due)
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				twin = restored(twin)
			}
		}
	})
}

func restored(d *Desk) *Desk {
	var agents []Agent
	var sessions []Session
	for id := range maps.Keys(d.agents) {
		a, _ := d.Agent(id)
		agents = append(agents, a)
	}
	for id := range maps.Keys(d.sessions) {
		s, _ := d.Session(id)
		sessions = append(sessions, s)
	}
	return Restore(d.Now(), agents, sessions)
}

// checkAnswer: an answer counts for the latest offer and from its agent only.
func checkAnswer(t *rapid.T, s step, before Session, wasLive bool, err error) {
	if s.what != "answer" || err != nil {
		return
	}
	if !wasLive || before.Agent != s.agent || before.Assignment != s.assignment {
		t.Fatalf("%+v was taken for %+v", s, before)
	}
}

func checkEvents(t *rapid.T, events []Event, last map[relay.ID]uint64) {
	for _, e := range events {
		switch e := e.(type) {
		case Offered:
			if e.Assignment <= last[e.Session] {
				t.Fatalf("%+v: assignment %d was there already", e, last[e.Session])
			}
			last[e.Session] = e.Assignment
		case Accepted:
			if e.Assignment != last[e.Session] {
				t.Fatalf("%+v: the latest offer is %d", e, last[e.Session])
			}
		case Ended:
			delete(last, e.Session) // ids are used again here
		}
	}
}

func checkDesk(t *rapid.T, d *Desk) {
	load := map[string]int{}
	queues := map[string][]Session{}
	for _, id := range sortedIDs(d.sessions) {
		s, _ := d.Session(id)
		if s.Agent != "" {
			load[s.Agent]++
		}
		if s.Waiting() {
			queues[s.Department] = append(queues[s.Department], s)
		} else if d.Place(id) != 0 {
			t.Fatalf("%+v does not wait and has place %d", s, d.Place(id))
		}
	}
	free := map[string][]Agent{}
	for _, id := range sortedKeys(d.agents) {
		a, _ := d.Agent(id)
		if load[id] != d.Load(id) || load[id] > a.Capacity {
			t.Fatalf("%s has %d of %d places taken and counts %d", id, load[id], a.Capacity, d.Load(id))
		}
		for _, dep := range a.Departments {
			if a.State == relay.Service && a.Reachable() && a.RestUntil == 0 && load[id] < a.Capacity {
				free[dep] = append(free[dep], a)
			}
		}
	}
	for dep, queue := range queues {
		if n := d.Queue(dep).Waiting; n != len(queue) {
			t.Fatalf("%s: %d waiting, and %d say so", dep, n, len(queue))
		}
		checkQueue(t, d, queue, free[dep])
	}
}

// checkQueue: places are 1 to n in the order of the rules, offers are to those
// who serve, and nobody waits for an agent who is free.
func checkQueue(t *rapid.T, d *Desk, queue []Session, free []Agent) {
	slices.SortFunc(queue, func(a, b Session) int { return d.Place(a.ID) - d.Place(b.ID) })
	for i, s := range queue {
		if d.Place(s.ID) != i+1 {
			t.Fatalf("%+v has place %d, not %d", s, d.Place(s.ID), i+1)
		}
		if i > 0 && (s.Front && !queue[i-1].Front || s.Front == queue[i-1].Front && s.OpenedAt < queue[i-1].OpenedAt) {
			t.Fatalf("%+v waits behind %+v", s, queue[i-1])
		}
		if s.Agent != "" {
			a, _ := d.Agent(s.Agent)
			if a.State != relay.Service || !a.Reachable() || !slices.Contains(a.Departments, s.Department) {
				t.Fatalf("%+v is offered to %+v", s, a)
			}
			continue
		}
		for _, a := range free {
			if !slices.ContainsFunc(s.Passes, func(p Pass) bool { return p.Agent == a.ID && p.Until != 0 }) {
				t.Fatalf("%+v waits while %+v is free", s, a)
			}
		}
	}
}

// TestTimersStayBounded flaps a visitor's connection for long.
func TestTimersStayBounded(t *testing.T) {
	d := New()
	id := relay.ID{1}
	d.Open(1, id, "sales", "n1")
	for now := int64(1); now < 20_000; now++ {
		d.VisitorOnline(now, id, "n1", now%2 == 0)
	}
	if n := len(d.timers); n > 2+staleTimers {
		t.Errorf("%d timers for one session", n)
	}
	if due, ok := d.Deadline(); !ok || due != 19_999+AwayTime {
		t.Errorf("deadline %d, %v; want %d", due, ok, 19_999+AwayTime)
	}
}
