package remote

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"kohe/raft/feed"
	"kohe/raft/state"
	"kohe/relay"
)

// Spans of a stream's life.
const (
	againAfter = 50 * time.Millisecond // before another core node is tried
	againMost  = time.Second           // the same after many failures
	beginFor   = 5 * time.Second       // for a core node to tell all
	readFor    = 3 * time.Second       // for a piece of a transcript
	sweepEvery = 10 * time.Second
)

// Config is what an edge needs to have a remote cell. All members are required.
type Config struct {
	Node string
	// Connect opens a stream to a core node that gives it to Server.Serve. Each
	// call may lead to another one.
	Connect func(ctx context.Context) (s Stream, core string, err error)
	Log     *slog.Logger
}

// Remote is the cell as an edge has it: what the edge knows of it, who may be
// let in, and what is to be stored. Its methods may be called from any goroutine.
type Remote struct {
	Config
	*replica
	feed    *feed.Feed
	stop    context.CancelFunc
	running errgroup.Group
	ready   chan struct{} // closed once a core node has told all for the first time

	mu     sync.Mutex    // guards what follows
	up     *conn         // nil: no core node
	turned chan struct{} // closed when up changes
	why    error         // of the last failure
	held   map[uint64]string
	next   uint64
}

// conn is one stream to one core node.
type conn struct {
	core string
	out  *outbox
	done chan struct{} // closed at its end

	mu      sync.Mutex // guards what follows
	pending map[uint64]chan reply
	over    bool
}

// Open starts to keep a stream to a core node.
func Open(c Config) *Remote {
	r := &Remote{
		Config: c, replica: newReplica(c.Node), feed: feed.Open(), ready: make(chan struct{}),
		turned: make(chan struct{}), held: map[uint64]string{}, why: errors.New("no core node has been reached yet"),
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.running.Go(func() error { r.run(ctx); return nil })
	return r
}

// Close ends the stream. What still waits for an answer is CodeUnavailable.
func (r *Remote) Close() error {
	r.stop()
	err := r.running.Wait()
	r.feed.Close()
	return err
}

// Ready is closed once a core node has told all that concerns this edge.
func (r *Remote) Ready() <-chan struct{} { return r.ready }

// Core returns the core node that this edge asks now, "" for none.
func (r *Remote) Core() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == nil {
		return ""
	}
	return r.up.core
}

// Err returns nil while a core node answers, or why none does.
func (r *Remote) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == nil {
		return fmt.Errorf("no core node can be reached: %w", r.why)
	}
	return nil
}

// Watch has f called with every change that concerns this edge, in the order of
// the log, from one goroutine for all watchers. After a stream was lost one
// Change{Reloaded} stands for what was missed.
func (r *Remote) Watch(f func([]state.Change)) (cancel func()) { return r.feed.Watch(f) }

func (r *Remote) run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	r.running.Go(func() error {
		for {
			select {
			case now := <-tick.C:
				r.sweep(now)
			case <-ctx.Done():
				return nil
			}
		}
	})
	for pause := againAfter; ctx.Err() == nil; pause = min(2*pause, againMost) {
		if r.follow(ctx) {
			pause = againAfter / 2
			continue
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// follow keeps one stream until it ends, and reports whether it was of use.
func (r *Remote) follow(ctx context.Context) (used bool) {
	dial, cancel := context.WithTimeout(ctx, beginFor)
	s, core, err := r.Connect(dial)
	cancel()
	if err != nil {
		r.lost(nil, err)
		return false
	}
	c := &conn{core: core, out: newOutbox(), done: make(chan struct{}), pending: map[uint64]chan reply{}}
	var writing errgroup.Group
	writing.Go(func() error { return c.out.run(s, c.done) })
	stop := context.AfterFunc(ctx, s.Reset)
	slow := time.AfterFunc(beginFor, s.Reset)
	begun := r.begin(c)
	for {
		var p reply
		if err = readFrame(s, maxReply, &p); err != nil {
			break
		}
		if p.News != nil {
			r.apply(p.News)
			r.feed.Push(p.News.Changes)
		}
		if p.ID == begun.ID && !used {
			slow.Stop()
			used = true
			r.reached(c, begun, p)
		} else if p.ID != 0 {
			c.answer(p)
		}
	}
	slow.Stop()
	stop()
	c.end()
	s.Reset()
	r.lost(c, err)
	_ = writing.Wait() // the reader's error says it
	if ctx.Err() == nil {
		r.Log.Warn("the core node is gone; another is asked", "node", core, "err", err)
	}
	return used
}

// begin shows a core node all that this edge holds.
func (r *Remote) begin(c *conn) request {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	q := request{ID: r.next, Hold: &hold{}}
	for showing, grant := range r.held {
		q.Hold.Held = append(q.Hold.Held, held{showing, grant})
	}
	c.out.put(q)
	return q
}

// reached goes on with a core node that has told all.
func (r *Remote) reached(c *conn, begun request, p reply) {
	changes := []state.Change{{Reloaded: true}}
	r.replica.mu.Lock()
	for _, showing := range p.Refused {
		if g, ok := r.interest.showings[showing]; ok && g.Agent != "" {
			changes = append(changes, state.Change{Revoked: g.Agent})
		}
	}
	changes[0].Index = r.index
	r.replica.mu.Unlock()
	r.mu.Lock()
	for _, showing := range p.Refused {
		delete(r.held, showing)
	}
	for _, h := range begun.Hold.Held { // who left meanwhile
		if _, ok := r.held[h.Showing]; !ok {
			c.out.put(request{Leave: h.Showing})
		}
	}
	r.up = c // who was admitted by another stream meanwhile is shown by admit
	close(r.turned)
	r.turned = make(chan struct{})
	r.mu.Unlock()
	r.feed.Push(changes)
	select {
	case <-r.ready:
	default:
		close(r.ready)
	}
	r.Log.Info("a core node answers", "node", c.core)
}

// lost notes that there is no core node.
func (r *Remote) lost(c *conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up == c {
		r.up = nil
	}
	r.why = err
}

func (c *conn) answer(p reply) {
	c.mu.Lock()
	wait := c.pending[p.ID]
	delete(c.pending, p.ID)
	c.mu.Unlock()
	if wait != nil {
		wait <- p
	}
}

// end fails what still waits.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	close(c.done)
}

// wait notes that a request will be answered; false: the stream has ended.
func (c *conn) wait(id uint64) (chan reply, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := make(chan reply, 1)
	c.pending[id] = answer
	return answer, !c.over
}

func (c *conn) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// conn returns the stream to a core node, or waits for one.
func (r *Remote) conn(ctx context.Context) (*conn, uint64, error) {
	for {
		r.mu.Lock()
		c, turned, why := r.up, r.turned, r.why
		r.next++
		id := r.next
		r.mu.Unlock()
		if c != nil {
			return c, id, nil
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return nil, 0, errors.Join(why, ctx.Err())
		}
	}
}

// ask has a core node answer a request. When the stream ends before, the next
// one is asked: requests may be repeated.
func (r *Remote) ask(ctx context.Context, q request) (reply, *conn, error) {
	for {
		c, id, err := r.conn(ctx)
		if err != nil {
			return reply{}, nil, unavailable(err)
		}
		q.ID = id
		answer, ok := c.wait(id)
		if ok && !c.out.put(q) {
			c.forget(id)
			return reply{}, nil, unavailable(errors.New("too much waits to be asked"))
		}
		select {
		case p := <-answer:
			result, err := state.DecodeResult(p.Result)
			if err == nil {
				err = result.Err
			}
			return p, c, err
		case <-c.done:
			r.lost(c, errEnded)
		case <-ctx.Done():
			c.forget(id)
			return reply{}, nil, unavailable(ctx.Err())
		}
	}
}

var errEnded = errors.New("the stream has ended")

func unavailable(err error) *relay.Error {
	return &relay.Error{
		Code: relay.CodeUnavailable, Text: "This cannot be saved right now. Please try again in a moment.",
		Retry: time.Second, Err: err,
	}
}

// Propose has a command committed, as raft/client does. An error of code
// unavailable does not mean that it was not.
func (r *Remote) Propose(ctx context.Context, cmd state.Command) (any, error) {
	if err := state.Known(cmd, r.Nodes); err != nil {
		return nil, err
	}
	p, _, err := r.ask(ctx, request{Propose: state.Encode(cmd)})
	if err != nil {
		return nil, err
	}
	result, err := state.DecodeResult(p.Result)
	if err != nil {
		return nil, err
	}
	return result.Value, nil
}

// Messages reads a piece of a transcript: those after a place, oldest first.
func (r *Remote) Messages(session relay.ID, after uint64, limit int) ([]relay.Message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readFor)
	defer cancel()
	p, _, err := r.ask(ctx, request{Messages: &messages{session, after, limit}})
	return p.Messages, err
}
