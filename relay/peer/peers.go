package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

// ALPN is the protocol between the nodes of a cluster.
const ALPN = "kohe-mesh/1"

// ErrClosed is returned once a Peers is closed.
var ErrClosed = errors.New("peer: closed")

// Node is a member of the cluster as its membership knows it.
type Node struct {
	ID     string // Identity.Node
	Addr   string // host:port
	Role   Role
	Region string
}

// Config is what a Peers needs.
type Config struct {
	Credentials *Credentials
	Dial        Dial
	// Allow judges a node that has proved its identity: when it connects and at
	// every Set. Nil: members may, others may not. A member whose certificate
	// states another role than its membership may not in any case.
	Allow func(Identity) error
	CA    *CA          // core nodes: renews the certificates of those that are connected
	Log   *slog.Logger // nil: none
}

// Peers holds one connection to each other node that is talked to. Its
// goroutines: one that tells events; for each connection four (accepting
// streams, datagrams in, datagrams out, waiting for its end), one a stream that
// came in, one a dial under way.
type Peers struct {
	config   Config
	self     Identity
	instance relay.ID // of this start of the node
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup // added to only while not closed, or by what it counts
	events   events

	streams   map[Kind]func(context.Context, *Conn, Stream) // not changed after the first Serve or Conn
	datagrams map[Kind]func(*Conn, []byte)                  // likewise

	mu      sync.Mutex // guards what follows and what the links say it guards
	closed  bool
	members map[string]Node
	links   map[string]*link
}

// New returns the Peers of a node. Handlers are registered before the first
// Serve or Conn. Close ends it.
func New(c Config) *Peers {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &Peers{
		config: c, self: c.Credentials.Identity(), instance: relay.NewID(), log: c.Log,
		events: events{wake: make(chan struct{}, 1)}, members: map[string]Node{}, links: map[string]*link{},
		streams: map[Kind]func(context.Context, *Conn, Stream){}, datagrams: map[Kind]func(*Conn, []byte){},
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.streams[kindRenew] = p.serveRenew
	p.running.Go(func() { p.events.tell(p.ctx) })
	return p
}

// TLS returns how the node answers other nodes: for the listener.
func (p *Peers) TLS() *tls.Config { return p.config.Credentials.ServerTLS(ALPN) }

// Handle registers what serves the streams of a kind, FirstKind or above, each in
// a goroutine of its own that Close waits for; serve, or whom it gives the
// stream to, closes it. ctx ends with the connection.
func (p *Peers) Handle(kind Kind, serve func(ctx context.Context, c *Conn, s Stream)) {
	p.streams[kind] = serve
}

// HandleDatagrams registers what takes the datagrams of a kind. A connection's
// come one after the other; while take works, up to 128 wait and the rest are
// lost. The bytes belong to take.
func (p *Peers) HandleDatagrams(kind Kind, take func(c *Conn, b []byte)) {
	p.datagrams[kind] = take
}

// Watch registers what is told of every connection that comes up or goes down,
// in order, from one goroutine.
func (p *Peers) Watch(tell func(Event)) { p.events.watchers = append(p.events.watchers, tell) }

// Close closes all connections, tells the other nodes so and waits for every
// goroutine.
func (p *Peers) Close() {
	p.mu.Lock()
	p.closed = true
	for _, l := range p.links {
		l.end(ErrClosed, closeBye)
	}
	p.mu.Unlock()
	p.cancel()
	p.running.Wait()
}

// Set tells the current membership; the node itself may be in it. Connections
// to nodes that left are closed, and whatever Allow no longer allows.
func (p *Peers) Set(nodes []Node) {
	p.mu.Lock()
	before := p.members
	p.members = make(map[string]Node, len(nodes))
	for _, n := range nodes {
		p.members[n.ID] = n
	}
	var conns []*Conn
	for id, l := range p.links {
		_, was := before[id]
		_, is := p.members[id]
		switch {
		case is || !was && l.current != nil:
			conns = append(conns, l.current)
		default:
			l.end(fmt.Errorf("node %s has left the cluster: %w", id, ErrClosed), closeRefused)
			delete(p.links, id)
		}
	}
	p.mu.Unlock()
	for _, c := range conns {
		if c != nil {
			p.judgeAgain(c)
		}
	}
}

// judge says whether a node that proved its identity may be connected.
func (p *Peers) judge(id Identity) error {
	p.mu.Lock()
	member, is := p.members[id.Node]
	p.mu.Unlock()
	switch {
	case id.Node == p.self.Node:
		return relay.Errorf(relay.CodeForbidden, "The other node has this node's name, %s.", id.Node)
	case is && member.Role != id.Role:
		return relay.Errorf(relay.CodeForbidden, "The certificate of %s says %s, the membership %s.", id.Node, id.Role, member.Role)
	case p.config.Allow != nil:
		return p.config.Allow(id)
	case !is:
		return relay.Errorf(relay.CodeForbidden, "The node %s is not a member of the cluster.", id.Node)
	}
	return nil
}

// judgeAgain closes a connection whose node may no longer be connected.
func (p *Peers) judgeAgain(c *Conn) {
	if err := p.judge(c.peer); err != nil {
		p.log.Warn("a node may not stay connected", "node", c.peer.Node, "err", err)
		c.close(closeRefused, "not allowed")
	}
}

// Conn returns the connection to a node, which is dialled if there is none.
// Callers share one try, which a failure before it delays by up to 5 s. Errors:
// relay.CodeNotFound for a node that is not a member; ErrClosed; ctx's; or why
// the try failed.
func (p *Peers) Conn(ctx context.Context, id string) (*Conn, error) {
	c, try, err := p.connOrTry(id)
	if try == nil {
		return c, err
	}
	select {
	case <-try.done:
		return try.conn, try.err
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to %s: %w", id, ctx.Err())
	}
}

func (p *Peers) connOrTry(id string) (*Conn, *try, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	if l := p.links[id]; l != nil && l.current != nil && l.current.quic.Context().Err() == nil {
		return l.current, nil, nil
	}
	if _, is := p.members[id]; !is || id == p.self.Node {
		return nil, nil, relay.Errorf(relay.CodeNotFound, "There is no other node %q in the cluster.", clip(id))
	}
	l := p.link(id)
	if l.try == nil {
		l.begin()
	}
	return nil, l.try, nil
}

// Gone closes the connection to a node of which it is known that nobody is at
// its other end: what waits for an answer fails at once and not at the idle
// timeout. The next Conn dials anew.
func (p *Peers) Gone(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.links[id]; l != nil && l.current != nil {
		l.drop(l.current, closeBye)
	}
}

// Serve takes a connection that another node dialled and returns when it has
// ended. The listener need not have completed the handshake.
func (p *Peers) Serve(conn *quic.Conn) {
	select {
	case <-conn.HandshakeComplete():
	case <-conn.Context().Done():
		return
	}
	c, hello, err := p.greet(conn)
	if conn.Context().Err() != nil {
		return // the other side has found a better one
	}
	if err != nil {
		p.log.Warn("a node was refused", "remote", conn.RemoteAddr().String(), "err", err)
		_ = conn.CloseWithError(closeRefused, relay.AsError(err).Text)
		return
	}
	if !p.claim(c) {
		c.close(closeReplaced, "another connection is used")
		return
	}
	p.judgeAgain(c) // the membership may have changed
	if _, err := hello.Write(p.instance[:]); err == nil {
		_ = hello.Stream.Close()
	}
	<-c.Done()
}

// provedBy returns who is at the other end of a connection whose handshake is
// complete.
func provedBy(conn *quic.Conn) (Identity, error) {
	certs := conn.ConnectionState().TLS.PeerCertificates
	if len(certs) == 0 {
		return Identity{}, relay.Errorf(relay.CodeAuth, "The other node shows no certificate.")
	}
	return IdentityOf(certs[0])
}

// greet finds out who dialled and reads its hello.
func (p *Peers) greet(conn *quic.Conn) (*Conn, Stream, error) {
	id, err := provedBy(conn)
	if err != nil {
		return nil, Stream{}, err
	}
	if err := p.judge(id); err != nil {
		return nil, Stream{}, err
	}
	ctx, cancel := context.WithTimeout(conn.Context(), helloTimeout)
	defer cancel()
	stream, err := conn.AcceptStream(ctx)
	if err != nil {
		return nil, Stream{}, fmt.Errorf("hello of %s: %w", id.Node, err)
	}
	_ = stream.SetReadDeadline(time.Now().Add(helloTimeout))
	instance, err := readHello(stream)
	if err != nil {
		return nil, Stream{}, fmt.Errorf("hello of %s: %w", id.Node, err)
	}
	return newConn(p, conn, id, instance, false), Stream{stream}, nil
}

// claim makes a connection that another node dialled the one of the pair, as
// soon as there is no better one. It reports whether it is.
//
// The node with the smaller name decides for a pair: what it dials wins; what
// the other dials waits until it neither has nor dials a connection. So no
// connection that somebody uses is ever closed for another, and nothing is lost.
func (p *Peers) claim(c *Conn) bool {
	giveUp := time.NewTimer(tryTimeout)
	defer giveUp.Stop()
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return false
		}
		l := p.link(c.peer.Node)
		if c.peer.Node < p.self.Node || l.free(c.instance) {
			l.adopt(c)
			p.mu.Unlock()
			return true
		}
		changed := l.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-c.Done():
			return false
		case <-p.ctx.Done():
			return false
		case <-giveUp.C:
			return false
		}
	}
}
