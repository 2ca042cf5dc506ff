package peer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

// Times of connecting.
const (
	helloTimeout = 2 * time.Second        // from the handshake to the hello
	tryTimeout   = 4 * time.Second        // for a dial, and for what waits to be chosen
	firstBackoff = 100 * time.Millisecond // after a failed try; doubled each time
	maxBackoff   = 5 * time.Second
)

var errReplaced = errors.New("peer: the node connected anew")

// link is the node's side of one pair. Peers.mu guards all of it.
type link struct {
	peers    *Peers
	id       string
	current  *Conn
	try      *try           // nil: nobody waits for a connection
	dialling bool           // the try has begun to dial
	shaken   bool           // and the handshake is complete
	changed  chan struct{}  // closed and replaced when current or dialling changes
	failures int            // tries in a row
	since    time.Time      // of the last failure
	err      error          // why there is no connection
	remote   netip.AddrPort // of the last connection
}

// try is one attempt to connect, which several callers may wait for.
type try struct {
	ctx    context.Context // ends when the try is over
	cancel context.CancelFunc
	done   chan struct{} // closed when conn and err are set
	conn   *Conn
	err    error
}

// link returns the link to a node, made if there is none. The caller holds mu.
func (p *Peers) link(id string) *link {
	l := p.links[id]
	if l == nil {
		l = &link{peers: p, id: id, changed: make(chan struct{})}
		p.links[id] = l
	}
	return l
}

// free reports whether what the node with the larger name dialled may be used:
// there is no connection, or it is to a former life of that node. A dial whose
// handshake is not complete, perhaps because that node was not there when it
// began, gives way: nobody has used it.
func (l *link) free(instance relay.ID) bool {
	return !(l.dialling && l.shaken) && (l.current == nil || l.current.instance != instance)
}

// adopt makes c the connection of the pair and starts to serve it.
func (l *link) adopt(c *Conn) {
	if old := l.current; old != nil {
		l.peers.events.add(Event{Peer: old.peer, Conn: old, Err: errReplaced})
		l.drop(old, closeReplaced)
	}
	l.current, l.failures, l.err = c, 0, nil
	l.remote = addrPort(c.quic.RemoteAddr())
	l.finish(c, nil)
	l.change()
	l.peers.events.add(Event{Peer: c.peer, Conn: c, Up: true})
	l.peers.log.Info("connected to a node", "node", c.peer.Node, "role", c.peer.Role, "remote", c.quic.RemoteAddr().String(), "dialled", c.dialled)
	c.start(func() { l.lost(c) })
}

// lost takes note that c has ended.
func (l *link) lost(c *Conn) {
	err := context.Cause(c.quic.Context())
	l.peers.log.Debug("a connection to a node ended", "node", c.peer.Node, "err", err)
	l.peers.mu.Lock()
	defer l.peers.mu.Unlock()
	if l.current == c {
		l.peers.events.add(Event{Peer: c.peer, Conn: c, Err: err})
		l.current, l.err = nil, err
		l.change()
	}
}

func (l *link) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// finish ends the try, if there is one.
func (l *link) finish(c *Conn, err error) {
	if l.try != nil {
		l.try.conn, l.try.err = c, err
		close(l.try.done)
		l.try.cancel()
		l.try = nil
	}
}

// end closes what there is; the link is not used again.
func (l *link) end(err error, code quic.ApplicationErrorCode) {
	l.finish(nil, err)
	if l.current != nil {
		l.drop(l.current, code)
	}
}

// drop closes a connection, which may wait for quic-go, without the caller's mu.
func (l *link) drop(c *Conn, code quic.ApplicationErrorCode) {
	l.peers.running.Go(func() { c.close(code, "") })
}

// begin starts a try.
func (l *link) begin() {
	t := &try{done: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(l.peers.ctx)
	wait := time.Duration(0)
	if l.failures > 0 {
		most := min(maxBackoff, firstBackoff<<min(l.failures-1, 10))
		wait = time.Until(l.since.Add(most/2 + rand.N(most/2)))
	}
	l.try = t
	l.peers.running.Go(func() { l.connect(t, wait) })
}

// connect waits, dials, and ends the try unless something else ended it.
func (l *link) connect(t *try, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		return
	}
	p := l.peers
	p.mu.Lock()
	node := p.members[l.id]
	if t.ctx.Err() != nil {
		p.mu.Unlock()
		return
	}
	l.dialling = true
	p.mu.Unlock()
	c, err := p.dial(t, l, node)
	p.mu.Lock()
	l.dialling, l.shaken = false, false
	switch {
	case l.try != t: // an incoming connection won, or the node left
		l.change()
	case err != nil:
		l.failures++
		l.since, l.err = time.Now(), err
		l.finish(nil, err)
		l.change()
		p.log.Debug("a node cannot be reached", "node", l.id, "addr", node.Addr, "tries", l.failures, "err", err)
	default:
		l.adopt(c)
		p.mu.Unlock()
		p.judgeAgain(c)
		return
	}
	p.mu.Unlock()
	if c != nil {
		c.close(closeReplaced, "another connection is used")
	}
}

// dial connects to a node and waits until it has chosen the connection.
func (p *Peers) dial(t *try, l *link, node Node) (*Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, tryTimeout)
	defer cancel()
	conn, err := p.config.Dial(ctx, node.Addr, p.config.Credentials.ClientTLS(ALPN, node.ID), QUIC())
	if err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", node.ID, node.Addr, err)
	}
	p.mu.Lock()
	l.shaken = true
	over := t.ctx.Err() // the other's connection was chosen before it could hear of this one
	p.mu.Unlock()
	if over != nil {
		_ = conn.CloseWithError(closeReplaced, "another connection is used")
		return nil, over
	}
	instance, err := p.sayHello(ctx, conn)
	if err != nil {
		_ = conn.CloseWithError(closeReplaced, "the hello was not answered")
		return nil, fmt.Errorf("connect to %s at %s: %w", node.ID, node.Addr, err)
	}
	id, err := provedBy(conn)
	if err == nil {
		err = p.judge(id)
	}
	if err != nil {
		_ = conn.CloseWithError(closeRefused, "")
		return nil, fmt.Errorf("connect to %s at %s: %w", node.ID, node.Addr, err)
	}
	return newConn(p, conn, id, instance, true), nil
}

// sayHello opens the first stream with this node's instance; the other answers
// with its own once the connection is the one of the pair.
func (p *Peers) sayHello(ctx context.Context, conn *quic.Conn) (relay.ID, error) {
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return relay.ID{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Now()) })
	defer stop()
	if _, err := stream.Write(append([]byte{byte(kindHello)}, p.instance[:]...)); err != nil {
		return relay.ID{}, err
	}
	if err := stream.Close(); err != nil {
		return relay.ID{}, err
	}
	return readInstance(stream)
}
