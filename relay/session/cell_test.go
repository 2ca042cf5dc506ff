package session

import (
	"slices"

	"kohe/relay"
)

// cell is the store's side of one session by the rules of state.Append,
// state.Claim and state.EndSession.
type cell struct {
	epoch    uint32
	messages []relay.Message
	nonces   map[int]uint32 // claims by nonce: the same claim twice raises the epoch once
	ended    bool
}

// gap is state.Gap.
type gap struct{ have uint64 }

func (g *gap) Error() string { return "gap" }

func (c *cell) last() uint64 { return uint64(len(c.messages)) }

func (c *cell) claim(nonce int) uint32 {
	if e, ok := c.nonces[nonce]; ok {
		return e
	}
	if c.nonces == nil {
		c.nonces = make(map[int]uint32)
	}
	c.epoch++
	c.nonces[nonce] = c.epoch
	return c.epoch
}

func (c *cell) append(epoch uint32, batch []relay.Message) (uint64, error) {
	if epoch != c.epoch {
		return 0, relay.Errorf(relay.CodeStale, "epoch %d is stale (now %d)", epoch, c.epoch)
	}
	var fresh []relay.Message
	for _, m := range batch {
		if old, ok := c.find(m); ok {
			if old.Text != m.Text || old.Kind != m.Kind {
				return 0, relay.Errorf(relay.CodeConflict, "another body under %s", m.ID)
			}
			continue
		}
		if c.ended {
			return 0, relay.Errorf(relay.CodeGone, "ended")
		}
		if m.Seq != c.last()+uint64(len(fresh))+1 {
			return 0, &gap{c.last()}
		}
		fresh = append(fresh, m)
	}
	c.messages = append(c.messages, fresh...)
	return c.last(), nil
}

// end writes the last message itself, whatever the origin has announced.
func (c *cell) end() {
	if c.ended {
		return
	}
	c.ended = true
	c.messages = append(c.messages, relay.Message{
		Epoch: c.epoch, Seq: c.last() + 1, Author: relay.Author{Role: relay.RoleSystem}, ID: "ended", Kind: relay.KindEnded, Text: "agent",
	})
}

func (c *cell) find(m relay.Message) (relay.Message, bool) {
	i := slices.IndexFunc(c.messages, func(o relay.Message) bool { return o.ID == m.ID && o.Author.Same(m.Author) })
	if i < 0 {
		return m, false
	}
	return c.messages[i], true
}

// after returns the transcript after a place.
func (c *cell) after(seq uint64) []relay.Message { return slices.Clone(c.messages[min(seq, c.last()):]) }

func (c *cell) state(epoch uint32, after uint64) State {
	return State{Epoch: epoch, Stored: c.last(), Tail: c.after(after)}
}
