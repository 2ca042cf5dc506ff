package peer

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

// Failed tries to join: at most failedTries an address and minute (an IPv4
// address or an IPv6 /64), counted for maxTriers addresses. A secret cannot be
// guessed; the limit saves work.
const (
	failedTries = 10
	maxTriers   = 4096
)

// Tokens is where tokens are stored: their hash, for TokenLife.
type Tokens interface {
	// Redeem spends the token for that node. A *relay.Error is told to the
	// newcomer; CodeAuth says that the token is unknown, spent or expired.
	Redeem(ctx context.Context, token TokenHash, node Identity) error
}

// JoinConfig is what a JoinServer needs.
type JoinConfig struct {
	CA          *CA
	Credentials *Credentials // of this core node
	Tokens      Tokens
	// Answer returns what a newcomer is told, at most 192 KiB; nil: nothing. It
	// is called before the token is spent.
	Answer func(ctx context.Context, node Identity) ([]byte, error)
	Log    *slog.Logger // nil: none
}

// maxExtra bounds what Answer returns, in bytes.
const maxExtra = 192 << 10

// JoinServer lets newcomers join at a core node.
type JoinServer struct {
	Joined, Failed, Limited atomic.Uint64 // tries, by how they ended

	config JoinConfig
	log    *slog.Logger
	tries  tries
}

// NewJoinServer returns a JoinServer; it starts nothing.
func NewJoinServer(c JoinConfig) *JoinServer {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &JoinServer{config: c, log: c.Log, tries: tries{failed: map[netip.Prefix]int{}}}
}

// TLS returns how the node answers newcomers: it proves itself with the CA's
// certificate in its chain, they prove themselves by token.
func (s *JoinServer) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{JoinALPN}, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair := *s.config.Credentials.pair.Load()
			pair.Certificate = [][]byte{pair.Certificate[0], s.config.CA.cert.Raw}
			return &pair, nil
		},
	}
}

// Serve takes one connection: one try, 5 s and 4 KiB for it. It returns when
// the connection has ended.
func (s *JoinServer) Serve(conn *quic.Conn) {
	ctx, cancel := context.WithTimeout(conn.Context(), joinTimeout)
	defer cancel()
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		_ = conn.CloseWithError(closeProtocol, "no join request in time")
		return
	}
	_ = stream.SetDeadline(time.Now().Add(joinTimeout))
	answer := s.answer(conn, stream)
	_ = stream.SetWriteDeadline(time.Now().Add(joinTimeout))
	if _, err := stream.Write(answer.marshal()); err == nil {
		_ = stream.Close()
	}
	timer := time.NewTimer(joinTimeout)
	defer timer.Stop()
	select {
	case <-conn.Context().Done(): // the newcomer has read it
	case <-timer.C:
		_ = conn.CloseWithError(0, "")
	}
}

func (s *JoinServer) answer(conn *quic.Conn, from io.Reader) joinAnswer {
	who := prefix(conn.RemoteAddr())
	remote := conn.RemoteAddr().String()
	if s.tries.over(who, time.Now()) {
		s.Limited.Add(1)
		return joinAnswer{code: relay.CodeRate, text: "Too many tries from this address have failed. Wait a minute and try again."}
	}
	node, answer, err := s.join(conn.Context(), from)
	if err != nil {
		s.Failed.Add(1)
		s.tries.count(who, time.Now())
		s.log.Warn("a node did not join", "remote", remote, "node", clip(node.Node), "role", clip(string(node.Role)), "err", err)
		e := relay.AsError(err)
		return joinAnswer{code: e.Code, text: e.Text}
	}
	s.Joined.Add(1)
	s.log.Info("a node joins", "remote", remote, "node", node.Node, "role", node.Role, "region", node.Region)
	return answer
}

func (s *JoinServer) join(ctx context.Context, from io.Reader) (Identity, joinAnswer, error) {
	b, err := io.ReadAll(io.LimitReader(from, maxJoinRequest+1))
	if err != nil || len(b) > maxJoinRequest {
		return Identity{}, joinAnswer{}, relay.Errorf(relay.CodeTooLarge, "The join request did not come in %v or is over %d bytes.", joinTimeout, maxJoinRequest)
	}
	r, err := parseJoinRequest(b)
	if err != nil {
		return Identity{}, joinAnswer{}, err
	}
	node := Identity{Cluster: s.config.CA.Cluster(), Node: r.node, Role: r.role, Region: r.region}
	cert, err := s.config.CA.Sign(r.csr, node, time.Now())
	if err != nil {
		return node, joinAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, redeemTimeout)
	defer cancel()
	var extra []byte
	if s.config.Answer != nil {
		if extra, err = s.config.Answer(ctx, node); err != nil {
			return node, joinAnswer{}, err
		}
		if len(extra) > maxExtra {
			return node, joinAnswer{}, relay.Errorf(relay.CodeInternal, "What the cluster tells newcomers is over %d bytes.", maxExtra)
		}
	}
	// The look-up by hash takes as long for a near miss as for any other.
	if err := s.config.Tokens.Redeem(ctx, hashToken(r.role, r.secret), node); err != nil {
		return node, joinAnswer{}, err
	}
	return node, joinAnswer{cert: cert.Raw, extra: extra}, nil
}

// tries counts failed tries by address within a minute.
type tries struct {
	mu     sync.Mutex // guards what follows
	minute int64
	failed map[netip.Prefix]int
}

func (t *tries) over(who netip.Prefix, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	return t.failed[who] >= failedTries
}

func (t *tries) count(who netip.Prefix, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	if _, known := t.failed[who]; known || len(t.failed) < maxTriers {
		t.failed[who]++
	}
}

// turn forgets the minute before. The caller holds mu.
func (t *tries) turn(now time.Time) {
	if m := now.Unix() / 60; m != t.minute {
		t.minute = m
		clear(t.failed)
	}
}

// prefix returns whom an address stands for.
func prefix(addr net.Addr) netip.Prefix {
	ip := addrPort(addr).Addr().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // of no address: the zero Prefix, one for all
	return p
}
