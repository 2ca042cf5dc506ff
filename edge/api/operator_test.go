package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

// fakeCluster notes what operators ask for.
type fakeCluster struct{ asked []string }

func (f *fakeCluster) Status(context.Context) ClusterStatus { return ClusterStatus{Leader: "n1"} }
func (f *fakeCluster) Drain(_ context.Context, node, by string, over time.Duration) error {
	return f.note("drain", node, by, over.String())
}
func (f *fakeCluster) Undrain(_ context.Context, node, by string) error {
	return f.note("undrain", node, by)
}
func (f *fakeCluster) HandOver(_ context.Context, by string) error { return f.note("hand over", by) }
func (f *fakeCluster) RemoveGone(_ context.Context, node, by string) error {
	return f.note("remove", node, by)
}
func (f *fakeCluster) Invite(_ context.Context, role, by string) (Invitation, error) {
	return Invitation{Token: "secret", Role: role}, f.note("invite", role, by)
}
func (f *fakeCluster) note(what ...string) error {
	f.asked = append(f.asked, strings.Join(what, " "))
	return nil
}

func TestOnlyAnOperatorSeesAndChangesTheNodes(t *testing.T) {
	a, cell := world(t)
	f := &fakeCluster{}
	a.Cluster = f
	agent, _ := cell.Read().Agent("bob")
	agent.Operator = true
	if _, err := cell.Propose(t.Context(), state.Put{Agent: &agent, At: 1}); err != nil {
		t.Fatal(err)
	}
	if supervisor, _ := cell.Read().Agent("ann"); true {
		supervisor.Role = relay.RoleSupervisor // which is something else
		if _, err := cell.Propose(t.Context(), state.Put{Agent: &supervisor, At: 1}); err != nil {
			t.Fatal(err)
		}
	}
	requests := []struct{ method, path, body, asked string }{
		{"GET", "/api/v1/nodes", "", ""},
		{"POST", "/api/v1/nodes/n2/drain", `{"seconds":30}`, "drain n2 bob 30s"},
		{"POST", "/api/v1/nodes/n2/undrain", `{}`, "undrain n2 bob"},
		{"POST", "/api/v1/nodes/n2/remove", `{}`, "remove n2 bob"},
		{"POST", "/api/v1/cell/hand-over", `{}`, "hand over bob"},
		{"POST", "/api/v1/join-tokens", `{"role":"edge"}`, "invite edge bob"},
	}
	operator, other := signIn(t, a, "bob"), signIn(t, a, "ann")
	bare := func(r *http.Request) { operator(r); r.Header.Del("X-Kohe") }
	for _, r := range requests {
		for name, who := range map[string]func(*http.Request){"a supervisor": other, "nobody": nil, "a form": bare} {
			if name == "a form" && r.method == "GET" {
				continue
			}
			code, body, _ := ask(a, r.method, r.path, r.body, who)
			if code != http.StatusForbidden && code != http.StatusUnauthorized || len(f.asked) > 0 {
				t.Errorf("%s, %s: %d %s, asked %v", name, r.path, code, body, f.asked)
			}
		}
		code, body, _ := ask(a, r.method, r.path, r.body, operator)
		if code != http.StatusOK || strings.Join(f.asked, "") != r.asked {
			t.Errorf("an operator, %s: %d %s, asked %v", r.path, code, body, f.asked)
		}
		f.asked = nil
	}
	for _, body := range []string{`{"seconds":-1}`, `{"seconds":3601}`, `{"seconds":1e12}`, `x`} {
		if code, text, _ := ask(a, "POST", "/api/v1/nodes/n2/drain", body, operator); code != http.StatusBadRequest || len(f.asked) > 0 {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	var me struct {
		Agent struct{ Operator bool } `json:"agent"`
	}
	for who, want := range map[string]bool{"bob": true, "ann": false} {
		_, body, _ := ask(a, "GET", "/api/v1/me", "", map[string]func(*http.Request){"bob": operator, "ann": other}[who])
		if err := json.Unmarshal([]byte(body), &me); err != nil || me.Agent.Operator != want {
			t.Errorf("%s is told %s", who, body)
		}
		me.Agent.Operator = false
	}
}

// failing is a cluster that does nothing.
type failing struct {
	fakeCluster
	err error
}

func (f *failing) HandOver(context.Context, string) error { return f.err }

func TestAnOperatorIsToldAllThatIsKnownOfAnError(t *testing.T) {
	a, cell := world(t)
	f := &failing{}
	a.Cluster = f
	agent, _ := cell.Read().Agent("bob")
	agent.Operator = true
	if _, err := cell.Propose(t.Context(), state.Put{Agent: &agent, At: 1}); err != nil {
		t.Fatal(err)
	}
	operator := signIn(t, a, "bob")
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{errors.New("n2 has no room"), http.StatusInternalServerError, "n2 has no room"},
		{&relay.Error{Code: relay.CodeUnavailable, Text: "Not now.", Err: errors.New("n2 has no room")}, http.StatusServiceUnavailable, "Not now. n2 has no room"},
		{relay.Errorf(relay.CodeConflict, "Stop it first."), http.StatusConflict, "Stop it first."},
	} {
		f.err = c.err
		code, body, _ := ask(a, "POST", "/api/v1/cell/hand-over", "{}", operator)
		if code != c.code || !strings.Contains(body, c.want) || strings.Contains(body, "our side") {
			t.Errorf("%v: %d %s", c.err, code, body)
		}
	}
}

func TestALinkIsJoinedOfItsHalves(t *testing.T) {
	s := ClusterStatus{Leader: "a", Nodes: []NodeStatus{
		{Node: "a", Role: "core", Voter: true, Up: true}, {Node: "b", Role: "edge", Up: true}, {Node: "c", Role: "edge", Up: true},
	}}
	s.Join(map[string]Report{
		"a": {Halves: []LinkHalf{{Node: "b", Since: 1, RTT: 2, Heard: 70, Sent: Traffic{Bytes: 100, Packets: 5000, Lost: 200}}}},
		"b": {Halves: []LinkHalf{{Node: "a", Since: 1, RTT: 3, Heard: 90, Sent: Traffic{Bytes: 80, Packets: 4, Lost: 1}}}},
		"c": {},
	})
	want := LinkStatus{A: "a", B: "b", Up: true, Since: 1, RTT: 2, AtoB: Traffic{100, 5000, 200}, BtoA: Traffic{80, 4, 1}}
	if len(s.Links) != 3 || s.Links[0] != want || s.Links[1].Up || s.Links[2].Up {
		t.Errorf("links %+v", s.Links)
	}
	codes := ""
	for _, p := range s.Problems {
		codes += p.Code + " " + p.Node + p.Other + "; "
	}
	if codes != "link_down ac; link_down bc; link_lossy ab; " {
		t.Errorf("problems %s", codes)
	}
}

func TestTheCellIsFragileWhenOneMoreFailureStopsIt(t *testing.T) {
	for _, c := range []struct {
		voters, up int
		want       bool
	}{
		{1, 1, false}, {2, 2, true}, {3, 3, false}, {3, 2, true}, {4, 4, false}, {4, 3, true}, {5, 4, false}, {5, 3, true}, {5, 2, true},
	} {
		s := ClusterStatus{Leader: "a"}
		for i := range c.voters {
			s.Nodes = append(s.Nodes, NodeStatus{Node: string(rune('a' + i)), Role: "core", Voter: true, Up: i < c.up})
		}
		s.Join(nil)
		got := slices.ContainsFunc(s.Problems, func(p Problem) bool { return p.Code == Fragile })
		if got != c.want {
			t.Errorf("%d of %d there: fragile is %v", c.up, c.voters, got)
		}
	}
}

func TestALeaderThatChangesAgainAndAgainIsTheFirstProblem(t *testing.T) {
	s := ClusterStatus{LeaderChanges: 9, LeaderLately: 3, Nodes: []NodeStatus{{Node: "a", Role: "core", Voter: true}}} // gone, and nobody leads
	s.Join(nil)
	if i := slices.IndexFunc(s.Problems, func(p Problem) bool { return p.Code == Unsteady }); i >= 0 {
		t.Errorf("three changes in ten minutes: %+v", s.Problems)
	}
	s.LeaderLately = 4
	s.Join(nil)
	if len(s.Problems) < 3 || s.Problems[0].Code != Unsteady {
		t.Errorf("four: %+v", s.Problems)
	}
}
