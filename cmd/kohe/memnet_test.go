package main

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// weather is what every packet of a memNet is up against.
type weather struct {
	loss, twice float64       // probabilities that it is lost, and that it comes twice
	delay       time.Duration // of each
	jitter      time.Duration // up to so much more
}

// memNet is a network in memory: packets that are delayed, lost and doubled,
// and connections like TCP's that break when the process at one end does. Pairs
// of hosts can be cut, each way by itself. It works in a synctest bubble.
type memNet struct {
	mu      sync.Mutex // guards what follows
	rng     *rand.Rand
	weather weather
	hosts   map[netip.AddrPort]*memHost
	dark    map[netip.AddrPort]bool // without power
	cut     map[[2]netip.AddrPort]bool
	orphans map[netip.AddrPort][]*memStream // whose other end's host has not said that it is gone
}

func newMemNet(seed uint64) *memNet {
	return &memNet{
		rng: rand.New(rand.NewPCG(seed, 1)), hosts: map[netip.AddrPort]*memHost{}, dark: map[netip.AddrPort]bool{},
		cut: map[[2]netip.AddrPort]bool{}, orphans: map[netip.AddrPort][]*memStream{},
	}
}

var errRefused error = syscall.ECONNREFUSED

// setWeather changes what packets are up against.
func (n *memNet) setWeather(w weather) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.weather = w
}

// setCut cuts or mends one direction.
func (n *memNet) setCut(from, to netip.AddrPort, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cut {
		n.cut[[2]netip.AddrPort{from, to}] = true
	} else {
		delete(n.cut, [2]netip.AddrPort{from, to})
	}
}

// memHost is a process's end of the network: a socket for packets, a listener
// for connections, and the connections.
type memHost struct {
	network *memNet
	addr    netip.AddrPort
	in      chan memPacket
	calls   chan *memConn
	closed  chan struct{}
	once    sync.Once

	mu   sync.Mutex // guards late
	late chan struct{}

	conns map[*memConn]bool // guarded by network.mu
}

type memPacket struct {
	b    []byte
	from netip.AddrPort
}

// Bounds of a host's buffers.
const (
	memPackets = 4096
	memCalls   = 64
)

// bind gives a process an address. Whoever had it is gone.
func (n *memNet) bind(addr netip.AddrPort) *memHost {
	h := &memHost{
		network: n, addr: addr, in: make(chan memPacket, memPackets), calls: make(chan *memConn, memCalls),
		closed: make(chan struct{}), late: make(chan struct{}), conns: map[*memConn]bool{},
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[addr] = h
	delete(n.dark, addr)
	for _, s := range n.orphans[addr] {
		s.end()
	}
	delete(n.orphans, addr)
	return h
}

// vanish ends a process's part in the network before it can say a word. A host
// that loses its power does not even refuse who calls it.
func (h *memHost) vanish(power bool) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.hosts[h.addr] == h {
		delete(n.hosts, h.addr)
		n.dark[h.addr] = power
	}
	h.shut()
	for c := range h.conns {
		c.in.end()
		if power || n.apart(h.addr, c.remote) {
			n.orphans[h.addr] = append(n.orphans[h.addr], c.out)
		} else {
			c.out.end()
		}
	}
	h.conns = nil
}

func (h *memHost) shut() { h.once.Do(func() { close(h.closed) }) }

// apart reports whether two hosts cannot hold a conversation. mu is held.
func (n *memNet) apart(a, b netip.AddrPort) bool {
	return n.cut[[2]netip.AddrPort{a, b}] || n.cut[[2]netip.AddrPort{b, a}]
}

// deliver sends a packet on its way.
func (n *memNet) deliver(b []byte, from, to netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := n.hosts[to]
	if host == nil || n.cut[[2]netip.AddrPort{from, to}] || n.rng.Float64() < n.weather.loss {
		return
	}
	p := memPacket{append([]byte(nil), b...), from}
	copies := 1
	if n.rng.Float64() < n.weather.twice {
		copies++
	}
	for range copies {
		delay := n.weather.delay
		if n.weather.jitter > 0 {
			delay += time.Duration(n.rng.Int64N(int64(n.weather.jitter)))
		}
		time.AfterFunc(delay, func() { host.take(p) })
	}
}

func (h *memHost) take(p memPacket) {
	select {
	case h.in <- p:
	default: // a full socket buffer
	}
}

// ReadFrom implements net.PacketConn.
func (h *memHost) ReadFrom(b []byte) (int, net.Addr, error) {
	h.mu.Lock()
	late := h.late
	h.mu.Unlock()
	select {
	case <-h.closed:
		return 0, nil, net.ErrClosed
	default:
	}
	select {
	case p := <-h.in:
		return copy(b, p.b), net.UDPAddrFromAddrPort(p.from), nil
	case <-late:
		return 0, nil, os.ErrDeadlineExceeded
	case <-h.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn.
func (h *memHost) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-h.closed:
		return 0, net.ErrClosed
	default:
	}
	h.network.deliver(b, h.addr, to.(*net.UDPAddr).AddrPort())
	return len(b), nil
}

// Close implements net.PacketConn.
func (h *memHost) Close() error {
	h.vanish(false)
	return nil
}

// LocalAddr implements net.PacketConn.
func (h *memHost) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(h.addr) }

// SetReadDeadline knows the past and never, which is what quic-go uses.
func (h *memHost) SetReadDeadline(t time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.IsZero() {
		h.late = make(chan struct{})
	} else {
		close(h.late)
	}
	return nil
}

// SetDeadline implements net.PacketConn.
func (h *memHost) SetDeadline(t time.Time) error { return h.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn: writing never waits.
func (h *memHost) SetWriteDeadline(time.Time) error { return nil }

// call opens a connection to another host.
func (h *memHost) call(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	n := h.network
	n.mu.Lock()
	other, silent := n.hosts[to], n.dark[to] || n.apart(h.addr, to)
	var here, there *memConn
	if other != nil && !silent && h.conns != nil {
		up, down := newMemStream(), newMemStream()
		here = &memConn{host: h, remote: to, in: down, out: up}
		there = &memConn{host: other, remote: h.addr, in: up, out: down}
		select {
		case other.calls <- there:
			h.conns[here], other.conns[there] = true, true
		default:
			here = nil
		}
	}
	n.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if here == nil {
		return nil, errRefused
	}
	return here, nil
}

// memStream is one direction of a connection.
type memStream struct {
	wake chan struct{} // of one: there is something to read

	mu   sync.Mutex // guards what follows
	b    []byte
	over bool
}

func newMemStream() *memStream { return &memStream{wake: make(chan struct{}, 1)} }

func (s *memStream) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.signal()
}

func (s *memStream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take reads what is there; over says that nothing more will be.
func (s *memStream) take(b []byte) (n int, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = copy(b, s.b)
	s.b = s.b[n:]
	return n, s.over
}

// memConn is one end of a connection. One goroutine reads.
type memConn struct {
	host    *memHost
	remote  netip.AddrPort
	in, out *memStream
}

// Read implements net.Conn.
func (c *memConn) Read(b []byte) (int, error) {
	for {
		n, over := c.in.take(b)
		switch {
		case n > 0:
			return n, nil
		case over:
			return 0, net.ErrClosed
		}
		<-c.in.wake
	}
}

// Write implements net.Conn.
func (c *memConn) Write(b []byte) (int, error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.over {
		return 0, net.ErrClosed
	}
	c.out.b = append(c.out.b, b...)
	c.out.signal()
	return len(b), nil
}

// Close implements net.Conn.
func (c *memConn) Close() error {
	n := c.host.network
	n.mu.Lock()
	alive := c.host.conns[c]
	delete(c.host.conns, c)
	n.mu.Unlock()
	c.in.end()
	if alive {
		c.out.end()
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *memConn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.host.addr) }

// RemoteAddr implements net.Conn.
func (c *memConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn: nobody here needs one.
func (c *memConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (c *memConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }
