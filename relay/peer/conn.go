package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

// Kind says what a stream or a datagram is for. It is its first byte.
type Kind byte

// The kinds below FirstKind are this package's.
const (
	kindHello Kind = iota
	kindRenew
	FirstKind Kind = 16
)

// MaxDatagram is the most that a datagram carries, in bytes. QUIC's smallest
// packet of 1,280 bytes holds it with all headers.
const MaxDatagram = 1200

// datagramQueue bounds the datagrams of a connection that wait to be sent.
const datagramQueue = 256

// kindTimeout is how long a stream may wait for its first byte.
const kindTimeout = 5 * time.Second

// Errors of sending.
var (
	ErrTooLarge = errors.New("peer: over the limit of a frame")
	ErrFull     = errors.New("peer: too much is waiting for this node")
)

// Stream is a bidirectional stream between two nodes.
type Stream struct{ *quic.Stream }

// Close ends both directions: what was written arrives, what comes is dropped.
// The embedded Stream's Close ends the writing only.
func (s Stream) Close() error {
	s.CancelRead(0)
	return s.Stream.Close()
}

// Conn is the connection to another node.
type Conn struct {
	peers    *Peers
	quic     *quic.Conn
	peer     Identity
	instance relay.ID // of the other node's start
	dialled  bool     // by this node
	began    time.Time
	out      chan []byte

	opened, accepted, unknown                atomic.Uint64 // streams
	datagramsIn, datagramsOut, datagramsLost atomic.Uint64
}

func newConn(p *Peers, conn *quic.Conn, peer Identity, instance relay.ID, dialled bool) *Conn {
	return &Conn{peers: p, quic: conn, peer: peer, instance: instance, dialled: dialled, began: time.Now(), out: make(chan []byte, datagramQueue)}
}

// Peer returns who is at the other end, as its certificate proves.
func (c *Conn) Peer() Identity { return c.peer }

// Context ends with the connection.
func (c *Conn) Context() context.Context { return c.quic.Context() }

// RemoteAddr returns the other node's address as this one sees it.
func (c *Conn) RemoteAddr() net.Addr { return c.quic.RemoteAddr() }

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.quic.Context().Done() }

// RTT returns the smoothed round trip; 0 before it is known.
func (c *Conn) RTT() time.Duration { return c.quic.ConnectionStats().SmoothedRTT }

// Open opens a stream of a kind. It waits, until ctx is done, only while 4,096
// streams of this node are open there (64 where the other node takes this one
// for a stranger).
func (c *Conn) Open(ctx context.Context, kind Kind) (Stream, error) {
	s, err := c.quic.OpenStreamSync(ctx)
	if err == nil {
		c.opened.Add(1)
		_, err = s.Write([]byte{byte(kind)})
	}
	if err != nil {
		return Stream{}, fmt.Errorf("open a stream to %s: %w", c.peer.Node, err)
	}
	return Stream{s}, nil
}

// Datagram sends up to MaxDatagram bytes, which may get lost. It never waits:
// ErrFull says that 256 are waiting already, ErrTooLarge that b is too long.
func (c *Conn) Datagram(kind Kind, b []byte) error {
	return c.send(append([]byte{byte(kind)}, b...))
}

// send queues a datagram with its kind in front; it keeps b.
func (c *Conn) send(b []byte) error {
	if len(b) > 1+MaxDatagram {
		return ErrTooLarge
	}
	select {
	case c.out <- b:
		return nil
	default:
		c.datagramsLost.Add(1)
		return ErrFull
	}
}

// Stats are the figures of a connection since it began.
type Stats struct {
	Began                 time.Time
	Dialled               bool // by this node
	RTT                   time.Duration
	BytesIn, BytesOut     uint64
	PacketsIn, PacketsOut uint64
	PacketsLost           uint64
	StreamsIn, StreamsOut uint64
	StreamsUnknown        uint64 // of a kind that nobody handles
	DatagramsIn           uint64
	DatagramsOut          uint64
	DatagramsDropped      uint64 // for want of room, before they were sent
}

// Stats returns the connection's figures.
func (c *Conn) Stats() Stats {
	s := c.quic.ConnectionStats()
	return Stats{
		Began: c.began, Dialled: c.dialled, RTT: s.SmoothedRTT,
		BytesIn: s.BytesReceived, BytesOut: s.BytesSent, PacketsIn: s.PacketsReceived, PacketsOut: s.PacketsSent, PacketsLost: s.PacketsLost,
		StreamsIn: c.accepted.Load(), StreamsOut: c.opened.Load(), StreamsUnknown: c.unknown.Load(),
		DatagramsIn: c.datagramsIn.Load(), DatagramsOut: c.datagramsOut.Load(), DatagramsDropped: c.datagramsLost.Load(),
	}
}

func (c *Conn) close(code quic.ApplicationErrorCode, reason string) {
	_ = c.quic.CloseWithError(code, reason)
}

// start serves the connection; lost is called when it has ended. The caller
// holds Peers.mu and knows that the Peers is not closed.
func (c *Conn) start(lost func()) {
	c.peers.running.Go(c.acceptStreams)
	c.peers.running.Go(c.sendDatagrams)
	c.peers.running.Go(c.readDatagrams)
	c.peers.running.Go(func() {
		c.listen()
		lost()
	})
}

// listen probes the other node when nothing is heard, closes the connection
// when still nothing is, and returns when it has ended.
func (c *Conn) listen() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	probe := append([]byte{byte(kindHello)}, make([]byte, probeSize)...)
	var packets uint64
	heard := time.Now()
	for looked := heard; ; {
		select {
		case <-ticker.C:
		case <-c.Done():
			return
		}
		now, s := time.Now(), c.quic.ConnectionStats()
		if slept := now.Sub(looked) - 2*tick; slept > 0 { // this node's own pauses do not count
			heard = heard.Add(slept)
		}
		looked = now
		switch {
		case s.PacketsReceived != packets:
			packets, heard = s.PacketsReceived, now
		case now.Sub(heard) >= max(silence, 2*tick+5*s.SmoothedRTT):
			c.close(closeSilent, "nothing was heard")
		case c.dialled || now.Sub(heard) > 2*tick:
			_ = c.send(probe) // where it finds no room, what waits does as well
		}
	}
}

func (c *Conn) acceptStreams() {
	for {
		s, err := c.quic.AcceptStream(c.quic.Context())
		if err != nil {
			return
		}
		c.accepted.Add(1)
		c.peers.running.Go(func() { c.serveStream(Stream{s}) })
	}
}

func (c *Conn) serveStream(s Stream) {
	var kind [1]byte
	_ = s.SetReadDeadline(time.Now().Add(kindTimeout))
	_, err := io.ReadFull(s, kind[:])
	serve := c.peers.streams[Kind(kind[0])]
	if err != nil || serve == nil {
		c.unknown.Add(1)
		s.CancelWrite(0)
		s.CancelRead(0)
		return
	}
	_ = s.SetReadDeadline(time.Time{})
	serve(c.quic.Context(), c, s)
}

func (c *Conn) sendDatagrams() {
	for {
		select {
		case b := <-c.out:
			if c.quic.SendDatagram(b) == nil {
				c.datagramsOut.Add(1)
			} else {
				c.datagramsLost.Add(1)
			}
		case <-c.Done():
			return
		}
	}
}

func (c *Conn) readDatagrams() {
	for {
		b, err := c.quic.ReceiveDatagram(c.quic.Context())
		if err != nil {
			return
		}
		c.datagramsIn.Add(1)
		if len(b) == 0 {
			continue
		}
		if take := c.peers.datagrams[Kind(b[0])]; take != nil {
			take(c, b[1:])
		}
	}
}

// readHello reads the first stream's kind and the node's instance.
func readHello(r io.Reader) (relay.ID, error) {
	var kind [1]byte
	if _, err := io.ReadFull(r, kind[:]); err != nil {
		return relay.ID{}, err
	}
	if Kind(kind[0]) != kindHello {
		return relay.ID{}, relay.Errorf(relay.CodeProtocol, "The first stream is not a hello.")
	}
	return readInstance(r)
}

func readInstance(r io.Reader) (relay.ID, error) {
	var id relay.ID
	if _, err := io.ReadFull(r, id[:]); err != nil {
		return relay.ID{}, err
	}
	if id.IsZero() {
		return relay.ID{}, relay.Errorf(relay.CodeProtocol, "The hello names no instance.")
	}
	return id, nil
}
