package remote

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

// errForbidden is what an edge hears that asks for more than what it showed
// gives it.
var errForbidden = relay.Errorf(relay.CodeForbidden, "This server may not do that.")

// permit says whether the edge may propose a command. What it may not is
// noted, because an edge that is honest does not ask.
func (l *line) permit(cmd state.Command) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.judge(cmd)
	if relay.CodeOf(err) == relay.CodeForbidden && time.Since(l.warned) > time.Second {
		l.warned = time.Now()
		l.Log.Warn("an edge asked for what it may not do", "node", l.node, "command", fmt.Sprintf("%T", cmd))
	}
	return err
}

// maxSkew is how far an edge's clock may be ahead of this node's. The state's
// clock never runs backwards, so that one edge could end everybody's sessions.
const maxSkew = time.Minute

// timeOf returns a command's time, in ms since 1970.
func timeOf(cmd state.Command) int64 {
	if p, ok := cmd.(state.SetPage); ok {
		return p.View.At
	}
	return reflect.ValueOf(cmd).FieldByName("At").Int() // every other command has one
}

// judge is permit's rule. mu is held.
func (l *line) judge(cmd state.Command) error {
	if ahead := timeOf(cmd) - l.Now().UnixMilli(); ahead > maxSkew.Milliseconds() {
		return relay.Errorf(relay.CodeInvalid, "The clock of the server %s is %v ahead. Please set it right.", l.node, time.Duration(ahead)*time.Millisecond)
	}
	switch c := cmd.(type) {
	case state.StartEdge:
		return l.when(c.Node == l.node)
	case state.OpenSession:
		return l.when(c.Node == l.node && l.visitorOf(c.Site, c.Visitor))
	case state.Claim:
		row, ok := l.Store.Session(c.Session)
		return l.when(ok && c.Node == l.node && l.interest.takesPart(row))
	case state.Append:
		return l.mayAppend(c)
	case state.SetMarks:
		return l.numbers(c.Session)
	case state.SetConsent:
		return l.inPlaceOfVisitor(c.Session)
	case state.SetLevel:
		return l.inPlaceOfVisitor(c.Session)
	case state.AddSegment:
		if c.Segment.Writer != l.node {
			return errForbidden
		}
		return l.numbers(c.Segment.Session)
	case state.SetPage:
		return l.inPlaceOfVisitor(c.Session)
	case state.SetOnline:
		if c.Node != l.node {
			return errForbidden
		}
		if !c.On {
			return l.numbers(c.Session)
		}
		return l.inPlaceOfVisitor(c.Session)
	case state.EndSession:
		return l.mayEnd(c)
	case state.SetAgentState:
		return l.when(l.interest.agent(c.Agent, relay.ID{}))
	case state.SetAgentOnline:
		return l.when(c.Node == l.node && (!c.On || l.interest.agent(c.Agent, relay.ID{})))
	case state.Answer:
		return l.when(l.interest.agent(c.Agent, relay.ID{}))
	case state.Block:
		who := l.interest.who[c.By]
		return l.when(l.interest.agent(c.By, relay.ID{}) && slices.Contains(who.Sites, c.Site))
	case state.Put:
		card := c.Card
		return l.when(c.Customer == nil && c.Site == nil && c.Department == nil && c.Agent == nil &&
			card != nil && !card.Solved && l.visitorOf(card.Site, card.Visitor) && ofVisitor(card))
	}
	return errForbidden // whatever else there is, an edge has no part in it
}

func (l *line) when(may bool) error {
	if !may {
		return errForbidden
	}
	return nil
}

// visitorOf reports whether the edge speaks for a visitor of a site.
func (l *line) visitorOf(site string, id relay.ID) bool {
	for _, g := range l.interest.visitors[id] {
		if g.Site == site && g.Session.IsZero() {
			return true
		}
	}
	return false
}

// ofVisitor reports whether a card's id is one of its visitor's: nobody
// overwrites another's.
func ofVisitor(c *state.Card) bool {
	prefix := c.Visitor.String() + "-"
	return len(c.ID) > len(prefix) && c.ID[:len(prefix)] == prefix
}

// numbers says whether the edge is the origin of a session. Another one has
// claimed it, perhaps: then the edge is to hear that.
func (l *line) numbers(session relay.ID) error {
	origin, ok := l.Store.LastOrigin(session)
	switch {
	case ok && origin == l.node:
		return nil
	case ok && l.has[session]:
		return state.ErrStale
	}
	return errForbidden
}

// inPlaceOfVisitor says whether the edge is the origin of a session and speaks
// for its visitor.
func (l *line) inPlaceOfVisitor(session relay.ID) error {
	if err := l.numbers(session); err != nil {
		return err
	}
	row, ok := l.Store.Session(session)
	return l.when(ok && l.interest.visitor(row.Visitor, session))
}

// mayAppend says whether the messages are of people whom the edge speaks for,
// or events of a session that it numbers.
func (l *line) mayAppend(c state.Append) error {
	if err := l.numbers(c.Session); err != nil {
		return err
	}
	row, ok := l.Store.Session(c.Session)
	if !ok {
		return errForbidden
	}
	for _, m := range c.Messages {
		switch a := m.Author; a.Role {
		case relay.RoleSystem:
		case relay.RoleVisitor:
			if a.ID != row.Visitor.String() || !l.interest.visitor(row.Visitor, c.Session) {
				return errForbidden
			}
		default:
			if !l.interest.agent(a.ID, c.Session) {
				return errForbidden
			}
		}
	}
	return nil
}

// mayEnd says whether the edge speaks for whoever ends a session.
func (l *line) mayEnd(c state.EndSession) error {
	row, ok := l.Store.Session(c.Session)
	switch c.By {
	case string(relay.RoleVisitor):
		return l.when(ok && l.interest.visitor(row.Visitor, c.Session))
	case string(relay.RoleAgent):
		return l.when(ok && row.Agent != "" && l.interest.agent(row.Agent, c.Session))
	}
	return errForbidden
}
