package remote

import (
	"context"

	"kohe/edge/auth"
	"kohe/relay"
)

// Gate admits people by asking a core node, which has the key.
type Gate struct{ *Remote }

// Gate returns who says who people are.
func (r *Remote) Gate() Gate { return Gate{r} }

// Visitor admits who a token of the site proves; without one, a new visitor.
// The sessions that their browser remembers are known here afterwards.
func (g Gate) Visitor(ctx context.Context, site, token string, recalls []relay.ID) (auth.Admission, error) {
	return g.admit(ctx, show{Role: relay.RoleVisitor, Site: site, Token: token, Recalls: recalls[:min(len(recalls), maxRecalls)]})
}

// Agent admits who a ticket of the HTTP side proves, or the pass of a Welcome.
func (g Gate) Agent(ctx context.Context, ticket, pass string) (auth.Admission, error) {
	return g.admit(ctx, show{Role: relay.RoleAgent, Ticket: ticket, Token: pass})
}

// Guest admits a client of another node to the one session of a carried link.
func (g Gate) Guest(ctx context.Context, from, carry string) (auth.Admission, error) {
	return g.admit(ctx, show{From: from, Token: carry})
}

// Look says for which agent, and at which site, another node looks at this one's
// visitors. This node may not speak for that agent.
func (g Gate) Look(ctx context.Context, from, token string) (auth.Grant, error) {
	p, _, err := g.ask(ctx, request{Look: &look{From: from, Token: token}})
	if err == nil && p.Admitted == nil {
		err = relay.Errorf(relay.CodeMalformed, "The answer of another node cannot be read.")
	}
	if err != nil {
		return auth.Grant{}, err
	}
	return p.Admitted.Grant, nil
}

// admit shows a core node what somebody showed this one.
func (r *Remote) admit(ctx context.Context, s show) (auth.Admission, error) {
	p, c, err := r.ask(ctx, request{Show: &s})
	if err != nil {
		return auth.Admission{}, err
	}
	if p.Admitted == nil {
		return auth.Admission{}, relay.Errorf(relay.CodeMalformed, "The answer of another node cannot be read.")
	}
	showing, in := p.ID, auth.Admission{Grant: p.Admitted.Grant, Token: p.Admitted.Token}
	in.Leave = func() { r.leave(showing) }
	in.Carry = func(ctx context.Context, session relay.ID, to string) (string, error) {
		p, _, err := r.ask(ctx, request{Carry: &carry{Showing: showing, Session: session, To: to}})
		return p.Carry, err
	}
	in.Look = func(ctx context.Context, site, _, to string) (string, error) {
		p, _, err := r.ask(ctx, request{Carry: &carry{Showing: showing, Site: site, To: to}})
		return p.Carry, err
	}
	for !r.keep(c, showing, p.Admitted) {
		// The stream that admitted them has ended: the next one may have begun
		// without them.
		again, now, err := r.ask(ctx, request{Hold: &hold{Held: []held{{showing, p.Admitted.Held}}}})
		if err == nil && len(again.Refused) > 0 {
			err = relay.Errorf(relay.CodeRevoked, "You are signed out. Please sign in again.")
		}
		if err != nil {
			r.leave(showing)
			return auth.Admission{}, err
		}
		c = now
	}
	return in, nil
}

// keep notes a grant, and reports whether the core node that knows of it is
// still the one that is asked.
func (r *Remote) keep(c *conn, showing uint64, a *admitted) bool {
	r.replica.mu.Lock()
	r.interest.add(showing, a.Grant)
	if row, ok := r.agents[a.Grant.Agent]; ok {
		r.interest.who[row.ID] = row.Principal()
	}
	r.replica.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[showing] = a.Held
	return r.up == c
}

// leave lets go of a grant.
func (r *Remote) leave(showing uint64) {
	r.replica.mu.Lock()
	r.interest.remove(showing)
	r.replica.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, showing)
	if r.up != nil {
		r.up.out.put(request{Leave: showing})
	}
}
