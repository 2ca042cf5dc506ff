package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/edge/api"
	"kohe/relay"
	"kohe/relay/wire"
)

// signIn signs an agent in over HTTP, as a browser does.
func (p *process) signIn(id string) *http.Client {
	p.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: soon}
	p.post(client, "/api/v1/sign-in", map[string]string{"name": id, "password": "correct horse battery"}, nil)
	return client
}

// console signs an agent in and connects.
func (p *process) console(id string) *person {
	p.t.Helper()
	client := p.signIn(id)
	var got struct{ Ticket, WT string }
	p.post(client, "/api/v1/ticket", struct{}{}, &got)
	if !strings.Contains(got.WT, ":"+p.port+"/") {
		p.t.Errorf("%s: the ticket is to be used at %s", p.name, got.WT)
	}
	return p.dial(wire.HelloPayload{Role: relay.RoleAgent, Ticket: got.Ticket})
}

func (p *process) post(client *http.Client, path string, in, out any) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+p.address()+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("X-Kohe", "1")
	answer, err := client.Do(r)
	if err != nil {
		p.t.Fatalf("%s: %s: %v\n%s", p.name, path, err, p.log)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s: %s %s %v\n%s", p.name, path, answer.Status, text, err, p.log)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			p.t.Fatal(err)
		}
	}
}

func TestPeopleAtNodesThatAreEdgesOnlyTalkAsAtCoreNodes(t *testing.T) {
	nodes := newCluster(t, 3, 2)
	first, second := nodes[3], nodes[4]
	visitor, agent := first.visitor(""), second.console("ann")
	id := talk(visitor, agent)
	visitor.say(id, "the secret hamster")
	m := agent.hearText("the secret hamster")
	agent.say(id, "welcome")
	last := visitor.hearText("welcome")
	stored := func(s wire.StoredPayload) bool { return s.Seq >= last.Seq }
	hear(visitor, wire.Stored, stored)
	hear(agent, wire.Stored, stored)

	for p, want := range map[*process][]string{
		first:    {"kohe_cell_up 1\n", `kohe_node_up{node="n1",region="n1",role="core"} 1`, `kohe_node_up{node="n5",region="n5",role="edge"} 1`},
		nodes[0]: {"kohe_cell_up 1\n", "kohe_cell_leading ", "kohe_cell_applied_index ", `kohe_node_rtt_seconds{node="n4",region="n4",role="edge"} `},
	} {
		text := p.metrics()
		for _, line := range want {
			if !strings.Contains(text, line) {
				t.Errorf("%s: no %q among its figures", p.name, line)
			}
		}
	}

	// The core node that the visitor's edge asks dies, then the one that leads.
	for round, next := range []func() *process{
		func() *process { return named(nodes, first.status().Asked) },
		func() *process { return leaderOf(nodes) },
	} {
		p := next()
		p.kill()
		killed := time.Now()
		text := fmt.Sprintf("without %s, round %d", p.name, round)
		visitor.say(id, text)
		m = agent.hearText(text)
		t.Logf("heard %v after the kill", time.Since(killed).Round(time.Millisecond))
		hear(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= m.Seq })
		t.Logf("stored %v after the kill", time.Since(killed).Round(time.Millisecond))
		p.start()
		nodes[0].await("it is back", func() bool { return p.settled(len(nodes)) && leaderOf(nodes) != nil })
	}

	// The visitor's edge dies; they go to the agent's.
	token := visitor.Welcome().Token
	first.kill()
	again := second.visitor(token, wire.Resume{Session: id, Epoch: m.Epoch, Seq: m.Seq})
	again.say(id, "from the other edge")
	m = agent.hearText("from the other edge")
	hear(again, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= m.Seq })
	agent.send(wire.End, wire.SessionRef{Session: id})
	hear(again, wire.Session, func(s relay.Session) bool { return s.State == relay.Ended })

	for _, p := range []*process{first, second} {
		for _, secret := range []string{"hamster", "Liis", "from the other edge"} {
			if path := fileWith(t, p.data, secret); path != "" {
				t.Errorf("the edge %s keeps %q in %s", p.name, secret, path)
			}
		}
		if _, err := os.Stat(filepath.Join(p.data, "node.key")); err == nil {
			t.Errorf("the edge %s has the core nodes' key", p.name)
		}
	}
	if fileWith(t, nodes[0].data, "from the other edge") == "" {
		t.Error("a core node does not keep it either: the search finds nothing")
	}
	var sites []api.LocalSite
	if err := second.call(http.MethodGet, "/sites", nil, &sites); err == nil || !strings.Contains(err.Error(), "core node") {
		t.Errorf("a command for a core node: %v", err)
	}
}

func (p *process) metrics() string {
	p.t.Helper()
	answer, err := http.Get("http://" + p.address() + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func named(nodes []*process, name string) *process {
	return nodes[slices.IndexFunc(nodes, func(p *process) bool { return p.name == name })]
}

// fileWith returns a file in a folder that contains a text.
func fileWith(t *testing.T, dir, text string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
