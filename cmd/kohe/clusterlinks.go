package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"time"

	hashiraft "github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"

	"kohe/edge/link"
	"kohe/raft/client"
	"kohe/raft/quicnet"
	"kohe/relay"
	"kohe/relay/peer"
	"kohe/relay/wire"
)

// network reaches the other nodes from this one's port; *listen.Listener is one.
type network interface {
	Dial(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error)
	DialTCP(ctx context.Context, addr string) (net.Conn, error)
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

// died hears that another node's process has ended, for certain or as it seems.
func (c *cluster) died(id string, certain bool) {
	c.log.Warn("the process of a node has ended", "node", id, "certain", certain)
	c.mu.Lock()
	c.dead[id] = true
	c.mu.Unlock()
	for _, cell := range c.allCells() {
		if certain {
			cell.Node().Dead(id)
		} else {
			cell.Node().Suspect(id)
		}
	}
	c.peers.Gone(id)
	for _, n := range c.members() {
		if n.ID == id && c.raft != nil {
			c.raft.Gone(hashiraft.ServerAddress(n.Addr))
		}
	}
}

// revived hears that a process answers again.
func (c *cluster) revived(id string) {
	c.mu.Lock()
	delete(c.dead, id)
	c.mu.Unlock()
	for _, cell := range c.allCells() {
		cell.Node().Trust(id)
	}
}

// allCells returns the cells that are open here.
func (c *cluster) allCells() []*client.Cell {
	set := c.cells.Load()
	if set == nil {
		return nil
	}
	_, all := set.Cells()
	return all
}

// isDead reports whether a node's process is known to have ended.
func (c *cluster) isDead(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead[id]
}

// isConnected reports whether there is a connection to another node whose process
// is not known to have ended.
func (c *cluster) isConnected(id string) bool {
	connected := slices.ContainsFunc(c.peers.Links(), func(l peer.LinkState) bool { return l.Node == id && l.Conn != nil })
	return connected && !c.isDead(id)
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

// forwardTo is forward for a cell other than the first.
func (c *cluster) forwardTo(number uint64) client.Forward {
	return func(ctx context.Context, node string) (io.ReadWriteCloser, error) {
		s, err := c.open(ctx, node, kindCell)
		if err != nil {
			return nil, err
		}
		if _, err := s.Write(binary.BigEndian.AppendUint64(nil, number)); err != nil {
			s.Reset()
			return nil, err
		}
		return s, nil
	}
}

func (c *cluster) serveProposal(_ context.Context, conn *peer.Conn, s peer.Stream) {
	c.serveCell(firstCell, conn, s)
}

func (c *cluster) serveProposalTo(_ context.Context, conn *peer.Conn, s peer.Stream) {
	var number [8]byte
	if _, err := io.ReadFull(s, number[:]); err != nil {
		halfStream{s.Stream}.Reset()
		return
	}
	c.serveCell(binary.BigEndian.Uint64(number[:]), conn, s)
}

func (c *cluster) serveCell(number uint64, conn *peer.Conn, s peer.Stream) {
	var cell *client.Cell
	if set := c.cells.Load(); set != nil {
		cell, _ = set.Cell(number)
	}
	if cell == nil || conn.Peer().Role != peer.RoleCore {
		halfStream{s.Stream}.Reset()
		return
	}
	cell.Serve(halfStream{s.Stream})
	s.CancelRead(0) // if it did not end by itself
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
	if carrier := c.carrier(conn); carrier != nil {
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
		c.mu.Lock()
		delete(c.dead, e.Peer.Node) // the canary looks a second later at most
		delete(c.lostAt, e.Peer.Node)
		c.mu.Unlock()
		c.log.Info("connected", "node", e.Peer.Node)
	} else {
		c.mu.Lock()
		c.lostAt[e.Peer.Node] = time.Now()
		c.mu.Unlock()
		c.log.Warn("connection lost", "node", e.Peer.Node, "err", e.Err)
	}
}
