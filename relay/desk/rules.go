package desk

import (
	"bytes"
	"cmp"
	"slices"

	"kohe/relay"
)

// compare orders waiting sessions: given back first, then by opening.
func compare(a, b *session) int {
	if a.Front != b.Front {
		if a.Front {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), bytes.Compare(a.ID[:], b.ID[:]))
}

func (d *Desk) department(id string) *department {
	dep := d.departments[id]
	if dep == nil {
		dep = &department{agents: map[string]*agent{}}
		d.departments[id] = dep
	}
	return dep
}

func (d *Desk) enqueue(s *session) {
	dep := d.department(s.Department)
	i, _ := slices.BinarySearchFunc(dep.queue, s, compare)
	dep.queue = slices.Insert(dep.queue, i, s)
}

func (d *Desk) dequeue(s *session) {
	dep := d.departments[s.Department]
	if i, ok := slices.BinarySearchFunc(dep.queue, s, compare); ok {
		dep.queue = slices.Delete(dep.queue, i, i+1)
	}
}

// tick enters an agent in the departments that they have ticked.
func (d *Desk) tick(a *agent) {
	for _, id := range a.Departments {
		d.department(id).agents[a.ID] = a
	}
}

func (d *Desk) retick(a *agent, departments []string) {
	for _, id := range a.Departments {
		delete(d.departments[id].agents, a.ID)
	}
	a.Departments = slices.Clone(departments)
	d.tick(a)
	d.touchAgent(a)
}

// match offers waiting sessions of the touched departments, in order, for as
// long as somebody is free. Elsewhere nothing can have become possible.
func (d *Desk) match() {
	var queues [][]*session
	for _, id := range sortedKeys(d.touched.departments) {
		if dep := d.departments[id]; dep != nil && dep.places() > 0 {
			queues = append(queues, dep.queue)
		}
	}
	for {
		next := -1
		for i := range queues {
			for len(queues[i]) > 0 && queues[i][0].Agent != "" {
				queues[i] = queues[i][1:]
			}
			if len(queues[i]) > 0 && (next < 0 || compare(queues[i][0], queues[next][0]) < 0) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		s := queues[next][0]
		queues[next] = queues[next][1:]
		if a := d.choose(s); a != nil {
			d.offer(s, a)
		} else if d.departments[s.Department].places() == 0 {
			queues[next] = nil
		}
	}
}

func (dep *department) places() int {
	n := 0
	for _, a := range dep.agents {
		n += a.places()
	}
	return n
}

// choose returns the agent to offer s to, nil if nobody is free for it.
func (d *Desk) choose(s *session) *agent {
	var best *agent
	var bestPassed int
	for _, a := range d.departments[s.Department].agents {
		if a.places() == 0 {
			continue
		}
		passed := 0
		if i := s.passed(a.ID); i >= 0 {
			if s.Passes[i].Until != 0 {
				continue
			}
			passed = 1
		}
		if best == nil || cmp.Or(
			cmp.Compare(passed, bestPassed),
			cmp.Compare(len(a.has), len(best.has)),
			cmp.Compare(a.Since, best.Since),
			cmp.Compare(a.ID, best.ID)) < 0 {
			best, bestPassed = a, passed
		}
	}
	return best
}

func (d *Desk) offer(s *session, a *agent) {
	s.Agent = a.ID
	s.Assignment++
	s.OfferUntil = d.now + OfferTime
	a.has[s.ID] = s
	d.touchAgent(a)
	d.touchSession(s)
	d.event(Offered{Session: s.ID, Agent: a.ID, Assignment: s.Assignment, Until: s.OfferUntil})
}

func (d *Desk) over(s *session, why string) {
	d.event(OfferOver{Session: s.ID, Agent: s.Agent, Assignment: s.Assignment, Why: why})
}

// release takes s from the agent who was offered it; it kept its place.
func (d *Desk) release(s *session) {
	delete(d.agents[s.Agent].has, s.ID)
	s.Agent, s.OfferUntil = "", 0
}

func (s *session) passed(agent string) int {
	return slices.IndexFunc(s.Passes, func(p Pass) bool { return p.Agent == agent })
}

// pass notes that the agent who was offered s passed it by.
func (d *Desk) pass(s *session) {
	if i := s.passed(s.Agent); i >= 0 {
		s.Passes = slices.Delete(s.Passes, i, i+1)
	} else if len(s.Passes) == MaxPasses {
		s.Passes = slices.Delete(s.Passes, 0, 1)
	}
	s.Passes = append(s.Passes, Pass{Agent: s.Agent, Until: d.now + PassPause})
}

// withdraw takes back the offers that an agent is no longer there for.
func (d *Desk) withdraw(a *agent) {
	for _, id := range sortedIDs(a.has) {
		s := a.has[id]
		serves := a.State == relay.Service && a.Reachable() && slices.Contains(a.Departments, s.Department)
		if s.OfferUntil != 0 && !serves {
			d.over(s, Gone)
			d.release(s)
			d.touchSession(s)
		}
	}
}

// giveBack puts an agent's sessions at the front of their queues.
func (d *Desk) giveBack(a *agent) {
	for _, id := range sortedIDs(a.has) {
		s := a.has[id]
		d.event(Returned{Session: id, Agent: a.ID, Assignment: s.Assignment})
		d.release(s)
		s.Front, s.Passes = true, nil
		d.enqueue(s)
		d.touchSession(s)
	}
	a.Since = d.now
	d.touchAgent(a)
}

func (d *Desk) end(s *session, by string) {
	d.touchSession(s)
	if s.Waiting() {
		d.dequeue(s)
	}
	if a := d.agents[s.Agent]; a != nil {
		if s.OfferUntil != 0 {
			d.over(s, Gone)
		} else {
			a.Since = d.now
		}
		d.release(s)
		d.touchAgent(a)
	}
	delete(d.sessions, s.ID)
	d.event(Ended{Session: s.ID, By: by})
}

func (d *Desk) connectAgent(a *agent, node string, on bool) {
	nodes, changed := connect(a.Nodes, node, on)
	if !changed {
		return
	}
	a.Nodes, a.LostAt, a.LostWith = nodes, 0, ""
	if len(nodes) == 0 {
		a.LostAt, a.LostWith = d.now, node
		d.withdraw(a)
	}
	d.touchAgent(a)
}

func (d *Desk) connectVisitor(s *session, node string, on bool) {
	nodes, changed := connect(s.Nodes, node, on)
	if !changed {
		return
	}
	s.Nodes, s.AwaySince = nodes, 0
	if len(nodes) == 0 {
		s.AwaySince = d.now
	}
	d.touched.sessions[s.ID] = true
}

// connect returns nodes with node or without, and whether that is a change.
func connect(nodes []string, node string, on bool) ([]string, bool) {
	i := slices.Index(nodes, node)
	switch {
	case on == (i >= 0):
		return nodes, false
	case !on:
		return slices.Delete(slices.Clone(nodes), i, i+1), true
	case len(nodes) == MaxNodes:
		nodes = nodes[1:]
	}
	return append(slices.Clone(nodes), node), true
}
