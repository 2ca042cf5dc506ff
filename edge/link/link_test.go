package link

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"kohe/relay"
	"kohe/relay/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a handler that answers each Say with a Message, each page message and
// pointer with itself, and tells what it was given.
type echo struct {
	peer   Peer
	queue  *queue
	frames chan wire.Frame // what came, with its lane in order
	closed chan error
	answer func(wire.Frame) error // nil: echo
}

func (e *echo) Source() Source   { return e.queue }
func (e *echo) Closed(err error) { e.closed <- err }
func (e *echo) Frame(_ relay.Lane, f wire.Frame) error {
	if e.frames != nil {
		e.frames <- f
	}
	if e.answer != nil {
		return e.answer(f)
	}
	switch f.Kind {
	case wire.Say:
		e.queue.push(wire.Outgoing{Kind: wire.Message, Payload: f.Payload})
	case wire.PageDiff, wire.Pointer:
		e.queue.push(wire.Outgoing{Kind: f.Kind, Payload: f.Payload})
	}
	return nil
}

// queue is a Source without bounds that ends with an error.
type queue struct {
	mu     sync.Mutex
	frames [2][]wire.Outgoing
	err    error
	wake   [2]chan struct{}
}

func newQueue() *queue {
	return &queue{wake: [2]chan struct{}{make(chan struct{}, 1), make(chan struct{}, 1)}}
}

func (q *queue) push(f wire.Outgoing) {
	lane := relay.Control
	if f.Kind.Lane() == relay.Page {
		lane = relay.Page
	}
	q.mu.Lock()
	q.frames[lane] = append(q.frames[lane], f)
	q.mu.Unlock()
	q.signal(lane)
}

func (q *queue) end(err error) {
	q.mu.Lock()
	q.err = err
	q.mu.Unlock()
	q.signal(relay.Control)
	q.signal(relay.Page)
}

func (q *queue) signal(lane relay.Lane) {
	select {
	case q.wake[lane] <- struct{}{}:
	default:
	}
}

func (q *queue) Next(ctx context.Context, lane relay.Lane) ([]wire.Outgoing, error) {
	for {
		if frames, err := q.take(lane); len(frames) > 0 || err != nil {
			return frames, err
		}
		select {
		case <-q.wake[lane]:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) take(lane relay.Lane) ([]wire.Outgoing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	frames := q.frames[lane]
	q.frames[lane] = nil
	if len(frames) == 0 {
		return nil, q.err
	}
	return frames, nil
}

// accept returns an Accept that welcomes everybody and hands their handlers over.
func accept(s **Server, prepare func(*echo)) (Accept, <-chan *echo) {
	handlers := make(chan *echo, 4096)
	return func(_ context.Context, peer Peer, hello wire.HelloPayload) (Handler, error) {
		e := &echo{peer: peer, queue: newQueue(), closed: make(chan error, 1)}
		if prepare != nil {
			prepare(e)
		}
		e.queue.push(wire.Outgoing{Kind: wire.Welcome, Payload: wire.Encode(wire.WelcomePayload{
			Version: wire.Version, Link: peer.Link, Key: peer.Key, PingMS: int((*s).Ping().Milliseconds()),
		})})
		handlers <- e
		return e, nil
	}, handlers
}

// newServer returns a server that echoes.
func newServer(t *testing.T, c Config, prepare func(*echo)) (*Server, <-chan *echo) {
	t.Helper()
	var s *Server
	var handlers <-chan *echo
	if c.Accept == nil {
		c.Accept, handlers = accept(&s, prepare)
	}
	s = NewServer(c)
	return s, handlers
}

func closeServer(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

var hello = wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: "shop"}

func say(text string) wire.SayPayload { return wire.SayPayload{ID: text, Text: text} }

// expect returns the next frame of a kind, leaving out others.
func expect(t *testing.T, c *Client, kind wire.Kind) wire.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		f, err := c.Recv(ctx)
		if err != nil {
			t.Fatalf("waiting for %s: %v", kind, err)
		}
		if f.Kind == kind {
			return f
		}
	}
}

// failure waits for the connection's end and returns why.
func failure(t *testing.T, c *Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if _, err := c.Recv(ctx); err != nil {
			return err
		}
	}
}

func dialMemory(t *testing.T, s *Server, p Path) *Client {
	t.Helper()
	c, err := new(Dialer).Memory(context.Background(), s, p, hello)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAFrameOfEachLaneIsEchoed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, Config{}, nil)
		c := dialMemory(t, s, Path{Latency: 20 * time.Millisecond})
		echoes(t, c)
		c.Close()
		closeServer(t, s)
	})
}

// echoes sends a frame on each lane and expects it back.
func echoes(t *testing.T, c *Client) {
	t.Helper()
	if _, err := c.Send(wire.Say, say("Tere")); err != nil {
		t.Fatal(err)
	}
	expect(t, c, wire.Message)
	if err := c.OpenPage(context.Background()); err != nil {
		t.Fatal(err)
	}
	page := wire.AppendSession(nil, relay.NewID())
	if _, err := c.Send(wire.PageDiff, append(page, make([]byte, 300_000)...)); err != nil {
		t.Fatal(err)
	}
	if f := expect(t, c, wire.PageDiff); len(f.Payload) != 300_016 {
		t.Errorf("the page message came back with %d bytes", len(f.Payload))
	}
	if _, err := c.Send(wire.Pointer, page); err != nil {
		t.Fatal(err)
	}
	expect(t, c, wire.Pointer)
}

func TestEveryFrameArrivesOnceInAnyWeather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames = 500
		s, handlers := newServer(t, Config{}, func(e *echo) { e.frames = make(chan wire.Frame, frames) })
		c := dialMemory(t, s, Path{Latency: 30 * time.Millisecond, Loss: 0.2, Seed: 7})
		e := <-handlers
		go func() {
			for range frames {
				kind := wire.Say
				if time.Now().UnixNano()%3 == 0 {
					kind = wire.Tab // not doubled: waits its turn
				}
				if _, err := c.Send(kind, say("x")); err != nil {
					t.Error(err)
				}
				time.Sleep(11 * time.Millisecond) // under synctest
			}
		}()
		seen := map[uint64]bool{}
		last := uint64(0)
		for range frames {
			f := <-e.frames
			if seen[f.Seq] {
				t.Fatalf("sequence %d came twice", f.Seq)
			}
			seen[f.Seq] = true
			if !f.Kind.Doubled() {
				if f.Seq < last {
					t.Fatalf("sequence %d came after %d on the stream", f.Seq, last)
				}
				last = f.Seq
			}
		}
		for seq := uint64(2); seq < frames+2; seq++ {
			if !seen[seq] {
				t.Errorf("sequence %d is missing", seq)
			}
		}
		synctest.Wait()
		if len(e.frames) > 0 {
			t.Errorf("%d frames too many", len(e.frames))
		}
		if s.metrics.Duplicates.Load() == 0 {
			t.Error("no second copy was dropped: nothing was doubled")
		}
		c.Close()
		closeServer(t, s)
	})
}

func TestTheSourcesErrorIsToldAndCloses(t *testing.T) {
	for _, want := range []error{
		&relay.Error{Code: relay.CodeRevoked, Text: "Signed out."},
		&relay.Error{Code: relay.CodeDraining, Text: "Going.", Retry: 1500 * time.Millisecond},
		errors.New("disk on fire"),
	} {
		synctest.Test(t, func(t *testing.T) {
			s, handlers := newServer(t, Config{}, nil)
			c := dialMemory(t, s, Path{Latency: time.Millisecond})
			e := <-handlers
			e.queue.push(wire.Outgoing{Kind: wire.Button, Payload: []byte("{}")})
			e.queue.end(want)
			expect(t, c, wire.Button)
			have := relay.AsError(failure(t, c))
			wanted := relay.AsError(want)
			if have.Code != wanted.Code || have.Text != wanted.Text || have.Retry != wanted.Retry {
				t.Errorf("told %v, want %v", have, wanted)
			}
			if err := <-e.closed; relay.CodeOf(err) != wanted.Code {
				t.Errorf("closed with %v", err)
			}
			c.Close()
			closeServer(t, s)
		})
	}
}

func TestAHandlersErrorAnswersTheFrameOrCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := make(chan error, 1)
		s, handlers := newServer(t, Config{}, func(e *echo) {
			e.answer = func(wire.Frame) error { return <-errs }
		})
		c := dialMemory(t, s, Path{})
		e := <-handlers
		errs <- relay.Errorf(relay.CodeForbidden, "Not yours.")
		seq, err := c.Send(wire.End, wire.SessionRef{})
		if err != nil {
			t.Fatal(err)
		}
		var told wire.ErrorPayload
		if err := wire.Decode(expect(t, c, wire.Error), &told); err != nil || told.Code != relay.CodeForbidden || told.Ref != seq {
			t.Errorf("told %+v (%v), want forbidden about %d", told, err, seq)
		}
		errs <- errors.New("a bug")
		if _, err := c.Send(wire.End, wire.SessionRef{}); err != nil {
			t.Fatal(err)
		}
		if err := failure(t, c); relay.CodeOf(err) != relay.CodeInternal || relay.AsError(err).Text == "a bug" {
			t.Errorf("told %v", err)
		}
		<-e.closed
		c.Close()
		closeServer(t, s)
	})
}

func TestASilentClientIsGivenUpAndAPingingOneKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, handlers := newServer(t, Config{Ping: 10 * time.Second}, nil)
		pinging := dialMemory(t, s, Path{Latency: time.Millisecond})
		kept := <-handlers
		silent := raw(t, new(Dialer).memory(s, Path{}))
		silent.say(wire.Hello, 1, wire.Encode(hello))
		lost := <-handlers
		began := time.Now()
		if err := <-lost.closed; relay.CodeOf(err) != relay.CodeTimeout {
			t.Errorf("the silent client: %v", err)
		}
		if d := time.Since(began); d < 24*time.Second || d > 27*time.Second {
			t.Errorf("given up after %v, want 2.5 × 10 s", d)
		}
		time.Sleep(time.Hour) // under synctest
		if len(kept.closed) > 0 {
			t.Errorf("the pinging client was given up: %v", <-kept.closed)
		}
		pinging.Close()
		silent.t.close(t.Context(), "")
		closeServer(t, s)
	})
}

func TestAHiddenPageThatOnlyAnswersIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, handlers := newServer(t, Config{Ping: 10 * time.Second}, nil)
		c := dialMemory(t, s, Path{Latency: time.Millisecond})
		c.pulse.Stop() // its own timers sleep
		e := <-handlers
		time.Sleep(time.Hour) // under synctest
		if len(e.closed) > 0 {
			t.Errorf("it was given up: %v", <-e.closed)
		}
		c.Close()
		closeServer(t, s)
	})
}

func TestClosingTheServerTellsAllAndAwaitsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, handlers := newServer(t, Config{}, nil)
		c := dialMemory(t, s, Path{Latency: 10 * time.Millisecond})
		e := <-handlers
		closeServer(t, s)
		if len(e.closed) == 0 {
			t.Error("the link's end was not awaited")
		}
		if err := failure(t, c); relay.CodeOf(err) != relay.CodeDraining {
			t.Errorf("told %v", err)
		}
		late, err := new(Dialer).Memory(context.Background(), s, Path{}, hello)
		if relay.CodeOf(err) != relay.CodeDraining {
			t.Errorf("a client after the close: %v, %v", late, err)
		}
		c.Close()
		s.running.Wait()
	})
}

func TestAClientThatLeavesIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, handlers := newServer(t, Config{}, nil)
		c := dialMemory(t, s, Path{})
		c.Close()
		if err := <-(<-handlers).closed; err != nil {
			t.Errorf("closed with %v", err)
		}
		closeServer(t, s)
	})
}

func TestAFullServerSaysBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, Config{Limits: Limits{Links: 2}}, nil)
		a, b := dialMemory(t, s, Path{}), dialMemory(t, s, Path{})
		_, err := new(Dialer).Memory(context.Background(), s, Path{}, hello)
		if relay.CodeOf(err) != relay.CodeBusy || relay.AsError(err).Retry == 0 {
			t.Errorf("the third: %v", err)
		}
		a.Close()
		synctest.Wait()
		c := dialMemory(t, s, Path{})
		b.Close()
		c.Close()
		closeServer(t, s)
	})
}

// notifying is a queue that need not be waited for.
type notifying struct {
	*queue
	ready [2]func()
}

func (n *notifying) Take(lane relay.Lane) ([]wire.Outgoing, error) { return n.take(lane) }
func (n *notifying) Notify(lane relay.Lane, ready func()) {
	n.mu.Lock()
	n.ready[lane] = ready
	n.mu.Unlock()
	ready()
}

func (n *notifying) push(f wire.Outgoing) {
	n.queue.push(f)
	n.mu.Lock()
	ready := n.ready[relay.Control]
	n.mu.Unlock()
	if ready != nil {
		ready()
	}
}

type notifyingHandler struct{ source *notifying }

func (h notifyingHandler) Source() Source { return h.source }
func (h notifyingHandler) Closed(error)   {}
func (h notifyingHandler) Frame(_ relay.Lane, f wire.Frame) error {
	h.source.push(wire.Outgoing{Kind: wire.Message, Payload: f.Payload})
	return nil
}

func TestANotifiersFramesAreAllWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const frames, pushers = 200, 5
		source := &notifying{queue: newQueue()}
		source.push(wire.Outgoing{Kind: wire.Welcome, Payload: wire.Encode(wire.WelcomePayload{Version: wire.Version})})
		s := NewServer(Config{Accept: func(context.Context, Peer, wire.HelloPayload) (Handler, error) {
			return notifyingHandler{source}, nil
		}})
		c := dialMemory(t, s, Path{Latency: time.Millisecond})
		for range pushers {
			go func() {
				for range frames {
					source.push(wire.Outgoing{Kind: wire.Session, Payload: []byte("{}")})
				}
			}()
		}
		for range frames * pushers {
			expect(t, c, wire.Session)
		}
		source.end(io.ErrUnexpectedEOF)
		source.ready[relay.Control]()
		if err := failure(t, c); relay.CodeOf(err) != relay.CodeInternal {
			t.Errorf("ended with %v", err)
		}
		c.Close()
		closeServer(t, s)
	})
}
