package edge

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/roster"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// showVisitors has the test's site show its visitors.
func (w *world) showVisitors(change func(*state.Site)) {
	w.t.Helper()
	site, _ := w.cell.Read().Site(testSite)
	site.Visitors = true
	if change != nil {
		change(&site)
	}
	if _, err := w.cell.Propose(context.Background(), state.Put{Site: &site, At: 2}); err != nil {
		w.t.Fatal(err)
	}
}

// looker is a page before the click.
func (w *world) looker(url string) (*person, relay.ID) {
	w.t.Helper()
	p, err := w.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Quiet: true, Lang: "et"})
	if err != nil {
		w.t.Fatal(err)
	}
	visit := relay.NewID()
	p.send(wire.Presence, wire.PresencePayload{Visit: visit, URL: testOrigin + url, Referrer: "https://search.example/?q=boats"})
	return p, visit
}

// list is a view as a console has it.
type list struct {
	*person
	part roster.Part
}

func (p *person) view(v wire.ViewPayload) *list {
	v.On, v.Site = true, testSite
	p.send(wire.View, v)
	return &list{person: p}
}

// until waits until the list is as ok says.
func (l *list) until(ok func(rows map[string]wire.Visit, p wire.VisitsPayload) bool) map[string]wire.Visit {
	l.t.Helper()
	var rows map[string]wire.Visit
	await(l.person, wire.Visits, func(p wire.VisitsPayload) bool {
		nodes := map[relay.ID]string{}
		for _, r := range l.part.Rows() {
			nodes[r.ID] = r.Node
		}
		for _, r := range p.Rows {
			nodes[r.ID] = r.Node
		}
		l.part.Take("", p, time.Now().UnixMilli())
		rows = map[string]wire.Visit{}
		for _, r := range l.part.Rows() {
			rows[strings.TrimPrefix(r.URL, testOrigin)] = r
		}
		return !p.More && ok(rows, p)
	})
	return rows
}

func (l *list) shows(urls ...string) map[string]wire.Visit {
	l.t.Helper()
	return l.until(func(rows map[string]wire.Visit, _ wire.VisitsPayload) bool {
		for _, url := range urls {
			if _, ok := rows[url]; !ok {
				return false
			}
		}
		return len(rows) == len(urls)
	})
}

func TestAConsoleSeesTheVisitorsOfAllEdgesWithinASecond(t *testing.T) {
	ts := newTowns(t, 3, link.Path{})
	ts.showVisitors(nil)
	first, _ := ts.edges["n1"].looker("/boats")
	second, visit := ts.edges["n2"].looker("/bikes")
	v := ts.edges["n3"].agent("ann").view(wire.ViewPayload{})
	rows := v.shows("/boats", "/bikes")
	if r := rows["/boats"]; r.Referrer != "search.example" || r.Lang != "et" || !r.Session.IsZero() || r.At == 0 {
		t.Errorf("row %+v", r)
	}
	second.send(wire.Presence, wire.PresencePayload{Visit: visit, URL: testOrigin + "/basket", Pages: []string{testOrigin + "/bikes"}})
	sent := time.Now()
	rows = v.shows("/boats", "/basket")
	if took := time.Since(sent); took > time.Second {
		t.Errorf("a change of page was seen after %v", took)
	}
	if r := rows["/basket"]; len(r.Pages) != 1 || !strings.HasSuffix(r.Pages[0], "/bikes") {
		t.Errorf("looked at before: %v", r.Pages)
	}
	first.Close()
	v.shows("/basket")
	ts.kill("n2")
	killed := time.Now()
	v.until(func(rows map[string]wire.Visit, p wire.VisitsPayload) bool { return len(rows) == 0 && p.Away == 1 })
	if took := time.Since(killed); took > 2*time.Second {
		t.Errorf("a dead edge's visitors were there for %v", took)
	}
}

func TestNothingIsSentBetweenEdgesWhileNobodyWatches(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	ts.showVisitors(nil)
	ts.edges["n2"].looker("/bikes")
	ann := ts.edges["n1"].agent("ann")
	open := func() (n int) {
		for _, w := range ts.edges {
			w.edge.views.mu.Lock()
			n += len(w.edge.views.all)
			w.edge.views.mu.Unlock()
		}
		return n
	}
	if open() != 0 {
		t.Fatal("there is a view that nobody asked for")
	}
	ann.view(wire.ViewPayload{}).shows("/bikes")
	bob := ts.edges["n1"].agent("bob")
	bob.view(wire.ViewPayload{}).shows("/bikes")
	if n := open(); n != 2 {
		t.Errorf("two consoles at one edge have %d views open; want one at each of two edges", n)
	}
	ann.send(wire.View, wire.ViewPayload{})
	bob.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for _, w := range ts.edges {
			w.edge.views.running.Wait() // the goroutines of all its views
		}
	}()
	select {
	case <-ended:
	case <-time.After(wait):
		t.Fatal("a view that nobody watches goes on")
	}
	if n := open(); n != 0 {
		t.Errorf("%d views that nobody watches are open", n)
	}
}

func TestBeforeTheClickPagesAreKnownByTheirPaths(t *testing.T) {
	for _, masked := range []bool{false, true} {
		w := newWorld(t)
		w.showVisitors(func(s *state.Site) { s.MaskAll = masked })
		p, visit := w.looker("/account?iban=EE1")
		p.send(wire.Presence, wire.PresencePayload{Visit: visit, URL: testOrigin + "/pay?iban=EE1#liis", Title: "Liis Tamm",
			Pages: []string{testOrigin + "/account?iban=EE1", testOrigin + "/reset#token"}})
		rows := w.agent("ann").view(wire.ViewPayload{}).shows("/pay")
		if r := rows["/pay"]; (r.Title == "") != masked || !slices.Equal(r.Pages, []string{testOrigin + "/account", testOrigin + "/reset"}) {
			t.Errorf("where all is masked is %v: row %+v", masked, r)
		}
	}
}

func TestASiteThatDoesNotShowItsVisitorsCountsThemOnly(t *testing.T) {
	w := newWorld(t)
	w.showVisitors(nil)
	w.looker("/boats")
	v := w.agent("ann").view(wire.ViewPayload{})
	v.shows("/boats") // so what follows is not for want of a visitor who said where they are
	w.showVisitors(func(s *state.Site) { s.Visitors = false })
	counted := func(rows map[string]wire.Visit, p wire.VisitsPayload) bool { return len(rows) == 0 && p.Visits == 1 }
	v.until(counted)
	w.agent("bob").view(wire.ViewPayload{Filter: "boats"}).until(func(rows map[string]wire.Visit, p wire.VisitsPayload) bool {
		if len(rows) > 0 {
			t.Errorf("who asks later is shown %v", rows)
		}
		return counted(rows, p)
	})
}

func TestAnAgentSeesVisitorsOfTheirOwnSitesOnly(t *testing.T) {
	w := newWorld(t)
	if _, err := w.cell.Propose(context.Background(), state.Put{Site: &state.Site{ID: "bank", Customer: "c", Name: "Bank", Origins: []string{testOrigin}, Departments: []string{"help"}, Visitors: true}, At: 2}); err != nil {
		t.Fatal(err)
	}
	ann := w.agent("ann")
	for _, ask := range []struct {
		kind    wire.Kind
		payload any
	}{
		{wire.View, wire.ViewPayload{On: true, Site: "bank"}},
		{wire.Invite, wire.InvitePayload{Site: "bank", Visit: relay.NewID(), Node: "n1"}},
	} {
		ann.send(ask.kind, ask.payload)
		if e := await(ann, wire.Error, whatever[wire.ErrorPayload]); e.Code != relay.CodeForbidden {
			t.Errorf("%s: %+v", ask.kind, e)
		}
	}
	page, _ := w.looker("/boats")
	page.send(wire.Open, wire.OpenPayload{Session: relay.NewID(), Name: "x"})
	<-page.Done()
	if code := relay.CodeOf(page.Err()); code != relay.CodeProtocol {
		t.Errorf("a quiet page asked for a chat: %v", page.Err())
	}
}

func TestAnotherEdgeSeesNobodyWithoutAGrant(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	ts.showVisitors(nil)
	ts.edges["n1"].looker("/boats")
	key, err := auth.OpenKey(ts.dir)
	if err != nil {
		t.Fatal(err)
	}
	good := auth.Grant{From: "n2", Node: "n1", Role: relay.RoleAgent, Agent: "ann", Generation: 1, Site: testSite, Issued: time.Now().UnixMilli()}
	look := func(change func(*auth.Grant), sign func(auth.Grant) string) error {
		g := good
		change(&g)
		l, err := from{ts.wires, "n2"}.Dial(context.Background(), "n1", wire.HelloPayload{Version: wire.Version, Role: relay.RoleAgent, Token: sign(g)}, func(wire.Frame) {})
		if err == nil {
			l.Close()
		}
		return err
	}
	if err := look(func(*auth.Grant) {}, key.SignLook); err != nil {
		t.Fatalf("with a good grant: %v", err) // else nothing of what follows means anything
	}
	for name, err := range map[string]error{
		"without one":            look(func(*auth.Grant) {}, func(auth.Grant) string { return "" }),
		"another node's":         look(func(g *auth.Grant) { g.From = "n3" }, key.SignLook),
		"for another node":       look(func(g *auth.Grant) { g.Node = "n3" }, key.SignLook),
		"an old one":             look(func(g *auth.Grant) { g.Issued -= auth.LookFor.Milliseconds() + 1 }, key.SignLook),
		"of an older sign-in":    look(func(g *auth.Grant) { g.Generation = 0 }, key.SignLook),
		"of nobody":              look(func(g *auth.Grant) { g.Agent = "eve" }, key.SignLook),
		"for a site not theirs":  look(func(g *auth.Grant) { g.Site = "bank" }, key.SignLook),
		"one to carry a session": look(func(g *auth.Grant) { g.Session = relay.NewID() }, key.SignCarry),
		"one of an edge":         look(func(*auth.Grant) {}, key.SignGrant),
	} {
		if err == nil {
			t.Errorf("%s: the edge is let in", name)
		}
	}
}

func TestAnAgentAtAnotherEdgeInvitesOnce(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	ts.showVisitors(nil)
	page, visit := ts.edges["n2"].looker("/boats")
	ann := ts.edges["n1"].agent("ann")
	v := ann.view(wire.ViewPayload{})
	v.shows("/boats")
	invite := wire.InvitePayload{Site: testSite, Visit: visit, Node: "n2"}
	ref := ann.send(wire.Invite, invite)
	if p := await(page, wire.Invitation, whatever[wire.InvitationPayload]); p.By != "ANN" {
		t.Errorf("invited by %q", p.By)
	}
	await(ann, wire.OK, func(p wire.OKPayload) bool { return p.Ref == ref })
	page.send(wire.Invitation, wire.InvitationPayload{Accept: true})
	v.until(func(rows map[string]wire.Visit, _ wire.VisitsPayload) bool {
		return rows["/boats"].Invited == wire.InvitedAccepted
	})
	ref = ann.send(wire.Invite, invite)
	if e := await(ann, wire.Error, func(e wire.ErrorPayload) bool { return e.Ref == ref }); e.Code != relay.CodeConflict {
		t.Errorf("a second invitation: %+v", e)
	}
	invite.Node = "n9"
	ref = ann.send(wire.Invite, invite)
	if e := await(ann, wire.Error, func(e wire.ErrorPayload) bool { return e.Ref == ref }); e.Code != relay.CodeGone {
		t.Errorf("at a node that is not there: %+v", e)
	}
}

// strict is a gate that lets nobody look.
type strict struct {
	Gate
	code relay.Code
}

func (s strict) Look(context.Context, string, string) (auth.Grant, error) {
	return auth.Grant{}, relay.Errorf(s.code, "Bow to n2.")
}

func TestAnotherEdgesErrorEndsNoConsole(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	ann := ts.edges["n1"].agent("ann")
	there := ts.edges["n2"].edge
	gate := there.Gate
	for _, c := range []struct{ says, told relay.Code }{
		{relay.CodeRevoked, relay.CodeUnavailable},
		{relay.CodeBusy, relay.CodeUnavailable},
		{relay.CodeInternal, relay.CodeUnavailable},
		{relay.CodeConflict, relay.CodeConflict},
		{relay.CodeGone, relay.CodeGone},
		{relay.CodeRate, relay.CodeRate},
		{relay.CodeForbidden, relay.CodeForbidden},
	} {
		there.Gate = strict{gate, c.says}
		ref := ann.send(wire.Invite, wire.InvitePayload{Site: testSite, Visit: relay.NewID(), Node: "n2"})
		if e := await(ann, wire.Error, func(e wire.ErrorPayload) bool { return e.Ref == ref }); e.Code != c.told || strings.Contains(e.Text, "n2") {
			t.Errorf("%s there: the agent is told %+v", c.says, e)
		}
	}
}

func TestASupervisorsBoardCounts(t *testing.T) {
	w := newWorld(t)
	w.showVisitors(nil)
	row, _ := w.cell.Read().Agent("bob")
	row.Role = relay.RoleSupervisor
	if _, err := w.cell.Propose(context.Background(), state.Put{Agent: &row, At: 2}); err != nil {
		t.Fatal(err)
	}
	ann, bob := w.agent("ann"), w.agent("bob")
	bob.send(wire.State, wire.StatePayload{State: relay.Break})
	w.talk(ann)
	v := bob.view(wire.ViewPayload{})
	v.until(func(_ map[string]wire.Visit, p wire.VisitsPayload) bool {
		b := p.Board
		return b != nil && b.Chats == 1 && b.Agents[relay.Service] == 1 && b.Agents[relay.Break] == 1 && b.Waiting == 0
	})
	bob.send(wire.State, wire.StatePayload{State: relay.Service})
	v.until(func(_ map[string]wire.Visit, p wire.VisitsPayload) bool {
		b := p.Board
		return b != nil && b.Chats == 1 && b.Agents[relay.Service] == 2 && b.Agents[relay.Break] == 0
	})
	told := ann.view(wire.ViewPayload{})
	w.looker("/boats") // is told after all that a board would be told with
	told.until(func(rows map[string]wire.Visit, p wire.VisitsPayload) bool {
		if p.Board != nil {
			t.Error("an agent has the supervisors' board")
		}
		_, there := rows["/boats"]
		return there
	})
}

// overseer is a supervisor of one department.
func (w *world) overseer(id, department string) *person {
	w.t.Helper()
	for _, put := range []state.Put{
		{Department: &state.Department{ID: department, Customer: "c", Name: department}, At: 2},
		{Agent: &state.Agent{ID: id, Customer: "c", Name: id, Alias: id, Role: relay.RoleSupervisor, Sites: []string{testSite}, Departments: []string{department}, Capacity: 1, Generation: 1}, At: 2},
	} {
		if _, err := w.cell.Propose(context.Background(), put); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.agent(id)
}

func TestOnlyWhoMaySeeAChatIsToldWhoseItIs(t *testing.T) {
	w := newWorld(t)
	w.showVisitors(nil)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	visitor.send(wire.Presence, wire.PresencePayload{Visit: relay.NewID(), URL: testOrigin + "/boats"})
	v := w.agent("bob").view(wire.ViewPayload{Filter: "boats"})
	v.until(func(rows map[string]wire.Visit, _ wire.VisitsPayload) bool {
		r := rows["/boats"]
		if r.Session != (relay.ID{}) || r.Name != "" {
			t.Errorf("a colleague without the department's board is told %+v", r)
		}
		return r.Chat && r.Known
	})
	sue := w.overseer("sue", "help")
	sue.view(wire.ViewPayload{Filter: "boats"}).until(func(rows map[string]wire.Visit, _ wire.VisitsPayload) bool {
		r := rows["/boats"]
		return r.Session == id && r.Name == "Liis"
	})
	sam := w.overseer("sam", "sales")
	sam.view(wire.ViewPayload{Filter: "boats"}).until(func(rows map[string]wire.Visit, _ wire.VisitsPayload) bool {
		r := rows["/boats"]
		return r.Chat && r.Session.IsZero() && r.Name == ""
	})
	bob := w.agent("bob")
	bob.send(wire.Invite, wire.InvitePayload{Site: testSite, Visit: visitor.Welcome().Visitor, Node: "n1"})
	if e := await(bob, wire.Error, whatever[wire.ErrorPayload]); e.Code != relay.CodeConflict {
		t.Errorf("inviting who has the chat open: %+v", e)
	}
}

func TestABoardIsTakenFromCoreNodesOnly(t *testing.T) {
	w := newWorld(t)
	w.edge.Desks = nil // as at a node that is an edge only
	says := func(chats int) *part {
		p := &part{since: time.Now()}
		p.Take("any", wire.VisitsPayload{Board: &wire.BoardPayload{Chats: chats}}, time.Now().UnixMilli())
		return p
	}
	for _, core := range []string{"n2", "n3"} { // the core node's name comes first, or last
		liar := map[string]string{"n2": "n3", "n3": "n2"}[core]
		w.edge.Core = func(node string) bool { return node == core }
		v := &view{views: w.edge.views, key: viewKey{Query: roster.QueryOf(wire.ViewPayload{Site: testSite}), board: "help"},
			parts: map[string]*part{core: says(3), liar: says(99)}}
		v.tell()
		if b := v.told.Board; b == nil || b.Chats != 3 {
			t.Errorf("%s is a core node, and the board is %+v", core, b)
		}
		delete(v.parts, core)
		v.tell()
		if b := v.told.Board; b != nil {
			t.Errorf("an edge's board is shown: %+v", b)
		}
	}
}
