package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"kohe/relay"
)

// seenAhead bounds how many numbers above the first missing one are remembered.
const seenAhead = 1024

// Frame is what came on another node's lane.
type Frame struct {
	From   Identity
	Lane   relay.ID // another one after the sender's restart: its numbers begin anew
	First  uint64   // the number with which this lane began here: 1, or after this node's restart the first that its former life did not acknowledge
	Number uint64   // its place: every number from First on comes once
	Body   []byte   // belongs to who takes the frame
}

// HandleFrames registers what takes the frames of the other nodes' lanes. A
// node's come one call at a time, in the order in which their first copies
// came: a frame may overtake others. take must not wait long.
func (p *Peers) HandleFrames(take func(Frame)) { p.frames = take }

// inlet is where the frames of another node's lane come in. It outlives
// connections.
type inlet struct {
	turn   chan struct{} // holds a token while a frame is handled, and guards:
	lane   relay.ID      // that numbers
	base   uint64        // the number with which it began
	conn   *Conn         // on which it was begun last
	window window
	admit  func(number uint64) freshness // of window

	frames, sooner, duplicates, ahead, early atomic.Uint64
}

// InletStats are the figures of what came on another node's lane.
type InletStats struct {
	Frames     uint64 // handed over
	Sooner     uint64 // of them those whose first copy was the datagram
	Duplicates uint64 // second copies
	Ahead      uint64 // datagrams too far ahead of the stream to be remembered
	Early      uint64 // datagrams that came before the stream's beginning
}

func newInlet() *inlet {
	in := &inlet{turn: make(chan struct{}, 1), window: window{next: 1}}
	in.admit = in.window.take
	return in
}

func (in *inlet) stats() InletStats {
	return InletStats{
		Frames: in.frames.Load(), Sooner: in.sooner.Load(), Duplicates: in.duplicates.Load(),
		Ahead: in.ahead.Load(), Early: in.early.Load(),
	}
}

// begin takes note that the stream of a lane begins with the frame of that
// number.
func (in *inlet) begin(c *Conn, lane relay.ID, base uint64) error {
	in.turn <- struct{}{}
	defer func() { <-in.turn }()
	switch {
	case base == 0:
		return relay.Errorf(relay.CodeProtocol, "A lane's frames are numbered from 1.")
	case in.lane != lane:
		in.lane, in.base = lane, base
		in.window = window{next: base}
	case base > in.window.next:
		return relay.Errorf(relay.CodeProtocol, "A lane goes on with the frame %d where %d is missing.", base, in.window.next)
	}
	in.conn = c
	return nil
}

// datagram takes a copy of a frame that came as a datagram.
func (in *inlet) datagram(p *Peers, c *Conn, number uint64, frame []byte) {
	in.turn <- struct{}{}
	defer func() { <-in.turn }()
	if in.conn != c {
		in.early.Add(1)
		return
	}
	if in.first(p, c, number, frame) {
		in.sooner.Add(1)
	}
}

// stream takes a copy of a frame that came on the stream of a lane.
func (in *inlet) stream(p *Peers, c *Conn, lane relay.ID, number uint64, frame []byte) {
	in.turn <- struct{}{}
	defer func() { <-in.turn }()
	if in.lane == lane {
		in.first(p, c, number, frame)
	}
}

// first hands a copy over if it is the first and reports whether it is. The
// caller holds the turn.
func (in *inlet) first(p *Peers, c *Conn, number uint64, frame []byte) bool {
	switch in.admit(number) {
	case duplicate:
		in.duplicates.Add(1)
		return false
	case ahead:
		in.ahead.Add(1)
		return false
	}
	in.frames.Add(1)
	p.frames(Frame{From: c.peer, Lane: in.lane, First: in.base, Number: number, Body: frame})
	return true
}

// complete returns the number up to which every frame is here.
func (in *inlet) complete() uint64 {
	in.turn <- struct{}{}
	defer func() { <-in.turn }()
	return in.window.next - 1
}

// inletOf returns where the frames of c go; nil if c is not, or no longer, the
// connection of its pair.
func (p *Peers) inletOf(c *Conn) *inlet {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.links[c.peer.Node]; l != nil && l.current == c {
		return l.inlet
	}
	return nil
}

func (p *Peers) laneDatagram(c *Conn, b []byte) {
	number, n := binary.Uvarint(b)
	if n <= 0 || number == 0 {
		c.close(closeProtocol, "a lane's datagram is malformed")
		return
	}
	if in := p.inletOf(c); in != nil {
		in.datagram(p, c, number, b[n:])
	}
}

// serveLane reads the stream of another node's lane and acknowledges it.
func (p *Peers) serveLane(ctx context.Context, c *Conn, s Stream) {
	in := p.inletOf(c)
	if in == nil {
		_ = s.Close()
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	acks := acknowledger{in: in, to: s, came: make(chan struct{}, 1)}
	var acking sync.WaitGroup
	acking.Go(func() { acks.run(ctx) })
	err := p.readLane(c, in, bufio.NewReaderSize(s, 4<<10), acks.note)
	cancel()
	if code := relay.CodeOf(err); code == relay.CodeProtocol || code == relay.CodeTooLarge {
		p.log.Warn("a node breaks the protocol of lanes", "node", c.peer.Node, "err", err)
		c.close(closeProtocol, relay.AsError(err).Text)
	}
	s.CancelWrite(0)
	_ = s.Close()
	acking.Wait()
}

// readLane hands the frames of a stream over until it ends.
func (p *Peers) readLane(c *Conn, in *inlet, r *bufio.Reader, came func()) error {
	lane, number, err := readLaneHead(r)
	if err != nil {
		return err
	}
	if err := in.begin(c, lane, number); err != nil {
		return err
	}
	for ; ; number++ {
		frame, err := readLaneFrame(r)
		if err != nil {
			return err
		}
		in.stream(p, c, lane, number, frame)
		came()
	}
}

// readLaneHead reads what a lane's stream begins with: which lane it is, and
// the number of its first frame.
func readLaneHead(r *bufio.Reader) (lane relay.ID, base uint64, err error) {
	if _, err = io.ReadFull(r, lane[:]); err == nil {
		base, err = binary.ReadUvarint(r)
	}
	return lane, base, err
}

// readLaneFrame reads one frame of a lane's stream: its length and its bytes.
func readLaneFrame(r *bufio.Reader) ([]byte, error) {
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if size > MaxFrame {
		return nil, relay.Errorf(relay.CodeTooLarge, "A lane's frame has %d bytes, at most %d may be.", size, MaxFrame)
	}
	frame := make([]byte, size)
	_, err = io.ReadFull(r, frame)
	return frame, err
}

// acknowledger tells the other node, on the way back of its stream, what is
// here: ackDelay after a frame, for all that came meanwhile.
type acknowledger struct {
	in   *inlet
	to   io.Writer
	came chan struct{} // of one
}

func (a *acknowledger) note() {
	select {
	case a.came <- struct{}{}:
	default:
	}
}

func (a *acknowledger) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-a.came:
		case <-ctx.Done():
			return
		}
		timer.Reset(ackDelay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if _, err := a.to.Write(binary.AppendUvarint(nil, a.in.complete())); err != nil {
			return
		}
	}
}

// window tells the first copy of a numbered frame from the second: the lowest
// number that is missing, and which of the seenAhead above it are here. Its
// owner serialises calls.
type window struct {
	next uint64
	seen [seenAhead / 64]uint64 // bit number % seenAhead
}

// What a number says.
type freshness uint8

const (
	fresh     freshness = iota
	duplicate           // a copy was handled
	ahead               // too far above what is missing to be remembered
)

// take takes note of a number.
func (w *window) take(number uint64) freshness {
	switch {
	case number < w.next:
		return duplicate
	case number-w.next >= seenAhead:
		return ahead
	}
	word, bit := w.at(number)
	if *word&bit != 0 {
		return duplicate
	}
	*word |= bit
	for {
		word, bit := w.at(w.next)
		if *word&bit == 0 {
			return fresh
		}
		*word &^= bit
		w.next++
	}
}

func (w *window) at(number uint64) (word *uint64, bit uint64) {
	i := number % seenAhead
	return &w.seen[i/64], 1 << (i % 64)
}
