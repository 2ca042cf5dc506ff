package edge

import (
	"context"
	"slices"
	"testing"

	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

func TestAnAgentSendsPagesToWhereTheSiteLets(t *testing.T) {
	w := newWorld(t)
	site, _ := w.cell.Read().Site(testSite)
	site.Links = []string{"https://help.example"}
	if _, err := w.cell.Propose(context.Background(), state.Put{Site: &site, At: 1}); err != nil {
		t.Fatal(err)
	}
	visitor, agent, id := w.shared(t)
	say := func(p *person, text string, kind relay.MessageKind) relay.Code {
		t.Helper()
		said := wire.SayPayload{Session: id, ID: "link-" + relay.NewID().String(), Text: text, Kind: kind}
		p.send(wire.Say, said)
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		for {
			f, err := p.Recv(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var e wire.ErrorPayload
			if (f.Kind == wire.Sent || f.Kind == wire.Error) && wire.Decode(f, &e) == nil && e.ID == said.ID {
				return e.Code
			}
		}
	}
	for text, code := range map[string]relay.Code{
		testOrigin + "/prices What it costs": "",
		"https://help.example/faq?a=1":       "",
		"https://evil.example/":              relay.CodeForbidden,
		"http://shop.example/":               relay.CodeForbidden,
		"https://shop.example.evil.example/": relay.CodeForbidden,
		"javascript:alert(1) Prices":         relay.CodeInvalid,
		"https://a:b@shop.example/":          relay.CodeInvalid,
		"Prices":                             relay.CodeInvalid,
	} {
		if got := say(agent, text, relay.KindLink); got != code {
			t.Errorf("%q: %q, want %q", text, got, code)
		}
	}
	if got := say(agent, "on", relay.KindConsent); got != relay.CodeInvalid {
		t.Errorf("an event from an agent: %q", got)
	}
	m := await(visitor, wire.Message, func(m relay.Message) bool { return m.Kind == relay.KindLink })
	if m.Author.Role != relay.RoleAgent {
		t.Errorf("the visitor gets %+v", m)
	}
	if got := say(visitor, testOrigin+"/", relay.KindLink); got != relay.CodeForbidden {
		t.Errorf("a visitor's link: %q", got)
	}

	open := func(address string) relay.Code {
		t.Helper()
		return agent.outcome(wire.Act, wire.ActPayload{Session: id, ID: "open-1", Do: wire.DeedOpen, Text: address})
	}
	if got := open(testOrigin + "/prices"); got != relay.CodeForbidden {
		t.Errorf("opening without the level: %q", got)
	}
	visitor.send(wire.Grant, wire.GrantPayload{Session: id, Level: relay.LevelClick, On: true})
	await(agent, wire.Session, func(s relay.Session) bool { return slices.Contains(s.Granted, relay.LevelClick) })
	for address, code := range map[string]relay.Code{
		"https://help.example/": relay.CodeForbidden, // only by the visitor's own press
		"https://evil.example/": relay.CodeForbidden,
		"javascript:alert(1)":   relay.CodeInvalid,
		"":                      relay.CodeInvalid,
	} {
		if got := open(address); got != code {
			t.Errorf("opening %q: %q, want %q", address, got, code)
		}
	}
	if got := open(testOrigin + "/prices?code=39912310007"); got != "" {
		t.Errorf("opening a page of the site: %q", got)
	}
	said := await(visitor, wire.Message, func(m relay.Message) bool { return m.Kind == relay.KindAct })
	if said.Text != "open shop.example/prices" {
		t.Errorf("the transcript says %q", said.Text)
	}
}
