package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
)

// Transport is what a member speaks through.
type Transport interface {
	raft.Transport
	raft.WithPreVote
	raft.WithClose
}

// Bounds of a transport.
const (
	poolSize      = 3                      // idle streams to a member: entries, heartbeats, a vote
	minRPCTimeout = time.Second            // answers wait for a sync of the log
	maxStand      = 100 * time.Millisecond // for Raft to take that this member is to stand; then it is late anyway
)

// NewTransport returns a Transport over a stream layer, which it closes. A
// request without an answer fails after ten times Timing.Heartbeat, a second at
// least; a snapshot's has that for every 256 KiB.
func NewTransport(layer raft.StreamLayer, t Timing, log *slog.Logger) Transport {
	t = t.orDefault()
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: layer, MaxPool: poolSize, MaxRPCsInFlight: t.InFlight,
		Timeout: max(minRPCTimeout, 10*t.Heartbeat), Logger: raftLog(log),
	})
}

// wire is a member's transport. It notes what hashicorp/raft does not tell: how
// far the leader has committed and how far each member's log follows this one.
// And it is silent while the disk takes no writes, because a leader that cannot
// store goes on sending heartbeats and nobody would replace it.
type wire struct {
	Transport
	disk *logstore.Disk
	last func() uint64 // index in the log; set before Raft starts
	rpcs chan raft.RPC
	// candidate is called with requests for this member's vote, before Raft has
	// them.
	candidate func(*raft.RequestVoteRequest)
	// raft is whose transport this is; nil while it is being made.
	raft atomic.Pointer[raft.Raft]
	// heard is the highest commit index that a leader has told this member.
	heard atomic.Uint64

	telling sync.WaitGroup // goroutines that tell followers (tell.go)
	beats   sync.WaitGroup // heartbeats that are being handled

	mu        sync.Mutex // guards what follows
	match     map[raft.ServerID]uint64
	followers map[raft.ServerID]*follower // while this member leads
	commit    uint64                      // what the state has
	closed    bool
}

func newWire(t Transport, disk *logstore.Disk) *wire {
	return &wire{Transport: t, disk: disk, rpcs: make(chan raft.RPC), match: map[raft.ServerID]uint64{}, followers: map[raft.ServerID]*follower{}}
}

// Consumer implements raft.Transport.
func (w *wire) Consumer() <-chan raft.RPC { return w.rpcs }

// forward passes on what others ask until ctx ends.
func (w *wire) forward(ctx context.Context) {
	for {
		select {
		case rpc := <-w.Transport.Consumer():
			switch a := rpc.Command.(type) {
			case *raft.AppendEntriesRequest:
				w.heard.Store(max(w.heard.Load(), a.LeaderCommitIndex))
				w.unfollowed()
			case *raft.RequestVoteRequest:
				w.candidate(a)
			}
			select {
			case w.rpcs <- rpc:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// timeoutNow has this member stand for election, as a leader asks whom it hands
// over to: without a pre-vote, and with the votes of those who still believe in
// a leader.
func (w *wire) timeoutNow(ctx context.Context, self raft.ServerID) {
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(self), Addr: w.EncodePeer(self, w.LocalAddr())}
	rpc := raft.RPC{Command: &raft.TimeoutNowRequest{RPCHeader: header}, RespChan: make(chan raft.RPCResponse, 1)}
	ctx, cancel := context.WithTimeout(ctx, maxStand)
	defer cancel()
	select {
	case w.rpcs <- rpc:
	case <-ctx.Done():
	}
}

// SetHeartbeatHandler implements raft.Transport. The transport handles heartbeats
// on goroutines of its own, for which Raft's shutdown does not wait; stop does,
// because a heartbeat may write a new term to the disk. While that takes no
// writes such a heartbeat is refused: each would wait, until there is space.
func (w *wire) SetHeartbeatHandler(handle func(raft.RPC)) {
	w.Transport.SetHeartbeatHandler(func(rpc raft.RPC) {
		w.mu.Lock()
		closed := w.closed
		if !closed {
			w.beats.Add(1)
		}
		w.mu.Unlock()
		if closed {
			return
		}
		defer w.beats.Done()
		if w.isNew(rpc) {
			if err := w.silent(); err != nil {
				rpc.Respond(nil, err)
				return
			}
		}
		handle(rpc)
	})
}

// isNew reports whether a heartbeat is of a later term than a follower has written.
// A leader's is let through: it ends its leading before it is written.
func (w *wire) isNew(rpc raft.RPC) bool {
	a, ok := rpc.Command.(*raft.AppendEntriesRequest)
	r := w.raft.Load()
	return ok && (r == nil || r.State() == raft.Follower && a.Term > r.CurrentTerm())
}

func (w *wire) silent() error {
	if err := w.disk.Err(); err != nil {
		return fmt.Errorf("this member is silent: %w", err)
	}
	return nil
}

func (w *wire) matched(id raft.ServerID) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.match[id]
}

// forget is for a member that begins anew.
func (w *wire) forget(id raft.ServerID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.match, id)
}

func (w *wire) note(id raft.ServerID, index uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.match[id] = max(w.match[id], index)
}

func (w *wire) noteAppended(id raft.ServerID, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) {
	if r.Success { // a heartbeat says 0
		w.note(id, a.PrevLogEntry+uint64(len(a.Entries)))
		w.agrees(id, a)
	}
}

// AppendEntries implements raft.Transport.
func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) error {
	if err := w.silent(); err != nil {
		return err
	}
	w.sends(id, to, a)
	err := w.Transport.AppendEntries(id, to, a, r)
	if err == nil {
		w.noteAppended(id, a, r)
	}
	return err
}

// InstallSnapshot implements raft.Transport.
func (w *wire) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, a *raft.InstallSnapshotRequest, r *raft.InstallSnapshotResponse, state io.Reader) error {
	if err := w.silent(); err != nil {
		return err
	}
	err := w.Transport.InstallSnapshot(id, to, a, r, state)
	if err == nil && r.Success {
		w.note(id, a.LastLogIndex)
	}
	return err
}

// RequestVote implements raft.Transport.
func (w *wire) RequestVote(id raft.ServerID, to raft.ServerAddress, a *raft.RequestVoteRequest, r *raft.RequestVoteResponse) error {
	if err := w.silent(); err != nil {
		return err
	}
	return w.Transport.RequestVote(id, to, a, r)
}

// RequestPreVote implements raft.WithPreVote.
func (w *wire) RequestPreVote(id raft.ServerID, to raft.ServerAddress, a *raft.RequestPreVoteRequest, r *raft.RequestPreVoteResponse) error {
	if err := w.silent(); err != nil {
		return err
	}
	return w.Transport.RequestPreVote(id, to, a, r)
}

// AppendEntriesPipeline implements raft.Transport.
func (w *wire) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	if err := w.silent(); err != nil {
		return nil, err
	}
	inner, err := w.Transport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	p := &pipeline{AppendPipeline: inner, wire: w, id: id, to: to, answers: make(chan raft.AppendFuture), closing: make(chan struct{})}
	p.running.Go(p.forward)
	return p, nil
}

// pipeline notes what a member has answered.
type pipeline struct {
	raft.AppendPipeline
	wire    *wire
	id      raft.ServerID
	to      raft.ServerAddress
	answers chan raft.AppendFuture
	once    sync.Once
	closing chan struct{}
	running sync.WaitGroup
}

// AppendEntries implements raft.AppendPipeline.
func (p *pipeline) AppendEntries(a *raft.AppendEntriesRequest, r *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if err := p.wire.silent(); err != nil {
		return nil, err
	}
	f, err := p.AppendPipeline.AppendEntries(a, r)
	if err == nil {
		p.wire.sends(p.id, p.to, a)
	}
	return f, err
}

// Consumer implements raft.AppendPipeline.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

func (p *pipeline) forward() {
	for {
		select {
		case f := <-p.AppendPipeline.Consumer():
			p.wire.noteAppended(p.id, f.Request(), f.Response())
			select {
			case p.answers <- f:
			case <-p.closing:
				return
			}
		case <-p.closing:
			return
		}
	}
}

// Close implements raft.AppendPipeline.
func (p *pipeline) Close() error {
	p.once.Do(func() { close(p.closing) })
	err := p.AppendPipeline.Close()
	p.running.Wait()
	return err
}
