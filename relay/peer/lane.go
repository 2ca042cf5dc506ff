package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"sync"
	"time"

	"kohe/relay"
)

// Bounds of a lane.
const (
	MaxFrame   = 72 << 10              // bytes of a frame: any control frame of relay/wire with room for a mesh's header
	LaneWindow = 4 << 20               // bytes that may wait to be acknowledged
	doubleGap  = 2 * time.Millisecond  // from a datagram to its copy on the stream
	ackDelay   = 20 * time.Millisecond // from a frame to its acknowledgement at most
	frameCost  = 64                    // bytes that a waiting frame costs besides its own
	batch      = 64 << 10              // bytes written to the stream at once

	// While more waits to be acknowledged, frames go on the stream alone: a
	// burst would only compete with its own copies.
	doubleWindow = 256 << 10 // bytes
)

// Lane carries small frames to one node, reliably and soon: each goes as a
// datagram at once and on one long stream 2 ms later (DESIGN 2: the gap keeps
// one lost packet from taking both), and the other node hands the first copy
// over (Frame). Frames are numbered from 1; numbers go on, and what was not
// acknowledged is sent again, when the connection is lost. A node that
// restarted may see again what its former life did not acknowledge.
//
// A lane keeps its pair connected. Several goroutines may send.
type Lane struct {
	peers  *Peers
	node   string          // at the other end
	id     relay.ID        // of this lane, by which the other node tells it from an earlier one
	ctx    context.Context // ends with the lane
	cancel context.CancelFunc
	wake   chan struct{} // of one: there is something to write

	mu      sync.Mutex // guards what follows; not held during I/O
	stats   LaneStats
	base    uint64 // number of frames[0]
	frames  []laneFrame
	bytes   int    // what frames cost
	written int    // so many frames are on the stream of conn
	acked   uint64 // the highest number that is acknowledged
	conn    *Conn  // nil: no stream
	err     error  // the lane has ended
}

// laneFrame waits to be acknowledged.
type laneFrame struct {
	b    []byte    // as in a datagram: kind, number, payload
	head int       // bytes before the payload
	due  time.Time // may be written to the stream from then on
}

// LaneStats are the figures of what a lane sent and, beside it, of what came on
// the other node's.
type LaneStats struct {
	Sent     uint64 // frames
	Doubled  uint64 // of them as datagram too
	Full     uint64 // frames refused for want of room
	Streams  uint64 // each after the first is a reconnect
	Resent   uint64 // frames written to another stream
	Waiting  int    // frames now
	Received InletStats
}

// Lane returns the lane to a node; there is one. Errors: relay.CodeNotFound for
// a node that is not a member, ErrClosed.
func (p *Peers) Lane(id string) (*Lane, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if _, is := p.members[id]; !is || id == p.self.Node {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no other node %q in the cluster.", clip(id))
	}
	link := p.link(id)
	if link.lane == nil {
		l := &Lane{peers: p, node: id, id: relay.NewID(), wake: make(chan struct{}, 1), base: 1}
		l.ctx, l.cancel = context.WithCancel(p.ctx)
		link.lane = l
		p.running.Go(l.run)
	}
	return link.lane, nil
}

// Send numbers a frame and sends it. It never waits: ErrFull says that 4 MiB
// wait to be acknowledged, ErrTooLarge that the frame is over MaxFrame. The
// lane copies the frame.
func (l *Lane) Send(frame []byte) (uint64, error) {
	if len(frame) > MaxFrame {
		return 0, ErrTooLarge
	}
	l.mu.Lock()
	if l.err != nil {
		defer l.mu.Unlock()
		return 0, l.err
	}
	if l.bytes+len(frame)+frameCost > LaneWindow {
		defer l.mu.Unlock()
		l.stats.Full++
		return 0, ErrFull
	}
	number := l.base + uint64(len(l.frames))
	f := newLaneFrame(number, frame)
	conn := l.conn
	if len(f.b) > 1+MaxDatagram || l.bytes > doubleWindow || number-l.base >= seenAhead {
		conn = nil
	}
	if conn != nil {
		f.due = time.Now().Add(doubleGap)
		l.stats.Doubled++
	}
	l.stats.Sent++
	first := l.written == len(l.frames) // otherwise somebody is roused or waits already
	l.frames = append(l.frames, f)
	l.bytes += f.cost()
	l.mu.Unlock()
	if conn != nil {
		_ = conn.send(f.b) // what finds no room goes on the stream
	}
	if first {
		l.rouse()
	}
	return number, nil
}

func newLaneFrame(number uint64, payload []byte) laneFrame {
	b := make([]byte, 0, 1+binary.MaxVarintLen64+len(payload))
	b = binary.AppendUvarint(append(b, byte(kindLane)), number)
	return laneFrame{b: append(b, payload...), head: len(b)}
}

func (f laneFrame) cost() int { return len(f.b) - f.head + frameCost }

func (l *Lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Stats returns the lane's figures.
func (l *Lane) Stats() LaneStats {
	l.peers.mu.Lock()
	var received InletStats
	if link := l.peers.links[l.node]; link != nil {
		received = link.inlet.stats()
	}
	l.peers.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Waiting, s.Received = len(l.frames), received
	return s
}

// Drain waits until everything sent is acknowledged, or ctx is done.
func (l *Lane) Drain(ctx context.Context) error {
	tick := time.NewTicker(ackDelay / 2)
	defer tick.Stop()
	for {
		l.mu.Lock()
		left, err := len(l.frames), l.err
		l.mu.Unlock()
		if left == 0 || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end makes the lane refuse frames and its goroutine return.
func (l *Lane) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.frames = nil
	l.cancel()
}

// run keeps the pair connected and the stream written.
func (l *Lane) run() {
	for l.ctx.Err() == nil {
		conn, err := l.peers.Conn(l.ctx, l.node)
		if err != nil {
			continue // what failed delays the next try
		}
		l.serve(conn)
		select {
		case <-conn.Done():
		case <-time.After(firstBackoff): // the other node ended the stream alone
		case <-l.ctx.Done():
		}
	}
}

// serve writes one connection's stream until it ends.
func (l *Lane) serve(conn *Conn) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	stop := context.AfterFunc(conn.quic.Context(), cancel)
	defer stop()
	stream, err := conn.Open(ctx, kindLane)
	if err != nil {
		return
	}
	var acks sync.WaitGroup
	acks.Go(func() {
		defer cancel()
		l.readAcks(conn, bufio.NewReaderSize(stream, 64))
	})
	if _, err := stream.Write(l.attach(conn)); err == nil {
		l.write(ctx, stream)
	}
	l.detach()
	_ = stream.Close()
	acks.Wait()
}

// attach makes conn the one whose stream is written, and returns what the
// stream begins with: the lane's id and the number of its first frame.
func (l *Lane) attach(conn *Conn) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stats.Streams > 0 {
		l.stats.Resent += uint64(l.written)
	}
	l.stats.Streams++
	l.conn, l.written = conn, 0
	return binary.AppendUvarint(l.id[:len(l.id):len(l.id)], l.base)
}

func (l *Lane) detach() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nil
}

// write writes what is due, in order, until ctx is done or the stream fails.
func (l *Lane) write(ctx context.Context, stream Stream) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var b []byte
	for {
		var wait time.Duration
		b, wait = l.take(b[:0], time.Now())
		if len(b) > 0 {
			if _, err := stream.Write(b); err != nil {
				return
			}
			continue
		}
		var due <-chan time.Time
		if wait > 0 {
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-l.wake:
		case <-due:
		case <-ctx.Done():
			return
		}
	}
}

// take appends the frames that are due to b. If none is, it returns how long
// until one will be, 0 if none waits.
func (l *Lane) take(b []byte, now time.Time) ([]byte, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.written < len(l.frames) && len(b) < batch {
		f := l.frames[l.written]
		if wait := f.due.Sub(now); wait > 0 {
			if len(b) > 0 {
				wait = 0
			}
			return b, wait
		}
		payload := f.b[f.head:]
		b = binary.AppendUvarint(b, uint64(len(payload)))
		b = append(b, payload...)
		l.written++
	}
	l.forget()
	return b, 0
}

// readAcks reads what the other node acknowledges: the highest number up to
// which it has everything.
func (l *Lane) readAcks(conn *Conn, r *bufio.Reader) {
	for {
		number, err := binary.ReadUvarint(r)
		if err != nil {
			return
		}
		if !l.acknowledge(number) {
			conn.close(closeProtocol, "a frame was acknowledged that was not sent")
			return
		}
	}
}

func (l *Lane) acknowledge(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return true
	}
	if number >= l.base+uint64(len(l.frames)) {
		return false
	}
	l.acked = max(l.acked, number)
	l.forget()
	return true
}

// forget drops the frames that are acknowledged; those that are not on the
// stream yet stay, because it may not skip a number. The caller holds mu.
func (l *Lane) forget() {
	n := 0
	for n < l.written && l.base+uint64(n) <= l.acked {
		l.bytes -= l.frames[n].cost()
		n++
	}
	clear(l.frames[:n])
	l.frames = l.frames[n:]
	if len(l.frames) == 0 {
		l.frames = nil // an idle lane holds no buffer
	}
	l.base += uint64(n)
	l.written -= n
}
