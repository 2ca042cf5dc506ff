package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	hashiraft "github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

	"kohe/edge/api"
	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/listen"
	"kohe/edge/remote"
	"kohe/raft/beat"
	"kohe/raft/canary"
	"kohe/raft/cells"
	"kohe/raft/client"
	raftnode "kohe/raft/node"
	"kohe/raft/quicnet"
	"kohe/raft/state"
	"kohe/relay/peer"
)

// What streams and datagrams between nodes are for.
const (
	kindLink    = peer.FirstKind + iota // links of clients, carried
	kindPropose                         // a proposal for the leader
	kindEnrol                           // a node says where it is
	kindRemote                          // an edge's stream to its core node
	kindAPI                             // an HTTP request of a console, from an edge
	kindBlob                            // a request for a file
	kindOperate                         // what operators see and change (operate.go)
	kindCell                            // as kindPropose, for a cell whose number comes first
)

// The Raft groups: a cell's has its number.
const (
	firstCell = 1
	beatGroup = firstCell - 1 // of the heartbeats of the others (package beat)
)

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

// cluster is this node among the others: who they are, one connection to each,
// and what goes through it.
type cluster struct {
	data    string
	log     *slog.Logger
	own     membership      // Nodes: guarded by keeping
	started raftnode.Timing // what the cell's member was started with
	creds   *peer.Credentials
	ca      *peer.CA
	key     *auth.Key     // nil: the node is an edge only, as with ca and raft
	tickets *auth.Tickets // of the node's console API
	now     func() time.Time
	pace    pace
	peers   *peer.Peers
	raft    *quicnet.Net
	flock   *canary.Flock
	port    atomic.Pointer[network]
	cell    atomic.Pointer[client.Cell] // the first
	cells   atomic.Pointer[cells.Set]   // all; set with cell
	beats   *beat.Beats                 // of the cells but the first
	edges   atomic.Pointer[remote.Server]
	apis    *streamListener // consoles' requests from edges
	blobs   atomic.Pointer[blobs]
	links   atomic.Pointer[link.Server]
	reach   func() string // this node's public address
	operate atomic.Pointer[func(context.Context, operateAsk) (api.Report, error)]

	stop    context.CancelFunc
	running errgroup.Group
	keeping sync.Mutex // held while the membership is written

	mu       sync.Mutex // guards what follows
	carriers map[*peer.Conn]*link.Carrier
	nodes    []state.Node
	dead     map[string]bool      // nodes whose process has ended
	losses   map[string]*losses   // by node; see sampleLinks
	lostAt   map[string]time.Time // when the connection to a node was lost; while there is none
	asked    string               // core: the node that was asked last
	known    known                // nil before begin
}

// known is where a node reads who the members are: its cell, or what a core
// node tells it.
type known interface {
	Ready() <-chan struct{}
	Nodes() []state.Node
	Watch(f func([]state.Change)) (cancel func())
}

// ownCell is a core node's known.
type ownCell struct{ *client.Cell }

func (c ownCell) Nodes() []state.Node { return c.Read().Nodes() }

// openCluster returns the cluster that the node in a folder belongs to, nil if
// it is alone.
func openCluster(data string, reach func() string, log *slog.Logger) (*cluster, error) {
	own, err := loadMembership(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	c := &cluster{data: data, log: log.With("part", "cluster"), own: own, reach: reach, apis: newStreamListener(), carriers: map[*peer.Conn]*link.Carrier{}, dead: map[string]bool{}, lostAt: map[string]time.Time{}}
	if c.creds, err = peer.LoadCredentials(clusterDir(data), time.Now()); err != nil {
		return nil, err
	}
	if c.isCore() {
		if c.ca, err = peer.LoadCA(clusterDir(data)); err != nil {
			return nil, err
		}
	}
	c.peers = peer.New(peer.Config{Credentials: c.creds, CA: c.ca, Log: c.log, Dial: c.dial})
	c.peers.Handle(kindLink, c.serveLink)
	c.peers.Handle(kindOperate, c.serveOperate)
	c.peers.HandleDatagrams(kindLink, func(conn *peer.Conn, b []byte) {
		if carrier := c.carrier(conn); carrier != nil {
			carrier.Datagram(b)
		}
	})
	if c.isCore() {
		c.peers.Handle(kindPropose, c.serveProposal)
		c.peers.Handle(kindCell, c.serveProposalTo)
		c.peers.Handle(kindEnrol, c.serveEnrol)
		c.peers.Handle(kindRemote, c.serveEdge)
		c.peers.Handle(kindAPI, c.serveRequest)
		c.peers.Handle(kindBlob, c.serveBlob)
		c.raft = quicnet.New(quicnet.Config{Addr: hashiraft.ServerAddress(own.Address), Dial: c.dialRaft, Allow: c.allowRaft, Logger: c.log})
		c.beats = beat.Open(c.raft.Group(beatGroup), c.log)
	}
	c.peers.Watch(c.connected)
	c.flock = canary.New(canary.Config{Dial: c.dialCanary, Lost: c.died, Found: c.revived})
	c.setNodes(own.Nodes)
	return c, nil
}

func (c *cluster) name() string { return c.creds.Identity().Node }

// isCore reports whether the node votes and keeps the state.
func (c *cluster) isCore() bool { return c.creds.Identity().Role == peer.RoleCore }

// listening adds the cluster's protocols to those of the port.
func (c *cluster) listening(l *listen.Config) error {
	reset, err := peer.ResetKey(clusterDir(c.data))
	if err != nil {
		return err
	}
	l.ResetKey = reset
	l.Known = c.peers.Known
	l.TCPProtocols = map[string]listen.TCPProtocol{
		canaryALPN: {TLS: c.creds.ServerTLS(canaryALPN), Serve: func(conn *tls.Conn) { c.flock.Hold(conn) }},
	}
	l.Protocols = map[string]listen.Protocol{peer.ALPN: {TLS: c.peers.TLS(), Serve: c.peers.Serve}}
	if c.isCore() {
		join := peer.NewJoinServer(peer.JoinConfig{CA: c.ca, Credentials: c.creds, Tokens: c, Answer: c.answer, Log: c.log})
		l.Protocols[quicnet.ALPN] = listen.Protocol{TLS: c.creds.ServerTLS(quicnet.ALPN), Serve: c.raft.Serve}
		l.Protocols[peer.JoinALPN] = listen.Protocol{TLS: join.TLS(), Serve: join.Serve}
	}
	return nil
}

// member makes a cell's member here one of many.
func (c *cluster) member(number uint64, config *client.Config) {
	config.Timing = c.timing()
	config.Transport = raftnode.NewTransport(c.raft.Group(number), config.Timing, c.log)
	config.Forward = c.forward
	if number == firstCell {
		c.started = config.Timing
		config.MembersChanged = c.raft.Recheck
	} else {
		config.Forward = c.forwardTo(number)
		if config.Timing == (raftnode.Timing{}) { // within a region: see package beat
			config.Transport = c.beats.Transport(number, config.Transport)
		}
	}
	log, heard := config.Logger, config.LeaderChanged
	config.LeaderChanged = func(id, address string) {
		if heard != nil {
			heard(id, address)
		}
		if id == "" {
			log.Warn("the cell has no leader")
		} else {
			log.Info("the cell has a leader", "node", id)
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

// beginCore goes on once the port and the cell are open.
func (c *cluster) beginCore(cell *client.Cell, all *cells.Set) {
	c.cell.Store(cell)
	c.cells.Store(all)
	c.edges.Store(&remote.Server{ServerConfig: remote.ServerConfig{
		Cell: all, Store: all.Read(), Key: c.key, Tickets: c.tickets, Log: c.log, Now: c.now, Health: cell.Err,
	}})
	c.begin(ownCell{cell})
}

// begin keeps the connections to the other nodes and enrols this one.
func (c *cluster) begin(k known) {
	c.mu.Lock()
	c.known = k
	c.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	unwatch := k.Watch(c.changed)
	context.AfterFunc(ctx, unwatch)
	c.running.Go(func() error { c.catchUp(ctx); return nil })
	c.running.Go(func() error { c.enrol(ctx); return nil })
	c.running.Go(func() error { c.lookAround(ctx); return nil })
	c.running.Go(func() error { c.keepCertificate(ctx); return nil })
	c.running.Go(func() error { c.pace.watch(ctx); return nil })
}

// closeEdges ends what other nodes read of the cell through this one, before it
// is closed.
func (c *cluster) closeEdges() {
	if server := c.edges.Load(); server != nil {
		server.Close()
	}
}

// close ends what begin and openCluster started. The cell is closed before.
func (c *cluster) close() error {
	if c.stop != nil {
		c.stop()
	}
	_ = c.apis.Close() // has no error
	err := c.running.Wait()
	err = errors.Join(err, c.flock.Close())
	c.peers.Close()
	if c.raft != nil {
		err = errors.Join(err, c.beats.Close(), c.raft.Close())
	}
	return err
}
