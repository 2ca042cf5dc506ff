package edge

import (
	"slices"

	"kohe/relay"
	"kohe/relay/wire"
)

const maxHand = 64 // bytes of a record that says where an agent points

// handFrame shows the visitor where an agent points, if they let the agent.
func (c *client) handFrame(f wire.Frame) error {
	id, record, err := wire.SplitSession(f)
	if err != nil {
		return err
	}
	if c.who.Role == relay.RoleVisitor || len(record) > maxHand {
		return relay.Errorf(relay.CodeForbidden, "Only an agent points, in at most %d bytes.", maxHand)
	}
	l := c.edge.loaded(id)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mirror.lead == nil || l.row.Agent != c.who.Agent || !slices.Contains(l.row.Granted, relay.LevelPoint) {
		return nil // taken back meanwhile
	}
	name := clip(c.who.Name)
	b := append(wire.AppendSession(nil, id), byte(len(name)))
	b = append(append(b, name...), record...)
	l.mirror.lead.queue.Push(wire.Outgoing{Kind: wire.Hand, Key: "hand/" + l.id.String(), Payload: b})
	return nil
}
