// Package beat sends the heartbeats of many Raft groups from one node to another
// in one message. A leader tells each follower every 25 to 50 ms that it is
// there; 64 groups on three nodes would be 4,000 requests a second, each with a
// message and an answer of its own.
//
// It changes when a heartbeat leaves and nothing else: by at most Gather and the
// round trip of the message before it. Each is answered by the group that it is
// for, an answer counts for that group alone, and one that is not answered in
// time fails for all that were in the message, as if each had been sent by
// itself. A node whose version does not know this is sent heartbeats one by one.
//
// It is for members in one region: where a round trip is longer than a lease's
// slack, or where many groups elect at once (a follower writes a new term to its
// disk before it answers, one group after the other), send them one by one.
package beat

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"kohe/raft/node"
)

// Gather is how long the first heartbeat for a node waits for others. A
// leader's lease is at least 100 ms and its heartbeats are at most 50 ms apart.
const Gather = 5 * time.Millisecond

// Bounds.
const (
	MaxGroups = 4096                   // in one message
	answerIn  = time.Second            // a message
	plainFor  = 10 * time.Second       // until a node that would not take a message is asked again
	dialFor   = 500 * time.Millisecond // a stream on a connection that is there
)

// errForeign is the answer for a group that the other node is no member of.
var errForeign = errors.New("the node has no such group")

// Beats is one node's end. Its methods may be called from any goroutine.
type Beats struct {
	layer raft.StreamLayer
	log   *slog.Logger

	running sync.WaitGroup
	closing chan struct{}

	mu     sync.Mutex // guards what follows
	groups map[uint64]func(raft.RPC)
	peers  map[raft.ServerAddress]*peer
	served map[net.Conn]struct{}
	closed bool
}

// Open takes heartbeats from other nodes and sends them to others over a stream
// layer of its own, which Close closes.
func Open(layer raft.StreamLayer, log *slog.Logger) *Beats {
	b := &Beats{
		layer: layer, log: log, closing: make(chan struct{}),
		groups: map[uint64]func(raft.RPC){}, peers: map[raft.ServerAddress]*peer{}, served: map[net.Conn]struct{}{},
	}
	b.running.Go(b.accept)
	return b
}

// Close ends it; heartbeats fail from then on. One that a group is handling ends
// when the group is closed: it may wait for a disk.
func (b *Beats) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	close(b.closing)
	for conn := range b.served {
		_ = conn.Close()
	}
	b.mu.Unlock()
	err := b.layer.Close()
	b.running.Wait()
	return err
}

// Transport returns a group's transport with its heartbeats sent here.
func (b *Beats) Transport(group uint64, t node.Transport) node.Transport {
	return &transport{Transport: t, beats: b, group: group}
}

type transport struct {
	node.Transport
	beats *Beats
	group uint64
}

// SetHeartbeatHandler implements raft.Transport. Heartbeats may come by
// themselves, too.
func (t *transport) SetHeartbeatHandler(handle func(raft.RPC)) {
	t.beats.mu.Lock()
	t.beats.groups[t.group] = handle
	t.beats.mu.Unlock()
	t.Transport.SetHeartbeatHandler(handle)
}

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	if heartbeat(a) {
		if done, err := t.beats.send(to, t.group, a, r); done {
			return err
		}
	}
	return t.Transport.AppendEntries(id, to, a, r)
}

// Close implements raft.WithClose.
func (t *transport) Close() error {
	t.beats.mu.Lock()
	delete(t.beats.groups, t.group)
	t.beats.mu.Unlock()
	return t.Transport.Close()
}

// heartbeat reports what hashicorp/raft answers without its main loop.
func heartbeat(a *raft.AppendEntriesRequest) bool {
	return a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// pending is a heartbeat that waits for its answer.
type pending struct {
	group  uint64
	ask    *raft.AppendEntriesRequest
	answer *raft.AppendEntriesResponse
	done   chan error
}

// peer is a node that is sent heartbeats.
type peer struct {
	waiting []pending     // guarded by Beats.mu
	plain   time.Time     // until then it is sent heartbeats one by one; guarded by Beats.mu
	wake    chan struct{} // of one
}

// send has a heartbeat sent with others and waits for its answer. done is false
// if it has to be sent by itself.
func (b *Beats) send(to raft.ServerAddress, group uint64, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (done bool, err error) {
	h := pending{group, a, r, make(chan error, 1)}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return true, net.ErrClosed
	}
	p := b.peers[to]
	if p == nil {
		p = &peer{wake: make(chan struct{}, 1)}
		b.peers[to] = p
		b.running.Go(func() { b.beat(to, p) })
	}
	if time.Now().Before(p.plain) || len(p.waiting) >= MaxGroups {
		b.mu.Unlock()
		return false, nil
	}
	p.waiting = append(p.waiting, h)
	b.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
	select {
	case err := <-h.done:
		return !errors.Is(err, errPlain), err
	case <-b.closing:
		return true, net.ErrClosed
	}
}

// errPlain says that a heartbeat has to be sent by itself.
var errPlain = errors.New("the node takes heartbeats one by one")

// beat sends what waits for one node, one message after the other.
func (b *Beats) beat(to raft.ServerAddress, p *peer) {
	var s *stream
	defer func() { s.close() }()
	for {
		select {
		case <-p.wake:
		case <-b.closing:
			return
		}
		select {
		case <-time.After(Gather):
		case <-b.closing:
			return
		}
		b.mu.Lock()
		list := p.waiting
		p.waiting = nil
		b.mu.Unlock()
		if len(list) == 0 {
			continue
		}
		var err error
		if s == nil {
			s, err = b.dial(to)
		}
		fresh := s != nil && !s.used
		if err == nil {
			err = s.exchange(list)
		}
		if err == nil {
			continue
		}
		s.close()
		s = nil
		if fresh && errors.Is(err, errRefused) {
			b.log.Info("a node takes heartbeats one by one", "addr", string(to))
			b.mu.Lock()
			p.plain = time.Now().Add(plainFor)
			b.mu.Unlock()
			err = errPlain
		}
		for _, h := range list {
			h.done <- fmt.Errorf("heartbeat to %s: %w", to, err)
		}
	}
}

func (b *Beats) dial(to raft.ServerAddress) (*stream, error) {
	conn, err := b.layer.Dial(to, dialFor)
	if err != nil {
		return nil, err
	}
	return newStream(conn), nil
}

// accept serves the other nodes until the layer is closed.
func (b *Beats) accept() {
	for {
		conn, err := b.layer.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			_ = conn.Close()
			return
		}
		b.served[conn] = struct{}{}
		b.mu.Unlock()
		go func() { // until the other node or Close ends conn, and see there
			if err := newStream(conn).serve(b.handle); !errors.Is(err, io.EOF) {
				b.log.Debug("a stream of heartbeats ended", "remote", conn.RemoteAddr().String(), "err", err)
			}
			_ = conn.Close()
			b.mu.Lock()
			delete(b.served, conn)
			b.mu.Unlock()
		}()
	}
}

// handle has a group answer a heartbeat.
func (b *Beats) handle(group uint64, a *raft.AppendEntriesRequest) (*raft.AppendEntriesResponse, error) {
	b.mu.Lock()
	handle := b.groups[group]
	b.mu.Unlock()
	if handle == nil {
		return nil, errForeign
	}
	answer := make(chan raft.RPCResponse, 1)
	handle(raft.RPC{Command: a, RespChan: answer})
	select {
	case r := <-answer:
		if r.Error != nil {
			return nil, r.Error
		}
		return r.Response.(*raft.AppendEntriesResponse), nil
	default: // the group is being closed
		return nil, errForeign
	}
}
