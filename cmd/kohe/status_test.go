package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/edge/api"
	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// nodeIn returns what a status says of a node.
func nodeIn(t *testing.T, s api.ClusterStatus, node string) api.NodeStatus {
	t.Helper()
	i := slices.IndexFunc(s.Nodes, func(n api.NodeStatus) bool { return n.Node == node })
	if i < 0 {
		t.Fatalf("no %s in %+v", node, s)
	}
	return s.Nodes[i]
}

func TestStatusOfAClusterIsGatheredAndADeadNodeIsNamed(t *testing.T) {
	nodes := newCluster(t, 3, 1)
	agent, visitor := nodes[1].agent("ann"), nodes[1].visitor("")
	talk(visitor, agent)
	nodes[0].await("the sessions are counted", func() bool {
		n := nodeIn(t, nodes[0].status(), "n2")
		return n.Agents == 1 && n.Visitors == 1 && n.Sessions == 1
	})
	s := nodes[0].status()
	if len(s.Links) != 6 || len(s.Problems) != 0 || s.Term == 0 {
		t.Errorf("links %+v, problems %+v, term %d", s.Links, s.Problems, s.Term)
	}
	for _, l := range s.Links {
		if !l.Up || l.RTT <= 0 || l.AtoB.Bytes == 0 || l.BtoA.Bytes == 0 || l.Since == 0 {
			t.Errorf("link %+v", l)
		}
	}
	for _, n := range s.Nodes {
		if !n.Up || n.Version != version || n.StartedAt == 0 || n.DiskFree == 0 || (n.Applied == 0) != (n.Role == "edge") {
			t.Errorf("node %+v", n)
		}
	}

	nodes[2].kill()
	killed := time.Now()
	nodes[0].await("the dead node is named", func() bool { return !nodeIn(t, nodes[0].status(), "n3").Up })
	if took := time.Since(killed); took > 3*time.Second {
		t.Errorf("the dead node was named after %v", took)
	}
	nodes[0].await("there is a leader again", func() bool { return nodes[0].status().Leader != "" })
	asked := time.Now()
	s = nodes[0].status()
	if took := time.Since(asked); took > 2*reportFor {
		t.Errorf("with a dead node the answer took %v", took)
	}
	gone := nodeIn(t, s, "n3")
	if gone.Why == "" || gone.Since < killed.Add(-time.Second).UnixMilli() || gone.StartedAt != 0 {
		t.Errorf("the dead node: %+v", gone)
	}
	codes := []string{}
	for _, p := range s.Problems {
		codes = append(codes, p.Code)
	}
	if !slices.Equal(codes, []string{api.NodeGone, api.Fragile}) {
		t.Errorf("problems %+v", s.Problems)
	}
	text := kohe(t, "cluster", "status", "--data", nodes[0].data)
	if first, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(first, "! n3 cannot be reached") || !strings.Contains(first, "kohe cluster leave n3") {
		t.Errorf("the terminal says\n%s", text)
	}
	if data := kohe(t, "cluster", "status", "--json", "--data", nodes[0].data); !strings.HasPrefix(data, "{") {
		t.Errorf("as data:\n%s", data)
	}

	edge := nodes[3].status()
	if n := nodeIn(t, edge, "n1"); !n.Up || n.StartedAt != 0 || n.DiskSize != 0 || len(edge.Links) != 0 || edge.Asked == "" {
		t.Errorf("an edge knows of others %+v, %+v", n, edge.Links)
	}
	if n := nodeIn(t, edge, "n4"); n.StartedAt == 0 {
		t.Errorf("an edge does not know itself: %+v", n)
	}
}

func TestANodeThatIsAnEdgeOnlyIsToldNothingOfOthers(t *testing.T) {
	nodes := newCluster(t, 1, 1)
	i := takeOver(t, nodes[1], nodes)
	for _, do := range []string{doReport, doDrain, doUndrain, doTransfer, doRemove} {
		ask, err := json.Marshal(operateAsk{Do: do, By: "eve", Node: "n1"})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := i.ask("n1", kindOperate, ask); err == nil || len(b) > 0 {
			t.Errorf("%s: %q, %v", do, b, err)
		}
	}
	if nodeIn(t, nodes[0].status(), "n1").Draining {
		t.Error("an edge drained a core node")
	}
}

func TestANodeThatIsConnectedButDidNotReportIsNotRemoved(t *testing.T) {
	nodes := newCluster(t, 3, 1)
	kohe(t, "agent", "add", "olga", "--operator", "--data", nodes[0].data)
	client := nodes[0].signIn("olga")
	edge := takeOver(t, nodes[3], nodes)
	for _, n := range nodes[:3] { // any of them may lead
		if _, err := edge.conn(n.name); err != nil {
			t.Fatal(err)
		}
	}
	nodes[0].await("it is connected and silent", func() bool {
		n := nodeIn(t, nodes[0].status(), "n4")
		return n.Up && n.Silent && n.Why != "" && n.Version == ""
	})
	if list := nodes[0].status().Problems; len(list) != 1 || list[0].Code != api.NodeSilent || list[0].Node != "n4" || list[0].Text == "" {
		t.Errorf("problems %+v", list)
	}
	if text := kohe(t, "cluster", "status", "--data", nodes[0].data); !strings.HasPrefix(text, "! n4 is connected and did not report (") || !strings.Contains(text, "up, did not report") {
		t.Errorf("the terminal says\n%s", text)
	}
	if code, text := nodes[0].operate(client, "/nodes/n4/remove", struct{}{}); code != http.StatusConflict {
		t.Errorf("removed: %d %s", code, text)
	}
	if code, text := nodes[0].operate(client, "/nodes/n4/drain", map[string]int{"seconds": 0}); code != http.StatusServiceUnavailable || !strings.Contains(text, "version") {
		t.Errorf("it was not asked to drain: %d %s", code, text)
	}
}

func TestTheLeaderRemovesNoNodeThatItIsConnectedTo(t *testing.T) {
	nodes := newCluster(t, 3, 1)
	leader := nodes[0].status().Leader
	other := nodes[1]
	if leader == other.name {
		other = nodes[2]
	}
	i := takeOver(t, other, nodes) // a core node that says that n4 is gone
	ask, err := json.Marshal(operateAsk{Do: doRemove, By: "olga", Node: "n4"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := i.ask(leader, kindOperate, ask)
	var answer operateAnswer
	if err != nil || json.Unmarshal(b, &answer) != nil || answer.Code != relay.CodeConflict {
		t.Errorf("the leader answers %s, %v", b, err)
	}
	nodeIn(t, nodes[0].status(), "n4")
}

// figures returns what the node says on /metrics.
func (p *process) figures() string {
	p.t.Helper()
	answer, err := http.Get("http://" + p.address() + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// operate sends an operator's request at a node and returns the status of the
// answer and what it says.
func (p *process) operate(client *http.Client, path string, in any) (int, string) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+p.address()+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("X-Kohe", "1")
	answer, err := client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestAnOperatorDrainsANodeHandsOverAndRemovesADeadOne(t *testing.T) {
	nodes := newCluster(t, 3, 1)
	kohe(t, "agent", "add", "olga", "--operator", "--data", nodes[0].data)
	through := nodes[3] // an edge: a core node does it
	client := through.signIn("olga")
	want := func(code int, path string, in any) string {
		t.Helper()
		got, text := through.operate(client, path, in)
		if got != code {
			t.Fatalf("%s: %d %s", path, got, text)
		}
		return text
	}
	visitor, quiet := nodes[1].visitor(""), nodes[1].dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: "shop", Quiet: true})
	want(http.StatusNotFound, "/nodes/n9/drain", map[string]int{"seconds": 0})
	want(http.StatusBadRequest, "/nodes/n2/drain", map[string]int{"seconds": 7200})
	want(http.StatusOK, "/nodes/n2/drain", map[string]int{"seconds": 0})
	for _, p := range []*person{visitor, quiet} {
		hear(p, wire.GoAway, func(e wire.ErrorPayload) bool { return e.Code == relay.CodeDraining })
		p.Close()
	}
	nodes[0].await("the node is empty", func() bool {
		n := nodeIn(t, nodes[0].status(), "n2")
		return n.Draining && n.Visitors == 0 && n.Quiet == 0
	})
	d := &link.Dialer{Origin: shopOrigin}
	defer d.Close()
	hello := wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: "shop", Tab: "t1"}
	if c, err := d.WebSocket(t.Context(), "ws://"+nodes[1].address()+"/kohe/ws", hello); relay.CodeOf(err) != relay.CodeDraining {
		t.Errorf("a drained node answers %v, %v", c, err)
	}
	want(http.StatusOK, "/nodes/n2/undrain", struct{}{})
	nodes[1].visitor("")
	for _, n := range []string{"n1", "n3", "n4"} {
		want(http.StatusOK, "/nodes/"+n+"/drain", map[string]int{"seconds": 60})
	}
	if text := want(http.StatusConflict, "/nodes/n2/drain", map[string]int{"seconds": 0}); !strings.Contains(text, "nowhere to go") {
		t.Errorf("the last node: %s", text)
	}

	leader := nodes[0].status().Leader
	before := nodes[0].status()
	want(http.StatusOK, "/cell/hand-over", struct{}{})
	nodes[0].await("another leads", func() bool { now := nodes[0].status().Leader; return now != "" && now != leader })
	s := nodes[0].status()
	if s.LeaderChanges <= before.LeaderChanges || s.LeaderLately != s.LeaderChanges || s.LeaderSince < before.At || s.LeaderSince > s.At {
		t.Errorf("after the change of leader: %+v; before it: %+v", s, before)
	}
	if figures := nodes[0].figures(); !strings.Contains(figures, fmt.Sprintf("\nkohe_cell_leader_changes_total %d\n", s.LeaderChanges)) ||
		!strings.Contains(figures, "\nkohe_disk_sync_seconds_count ") || strings.Contains(figures, "\nkohe_disk_sync_seconds_count 0\n") ||
		!strings.Contains(figures, "\nkohe_late_seconds_count ") || strings.Contains(figures, "\nkohe_late_seconds_count 0\n") {
		t.Errorf("the figures that an unsteady leader is traced with are\n%s", figures)
	}

	var invited api.Invitation
	if err := json.Unmarshal([]byte(want(http.StatusOK, "/join-tokens", map[string]string{"role": "edge"})), &invited); err != nil {
		t.Fatal(err)
	}
	if left := time.Until(time.UnixMilli(invited.ExpiresAt)); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the token is good for %v", left)
	}
	kohe(t, "cluster", "join", invited.Token, "--node", "n5", "--address", "127.0.0.1:"+freePort(t), "--data", t.TempDir()+"/n5")

	want(http.StatusConflict, "/nodes/n4/remove", struct{}{}) // it is there
	want(http.StatusNotFound, "/nodes/n9/remove", struct{}{})
	want(http.StatusOK, "/nodes/n5/remove", struct{}{}) // it never came
	dead := nodes[2]
	dead.kill()
	nodes[0].await("the dead node is gone, and somebody leads", func() bool {
		s := nodes[0].status()
		return !nodeIn(t, s, "n3").Up && s.Leader != "" && s.Leader != "n3"
	})
	nodes[0].await("it is removed", func() bool {
		code, _ := nodes[0].operate(nodes[0].signIn("olga"), "/nodes/n3/remove", struct{}{})
		return code == http.StatusOK
	})
	nodes[0].await("three are left", func() bool { return len(nodes[0].status().Nodes) == 3 })
	for _, p := range nodes {
		if strings.Contains(p.log.String(), invited.Token) {
			t.Errorf("%s logged the token", p.name)
		}
	}
	logs := nodes[0].log.String() + nodes[1].log.String() + nodes[2].log.String()
	for _, path := range []string{"/nodes/n2/drain", "/cell/hand-over", "/join-tokens", "/nodes/n3/remove"} {
		if !strings.Contains(logs, "agent=olga path=/api/v1"+path) {
			t.Errorf("no log says who asked for %s", path)
		}
	}
}

func TestAnOperatorIsToldWhatToDoAndNotWhatAVisitorIs(t *testing.T) {
	cause := errors.New("no route to host")
	for _, c := range []struct {
		err         error
		says, hides string
	}{
		{context.DeadlineExceeded, "it does not answer", "deadline"},
		{errUnreached, "its log", "server"}, // as noWay words it
		{&relay.Error{Code: relay.CodeUnavailable, Text: errUnreached.Text, Err: cause}, "no route to host", "server"},
		{cause, "no route to host", "our side"},
	} {
		err := c.err
		if !errors.Is(err, context.DeadlineExceeded) {
			err = noWay("n2", err)
		}
		if got := notHeard(err); !strings.Contains(got, c.says) || strings.Contains(got, c.hides) {
			t.Errorf("of %v an operator is told: %s", c.err, got)
		}
	}
	nodes := newCluster(t, 3, 0)
	kohe(t, "agent", "add", "olga", "--operator", "--data", nodes[0].data)
	client := nodes[0].signIn("olga")
	nodes[1].kill()
	nodes[0].await("n2 is missed, and somebody leads", func() bool {
		s := nodes[0].status()
		return !nodeIn(t, s, "n2").Up && s.Leader != "" && s.Leader != "n2"
	})
	code, text := nodes[0].operate(client, "/nodes/n2/undrain", struct{}{})
	if code != http.StatusServiceUnavailable || !strings.Contains(text, "no connection to n2. Look at its machine") {
		t.Errorf("of a node that is gone: %d %s", code, text)
	}
	nodes[2].kill()
	nodes[0].await("nobody leads", func() bool { return nodes[0].status().Leader == "" })
	if code, text := nodes[0].operate(client, "/cell/hand-over", struct{}{}); code != http.StatusServiceUnavailable || !strings.Contains(text, "start the core nodes that are missing") {
		t.Errorf("without a leader: %d %s", code, text)
	}
}

func TestATokenThatIsMadeCanBeUsedAtOnce(t *testing.T) {
	p := &process{t: t, name: "n1", port: freePort(t), log: &syncBuffer{}}
	p.data = filepath.Join(t.TempDir(), p.name)
	t.Cleanup(p.kill)
	kohe(t, "cluster", "init", "--data", p.data, "--node", p.name, "--address", p.address())
	p.start()
	token := kohe(t, "cluster", "token", "--data", p.data)
	kohe(t, "cluster", "join", token, "--node", "n2", "--address", "127.0.0.1:"+freePort(t), "--data", filepath.Join(t.TempDir(), "n2"))
}

func TestStatusSaysWhatIsWrongFirstAndWhatToDo(t *testing.T) {
	const minute = 60_000
	s := api.ClusterStatus{
		At: 100 * minute, Leader: "a", Term: 7, LeaderSince: 98 * minute, LeaderChanges: 9, LeaderLately: 4,
		Nodes: []api.NodeStatus{
			{Node: "a", Role: "core", Region: "north", Address: "a:1", Self: true, Leader: true, Voter: true, Up: true,
				Figures: api.Figures{Version: "v1", StartedAt: 10 * minute, Applied: 12, Quiet: 3, Visitors: 2, Agents: 1, Sessions: 2, DiskFree: 3 << 30, DiskSize: 100 << 30}},
			{Node: "b", Role: "core", Region: "north", Address: "b:1", Voter: true, Why: "its process has ended", Since: 98 * minute},
			{Node: "c", Role: "core", Address: "c:1", Voter: true, Up: true, RTT: 1.5,
				Figures: api.Figures{Version: "v1", StartedAt: 99 * minute, Applied: 12, Draining: true, DiskFree: 50 << 30, DiskSize: 100 << 30}},
		},
	}
	s.Join(map[string]api.Report{
		"a": {Halves: []api.LinkHalf{{Node: "c", Since: 99 * minute, RTT: 1.5, Heard: 2048, Sent: api.Traffic{Bytes: 1 << 20, Packets: 2000, Lost: 60}}}},
		"c": {},
	})
	var b bytes.Buffer
	if err := writeStatus(&b, s); err != nil {
		t.Fatal(err)
	}
	want := `! The leader changed 4 times within 10 minutes, and nothing is stored meanwhile: a core node's disk or processor is too slow at times. Look at /metrics of the core nodes (kohe_disk_sync_seconds for the disk, kohe_late_seconds for the processor) and give the slow one a machine with less to do.
! b cannot be reached for 2 min (its process has ended). Look at its machine and start it; if it never comes back: kohe cluster leave b
! If one more core node fails, nothing can be stored. Bring the missing one back, or add another: kohe cluster token
! The disk of a is nearly full. Make room, or give its data folder a larger one.
! Packets between a and c get lost. Look at the network between them.

Cell: a leads in term 7 for 2 min; changes of leader in the last hour: 9; 2 of 3 voting nodes are there, 2 are needed.

NODE  ROLE  REGION  STATE              ROUND TRIP  UP FOR      VERSION  VISITORS  QUIET  AGENTS  SESSIONS  APPLIED  DISK FREE  ADDRESS
a     core  north   leads              this node   1 h 30 min  v1       2         3      1       2         12       3.0 GiB    a:1
b     core  north   cannot be reached                                                                                          b:1
c     core  –       up, draining       1.5ms       1 min       v1       0         0      0       0         12       50 GiB     c:1

What is live between the nodes: packets lost within the last minute, bytes since they are connected. Raft has connections of its own.
LINK   ROUND TRIP     LOST →  LOST ←  BYTES →  BYTES ←  FOR
a → b  not connected                                    
a → c  1.5ms          3 %     0 %     1.0 MiB  2.0 KiB  1 min
b → c  not connected                                    
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnEdgeThatNoCoreNodeAnswersSaysSo(t *testing.T) {
	nodes := newCluster(t, 1, 1)
	nodes[0].kill()
	nodes[1].await("it can store nothing", func() bool { return nodes[1].status().Problem != "" })
	text := kohe(t, "cluster", "status", "--data", nodes[1].data)
	for _, want := range []string{"! n2 can store nothing", "This node is an edge", "cannot be reached"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
