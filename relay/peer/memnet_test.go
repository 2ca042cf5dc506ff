package peer

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// memNet is a network of packets in memory: every packet takes delay, some are
// lost, links and hosts can be cut. It works in a synctest bubble.
type memNet struct {
	mu    sync.Mutex // guards what follows
	delay time.Duration
	loss  float64
	rng   *rand.Rand
	hosts map[string]*memConn
	cut   map[[2]string]bool // from, to
	sent  int                // packets
	lost  int
}

func newMemNet(delay time.Duration, loss float64) *memNet {
	return &memNet{delay: delay, loss: loss, rng: rand.New(rand.NewPCG(1, 2)), hosts: map[string]*memConn{}, cut: map[[2]string]bool{}}
}

// setCut cuts or mends one direction.
func (n *memNet) setCut(from, to string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = cut
}

func (n *memNet) packets() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent
}

// listen returns the host with the next address, 10.0.0.1:1 and so on.
func (n *memNet) listen() *memConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(len(n.hosts)+1)), Port: 1}
	return n.bind(addr)
}

// relisten takes an address again, as a restarted process does.
func (n *memNet) relisten(addr *net.UDPAddr) *memConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.bind(addr)
}

func (n *memNet) bind(addr *net.UDPAddr) *memConn {
	c := &memConn{network: n, addr: addr, in: make(chan memPacket, 4096), closed: make(chan struct{}), late: make(chan struct{})}
	n.hosts[addr.String()] = c
	return c
}

func (n *memNet) deliver(b []byte, from, to net.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	if n.cut[[2]string{from.String(), to.String()}] || n.rng.Float64() < n.loss {
		n.lost++
		return
	}
	host := n.hosts[to.String()]
	if host == nil {
		return
	}
	p := memPacket{append([]byte(nil), b...), from}
	if n.delay == 0 {
		host.take(p)
		return
	}
	time.AfterFunc(n.delay, func() { host.take(p) })
}

type memPacket struct {
	b    []byte
	from net.Addr
}

// memConn is a host's net.PacketConn.
type memConn struct {
	network *memNet
	addr    *net.UDPAddr
	in      chan memPacket
	closed  chan struct{}
	once    sync.Once

	mu   sync.Mutex // guards late
	late chan struct{}
}

func (c *memConn) take(p memPacket) {
	select {
	case c.in <- p:
	default: // a full socket buffer
	}
}

func (c *memConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	late := c.late
	c.mu.Unlock()
	select {
	case p := <-c.in:
		return copy(b, p.b), p.from, nil
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *memConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	c.network.deliver(b, c.addr, to)
	return len(b), nil
}

func (c *memConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

func (c *memConn) LocalAddr() net.Addr { return c.addr }

// SetReadDeadline knows the past and never, which is what quic-go uses.
func (c *memConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.IsZero() {
		c.late = make(chan struct{})
	} else {
		close(c.late)
	}
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

// port is what edge/listen is to a node: it serves protocols by ALPN and dials
// from the same socket.
type port struct {
	transport *quic.Transport
	listener  *quic.EarlyListener
	conn      net.PacketConn
	running   sync.WaitGroup
}

type served struct {
	tls   *tls.Config
	serve func(*quic.Conn)
}

func openPort(t testing.TB, conn net.PacketConn, key *quic.StatelessResetKey, protocols map[string]served) *port {
	t.Helper()
	p := &port{conn: conn, transport: &quic.Transport{Conn: conn, StatelessResetKey: key}}
	config := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, alpn := range hello.SupportedProtos {
			if s, ok := protocols[alpn]; ok {
				return s.tls, nil
			}
		}
		return nil, fmt.Errorf("no protocol of %v", hello.SupportedProtos)
	}}
	var err error
	if p.listener, err = p.transport.ListenEarly(config, QUIC()); err != nil {
		t.Fatal(err)
	}
	p.running.Go(func() {
		for {
			c, err := p.listener.Accept(context.Background())
			if err != nil {
				return
			}
			p.running.Go(func() { protocols[c.ConnectionState().TLS.NegotiatedProtocol].serve(c) })
		}
	})
	return p
}

func (p *port) dial(ctx context.Context, addr string, tls *tls.Config, config *quic.Config) (*quic.Conn, error) {
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	return p.transport.Dial(ctx, to, tls, config)
}

func (p *port) addr() string { return p.conn.LocalAddr().String() }

// close ends the port as a process does that is killed: nobody is told.
func (p *port) close() {
	_ = p.transport.Close()
	_ = p.listener.Close()
	_ = p.conn.Close()
	p.running.Wait()
}

func udp(t testing.TB) net.PacketConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type tlsConfig = tls.Config

func poolOf(ca *x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return pool
}

func pairOf(key *ecdsa.PrivateKey, cert *x509.Certificate) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}
