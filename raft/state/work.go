package state

import (
	"slices"

	"kohe/relay"
)

// startEdge forgets every connection of an edge's former self. The same start
// again changes nothing.
func (t *txn) startEdge(c StartEdge) error {
	if err := checkKey("node", c.Node); err != nil {
		return err
	}
	n := t.nodes[c.Node]
	if n.StartedAt == c.At {
		return nil
	}
	n.ID, n.StartedAt, n.Version = c.Node, c.At, c.Version
	t.saveNode(n)
	t.did(t.work.NodeStarted(t.now(c.At), c.Node))
	return nil
}

// employed returns an agent who may work.
func (t *txn) employed(id string) (Agent, error) {
	r, ok := t.agents[id]
	switch {
	case !ok:
		return r, relay.Errorf(relay.CodeNotFound, "There is no agent %q.", clip(id, MaxKey))
	case r.Disabled:
		return r, relay.Errorf(relay.CodeForbidden, "The agent %q is disabled.", id)
	}
	return r, nil
}

// enlist brings an agent to the desk, unless they are there.
func (t *txn) enlist(r Agent, at int64) {
	if _, atWork := t.work.Agent(r.ID); !atWork {
		t.did(t.work.Enlist(t.now(at), r.ID, r.places(), r.Departments))
	}
}

func (t *txn) setAgentState(c SetAgentState) error {
	r, err := t.employed(c.Agent)
	if err != nil {
		return err
	}
	switch c.State {
	case relay.Service, relay.Paperwork, relay.Break, relay.SignedOut:
	default:
		return relay.Errorf(relay.CodeInvalid, "There is no agent state %q.", clip(string(c.State), MaxKey))
	}
	for i, id := range c.Departments {
		if !slices.Contains(r.Departments, id) {
			return relay.Errorf(relay.CodeForbidden, "The department %q is not yours.", clip(id, MaxKey))
		}
		if slices.Contains(c.Departments[:i], id) {
			return relay.Errorf(relay.CodeInvalid, "The department %q is ticked twice.", id)
		}
	}
	t.enlist(r, c.At)
	events, err := t.work.SetState(t.now(c.At), c.Agent, c.State, c.Departments)
	t.did(events)
	return err
}

func (t *txn) setAgentOnline(c SetAgentOnline) error {
	if err := checkKey("node", c.Node); err != nil {
		return err
	}
	r, err := t.employed(c.Agent)
	if err != nil {
		return err
	}
	t.enlist(r, c.At)
	t.did(t.work.AgentOnline(t.now(c.At), c.Agent, c.Node, c.On))
	return nil
}

func (t *txn) answer(c Answer) error {
	events, err := t.work.Answer(t.now(c.At), c.Session, c.Agent, c.Assignment, c.Accept)
	t.did(events)
	return err
}

func (t *txn) setOnline(c SetOnline) error {
	if err := checkKey("node", c.Node); err != nil {
		return err
	}
	if t.session(c.Session) == nil {
		return errNoSession
	}
	t.did(t.work.VisitorOnline(t.now(c.At), c.Session, c.Node, c.On))
	return nil
}
