package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hashiraft "github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/listen"
	"kohe/raft/canary"
	"kohe/raft/client"
	raftnode "kohe/raft/node"
	"kohe/raft/quicnet"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
	"kohe/relay/wire"
)

// What streams and datagrams between nodes are for.
const (
	kindLink    = peer.FirstKind + iota // links of clients, carried
	kindPropose                         // a proposal for the leader
	kindEnrol                           // a node says where it is
)

// firstCell is the Raft group of the first cell.
const firstCell = 1

// Spans of a cluster's life.
const (
	enrolAgain   = 300 * time.Millisecond // until a node is a member
	enrolFor     = 30 * time.Second       // for a core node to catch up
	connectFor   = 500 * time.Millisecond // for a connection that is not there yet
	lookAround   = time.Second            // how often absent nodes are tried
	renewCheck   = time.Hour              // how often the certificate's age is looked at
	lostAfter    = 5 * time.Second        // without a connection until a node's clients count as gone
	joinTokenFor = time.Hour
)

// maxEnrol bounds what a node says when it enrols, in bytes.
const maxEnrol = 4 << 10

// network reaches the other nodes from this one's port; *listen.Listener is one.
type network interface {
	Dial(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error)
	DialTCP(ctx context.Context, addr string) (net.Conn, error)
}

// cluster is this node among the others: who they are, one connection to each,
// and what goes through it.
type cluster struct {
	data    string
	log     *slog.Logger
	own     membership      // Nodes: guarded by keeping
	started raftnode.Timing // what the cell's member was started with
	creds   *peer.Credentials
	ca      *peer.CA
	key     *auth.Key
	peers   *peer.Peers
	raft    *quicnet.Net
	flock   *canary.Flock
	port    atomic.Pointer[network]
	cell    atomic.Pointer[client.Cell]
	links   atomic.Pointer[link.Server]
	reach   func() string // this node's public address

	stop    context.CancelFunc
	running errgroup.Group
	keeping sync.Mutex // held while the membership is written

	mu       sync.Mutex // guards what follows
	carriers map[*peer.Conn]*link.Carrier
	nodes    []state.Node
	dead     map[string]bool // nodes whose process has ended
}

// openCluster returns the cluster that the node in a folder belongs to, nil if
// it is alone.
func openCluster(data string, key *auth.Key, reach func() string, log *slog.Logger) (*cluster, error) {
	own, err := loadMembership(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	c := &cluster{data: data, log: log.With("part", "cluster"), own: own, key: key, reach: reach, carriers: map[*peer.Conn]*link.Carrier{}, dead: map[string]bool{}}
	if c.creds, err = peer.LoadCredentials(clusterDir(data), time.Now()); err != nil {
		return nil, err
	}
	if c.ca, err = peer.LoadCA(clusterDir(data)); err != nil {
		return nil, err
	}
	c.peers = peer.New(peer.Config{Credentials: c.creds, CA: c.ca, Log: c.log, Dial: c.dial})
	c.peers.Handle(kindLink, c.serveLink)
	c.peers.HandleDatagrams(kindLink, func(conn *peer.Conn, b []byte) {
		if carrier := c.carrier(conn); carrier != nil {
			carrier.Datagram(b)
		}
	})
	c.peers.Handle(kindPropose, c.serveProposal)
	c.peers.Handle(kindEnrol, c.serveEnrol)
	c.peers.Watch(c.connected)
	c.raft = quicnet.New(quicnet.Config{Addr: hashiraft.ServerAddress(own.Address), Dial: c.dialRaft, Allow: c.allowRaft, Logger: c.log})
	c.flock = canary.New(canary.Config{Dial: c.dialCanary, Lost: c.died, Found: c.revived})
	c.setNodes(own.Nodes)
	return c, nil
}

func (c *cluster) name() string { return c.creds.Identity().Node }

// listening adds the cluster's protocols to those of the port.
func (c *cluster) listening(l *listen.Config) error {
	reset, err := peer.ResetKey(clusterDir(c.data))
	if err != nil {
		return err
	}
	join := peer.NewJoinServer(peer.JoinConfig{CA: c.ca, Credentials: c.creds, Tokens: c, Answer: c.answer, Log: c.log})
	l.ResetKey = reset
	l.Known = c.peers.Known
	l.TCPProtocols = map[string]listen.TCPProtocol{
		canaryALPN: {TLS: c.creds.ServerTLS(canaryALPN), Serve: func(conn *tls.Conn) { c.flock.Hold(conn) }},
	}
	l.Protocols = map[string]listen.Protocol{
		peer.ALPN:     {TLS: c.peers.TLS(), Serve: c.peers.Serve},
		quicnet.ALPN:  {TLS: c.creds.ServerTLS(quicnet.ALPN), Serve: c.raft.Serve},
		peer.JoinALPN: {TLS: join.TLS(), Serve: join.Serve},
	}
	return nil
}

// member makes the cell's member here one of many.
func (c *cluster) member(config *client.Config) {
	c.started = c.timing()
	config.Timing = c.started
	config.Transport = raftnode.NewTransport(c.raft.Group(firstCell), config.Timing, c.log)
	config.Join = c.own.Joined
	config.Forward = c.forward
	config.MembersChanged = c.raft.Recheck
	config.LeaderChanged = func(id, _ string) {
		if id == "" {
			c.log.Warn("the cell has no leader")
		} else {
			c.log.Info("the cell has a leader", "node", id)
		}
	}
}

// timing is how fast failures are noticed: within one region, or across several.
// It is chosen at the start, because Raft cannot change its lease later.
func (c *cluster) timing() raftnode.Timing {
	for _, n := range c.members() {
		if n.Role == state.CoreNode && n.Region != c.own.Region {
			return raftnode.AcrossRegions()
		}
	}
	return raftnode.Timing{}
}

// begin goes on once the port and the cell are open: it keeps the connections
// to the other nodes and enrols this one.
func (c *cluster) begin(cell *client.Cell) {
	c.cell.Store(cell)
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	unwatch := cell.Watch(c.changed)
	context.AfterFunc(ctx, unwatch)
	c.running.Go(func() error { c.catchUp(ctx); return nil })
	c.running.Go(func() error { c.enrol(ctx); return nil })
	c.running.Go(func() error { c.lookAround(ctx); return nil })
	c.running.Go(func() error { c.keepCertificate(ctx); return nil })
}

// close ends what begin and openCluster started. The cell is closed before.
func (c *cluster) close() error {
	if c.stop != nil {
		c.stop()
	}
	err := c.running.Wait()
	err = errors.Join(err, c.flock.Close())
	c.peers.Close()
	return errors.Join(err, c.raft.Close())
}

// listens takes the port through which the other nodes are reached.
func (c *cluster) listens(port network) { c.port.Store(&port) }

var errNoPort = errors.New("the port is not open yet")

func (c *cluster) dial(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
	port := c.port.Load()
	if port == nil {
		return nil, errNoPort
	}
	return (*port).Dial(ctx, addr, t, q)
}

func (c *cluster) dialRaft(ctx context.Context, addr hashiraft.ServerAddress) (*quic.Conn, error) {
	return c.dial(ctx, string(addr), c.creds.ClientTLS(quicnet.ALPN, c.nodeAt(string(addr))), quicnet.QUICConfig())
}

// allowRaft admits core nodes that the cell has as members.
func (c *cluster) allowRaft(cert *x509.Certificate) error {
	id, err := peer.IdentityOf(cert)
	if err != nil {
		return err
	}
	if id.Role != peer.RoleCore {
		return relay.Errorf(relay.CodeForbidden, "The node %s is no core node.", id.Node)
	}
	if cell := c.cell.Load(); cell != nil {
		return cell.Node().Admits(id.Node)
	}
	return nil
}

// canaryALPN names the links that are there to break (package canary).
const canaryALPN = "kohe-canary/1"

func (c *cluster) dialCanary(ctx context.Context, id, address string) (net.Conn, error) {
	port := c.port.Load()
	if port == nil {
		return nil, errNoPort
	}
	raw, err := (*port).DialTCP(ctx, address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, c.creds.ClientTLS(canaryALPN, id))
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return conn, nil
}

// died hears that another node's process has ended.
func (c *cluster) died(id string) {
	c.log.Warn("the process of a node has ended", "node", id)
	c.mu.Lock()
	c.dead[id] = true
	c.mu.Unlock()
	if cell := c.cell.Load(); cell != nil {
		cell.Node().Suspect(id)
	}
	c.peers.Gone(id)
	for _, n := range c.members() {
		if n.ID == id {
			c.raft.Gone(hashiraft.ServerAddress(n.Addr))
		}
	}
}

// revived hears that a process answers again.
func (c *cluster) revived(id string) {
	c.mu.Lock()
	delete(c.dead, id)
	c.mu.Unlock()
	if cell := c.cell.Load(); cell != nil {
		cell.Node().Trust(id)
	}
}

// isDead reports whether a node's process is known to have ended.
func (c *cluster) isDead(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead[id]
}

func (c *cluster) members() []state.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes
}

// others returns where else clients find an edge: in this region first, and in
// no order within one, so that those of a dead node are spread.
func (c *cluster) others() (public []string) {
	nodes := slices.DeleteFunc(slices.Clone(c.members()), func(n state.Node) bool {
		return n.ID == c.name() || n.Public == "" || c.isDead(n.ID)
	})
	rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	for _, here := range []bool{true, false} {
		for _, n := range nodes {
			if (n.Region == c.own.Region) == here {
				public = append(public, n.Public)
			}
		}
	}
	return public
}

func (c *cluster) nodeAt(addr string) string {
	for _, n := range c.members() {
		if n.Addr == addr {
			return n.ID
		}
	}
	return "" // any of the cluster's: the certificate says who it is
}

// setNodes takes the current membership.
func (c *cluster) setNodes(nodes []state.Node) {
	if len(nodes) == 0 {
		return // the state has not arrived yet
	}
	c.mu.Lock()
	c.nodes = nodes
	c.mu.Unlock()
	list := make([]peer.Node, len(nodes))
	for i, n := range nodes {
		list[i] = peer.Node{ID: n.ID, Addr: n.Addr, Role: peer.Role(n.Role), Region: n.Region}
	}
	c.peers.Set(list)
	watched := map[string]string{}
	for _, n := range nodes {
		if n.ID != c.name() && n.Addr != "" {
			watched[n.ID] = n.Addr
		}
	}
	c.flock.Watch(watched)
}

// changed hears of the cell's changes. While the state catches up it names
// members of the past: the node goes on with those it was told of.
func (c *cluster) changed(changes []state.Change) {
	if c.ready() && slices.ContainsFunc(changes, func(ch state.Change) bool { return ch.Node != "" || ch.Reloaded }) {
		c.takeNodes()
		if c.timing() != c.started {
			c.log.Warn("core nodes are in several regions now; restart this one, so that it is as patient as that needs")
		}
	}
}

// catchUp takes the members once the state here has all of them.
func (c *cluster) catchUp(ctx context.Context) {
	cell := c.cell.Load()
	select {
	case <-cell.Ready():
		c.takeNodes()
	case <-ctx.Done():
	}
}

// takeNodes goes on with the members that the state names, and keeps them for
// the next start.
func (c *cluster) takeNodes() {
	nodes := c.cell.Load().Read().Nodes()
	c.setNodes(nodes)
	c.keeping.Lock()
	defer c.keeping.Unlock()
	c.own.Nodes = nodes
	if err := c.own.save(c.data); err != nil {
		c.log.Warn("the membership is not kept", "err", err)
	}
}

// ready reports whether the state here holds what the cluster agreed on before
// this node began.
func (c *cluster) ready() bool {
	if cell := c.cell.Load(); cell != nil {
		select {
		case <-cell.Ready():
			return true
		default:
		}
	}
	return false
}

// enrol makes the node known to the cluster under its address, as a member of
// the cell.
func (c *cluster) enrol(ctx context.Context) {
	cell := c.cell.Load()
	for {
		err := c.enrolOnce(ctx, cell)
		if err == nil {
			break
		}
		c.log.Debug("not enrolled yet", "err", err)
		select {
		case <-time.After(enrolAgain):
		case <-ctx.Done():
			return
		}
	}
	c.takeNodes()
}

func (c *cluster) enrolOnce(ctx context.Context, cell *client.Cell) error {
	row := state.Node{ID: c.name(), Addr: c.own.Address, Role: state.CoreNode, Region: c.own.Region, Public: c.reach()}
	select {
	case <-cell.Ready():
		if have, _ := cell.Read().Node(row.ID); have.Addr != row.Addr || have.Region != row.Region || have.Public != row.Public || !have.Member() {
			if _, err := cell.Propose(ctx, state.PutNode{Node: row, At: time.Now().UnixMilli()}); err != nil {
				return err
			}
		}
		if votes(cell, row) {
			return nil
		}
	default:
	}
	var errs []error
	for _, n := range c.members() {
		if n.ID == row.ID || n.Role != state.CoreNode {
			continue
		}
		errs = append(errs, c.enrolAt(ctx, n.ID, row))
	}
	return errors.Join(append(errs, errors.New("the cell has not made it a voter yet"))...)
}

// votes reports whether a node is a voter of the cell at its address.
func votes(cell *client.Cell, n state.Node) bool {
	return slices.ContainsFunc(cell.Node().Members(), func(m raftnode.Member) bool {
		return m.ID == n.ID && m.Address == n.Addr && m.Voter
	})
}

// enrolAt asks another core node to make this one a member.
func (c *cluster) enrolAt(ctx context.Context, node string, row state.Node) error {
	ctx, cancel := context.WithTimeout(ctx, enrolFor)
	defer cancel()
	s, err := c.open(ctx, node, kindEnrol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.Reset)
	defer stop()
	if err := json.NewEncoder(s).Encode(row); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(s, maxEnrol))
	if err == nil && len(text) > 0 {
		err = fmt.Errorf("%s: %s", node, text)
	}
	return err
}

// serveEnrol makes another node a member, if this one leads. It answers with
// nothing, or with what is wrong.
func (c *cluster) serveEnrol(ctx context.Context, conn *peer.Conn, s peer.Stream) {
	defer func() { _ = s.Close() }()
	if err := c.admit(ctx, conn.Peer(), s); err != nil {
		_, _ = io.WriteString(s, err.Error())
	}
}

func (c *cluster) admit(ctx context.Context, id peer.Identity, s io.Reader) error {
	var row state.Node
	if err := json.NewDecoder(io.LimitReader(s, maxEnrol)).Decode(&row); err != nil {
		return errors.New("the request cannot be read")
	}
	row.ID, row.Role, row.Region = id.Node, string(id.Role), id.Region
	cell := c.cell.Load()
	if cell == nil {
		return errors.New("not ready")
	}
	if leader, _ := cell.Node().Leader(); leader != c.name() {
		return fmt.Errorf("%q leads, not this node", leader)
	}
	if _, err := cell.Propose(ctx, state.PutNode{Node: row, At: time.Now().UnixMilli()}); err != nil {
		return err
	}
	if id.Role != peer.RoleCore {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, enrolFor)
	defer cancel()
	return cell.Node().Add(ctx, row.ID, row.Addr)
}

// lookAround keeps a connection to every other node and, where this one leads,
// says of those without one for a while that nobody is connected there.
func (c *cluster) lookAround(ctx context.Context) {
	since := map[string]time.Time{} // absent nodes
	said := map[string]bool{}
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		up := map[string]bool{c.name(): true}
		for _, l := range c.peers.Links() {
			up[l.Node] = l.Conn != nil
		}
		for _, n := range c.members() {
			switch {
			case up[n.ID]:
				delete(since, n.ID)
				delete(said, n.ID)
				continue
			case since[n.ID].IsZero():
				since[n.ID] = time.Now()
			case time.Since(since[n.ID]) > lostAfter && !said[n.ID]:
				said[n.ID] = c.lost(ctx, n.ID)
			}
			c.running.Go(func() error { c.try(ctx, n.ID); return nil })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keepCertificate has another core node renew this one's certificate before its
// last third.
func (c *cluster) keepCertificate(ctx context.Context) {
	tick := time.NewTicker(renewCheck)
	defer tick.Stop()
	for {
		if c.creds.Due(time.Now()) {
			if err := c.renew(ctx); err != nil {
				c.log.Error("the node's certificate is not renewed; it is good until "+c.creds.Certificate().NotAfter.Format(time.DateOnly), "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *cluster) renew(ctx context.Context) error {
	errs := []error{errors.New("no other core node can be reached")}
	for _, n := range c.members() {
		if n.ID == c.name() || n.Role != state.CoreNode {
			continue
		}
		err := c.peers.Renew(ctx, n.ID)
		if err == nil {
			return c.creds.Save(clusterDir(c.data))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// try connects to a node that is absent, unless it is being tried already.
func (c *cluster) try(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, lookAround)
	defer cancel()
	_, _ = c.peers.Conn(ctx, id) // the connection comes to be, or the next look tries again
}

func (c *cluster) lost(ctx context.Context, id string) bool {
	cell := c.cell.Load()
	if leader, _ := cell.Node().Leader(); leader != c.name() {
		return false
	}
	row, ok := cell.Read().Node(id)
	if !ok {
		return true
	}
	c.log.Warn("a node cannot be reached; its clients count as gone", "node", id)
	_, err := cell.Propose(ctx, state.LoseEdge{Node: id, StartedAt: row.StartedAt, At: time.Now().UnixMilli()})
	return err == nil
}

// open opens a stream to another node.
func (c *cluster) open(ctx context.Context, node string, kind peer.Kind) (halfStream, error) {
	conn, err := c.conn(ctx, node)
	if err != nil {
		return halfStream{}, err
	}
	s, err := conn.Open(ctx, kind)
	return halfStream{s.Stream}, err
}

// conn returns the connection to a node, or says soon that there is none.
func (c *cluster) conn(ctx context.Context, node string) (*peer.Conn, error) {
	if c.isDead(node) {
		return nil, errUnreached
	}
	ctx, cancel := context.WithTimeout(ctx, connectFor)
	defer cancel()
	conn, err := c.peers.Conn(ctx, node)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeUnavailable, Text: errUnreached.Text, Err: err}
	}
	return conn, nil
}

// halfStream is a stream whose Close ends the writing only.
type halfStream struct{ *quic.Stream }

// Reset ends both directions at once.
func (s halfStream) Reset() {
	s.CancelRead(0)
	s.CancelWrite(0)
}

// forward implements client.Forward.
func (c *cluster) forward(ctx context.Context, node string) (io.ReadWriteCloser, error) {
	return c.open(ctx, node, kindPropose)
}

func (c *cluster) serveProposal(_ context.Context, conn *peer.Conn, s peer.Stream) {
	cell := c.cell.Load()
	if cell == nil || conn.Peer().Role != peer.RoleCore {
		halfStream{s.Stream}.Reset()
		return
	}
	cell.Serve(halfStream{s.Stream})
}

var errUnreached = relay.Errorf(relay.CodeUnavailable, "That server cannot be reached.")

// Dial implements edge.Mesh.
func (c *cluster) Dial(ctx context.Context, node string, hello wire.HelloPayload, deliver func(wire.Frame)) (*link.Client, error) {
	conn, err := c.conn(ctx, node)
	if err != nil {
		return nil, err
	}
	carrier := c.carrier(conn)
	if carrier == nil {
		return nil, errUnreached
	}
	return carrier.Dial(ctx, hello, deliver)
}

func (c *cluster) serveLink(_ context.Context, conn *peer.Conn, s peer.Stream) {
	if carrier := c.carrier(conn); carrier != nil && conn.Peer().Role == peer.RoleCore {
		carrier.Stream(halfStream{s.Stream})
		return
	}
	halfStream{s.Stream}.Reset()
}

// carrier returns what carries links over a connection, nil before the edge
// is there and once the connection has ended.
func (c *cluster) carrier(conn *peer.Conn) *link.Carrier {
	links := c.links.Load()
	if links == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	carrier := c.carriers[conn]
	if carrier == nil {
		select {
		case <-conn.Done():
			return nil
		default:
		}
		carrier = links.Carry(conn.Peer().Node, nodeConn{conn})
		c.carriers[conn] = carrier
		context.AfterFunc(conn.Context(), func() { c.disconnected(conn) })
	}
	return carrier
}

func (c *cluster) disconnected(conn *peer.Conn) {
	c.mu.Lock()
	carrier := c.carriers[conn]
	delete(c.carriers, conn)
	c.mu.Unlock()
	carrier.Close()
}

// nodeConn is a connection between nodes as links need it.
type nodeConn struct{ conn *peer.Conn }

func (n nodeConn) Open(ctx context.Context) (link.Stream, error) {
	s, err := n.conn.Open(ctx, kindLink)
	return halfStream{s.Stream}, err
}

func (n nodeConn) SendDatagram(b []byte) error { return n.conn.Datagram(kindLink, b) }

// connected tells of a connection that came or went.
func (c *cluster) connected(e peer.Event) {
	if e.Up {
		c.log.Info("connected", "node", e.Peer.Node)
	} else {
		c.log.Warn("connection lost", "node", e.Peer.Node, "err", e.Err)
	}
}

// Redeem implements peer.Tokens.
func (c *cluster) Redeem(ctx context.Context, token peer.TokenHash, id peer.Identity) error {
	if !c.ready() || !c.enrolled() { // a newcomer could not be told of this node
		return relay.Errorf(relay.CodeUnavailable, "This node is not ready yet. Please try again in a moment.")
	}
	now := time.Now().UnixMilli()
	_, err := c.cell.Load().Propose(ctx, state.RedeemToken{Hash: token[:], Role: string(id.Role), Node: id.Node, Region: id.Region, At: now})
	return err
}

// enrolled reports whether the cluster knows this node.
func (c *cluster) enrolled() bool {
	row, ok := c.cell.Load().Read().Node(c.name())
	return ok && row.Member() && row.Addr == c.own.Address
}

// answer is what a newcomer is told.
func (c *cluster) answer(_ context.Context, id peer.Identity) ([]byte, error) {
	told := answer{Nodes: c.members()}
	if id.Role == peer.RoleCore {
		var err error
		told.Key = c.key.PEM()
		if told.CA, err = c.ca.MarshalPEM(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(told)
}

// token makes a join token that is good for an hour.
func (c *cluster) token(ctx context.Context, role string) (string, error) {
	addrs := []string{c.own.Address}
	for _, n := range c.members() {
		if n.ID != c.name() && n.Role == state.CoreNode && n.Addr != "" && len(addrs) < 4 {
			addrs = append(addrs, n.Addr)
		}
	}
	t, err := peer.NewToken(peer.Role(role), c.ca.Fingerprint(), addrs...)
	if err != nil {
		return "", err
	}
	hash, now := t.Hash(), time.Now()
	_, err = c.cell.Load().Propose(ctx, state.PutToken{
		Hash: hash[:], Role: role, ExpiresAt: now.Add(joinTokenFor).UnixMilli(), At: now.UnixMilli(),
	})
	return t.Text(), err
}
