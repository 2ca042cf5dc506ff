package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

const (
	sayEvery  = 100 * time.Millisecond
	tryFor    = 2 * time.Second // to connect
	tryNext   = 20 * time.Millisecond
	repliesIn = time.Second // else what is not stored is said again
)

// step is a message's number.
type step struct {
	epoch uint32
	seq   uint64
}

// commuter is one side of a conversation. It talks without a pause and does as
// browsers do: when its node sends it away, or is gone, it goes on at the next
// one and says again what is not stored. Whatever a person would take for a
// fault is kept.
type commuter struct {
	name  string
	hello wire.HelloPayload // and who it is
	nodes []*process        // the first is its own
	id    relay.ID          // of the conversation
	dial  link.Dialer

	mu     sync.Mutex // guards what follows
	home   bool       // go to the own node
	silent bool       // say nothing new
	said   int
	open   map[string]step // what is not stored, with its place if it has one
	last   step            // up to which all is stored
	stored []string
	faults []string
	gap    time.Duration // the longest without a node
	moves  int
}

// run is connected to one node or another until ctx is done.
func (c *commuter) run(ctx context.Context) {
	left := time.Now()
	for at := 0; ctx.Err() == nil; at++ {
		p := c.nodes[at%len(c.nodes)]
		l, err := c.connect(ctx, p)
		if err != nil {
			if _, told := errors.AsType[*relay.Error](err); told { // else nobody is there
				c.fault(ctx, "connect to "+p.name, err)
			}
			select {
			case <-time.After(tryNext):
			case <-ctx.Done():
			}
			continue
		}
		c.mu.Lock()
		c.gap, c.moves, c.home = max(c.gap, time.Since(left)), c.moves+1, c.home && p != c.nodes[0]
		c.mu.Unlock()
		if c.serve(ctx, p, l) {
			at = -1
		}
		left = time.Now()
		l.Close()
	}
}

func (c *commuter) connect(ctx context.Context, p *process) (*link.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	l, err := c.dial.WebSocket(ctx, "ws://"+p.address()+"/kohe/ws", c.hello)
	if err == nil {
		c.hello.Token = l.Welcome().Token
	}
	return l, err
}

// fault notes an error, unless it is the word of a node that leaves.
func (c *commuter) fault(ctx context.Context, what string, err error) {
	if ctx.Err() != nil || relay.CodeOf(err) == relay.CodeDraining {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf("%s: %s: %v", c.name, what, err))
}

// serve goes on over a link until it ends or it is time for another, of the own
// node if homeward.
func (c *commuter) serve(ctx context.Context, p *process, l *link.Client) (homeward bool) {
	if c.again(l) != nil {
		return false
	}
	repeat, next := time.Now().Add(repliesIn), time.Now()
	for {
		wait, cancel := context.WithDeadline(ctx, next)
		f, err := l.Recv(wait)
		cancel()
		switch {
		case err == nil && f.Kind == wire.GoAway:
			return false
		case err == nil:
			c.hear(p, f)
		case ctx.Err() != nil:
			return false
		case !errors.Is(err, context.DeadlineExceeded):
			c.fault(ctx, "let go by "+p.name, err)
			return false
		}
		if c.homeward(p) {
			return true
		}
		now := time.Now()
		if now.Before(next) {
			continue
		}
		next = now.Add(sayEvery)
		if now.After(repeat) {
			repeat, err = now.Add(repliesIn), c.again(l)
		} else {
			err = c.say(l)
		}
		if err != nil {
			return false
		}
	}
}

func (c *commuter) homeward(p *process) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.home && p != c.nodes[0]
}

func (c *commuter) say(l *link.Client) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent {
		return nil
	}
	text := fmt.Sprintf("%s-%06d", c.name, c.said)
	c.said++
	c.open[text] = step{}
	return c.send(l, text)
}

func (c *commuter) send(l *link.Client, text string) error {
	_, err := l.Send(wire.Say, wire.SayPayload{Session: c.id, ID: text, Text: text})
	return err
}

// again says what is not stored, in its order.
func (c *commuter) again(l *link.Client) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(c.open)) {
		if err := c.send(l, text); err != nil {
			return err
		}
	}
	return nil
}

// hear notes what a frame says of the own messages. What a place is worth is
// known within its epoch only: later its number may be another message's.
func (c *commuter) hear(p *process, f wire.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f.Kind {
	case wire.Sent:
		var v wire.SentPayload
		if err := wire.Decode(f, &v); err == nil && v.Session == c.id {
			c.placed(v.ID, step{v.Epoch, v.Seq}, false)
		}
	case wire.Message:
		var m relay.Message
		if err := wire.Decode(f, &m); err == nil && m.Session == c.id {
			c.placed(m.ID, step{m.Epoch, m.Seq}, m.Stored)
		}
	case wire.Stored:
		var v wire.StoredPayload
		if err := wire.Decode(f, &v); err == nil && v.Session == c.id {
			c.last = step{v.Epoch, v.Seq}
			for text, at := range c.open {
				c.placed(text, at, false)
			}
		}
	case wire.Error:
		var e wire.ErrorPayload
		if err := wire.Decode(f, &e); err != nil || e.Code != relay.CodeDraining {
			c.faults = append(c.faults, fmt.Sprintf("%s: told by %s: %s %q %v", c.name, p.name, e.Code, e.Text, err))
		}
	}
}

// placed notes an own message's place; mu is held.
func (c *commuter) placed(text string, at step, stored bool) {
	if _, open := c.open[text]; !open {
		return
	}
	c.open[text] = at
	if stored || at.seq != 0 && at.epoch == c.last.epoch && at.seq <= c.last.seq {
		delete(c.open, text)
		c.stored = append(c.stored, text)
	}
}

// commute starts a visitor and an agent who talk with each other, each at a node
// of their own.
func commute(ctx context.Context, t *testing.T, running *sync.WaitGroup, n int, nodes []*process) []*commuter {
	t.Helper()
	ring := func(first int) []*process { return slices.Concat(nodes[first:], nodes[:first]) }
	here, there := ring(n%len(nodes)), ring((n+1)%len(nodes))
	visitor, agent := here[0].visitor(""), there[0].console(fmt.Sprint("agent", n))
	id := talk(visitor, agent)
	side := func(name string, role relay.Role, was *person, nodes []*process) *commuter {
		hello := wire.HelloPayload{Version: wire.Version, Role: role, Token: was.Welcome().Token, Tab: "t1", Resume: []wire.Resume{{Session: id}}}
		if role == relay.RoleVisitor {
			hello.Site = "shop"
		}
		was.Close()
		c := &commuter{name: fmt.Sprint(name, n), hello: hello, nodes: nodes, id: id, dial: link.Dialer{Origin: shopOrigin}, open: map[string]step{}}
		running.Go(func() { c.run(ctx) })
		return c
	}
	return []*commuter{side("visitor", relay.RoleVisitor, visitor, here), side("agent", relay.RoleAgent, agent, there)}
}
