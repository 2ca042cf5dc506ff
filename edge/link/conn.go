package link

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// link is one client's connection. Its goroutines: run, which reads the
// control lane; where there are datagrams, one for them; one that waits for the
// page lane and reads it; and, unless the Source is a Notifier with nothing to
// take, one writer a lane.
type link struct {
	server  *Server
	t       transport
	peer    Peer
	handler Handler         // set by run before open
	ctx     context.Context // ends when the link begins to close
	cancel  context.CancelFunc
	gone    chan struct{} // closed when the transport is
	pulse   *time.Timer   // watches for the hello, then for silence
	heard   atomic.Int64  // when the client was last heard, ns since 1970
	open    atomic.Bool   // welcomed and not closing

	turn    chan struct{} // holds a token while a control frame is handled, and guards:
	window  window
	control buckets
	refused int // frames over their rate

	pointed uint64  // last cursor sequence; like the next, owned by who reads the cursor lane
	cursor  buckets //

	writers [2]writer // control and page

	mu      sync.Mutex // guards what follows
	closing bool
	err     error          // why it closes; nil: the client left
	out     [2]*sender     // control and page, once there is such a lane
	workers sync.WaitGroup // goroutines besides run; added to only while not closing
}

func newLink(s *Server, t transport, peer Peer) *link {
	l := &link{
		server: s, t: t, peer: peer, gone: make(chan struct{}), turn: make(chan struct{}, 1),
		control: newBuckets(s.limits.Control, wire.MaxControl),
		cursor:  newBuckets(s.limits.Cursor, wire.MaxCursor),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.pulse = time.AfterFunc(HelloTimeout, l.beat)
	return l
}

// run lives as long as the connection. streams says that the page lane is a
// stream of the same connection.
func (l *link) run(streams bool) {
	if l.t.datagrams() != nil {
		l.spawn(l.readDatagrams)
	}
	in, first, err := l.first()
	l.pulse.Stop()
	if err == nil && first.Kind == wire.Attach && !streams {
		l.server.welcomed()
		l.handOver(in, first)
		return
	}
	if err == nil {
		err = l.accept(first)
	}
	l.server.welcomed()
	if err != nil {
		l.end(err)
		<-l.gone
		l.workers.Wait()
		return
	}
	defer l.server.metrics.count(l.peer.Transport)()
	l.begin(streams)
	l.readControl(in)
	<-l.gone
	l.workers.Wait()
	l.handler.Closed(l.err)
}

// turnAway tells a connection that it may not stay.
func (l *link) turnAway(why error) {
	ctx, cancel := context.WithTimeout(l.ctx, closeGrace)
	defer cancel()
	if in, err := l.t.open(ctx); err == nil {
		l.setOut(relay.Control, in)
	}
	l.end(why)
	<-l.gone
}

// first waits for the first lane and reads the first frame.
func (l *link) first() (lane, wire.Frame, error) {
	in, err := l.t.open(l.ctx)
	if err != nil {
		return nil, wire.Frame{}, err
	}
	l.setOut(relay.Control, in)
	f, err := in.read(wire.MaxHello)
	if err == nil && f.Seq != 1 {
		err = relay.Errorf(relay.CodeProtocol, "The first frame has the sequence %d, not 1.", f.Seq)
	}
	return in, f, err
}

// accept lets the edge authenticate the hello.
func (l *link) accept(first wire.Frame) error {
	hello, err := decodeHello(first)
	if err != nil {
		return err
	}
	l.peer.Version = hello.Version
	ctx, cancel := context.WithTimeout(l.ctx, acceptTimeout)
	defer cancel()
	accept := l.server.config.Accept
	if l.peer.Transport == Carried {
		accept = l.server.config.Carried
	}
	l.handler, err = accept(ctx, l.peer, hello)
	if err != nil {
		return relay.AsError(err)
	}
	return nil
}

// begin starts what a welcomed link consists of.
func (l *link) begin(streams bool) {
	l.window.high = 1 // the hello
	l.heard.Store(time.Now().UnixNano())
	l.mu.Lock()
	l.open.Store(!l.closing)
	l.mu.Unlock()
	l.pulse.Reset(l.pings(nudgePings))
	l.startWriter(relay.Control)
	if streams {
		l.spawn(l.acceptPage)
	}
}

// How long a client may say nothing, in ping spans.
const (
	nudgePings   = 1.25 // then the edge pings: a hidden page answers at once, but its own timers sleep
	silencePings = 2.5  // then the client is given up
)

// beat runs when the client should have been heard by now.
func (l *link) beat() {
	if !l.open.Load() {
		l.end(relay.Errorf(relay.CodeTimeout, "No hello came within %v.", HelloTimeout))
		return
	}
	quiet := time.Since(time.Unix(0, l.heard.Load()))
	nudge, silence := l.pings(nudgePings), l.pings(silencePings)
	switch {
	case quiet >= silence:
		l.end(relay.Errorf(relay.CodeTimeout, "Nothing was heard for %v.", silence))
	case quiet >= nudge:
		ping := wire.Outgoing{Kind: wire.Ping, Payload: wire.Encode(wire.PingPayload{T: time.Now().UnixMilli()})}
		if err := l.out[relay.Control].reply(ping); err != nil {
			l.end(err)
		}
		l.pulse.Reset(silence - quiet)
	default:
		l.pulse.Reset(nudge - quiet)
	}
}

// pings returns a multiple of the ping span.
func (l *link) pings(n float64) time.Duration {
	return time.Duration(n * float64(l.server.config.Ping))
}

// spawn runs f beside run, unless the link is closing.
func (l *link) spawn(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closing {
		l.workers.Go(f)
	}
}

// setOut gives the link a lane to write to. It reports whether there was none.
func (l *link) setOut(lane relay.Lane, to lane) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out[lane] != nil {
		return false
	}
	s := &sender{write: to.write, failed: l.end, metrics: l.server.metrics}
	if d := l.t.datagrams(); d != nil && lane == relay.Control {
		s.datagram = d.SendDatagram
	}
	l.out[lane] = s
	return true
}

// end closes the link, once. A *relay.Error is told to the client first; any
// other error is about the connection, io.EOF that the client left. It does
// not wait.
func (l *link) end(err error) {
	if errors.Is(err, io.EOF) {
		err = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return
	}
	l.closing, l.err = true, err
	l.open.Store(false)
	l.cancel()
	go l.shut(l.out, err)
}

// shut says why and closes the transport, within closeGrace.
func (l *link) shut(out [2]*sender, why error) {
	defer close(l.gone)
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	l.pulse.Stop()
	var code relay.Code
	if e, ok := errors.AsType[*relay.Error](why); ok {
		code = e.Code
		l.server.metrics.refuse(code)
		if out[relay.Control] != nil {
			out[relay.Control].add(errorFrame(e, 0))
			go out[relay.Control].flush() // may block longer than ctx
			out[relay.Control].drain(ctx)
		}
	}
	l.t.close(ctx, code)
	for _, s := range out {
		if s != nil {
			s.stop()
		}
	}
}
