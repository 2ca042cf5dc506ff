package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kohe/dom"
	"kohe/edge"
	"kohe/relay"
	"kohe/relay/wire"
)

// chatter says something again and again, and knows what was acknowledged as
// stored.
type chatter struct {
	*person
	id relay.ID

	mu     sync.Mutex // guards what follows
	places map[string]uint64
	stored uint64
	stop   bool
}

// chat goes on until stop, or until the node is killed; the returned function
// waits for its end.
func (c *chatter) chat() (wait func()) {
	var running sync.WaitGroup
	running.Go(func() {
		pace := time.NewTicker(time.Second / edge.DefaultAsks) // as fast as one may
		defer pace.Stop()
		for n := 0; c.say(fmt.Sprint("word-", n), pace.C); n++ {
			<-pace.C
		}
	})
	return running.Wait
}

// say says one thing until it has its place.
func (c *chatter) say(text string, pace <-chan time.Time) bool {
	again := true
	for {
		if again {
			if _, err := c.Send(wire.Say, wire.SayPayload{Session: c.id, ID: text, Text: text}); err != nil {
				return false
			}
		}
		f, err := c.Recv(c.t.Context())
		if err != nil {
			return false
		}
		if again = f.Kind == wire.Error; again {
			<-pace // it was too fast
		}
		if placed, stop := c.heard(f, text); placed || stop {
			return placed
		}
	}
}

// heard notes what a frame says, and reports whether a message has its place.
func (c *chatter) heard(f wire.Frame, text string) (placed, stop bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var m wire.SentPayload
	var s wire.StoredPayload
	switch {
	case f.Kind == wire.Sent && wire.Decode(f, &m) == nil:
		c.places[m.ID] = m.Seq
	case f.Kind == wire.Stored && wire.Decode(f, &s) == nil:
		c.stored = max(c.stored, s.Seq)
	}
	return m.ID == text, c.stop
}

// acknowledged returns what is stored for certain.
func (c *chatter) acknowledged() (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for text, seq := range c.places {
		if seq <= c.stored {
			list = append(list, text)
		}
	}
	return list
}

func (p *process) transcript(client *http.Client, id relay.ID) (list []relay.Message) {
	p.t.Helper()
	for after := uint64(0); ; {
		var page struct{ Messages []relay.Message }
		if err := json.Unmarshal(p.get(client, fmt.Sprintf("/sessions/%s/messages?after=%d", id, after)), &page); err != nil {
			p.t.Fatal(err)
		}
		if len(page.Messages) == 0 {
			return list
		}
		list = append(list, page.Messages...)
		after = list[len(list)-1].Seq
	}
}

// drill restores to a node alone, as the README has it: the visitor who had the
// token goes on there.
func drill(t *testing.T, id relay.ID, token string, restore ...string) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "drill")
	kohe(t, append(restore, "--data", data)...)
	n := openAt(t, data)
	defer n.shut(t)
	p := &process{t: t, name: "drill", port: strconv.Itoa(n.port.Port()), log: &syncBuffer{}}
	visitor := p.visitor(token, wire.Resume{Session: id})
	visitor.hearText("word-0")
	visitor.say(id, "is this a drill")
	m := hear(visitor, wire.Sent, func(m wire.SentPayload) bool { return m.ID == "is-this-a-drill" })
	hear(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= m.Seq })
}

func TestAClusterThatLostAllItsNodesIsRestored(t *testing.T) {
	nodes := newCluster(t, 3, 0)
	kohe(t, "site", "add", "shop", "--origin", shopOrigin, "--record", "30", "--data", nodes[0].data)
	visitor, agent := nodes[1].visitor(""), nodes[2].console("ann")
	id := talk(visitor, agent)
	if err := visitor.OpenPage(t.Context()); err != nil {
		t.Fatal(err)
	}
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true, Record: true})
	hear(visitor, wire.Mirror, func(m wire.MirrorPayload) bool { return m.On && m.Full })
	page := dom.NewSnapshot(1, "https://shop.example/", "Shop").Insert(dom.Document, 0, 2, dom.Branch{Tag: "html", Nodes: []dom.Branch{
		{Tag: "body", Nodes: []dom.Branch{{Tag: "p", Nodes: []dom.Branch{{Text: "as it was seen"}}}}},
	}}).Bytes()
	visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), page...))
	console := nodes[0].signIn("ann")
	nodes[0].await("the page is recorded", func() bool { return strings.Contains(nodes[0].recorded(console, id), "as it was seen") })
	token := visitor.Welcome().Token

	// A backup, by a node that keeps the recording or not, while they chat.
	busy := &chatter{person: visitor, id: id, places: map[string]uint64{}}
	wait := busy.chat()
	nodes[0].await("they chat", func() bool { return len(busy.acknowledged()) > 100 })
	dir := t.TempDir()
	file, key := filepath.Join(dir, "kohe.backup"), filepath.Join(dir, "backup.key")
	recipient := kohe(t, "backup", "key", key)
	before := busy.acknowledged()
	began := time.Now()
	said := kohe(t, "backup", "--data", nodes[0].data, "--out", file, "--recipient", recipient)
	t.Logf("a backup in %v:\n%s", time.Since(began).Round(time.Millisecond), said)
	nodes[0].await("they chat on", func() bool { return len(busy.acknowledged()) > len(before)+20 })
	busy.mu.Lock()
	last := wire.Resume{Session: id, Epoch: 1 << 10, Seq: busy.stored} // they have seen more than the backup has
	busy.stop = true
	busy.mu.Unlock()

	for _, p := range nodes[1:] { // a disaster; what is left can be saved for as long as there is a node
		p.kill()
	}
	if said := kohe(t, "backup", "--data", nodes[0].data, "--out", filepath.Join(dir, "last.backup")); !strings.Contains(said, "could not ask the others") {
		t.Errorf("the last node says of its backup:\n%s", said)
	}
	for _, p := range nodes {
		p.kill()
		if err := os.RemoveAll(p.data); err != nil {
			t.Fatal(err)
		}
	}
	wait()

	drill(t, id, token, "restore", "--in", file, "--identity-file", key)

	fresh := &process{t: t, name: "new1", port: freePort(t), data: filepath.Join(t.TempDir(), "new1"), log: &syncBuffer{}}
	t.Cleanup(func() {
		fresh.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", fresh.name, fresh.log)
		}
	})
	kohe(t, "restore", "--in", file, "--identity-file", key, "--data", fresh.data, "--node", fresh.name, "--address", fresh.address())
	fresh.start()
	console = fresh.signIn("ann")
	there := map[string]int{}
	for i, m := range fresh.transcript(console, id) {
		if m.Seq != uint64(i+1) {
			t.Fatalf("message %d has the place %d", i+1, m.Seq)
		}
		there[m.Text]++
	}
	lost := slices.DeleteFunc(before, func(text string) bool { return there[text] == 1 })
	t.Logf("acknowledged before the backup: %d, in it: %d, at the end: %d", len(before), len(there), len(busy.acknowledged()))
	if len(lost) > 0 {
		t.Errorf("lost or doubled: %q", lost)
	}
	if text := fresh.recorded(console, id); !strings.Contains(text, "as it was seen") {
		t.Errorf("the recording is %q", text)
	}

	// The session waits; its visitor comes back with the old token, and somebody helps.
	again := fresh.visitor(token, last)
	ann := fresh.console("ann")
	ann.send(wire.State, wire.StatePayload{State: relay.Service, Departments: []string{"help"}})
	o := hear(ann, wire.Offer, func(o wire.OfferPayload) bool { return o.Session.ID == id })
	ann.send(wire.Answer, wire.AnswerPayload{Session: id, Assignment: o.Assignment, Accept: true})
	hear(again, wire.Session, func(s relay.Session) bool { return s.ID == id && s.State == relay.Active })
	again.say(id, "are you still there")
	ann.hearText("are you still there")
	ann.say(id, "we are back")
	m := again.hearText("we are back")
	hear(again, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= m.Seq })

	// Two more nodes join, as ever; the first one dies, and it goes on.
	all := []*process{fresh}
	for i := range 2 {
		p := &process{t: t, name: fmt.Sprint("new", i+2), port: freePort(t), log: &syncBuffer{}}
		p.data = filepath.Join(t.TempDir(), p.name)
		t.Cleanup(func() {
			p.kill()
			if t.Failed() {
				t.Logf("%s said:\n%s", p.name, p.log)
			}
		})
		kohe(t, "cluster", "join", kohe(t, "cluster", "token", "--data", fresh.data), "--data", p.data, "--node", p.name, "--address", p.address())
		p.start()
		all = append(all, p)
		fresh.await("it has joined", func() bool { return fresh.settled(len(all)) })
	}
	fresh.kill()
	all[1].await("another leads", func() bool { s := all[1].status(); return s.Leader != "" && s.Leader != fresh.name && s.Problem == "" })
	console = all[2].signIn("ann")
	list := all[2].transcript(console, id)
	if i := slices.IndexFunc(list, func(m relay.Message) bool { return m.Text == "word-0" }); i < 0 {
		t.Error("who joined does not have what was restored")
	}
	back, helper := all[1].visitor(token, wire.Resume{Session: id}), all[2].console("ann")
	back.hearText("we are back")
	back.say(id, "and still")
	m = helper.hearText("and still")
	hear(back, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= m.Seq })
}
