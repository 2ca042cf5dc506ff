package edge

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/roster"
	"kohe/relay"
	"kohe/relay/wire"
)

// A look is a link that an edge carries to another one for a view that its
// consoles watch, with a grant for one of their agents and one site. It is a
// carried link like those of guests, but in no session.

// Spans of a look.
const (
	lookAgain = 500 * time.Millisecond // before an edge that did not answer is asked again
	lookRenew = auth.LookFor / 3
)

// view has a console, or another edge, watch a site's visitors.
func (c *client) view(p wire.ViewPayload, seq uint64) error {
	e := c.edge
	if p.Grant != "" && c.looks {
		return c.renewLook(p.Grant)
	}
	if !p.On {
		e.views.leave(c)
		c.ok(seq, "")
		return nil
	}
	if !slices.Contains(c.who.Sites, p.Site) {
		return relay.Errorf(relay.CodeForbidden, "That site is not one of yours.")
	}
	key := viewKey{Query: roster.QueryOf(p), local: c.looks}
	if c.looks && p.Board && e.Desks != nil {
		if row, ok := e.Store.Agent(c.who.Agent); ok && row.Role == relay.RoleSupervisor {
			key.board = boardKey(row.Departments)
		}
	} else if !c.looks && c.who.Role == relay.RoleSupervisor {
		key.board = boardKey(c.who.Depts)
	}
	if err := e.views.watch(c, key); err != nil {
		return err
	}
	c.ok(seq, "")
	return nil
}

// boardKey joins the departments of a supervisor; their ids have no spaces.
func boardKey(departments []string) string {
	return strings.Join(slices.Sorted(slices.Values(departments)), " ")
}

// acceptLook admits another edge to this one's visitors of one site.
func (e *Edge) acceptLook(ctx context.Context, peer link.Peer, hello wire.HelloPayload) (link.Handler, error) {
	g, err := e.Gate.Look(ctx, peer.Node, hello.Token)
	if err != nil {
		return nil, err
	}
	if !e.mayLook(g) {
		return nil, relay.Errorf(relay.CodeRevoked, "This agent may not look here any more.")
	}
	c := e.newClient(peer, relay.Principal{Role: relay.RoleAgent, Agent: g.Agent, Name: g.Name, Sites: []string{g.Site}}, hello)
	c.in, c.carried, c.looks = auth.Admission{Grant: g}, true, true
	c.expires = time.AfterFunc(auth.LookFor, c.revoke)
	c.welcome(wire.WelcomePayload{})
	c.left = func() { c.expires.Stop(); e.views.leave(c) }
	return c, nil
}

// mayLook reports whether an agent whom a look is for is signed in and has the
// site, where this node knows the agents; where not, a core node has just said so.
func (e *Edge) mayLook(g auth.Grant) bool {
	if e.Desks == nil {
		return true
	}
	row, ok := e.Store.Agent(g.Agent)
	return ok && !row.Disabled && row.Generation == g.Generation && slices.Contains(row.Sites, g.Site)
}

// renewLook goes on for as long as a fresh grant for the same says.
func (c *client) renewLook(grant string) error {
	ctx, cancel := context.WithTimeout(context.Background(), visitFor)
	defer cancel()
	g, err := c.edge.Gate.Look(ctx, c.peer.Node, grant)
	if err != nil {
		return err
	}
	if g.Agent != c.in.Agent || g.Site != c.in.Site || g.Generation != c.in.Generation {
		return relay.Errorf(relay.CodeForbidden, "A look goes on for the agent whom it began for.")
	}
	c.expires.Reset(auth.LookFor)
	return nil
}

// look sees to it that every other edge is being looked at.
func (v *view) look(ctx context.Context) {
	if v.key.local {
		return
	}
	nodes := v.edge.Nodes()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, node := range nodes {
		if v.parts[node] == nil {
			v.parts[node] = &part{since: time.Now()}
			v.running.Go(func() { v.lookAt(ctx, node) })
		}
	}
}

// lookAt looks at one other edge for as long as it is one.
func (v *view) lookAt(ctx context.Context, node string) {
	for ctx.Err() == nil && slices.Contains(v.edge.Nodes(), node) {
		err := v.lookOnce(ctx, node)
		if err == nil {
			continue // another agent's turn
		}
		if !errors.Is(err, context.Canceled) {
			v.edge.Log.Debug("another edge's visitors are not seen", "node", node, "err", err)
		}
		v.mu.Lock()
		v.parts[node] = &part{since: time.Now().Add(-awayAfter)}
		v.mu.Unlock()
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.parts, node)
}

var errNobody = errors.New("nobody watches any more")

// lookOnce looks at another edge on behalf of one who watches, until they leave.
func (v *view) lookOnce(ctx context.Context, node string) error {
	v.mu.Lock()
	var c *client
	for c = range v.watchers {
		break
	}
	v.mu.Unlock()
	if c == nil {
		return errNobody
	}
	p := &v.key
	l, err := c.dialLook(ctx, p.Site, node, func(f wire.Frame) { v.heard(node, f) })
	if err != nil {
		return err
	}
	defer l.Close()
	ask := wire.ViewPayload{On: true, Site: p.Site, Sort: p.Sort, Filter: p.Filter, Limit: p.Limit, Board: p.board != ""}
	if _, err := l.Send(wire.View, ask); err != nil {
		return err
	}
	renew := time.NewTicker(lookRenew)
	defer renew.Stop()
	for {
		select {
		case <-renew.C:
			grant, err := c.lookGrant(ctx, p.Site, node)
			if err != nil {
				return err
			}
			if _, err := l.Send(wire.View, wire.ViewPayload{Grant: grant}); err != nil {
				return err
			}
		case <-c.ended:
			return nil
		case <-l.Done():
			return l.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lookGrant returns the grant to look at another edge for this agent.
func (c *client) lookGrant(ctx context.Context, site, node string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, visitFor)
	defer cancel()
	return c.in.Look(ctx, site, c.who.Name, node)
}

func (c *client) dialLook(ctx context.Context, site, node string, deliver func(wire.Frame)) (*link.Client, error) {
	grant, err := c.lookGrant(ctx, site, node)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, visitFor)
	defer cancel()
	return c.edge.Mesh.Dial(ctx, node, wire.HelloPayload{Version: wire.Version, Role: relay.RoleAgent, Token: grant}, deliver)
}

// heard takes what another edge says of its visitors.
func (v *view) heard(node string, f wire.Frame) {
	var p wire.VisitsPayload
	if f.Kind != wire.Visits || wire.Decode(f, &p) != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if part := v.parts[node]; part != nil {
		part.Take(node, p, v.edge.at())
	}
}

// invite invites a visitor on behalf of an agent, at the edge that has them.
func (c *client) invite(p wire.InvitePayload, seq uint64) error {
	e := c.edge
	if !slices.Contains(c.who.Sites, p.Site) {
		return relay.Errorf(relay.CodeForbidden, "That site is not one of yours.")
	}
	if c.looks || p.Node == e.Node {
		if err := e.roster.Invite(p.Site, p.Visit, c.who.Name, e.at()); err != nil {
			return err
		}
		c.ok(seq, "")
		return nil
	}
	if !slices.Contains(e.Nodes(), p.Node) {
		return relay.Errorf(relay.CodeGone, "This visitor has left the site.")
	}
	e.views.running.Go(func() {
		if err := c.inviteAt(p); err != nil {
			c.refuse(wire.Frame{Kind: wire.Invite, Seq: seq}, notInvited(err))
			return
		}
		c.ok(seq, "")
	})
	return nil
}

// notInvited returns what an agent is told of an invitation that failed at another
// edge. A hostile one may not say more than that: a fatal code ends the console,
// and a text would be shown as ours.
func notInvited(err error) error {
	told := relay.Errorf(relay.CodeUnavailable, "This visitor cannot be invited now. Please try again.")
	switch code := relay.CodeOf(err); code {
	case relay.CodeConflict:
		told = relay.Errorf(code, "This visitor has the chat open, or was invited within the last hour.")
	case relay.CodeGone:
		told = relay.Errorf(code, "This visitor has left the site.")
	case relay.CodeRate:
		told = &relay.Error{Code: code, Text: "Too fast. Please wait a moment.", Retry: time.Second}
	case relay.CodeForbidden:
		told = relay.Errorf(code, "You may not invite this visitor.")
	}
	told.Err = err
	return told
}

// inviteAt has another edge invite one of its visitors.
func (c *client) inviteAt(p wire.InvitePayload) error {
	ctx, cancel := context.WithTimeout(c.edge.views.ctx, 2*visitFor)
	defer cancel()
	answer := make(chan error, 1)
	var once sync.Once
	l, err := c.dialLook(ctx, p.Site, p.Node, func(f wire.Frame) {
		var e wire.ErrorPayload
		switch {
		case f.Kind == wire.OK:
			once.Do(func() { answer <- nil })
		case f.Kind == wire.Error && wire.Decode(f, &e) == nil:
			once.Do(func() { answer <- &relay.Error{Code: e.Code, Text: e.Text} })
		}
	})
	if err != nil {
		return err
	}
	defer l.Close()
	if _, err := l.Send(wire.Invite, p); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-l.Done():
		return l.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
