package desk

import (
	"slices"

	"kohe/relay"
)

// Enlist brings an agent to the desk, or gives them other departments and
// another capacity. A new one is signed out, out of reach and has every
// department ticked; one that is there keeps what they ticked of theirs.
func (d *Desk) Enlist(now int64, id string, capacity int, departments []string) []Event {
	d.begin(now)
	capacity = min(max(capacity, 1), MaxCapacity)
	a := d.agents[id]
	if a == nil {
		a = &agent{
			Agent: Agent{ID: id, State: relay.SignedOut, Capacity: capacity, Departments: slices.Clone(departments), Since: d.now},
			has:   map[relay.ID]*session{},
		}
		d.agents[id] = a
		d.tick(a)
		d.touchAgent(a)
		return d.finish()
	}
	keep := slices.DeleteFunc(slices.Clone(a.Departments), func(dep string) bool { return !slices.Contains(departments, dep) })
	if capacity != a.Capacity || !slices.Equal(keep, a.Departments) {
		d.touchAgent(a)
		a.Capacity = capacity
		d.retick(a, keep)
		d.withdraw(a)
	}
	return d.finish()
}

// Dismiss takes an agent off the desk: their sessions go back at once.
func (d *Desk) Dismiss(now int64, id string) []Event {
	d.begin(now)
	if a := d.agents[id]; a != nil {
		a.State, a.Nodes = relay.SignedOut, nil
		a.Missed, a.RestUntil, a.LostAt = 0, 0, d.now
		d.touchAgent(a)
		d.withdraw(a)
		d.giveBack(a)
	}
	return d.finish()
}

// SetState sets what an agent is there for and, unless nil, which departments
// are ticked.
func (d *Desk) SetState(now int64, id string, state relay.AgentState, departments []string) ([]Event, error) {
	a := d.agents[id]
	if a == nil {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no agent %q at the desk.", id)
	}
	d.begin(now)
	d.touchAgent(a)
	a.Missed, a.RestUntil = 0, 0
	if state == relay.Service && a.State != relay.Service {
		a.Since = d.now
	}
	a.State = state
	if departments != nil {
		d.retick(a, departments)
	}
	d.withdraw(a)
	return d.finish(), nil
}

// AgentOnline says that an agent has a connection at a node, or none there.
func (d *Desk) AgentOnline(now int64, id, node string, on bool) []Event {
	d.begin(now)
	if a := d.agents[id]; a != nil {
		d.connectAgent(a, node, on)
	}
	return d.finish()
}

// VisitorOnline says that a session's visitor has a connection at a node, or
// none there.
func (d *Desk) VisitorOnline(now int64, id relay.ID, node string, on bool) []Event {
	d.begin(now)
	if s := d.sessions[id]; s != nil {
		d.connectVisitor(s, node, on)
	}
	return d.finish()
}

// NodeStarted says that a node has started anew, so that nobody is connected
// at its former self. Who was out of reach because of it is so from now on: the
// time that it was away is not theirs.
func (d *Desk) NodeStarted(now int64, node string) []Event {
	d.begin(now)
	for _, id := range sortedKeys(d.agents) {
		a := d.agents[id]
		d.connectAgent(a, node, false)
		if a.LostAt != 0 && a.LostWith == node {
			a.LostAt = d.now
			d.touchAgent(a)
		}
	}
	for _, id := range sortedIDs(d.sessions) {
		d.connectVisitor(d.sessions[id], node, false)
	}
	return d.finish()
}

// Open puts a new session at the end of a department's queue. Its visitor is
// connected at node. A session that is live already stays as it is.
func (d *Desk) Open(now int64, id relay.ID, dep, node string) []Event {
	d.begin(now)
	if d.sessions[id] == nil {
		s := &session{Session: Session{ID: id, Department: dep, OpenedAt: d.now, Nodes: []string{node}}}
		d.sessions[id] = s
		d.enqueue(s)
		d.touchSession(s)
	}
	return d.finish()
}

// Answer accepts or declines an offer. Accepting what one has accepted is
// harmless. Errors: stale for another assignment than the latest or somebody
// else's, gone for an offer or session that is over.
func (d *Desk) Answer(now int64, id relay.ID, agentID string, assignment uint64, accept bool) ([]Event, error) {
	s, a := d.sessions[id], d.agents[agentID]
	switch {
	case s == nil || a == nil:
		return nil, relay.Errorf(relay.CodeGone, "The visitor has left.")
	case assignment != s.Assignment:
		return nil, relay.Errorf(relay.CodeStale, "The offer has moved on.")
	case s.Agent == "":
		return nil, relay.Errorf(relay.CodeGone, "The offer is over.")
	case s.Agent != agentID:
		return nil, relay.Errorf(relay.CodeStale, "The offer was made to somebody else.")
	case s.OfferUntil == 0 && accept:
		return nil, nil
	case s.OfferUntil == 0:
		return nil, relay.Errorf(relay.CodeGone, "The offer was accepted before.")
	}
	d.begin(now)
	a.Missed, a.RestUntil = 0, 0
	d.touchAgent(a)
	d.touchSession(s)
	if accept {
		d.over(s, Accept)
		d.dequeue(s)
		s.OfferUntil, s.Front, s.Passes = 0, false, nil
		a.Since = d.now
		d.event(Accepted{Session: id, Agent: agentID, Assignment: assignment})
	} else {
		d.over(s, Decline)
		d.pass(s)
		d.release(s)
	}
	return d.finish(), nil
}

// End ends a session: by says who did. Ending what is not live is harmless.
func (d *Desk) End(now int64, id relay.ID, by string) []Event {
	d.begin(now)
	if s := d.sessions[id]; s != nil {
		d.end(s, by)
	}
	return d.finish()
}

// Tick lets what is due by now happen.
func (d *Desk) Tick(now int64) []Event {
	d.begin(now)
	for {
		e, ok := d.dueBy(d.now)
		if !ok {
			return d.finish()
		}
		if a := d.agents[e.agent]; a != nil {
			d.fireAgent(a)
		} else if s := d.sessions[e.session]; s != nil {
			d.fireSession(s)
		}
	}
}

// Deadline returns when the next Tick has something to do, in ms.
func (d *Desk) Deadline() (int64, bool) {
	if len(d.timers) == 0 {
		return 0, false
	}
	return d.timers[0].due, true
}
