package netem

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// memoryQueue bounds the packets that a PacketConn has received and nobody has
// read; more are dropped, as a socket's full buffer does.
const memoryQueue = 4096

// Memory is a network in this process. Its goroutines belong to the bubble, if
// any, that NewMemory was called in.
type Memory struct {
	*links
	addrs map[netip.Addr]string

	mu    sync.Mutex // guards what follows
	conns map[netip.AddrPort]*memoryConn
	ports map[string]uint16 // last one given
}

// NewMemory returns a network of hosts with the addresses 10.77.0.1, 10.77.0.2
// and so on. The same seed loses the same packets of the same traffic.
func NewMemory(seed uint64, hosts ...string) *Memory {
	m := &Memory{addrs: map[netip.Addr]string{}, conns: map[netip.AddrPort]*memoryConn{}, ports: map[string]uint16{}}
	for i, name := range hosts {
		m.addrs[hostAddr(i)] = name
	}
	m.links = connect(seed, hosts, func(_ string, body []byte) { m.arrive(body) })
	return m
}

// hostAddr is the address of the i-th host, in both kinds of network.
func hostAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)}) }

// Addr returns a host's address.
func (m *Memory) Addr(host string) netip.Addr {
	for addr, name := range m.addrs {
		if name == host {
			return addr
		}
	}
	panic(fmt.Sprintf("netem: no host %q", host))
}

// Listen opens a port of a host; 0 takes a free one. Packets between two ports
// of one host are not emulated: they are dropped.
func (m *Memory) Listen(host string, port uint16) (net.PacketConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if port == 0 {
		m.ports[host] = max(m.ports[host], 49151) + 1 // RFC 6335 §6: dynamic ports
		port = m.ports[host]
	}
	at := netip.AddrPortFrom(m.Addr(host), port)
	if m.conns[at] != nil {
		return nil, fmt.Errorf("listen on %s: the port is taken", at)
	}
	c := &memoryConn{net: m, host: host, at: at, in: make(chan datagram, memoryQueue), closed: make(chan struct{}), late: newDeadline()}
	m.conns[at] = c
	return c, nil
}

// Close ends the network and its connections.
func (m *Memory) Close() {
	m.mu.Lock()
	conns := m.conns
	m.conns = map[netip.AddrPort]*memoryConn{}
	m.mu.Unlock()
	for _, c := range conns {
		c.shut()
	}
	m.links.close()
}

// header is what a packet in memory starts with: sender and receiver.
const header = 2 * (4 + 2)

type datagram struct {
	from netip.AddrPort
	body []byte
}

func (m *Memory) arrive(packet []byte) {
	from, to := parseAddr(packet), parseAddr(packet[header/2:])
	m.mu.Lock()
	c := m.conns[to]
	m.mu.Unlock()
	if c == nil {
		return
	}
	select {
	case c.in <- datagram{from, packet[header:]}:
	default: // its reader is too slow
	}
}

func appendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As4()
	return append(append(b, ip[:]...), byte(a.Port()>>8), byte(a.Port()))
}

func parseAddr(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5]))
}

// memoryConn is a net.PacketConn of one host.
type memoryConn struct {
	net    *Memory
	host   string
	at     netip.AddrPort
	in     chan datagram
	once   sync.Once
	closed chan struct{}
	late   *deadline
}

func (c *memoryConn) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-c.closed:
		return 0, nil, net.ErrClosed
	case <-c.late.passed():
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	for {
		changed := c.late.changed()
		select {
		case d := <-c.in:
			return copy(b, d.body), net.UDPAddrFromAddrPort(d.from), nil
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case <-c.late.passed():
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

// WriteTo sends a packet; one to nobody is dropped without an error, as by a network.
func (c *memoryConn) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errors.New("netem: the address is none of UDP")
	}
	at := udp.AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	if host, ok := c.net.addrs[at.Addr()]; ok && host != c.host {
		packet := appendAddr(appendAddr(make([]byte, 0, header+len(b)), c.at), at)
		c.net.at(c.host, host).send(append(packet, b...))
	}
	return len(b), nil
}

func (c *memoryConn) Close() error {
	c.net.mu.Lock()
	if c.net.conns[c.at] == c {
		delete(c.net.conns, c.at)
	}
	c.net.mu.Unlock()
	c.shut()
	return nil
}

func (c *memoryConn) shut() { c.once.Do(func() { close(c.closed) }) }

func (c *memoryConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.at) }

func (c *memoryConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.late.set(t)
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

// deadline is a moment that can be moved while somebody waits for it.
type deadline struct {
	mu    sync.Mutex // guards what follows
	over  chan struct{}
	moved chan struct{}
	timer *time.Timer
}

func newDeadline() *deadline {
	return &deadline{over: make(chan struct{}), moved: make(chan struct{})}
}

// set moves the deadline; the zero time is never.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	over := make(chan struct{})
	d.over = over
	if !t.IsZero() {
		if wait := time.Until(t); wait > 0 {
			d.timer = time.AfterFunc(wait, func() { close(over) })
		} else {
			close(over)
		}
	}
	close(d.moved)
	d.moved = make(chan struct{})
}

// passed returns what is closed when the deadline as it is now has passed.
func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// changed returns what is closed when the deadline is moved.
func (d *deadline) changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moved
}
