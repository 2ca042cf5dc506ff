package cells

import (
	"bytes"
	"cmp"
	"slices"

	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
)

// Reader reads all cells as if they were one (state.Reader). Each method sees
// one moment of each cell. A customer on the way is read where they depart from,
// until they have settled.
type Reader struct{ set *Set }

// found looks for something in the cells: where it is of a customer who is not
// on the way, else where they depart from.
func found[V any](r *Reader, get func(*state.Reader) (V, bool), customer func(V) string) (v V, ok bool) {
	all := r.set.all()
	if len(all) == 1 {
		return get(all[0].Read())
	}
	for _, c := range all {
		if got, here := get(c.Read()); here {
			if v, ok = got, true; r.set.has(customer(got)) == c {
				return v, true
			}
		}
	}
	return v, ok
}

// gather returns what all cells have, without what is of a customer who has
// settled elsewhere.
func gather[V any](r *Reader, get func(*state.Reader) []V, customer func(*state.Reader, V) string) []V {
	all := r.set.all()
	if len(all) == 1 {
		return get(all[0].Read())
	}
	var list []V
	for _, c := range all {
		for _, v := range get(c.Read()) {
			if r.set.has(customer(c.Read(), v)) == c {
				list = append(list, v)
			}
		}
	}
	return list
}

// first reads what only the first cell has.
func (r *Reader) first() *state.Reader { return r.set.all()[0].Read() }

// at returns the reader of the cell that has a customer, of the first if none does.
func (r *Reader) at(customer string) *state.Reader {
	if c := r.set.has(customer); c != nil {
		return c.Read()
	}
	return r.first()
}

// ofSession returns the reader of the cell that has a session.
func (r *Reader) ofSession(id relay.ID) *state.Reader {
	all := r.set.all()
	if len(all) == 1 {
		return all[0].Read()
	}
	var at *client.Cell
	for _, c := range all {
		customer, ok := c.Read().Whose(id)
		if !ok {
			continue
		}
		if home := r.set.has(customer); home == c {
			return c.Read()
		}
		at = c
	}
	if at == nil {
		return r.first()
	}
	return at.Read()
}

func (r *Reader) ofSite(id string) *state.Reader {
	site, _ := r.Site(id)
	return r.at(site.Customer)
}

func (r *Reader) ofAgent(id string) *state.Reader {
	agent, _ := r.Agent(id)
	return r.at(agent.Customer)
}

func (r *Reader) ofDepartment(id string) *state.Reader {
	department, _ := r.Department(id)
	return r.at(department.Customer)
}

// Nodes returns the cluster's nodes.
func (r *Reader) Nodes() []state.Node { return r.first().Nodes() }

// Node returns a node.
func (r *Reader) Node(id string) (state.Node, bool) { return r.first().Node(id) }

// Customer returns a customer.
func (r *Reader) Customer(id string) (state.Customer, bool) { return r.at(id).Customer(id) }

// Site returns a site.
func (r *Reader) Site(id string) (state.Site, bool) {
	return found(r, func(c *state.Reader) (state.Site, bool) { return c.Site(id) }, func(v state.Site) string { return v.Customer })
}

// Department returns a department.
func (r *Reader) Department(id string) (state.Department, bool) {
	return found(r, func(c *state.Reader) (state.Department, bool) { return c.Department(id) }, func(v state.Department) string { return v.Customer })
}

// Agent returns an agent.
func (r *Reader) Agent(id string) (state.Agent, bool) {
	return found(r, func(c *state.Reader) (state.Agent, bool) { return c.Agent(id) }, func(v state.Agent) string { return v.Customer })
}

// Customers returns all customers in order of id.
func (r *Reader) Customers() []state.Customer {
	list := gather(r, (*state.Reader).Customers, func(_ *state.Reader, v state.Customer) string { return v.ID })
	slices.SortFunc(list, func(a, b state.Customer) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// AllSites returns all sites in order of id.
func (r *Reader) AllSites() []state.Site {
	list := gather(r, (*state.Reader).AllSites, func(_ *state.Reader, v state.Site) string { return v.Customer })
	slices.SortFunc(list, func(a, b state.Site) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// AllAgents returns all agents in order of id.
func (r *Reader) AllAgents() []state.Agent {
	list := gather(r, (*state.Reader).AllAgents, func(_ *state.Reader, v state.Agent) string { return v.Customer })
	slices.SortFunc(list, func(a, b state.Agent) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Live returns all sessions that have not ended, oldest first, without facts.
func (r *Reader) Live() []relay.Session {
	list := gather(r, (*state.Reader).Live, func(c *state.Reader, v relay.Session) string {
		site, _ := c.Site(v.Site)
		return site.Customer
	})
	slices.SortFunc(list, func(a, b relay.Session) int {
		return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return list
}

// LiveOf returns a visitor's live session, without facts.
func (r *Reader) LiveOf(visitor relay.ID) (relay.Session, bool) {
	return found(r, func(c *state.Reader) (relay.Session, bool) { return c.LiveOf(visitor) }, func(v relay.Session) string {
		site, _ := r.Site(v.Site)
		return site.Customer
	})
}

// Sites returns a customer's sites in order of id.
func (r *Reader) Sites(customer string) []state.Site { return r.at(customer).Sites(customer) }

// Departments returns a customer's departments in order of id.
func (r *Reader) Departments(customer string) []state.Department {
	return r.at(customer).Departments(customer)
}

// Agents returns a customer's agents in order of id.
func (r *Reader) Agents(customer string) []state.Agent { return r.at(customer).Agents(customer) }

// Visitor returns a visitor of a site.
func (r *Reader) Visitor(site string, id relay.ID) (state.Visitor, bool) {
	return r.ofSite(site).Visitor(site, id)
}

// Session returns a session with its facts, live or ended.
func (r *Reader) Session(id relay.ID) (relay.Session, bool) { return r.ofSession(id).Session(id) }

// Origin returns the node that numbers a live session's messages, and its epoch.
func (r *Reader) Origin(id relay.ID) (node string, epoch uint32, ok bool) {
	return r.ofSession(id).Origin(id)
}

// LastOrigin returns the node that numbers a session's messages, or did last.
func (r *Reader) LastOrigin(id relay.ID) (node string, ok bool) {
	return r.ofSession(id).LastOrigin(id)
}

// Messages returns a session's stored messages after a number (state.Reader).
func (r *Reader) Messages(id relay.ID, after uint64, limit int) ([]relay.Message, error) {
	return r.ofSession(id).Messages(id, after, limit)
}

// Place returns a session's place in its queue: 1 is next, 0 does not wait.
func (r *Reader) Place(id relay.ID) int { return r.ofSession(id).Place(id) }

// Segments returns the pieces of a session's recording in order of time.
func (r *Reader) Segments(id relay.ID) ([]state.Segment, error) { return r.ofSession(id).Segments(id) }

// Segment returns one piece of a session's recording.
func (r *Reader) Segment(session, id relay.ID) (state.Segment, bool) {
	return r.ofSession(session).Segment(session, id)
}

// Desk returns an agent at work.
func (r *Reader) Desk(agent string) (state.AgentDesk, bool) { return r.ofAgent(agent).Desk(agent) }

// Offers returns what an agent is offered now, in order of expiry.
func (r *Reader) Offers(agent string) []state.Offer { return r.ofAgent(agent).Offers(agent) }

// Queue returns a department's queue.
func (r *Reader) Queue(department string) relay.Queue {
	return r.ofDepartment(department).Queue(department)
}

// History returns sessions that have ended (state.Reader).
func (r *Reader) History(q state.HistoryQuery) ([]relay.Session, error) {
	return r.at(q.Customer).History(q)
}

// Search returns messages that contain all words of a text (state.Reader).
func (r *Reader) Search(q state.SearchQuery) ([]state.Hit, error) {
	return r.at(q.Customer).Search(q)
}

// Cards returns cards of one customer's sites (state.Reader).
func (r *Reader) Cards(q state.CardsQuery) ([]state.Card, error) {
	if len(q.Sites) == 0 {
		return nil, nil
	}
	return r.ofSite(q.Sites[0]).Cards(q)
}
