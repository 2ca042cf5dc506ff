package session

import (
	"errors"
	"slices"

	"kohe/relay"
)

// cell is the store's side of one session by the rules of state.Append and
// state.Claim.
type cell struct {
	epoch    uint32
	messages []relay.Message
	nonces   map[int]uint32 // claims by nonce: the same claim twice raises the epoch once
	closed   bool           // ended, and the time to append is over
}

// errGap is state.Gap.
var errGap = errors.New("gap")

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

// append stores what it can: what precedes a message that is refused is stored.
func (c *cell) append(epoch uint32, batch []relay.Message) (uint64, error) {
	switch {
	case c.closed:
		return 0, relay.Errorf(relay.CodeGone, "ended")
	case epoch != c.epoch:
		return 0, relay.Errorf(relay.CodeStale, "epoch %d is stale (now %d)", epoch, c.epoch)
	case len(batch) > 0 && batch[0].Seq > c.last()+1:
		return 0, errGap
	}
	for _, m := range batch {
		old, known := c.find(m)
		switch {
		case m.Seq <= c.last():
			if at := c.messages[m.Seq-1]; at.ID != m.ID || at.Author != m.Author || at.Text != m.Text {
				return 0, relay.Errorf(relay.CodeConflict, "another message has the place %d", m.Seq)
			}
		case known:
			return 0, relay.Errorf(relay.CodeConflict, "stored before, at place %d", old.Seq)
		default:
			c.messages = append(c.messages, m)
		}
	}
	return c.last(), nil
}

func (c *cell) find(m relay.Message) (relay.Message, bool) {
	i := slices.IndexFunc(c.messages, func(o relay.Message) bool { return o.ID == m.ID && o.Author.Same(m.Author) })
	if i < 0 {
		return m, false
	}
	return c.messages[i], true
}

// after returns the transcript after a place.
func (c *cell) after(seq uint64) []relay.Message {
	return slices.Clone(c.messages[min(seq, c.last()):])
}

func (c *cell) state(epoch uint32, after uint64) State {
	return State{Epoch: epoch, Stored: c.last(), Tail: c.after(after)}
}
