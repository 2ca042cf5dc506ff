package state

import (
	"testing"

	"kohe/relay"
)

func TestAnAgentsWayThroughTheDay(t *testing.T) {
	w := newWorld(t)
	r := w.state.Read()
	if d, ok := r.Desk("ann"); !ok || d.State != relay.SignedOut || d.Capacity != 2 || len(d.Departments) != 2 {
		t.Errorf("before work: %+v", d)
	}
	if _, ok := r.Desk("nobody"); ok {
		t.Error("there is a desk for nobody")
	}
	w.work("ann")
	w.must(SetAgentState{Agent: "ann", State: relay.Service, Departments: []string{"sales"}, At: w.now})
	if q := r.Queue("service"); q.Free != 0 || q.Agents != 0 || q.Name != "Service" {
		t.Errorf("%+v", q)
	}
	if q := r.Queue("sales"); q.Free != 2 || q.Agents != 1 {
		t.Errorf("%+v", q)
	}
	// Nothing ticked is not the same as leaving it.
	w.must(SetAgentState{Agent: "ann", State: relay.Service, Departments: []string{}, At: w.now})
	if d, _ := r.Desk("ann"); len(d.Departments) != 0 {
		t.Errorf("%+v", d)
	}
	w.must(SetAgentState{Agent: "ann", State: relay.Service, At: w.now})
	if d, _ := r.Desk("ann"); len(d.Departments) != 0 {
		t.Errorf("%+v", d)
	}
	w.refuse(SetAgentState{Agent: "bob", State: relay.Service, Departments: []string{"service"}}, relay.CodeForbidden)
	w.refuse(SetAgentState{Agent: "bob", State: relay.Service, Departments: []string{"sales", "sales"}}, relay.CodeInvalid)
	w.refuse(SetAgentState{Agent: "bob", State: "asleep"}, relay.CodeInvalid)
	w.refuse(SetAgentState{Agent: "nobody", State: relay.Service}, relay.CodeNotFound)
	w.refuse(SetAgentOnline{Agent: "nobody", Node: "n1", On: true}, relay.CodeNotFound)
	w.refuse(SetAgentOnline{Agent: "ann", Node: "n 1", On: true}, relay.CodeInvalid)
}

func TestChangesTellOfAnOffer(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.open(1, "sales")
	var order []string
	for _, c := range w.changes {
		switch {
		case c.Session != nil:
			order = append(order, "session")
		case c.Offer != nil && c.Offer.Over == "" && c.Offer.Agent == "ann" && c.Offer.Assignment == 1:
			order = append(order, "offer")
		case c.Agent != nil && c.Agent.Load == 1:
			order = append(order, "agent")
		case len(c.Queues) == 2: // ann's free places count in both
			order = append(order, "queues")
		}
	}
	if got := len(order); got != 4 || order[0] != "session" || order[1] != "offer" {
		t.Errorf("%v", order)
	}
	w.must(Answer{Session: sid(1), Agent: "ann", Assignment: 1, Accept: true, At: w.now + 7})
	s := w.changes[0].Session
	if s == nil || s.State != relay.Active || s.Agent != "ann" || s.AgentName != "Alias of ann" || s.AcceptedAt != w.now+7 || s.Place != 0 {
		t.Errorf("%+v", s)
	}
	if o := w.changes[1].Offer; o == nil || o.Over != "accepted" {
		t.Errorf("%+v", w.changes[1])
	}
}

func TestAnEdgeThatStartsHasNobodyConnected(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	w.now += 1000
	start := StartEdge{Node: "n1", At: w.now}
	w.must(start)
	if d, _ := w.state.Read().Desk("ann"); d.Online {
		t.Errorf("%+v", d)
	}
	if s := w.session(1); s.AwaySince != w.now {
		t.Errorf("%+v", s)
	}
	if due, ok := w.state.Deadline(); !ok || due != w.now+20_000 {
		t.Errorf("deadline %d %v", due, ok)
	}
	w.work("ann")
	w.must(SetOnline{Session: sid(1), Node: "n1", On: true, At: w.now})
	w.must(start) // proposed twice: whoever came meanwhile stays
	if d, _ := w.state.Read().Desk("ann"); !d.Online || w.session(1).AwaySince != 0 {
		t.Errorf("%+v", d)
	}
	w.refuse(StartEdge{Node: ""}, relay.CodeInvalid)
	w.refuse(SetOnline{Session: sid(9), Node: "n1"}, relay.CodeNotFound)
}

func TestASessionWithoutItsVisitorEnds(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.must(SetOnline{Session: sid(1), Node: "n1", On: false, At: w.now})
	due, ok := w.state.Deadline()
	if !ok || due != w.now+30*60_000 {
		t.Fatalf("deadline %d %v", due, ok)
	}
	w.must(Tick{At: due})
	if s := w.session(1); s.EndedBy != "timeout" || s.EndedAt != due {
		t.Errorf("%+v", s)
	}
}

func TestTimeNeverRunsBackwards(t *testing.T) {
	w := newWorld(t)
	w.must(Tick{At: noon + 5000})
	w.now = noon - 5000
	if c := w.open(1, "sales"); c.Session.OpenedAt != noon+5000 {
		t.Errorf("opened at %d", c.Session.OpenedAt)
	}
	w.reopen()
	if c := w.open(2, "sales"); c.Session.OpenedAt != noon+5000 {
		t.Errorf("opened at %d", c.Session.OpenedAt)
	}
}
