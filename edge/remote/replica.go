package remote

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

// keepFor is how long a session's row stays that concerns nobody here any more:
// whoever has just heard of its end may still look at it.
const keepFor = time.Minute

// replica is what a node that is an edge only has of the state, in memory.
// Its methods may be called from any goroutine.
type replica struct {
	mu          sync.RWMutex // guards what follows
	sites       map[string]state.Site
	departments map[string]state.Department
	queues      map[string]relay.Queue
	nodes       []state.Node
	agents      map[string]state.Agent
	desks       map[string]state.AgentDesk
	offers      map[string][]state.Offer
	visitors    map[siteVisitor]state.Visitor
	sessions    map[relay.ID]*kept
	liveOf      map[relay.ID]relay.ID // by visitor
	interest    *interest
	index       uint64
}

type siteVisitor struct {
	site string
	id   relay.ID
}

type kept struct {
	session
	unwanted time.Time // since when it concerns nobody; zero: it does
}

func newReplica(node string) *replica {
	r := &replica{interest: newInterest(node)}
	r.clear()
	return r
}

// clear forgets all but whom the edge speaks for. mu is held, or not needed yet.
func (r *replica) clear() {
	r.sites, r.departments, r.queues = map[string]state.Site{}, map[string]state.Department{}, map[string]relay.Queue{}
	r.agents, r.desks, r.offers = map[string]state.Agent{}, map[string]state.AgentDesk{}, map[string][]state.Offer{}
	r.visitors, r.sessions, r.liveOf = map[siteVisitor]state.Visitor{}, map[relay.ID]*kept{}, map[relay.ID]relay.ID{}
}

// apply takes news.
func (r *replica) apply(n *news) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.Anew {
		r.clear()
	}
	for _, s := range n.Sites {
		r.sites[s.ID] = s
	}
	for _, d := range n.Departments {
		r.departments[d.ID] = d
	}
	for _, q := range n.Queues {
		r.queues[q.Department] = q
	}
	if n.Nodes != nil {
		r.nodes = n.Nodes
	}
	for _, a := range n.Agents {
		r.agents[a.ID] = a
		r.interest.who[a.ID] = a.Principal()
	}
	for _, d := range n.Desks {
		r.desks[d.Agent] = d
	}
	maps.Copy(r.offers, n.Offers)
	for _, v := range n.Visitors {
		r.visitors[siteVisitor{v.Site, v.Row.ID}] = v.Row
	}
	for _, s := range n.Sessions {
		r.take(s)
	}
	for id, place := range n.Places {
		if k := r.sessions[id]; k != nil {
			k.Place = place
		}
	}
	for _, c := range n.Changes {
		if c.Stored != nil {
			r.stored(c.Stored)
		}
	}
	r.index = max(r.index, n.Index)
}

// stored raises the end of a session's stored prefix. A row that was read later
// has it already.
func (r *replica) stored(s *state.Stored) {
	if k := r.sessions[s.Session]; k != nil {
		k.Row.Stored = max(k.Row.Stored, s.Messages[len(s.Messages)-1].Seq)
	}
}

// take stores a session's row, unless it is older than what is there.
func (r *replica) take(s session) {
	old := r.sessions[s.Row.ID]
	if old != nil && old.Row.Version > s.Row.Version {
		return
	}
	if old != nil {
		s.Row.Stored = max(s.Row.Stored, old.Row.Stored)
		if s.Row.Facts == nil {
			s.Row.Facts = old.Row.Facts
		}
	}
	k := &kept{session: s}
	if old != nil {
		k.unwanted = old.unwanted
	}
	r.sessions[s.Row.ID] = k
	if s.Row.State != relay.Ended {
		r.liveOf[s.Row.Visitor] = s.Row.ID
	} else if r.liveOf[s.Row.Visitor] == s.Row.ID {
		delete(r.liveOf, s.Row.Visitor)
	}
}

// sweep forgets what has concerned nobody here for a while.
func (r *replica) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	offered := map[relay.ID]bool{}
	for _, list := range r.offers {
		for _, o := range list {
			offered[o.Session] = true
		}
	}
	for id, k := range r.sessions {
		switch {
		case k.Row.State != relay.Ended && (r.interest.wants(k.Row, k.Origin) || offered[id]):
			k.unwanted = time.Time{}
		case k.unwanted.IsZero():
			k.unwanted = now
		case now.Sub(k.unwanted) > keepFor:
			delete(r.sessions, id)
			if r.liveOf[k.Row.Visitor] == id {
				delete(r.liveOf, k.Row.Visitor)
			}
		}
	}
	for key := range r.visitors {
		if len(r.interest.visitors[key.id]) == 0 {
			delete(r.visitors, key)
		}
	}
	for id := range r.agents {
		if len(r.interest.agents[id]) == 0 {
			delete(r.agents, id)
			delete(r.interest.who, id)
			delete(r.desks, id)
			delete(r.offers, id)
		}
	}
}

func lookup[K comparable, V any](r *replica, m *map[K]V, k K) (V, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok := (*m)[k]
	return v, ok
}

// Site returns a site.
func (r *replica) Site(id string) (state.Site, bool) { return lookup(r, &r.sites, id) }

// Department returns a department.
func (r *replica) Department(id string) (state.Department, bool) {
	return lookup(r, &r.departments, id)
}

// Agent returns an agent who is connected here, or takes part in a session
// here; without the password.
func (r *replica) Agent(id string) (state.Agent, bool) { return lookup(r, &r.agents, id) }

// Desk returns an agent at work, as Agent.
func (r *replica) Desk(agent string) (state.AgentDesk, bool) { return lookup(r, &r.desks, agent) }

// Visitor returns a visitor who is connected here.
func (r *replica) Visitor(site string, id relay.ID) (state.Visitor, bool) {
	return lookup(r, &r.visitors, siteVisitor{site, id})
}

// AllSites returns all sites in order of id.
func (r *replica) AllSites() []state.Site {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.SortedFunc(maps.Values(r.sites), func(a, b state.Site) int { return cmp.Compare(a.ID, b.ID) })
}

// Nodes returns the cluster's nodes.
func (r *replica) Nodes() []state.Node {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.nodes
}

// Queue returns a department's queue.
func (r *replica) Queue(department string) relay.Queue {
	q, ok := lookup(r, &r.queues, department)
	if !ok {
		q.Department = department
	}
	return q
}

// Offers returns what an agent is offered now.
func (r *replica) Offers(agent string) []state.Offer {
	list, _ := lookup(r, &r.offers, agent)
	return list
}

func (r *replica) row(id relay.ID) (session, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	k := r.sessions[id]
	if k == nil {
		return session{}, false
	}
	return k.session, true
}

// Session returns a session that concerns somebody here.
func (r *replica) Session(id relay.ID) (relay.Session, bool) {
	s, ok := r.row(id)
	return s.Row, ok
}

// Origin returns the node that numbers a live session's messages, and its epoch.
func (r *replica) Origin(id relay.ID) (node string, epoch uint32, ok bool) {
	s, ok := r.row(id)
	return s.Origin, s.Row.Epoch, ok && s.Row.State != relay.Ended
}

// Place returns a session's place in its queue: 1 is next, 0 does not wait.
func (r *replica) Place(id relay.ID) int {
	s, _ := r.row(id)
	if s.Row.State != relay.Waiting {
		return 0
	}
	return s.Place
}

// Live returns the live sessions that concern somebody here, oldest first.
func (r *replica) Live() []relay.Session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var list []relay.Session
	for _, k := range r.sessions {
		if k.Row.State != relay.Ended {
			list = append(list, k.Row)
		}
	}
	slices.SortFunc(list, func(a, b relay.Session) int {
		return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return list
}

// LiveOf returns a visitor's live session.
func (r *replica) LiveOf(visitor relay.ID) (relay.Session, bool) {
	r.mu.RLock()
	id, ok := r.liveOf[visitor]
	r.mu.RUnlock()
	if !ok {
		return relay.Session{}, false
	}
	return r.Session(id)
}
