package quicnet

import (
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// memNet is a network in memory whose links can be cut.
type memNet struct {
	mu    sync.Mutex // guards what follows
	conns map[string]*memConn
	down  bool
}

func (m *memNet) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memNet) to(addr net.Addr) *memConn {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return nil
	}
	return m.conns[addr.String()]
}

// conn returns the socket at 10.0.0.host.
func (m *memNet) conn(host byte) net.PacketConn {
	c := &memConn{
		net: m, addr: &net.UDPAddr{IP: net.IPv4(10, 0, 0, host), Port: 1},
		packets: make(chan memPacket, 1000), closed: make(chan struct{}), changed: make(chan struct{}),
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[c.addr.String()] = c
	return c
}

type memPacket struct {
	from net.Addr
	data []byte
}

type memConn struct {
	net     *memNet
	addr    net.Addr
	packets chan memPacket
	once    sync.Once
	closed  chan struct{}

	mu       sync.Mutex // guards what follows
	deadline time.Time
	changed  chan struct{} // closed when deadline changes
}

func (c *memConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		deadline, changed := c.deadline, c.changed
		c.mu.Unlock()
		var expired <-chan time.Time
		if !deadline.IsZero() {
			expired = time.After(time.Until(deadline))
		}
		select {
		case packet := <-c.packets:
			return copy(p, packet.data), packet.from, nil
		case <-c.closed:
			return 0, nil, net.ErrClosed
		case <-expired:
			return 0, nil, os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

func (c *memConn) WriteTo(p []byte, addr net.Addr) (int, error) {
	if to := c.net.to(addr); to != nil {
		select {
		case to.packets <- memPacket{c.addr, append([]byte(nil), p...)}:
		default: // lost
		}
	}
	return len(p), nil
}

func (c *memConn) Close() error        { c.once.Do(func() { close(c.closed) }); return nil }
func (c *memConn) LocalAddr() net.Addr { return c.addr }

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

func TestABrokenConnectionIsDialledAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memNet{conns: map[string]*memConn{}}
		ca := newAuthority(t)
		a := openEnd(t, m.conn(1), ca.config(t, "a"), everybody)
		b := openEnd(t, m.conn(2), ca.config(t, "b"), everybody)
		wait := echo(b.Group(1))
		l := a.Group(1)
		conn := dial(t, l, b)
		wantEcho(t, conn)

		m.setDown(true)
		time.Sleep(2 * idleTimeout)
		if _, err := ask(conn, "hello"); err == nil {
			t.Error("an answer through a cut link")
		}
		if _, err := l.Dial(b.config.Addr, time.Second); err == nil {
			t.Error("dialled through a cut link")
		}
		m.setDown(false)
		wantEcho(t, dial(t, l, b))
		if n := a.dials.Load(); n != 3 {
			t.Errorf("dialled %d times", n)
		}
		time.Sleep(10 * idleTimeout) // keep-alive holds what is not used
		wantEcho(t, dial(t, l, b))
		if n := a.dials.Load(); n != 3 {
			t.Errorf("dialled %d times: an unused connection was not kept", n)
		}
		a.close(t)
		b.close(t)
		wait()
	})
}
