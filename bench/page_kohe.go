package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"kohe/edge/api"
	"kohe/relay"
)

// connectTries is how often a page of ours is loaded until WebTransport wins
// its race with WebSocket.
const connectTries = 5

// connect opens a page that is to be connected over WebTransport. What is to be
// done there before it connects is done once.
func (b *browser) connect(address string, first func() error) error {
	for try := range connectTries {
		if err := b.visit(address); err != nil {
			return err
		}
		if try == 0 {
			if err := first(); err != nil {
				return err
			}
		}
		if used, err := await[string](b, "bench.transport()"); err != nil || used == "webtransport" {
			return err
		}
	}
	return errors.New("no connection over WebTransport; is the machine too busy?")
}

// koheScreens brings an agent into service at a node. The first page that is
// shown asks for help there; those after it go on with that session.
func koheScreens(ctx context.Context, b *browser, p *Process, site string) (*screens, error) {
	e, err := openScreens(b, "kohe")
	if err != nil {
		return nil, err
	}
	if err := staffOne(ctx, p, e.agent, api.LocalSite{Origins: []string{site}}); err != nil {
		return nil, err
	}
	first := e.ask
	e.show = func(page string) error {
		if err := e.visitor.connect(site+"/"+page+"?node="+url.QueryEscape(p.Base), first); err != nil {
			return err
		}
		first = func() error { return nil }
		return e.agent.steps(fmt.Sprintf("bench.watch(%q)", page))
	}
	e.sent = func() (float64, error) { return await[float64](e.visitor, "bench.given()") }
	return e, nil
}

// staffOne makes the site and an agent, who signs in to the console and goes
// into service.
func staffOne(ctx context.Context, p *Process, agent *browser, site api.LocalSite) error {
	site.ID, site.Departments, site.CoBrowse = benchSite, []string{"help"}, true
	if err := p.call(ctx, http.MethodPost, "/sites", site, &site); err != nil {
		return err
	}
	const password = "one run of a benchmark"
	a := api.LocalAgent{ID: agentName(0), Role: relay.RoleAgent, Capacity: 1, Password: password}
	if err := p.call(ctx, http.MethodPost, "/agents", a, &a); err != nil {
		return err
	}
	if err := agent.connect(p.Base+"/console/", func() error {
		return agent.steps(fmt.Sprintf(`bench.type("name", %q)`, a.ID), fmt.Sprintf(`bench.type("password", %q)`, password), `bench.press("Sign in")`)
	}); err != nil {
		return err
	}
	return agent.steps(`bench.press("In service")`)
}

// ask has the visitor ask for help, the agent take it, and the visitor share
// the page.
func (e *screens) ask() error {
	if err := e.visitor.steps(`bench.press("Chat with us")`, `bench.type("name", "Visitor")`, `bench.press("Start chat")`); err != nil {
		return err
	}
	if err := e.agent.steps(`bench.press("Accept")`); err != nil {
		return err
	}
	return e.visitor.steps(`bench.press("Allow")`, "Kohe.close()")
}
