// Package client proposes commands to a Raft cell, reads its state and watches
// it change. Open starts the cell's member in this process; another process's
// member is one more implementation of the small interface that Client needs.
//
// It promises that a command is proposed until it is settled or the answer is
// CodeUnavailable; that what Propose has answered, Read shows; and that
// watchers see every change in the order of the log. Commands are idempotent
// (package state), because no error says that a command is not committed.
package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"kohe/raft/feed"
	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

// Bounds on what waits to be settled. One more is refused, and counted.
const (
	MaxInFlight      = 1024     // proposals: as many as Raft writes in one batch
	MaxInFlightBytes = 16 << 20 // of their encoded commands
)

// Proposals that find no leader are proposed again for settleFor: an election
// takes a quarter of it. Retry is what a refused caller is told to wait.
const (
	settleFor  = 2 * time.Second
	firstPause = 10 * time.Millisecond
	lastPause  = 200 * time.Millisecond
	Retry      = time.Second
)

// member is a member of the cell, here or elsewhere.
type member interface {
	// Apply returns the state.Result of a command that is durable and applied.
	Apply(command []byte) (any, error)
}

// Client is a cell as the rest of the node sees it. Its methods may be called
// from any goroutine.
type Client struct {
	packs   *packer
	health  func() error // nil, or why no command can be settled for now
	reader  *state.Reader
	feed    *feed.Feed
	mark    *mark
	reign   *reign
	forward Forward // nil: this member always leads

	closing context.Context // ends waits for a leader
	stop    context.CancelFunc
	running sync.WaitGroup  // proposals
	served  context.Context // ends links and what Serve serves, after the last proposal
	cut     context.CancelFunc
	linked  sync.WaitGroup // links

	mu    sync.Mutex // guards what follows
	stats Stats
	links map[string]*link // by node; one for each that ever led
}

// Stats is a moment of a Client's counters.
type Stats struct {
	InFlight      int    // proposals not yet settled
	InFlightBytes int    // of their commands
	Refused       uint64 // proposals turned away because of a bound
	Changes       int    // that wait for the watchers
}

func newClient(m member, health func() error, r *state.Reader, f *feed.Feed, k *mark) *Client {
	c := &Client{packs: &packer{member: m}, health: health, reader: r, feed: f, mark: k, reign: newReign(), links: map[string]*link{}}
	c.closing, c.stop = context.WithCancel(context.Background())
	c.served, c.cut = context.WithCancel(context.Background())
	return c
}

// Known returns nil if every core node knows a command, or could not read the rows
// any more if it did not; else state.Known's error.
func (c *Client) Known(cmd state.Command) error {
	err := state.Known(cmd, c.reader.Nodes)
	if err != nil && state.Since(cmd) <= c.reader.Form() {
		return nil
	}
	return err
}

// Propose has a command committed and returns what the state machine answered:
// its value or its own error (*relay.Error, *state.Gap, *state.Refused) as it
// is. While there is no leader, no quorum, no space on the disk or no room for
// one more proposal, for a command that not every core node knows yet
// (state.Known), and when ctx ends first, the error is CodeUnavailable;
// then the command may or may not be committed, and proposing it again is
// harmless.
func (c *Client) Propose(ctx context.Context, cmd state.Command) (any, error) {
	if err := c.Known(cmd); err != nil {
		return nil, err
	}
	data := state.Encode(cmd)
	if len(data) > state.MaxCommand {
		return nil, relay.Errorf(relay.CodeInvalid, "That is too much to be stored at once: %d bytes, at most %d.", len(data), state.MaxCommand)
	}
	if err := c.admit(len(data)); err != nil {
		return nil, unavailable(err)
	}
	answer := make(chan state.Result, 1)
	go func() {
		// The place is taken until Raft has answered, even if the caller no
		// longer waits: the bounds are on what Raft holds.
		defer c.release(len(data))
		answer <- c.settle(ctx, data)
	}()
	select {
	case r := <-answer:
		return r.Value, r.Err
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	}
}

func (c *Client) admit(size int) error {
	if err := c.health(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing.Err() != nil:
		return node.ErrClosed
	case c.stats.InFlight == MaxInFlight || c.stats.InFlightBytes+size > MaxInFlightBytes:
		c.stats.Refused++
		return fmt.Errorf("%d proposals of %d bytes are in flight", c.stats.InFlight, c.stats.InFlightBytes)
	}
	c.stats.InFlight++
	c.stats.InFlightBytes += size
	c.running.Add(1)
	return nil
}

func (c *Client) release(size int) {
	c.mu.Lock()
	c.stats.InFlight--
	c.stats.InFlightBytes -= size
	c.mu.Unlock()
	c.running.Done()
}

// settle proposes a command until it is settled or there is no sense in it. It
// pauses before it proposes it again, but no longer than the reign lasts.
func (c *Client) settle(ctx context.Context, data []byte) state.Result {
	until := time.Now().Add(settleFor)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		reign := c.reign.present()
		result, err := c.apply(ctx, reign, data)
		if err == nil {
			return result
		}
		if hopeless(err) || c.health() != nil || time.Now().After(until) {
			return state.Result{Err: unavailable(err)}
		}
		select {
		case <-time.After(pause):
		case <-reign.Done():
			pause = firstPause
		case <-ctx.Done():
			return state.Result{Err: unavailable(ctx.Err())}
		case <-c.closing.Done():
			return state.Result{Err: unavailable(node.ErrClosed)}
		}
	}
}

func unavailable(err error) *relay.Error {
	return &relay.Error{
		Code: relay.CodeUnavailable, Text: "This cannot be saved right now. Please try again in a moment.",
		Retry: Retry, Err: err,
	}
}

// Read returns a reader of this node's state.
func (c *Client) Read() *state.Reader { return c.reader }

// Watch has f called with every change that is applied from now on, in the
// order of the log, from one goroutine for all watchers; changes that came
// together come together. A call that has begun when cancel returns goes on; none
// begins after it. What was applied before is read with Read after Watch, and may then come a second
// time.
//
// f must return soon, must not wait for a proposal and must not write to the
// slice. A slow f delays all watchers and, once feed.MaxChanges wait, the state
// machine itself: nothing is dropped, proposals become CodeUnavailable.
func (c *Client) Watch(f func([]state.Change)) (cancel func()) { return c.feed.Watch(f) }

// AfterChanges has f called by the watchers' goroutine once they were told of
// every change that was applied before.
func (c *Client) AfterChanges(f func()) { c.feed.After(f) }

// Stats returns the counters.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	s := c.stats
	c.mu.Unlock()
	s.Changes = c.feed.Waiting()
	return s
}

// refuse turns proposals away from now on, ends waits for a leader and stops
// telling watchers, so that none of them holds up those that Raft still
// answers; then it waits for these and ends the streams that carried them.
func (c *Client) refuse() {
	c.mu.Lock()
	c.stop()
	c.mu.Unlock()
	c.feed.Close()
	c.running.Wait()
	c.cut()
	c.linked.Wait()
}
