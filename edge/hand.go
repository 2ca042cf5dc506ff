package edge

import (
	"slices"

	"kohe/edge/record"
	"kohe/relay"
	"kohe/relay/wire"
)

const maxHand = 64 // bytes of a record that says where an agent points

// maxHands is how many agents point and draw in one session, each in a colour
// of their own.
const maxHands = 8

// hands are the colours of those who point and draw in one session, by their
// sign-in names; the session's agent has colour 0. Guarded by live.mu.
type hands map[string]uint8

// handFrame shows the visitor, and who else watches, where an agent points.
func (c *client) handFrame(f wire.Frame) error {
	id, at, err := wire.SplitSession(f)
	if err != nil {
		return err
	}
	if c.who.Role == relay.RoleVisitor || len(at) > maxHand {
		return relay.Errorf(relay.CodeForbidden, "Only an agent points, in at most %d bytes.", maxHand)
	}
	l := c.edge.loaded(id)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// Who may draw shows where: a drawing is seen while it is drawn.
	if l.mayShow(c, relay.LevelPoint) != nil && l.mayShow(c, relay.LevelDraw) != nil {
		return nil // taken back meanwhile
	}
	colour, ok := l.handOf(c)
	if !ok {
		return nil
	}
	name := clip(c.who.Name)
	b := append(wire.AppendSession(nil, id), colour, byte(len(name)))
	b = append(append(b, name...), at...)
	out := wire.Outgoing{Kind: wire.Hand, Key: handKey(b), Payload: b}
	l.mirror.lead.queue.Push(out)
	l.toOthers(c, out)
	l.record(record.Hand, b[len(id):])
	return nil
}

// handKey is what a newer hand replaces an older one by: the session and the
// colour, which a payload begins with.
func handKey(payload []byte) string {
	return "hand/" + string(payload[:min(len(payload), len(relay.ID{})+1)])
}

// mayShow says whether a client may show the visitor something now: the
// session's agent, and colleagues who may see the session. mu is held.
func (l *live) mayShow(c *client, level relay.Level) error {
	site, _ := l.edge.Store.Site(l.row.Site)
	switch {
	case !l.clients[c] || !c.who.Sees(l.row):
		return errNotPart
	case slices.Contains(site.Without, level):
		return relay.Errorf(relay.CodeForbidden, "This site does not allow that.")
	case !slices.Contains(l.row.Granted, level):
		return relay.Errorf(relay.CodeForbidden, "The visitor has not allowed that yet.")
	case l.mirror.lead == nil || l.mirror.page == nil:
		return relay.Errorf(relay.CodeUnavailable, "The visitor's page is not shared just now.")
	}
	return nil
}

// handOf returns the colour of a client's hand, theirs for as long as they are
// in the session; false if there are too many hands. mu is held.
func (l *live) handOf(c *client) (uint8, bool) {
	if c.who.Agent == l.row.Agent {
		return 0, true
	}
	if colour, ok := l.hands[c.who.Agent]; ok {
		return colour, true
	}
	here := make(hands, maxHands)
	taken := [maxHands]bool{0: true}
	for other := range l.clients {
		if colour, ok := l.hands[other.who.Agent]; ok {
			here[other.who.Agent], taken[colour] = colour, true
		}
	}
	free := slices.Index(taken[:], false)
	if free < 0 {
		return 0, false
	}
	l.hands = here
	l.hands[c.who.Agent] = uint8(free)
	return uint8(free), true
}

// toOthers sends a frame to those who watch, but not to who caused it. Another
// edge watches by the link of one of its clients for all of them: who hears of
// their own doing there knows it. mu is held.
func (l *live) toOthers(c *client, out wire.Outgoing) {
	for w := range l.mirror.watchers {
		if w.who.Agent != c.who.Agent || w.carried {
			w.queue.Push(out)
		}
	}
}
