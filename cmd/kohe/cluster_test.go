package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kohe/edge/api"
	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// asKohe makes the test's binary the program itself, so that nodes are
// processes that can be killed.
const asKohe = "KOHE_TEST_AS_KOHE"

func TestMain(m *testing.M) {
	if os.Getenv(asKohe) != "" {
		if err := os.Unsetenv(asKohe); err != nil {
			panic(err)
		}
		main()
		return
	}
	os.Exit(m.Run())
}

const (
	shopOrigin = "https://shop.example"
	soon       = 20 * time.Second
)

// process is a node as a process.
type process struct {
	t    *testing.T
	name string
	data string
	port string
	edge bool // and nothing else
	cmd  *exec.Cmd
	log  *syncBuffer

	program string // "": this one
	drain   string // "": 0s
}

// syncBuffer is a log that is written and read at the same time.
type syncBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// kohe runs a command to its end and returns what it printed.
func kohe(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	c := exec.CommandContext(ctx, os.Args[0], args...)
	c.Env = append(os.Environ(), asKohe+"=1")
	c.Stdin = strings.NewReader("correct horse battery\n")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("kohe %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// freePort returns a port that is free on UDP and TCP.
func freePort(t *testing.T) string {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		u, err := net.ListenPacket("udp", addr)
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			_, port, _ := net.SplitHostPort(addr)
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (p *process) address() string { return "127.0.0.1:" + p.port }

func (p *process) start() {
	p.t.Helper()
	p.begin()
	p.await("is ready", func() bool { return p.call(http.MethodGet, "/cluster", nil, &api.ClusterStatus{}) == nil })
}

// begin starts the process and does not wait until it is ready.
func (p *process) begin() {
	p.t.Helper()
	p.cmd = exec.Command(cmp.Or(p.program, os.Args[0]), "serve", "--data", p.data, "--listen", p.address(), "--drain", cmp.Or(p.drain, "0s"), "--log-level", "debug")
	p.cmd.Env = append(os.Environ(), asKohe+"=1")
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends the process without a word to it.
func (p *process) kill() {
	p.t.Helper()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed
	p.cmd = nil
}

func (p *process) await(what string, ok func() bool) {
	p.t.Helper()
	for until := time.Now().Add(soon); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			p.t.Fatalf("%s: not %q after %v\n%s", p.name, what, soon, p.log)
		}
	}
}

func (p *process) call(method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	return api.CallLocal(ctx, socketPath(p.data), method, path, in, out)
}

func (p *process) status() (s api.ClusterStatus) {
	p.t.Helper()
	if err := p.call(http.MethodGet, "/cluster", nil, &s); err != nil {
		p.t.Fatal(err)
	}
	return s
}

// settled reports whether the node sees all of n nodes up, voting, and led.
func (p *process) settled(n int) bool {
	s := p.status()
	ok := func(n api.NodeStatus) bool { return n.Up && (n.Voter || n.Role == state.EdgeNode) }
	return (s.Leader != "" || s.Asked != "") && len(s.Nodes) == n && !slices.ContainsFunc(s.Nodes, func(n api.NodeStatus) bool { return !ok(n) })
}

// newCluster starts core nodes, and others that are edges only, which know a
// shop and an agent.
func newCluster(t *testing.T, cores, edges int) (nodes []*process) {
	t.Helper()
	return newClusterOf(t, "", cores, edges)
}

// newClusterOf is newCluster with nodes that are another program.
func newClusterOf(t *testing.T, program string, cores, edges int) (nodes []*process) {
	t.Helper()
	n := cores + edges
	for i := range n {
		p := &process{t: t, name: fmt.Sprint("n", i+1), port: freePort(t), edge: i >= cores, log: &syncBuffer{}, program: program}
		p.data = filepath.Join(t.TempDir(), p.name)
		t.Cleanup(func() {
			p.kill()
			if t.Failed() {
				t.Logf("%s said:\n%s", p.name, p.log)
			}
		})
		where := []string{"--data", p.data, "--node", p.name, "--address", p.address(), "--region", p.name}
		if i == 0 {
			kohe(t, append([]string{"cluster", "init"}, where...)...)
		} else {
			role := map[bool]string{false: state.CoreNode, true: state.EdgeNode}[p.edge]
			token := kohe(t, "cluster", "token", "--role", role, "--data", nodes[0].data)
			kohe(t, append([]string{"cluster", "join", token}, where...)...)
		}
		p.start()
		nodes = append(nodes, p)
		nodes[0].await("all nodes are there", func() bool { return nodes[0].settled(len(nodes)) })
	}
	at := nodes[cores-1].data // any core node will do
	kohe(t, "site", "add", "shop", "--origin", shopOrigin, "--data", at)
	kohe(t, "agent", "add", "ann", "--data", at)
	for _, p := range nodes {
		p.await("every node is settled", func() bool {
			var agents []api.LocalAgent
			return p.settled(n) && (p.edge || p.call(http.MethodGet, "/agents", nil, &agents) == nil && len(agents) == 1)
		})
	}
	return nodes
}

// person is a visitor or agent at one node.
type person struct {
	*link.Client
	t *testing.T
}

func (p *process) dial(hello wire.HelloPayload) *person {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	hello.Version = wire.Version
	d := &link.Dialer{Origin: shopOrigin}
	c, err := d.WebSocket(ctx, "ws://"+p.address()+"/kohe/ws", hello)
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", p.name, err, p.log)
	}
	p.t.Cleanup(func() {
		c.Close()
		_ = d.Close()
	})
	return &person{c, p.t}
}

func (p *process) agent(id string) *person {
	p.t.Helper()
	in := api.LocalTicket{Agent: id}
	if err := p.call(http.MethodPost, "/ticket", in, &in); err != nil {
		p.t.Fatal(err)
	}
	return p.dial(wire.HelloPayload{Role: relay.RoleAgent, Ticket: in.Ticket})
}

func (p *process) visitor(token string, resume ...wire.Resume) *person {
	p.t.Helper()
	return p.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: "shop", Token: token, Tab: "t1", Resume: resume})
}

func (c *person) send(k wire.Kind, payload any) {
	c.t.Helper()
	if _, err := c.Send(k, payload); err != nil {
		c.t.Fatalf("send %s: %v", k, err)
	}
}

func (c *person) say(id relay.ID, text string) {
	c.t.Helper()
	c.send(wire.Say, wire.SayPayload{Session: id, ID: strings.ReplaceAll(text, " ", "-"), Text: text})
}

// hear returns the first frame of a kind that ok accepts.
func hear[P any](c *person, k wire.Kind, ok func(P) bool) P {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	for {
		f, err := c.Recv(ctx)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", k, err)
		}
		var v P
		if f.Kind == k && wire.Decode(f, &v) == nil && ok(v) {
			return v
		}
	}
}

func (c *person) hearText(text string) relay.Message {
	c.t.Helper()
	return hear(c, wire.Message, func(m relay.Message) bool { return m.Text == text })
}

// talk opens a session between a new visitor and a waiting agent.
func talk(visitor, agent *person) (id relay.ID) {
	visitor.t.Helper()
	id = relay.NewID()
	agent.send(wire.State, wire.StatePayload{State: relay.Service, Departments: []string{"help"}})
	visitor.send(wire.Open, wire.OpenPayload{Session: id, Name: "Liis"})
	o := hear(agent, wire.Offer, func(o wire.OfferPayload) bool { return o.Session.ID == id })
	agent.send(wire.Answer, wire.AnswerPayload{Session: id, Assignment: o.Assignment, Accept: true})
	active := func(s relay.Session) bool { return s.ID == id && s.State == relay.Active }
	hear(visitor, wire.Session, active)
	hear(agent, wire.Session, active)
	return id
}

func TestASessionOutlivesTheNodeThatLeadsAndIsItsOrigin(t *testing.T) {
	nodes := newCluster(t, 3, 0)
	first := leaderOf(nodes)
	others := slices.DeleteFunc(slices.Clone(nodes), func(p *process) bool { return p == first })
	visitor, agent := first.visitor(""), others[0].agent("ann")
	id := talk(visitor, agent)
	visitor.say(id, "hello")
	m := agent.hearText("hello")
	agent.say(id, "welcome")
	visitor.hearText("welcome")
	hear(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq > m.Seq })
	token := visitor.Welcome().Token

	first.kill()
	killed := time.Now()
	agent.say(id, "are you still there") // while nobody leads and there is no origin
	again := others[1].visitor(token, wire.Resume{Session: id, Epoch: m.Epoch, Seq: m.Seq})
	again.hearText("are you still there")
	again.say(id, "yes")
	last := agent.hearText("yes")
	t.Logf("the chat flowed again %v after the kill", time.Since(killed).Round(time.Millisecond))
	hear(agent, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= last.Seq })
	t.Logf("and was stored again after %v", time.Since(killed).Round(time.Millisecond))

	first.start()
	first.await("the node is back", func() bool { return first.settled(3) })
	back := first.visitor(token, wire.Resume{Session: id})
	for _, want := range []string{"hello", "welcome", "are you still there", "yes"} {
		back.hearText(want)
	}
	leader := leaderOf(nodes)
	kohe(t, "cluster", "transfer", "--data", leader.data)
	others[0].await("another leads", func() bool { now := leaderOf(nodes); return now != nil && now != leader })
}

// leaderOf returns the node that leads by what the first one knows, nil for none.
func leaderOf(nodes []*process) *process {
	leader := nodes[0].status().Leader
	if i := slices.IndexFunc(nodes, func(p *process) bool { return p.name == leader }); i >= 0 {
		return nodes[i]
	}
	return nil
}
