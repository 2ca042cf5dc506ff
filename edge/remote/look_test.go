package remote

import (
	"testing"
	"time"

	"kohe/edge/auth"
	"kohe/relay"
)

func TestAnEdgeLooksAtOthersForTheAgentsAtItAndTheirSitesOnly(t *testing.T) {
	w := newWorld(t)
	h := w.hostile("bad")
	if _, err := h.show(show{Role: relay.RoleVisitor, Site: "shop"}); err != nil {
		t.Fatal(err)
	}
	visitor := h.next
	if _, err := h.show(show{Role: relay.RoleAgent, Ticket: w.ticket("ann")}); err != nil {
		t.Fatal(err)
	}
	agent := h.next
	for what, c := range map[string]carry{
		"for a visitor":             {Showing: visitor, Site: "shop", To: "core"},
		"for nobody":                {Showing: 999, Site: "shop", To: "core"},
		"at a site not the agent's": {Showing: agent, Site: "bank", To: "core"},
	} {
		if p, err := h.ask(request{Carry: &c}); err == nil {
			t.Errorf("%s it was given %q", what, p.Carry)
		}
	}
	p, err := h.ask(request{Carry: &carry{Showing: agent, Site: "shop", To: "good"}})
	if err != nil {
		t.Fatal(err)
	}
	good := w.hostile("good")
	seen, err := good.ask(request{Look: &look{From: "bad", Token: p.Carry}})
	if err != nil || seen.Admitted.Grant.Agent != "ann" || seen.Admitted.Grant.Site != "shop" || seen.Admitted.Grant.Name != "ann" {
		t.Fatalf("the node that is looked at hears %+v, %v", seen.Admitted, err)
	}
	if seen.Admitted.Held != "" {
		t.Error("it may speak for the agent by that")
	}
	session, _ := w.open("core")
	w.give(session, "ann")
	if _, err := good.ask(request{Messages: &messages{Session: session, Limit: 10}}); err == nil {
		t.Error("it reads the agent's sessions by that")
	}
	if _, err := good.show(show{From: "bad", Token: p.Carry}); err == nil {
		t.Error("the grant to look is one to carry a link")
	}
	for what, l := range map[string]look{
		"from another node": {From: "core", Token: p.Carry},
		"forged":            {From: "bad", Token: "e30.e30"},
		"of an old sign-in": {From: "bad", Token: w.key.SignLook(auth.Grant{From: "bad", Node: "good", Role: relay.RoleAgent, Agent: "ann", Site: "shop", Issued: time.Now().UnixMilli()})},
	} {
		if _, err := good.ask(request{Look: &l}); err == nil {
			t.Errorf("a look %s is let in", what)
		}
	}
}
