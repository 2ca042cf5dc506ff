package edge

import (
	"testing"
	"time"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

func TestAnEvacuatedEdgeLetsNobodyInAndServesWhoIsStillThere(t *testing.T) {
	ts := newTowns(t, 3, link.Path{})
	one := ts.edges["n1"]
	visitor, agent, id := ts.across("n1", "n2")
	quiet, err := one.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Quiet: true})
	if err != nil {
		t.Fatal(err)
	}
	if c := one.edge.Census(); c.Quiet != 1 || c.Visitors != 1 {
		t.Errorf("census %+v", c)
	}

	one.edge.Evacuate(time.Hour)
	if _, err := one.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Tab: "t2"}); relay.CodeOf(err) != relay.CodeDraining {
		t.Errorf("it lets in: %v", err)
	}
	visitor.say(id, "m1", "I am still here")
	await(agent, wire.Message, text("I am still here"))
	agent.Close() // and comes back through another edge while the visitor is here
	again := ts.edges["n3"].agent("ann")
	await(again, wire.Message, text("I am still here"))
	again.say(id, "m2", "so am I")
	for { // nobody was asked to go yet
		f, err := visitor.Recv(t.Context())
		if err != nil || f.Kind == wire.GoAway {
			t.Fatalf("%v, %v", f.Kind, err)
		}
		var m relay.Message
		if f.Kind == wire.Message && wire.Decode(f, &m) == nil && m.Text == "so am I" {
			break
		}
	}

	one.edge.Evacuate(0)
	for _, p := range []*person{visitor, quiet} {
		await(p, wire.GoAway, func(e wire.ErrorPayload) bool { return e.Code == relay.CodeDraining && e.RetryMS == 0 })
	}
	one.edge.Undrain()
	one.visitor("")
	one.edge.Drain(0)
	one.edge.Undrain()
	if !one.edge.Draining() {
		t.Error("a process that is ending lets people in again")
	}
}
