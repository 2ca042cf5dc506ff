package session

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kohe/relay"
)

// client follows a conversation by the rules of the package comment.
type client struct {
	lines map[sum]relay.Message // by identity
}

func newClient() *client { return &client{lines: make(map[sum]relay.Message)} }

func before(a, b relay.Message) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq))
}

func (c *client) apply(m relay.Message) {
	key := identity(m.Author, m.ID)
	if old, ok := c.lines[key]; !ok || before(old, m) < 0 {
		c.lines[key] = m
	}
}

// stored applies a Stored frame.
func (c *client) stored(epoch uint32, seq uint64) {
	maps.DeleteFunc(c.lines, func(_ sum, m relay.Message) bool { return m.Epoch < epoch && m.Seq > seq })
}

func (c *client) notSaved(m relay.Message) { delete(c.lines, identity(m.Author, m.ID)) }

// placed returns the lines that have their place, in order.
func (c *client) placed() []relay.Message {
	var all []relay.Message
	for _, m := range c.lines {
		if m.Seq > 0 {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b relay.Message) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), -cmp.Compare(a.Epoch, b.Epoch))
	})
	var newest uint32
	return slices.DeleteFunc(all, func(m relay.Message) bool {
		lost := m.Epoch < newest
		newest = max(newest, m.Epoch)
		return lost
	})
}

// resume returns the last place with none missing before it.
func (c *client) resume() (epoch uint32, seq uint64) {
	for _, m := range c.placed() {
		if m.Seq != seq+1 {
			break
		}
		epoch, seq = m.Epoch, m.Seq
	}
	return epoch, seq
}

func show(messages []relay.Message) string {
	var b strings.Builder
	for i, m := range messages {
		if i > 0 {
			b.WriteString(" · ")
		}
		fmt.Fprintf(&b, "%s %s %q", place(m), m.ID, m.Text)
	}
	return b.String()
}

func place(m relay.Message) string {
	if m.Seq == 0 {
		return "(–)"
	}
	return fmt.Sprintf("(%d,%d)", m.Epoch, m.Seq)
}
