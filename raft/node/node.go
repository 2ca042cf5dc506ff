// Package node runs one member of a Raft cell: hashicorp/raft over a
// logstore.Store, driving a Machine that keeps its state in the same database.
//
// It promises that a command answered by Apply is durable and applied exactly
// once, whatever is cut off when; that the log is never truncated before the
// state it fed is durable (raft/DESIGN.md says how); and that the machine's
// deadlines are proposed while this node leads. Open starts the goroutines and
// Close waits for them.
package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/sync/errgroup"

	"kohe/raft/logstore"
)

// Entry is one committed command.
type Entry struct {
	Index uint64
	Data  []byte
}

// Machine is the replicated state machine. Its state lives in the Disk's
// database, written with pebble.NoSync together with the index it stands for.
type Machine interface {
	// Applied returns the index of the last entry in the state. It may be
	// called from any goroutine.
	Applied() uint64
	// Apply applies entries, which follow Applied, in order and returns one
	// result for each. One goroutine calls it.
	Apply(entries []Entry) []any
	// Deadline returns when Tick is due next, in ms since 1970; false: never.
	// It may be called from any goroutine.
	Deadline() (at int64, ok bool)
	// Tick returns the command that lets deadlines up to at (ms since 1970) pass.
	Tick(at int64) []byte
}

// Timing is how fast a member notices the failure of another. The zero value
// is for members in one region (DESIGN 8).
type Timing struct {
	Heartbeat time.Duration // without a leader until an election; 0: 250 ms
	Lease     time.Duration // a leader without a quorum steps down; 0: 100 ms
	// Grace is how long a new leader lets nothing expire: whoever could not
	// speak to the cell while it had no leader says first that they are there.
	// 0: 2 s
	Grace time.Duration
}

// Log truncation. A restart reads the log from the last snapshot on and skips
// what the state has already, about 1 µs an entry; a member that was away for
// less than trailingLogs entries catches up from the log alone.
const (
	snapshotEvery    = 30 * time.Second
	snapshotEntries  = 16384
	trailingLogs     = 16384
	maxAppendEntries = 1024 // the most that hashicorp/raft takes; also the buffer of Apply
)

// Config says what a node is made of.
type Config struct {
	ID        string // of the node, for all time
	Disk      *logstore.Disk
	Prefix    []byte // of this cell's keys in the Disk; no other prefix begins with it
	Machine   Machine
	Transport raft.Transport // nil: none, for a cell of one
	Timing    Timing
	Logger    *slog.Logger // nil: slog.Default
}

// ErrClosed is the error of a node that takes no more commands.
var ErrClosed = errors.New("the node is shutting down")

// Node is a running member.
type Node struct {
	disk    *logstore.Disk
	store   *logstore.Store
	machine Machine
	raft    *raft.Raft
	grace   time.Duration
	wake    chan struct{} // of one: the machine's deadline may have changed

	stop  context.CancelFunc
	group *errgroup.Group
	ready chan struct{} // closed by expire

	mu     sync.Mutex // guards closed
	closed bool
	calls  sync.WaitGroup // that wait for Raft to answer
}

// Open starts the member. If the log is empty it becomes the only member of a
// new cell.
func Open(c Config) (*Node, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	store, err := logstore.New(c.Disk, c.Prefix)
	if err != nil {
		return nil, fmt.Errorf("open node %s: %w", c.ID, err)
	}
	address := raft.ServerAddress(c.ID)
	if c.Transport == nil {
		_, c.Transport = raft.NewInmemTransport(address)
	} else {
		address = c.Transport.LocalAddr()
	}
	if err := begin(store, c.Machine, raft.Server{ID: raft.ServerID(c.ID), Address: address}); err != nil {
		return nil, fmt.Errorf("open node %s: %w", c.ID, err)
	}
	n := &Node{
		disk: c.Disk, store: store, machine: c.Machine,
		wake: make(chan struct{}, 1), ready: make(chan struct{}), grace: cmp.Or(c.Timing.Grace, 2*time.Second),
	}
	n.raft, err = raft.NewRaft(c.raft(), &fsm{n.disk, n.machine, n.wake}, store, store, store, c.Transport)
	if err != nil {
		return nil, fmt.Errorf("open node %s: %w", c.ID, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.group, ctx = errgroup.WithContext(ctx)
	n.group.Go(func() error { n.expire(ctx); return nil })
	n.group.Go(func() error { n.retire(ctx); return nil })
	return n, nil
}

// begin makes an empty store a cell of one and refuses a state that the log
// cannot have fed.
func begin(store *logstore.Store, m Machine, self raft.Server) error {
	last, err := store.LastIndex()
	if err != nil {
		return err
	}
	snapshots, err := store.List()
	if err != nil {
		return err
	}
	if len(snapshots) > 0 {
		last = max(last, snapshots[0].Index)
	}
	if applied := m.Applied(); applied > last {
		return fmt.Errorf("the state stands at index %d and the log ends at %d: they are not of one database", applied, last)
	}
	if last > 0 {
		return nil
	}
	return store.Bootstrap(raft.Configuration{Servers: []raft.Server{self}})
}

func (c Config) raft() *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.ID)
	r.HeartbeatTimeout = c.Timing.Heartbeat
	if r.HeartbeatTimeout == 0 {
		r.HeartbeatTimeout = 250 * time.Millisecond
	}
	r.ElectionTimeout = r.HeartbeatTimeout
	r.LeaderLeaseTimeout = c.Timing.Lease
	if r.LeaderLeaseTimeout == 0 {
		r.LeaderLeaseTimeout = 100 * time.Millisecond
	}
	r.MaxAppendEntries = maxAppendEntries
	r.BatchApplyCh = true
	r.SnapshotInterval = snapshotEvery
	r.SnapshotThreshold = snapshotEntries
	r.TrailingLogs = trailingLogs
	// Raft's own Shutdown leaves queued commands unanswered; only Close may
	// call it, when none is left.
	r.ShutdownOnRemove = false
	r.NoLegacyTelemetry = true
	r.Logger = raftLog(c.Logger)
	return r
}

// Apply proposes a command and returns the machine's result once it is durable
// and applied. It waits as long as the disk and the members take. An error does
// not mean that the command is not committed.
func (n *Node) Apply(command []byte) (any, error) {
	if !n.enter() {
		return nil, ErrClosed
	}
	defer n.calls.Done()
	future := n.raft.Apply(command, 0)
	if err := future.Error(); err != nil {
		return nil, err
	}
	if err, ok := future.Response().(refused); ok {
		return nil, err
	}
	return future.Response(), nil
}

func (n *Node) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.calls.Add(1)
	}
	return !n.closed
}

// Ready is closed once this node has led and its state holds all that was
// acknowledged before.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Err returns nil if a command can be proposed here now, or why not.
func (n *Node) Err() error {
	if err := n.disk.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	closed := n.closed
	n.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case n.raft.State() != raft.Leader:
		return raft.ErrNotLeader
	}
	return nil
}

// Snapshot lets the log be truncated up to what is applied now; it also
// happens by itself.
func (n *Node) Snapshot() error {
	if !n.enter() {
		return ErrClosed
	}
	defer n.calls.Done()
	if err := n.raft.Snapshot().Error(); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// Close refuses new commands, waits for those under way and stops the member.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.stop()
	err := n.group.Wait()
	n.calls.Wait()
	return errors.Join(err, n.raft.Shutdown().Error())
}
