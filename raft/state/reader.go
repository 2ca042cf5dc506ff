package state

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// Pages of lists.
const (
	DefaultPage = 50
	MaxPage     = 500    // rows in one answer
	MaxScan     = 20_000 // rows looked at for it; past that, what was found is the answer
)

// Reader reads the state as of the last ApplyBatch. Its methods may be called
// from any goroutine; each sees one moment. Slices in settings (Site, Agent)
// are shared: not to be changed. What is not there, or cannot be read because
// the database failed (State.Err), is reported as absent by methods without an
// error.
type Reader struct{ state *State }

// Read returns a reader, which is good for as long as the state is.
func (s *State) Read() *Reader { return &Reader{s} }

func pageOf(limit int) int { return min(cmp.Or(max(limit, 0), DefaultPage), MaxPage) }

// lookup reads one value under the lock, which a map may be replaced under.
func lookup[K comparable, V any](r *Reader, m *map[K]V, k K) (V, bool) {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	v, ok := (*m)[k]
	return v, ok
}

// all returns the values that keep accepts, in order of key.
func all[V any](r *Reader, m *map[string]V, keep func(V) bool) []V {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	var list []V
	for _, k := range slices.Sorted(maps.Keys(*m)) {
		if v := (*m)[k]; keep(v) {
			list = append(list, v)
		}
	}
	return list
}

// Site returns a site.
func (r *Reader) Site(id string) (Site, bool) { return lookup(r, &r.state.sites, id) }

// Department returns a department.
func (r *Reader) Department(id string) (Department, bool) {
	return lookup(r, &r.state.departments, id)
}

// Agent returns an agent.
func (r *Reader) Agent(id string) (Agent, bool) { return lookup(r, &r.state.agents, id) }

// Customers returns all customers in order of id.
func (r *Reader) Customers() []Customer {
	return all(r, &r.state.customers, func(Customer) bool { return true })
}

// AllSites returns all sites in order of id.
func (r *Reader) AllSites() []Site {
	return all(r, &r.state.sites, func(Site) bool { return true })
}

// AllAgents returns all agents in order of id.
func (r *Reader) AllAgents() []Agent {
	return all(r, &r.state.agents, func(Agent) bool { return true })
}

// Sites returns a customer's sites in order of id.
func (r *Reader) Sites(customer string) []Site {
	return all(r, &r.state.sites, func(s Site) bool { return s.Customer == customer })
}

// Departments returns a customer's departments in order of id.
func (r *Reader) Departments(customer string) []Department {
	return all(r, &r.state.departments, func(d Department) bool { return d.Customer == customer })
}

// Agents returns a customer's agents in order of id.
func (r *Reader) Agents(customer string) []Agent {
	return all(r, &r.state.agents, func(a Agent) bool { return a.Customer == customer })
}

// Visitor returns a visitor of a site.
func (r *Reader) Visitor(site string, id relay.ID) (Visitor, bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	var v Visitor
	return v, s.found(s.visitorKey(site, id), &v)
}

// found reads a row; a failure of the database is noted and reads as absent.
func (s *State) found(k key, v any) bool {
	ok, err := get(s.db, k, v)
	if err != nil {
		_ = s.fail(err) // noted; Err says it
	}
	return ok && err == nil
}

// liveOrEnded returns a session's row, nil if there is none. mu is held.
func (s *State) liveOrEnded(id relay.ID) *session {
	row := s.live[id]
	if row == nil {
		var err error
		if row, err = s.readSession(s.db, id); err != nil {
			_ = s.fail(err) // noted; Err says it
		}
	}
	return row
}

// Session returns a session with its facts, live or ended.
func (r *Reader) Session(id relay.ID) (relay.Session, bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	row := s.liveOrEnded(id)
	if row == nil {
		return relay.Session{}, false
	}
	v := s.view(row)
	var f relay.Facts
	if s.found(s.key(tableFacts).id(id), &f) {
		v.Facts = &f
	}
	return v, true
}

// Origin returns the node that numbers a live session's messages, and its epoch.
func (r *Reader) Origin(id relay.ID) (node string, epoch uint32, ok bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	if row := s.live[id]; row != nil {
		return row.Origin, row.Epoch, true
	}
	return "", 0, false
}

// LastOrigin returns the node that numbers a session's messages, or that did so
// last if it has ended.
func (r *Reader) LastOrigin(id relay.ID) (node string, ok bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	row := s.liveOrEnded(id)
	if row == nil {
		return "", false
	}
	return row.Origin, true
}

// Live returns all sessions that have not ended, oldest first, without facts.
func (r *Reader) Live() []relay.Session {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]relay.Session, 0, len(s.live))
	for _, row := range s.live {
		list = append(list, s.view(row))
	}
	sortSessions(list)
	return list
}

// LiveOf returns a visitor's live session, without facts.
func (r *Reader) LiveOf(visitor relay.ID) (relay.Session, bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	row := s.liveOf[visitor]
	if row == nil {
		return relay.Session{}, false
	}
	return s.view(row), true
}

// Desk returns an agent at work, signed out if they have not been yet.
func (r *Reader) Desk(agent string) (AgentDesk, bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, ok := s.agents[agent]; !ok {
		return AgentDesk{}, false
	}
	return s.agentDesk(agent), true
}

// Queue returns a department's queue.
func (r *Reader) Queue(department string) relay.Queue {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.work.Queue(department)
	q.Name = s.departments[department].Name
	return q
}

// Place returns a session's place in its queue: 1 is next, 0 does not wait.
func (r *Reader) Place(session relay.ID) int {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.work.Place(session)
}

// Offers returns what an agent is offered now, in order of expiry.
func (r *Reader) Offers(agent string) []Offer {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Offer
	for _, id := range s.work.Has(agent) {
		if row, _ := s.work.Session(id); row.OfferUntil != 0 {
			list = append(list, Offer{Session: id, Agent: agent, Assignment: row.Assignment, ExpiresAt: row.OfferUntil})
		}
	}
	slices.SortStableFunc(list, func(a, b Offer) int { return cmp.Compare(a.ExpiresAt, b.ExpiresAt) })
	return list
}

// Deadline returns when the next Tick has something to do, in ms.
func (r *Reader) Deadline() (int64, bool) { return r.state.Deadline() }

// snapshot returns the database as of the last ApplyBatch, which goes on
// meanwhile. The caller closes it.
func (r *Reader) snapshot() *pebble.Snapshot {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.db.NewSnapshot()
}

// Customer returns a customer; one who is to arrive, or has gone, is not here.
func (r *Reader) Customer(id string) (Customer, bool) { return lookup(r, &r.state.customers, id) }

// Whose returns the customer that a session belongs to, whatever stands for
// them here.
func (r *Reader) Whose(session relay.ID) (customer string, ok bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	row := s.liveOrEnded(session)
	if row == nil {
		return "", false
	}
	return row.Customer, true
}

// About returns the customers that a command is about, as far as they are known
// here; none for what is of the whole cell.
func (r *Reader) About(c Command) []string {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.about(c, s.liveOrEnded)
}
