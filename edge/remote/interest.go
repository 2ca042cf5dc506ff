package remote

import (
	"kohe/edge/auth"
	"kohe/relay"
)

// interest is whom an edge speaks for, and by that what concerns it.
type interest struct {
	node     string
	showings map[uint64]auth.Grant
	visitors map[relay.ID]map[uint64]auth.Grant
	agents   map[string]map[uint64]auth.Grant
	who      map[string]relay.Principal // the agents, as the state has them
}

func newInterest(node string) *interest {
	return &interest{
		node: node, showings: map[uint64]auth.Grant{}, visitors: map[relay.ID]map[uint64]auth.Grant{},
		agents: map[string]map[uint64]auth.Grant{}, who: map[string]relay.Principal{},
	}
}

func (i *interest) add(showing uint64, g auth.Grant) {
	i.remove(showing)
	i.showings[showing] = g
	if g.Role == relay.RoleVisitor {
		put(i.visitors, g.Visitor, showing, g)
	} else {
		put(i.agents, g.Agent, showing, g)
	}
}

func (i *interest) remove(showing uint64) {
	g, ok := i.showings[showing]
	if !ok {
		return
	}
	delete(i.showings, showing)
	if g.Role == relay.RoleVisitor {
		drop(i.visitors, g.Visitor, showing)
	} else if drop(i.agents, g.Agent, showing) {
		delete(i.who, g.Agent)
	}
}

func put[K comparable](m map[K]map[uint64]auth.Grant, k K, showing uint64, g auth.Grant) {
	if m[k] == nil {
		m[k] = map[uint64]auth.Grant{}
	}
	m[k][showing] = g
}

func drop[K comparable](m map[K]map[uint64]auth.Grant, k K, showing uint64) (last bool) {
	delete(m[k], showing)
	if len(m[k]) > 0 {
		return false
	}
	delete(m, k)
	return true
}

// visitor reports whether the edge speaks for a visitor in a session; the zero
// session stands for all.
func (i *interest) visitor(id, session relay.ID) bool { return speaks(i.visitors[id], session) }

// agent reports whether the edge speaks for an agent in a session; the zero
// session stands for all.
func (i *interest) agent(id string, session relay.ID) bool { return speaks(i.agents[id], session) }

func speaks(grants map[uint64]auth.Grant, session relay.ID) bool {
	for _, g := range grants {
		if g.In(session) {
			return true
		}
	}
	return false
}

// takesPart reports whether somebody whom the edge speaks for has a place in a
// session.
func (i *interest) takesPart(row relay.Session) bool {
	if i.visitor(row.Visitor, row.ID) {
		return true
	}
	for id, grants := range i.agents {
		if i.who[id].Sees(row) && speaks(grants, row.ID) {
			return true
		}
	}
	return false
}

// wants reports whether a session concerns the edge.
func (i *interest) wants(row relay.Session, origin string) bool {
	return origin == i.node || i.takesPart(row)
}
