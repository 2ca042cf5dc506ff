package edge

import (
	"context"
	"errors"
	"slices"

	"kohe/edge/api"
	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// agentFrames are the control frames that an agent or supervisor may send.
var agentFrames = map[wire.Kind]func(*client, wire.Frame) error{
	wire.Say:    ask((*client).say),
	wire.Mark:   ask((*client).mark),
	wire.Typing: ask((*client).typing),
	wire.End:    ask((*client).end),
	wire.State:  ask((*client).setState),
	wire.Answer: ask((*client).answer),
	wire.Watch:  ask((*client).watch),
	wire.Block:  ask((*client).block),
	wire.Ask:    ask((*client).askLevel),
	wire.Act:    ask((*client).act),
	wire.Draw:   ask((*client).draw),
	wire.View:   ask((*client).view),
	wire.Invite: ask((*client).invite),
}

func (e *Edge) acceptAgent(ctx context.Context, peer link.Peer, hello wire.HelloPayload) (link.Handler, error) {
	in, err := e.Gate.Agent(ctx, hello.Ticket, hello.Token)
	if err != nil {
		return nil, err
	}
	row, ok := e.Store.Agent(in.Agent)
	if !ok || row.Disabled || row.Generation != in.Generation {
		leave(in)
		return nil, relay.Errorf(relay.CodeRevoked, "You are signed out. Please sign in again.")
	}
	c := e.newClient(peer, row.Principal(), hello)
	c.in = in
	view := api.AgentView(e.Store, row)
	w := wire.WelcomePayload{Agent: &view, Token: in.Token, Views: true}
	for _, s := range e.liveFor(c) {
		w.Sessions = append(w.Sessions, s.ID)
	}
	c.welcome(w) // before anything can find the client on a list
	first, err := e.registerAgent(c)
	if err != nil {
		leave(in)
		return nil, err
	}
	c.left = func() { e.views.leave(c); e.agentLeft(c) }
	if first {
		if _, err := e.propose(state.SetAgentOnline{Agent: row.ID, Node: e.Node, On: true, At: e.at()}); err != nil {
			c.leave()
			return nil, err
		}
	}
	c.push(wire.Desk, e.desk.of(row.ID))
	for _, s := range e.liveFor(c) {
		if err := e.enter(ctx, c, resumeOf(hello.Resume, s.ID), false); err != nil {
			e.Log.Warn("session cannot be loaded", "session", s.ID.String(), "err", err)
		}
	}
	for _, o := range e.Store.Offers(row.ID) {
		c.offer(o)
	}
	return c, nil
}

// liveFor returns the live sessions that are on a console's list.
func (e *Edge) liveFor(c *client) []relay.Session {
	return slices.DeleteFunc(e.Store.Live(), func(s relay.Session) bool { return !c.who.Sees(s) })
}

func (e *Edge) registerAgent(c *client) (first bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	set := e.agents[c.who.Agent]
	if len(set) >= maxConsoles {
		return false, relay.Errorf(relay.CodeBusy, "You are signed in at %d places. Please close one.", maxConsoles)
	}
	if set == nil {
		set = make(map[*client]bool)
		e.agents[c.who.Agent] = set
	}
	set[c] = true
	return len(set) == 1, nil
}

func (e *Edge) agentLeft(c *client) {
	e.mu.Lock()
	set := e.agents[c.who.Agent]
	delete(set, c)
	last := len(set) == 0
	if last {
		delete(e.agents, c.who.Agent)
	}
	e.mu.Unlock()
	for _, l := range c.sessions() {
		l.leave(c)
	}
	if last {
		e.presence(func() error {
			if len(e.clientsOf(c.who.Agent)) > 0 {
				return nil // back already
			}
			_, err := e.propose(state.SetAgentOnline{Agent: c.who.Agent, Node: e.Node, On: false, At: e.at()})
			return err
		})
	}
}

// presence tells the cell, beside the live path, that somebody came or went.
func (e *Edge) presence(tell func() error) {
	e.running.Go(func() {
		if err := tell(); err != nil && !errors.Is(err, context.Canceled) {
			e.Log.Warn("presence not stored", "err", err)
		}
	})
}

func (c *client) setState(p wire.StatePayload, seq uint64) error {
	switch p.State {
	case relay.Service, relay.Paperwork, relay.Break, relay.SignedOut:
	default:
		return relay.Errorf(relay.CodeInvalid, "There is no state %q.", clip(string(p.State)))
	}
	_, err := c.edge.propose(state.SetAgentState{Agent: c.who.Agent, State: p.State, Departments: p.Departments, At: c.edge.at()})
	if err == nil {
		c.ok(seq, "")
	}
	return err
}

func (c *client) answer(p wire.AnswerPayload, seq uint64) error {
	_, err := c.edge.propose(state.Answer{
		Session: p.Session, Agent: c.who.Agent, Assignment: p.Assignment, Accept: p.Accept, At: c.edge.at(),
	})
	if err == nil {
		c.ok(seq, "")
	}
	return err
}

func (c *client) watch(p wire.WatchPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	l.watch(c, p)
	c.ok(seq, "")
	return nil
}

func (c *client) block(p wire.BlockPayload, seq uint64) error {
	if !slices.Contains(c.who.Sites, p.Site) {
		return relay.Errorf(relay.CodeForbidden, "That site is not one of yours.")
	}
	_, err := c.edge.propose(state.Block{Site: p.Site, Visitor: p.Visitor, On: p.On, By: c.who.Agent, At: c.edge.at()})
	if err == nil {
		c.ok(seq, "")
	}
	return err
}

// offer shows an offer on this console.
func (c *client) offer(o state.Offer) {
	if row, ok := c.edge.Store.Session(o.Session); ok {
		c.push(wire.Offer, wire.OfferPayload{
			Session: c.edge.sessionFor(c.who.Role, row), Assignment: o.Assignment, ExpiresAt: o.ExpiresAt,
		})
	}
}

func (e *Edge) offerChanged(o state.Offer) {
	for _, c := range e.clientsOf(o.Agent) {
		if o.Over == "" {
			c.offer(o)
		} else {
			c.push(wire.OfferEnd, wire.OfferEndPayload{Session: o.Session, Assignment: o.Assignment, Why: o.Over})
		}
	}
}

// revoke cuts the connections of an agent whose sign-ins are void.
func (e *Edge) revoke(agent string) {
	for _, c := range e.clientsOf(agent) {
		c.revoke()
	}
}

func (c *client) revoke() {
	c.queue.Close(relay.Errorf(relay.CodeRevoked, "You are signed out. Please sign in again."))
}

// blocked cuts the connections of a visitor who was blocked.
func (e *Edge) blocked(visitor relay.ID) {
	for _, c := range e.tabsOf(visitor) {
		c.queue.Close(relay.Errorf(relay.CodeRevoked, "Help is not available here."))
	}
}
