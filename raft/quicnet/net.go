// Package quicnet is the stream layer of hashicorp/raft over QUIC, for many
// Raft groups at once. A Net is one node's end: it dials one QUIC connection to
// each peer, however many groups the two share, and takes the connections that
// peers dial to it. A stream begins with the 8 bytes (big-endian) of its group;
// the rest is hashicorp/raft's.
//
// It promises that nobody whom Config.Allow refuses is served, that a stream
// which is closed is closed in both directions, and that a broken connection
// is dialled anew by the next who needs it. Serve belongs to its caller; Close
// waits for it. A Net has no goroutine of its own.
package quicnet

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"
)

// ALPN names this protocol in a TLS handshake.
const ALPN = "kohe-raft/1"

// Bounds. A group needs three streams to each follower (entries, heartbeats
// and now and then a vote or a snapshot).
const (
	MaxStreams    = 1024 // that a peer may have open on one connection
	MaxIncoming   = 64   // connections; a cell has five members, and each may have two under way
	headerTimeout = 5 * time.Second

	streamWindow = 1 << 20  // bytes; the largest batch of entries is a few of these
	connWindow   = 16 << 20 // bytes
)

// Times of a connection. Raft's heartbeats keep a leader's connections open,
// and keepAlive the others, because a handshake would be part of the election.
const (
	idleTimeout = 3 * time.Second
	keepAlive   = time.Second
)

// The codes with which connections and streams are closed.
const (
	codeDone    quic.ApplicationErrorCode = 0
	codeGone    quic.ApplicationErrorCode = 1
	codeRefused quic.ApplicationErrorCode = 2

	streamDone    quic.StreamErrorCode = 0
	streamRefused quic.StreamErrorCode = 1
)

// ErrClosed is the error of a Net or a group that is closed.
var ErrClosed = fmt.Errorf("raft over QUIC: %w", net.ErrClosed)

// QUICConfig returns what a connection of this protocol wants, for those who
// dial and listen.
func QUICConfig() *quic.Config {
	return &quic.Config{
		MaxIncomingStreams: MaxStreams, MaxIncomingUniStreams: -1,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: connWindow,
		InitialConnectionReceiveWindow: streamWindow, MaxConnectionReceiveWindow: connWindow,
		HandshakeIdleTimeout: headerTimeout, MaxIdleTimeout: idleTimeout, KeepAlivePeriod: keepAlive,
	}
}

// Config says who a node is and how it reaches others.
type Config struct {
	Addr raft.ServerAddress // of this node, as the others dial it

	// Dial opens a connection to the node at addr, with mutual TLS and ALPN.
	// The name in the peer's certificate is Dial's to check.
	Dial func(ctx context.Context, addr raft.ServerAddress) (*quic.Conn, error)

	// Allow judges the certificate of a peer, which TLS has verified: nil if it
	// may take part. It is asked for every connection, dialled or taken, and
	// for all of them again by Recheck. It may be called from any goroutine and
	// must not call the Net.
	Allow func(*x509.Certificate) error

	Logger *slog.Logger // nil: slog.Default
}

// Net is one node's end. Its methods may be called from any goroutine.
type Net struct {
	config  Config
	log     *slog.Logger
	serving sync.WaitGroup // Serve

	mu       sync.Mutex // guards what follows
	closed   bool
	peers    map[raft.ServerAddress]*peer // by address; one for each ever dialled
	incoming map[*quic.Conn]struct{}
	groups   map[uint64]*group
}

// peer is a node that is dialled.
type peer struct {
	dialing chan struct{} // of one: a token, held while the peer is dialled
	conn    *quic.Conn    // guarded by Net.mu; nil: none yet
}

// New returns a Net that is connected to nobody.
func New(c Config) *Net {
	n := &Net{
		config: c, log: c.Logger,
		peers:    map[raft.ServerAddress]*peer{},
		incoming: map[*quic.Conn]struct{}{},
		groups:   map[uint64]*group{},
	}
	if n.log == nil {
		n.log = slog.Default()
	}
	return n
}

// Serve takes the streams of an incoming connection until it ends. A peer that
// is not allowed is told so and closed.
func (n *Net) Serve(conn *quic.Conn) {
	select {
	case <-conn.HandshakeComplete(): // only now is the certificate known
	case <-conn.Context().Done():
		return
	}
	if err := n.enter(conn); err != nil {
		n.log.Warn("a raft connection is refused", "remote", conn.RemoteAddr().String(), "err", err)
		_ = conn.CloseWithError(codeRefused, "not allowed")
		return
	}
	defer n.leave(conn)
	var streams sync.WaitGroup
	defer streams.Wait()
	for {
		s, err := conn.AcceptStream(context.Background())
		if err != nil {
			return
		}
		streams.Go(func() { n.take(conn, s) })
	}
}

func (n *Net) enter(conn *quic.Conn) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.closed:
		return ErrClosed
	case len(n.incoming) >= MaxIncoming:
		return fmt.Errorf("%d connections are open", len(n.incoming))
	}
	if err := n.judge(conn); err != nil {
		return err
	}
	n.incoming[conn] = struct{}{}
	n.serving.Add(1)
	return nil
}

func (n *Net) leave(conn *quic.Conn) {
	n.mu.Lock()
	delete(n.incoming, conn)
	n.mu.Unlock()
	n.serving.Done()
}

// judge says whether the peer may take part.
func (n *Net) judge(conn *quic.Conn) error {
	certs := conn.ConnectionState().TLS.PeerCertificates
	if len(certs) == 0 {
		return errors.New("the peer showed no certificate")
	}
	return n.config.Allow(certs[0])
}

// take gives an incoming stream to its group.
func (n *Net) take(conn *quic.Conn, s *quic.Stream) {
	var header [8]byte
	_ = s.SetReadDeadline(time.Now().Add(headerTimeout))
	_, err := io.ReadFull(s, header[:])
	_ = s.SetReadDeadline(time.Time{})
	id := binary.BigEndian.Uint64(header[:])
	n.mu.Lock()
	g := n.groups[id]
	n.mu.Unlock()
	if err == nil && g != nil && g.take(&stream{Stream: s, group: g, local: conn.LocalAddr(), remote: conn.RemoteAddr()}) {
		return
	}
	n.log.Debug("a raft stream is refused", "remote", conn.RemoteAddr().String(), "group", id, "err", err)
	s.CancelRead(streamRefused)
	s.CancelWrite(streamRefused)
}

// open opens a stream to addr. A connection that turns out to be broken is
// dialled anew, once.
func (n *Net) open(ctx context.Context, addr raft.ServerAddress) (*quic.Conn, *quic.Stream, error) {
	for {
		conn, fresh, err := n.conn(ctx, addr)
		if err != nil {
			return nil, nil, err
		}
		s, err := conn.OpenStream()
		if err == nil || fresh || conn.Context().Err() == nil {
			return conn, s, err
		}
	}
}

// conn returns the connection to addr and whether it was dialled just now.
func (n *Net) conn(ctx context.Context, addr raft.ServerAddress) (_ *quic.Conn, fresh bool, err error) {
	p, conn, err := n.peer(addr)
	if conn != nil || err != nil {
		return conn, false, err
	}
	select {
	case p.dialing <- struct{}{}:
		defer func() { <-p.dialing }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if _, conn, err = n.peer(addr); conn != nil || err != nil {
		return conn, false, err // another one dialled meanwhile
	}
	conn, err = n.config.Dial(ctx, addr)
	if err != nil {
		return nil, false, err
	}
	if err := n.keep(p, conn); err != nil {
		_ = conn.CloseWithError(codeRefused, "not allowed")
		return nil, false, err
	}
	return conn, true, nil
}

// peer returns the entry for addr and its connection, nil if there is no live
// one.
func (n *Net) peer(addr raft.ServerAddress) (*peer, *quic.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nil, ErrClosed
	}
	p := n.peers[addr]
	if p == nil {
		p = &peer{dialing: make(chan struct{}, 1)}
		n.peers[addr] = p
	}
	if p.conn != nil && p.conn.Context().Err() != nil {
		p.conn = nil
	}
	return p, p.conn, nil
}

func (n *Net) keep(p *peer, conn *quic.Conn) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return ErrClosed
	}
	if err := n.judge(conn); err != nil {
		return err
	}
	p.conn = conn
	return nil
}

// Gone closes the connection to addr, because it is known that nobody is at its
// other end: what waits for an answer fails at once and not at the idle
// timeout. The next stream is dialled anew.
func (n *Net) Gone(addr raft.ServerAddress) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.peers[addr]; p != nil {
		p.close(codeGone, "gone")
	}
}

func (p *peer) close(code quic.ApplicationErrorCode, why string) {
	if p.conn != nil {
		_ = p.conn.CloseWithError(code, why)
		p.conn = nil
	}
}

// Recheck asks Allow for every connection again and closes those that are no
// longer allowed. It is to be called when the members have changed.
func (n *Net) Recheck() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.incoming {
		if err := n.judge(conn); err != nil {
			n.log.Info("a raft connection is closed", "remote", conn.RemoteAddr().String(), "err", err)
			_ = conn.CloseWithError(codeRefused, "no longer allowed")
		}
	}
	for _, p := range n.peers {
		if p.conn != nil && n.judge(p.conn) != nil {
			p.close(codeRefused, "no longer allowed")
		}
	}
}

// Close closes every group and connection and waits for Serve.
func (n *Net) Close() error {
	n.mu.Lock()
	n.closed = true
	groups := n.groups
	n.groups = nil
	for conn := range n.incoming {
		_ = conn.CloseWithError(codeDone, "closed")
	}
	for _, p := range n.peers {
		p.close(codeDone, "closed")
	}
	n.mu.Unlock()
	for _, g := range groups {
		g.end()
	}
	n.serving.Wait()
	return nil
}
