package client

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/raft/feed"
	"kohe/raft/logstore"
	"kohe/raft/node"
	"kohe/raft/state"
)

// firstCell is the number of a cell that names none.
const firstCell = 1

// spans returns the prefixes of a cell's log and state in a database that it may
// share with others.
func spans(number uint64) (log, state []byte) {
	return fmt.Appendf(nil, "c%d/r/", number), fmt.Appendf(nil, "c%d/s/", number)
}

// Config says what the member of a cell in this process is made of.
type Config struct {
	Dir       string         // of the database; made if missing
	NodeID    string         // for all time
	Transport node.Transport // to the other members; nil: a cell of one; Close closes it
	Join      bool           // an empty folder waits to be added to a cell, and becomes none of its own
	Timing    node.Timing
	Fatal     func(error)      // see logstore.Config; should end the process; nil panics
	Logger    *slog.Logger     // nil: slog.Default
	FS        vfs.FS           // nil: the operating system's
	Trailing  uint64           // see node.Config
	Now       func() time.Time // see node.Config

	// Disk is the database of a node that is a member of several cells, in
	// place of Dir, Fatal and FS; the caller closes it after the cells. nil: one
	// of this cell's own.
	Disk   *logstore.Disk
	Number uint64 // of the cell among those on the Disk; 0: firstCell

	// Forward reaches the leader where this member is none; nil for a cell of one.
	Forward Forward

	// LeaderChanged and MembersChanged are node.Config's.
	LeaderChanged  func(id, address string)
	MembersChanged func()
}

// Cell is a client whose member runs in this process, with its database.
type Cell struct {
	*Client
	disk   *logstore.Disk
	shared bool // the disk is others' too
	state  *state.State
	node   *node.Node
}

// Open opens the database, the state and the member in c.Dir. An empty folder
// becomes a cell of one, unless it is to join another.
func Open(c Config) (*Cell, error) {
	disk, shared := c.Disk, c.Disk != nil
	if !shared {
		var err error
		if disk, err = logstore.Open(logstore.Config{Dir: c.Dir, FS: c.FS, Fatal: c.Fatal, Logger: c.Logger}); err != nil {
			return nil, fmt.Errorf("open cell: %w", err)
		}
	}
	cell := &Cell{disk: disk, shared: shared}
	logSpan, stateSpan := spans(cmp.Or(c.Number, firstCell))
	s, err := state.Open(disk.DB, stateSpan)
	if err != nil {
		return nil, fmt.Errorf("open cell: %w", errors.Join(err, cell.closeDisk()))
	}
	f, k, reign := feed.Open(), newMark(s.Applied), newReign()
	n, err := node.Open(node.Config{
		ID: c.NodeID, Disk: disk, Prefix: logSpan, Machine: machine{s, disk, f, k},
		Transport: c.Transport, Join: c.Join, Timing: c.Timing, Trailing: c.Trailing, Now: c.Now, Logger: c.Logger,
		LeaderChanged: func(id, address string) {
			reign.change()
			if c.LeaderChanged != nil {
				c.LeaderChanged(id, address)
			}
		},
		MembersChanged: c.MembersChanged,
	})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open cell: %w", errors.Join(err, cell.closeDisk()))
	}
	client := newClient(n, disk.Err, s.Read(), f, k)
	client.forward, client.reign = c.Forward, reign
	cell.Client, cell.state, cell.node = client, s, n
	return cell, nil
}

func (c *Cell) closeDisk() error {
	if c.shared {
		return nil
	}
	return c.disk.Close()
}

// Node is the cell's member in this process: who leads, who belongs to it, and
// changes of that.
func (c *Cell) Node() *node.Node { return c.node }

// Ready is closed once the state here holds all that was acknowledged before
// this member led or first heard from a leader.
func (c *Cell) Ready() <-chan struct{} { return c.node.Ready() }

// Err returns nil while this member leads or follows a leader, or why not. A
// command proposed to a follower is answered with CodeUnavailable, whose reason
// is a *node.NotLeader that says who can take it.
func (c *Cell) Err() error { return c.node.Err() }

// Applied returns the index of the last command in the state.
func (c *Cell) Applied() uint64 { return c.state.Applied() }

// Close turns proposals away, waits for those under way, stops the member and
// closes the database, if that is the cell's own. Readers must not be used
// after it.
func (c *Cell) Close() error {
	c.refuse()
	return errors.Join(c.node.Close(), c.closeDisk())
}

// machine is the state as a node drives it.
type machine struct {
	*state.State
	disk *logstore.Disk
	feed *feed.Feed
	mark *mark
}

// Apply implements node.Machine.
func (m machine) Apply(entries []node.Entry) []any {
	commands := make([]state.Entry, len(entries))
	for i, e := range entries {
		commands[i] = state.Entry(e)
	}
	results, changes := m.ApplyBatch(commands)
	if err := m.Err(); err != nil {
		// What was not applied is in the log; the next process applies it.
		m.disk.Fail(err)
	}
	m.feed.Push(changes)
	m.mark.move()
	answers := make([]any, len(results))
	for i, r := range results {
		answers[i] = r
	}
	return answers
}

// Reload implements node.Machine. The watchers are told that they have missed
// something.
func (m machine) Reload(ingest func() error) error {
	if err := m.State.Reload(ingest); err != nil {
		return err
	}
	m.feed.Push([]state.Change{{Index: m.Applied(), Reloaded: true}})
	m.mark.move()
	return nil
}

// Tick implements node.Machine.
func (m machine) Tick(at int64) []byte { return state.Encode(state.Tick{At: at}) }
