package listen

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// Limits bound what strangers may cost before a link knows them. An address is
// an IPv4 address or an IPv6 /64. Zero fields take the default.
type Limits struct {
	ConnsPerAddr      int     // TCP and QUIC connections together
	HandshakesPerAddr float64 // QUIC handshakes a second; over it the address has to prove itself (Retry)
	Handshakes        int     // unfinished QUIC handshakes in all; likewise
}

// The defaults of Limits. An office has many people behind one address.
const (
	DefaultConnsPerAddr      = 512
	DefaultHandshakesPerAddr = 20
	DefaultHandshakes        = 256
)

// maxAddrs bounds how many addresses' handshakes are counted; a flood from more
// makes everybody prove theirs.
const maxAddrs = 65_536

// gate counts connections and handshakes by address.
type gate struct {
	limits Limits

	mu         sync.Mutex // guards what follows
	conns      map[netip.Prefix]int
	handshakes map[netip.Prefix]int // begun in this second
	second     int64
	unfinished int
}

var errTooMany = errors.New("too many connections from this address")

func newGate(l Limits) *gate {
	if l.ConnsPerAddr == 0 {
		l.ConnsPerAddr = DefaultConnsPerAddr
	}
	if l.HandshakesPerAddr == 0 {
		l.HandshakesPerAddr = DefaultHandshakesPerAddr
	}
	if l.Handshakes == 0 {
		l.Handshakes = DefaultHandshakes
	}
	return &gate{limits: l, conns: map[netip.Prefix]int{}, handshakes: map[netip.Prefix]int{}}
}

// verify reports whether a new QUIC connection from an unproved address has to
// prove it first.
func (g *gate) verify(addr net.Addr) bool {
	key := prefix(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now().Unix(); now != g.second {
		g.second = now
		clear(g.handshakes)
	}
	if _, known := g.handshakes[key]; known || len(g.handshakes) < maxAddrs {
		g.handshakes[key]++
	}
	return g.unfinished >= g.limits.Handshakes || len(g.handshakes) >= maxAddrs ||
		float64(g.handshakes[key]) > g.limits.HandshakesPerAddr
}

// enter counts a QUIC connection in and its handshake as unfinished, until ctx
// ends or await says otherwise.
func (g *gate) enter(ctx context.Context, client *quic.ClientInfo) (context.Context, error) {
	leave, err := g.admit(client.RemoteAddr)
	if err != nil {
		return nil, err
	}
	g.shake(1)
	done := sync.OnceFunc(func() { g.shake(-1) })
	context.AfterFunc(ctx, func() {
		done()
		leave()
	})
	return context.WithValue(ctx, handshakeKey{}, done), nil
}

type handshakeKey struct{}

// await counts a connection's handshake as finished when it is.
func (g *gate) await(conn *quic.Conn) {
	select {
	case <-conn.HandshakeComplete():
		conn.Context().Value(handshakeKey{}).(func())()
	case <-conn.Context().Done():
	}
}

func (g *gate) shake(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unfinished += n
}

// admit counts a connection in; leave counts it out, once.
func (g *gate) admit(addr net.Addr) (leave func(), err error) {
	key := prefix(addr)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conns[key] >= g.limits.ConnsPerAddr {
		return nil, errTooMany
	}
	g.conns[key]++
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.conns[key]--; g.conns[key] == 0 {
			delete(g.conns, key)
		}
	}), nil
}

// prefix returns whom an address stands for.
func prefix(addr net.Addr) netip.Prefix {
	var ip netip.Addr
	switch a := addr.(type) {
	case *net.TCPAddr:
		ip = a.AddrPort().Addr()
	case *net.UDPAddr:
		ip = a.AddrPort().Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // of no address: the zero Prefix, one for all
	return p
}

// gatedListener closes what an address has too much of.
type gatedListener struct {
	net.Listener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		leave, err := l.gate.admit(conn.RemoteAddr())
		if err == nil {
			return &gatedConn{conn, leave}, nil
		}
		_ = conn.Close()
	}
}

type gatedConn struct {
	net.Conn
	leave func()
}

func (c *gatedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
