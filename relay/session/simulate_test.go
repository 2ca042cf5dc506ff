package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kohe/relay"
)

// The simulation: a cell, up to three processes that each believe to be the
// origin at some time, and clients that say, lose their connection at any
// frame, connect elsewhere and resend what is not stored. Proposals may be
// lost, stored late or twice, and their answers lost.

// node is one process that is, or was, the origin. Its frames go to the
// clients connected to it, in order.
type node struct {
	s     *Session
	seen  uint64 // how far it has followed the cell's log
	batch []relay.Message
}

type reader struct {
	*client
	at     *node
	inbox  []func(*client) // frames on their way
	author relay.Author
	said   int
	unsaid []relay.Message // what it has said, in order; it says all of it again on every connection
}

type world struct {
	t      *rapid.T
	cell   cell
	nodes  []*node
	nonce  int
	late   []proposal // proposals that the network still holds
	people []*reader
	heard  map[string]string // place → identity, of all that was ever relayed or stored
	acked  []relay.Message   // what a node has called stored
	ended  bool              // the end was said
}

type proposal struct {
	epoch uint32
	batch []relay.Message
}

// send relays messages to everyone connected to n.
func (w *world) send(n *node, messages ...relay.Message) {
	for _, m := range messages {
		w.unique(m)
		for _, p := range w.people {
			if p.at == n {
				p.inbox = append(p.inbox, func(c *client) { c.apply(m) })
			}
		}
	}
}

// unique checks that a place never names two messages.
func (w *world) unique(m relay.Message) {
	if m.Seq == 0 {
		return
	}
	key, id := place(m), string(m.Author.Role)+m.Author.ID+m.ID
	if old, ok := w.heard[key]; ok && old != id {
		w.t.Fatalf("%s names %s and %s", key, old, id)
	}
	w.heard[key] = id
}

// settle tells clients what the node's session came to.
func (w *world) settle(n *node) {
	for _, m := range n.s.NotSaved() {
		for _, p := range w.people {
			if p.at == n {
				p.inbox = append(p.inbox, func(c *client) { c.notSaved(m) })
			}
		}
	}
	epoch, stored := n.s.Stored()
	for _, p := range w.people {
		if p.at == n {
			p.inbox = append(p.inbox, func(c *client) { c.stored(epoch, stored) })
		}
	}
	if stored > w.cell.last() {
		w.t.Fatalf("stored %d is called stored, %d are", stored, w.cell.last())
	}
	if stored > uint64(len(w.acked)) {
		w.acked = w.cell.after(0)[:stored]
	}
}

// follow lets a node read the cell's log up to a place.
func (w *world) follow(n *node, to uint64) {
	from := n.seen
	n.seen = max(from, to)
	w.send(n, n.s.Committed(w.cell.messages[from:n.seen])...)
	w.settle(n)
}

func (w *world) claim(n *node) {
	w.nonce++
	epoch := w.cell.claim(w.nonce)
	_, have := n.s.Stored()
	st := w.cell.state(epoch, have)
	n.seen = w.cell.last()
	n.batch = nil
	w.send(n, n.s.Reclaim(st)...)
	w.settle(n)
}

// start replaces a process: it remembers nothing.
func (w *world) start(i int) {
	old := w.nodes[i]
	for _, p := range w.people {
		if p.at == old {
			p.at, p.inbox = nil, nil
		}
	}
	w.nonce++
	epoch := w.cell.claim(w.nonce)
	n := &node{s: New(w.cell.state(epoch, 0)), seen: w.cell.last()}
	if e, seq := n.s.Stored(); e != epoch || seq != w.cell.last() {
		w.t.Fatalf("started at (%d,%d), want (%d,%d)", e, seq, epoch, w.cell.last())
	}
	w.nodes[i] = n
}

func (w *world) propose(n *node) {
	n.batch = n.s.Propose()
	if n.batch == nil {
		return
	}
	epoch := n.batch[0].Epoch
	p := proposal{epoch, n.batch}
	switch rapid.SampledFrom([]string{"stored", "stored", "stored", "lost", "late", "unanswered", "twice"}).Draw(w.t, "fate") {
	case "lost":
		w.answer(n, epoch, 0, errTimeout)
	case "late":
		w.late = append(w.late, p)
		w.answer(n, epoch, 0, errTimeout)
	case "unanswered":
		_, _ = w.cell.append(epoch, n.batch)
		w.answer(n, epoch, 0, errTimeout)
	case "twice":
		w.late = append(w.late, p)
		fallthrough
	case "stored":
		seq, err := w.cell.append(epoch, n.batch)
		w.answer(n, epoch, seq, err)
	}
}

var errTimeout = &relay.Error{Code: relay.CodeUnavailable, Text: "no answer"}

func (w *world) answer(n *node, epoch uint32, seq uint64, err error) {
	switch {
	case err == nil:
		n.s.Appended(epoch, seq)
	case errors.Is(err, errGap):
		n.s.Gap(epoch, w.cell.last())
	default:
		n.s.Refused(epoch, err)
	}
	w.settle(n)
}

// connect brings a client to a node: resume, then say again what is not stored.
func (w *world) connect(p *reader, n *node) {
	p.at, p.inbox = n, nil
	older, messages := w.lacks(p, n)
	for _, m := range append(older, messages...) {
		p.inbox = append(p.inbox, func(c *client) { c.apply(m) })
	}
	epoch, stored := n.s.Stored()
	p.inbox = append(p.inbox, func(c *client) { c.stored(epoch, stored) })
	for _, m := range p.unsaid {
		w.say(p, m)
	}
}

func (w *world) lacks(p *reader, n *node) (older, messages []relay.Message) {
	span, messages := n.s.Resume(p.resume())
	if !span.Empty() {
		older = w.cell.messages[span.After:span.Until]
	}
	return older, messages
}

func (w *world) say(p *reader, m relay.Message) {
	if p.at == nil {
		return
	}
	got, fresh, err := p.at.s.Say(p.author, m.ID, relay.KindText, m.Text, 1)
	switch {
	case relay.CodeOf(err) == relay.CodeGone: // the end was said
	case err != nil:
		w.t.Fatalf("say %s: %v", m.ID, err)
	case fresh:
		w.send(p.at, got)
	default:
		w.unique(got)
		p.inbox = append(p.inbox, func(c *client) { c.apply(got) })
	}
}

// newest returns the node that holds the cell's epoch, nil if none does.
func (w *world) newest() *node {
	for _, n := range w.nodes {
		if e, _ := n.s.Stored(); e == w.cell.epoch && !n.s.Lost() {
			return n
		}
	}
	return nil
}

func (w *world) steps() map[string]func(*rapid.T) {
	anyNode := func() *node { return rapid.SampledFrom(w.nodes).Draw(w.t, "node") }
	anyone := func() *reader { return rapid.SampledFrom(w.people).Draw(w.t, "client") }
	return map[string]func(*rapid.T){
		"say": func(*rapid.T) {
			p := anyone()
			p.said++
			m := relay.Message{Author: p.author, ID: fmt.Sprintf("%s%d", p.author.ID, p.said), Kind: relay.KindText, Text: fmt.Sprint(p.said)}
			p.unsaid = append(p.unsaid, m)
			w.say(p, m)
		},
		"say again": func(*rapid.T) {
			if p := anyone(); len(p.unsaid) > 0 {
				w.say(p, rapid.SampledFrom(p.unsaid).Draw(w.t, "which"))
			}
		},
		"propose": func(*rapid.T) { w.propose(anyNode()) },
		"follow": func(*rapid.T) {
			n := anyNode()
			w.follow(n, n.seen+uint64(rapid.IntRange(0, int(w.cell.last()-n.seen)).Draw(w.t, "entries")))
		},
		"claim": func(*rapid.T) {
			if n := anyNode(); n.s.Lost() {
				w.claim(n)
			}
		},
		"restart": func(*rapid.T) { w.start(rapid.IntRange(0, len(w.nodes)-1).Draw(w.t, "index")) },
		"late proposal": func(*rapid.T) {
			if len(w.late) > 0 {
				i := rapid.IntRange(0, len(w.late)-1).Draw(w.t, "which")
				_, _ = w.cell.append(w.late[i].epoch, w.late[i].batch)
				w.late = slices.Delete(w.late, i, i+1)
			}
		},
		"connect": func(*rapid.T) { w.connect(anyone(), anyNode()) },
		"receive": func(*rapid.T) {
			p := anyone()
			n := rapid.IntRange(0, len(p.inbox)).Draw(w.t, "frames")
			for _, f := range p.inbox[:n] {
				f(p.client)
			}
			p.inbox = p.inbox[n:]
		},
		"hand over": func(*rapid.T) {
			from, to := anyNode(), anyNode()
			if from == to || !from.s.Lost() {
				return
			}
			for _, m := range from.s.Orphans() {
				if got, fresh, err := to.s.Say(m.Author, m.ID, m.Kind, m.Text, m.At); err == nil && fresh {
					w.send(to, got)
				}
			}
		},
		"end": func(t *rapid.T) {
			n := anyNode()
			if rapid.IntRange(0, 19).Draw(t, "rarely") > 0 {
				return
			}
			w.ended = true
			if m, fresh, err := n.s.Say(relay.Author{Role: relay.RoleSystem}, "ended-0", relay.KindEnded, "agent", 1); err == nil && fresh {
				w.send(n, m)
			}
		},
		"": func(*rapid.T) { w.check() },
	}
}

// check holds after every step.
func (w *world) check() {
	ids := make(map[sum]bool)
	var epoch uint32
	for i, m := range w.cell.messages {
		w.unique(m)
		if m.Seq != uint64(i)+1 || m.Epoch < epoch {
			w.t.Fatalf("the transcript is out of order: %s", show(w.cell.messages))
		}
		epoch = m.Epoch
		if ids[identity(m.Author, m.ID)] {
			w.t.Fatalf("%s is stored twice: %s", m.ID, show(w.cell.messages))
		}
		ids[identity(m.Author, m.ID)] = true
	}
	for i, m := range w.acked {
		if i >= len(w.cell.messages) || w.cell.messages[i] != m {
			w.t.Fatalf("%s was called stored and is not at its place", place(m))
		}
	}
	for _, n := range w.nodes {
		if s := n.s; len(s.window) > Window || len(s.pending) > MaxUnstored+SystemReserve {
			w.t.Fatal("a bound is passed")
		}
	}
}

// quiesce lets everything arrive: one origin, no faults.
func (w *world) quiesce() *node {
	n := w.newest()
	if n == nil {
		n = w.nodes[0]
		w.claim(n)
	}
	for range 3 {
		for _, p := range w.people {
			w.connect(p, n)
		}
		for range 100 {
			w.follow(n, w.cell.last())
			if n.s.Lost() {
				w.claim(n)
			}
			if batch := n.s.Propose(); batch != nil {
				seq, err := w.cell.append(batch[0].Epoch, batch)
				w.answer(n, batch[0].Epoch, seq, err)
			}
		}
		w.follow(n, w.cell.last())
		for _, p := range w.people {
			for _, f := range p.inbox {
				f(p.client)
			}
			p.inbox = nil
		}
	}
	return n
}

func TestEveryClientConvergesOnTheTranscript(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, heard: make(map[string]string), nodes: make([]*node, 3)}
		for i := range w.nodes {
			w.nodes[i] = &node{}
			w.start(i)
		}
		for _, a := range []relay.Author{{Role: relay.RoleVisitor, ID: "v"}, {Role: relay.RoleVisitor, ID: "v"}, {Role: relay.RoleAgent, ID: "a"}} {
			w.people = append(w.people, &reader{client: newClient(), author: a, said: 1000 * len(w.people)})
		}
		t.Repeat(w.steps())
		n := w.quiesce()
		w.check()
		if n.s.Unstored() > 0 {
			t.Fatalf("%d messages are left unstored", n.s.Unstored())
		}
		for i, p := range w.people {
			if got := p.placed(); !slices.Equal(got, w.cell.messages) {
				t.Fatalf("client %d has\n%s\nthe transcript is\n%s", i, show(got), show(w.cell.messages))
			}
			for _, m := range p.unsaid {
				if _, stored := w.cell.find(m); !stored && !w.ended {
					t.Fatalf("%s was said and is nowhere", m.ID)
				}
			}
		}
	})
}
