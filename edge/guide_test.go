package edge

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/dom"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// Nodes of the page that the tests act on.
const (
	nodeEmail, nodePassword, nodeSecret, nodeButton = 4, 5, 6, 7
)

// form is the snapshot of that page.
var form = dom.NewSnapshot(1, "https://shop.example/", "Shop").Insert(dom.Document, 0, 2, dom.Branch{Tag: "html", Nodes: []dom.Branch{
	{Tag: "body", Nodes: []dom.Branch{
		{Tag: "input", Attrs: []string{"name", "e-mail"}}, {Tag: "input", Attrs: []string{"type", "password"}},
		{Tag: "input", Attrs: []string{"data-kohe-mask", "", "name", "code"}}, {Tag: "button", Nodes: []dom.Branch{{Text: "Send it"}}},
	}},
}}).Bytes()

// shared is a session whose page with a form the agent sees.
func (w *world) shared(t *testing.T) (visitor, agent *person, id relay.ID) {
	t.Helper()
	agent = w.agent("ann")
	visitor, id = w.talk(agent)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for _, p := range []*person{visitor, agent} {
		if err := p.OpenPage(ctx); err != nil {
			t.Fatal(err)
		}
	}
	visitor.send(wire.Tab, wire.TabPayload{URL: "https://shop.example/", Visible: true, Focused: true})
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true})
	await(visitor, wire.OK, whatever[wire.OKPayload])
	agent.send(wire.Watch, wire.WatchPayload{Session: id, On: true})
	await(visitor, wire.Mirror, func(m wire.MirrorPayload) bool { return m.On && m.Full })
	visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), form...))
	for {
		if f, err := agent.Recv(ctx); err != nil {
			t.Fatal(err)
		} else if f.Kind == wire.PageDiff {
			return visitor, agent, id
		}
	}
}

// outcome sends a request and returns the code of its error, "" for none.
func (p *person) outcome(k wire.Kind, payload any) relay.Code {
	p.t.Helper()
	ref := p.send(k, payload)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		f, err := p.Recv(ctx)
		if err != nil {
			p.t.Fatalf("%s is not answered: %v", k, err)
		}
		var e wire.ErrorPayload
		if (f.Kind == wire.OK || f.Kind == wire.Error) && wire.Decode(f, &e) == nil && e.Ref == ref {
			return e.Code
		}
	}
}

func TestAnAgentActsOnlyAsFarAsTheVisitorLets(t *testing.T) {
	w := newWorld(t)
	visitor, agent, id := w.shared(t)
	act := func(do wire.Deed, node uint32) wire.ActPayload {
		return wire.ActPayload{Session: id, ID: string(do) + "-1", Do: do, Node: node, Text: "liis@shop.example"}
	}
	refused := func(what string, k wire.Kind, payload any, code relay.Code) {
		t.Helper()
		if got := agent.outcome(k, payload); got != code {
			t.Errorf("%s: %q, want %q", what, got, code)
		}
	}
	granted := func(level relay.Level, on bool) {
		t.Helper()
		visitor.send(wire.Grant, wire.GrantPayload{Session: id, Level: level, On: on})
		await(agent, wire.Session, func(s relay.Session) bool { return slices.Contains(s.Granted, level) == on })
	}
	for _, do := range []wire.Deed{wire.DeedPoint, wire.DeedScroll, wire.DeedFill, wire.DeedClick} {
		refused("before it was asked for", wire.Act, act(do, nodeEmail), relay.CodeForbidden)
	}
	refused("no deed", wire.Act, act("format", nodeEmail), relay.CodeInvalid)
	refused("no level", wire.Ask, wire.AskPayload{Session: id, Level: "all"}, relay.CodeInvalid)

	refused("asking", wire.Ask, wire.AskPayload{Session: id, Level: relay.LevelFill}, "")
	if a := await(visitor, wire.Ask, whatever[wire.AskPayload]); a.Level != relay.LevelFill || a.By == "" {
		t.Errorf("the visitor is asked %+v", a)
	}
	granted(relay.LevelFill, true)
	refused("with the level", wire.Act, act(wire.DeedFill, nodeEmail), "")
	if a := await(visitor, wire.Act, whatever[wire.ActPayload]); a.Node != nodeEmail || a.Text != "liis@shop.example" || a.By == "" {
		t.Errorf("the visitor's page is to do %+v", a)
	}
	visitor.send(wire.Acted, wire.ActedPayload{Session: id, ID: "fill-1", Why: "gone"})
	if a := await(agent, wire.Acted, whatever[wire.ActedPayload]); a.ID != "fill-1" || a.Why != "gone" {
		t.Errorf("the agent hears %+v", a)
	}
	for what, node := range map[string]uint32{"a password": nodePassword, "what is masked": nodeSecret, "a button's text": nodeButton, "what is not there": 99, "the document": dom.Document} {
		refused(what, wire.Act, act(wire.DeedFill, node), relay.CodeForbidden)
	}
	refused("another level", wire.Act, act(wire.DeedClick, nodeButton), relay.CodeForbidden)
	granted(relay.LevelClick, true)
	refused("a click", wire.Act, act(wire.DeedClick, nodeButton), "")
	refused("a click on what is masked", wire.Act, act(wire.DeedClick, nodeSecret), relay.CodeForbidden)

	granted(relay.LevelFill, false) // taken back
	refused("after it was taken back", wire.Act, act(wire.DeedFill, nodeEmail), relay.CodeForbidden)
	refused("asking again", wire.Ask, wire.AskPayload{Session: id, Level: relay.LevelFill}, relay.CodeForbidden)

	site, _ := w.cell.Read().Site(testSite)
	site.Without = []relay.Level{relay.LevelClick}
	if _, err := w.cell.Propose(context.Background(), state.Put{Site: &site, At: 1}); err != nil {
		t.Fatal(err)
	}
	refused("what the site is without now", wire.Act, act(wire.DeedClick, nodeButton), relay.CodeForbidden)

	var told []string
	for until := time.Now().Add(wait); len(told) < 5 && time.Now().Before(until); time.Sleep(time.Millisecond) {
		all, err := w.cell.Read().Messages(id, 0, state.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		told = nil
		for _, m := range all {
			if m.Kind == relay.KindLevel || m.Kind == relay.KindAct {
				told = append(told, string(m.Kind)+" "+m.Text)
			}
		}
	}
	want := []string{"level fill on", "act fill e-mail", "level click on", "act click Send it", "level fill off"}
	if !slices.Equal(told, want) {
		t.Errorf("the transcript says %q", told)
	}
	if strings.Contains(strings.Join(told, " "), "liis@") {
		t.Error("the transcript holds what was filled in")
	}
	agent.send(wire.Grant, wire.GrantPayload{Session: id, Level: relay.LevelFill, On: true})
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		if _, err := agent.Recv(ctx); relay.CodeOf(err) == relay.CodeProtocol {
			break // nobody grants themselves anything
		} else if err != nil {
			t.Fatalf("an agent who grants: %v", err)
		}
	}
	if s, _ := w.cell.Read().Session(id); slices.Contains(s.Granted, relay.LevelFill) {
		t.Error("an agent granted themselves a level")
	}
}

func TestAnAgentsHandIsSeenWithTheLevelOnly(t *testing.T) {
	w := newWorld(t)
	visitor, agent, id := w.shared(t)
	point := func(x byte) { agent.send(wire.Hand, append(wire.AppendSession(nil, id), x)) }
	point(1)
	visitor.send(wire.Grant, wire.GrantPayload{Session: id, Level: relay.LevelPoint, On: true})
	await(agent, wire.Session, func(s relay.Session) bool { return slices.Contains(s.Granted, relay.LevelPoint) })
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for seen := false; !seen; {
		point(2)
		for {
			f, err := visitor.Recv(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if f.Kind != wire.Hand {
				continue
			}
			if b := f.Payload[len(id):]; string(b) != "\x00\x03ANN\x02" {
				t.Errorf("the hand is %q", b)
			}
			seen = true
			break
		}
	}
}
