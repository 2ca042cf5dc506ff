// Package node runs one member of a Raft cell: hashicorp/raft over a
// logstore.Store, driving a Machine that keeps its state in the same database.
//
// It promises that a command answered by Apply is durable and applied exactly
// once, whatever is cut off when; that the log is never truncated before the
// state it fed is durable (raft/DESIGN.md says how); and that the machine's
// deadlines are proposed while this node leads. A member that is too far behind
// is sent the state, one whose leader seems to have died (Suspect) waits no
// longer than the lease, and one whose leader has died (Dead) does not wait. Open starts the goroutines and Close waits for them.
package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
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

	// Span and Rows are for sending the state to a member that is too far
	// behind (logstore.State).
	Span() []byte
	Rows() (*pebble.Iterator, uint64, error)
	// Reload calls ingest, which replaces the keys of Span by another member's,
	// and goes on from them. Apply's goroutine calls it.
	Reload(ingest func() error) error
}

// Timing is how fast a member notices the failure of another. The zero value
// is for members in one region (DESIGN 8).
type Timing struct {
	Heartbeat time.Duration // without a leader until an election, and that long; 0: 250 ms
	Lease     time.Duration // a leader without a quorum steps down; 0: 100 ms
	// Grace is how long a new leader lets nothing expire: whoever could not
	// speak to the cell while it had no leader says first that they are there.
	// 0: 2 s
	Grace time.Duration
	// InFlight is how many requests for entries NewTransport leaves unanswered
	// before it waits; 0: 1. More is of use only where a round trip takes long,
	// and a follower that stalls can then end its replication for good
	// (hashicorp/raft #612).
	InFlight int
}

// AcrossRegions is the Timing of a cell whose members are up to about 100 ms
// apart.
func AcrossRegions() Timing {
	return Timing{Heartbeat: time.Second, Lease: 500 * time.Millisecond}
}

func (t Timing) orDefault() Timing {
	return Timing{
		Heartbeat: cmp.Or(t.Heartbeat, 250*time.Millisecond),
		Lease:     cmp.Or(t.Lease, 100*time.Millisecond),
		Grace:     cmp.Or(t.Grace, 2*time.Second),
		InFlight:  cmp.Or(t.InFlight, 1),
	}
}

// Log truncation. A restart reads the log from the last snapshot on and skips
// what the state has already, about 1 µs an entry; a member that was away for
// less than trailingLogs entries catches up from the log alone.
const (
	snapshotEvery    = 30 * time.Second
	snapshotEntries  = 16384
	trailingLogs     = 16384 // Config.Trailing's default
	maxAppendEntries = 1024  // the most that hashicorp/raft takes; also the buffer of Apply
)

// Config says what a node is made of.
type Config struct {
	ID        string // of the node, for all time
	Disk      *logstore.Disk
	Prefix    []byte // of this cell's keys in the Disk; no other prefix begins with it
	Machine   Machine
	Transport Transport // nil: none, for a cell of one; the node closes it
	Timing    Timing
	Logger    *slog.Logger // nil: slog.Default

	// Trailing is how many entries are kept behind a snapshot, for members that
	// were away; 0: 16384.
	Trailing uint64

	// Now is the clock of the Ticks; nil: time.Now.
	Now func() time.Time

	// Join leaves an empty log empty: the node waits until a leader adds it.
	// Otherwise it becomes the only member of a new cell.
	Join bool

	// LeaderChanged, if set, is called with who leads now, "", "" for nobody,
	// and MembersChanged when the answers of Members or Admits may have changed.
	// One goroutine calls both; they must return soon.
	LeaderChanged  func(id, address string)
	MembersChanged func()
}

// ErrClosed is the error of a node that takes no more commands.
var ErrClosed = errors.New("the node is shutting down")

// Node is a running member. Its methods may be called from any goroutine.
type Node struct {
	id      raft.ServerID
	disk    *logstore.Disk
	store   *logstore.Store
	machine Machine
	wire    *wire
	raft    *raft.Raft
	timing  Timing
	now     func() time.Time
	tell    struct { // nil: not asked for
		leader  func(id, address string)
		members func()
	}

	wake       chan struct{} // of one: the machine's deadline may have changed
	configured chan struct{} // of one: the members may have changed
	suspicion  chan struct{} // of one: suspects have changed
	changing   chan struct{} // of one: a token, held while the members are changed

	stop    context.CancelFunc
	group   *errgroup.Group // expire and watch
	cut     context.CancelFunc
	forward sync.WaitGroup // the wire's goroutine, which Raft outlives not

	ready     chan struct{}
	readyOnce sync.Once

	mu       sync.Mutex // guards what follows
	closed   bool
	suspects map[raft.ServerID]suspicion
	hopeless candidacy
	calls    sync.WaitGroup // that wait for Raft to answer
}

// Open starts the member.
func Open(c Config) (*Node, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Transport == nil {
		_, c.Transport = raft.NewInmemTransport(raft.ServerAddress(c.ID))
	}
	n, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open node %s: %w", c.ID, errors.Join(err, c.Transport.Close()))
	}
	return n, nil
}

func open(c Config) (*Node, error) {
	n := &Node{
		id: raft.ServerID(c.ID), disk: c.Disk, machine: c.Machine,
		wire: newWire(c.Transport, c.Disk), timing: c.Timing.orDefault(),
		wake: make(chan struct{}, 1), configured: make(chan struct{}, 1),
		suspicion: make(chan struct{}, 1), changing: make(chan struct{}, 1),
		ready: make(chan struct{}), suspects: map[raft.ServerID]suspicion{},
	}
	n.wire.candidate = n.judge
	if n.now = c.Now; n.now == nil {
		n.now = time.Now
	}
	n.tell.leader, n.tell.members = c.LeaderChanged, c.MembersChanged
	var err error
	if n.store, err = logstore.New(c.Disk, c.Prefix); err != nil {
		return nil, err
	}
	n.wire.last = func() uint64 {
		last, _ := n.store.LastIndex() // never fails
		return last
	}
	if err := n.begin(c.Join); err != nil {
		return nil, err
	}
	machine := &fsm{n.disk, n.store, n.machine, n.wire, n.wake, n.configured}
	if n.raft, err = newRaft(n, c, machine); err != nil {
		return nil, err
	}
	n.wire.raft.Store(n.raft)
	n.start()
	return n, nil
}

// newRaft makes an error of hashicorp/raft's panic at a log that lacks entries,
// as a disk leaves it that said it had synced and had not.
func newRaft(n *Node, c Config, machine raft.FSM) (r *raft.Raft, err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fmt.Errorf("the log of this node is damaged: %v; remove the node from the cluster and join it again", what)
		}
	}()
	return raft.NewRaft(n.config(c), machine, n.store, n.store, n.store, n.wire)
}

func (n *Node) start() {
	wired, cut := context.WithCancel(context.Background())
	n.cut = cut
	n.forward.Go(func() { n.wire.forward(wired) })
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.group, ctx = errgroup.WithContext(ctx)
	n.group.Go(func() error { n.expire(ctx); return nil })
	n.group.Go(func() error { n.watch(ctx); return nil })
}

// begin finishes what a power cut has interrupted, refuses a state that the log
// cannot have fed and makes an empty store a cell of one, unless it joins.
func (n *Node) begin(join bool) error {
	if err := n.store.Attach(n.machine); err != nil {
		return err
	}
	if err := reload(n.store, n.machine); err != nil {
		return err
	}
	last, err := n.store.LastIndex()
	if err != nil {
		return err
	}
	snapshots, err := n.store.List()
	if err != nil {
		return err
	}
	if len(snapshots) > 0 {
		last = max(last, snapshots[0].Index)
	}
	if applied := n.machine.Applied(); applied > last {
		return fmt.Errorf("the state stands at index %d and the log ends at %d: they are not of one database", applied, last)
	}
	if last > 0 || join {
		return nil
	}
	self := raft.Server{ID: n.id, Address: n.wire.LocalAddr()}
	return n.store.Bootstrap(raft.Configuration{Servers: []raft.Server{self}})
}

func (n *Node) config(c Config) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = n.id
	r.HeartbeatTimeout = n.timing.Heartbeat
	r.ElectionTimeout = n.timing.Heartbeat
	r.LeaderLeaseTimeout = n.timing.Lease
	r.MaxAppendEntries = maxAppendEntries
	r.BatchApplyCh = true
	r.SnapshotInterval = snapshotEvery
	r.SnapshotThreshold = snapshotEntries
	r.TrailingLogs = cmp.Or(c.Trailing, trailingLogs)
	r.NoSnapshotRestoreOnStart = true // begin has seen to it
	// Raft's own Shutdown leaves queued commands unanswered; only Close may
	// call it, when none is left.
	r.ShutdownOnRemove = false
	r.NoLegacyTelemetry = true
	r.Logger = raftLog(c.Logger)
	return r
}

// Apply proposes a command and returns the machine's result once it is durable
// and applied. It waits as long as the disk and the members take. An error does
// not mean that the command is not committed, except NotLeader, which says who
// can take it.
func (n *Node) Apply(command []byte) (any, error) {
	if !n.enter() {
		return nil, ErrClosed
	}
	defer n.calls.Done()
	if n.raft.State() != raft.Leader { // Raft would say so too, from its main loop
		return nil, n.notLeader()
	}
	future := n.raft.Apply(command, 0)
	if err := future.Error(); errors.Is(err, raft.ErrNotLeader) {
		return nil, n.notLeader()
	} else if err != nil {
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

// Ready is closed once the state here holds all that was acknowledged before
// this node led or first heard from a leader.
func (n *Node) Ready() <-chan struct{} { return n.ready }

// Err returns nil while this member does its part: it leads, or follows a
// leader. Otherwise it says why not: the disk (logstore.ErrFull goes by itself,
// any other is final), ErrNotMember, ErrNoLeader or ErrClosed. While the disk
// takes no writes the member is silent, so that another leads.
func (n *Node) Err() error {
	if err := n.disk.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	closed := n.closed
	n.mu.Unlock()
	members := n.servers()
	_, leader := n.raft.LeaderWithID()
	switch {
	case closed:
		return ErrClosed
	case !slices.ContainsFunc(members, func(m raft.Server) bool { return m.ID == n.id }):
		return ErrNotMember
	case leader == "":
		return ErrNoLeader
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

// Close refuses new commands, waits for those under way, hands leadership over
// if there is another to take it, and stops the member.
func (n *Node) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.calls.Wait()
	if n.raft.State() == raft.Leader {
		// If nobody takes it, the others elect a leader a little later.
		_ = n.handOver(context.Background())
		n.calls.Wait()
	}
	n.stop()
	err := n.group.Wait()
	ended := n.raft.Shutdown()
	err = errors.Join(err, n.wire.Close(), ended.Error()) // what waits for a member that is away ends with the transport
	n.cut()
	n.forward.Wait()
	n.wire.stop()
	return err
}
