package remote

import (
	"slices"

	"kohe/raft/state"
	"kohe/relay"
)

// changed hears of the cell's changes and tells the edge those that concern it.
func (l *line) changed(changes []state.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.began {
		return // begin reads what was applied before
	}
	n := &news{}
	for _, c := range changes {
		n.Index = max(n.Index, c.Index)
		if c.Reloaded {
			// What it missed is more than what it has: it begins anew.
			l.stop(relay.Errorf(relay.CodeUnavailable, "This core node was sent the whole state."))
			return
		}
		if l.change(n, c) {
			n.Changes = append(n.Changes, c)
		}
	}
	if len(n.Changes) > 0 {
		l.send(reply{News: n})
	}
}

// change adds the rows that a change is of, and reports whether it concerns the
// edge. mu is held.
func (l *line) change(n *news, c state.Change) bool {
	switch {
	case c.Session != nil:
		return l.sessionChanged(n, *c.Session)
	case c.Stored != nil:
		return l.has[c.Stored.Session] || l.storedHere(c.Stored.Session)
	case c.Offer != nil:
		if !l.interest.agent(c.Offer.Agent, relay.ID{}) {
			return false
		}
		l.tellOffers(n, c.Offer.Agent)
		return true
	case c.Agent != nil:
		return l.agentChanged(n, c.Agent.Agent)
	case c.Revoked != "":
		return l.revoked(c.Revoked)
	case !c.Blocked.IsZero():
		return l.blocked(n, c.Blocked)
	case c.Site != "":
		l.siteChanged(n, c.Site)
		return true
	case c.Node != "":
		n.Nodes = l.Store.Nodes()
		return true
	case len(c.Queues) > 0:
		l.queuesChanged(n, c.Queues)
		return true
	}
	return false
}

// storedHere reports whether an ended session's last messages concern the edge.
func (l *line) storedHere(id relay.ID) bool {
	origin, ok := l.Store.LastOrigin(id)
	if ok && origin == l.node {
		return true
	}
	row, ok := l.Store.Session(id)
	return ok && row.State == relay.Ended && l.interest.takesPart(row)
}

func (l *line) sessionChanged(n *news, row relay.Session) bool {
	origin, _ := l.Store.LastOrigin(row.ID)
	wants := l.interest.wants(row, origin)
	if !wants && !l.has[row.ID] {
		return false
	}
	if !l.has[row.ID] {
		if whole, ok := l.Store.Session(row.ID); ok && whole.Version <= row.Version {
			row = whole // with its facts
		}
	}
	l.tell(n, row)
	if !wants {
		delete(l.has, row.ID) // that it is nobody's here any more was the last news of it
	}
	return true
}

func (l *line) agentChanged(n *news, id string) bool {
	who, ok := l.interest.who[id]
	if !ok {
		return false
	}
	row, ok := l.Store.Agent(id)
	if !ok {
		return true
	}
	l.tellAgent(n, row)
	now := row.Principal()
	l.interest.who[id] = now
	if who.Role == now.Role && slices.Equal(who.Sites, now.Sites) && slices.Equal(who.Depts, now.Depts) {
		return true
	}
	for _, s := range l.Store.Live() {
		if now.Sees(s) {
			l.tellLive(n, s.ID)
		}
	}
	return true
}

// revoked takes back what older sign-ins of an agent gave. mu is held.
func (l *line) revoked(id string) bool {
	grants, ok := l.interest.agents[id]
	if !ok {
		return false
	}
	row, there := l.Store.Agent(id)
	for showing, g := range grants {
		if !there || row.Disabled || row.Generation != g.Generation {
			l.interest.remove(showing)
		}
	}
	return true
}

// blocked takes back what a visitor had. mu is held.
func (l *line) blocked(n *news, id relay.ID) bool {
	grants, ok := l.interest.visitors[id]
	if !ok {
		return false
	}
	for showing, g := range grants {
		row, _ := l.Store.Visitor(g.Site, id)
		n.Visitors = append(n.Visitors, visitor{g.Site, row})
		if row.Blocked {
			l.interest.remove(showing)
		}
	}
	return true
}

func (l *line) siteChanged(n *news, id string) {
	site, ok := l.Store.Site(id)
	if !ok {
		return
	}
	n.Sites = append(n.Sites, site)
	for _, dep := range site.Departments {
		l.department(n, dep)
	}
}

func (l *line) department(n *news, id string) {
	if d, ok := l.Store.Department(id); ok {
		n.Departments = append(n.Departments, d)
		n.Queues = append(n.Queues, l.Store.Queue(id))
	}
}

func (l *line) queuesChanged(n *news, ids []string) {
	for _, id := range ids {
		l.department(n, id)
	}
	for id := range l.has {
		if place := l.Store.Place(id); place > 0 {
			if n.Places == nil {
				n.Places = map[relay.ID]int{}
			}
			n.Places[id] = place
		}
	}
}
