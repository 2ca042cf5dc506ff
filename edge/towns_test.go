package edge

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// towns are edges on one cell, each connected to each.
type towns struct {
	*world // n1, which has the cell
	edges  map[string]*world
	wires  *wires
}

// wires are the connections between edges.
type wires struct {
	mu   sync.Mutex // guards what follows
	ends map[[2]string]*link.Carrier
	cuts map[string][]func() // by node
}

// from is the Mesh of one edge.
type from struct {
	wires *wires
	node  string
}

func (f from) Dial(ctx context.Context, node string, hello wire.HelloPayload, deliver func(wire.Frame)) (*link.Client, error) {
	f.wires.mu.Lock()
	c := f.wires.ends[[2]string{f.node, node}]
	f.wires.mu.Unlock()
	if c == nil {
		return nil, relay.Errorf(relay.CodeUnavailable, "not connected")
	}
	return c.Dial(ctx, hello, deliver)
}

func newTowns(t *testing.T, n int, path link.Path) *towns {
	t.Helper()
	w := newWorld(t)
	ws := &wires{ends: map[[2]string]*link.Carrier{}, cuts: map[string][]func(){}}
	all := &towns{world: w, edges: map[string]*world{}, wires: ws}
	for i := range n {
		name := fmt.Sprint("n", i+1)
		e := w
		if i > 0 {
			e = &world{t: t, dir: w.dir, cell: w.cell, guest: true}
		} else {
			w.closeEdge()
		}
		for j := range n {
			if j != i {
				e.others = append(e.others, fmt.Sprint("n", j+1))
			}
		}
		e.startEdge(name, from{ws, name})
		all.edges[name] = e
	}
	for a, ea := range all.edges {
		for b, eb := range all.edges {
			if a < b {
				atA, atB, cut := link.CarryMemory(ea.links, eb.links, a, b, path)
				ws.ends[[2]string{a, b}], ws.ends[[2]string{b, a}] = atA, atB
				ws.cuts[a], ws.cuts[b] = append(ws.cuts[a], cut), append(ws.cuts[b], cut)
			}
		}
	}
	return all
}

// closeEdge ends the edge and leaves the cell.
func (w *world) closeEdge() {
	guest := w.guest
	w.guest = true
	w.stop()
	w.guest = guest
}

// kill ends a node without a word: its clients and its peers lose it at once.
func (ts *towns) kill(node string) {
	ts.wires.mu.Lock()
	for k := range ts.wires.ends {
		if slices.Contains(k[:], node) {
			delete(ts.wires.ends, k)
		}
	}
	cuts := ts.wires.cuts[node]
	ts.wires.mu.Unlock()
	for _, cut := range cuts {
		cut()
	}
	ts.edges[node].closeEdge()
}

// origin waits until a session's origin is as ok says.
func (ts *towns) origin(id relay.ID, ok func(node string, epoch uint32) bool) (string, uint32) {
	ts.t.Helper()
	for until := time.Now().Add(wait); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if node, epoch, _ := ts.cell.Read().Origin(id); ok(node, epoch) {
			return node, epoch
		}
	}
	ts.t.Fatal("the origin is not where it should be")
	return "", 0
}

// epoch returns a session's.
func (ts *towns) epoch(id relay.ID) uint32 {
	_, epoch, _ := ts.cell.Read().Origin(id)
	return epoch
}

// across opens a session between a visitor at one edge and an agent at another.
func (ts *towns) across(at, agentAt string) (visitor, agent *person, id relay.ID) {
	ts.t.Helper()
	agent = ts.edges[agentAt].agent("ann")
	visitor, id = ts.edges[at].visitor(""), relay.NewID()
	visitor.send(wire.Open, wire.OpenPayload{Session: id, Name: "Liis"})
	o := await(agent, wire.Offer, func(o wire.OfferPayload) bool { return o.Session.ID == id })
	agent.send(wire.Answer, wire.AnswerPayload{Session: id, Assignment: o.Assignment, Accept: true})
	active := func(s relay.Session) bool { return s.ID == id && s.State == relay.Active }
	await(visitor, wire.Session, active)
	await(agent, wire.Session, active)
	return visitor, agent, id
}

func (p *person) say(id relay.ID, msg, text string) {
	p.send(wire.Say, wire.SayPayload{Session: id, ID: msg, Text: text})
}

// transcript returns the stored texts of a session once there are n.
func (ts *towns) transcript(id relay.ID, n int) (texts []string) {
	ts.t.Helper()
	for until := time.Now().Add(wait); time.Now().Before(until); time.Sleep(time.Millisecond) {
		texts = nil
		all, err := ts.cell.Read().Messages(id, 0, state.MaxPage)
		if err != nil {
			ts.t.Fatal(err)
		}
		for _, m := range all {
			if m.Kind == relay.KindText {
				texts = append(texts, m.Text)
			}
		}
		if len(texts) >= n {
			return texts
		}
	}
	ts.t.Fatalf("stored are %q, not %d texts", texts, n)
	return nil
}
