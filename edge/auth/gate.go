package auth

import (
	"context"
	"time"

	"kohe/relay"
)

// Gate says who people are, by what the core nodes' key has signed, at one node.
type Gate struct {
	Key     *Key
	Tickets *Tickets
	Node    string // where people are admitted
	Now     func() time.Time
}

// Admission is one client who has proved who they are.
type Admission struct {
	Grant
	Token string // what they show the next time: a visitor's token, an agent's pass; "" for a guest

	// Carry returns the grant with which this node opens a link at another one
	// for the client, in one session.
	Carry func(ctx context.Context, session relay.ID, to string) (string, error)
	// Look returns the grant with which this node looks at the visitors of a site
	// at another one for an agent, whom visitors know by the given name.
	Look func(ctx context.Context, site, name, to string) (string, error)
	// Leave says that the client is gone; nil: nobody needs to know.
	Leave func()
}

// Visitor admits who a token of the site proves. Without a token that is a new
// visitor; with a forged, an expired or another site's it is CodeAuth.
func (g *Gate) Visitor(_ context.Context, site, token string, _ []relay.ID) (Admission, error) {
	now := g.Now()
	grant := Grant{Role: relay.RoleVisitor, Site: site, Visitor: relay.NewID()}
	if token != "" {
		t, err := g.Key.Visitor(token, site, now)
		if err != nil {
			return Admission{}, err
		}
		grant.Visitor = t.Visitor
	}
	return g.admit(grant, g.Key.SignVisitor(site, grant.Visitor, now)), nil
}

// Agent admits who a ticket of this node's HTTP side proves, or without one the
// pass that another node's Welcome gave. Whether the sign-in has been revoked
// since is for the caller to see, by the generation.
func (g *Gate) Agent(_ context.Context, ticket, pass string) (Admission, error) {
	var s ConsoleSession
	var err error
	if ticket == "" && pass != "" {
		s, err = g.Key.Pass(pass, g.Now())
	} else {
		s, err = g.Tickets.Redeem(ticket, g.Now())
	}
	if err != nil {
		return Admission{}, err
	}
	return g.admit(Grant{Role: relay.RoleAgent, Agent: s.Agent, Generation: s.Generation}, g.Key.SignPass(s)), nil
}

// Guest admits a client of another node to the one session that a grant of its
// Admission.Carry names.
func (g *Gate) Guest(_ context.Context, from, carry string) (Admission, error) {
	grant, err := g.Key.Carried(carry, from, g.Node, g.Now())
	if err != nil {
		return Admission{}, err
	}
	return g.admit(grant, ""), nil
}

// Look says for which agent, and at which site, another node looks at this one's
// visitors, by a grant of its Admission.Look.
func (g *Gate) Look(_ context.Context, from, look string) (Grant, error) {
	return g.Key.Looked(look, from, g.Node, g.Now())
}

func (g *Gate) admit(grant Grant, token string) Admission {
	grant.Node, grant.Issued = g.Node, g.Now().UnixMilli()
	return Admission{Grant: grant, Token: token, Carry: func(_ context.Context, session relay.ID, to string) (string, error) {
		return g.Carry(grant, session, to), nil
	}, Look: func(_ context.Context, site, name, to string) (string, error) {
		return g.LookAt(grant, site, name, to), nil
	}}
}

// LookAt returns a grant with which the node of another one may look at the
// visitors of a site at a third, for its agent. That the site is one of theirs
// is for the caller to see.
func (g *Gate) LookAt(held Grant, site, name, to string) string {
	return g.Key.SignLook(Grant{
		Role: held.Role, Agent: held.Agent, Generation: held.Generation, Name: name,
		From: held.Node, Node: to, Site: site, Issued: g.Now().UnixMilli(),
	})
}

// Carry returns a grant with which the node of another one may carry its
// client, in one session, to a third.
func (g *Gate) Carry(held Grant, session relay.ID, to string) string {
	carry := held
	carry.From, carry.Node, carry.Session, carry.Issued = held.Node, to, session, g.Now().UnixMilli()
	return g.Key.SignCarry(carry)
}
