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

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/listen"
	"kohe/raft/canary"
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
