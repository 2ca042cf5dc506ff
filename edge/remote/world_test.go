package remote

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/edge/auth"
	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
)

const soon = 5 * time.Second

// world is a core node with a shop, two agents and a supervisor.
type world struct {
	t       *testing.T
	cell    *client.Cell
	key     *auth.Key
	tickets *auth.Tickets
	server  *Server
	running sync.WaitGroup

	mu    sync.Mutex // guards ends
	ends  []Stream   // of the core node's
	sick  error
	calls int
}

// pipe is one end of a stream in memory.
type pipe struct{ net.Conn }

func (p pipe) Reset() { _ = p.Close() }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, tickets: &auth.Tickets{}}
	var err error
	if w.key, err = auth.OpenKey(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if w.cell, err = client.Open(client.Config{Dir: "cell", FS: vfs.NewMem(), NodeID: "core", Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	<-w.cell.Ready()
	w.server = &Server{ServerConfig: ServerConfig{
		Cell: w.cell, Store: w.cell.Read(), Key: w.key, Tickets: w.tickets, Log: quiet, Now: time.Now, Health: w.health,
	}}
	t.Cleanup(func() {
		w.cut()
		w.running.Wait()
		if err := w.cell.Close(); err != nil {
			t.Error(err)
		}
	})
	agent := func(id string, role relay.Role) *state.Agent {
		return &state.Agent{ID: id, Customer: "c", Name: id, Alias: id, Role: role, Sites: []string{"shop"},
			Departments: []string{"help"}, Capacity: 4, Generation: 1, Password: "secret hash of " + id}
	}
	for _, put := range []state.Put{
		{Customer: &state.Customer{ID: "c", Name: "C"}},
		{Department: &state.Department{ID: "help", Customer: "c", Name: "Help"}},
		{Site: &state.Site{ID: "shop", Customer: "c", Name: "Shop", Origins: []string{"https://shop.example"}, Departments: []string{"help"}}},
		{Agent: agent("ann", relay.RoleAgent)}, {Agent: agent("bob", relay.RoleAgent)}, {Agent: agent("sue", relay.RoleSupervisor)},
	} {
		put.At = now()
		w.must(put)
	}
	return w
}

func now() int64 { return time.Now().UnixMilli() }

func (w *world) health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sick
}

// must has the core node itself settle a command.
func (w *world) must(cmd state.Command) any {
	w.t.Helper()
	v, err := w.cell.Propose(w.t.Context(), cmd)
	if err != nil {
		w.t.Fatalf("%T: %v", cmd, err)
	}
	return v
}

// open opens a session of a new visitor at a node.
func (w *world) open(node string) (session, visitor relay.ID) {
	w.t.Helper()
	session, visitor = relay.NewID(), relay.NewID()
	w.must(state.OpenSession{Session: session, Site: "shop", Department: "help", Visitor: visitor, Name: "Liis", Node: node, At: now()})
	return session, visitor
}

// give assigns a waiting session to an agent.
func (w *world) give(session relay.ID, agent string) {
	w.t.Helper()
	w.must(state.SetAgentOnline{Agent: agent, Node: "core", On: true, At: now()})
	w.must(state.SetAgentState{Agent: agent, State: relay.Service, Departments: []string{"help"}, At: now()})
	for _, o := range w.cell.Read().Offers(agent) {
		if o.Session == session {
			w.must(state.Answer{Session: session, Agent: agent, Assignment: o.Assignment, Accept: true, At: now()})
			return
		}
	}
	w.t.Fatalf("%s was not offered the session", agent)
}

// serve serves a node on a stream in memory.
func (w *world) serve(node string) Stream {
	here, there := net.Pipe()
	w.mu.Lock()
	w.ends = append(w.ends, pipe{there})
	w.calls++
	w.mu.Unlock()
	w.running.Go(func() { _ = w.server.Serve(context.Background(), node, pipe{there}) })
	return pipe{here}
}

// cut ends all streams.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.ends {
		s.Reset()
	}
	w.ends = nil
}

// edge is a node that is an edge only.
func (w *world) edge(node string) *Remote {
	w.t.Helper()
	r := Open(Config{Node: node, Log: slog.New(slog.DiscardHandler), Connect: func(context.Context) (Stream, string, error) {
		if w.health() != nil {
			return nil, "", errors.New("no core node")
		}
		return w.serve(node), "core", nil
	}})
	w.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			w.t.Error(err)
		}
	})
	select {
	case <-r.Ready():
	case <-time.After(soon):
		w.t.Fatal("the edge is not ready")
	}
	return r
}

func (w *world) ticket(agent string) string {
	w.t.Helper()
	text, err := w.tickets.Issue(auth.ConsoleSession{ID: relay.NewID(), Agent: agent, Generation: 1, Issued: now()}, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func message(session relay.ID, seq uint64, by relay.Author, id string) relay.Message {
	return relay.Message{Session: session, Epoch: 1, Seq: seq, Author: by, ID: id, Kind: relay.KindText, Text: "text of " + id, At: now()}
}

func visitorAuthor(id relay.ID) relay.Author {
	return relay.Author{Role: relay.RoleVisitor, ID: id.String(), Name: "Liis"}
}

func (w *world) await(what string, ok func() bool) {
	w.t.Helper()
	for until := time.Now().Add(soon); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			w.t.Fatalf("not within %v: %s", soon, what)
		}
	}
}
