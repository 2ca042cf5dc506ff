package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
	"kohe/raft/state"
)

// catchUpFor is how long Export waits for what the other members have.
const catchUpFor = 5 * time.Second

// Export begins a backup of the state here, of one customer or, for "", of
// everything. It has all that was acknowledged by any member before the call;
// if the cell settles nothing now, behind says why, and it has what this member
// knows. The caller closes it.
func (c *Cell) Export(ctx context.Context, customer string) (e *state.Export, behind, err error) {
	settling, cancel := context.WithTimeout(ctx, catchUpFor)
	defer cancel()
	_, behind = c.Propose(settling, state.Tick{}) // changes nothing; the answer comes when the state here has it
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	e, err = c.state.Export(customer)
	return e, behind, err
}

// RestoreConfig says what a Restore makes.
type RestoreConfig struct {
	Dir     string // of the database, which is not there yet
	NodeID  string // for all time
	Address string // at which the other members reach it; "": NodeID, for a cell of one
	FS      vfs.FS // nil: the operating system's
	Logger  *slog.Logger
	Plan    *state.Plan
}

// Restore makes the database of the first member of a new cell from the rows of
// a backup. One goroutine uses it.
type Restore struct {
	*state.Import
	config RestoreConfig
	disk   *logstore.Disk
}

// OpenRestore makes the database. Finish or Close ends it.
func OpenRestore(c RestoreConfig) (*Restore, error) {
	disk, err := logstore.Open(logstore.Config{Dir: c.Dir, FS: c.FS, Logger: c.Logger, Fatal: func(error) {}}) // every write is answered by its error
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	_, stateSpan := spans(firstCell)
	return &Restore{state.NewImport(disk.DB, stateSpan, c.Plan), c, disk}, nil
}

// Finish makes the member the only one of its cell, at a time in ms, and closes
// the database: when it answers nil, everything in it is durable.
func (r *Restore) Finish(at int64) error {
	applied, err := r.Import.Finish(at)
	if err == nil {
		err = r.begin(applied)
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

func (r *Restore) begin(applied uint64) error {
	logSpan, _ := spans(firstCell)
	store, err := logstore.New(r.disk, logSpan)
	if err != nil {
		return err
	}
	return store.Begin(raft.Configuration{Servers: []raft.Server{{
		ID: raft.ServerID(r.config.NodeID), Address: raft.ServerAddress(cmp.Or(r.config.Address, r.config.NodeID)),
	}}}, applied)
}

// Close closes the database as it is.
func (r *Restore) Close() error { return errors.Join(r.Import.Close(), r.disk.Close()) }
