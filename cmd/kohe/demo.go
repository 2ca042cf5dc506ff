package main

import (
	"context"
	"fmt"
	"net/url"

	"kohe/edge/auth"
	"kohe/raft/state"
	"kohe/relay"
)

// Who may sign in to the demo. The password is no secret: see demoCommand.
const (
	demoAgent      = "agent"
	demoSupervisor = "supervisor"
	demoPassword   = "welcome-aboard"
)

// shop returns the demo shop's address: by number where the console goes by
// name, so that the two are different origins, as in life.
func (n *node) shop() string {
	u, err := url.Parse(n.public)
	if err == nil && u.Hostname() == "localhost" {
		return fmt.Sprintf("%s://127.0.0.1:%s", u.Scheme, u.Port())
	}
	return n.public
}

// seedDemo makes the demo's customer, unless it is there.
func seedDemo(ctx context.Context, n *node) error {
	rows := []state.Put{
		{Customer: &state.Customer{ID: "demo", Name: "Pood"}},
		{Department: &state.Department{ID: "demo-sales", Customer: "demo", Name: "Sales"}},
		{Department: &state.Department{ID: "demo-bookings", Customer: "demo", Name: "Bookings"}},
		{Site: &state.Site{
			ID: "demo", Customer: "demo", Name: "Pood", Origins: []string{n.shop(), n.public},
			Departments: []string{"demo-sales", "demo-bookings"}, CoBrowse: true, Record: 7, Visitors: true, Pages: demoPages(n.shop()),
		}},
		{Agent: demoRow(demoAgent, "Mari Tamm", "Mari", relay.RoleAgent)},
		{Agent: demoRow(demoSupervisor, "Juhan Kask", "Juhan", relay.RoleSupervisor)},
	}
	for _, put := range rows {
		if put.Agent != nil {
			if _, there := n.cells.Read().Agent(put.Agent.ID); there {
				continue
			}
		}
		put.At = now()
		if _, err := n.cells.Propose(ctx, put); err != nil {
			return fmt.Errorf("seed the demo: %w", err)
		}
	}
	return nil
}

func demoPages(shop string) []state.Page {
	return []state.Page{
		{Title: "Boats & bikes", URL: shop + "/shop/index.html"},
		{Title: "Book a rental", URL: shop + "/shop/booking.html"},
		{Title: "Pay monthly", URL: shop + "/shop/loan.html"},
		{Title: "Basket", URL: shop + "/shop/basket.html"},
		{Title: "Account", URL: shop + "/shop/account.html"},
	}
}

func demoRow(id, name, alias string, role relay.Role) *state.Agent {
	return &state.Agent{
		ID: id, Customer: "demo", Name: name, Alias: alias, Role: role, Sites: []string{"demo"},
		Departments: []string{"demo-sales", "demo-bookings"}, Password: auth.HashPassword(demoPassword), Generation: 1,
	}
}
