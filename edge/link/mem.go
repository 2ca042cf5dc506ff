package link

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"kohe/relay"
)

// Path is what a connection in memory is like, each way. The zero Path is
// perfect.
type Path struct {
	Latency time.Duration
	Loss    float64 // of packets, 0 to 1
	Seed    uint64  // of what is lost; the same seed loses the same
}

// Bounds of a connection in memory.
const (
	memPacket    = 1200 // bytes
	memInFlight  = 256  // packets of a stream
	memDatagrams = 32   // datagrams not yet received; more are dropped, as quic-go does
)

// ackDelay is how long a receiver may sit on an acknowledgement (RFC 9000
// §18.2, max_ack_delay).
const ackDelay = 25 * time.Millisecond

// memTransport is one end of a connection in memory: streams that lose
// nothing but wait for what was lost, datagrams that are lost.
type memTransport struct {
	shared *memShared
	in     memWay // what the other end sends
	out    memWay
	opened int // streams; owned by who calls open
	client bool
}

// memShared is what both ends have in common.
type memShared struct {
	streams chan [2]*memStream // opened by the client: its end to read, its end to write
	closed  chan struct{}
	once    sync.Once
	mu      sync.Mutex
	code    relay.Code // why it was closed; guarded by mu
}

// memWay is one direction's datagrams and its losses.
type memWay struct {
	path      Path
	datagrams chan memParcel
	mu        *sync.Mutex
	dice      *rand.Rand // guarded by mu
}

type memParcel struct {
	bytes []byte
	at    time.Time // of arrival
}

func memPair(p Path) (client, server *memTransport) {
	shared := &memShared{streams: make(chan [2]*memStream, 2), closed: make(chan struct{})}
	way := func(salt uint64) memWay {
		return memWay{
			path: p, datagrams: make(chan memParcel, memDatagrams),
			mu: new(sync.Mutex), dice: rand.New(rand.NewPCG(p.Seed, salt)),
		}
	}
	up, down := way(1), way(2)
	return &memTransport{shared: shared, in: down, out: up, client: true}, &memTransport{shared: shared, in: up, out: down}
}

// lost throws the dice once.
func (w memWay) lost() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dice.Float64() < w.path.Loss
}

// delay is how long a packet of a stream takes. A lost one is sent again after
// a probe timeout: the round trip, its variance and the acknowledgement delay
// (RFC 9002 §6.2.1); sparse traffic has no later packet to show the loss sooner.
func (w memWay) delay() time.Duration {
	d := w.path.Latency
	for w.lost() {
		d += 3*w.path.Latency + ackDelay
	}
	return d
}

func (t *memTransport) open(ctx context.Context) (lane, error) {
	t.opened++
	if t.opened > 2 {
		return nil, io.ErrClosedPipe
	}
	if t.client {
		up, down := newMemStream(t.out, t.shared), newMemStream(t.in, t.shared)
		t.shared.streams <- [2]*memStream{up, down}
		return newMemLane(down, up), nil
	}
	select {
	case ends := <-t.shared.streams:
		return newMemLane(ends[0], ends[1]), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.shared.closed:
		return nil, io.EOF
	}
}

func newMemLane(in, out *memStream) lane {
	return &streamLane{r: bufio.NewReaderSize(in, readBuffer), w: out, end: func(err error) error { return err }}
}

func (t *memTransport) datagrams() datagrams { return t }

// SendDatagram implements datagrams.
func (t *memTransport) SendDatagram(b []byte) error {
	if t.out.lost() {
		return nil
	}
	select {
	case t.out.datagrams <- memParcel{append([]byte(nil), b...), time.Now().Add(t.out.path.Latency)}:
	default:
	}
	return nil
}

// ReceiveDatagram implements datagrams.
func (t *memTransport) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	select {
	case d := <-t.in.datagrams:
		return d.bytes, arrive(ctx, d.at, t.shared.closed)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.shared.closed:
		return nil, io.EOF
	}
}

// close is noticed by the other end at once; a latency's wait before it lets
// the last words arrive.
func (t *memTransport) close(ctx context.Context, code relay.Code) {
	if code != "" {
		_ = arrive(ctx, time.Now().Add(4*t.out.path.Latency+ackDelay), t.shared.closed)
	}
	t.shared.once.Do(func() {
		t.shared.mu.Lock()
		t.shared.code = code
		t.shared.mu.Unlock()
		close(t.shared.closed)
	})
}

// memStream is one direction of a stream: in order, nothing lost.
type memStream struct {
	way     memWay
	packets chan memParcel
	last    time.Time // arrival of the last packet written; owned by the writer
	rest    []byte    // read in part; owned by the reader
	closed  chan struct{}
	over    chan struct{} // closed by finish
	once    sync.Once
}

// finish ends the stream; what was written before can still be read.
func (s *memStream) finish() { s.once.Do(func() { close(s.over) }) }

func newMemStream(way memWay, shared *memShared) *memStream {
	return &memStream{way: way, packets: make(chan memParcel, memInFlight), closed: shared.closed, over: make(chan struct{})}
}

func (s *memStream) Write(b []byte) (int, error) {
	for at := 0; at < len(b); at += memPacket {
		packet := append([]byte(nil), b[at:min(at+memPacket, len(b))]...)
		arrival := time.Now().Add(s.way.delay())
		if arrival.Before(s.last) { // behind one that was lost
			arrival = s.last
		}
		s.last = arrival
		select {
		case s.packets <- memParcel{packet, arrival}:
		case <-s.closed:
			return at, io.ErrClosedPipe
		case <-s.over:
			return at, io.ErrClosedPipe
		}
	}
	return len(b), nil
}

func (s *memStream) Read(b []byte) (int, error) {
	if len(s.rest) == 0 {
		p, err := s.packet()
		if err != nil {
			return 0, err
		}
		s.rest = p
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// packet waits for the next packet. After the close it still gives those that
// had arrived.
func (s *memStream) packet() ([]byte, error) {
	select {
	case p := <-s.packets:
		return p.bytes, arrive(context.Background(), p.at, s.closed)
	default:
	}
	select {
	case p := <-s.packets:
		return p.bytes, arrive(context.Background(), p.at, s.closed)
	case <-s.closed:
		return nil, io.EOF
	case <-s.over:
		return nil, io.EOF
	}
}

// arrive waits until a time.
func arrive(ctx context.Context, at time.Time, closed <-chan struct{}) error {
	wait := time.Until(at)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-closed:
		return io.EOF
	}
}

// CarryMemory connects two nodes' servers in the same process. cut breaks the
// connection for good.
func CarryMemory(a, b *Server, nameA, nameB string, p Path) (atA, atB *Carrier, cut func()) {
	shared := &memShared{streams: make(chan [2]*memStream), closed: make(chan struct{})}
	way := func(salt uint64) memWay {
		return memWay{path: p, mu: new(sync.Mutex), dice: rand.New(rand.NewPCG(p.Seed, salt))}
	}
	ab, ba := &memNode{shared: shared, out: way(1), in: way(2)}, &memNode{shared: shared, out: way(2), in: way(1)}
	atA, atB = a.Carry(nameB, ab), b.Carry(nameA, ba)
	ab.other, ba.other = atB, atA
	return atA, atB, func() {
		shared.once.Do(func() { close(shared.closed) })
		atA.Close()
		atB.Close()
	}
}

// memNode is one end of a connection between nodes in memory.
type memNode struct {
	shared  *memShared
	out, in memWay
	other   *Carrier
}

// Open implements NodeConn.
func (n *memNode) Open(context.Context) (Stream, error) {
	select {
	case <-n.shared.closed:
		return nil, io.ErrClosedPipe
	default:
	}
	up, down := newMemStream(n.out, n.shared), newMemStream(n.in, n.shared)
	go n.other.Stream(memBoth{up, down})
	return memBoth{down, up}, nil
}

// SendDatagram implements NodeConn.
func (n *memNode) SendDatagram(b []byte) error {
	if !n.out.lost() {
		time.AfterFunc(n.out.path.Latency, func() { n.other.Datagram(b) })
	}
	return nil
}

// memBoth is a stream between nodes in memory: its end to read, its end to write.
type memBoth struct{ in, out *memStream }

func (s memBoth) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s memBoth) Write(b []byte) (int, error) { return s.out.Write(b) }
func (s memBoth) Close() error                { s.out.finish(); return nil }
func (s memBoth) Reset()                      { s.in.finish(); s.out.finish() }
