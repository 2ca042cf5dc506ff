package state

import (
	"strings"
	"testing"

	"kohe/relay"
)

func TestSettingsAreChecked(t *testing.T) {
	ann := func(spoil func(*Agent)) Put {
		a := Agent{ID: "new", Customer: "acme", Role: relay.RoleAgent, Sites: []string{"shop"}, Departments: []string{"sales"}}
		spoil(&a)
		return Put{Agent: &a}
	}
	site := func(spoil func(*Site)) Put {
		s := Site{ID: "new", Customer: "acme", Departments: []string{"sales"}}
		spoil(&s)
		return Put{Site: &s}
	}
	w := newWorld(t)
	for _, c := range []struct {
		why  string
		put  Put
		code relay.Code
	}{
		{"a customer without id", Put{Customer: &Customer{}}, relay.CodeInvalid},
		{"an id with a zero byte", Put{Customer: &Customer{ID: "a\x00b"}}, relay.CodeInvalid},
		{"a department of nobody", Put{Department: &Department{ID: "x", Customer: "x"}}, relay.CodeNotFound},
		{"a department of another", Put{Department: &Department{ID: "sales", Customer: "other"}}, relay.CodeConflict},
		{"a site with another's department", site(func(s *Site) { s.Departments = []string{"desk"} }), relay.CodeNotFound},
		{"another's site", site(func(s *Site) { s.ID = "blog" }), relay.CodeConflict},
		{"too many origins", site(func(s *Site) { s.Origins = strings.Split(strings.Repeat("x ", MaxList+1), " ")[:MaxList+1] }), relay.CodeInvalid},
		{"a long origin", site(func(s *Site) { s.Origins = []string{strings.Repeat("x", MaxEntry+1)} }), relay.CodeInvalid},
		{"a name in capitals", ann(func(a *Agent) { a.ID = "Ann" }), relay.CodeInvalid},
		{"a visitor as agent", ann(func(a *Agent) { a.Role = relay.RoleVisitor }), relay.CodeInvalid},
		{"a huge capacity", ann(func(a *Agent) { a.Capacity = 1000 }), relay.CodeInvalid},
		{"another's site for an agent", ann(func(a *Agent) { a.Sites = []string{"blog"} }), relay.CodeNotFound},
		{"another's department for an agent", ann(func(a *Agent) { a.Departments = []string{"desk"} }), relay.CodeNotFound},
		{"an agent of another customer", ann(func(a *Agent) { a.ID = "oto" }), relay.CodeConflict},
		{"a long password", ann(func(a *Agent) { a.Password = strings.Repeat("x", MaxPassword+1) }), relay.CodeInvalid},
		{"a password for nobody's agent", Put{Agent: &Agent{ID: "x", Role: relay.RoleAgent, Customer: "x"}}, relay.CodeNotFound},
	} {
		t.Run(c.why, func(t *testing.T) { w.refuse(c.put, c.code) })
	}
	w.must(site(func(s *Site) {}))
	if len(w.changes) != 1 || w.changes[0].Site != "new" {
		t.Errorf("%+v", w.changes)
	}
	r := w.state.Read()
	if list := r.Sites("acme"); len(list) != 2 || list[0].ID != "new" || list[1].ID != "shop" {
		t.Errorf("%+v", list)
	}
	if len(r.AllSites()) != 3 || len(r.Agents("acme")) != 3 || len(r.AllAgents()) != 4 || len(r.Customers()) != 2 || len(r.Departments("acme")) != 2 {
		t.Error("settings are missing")
	}
}

func TestSignInsAreVoidAfterAChangeOfPassword(t *testing.T) {
	w := newWorld(t)
	generation := func() uint64 {
		a, _ := w.state.Read().Agent("ann")
		return a.Generation
	}
	revoked := func() bool { return len(w.changes) > 0 && w.changes[0].Revoked == "ann" }
	w.must(SetPassword{Agent: "ann", Password: "new", At: w.now})
	if generation() != 1 || !revoked() {
		t.Errorf("generation %d, %+v", generation(), w.changes)
	}
	w.must(SetPassword{Agent: "ann", Password: "new", At: w.now})
	if generation() != 1 || revoked() {
		t.Errorf("the same again: generation %d, %+v", generation(), w.changes)
	}
	a, _ := w.state.Read().Agent("ann")
	a.Generation, a.Name = 0, "Ann A."
	w.must(Put{Agent: &a})
	if generation() != 1 || revoked() {
		t.Errorf("another name: generation %d, %+v", generation(), w.changes)
	}
	a.Password = "newer"
	w.must(Put{Agent: &a})
	if generation() != 2 || !revoked() {
		t.Errorf("put password: generation %d, %+v", generation(), w.changes)
	}
	a.Generation = 7
	w.must(Put{Agent: &a})
	if generation() != 7 || !revoked() {
		t.Errorf("signed out everywhere: generation %d, %+v", generation(), w.changes)
	}
	w.refuse(SetPassword{Agent: "nobody", Password: "x"}, relay.CodeNotFound)
	w.refuse(SetPassword{Agent: "ann"}, relay.CodeInvalid)
}

func TestADisabledAgentGivesEverythingBack(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	a, _ := w.state.Read().Agent("ann")
	a.Disabled = true
	w.must(Put{Agent: &a, At: w.now})
	if s := w.session(1); s.State != relay.Waiting || s.Place != 1 {
		t.Errorf("%+v", s)
	}
	if d, _ := w.state.Read().Desk("ann"); d.State != relay.SignedOut || d.Online || d.Load != 0 {
		t.Errorf("%+v", d)
	}
	w.refuse(SetAgentOnline{Agent: "ann", Node: "n1", On: true}, relay.CodeForbidden)
	w.refuse(SetAgentState{Agent: "ann", State: relay.Service}, relay.CodeForbidden)
}

func TestFewerDepartmentsTakeOffersBack(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.open(1, "sales")
	if o := w.state.Read().Offers("ann"); len(o) != 1 || o[0].ExpiresAt != w.now+30_000 {
		t.Fatalf("%+v", o)
	}
	a, _ := w.state.Read().Agent("ann")
	a.Departments, a.Capacity = []string{"service"}, 3
	w.must(Put{Agent: &a, At: w.now})
	d, _ := w.state.Read().Desk("ann")
	if len(w.state.Read().Offers("ann")) != 0 || d.Capacity != 3 || len(d.Departments) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestACardSentTwiceIsOneCard(t *testing.T) {
	w := newWorld(t)
	card := Card{ID: "v1-a", Site: "shop", Department: "sales", Visitor: vid(1), Name: "Mari", Contact: "mari@example", Text: "Palun helistage", At: noon}
	w.must(Put{Card: &card})
	solved := card
	solved.Solved = true
	w.must(Put{Card: &solved})
	again := card
	again.At += 5000
	w.must(Put{Card: &again})
	all := CardsQuery{Sites: []string{"shop"}, Departments: []string{"sales"}}
	list, err := w.state.Read().Cards(all)
	if err != nil || len(list) != 1 || list[0] != solved {
		t.Errorf("%+v, %v", list, err)
	}
	again.Text = "Midagi muud"
	w.refuse(Put{Card: &again}, relay.CodeConflict)
	for _, spoil := range []func(*Card){
		func(c *Card) { c.ID = "" },
		func(c *Card) { c.ID = "a b" },
		func(c *Card) { c.Text = "" },
		func(c *Card) { c.Contact = strings.Repeat("x", MaxContact+1) },
	} {
		bad := card
		bad.ID = "v1-b"
		spoil(&bad)
		w.refuse(Put{Card: &bad}, relay.CodeInvalid)
	}
	for _, spoil := range []func(*Card){
		func(c *Card) { c.Site = "x" },
		func(c *Card) { c.Department = "desk" },
	} {
		bad := card
		bad.ID = "v1-b"
		spoil(&bad)
		w.refuse(Put{Card: &bad}, relay.CodeNotFound)
	}
}
