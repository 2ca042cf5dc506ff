package quicnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"
)

// Group returns the stream layer of one Raft group, which exists once: asking
// for it again closes the former one. Its Close closes its streams, in and out,
// and leaves the connections to the other groups. On a closed Net it is closed.
func (n *Net) Group(id uint64) raft.StreamLayer {
	g := &group{net: n, id: id, accepted: make(chan *stream), streams: map[*stream]struct{}{}}
	g.open, g.shut = context.WithCancel(context.Background())
	n.mu.Lock()
	former, closed := n.groups[id], n.closed
	if !closed {
		n.groups[id] = g
	}
	n.mu.Unlock()
	if former != nil {
		former.end()
	}
	if closed {
		g.end()
	}
	return g
}

// group is a raft.StreamLayer.
type group struct {
	net      *Net
	id       uint64
	accepted chan *stream
	open     context.Context // until the group is closed
	shut     context.CancelFunc

	mu      sync.Mutex // guards streams
	streams map[*stream]struct{}
}

// Accept implements net.Listener.
func (g *group) Accept() (net.Conn, error) {
	select {
	case s := <-g.accepted:
		return s, nil
	case <-g.open.Done():
		return nil, ErrClosed
	}
}

// Addr implements net.Listener: where the others dial this node.
func (g *group) Addr() net.Addr { return address(g.net.config.Addr) }

// Dial implements raft.StreamLayer.
func (g *group) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(g.open, timeout)
	defer cancel()
	conn, opened, err := g.net.open(ctx, addr)
	if g.open.Err() != nil {
		err = ErrClosed
	}
	if err != nil {
		return nil, fmt.Errorf("dial raft at %s: %w", addr, err)
	}
	s := &stream{
		Stream: opened, group: g, local: conn.LocalAddr(), remote: conn.RemoteAddr(),
		header: binary.BigEndian.AppendUint64(nil, g.id),
	}
	if !g.keep(s) {
		s.cancel()
		return nil, fmt.Errorf("dial raft at %s: %w", addr, ErrClosed)
	}
	return s, nil
}

// Close implements net.Listener.
func (g *group) Close() error {
	g.net.mu.Lock()
	if g.net.groups[g.id] == g {
		delete(g.net.groups, g.id)
	}
	g.net.mu.Unlock()
	g.end()
	return nil
}

func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut()
	for s := range g.streams {
		s.cancel()
	}
	clear(g.streams)
}

// take hands an incoming stream to Accept; false: the group is closed.
func (g *group) take(s *stream) bool {
	if !g.keep(s) {
		return false
	}
	select {
	case g.accepted <- s:
		return true
	case <-g.open.Done():
		return false
	}
}

func (g *group) keep(s *stream) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open.Err() != nil {
		return false
	}
	g.streams[s] = struct{}{}
	return true
}

func (g *group) drop(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.streams, s)
}

// stream is a net.Conn. One goroutine writes it at a time.
type stream struct {
	*quic.Stream
	group         *group
	local, remote net.Addr
	header        []byte // not written yet; nil once it is
}

// Write writes the header together with the first bytes, in one packet.
func (s *stream) Write(p []byte) (int, error) {
	if s.header == nil {
		return s.Stream.Write(p)
	}
	header := len(s.header)
	n, err := s.Stream.Write(append(s.header, p...))
	s.header = nil
	return max(0, n-header), err
}

// Close ends both directions: without CancelRead the stream would stay until
// the peer has ended its own (RFC 9000 §3).
func (s *stream) Close() error {
	s.group.drop(s)
	s.CancelRead(streamDone)
	_ = s.Stream.Close() // fails only if the group has cancelled it
	return nil
}

// cancel ends both directions at once, from any goroutine.
func (s *stream) cancel() {
	s.CancelRead(streamDone)
	s.CancelWrite(streamDone)
}

func (s *stream) LocalAddr() net.Addr  { return s.local }
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// address is a node's address as hashicorp/raft writes it.
type address raft.ServerAddress

func (a address) Network() string { return "quic" }
func (a address) String() string  { return string(a) }
