package auth

import (
	"time"

	"kohe/relay"
)

// Grant says that a node may speak for one person: everywhere, or in one
// session of theirs. Core nodes sign grants. A node that is an edge only shows
// them to a core node, which lets it have and do no more than they say.
type Grant struct {
	Node       string     `json:"n"`           // who may speak
	From       string     `json:"f,omitempty"` // the node that the person is connected to, where that is another one
	Role       relay.Role `json:"r"`           // visitor, or agent for agents and supervisors
	Site       string     `json:"s,omitempty"`
	Visitor    relay.ID   `json:"v,omitzero"`
	Agent      string     `json:"a,omitempty"`
	Generation uint64     `json:"g,omitempty"` // of the agent's sign-in
	Session    relay.ID   `json:"i,omitzero"`  // zero: in all of theirs
	Name       string     `json:"m,omitempty"` // of a look: what visitors know the agent as
	Issued     int64      `json:"t"`           // ms since 1970
}

// CarryFor is how long a node has to carry a client to another: the grant is
// made for the one link that is being opened.
const CarryFor = 30 * time.Second

// In reports whether the grant is good in a session.
func (g Grant) In(session relay.ID) bool { return g.Session.IsZero() || g.Session == session }

// Author reports whether the grant is for the author of a message.
func (g Grant) Author(a relay.Author) bool {
	if g.Role == relay.RoleVisitor {
		return a.Role == relay.RoleVisitor && a.ID == g.Visitor.String()
	}
	return a.Role != relay.RoleVisitor && a.ID == g.Agent
}

// SignGrant returns what a node shows for somebody who is connected to it.
func (k *Key) SignGrant(g Grant) string { return k.sign(forGrant, g) }

// Grant checks a grant that a node shows. A grant of another node, a forged or
// an expired one is CodeAuth. The generation of an agent's sign-in is for the
// caller to compare.
func (k *Key) Grant(text, node string, now time.Time) (Grant, error) {
	return k.grant(forGrant, text, node, now, func(g Grant) time.Duration {
		if g.Role == relay.RoleVisitor {
			return VisitorTokenFor
		}
		return ConsoleSessionFor
	})
}

// SignCarry returns the grant with which one node carries a client's link to
// another, for one session.
func (k *Key) SignCarry(g Grant) string { return k.sign(forCarry, g) }

// Carried checks a grant of SignCarry at the node that the link leads to.
func (k *Key) Carried(text, from, node string, now time.Time) (Grant, error) {
	g, err := k.grant(forCarry, text, node, now, func(Grant) time.Duration { return CarryFor })
	if err != nil || g.From != from || g.Session.IsZero() {
		return Grant{}, errToken
	}
	return g, nil
}

// LookFor is how long a node may show an agent the visitors of another one with
// one grant; it shows a fresh one in time.
const LookFor = 30 * time.Second

// SignLook returns the grant with which one node looks at the visitors of one
// site that another has, on behalf of an agent.
func (k *Key) SignLook(g Grant) string { return k.sign(forLook, g) }

// Looked checks a grant of SignLook at the node that is looked at. It lets
// nobody speak for the agent.
func (k *Key) Looked(text, from, node string, now time.Time) (Grant, error) {
	g, err := k.grant(forLook, text, node, now, func(Grant) time.Duration { return LookFor })
	if err != nil || g.From != from || g.Agent == "" || g.Site == "" {
		return Grant{}, errToken
	}
	return g, nil
}

func (k *Key) grant(purpose, text, node string, now time.Time, span func(Grant) time.Duration) (Grant, error) {
	var g Grant
	if err := k.open(purpose, text, &g); err != nil {
		return g, err
	}
	if g.Node != node || expired(g.Issued, span(g), now) {
		return Grant{}, errToken
	}
	return g, nil
}
