package node

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// memNet is a network in memory between members, whose links can be cut.
type memNet struct {
	mu     sync.Mutex // guards what follows
	layers map[string]*memLayer
	sides  map[string]int // whom a partition separates: only the same number meets
	conns  map[*memConn]struct{}
}

func newMemNet() *memNet {
	return &memNet{layers: map[string]*memLayer{}, sides: map[string]int{}, conns: map[*memConn]struct{}{}}
}

// part puts a member on a side and cuts the links to the others.
func (n *memNet) part(id string, side int) {
	n.mu.Lock()
	n.sides[id] = side
	var cut []*memConn
	for c := range n.conns {
		if n.sides[c.from] != n.sides[c.to] {
			cut = append(cut, c)
		}
	}
	n.mu.Unlock()
	for _, c := range cut {
		_ = c.Close()
	}
}

// listen makes the member reachable at its id, in the place of a former one.
func (n *memNet) listen(id string) *memLayer {
	l := &memLayer{net: n, id: id, accepted: make(chan net.Conn), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.layers[id] = l
	return l
}

// memLayer is a raft.StreamLayer.
type memLayer struct {
	net      *memNet
	id       string
	accepted chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

var errUnreachable = errors.New("unreachable")

func (l *memLayer) Dial(to raft.ServerAddress, _ time.Duration) (net.Conn, error) {
	n := l.net
	near, far := net.Pipe()
	a, b := &memConn{near, n, l.id, string(to)}, &memConn{far, n, l.id, string(to)}
	n.mu.Lock()
	other := n.layers[string(to)]
	reachable := other != nil && n.sides[l.id] == n.sides[string(to)]
	if reachable {
		n.conns[a], n.conns[b] = struct{}{}, struct{}{}
	}
	n.mu.Unlock()
	if reachable {
		select {
		case other.accepted <- b:
			return a, nil
		case <-other.closed:
		case <-l.closed:
		}
	}
	_ = a.Close()
	_ = b.Close()
	return nil, errUnreachable
}

func (l *memLayer) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memLayer) Addr() net.Addr { return memAddr(l.id) }

func (l *memLayer) Close() error {
	l.once.Do(func() { close(l.closed) })
	n := l.net
	n.mu.Lock()
	var mine []*memConn
	for c := range n.conns {
		if c.from == l.id || c.to == l.id {
			mine = append(mine, c)
		}
	}
	n.mu.Unlock()
	for _, c := range mine {
		_ = c.Close()
	}
	return nil
}

type memConn struct {
	net.Conn
	net      *memNet
	from, to string
}

func (c *memConn) Close() error {
	c.net.mu.Lock()
	delete(c.net.conns, c)
	c.net.mu.Unlock()
	return c.Conn.Close()
}

type memAddr string

func (a memAddr) Network() string { return "mem" }
func (a memAddr) String() string  { return string(a) }
