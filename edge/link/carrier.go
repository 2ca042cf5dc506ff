package link

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/quic-go/quic-go"

	"kohe/relay"
	"kohe/relay/wire"
)

// A carried link is a client's link that one node opens at another on the
// client's behalf, because a session that the client takes part in has its
// origin there. It speaks the protocol of clients, so that doubling, order and
// bounds are the same at every hop; only its streams and datagrams are those of
// the one connection that the two nodes have.

// NodeConn is the connection to another node. Its methods may be called from
// any goroutine.
type NodeConn interface {
	// Open opens a stream that the other node gives to Carrier.Stream.
	Open(ctx context.Context) (Stream, error)
	// SendDatagram sends a datagram that the other node gives to
	// Carrier.Datagram, or loses it. It does not block.
	SendDatagram(b []byte) error
}

// Stream is one stream of a NodeConn.
type Stream interface {
	io.Reader
	io.Writer
	Close() error // of the writing direction
	Reset()       // of both directions
}

// MaxCarried bounds the links that another node may have open here.
const MaxCarried = 20_000

// Carrier carries the links that go through one connection to another node,
// in both directions.
type Carrier struct {
	server *Server
	conn   NodeConn
	node   string

	mu   sync.Mutex // guards what follows
	ends map[carriedID]*carried
	next uint64
	err  error // why nothing is carried any more
}

// carriedID names a carried link on its connection.
type carriedID struct {
	ours bool // this node opened it
	n    uint64
}

// Carry returns the carrier of a connection to another node, whose links
// Config.Carried authenticates.
func (s *Server) Carry(node string, conn NodeConn) *Carrier {
	return &Carrier{server: s, node: node, conn: conn, ends: make(map[carriedID]*carried)}
}

// Stream takes a stream that the other node opened. It returns once the stream
// belongs to its link.
func (c *Carrier) Stream(s Stream) {
	r := bufio.NewReaderSize(s, readBuffer)
	n, err := binary.ReadUvarint(r)
	var lane byte
	if err == nil {
		lane, err = r.ReadByte()
	}
	if err != nil || lane > 1 {
		s.Reset()
		return
	}
	t, fresh := c.end(carriedID{n: n}, lane == 0)
	if t == nil || !t.take(lane, &streamLane{r: r, w: s, end: carriedEnd}, s) {
		s.Reset()
		return
	}
	if fresh {
		c.server.start(t, Peer{Link: relay.NewID(), Transport: Carried, Node: c.node}, true)
	}
}

// Datagram takes a datagram of the other node's.
func (c *Carrier) Datagram(b []byte) {
	if len(b) == 0 {
		return
	}
	n, used := binary.Uvarint(b[1:])
	if used <= 0 {
		return
	}
	if t, _ := c.end(carriedID{ours: b[0] == toOpener, n: n}, false); t != nil {
		t.arrived(b[1+used:])
	}
}

// Whom a datagram is for: its first byte.
const (
	toOpener = 0
	toServer = 1
)

// Dial opens a link at the other node. deliver gets its frames, those of a lane
// from one goroutine, which may wait.
func (c *Carrier) Dial(ctx context.Context, hello wire.HelloPayload, deliver func(wire.Frame)) (*Client, error) {
	c.mu.Lock()
	c.next++
	id := carriedID{ours: true, n: c.next}
	c.mu.Unlock()
	t, _ := c.end(id, true)
	if t == nil {
		return nil, errNoNode
	}
	return dialedTo(ctx, t, hello, deliver)
}

var errNoNode = relay.Errorf(relay.CodeUnavailable, "That server cannot be reached.")

// end returns one end of a carried link. With make it is made if it is not there.
func (c *Carrier) end(id carriedID, make bool) (t *carried, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.ends[id]; t != nil || !make || c.err != nil || len(c.ends) >= 2*MaxCarried {
		return t, false
	}
	t = newCarried(c, id)
	c.ends[id] = t
	return t, true
}

func (c *Carrier) forget(id carriedID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ends, id)
}

// Close ends every link that was carried: the connection is gone.
func (c *Carrier) Close() {
	c.mu.Lock()
	c.err = errNoNode
	ends := c.ends
	c.ends = nil
	c.mu.Unlock()
	for _, t := range ends {
		t.abandon()
	}
}

// carriedDatagrams is how many datagrams of one link may wait to be read; more
// are dropped, as quic-go does.
const carriedDatagrams = 64

// carried is one end of a carried link.
type carried struct {
	carrier *Carrier
	id      carriedID
	in      chan []byte   // datagrams
	lanes   chan lane     // that the other end opened, in their order
	gone    chan struct{} // closed by abandon

	mu      sync.Mutex // guards what follows
	streams []Stream
	closed  bool
}

func newCarried(c *Carrier, id carriedID) *carried {
	return &carried{
		carrier: c, id: id, in: make(chan []byte, carriedDatagrams), lanes: make(chan lane, 2), gone: make(chan struct{}),
	}
}

// take adds a lane that the other end opened; false if it has no place.
func (t *carried) take(number byte, l lane, s Stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.streams) != int(number) {
		return false
	}
	t.streams = append(t.streams, s)
	t.lanes <- l
	return true
}

// open implements transport.
func (t *carried) open(ctx context.Context) (lane, error) {
	if !t.id.ours {
		select {
		case l := <-t.lanes:
			return l, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.gone:
			return nil, io.EOF
		}
	}
	s, err := t.carrier.conn.Open(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	number := byte(len(t.streams))
	t.streams = append(t.streams, s)
	closed := t.closed
	t.mu.Unlock()
	if closed || number > 1 {
		s.Reset()
		return nil, io.ErrClosedPipe
	}
	if _, err := s.Write(append(binary.AppendUvarint(nil, t.id.n), number)); err != nil {
		return nil, err
	}
	return &streamLane{r: bufio.NewReaderSize(s, readBuffer), w: s, end: carriedEnd}, nil
}

// carriedEnd makes the other end's leaving an io.EOF.
func carriedEnd(err error) error {
	if _, ok := errors.AsType[*quic.StreamError](err); ok {
		return io.EOF
	}
	return err
}

// datagrams implements transport.
func (t *carried) datagrams() datagrams { return t }

// SendDatagram implements datagrams.
func (t *carried) SendDatagram(b []byte) error {
	to := byte(toServer)
	if !t.id.ours {
		to = toOpener
	}
	head := binary.AppendUvarint(append(make([]byte, 0, binary.MaxVarintLen64+1+len(b)), to), t.id.n)
	return t.carrier.conn.SendDatagram(append(head, b...))
}

// ReceiveDatagram implements datagrams.
func (t *carried) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	select {
	case b := <-t.in:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-t.gone:
		return nil, io.EOF
	}
}

// arrived queues a datagram, or drops it.
func (t *carried) arrived(b []byte) {
	select {
	case t.in <- b:
	default:
	}
}

// close implements transport. The opener goes first; see wtTransport.
func (t *carried) close(ctx context.Context, code relay.Code) {
	t.mu.Lock()
	streams := t.streams
	t.mu.Unlock()
	for _, s := range streams {
		_ = s.Close() // what was written arrives
	}
	if code != "" {
		select {
		case <-ctx.Done():
		case <-t.gone:
		}
	}
	t.carrier.forget(t.id)
	t.abandon()
}

// abandon lets go of the streams, once.
func (t *carried) abandon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	close(t.gone)
	for _, s := range t.streams {
		s.Reset()
	}
}

var _ transport = (*carried)(nil)
