// Package logstore keeps on Pebble what hashicorp/raft must not lose: the log,
// the stable store and the metadata of the last snapshot. Disk is the one
// Pebble database of a core node; a Store is one Raft group's span in it, so
// many groups can share a database and its write-ahead log.
//
// Promise: when StoreLogs, Set or a snapshot's Close answer nil, what they
// wrote and everything written to the Disk before survives a power cut. After
// an error that could break this promise nothing is acknowledged any more, and
// the process is told to end (see Config.Fatal). A full disk is no such error:
// writes wait until there is space.
//
// All methods may be called from any goroutine. A Disk starts no goroutine of
// its own besides Pebble's, which Close waits for.
package logstore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Sizes of the database. A core node shares its machine with an edge, so the
// database takes little by itself and leaves caching to the kernel.
const (
	cacheSize    = 32 << 20 // bytes of decompressed blocks: the live sessions' rows and the index blocks
	memTableSize = 16 << 20 // bytes; most log entries are truncated before they leave it or soon after
	memTables    = 4        // at most 64 MiB of unflushed writes before writers wait
)

// DefaultReclaim is how long the space of a truncated log stays taken.
const DefaultReclaim = 10 * time.Second

// DefaultSlow is how long a durable write may take before the process ends, and
// stallAfter how long until Err says so.
const (
	DefaultSlow = 10 * time.Second
	stallAfter  = time.Second
)

// What Err says of a Disk that takes no writes for now.
var (
	ErrFull     = errors.New("the disk is full: writes wait until there is space")
	ErrReadOnly = errors.New("the disk is read-only: writes wait until it is writable")
	ErrStalled  = errors.New("the disk does not answer: a durable write takes long")
)

// Config says where a Disk is and whom it tells.
type Config struct {
	Dir  string        // of the database; made if missing, for this user alone
	FS   vfs.FS        // nil: the operating system's
	Slow time.Duration // how long a durable write may take; 0: DefaultSlow

	// Fatal is called once, from any goroutine, with the reason why this
	// process can never acknowledge again: the write-ahead log is broken, or a
	// durable write took longer than Slow. It should end the process, because
	// a leader whose disk hangs goes on leading (hashicorp/raft #503, #666) and
	// because what a failed fsync left behind is only known after reopening.
	// Nil panics.
	Fatal func(error)

	// Delay holds up each durable write before Pebble has it; nil: nothing does.
	// A simulation makes a disk slow with it: where Pebble itself syncs, others may
	// wait at a mutex, and its time does not go on then.
	Delay func()

	// Reclaim is how long the space of a truncated log stays taken at most on a
	// quiet node; 0: DefaultReclaim. Pebble changes to another write-ahead log then.
	Reclaim time.Duration

	Logger *slog.Logger // nil: slog.Default
}

// Disk is an open database.
type Disk struct {
	// DB is for the state and for reading. Write to it with pebble.NoSync: the
	// next durable write of any Store makes it durable, and not before.
	DB *pebble.DB

	dir     string
	options *pebble.Options
	slow    time.Duration
	delay   func()
	fatal   func(error)
	space   *spaceFS
	stalled atomic.Int64 // durable writes under way for more than stallAfter

	mu     sync.Mutex // guards err
	err    error
	failed chan struct{} // closed when err is set
}

// Open opens the database in c.Dir. A directory that another process has open
// is refused.
func Open(c Config) (*Disk, error) {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Slow == 0 {
		c.Slow = DefaultSlow
	}
	if c.Reclaim == 0 {
		c.Reclaim = DefaultReclaim
	}
	if c.Fatal == nil {
		c.Fatal = func(err error) { panic(err) }
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	d := &Disk{dir: c.Dir, slow: c.Slow, delay: c.Delay, fatal: c.Fatal, failed: make(chan struct{})}
	d.space = newSpaceFS(c.FS, c.Logger, d.Fail)
	d.options = options(d, c.Reclaim, c.Logger)
	var db *pebble.DB
	err := d.space.MkdirAll(c.Dir, 0o700)
	if err == nil {
		db, err = pebble.Open(c.Dir, d.options)
	}
	if err != nil {
		d.space.close()
		return nil, fmt.Errorf("open database %s: %w", c.Dir, err)
	}
	d.DB = db
	return d, nil
}

func options(d *Disk, reclaim time.Duration, log *slog.Logger) *pebble.Options {
	o := &pebble.Options{
		FS:                          d.space,
		Logger:                      pebbleLog{log.With("part", "pebble"), d.Fail},
		CacheSize:                   cacheSize,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: memTables,
		// A truncated log is one range deletion; without a flush its space
		// would stay taken on a quiet node.
		FlushDelayDeleteRange: reclaim,
		// Named, not "newest": a new library must not upgrade files that the
		// binary of yesterday still has to read. This one tells a torn tail of
		// a reused log file from corruption.
		FormatMajorVersion: pebble.FormatWALSyncChunks,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // commands look up many rows that are not there
	}
	o.EnsureDefaults()
	return o
}

// Err returns nil while writes work, ErrFull, ErrReadOnly or ErrStalled while
// they wait, and after a failure its reason, for good.
func (d *Disk) Err() error {
	if err := d.failure(); err != nil {
		return err
	}
	switch {
	case d.space.waiting.Load() > 0 && d.space.readOnly.Load():
		return ErrReadOnly
	case d.space.waiting.Load() > 0:
		return ErrFull
	case d.stalled.Load() > 0:
		return ErrStalled
	}
	return nil
}

// Failed is closed when nothing can be acknowledged any more; Err says why.
func (d *Disk) Failed() <-chan struct{} { return d.failed }

// Close closes the database. Writes that wait for space give up.
func (d *Disk) Close() error {
	d.space.close()
	if err := d.DB.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

func (d *Disk) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Fail says that nothing may be acknowledged any more; the process is told to
// end. Only the first reason counts. Whoever keeps state in DB calls it when
// that state can no longer follow the log.
func (d *Disk) Fail(err error) {
	d.mu.Lock()
	first := d.err == nil
	if first {
		d.err = err
		close(d.failed)
	}
	d.mu.Unlock()
	if first {
		d.fatal(err)
	}
}

// commit writes b and closes it. With pebble.Sync, nil means durable.
func (d *Disk) commit(b *pebble.Batch, o *pebble.WriteOptions) error {
	defer func() { _ = b.Close() }()
	if err := d.failure(); err != nil {
		return err // a broken write-ahead log makes Pebble panic
	}
	w := d.watch()
	if d.delay != nil && o.Sync {
		d.delay()
	}
	err := b.Commit(o)
	w.stop()
	if err != nil {
		return err
	}
	// A broken write-ahead log reaches us through the Logger, after which
	// Commit answers nil.
	return d.failure()
}

// watch says that the disk stalls if the write that now begins takes longer
// than stallAfter, and ends the process if it takes longer than slow, waiting
// for space aside.
func (d *Disk) watch() *watch {
	w := &watch{disk: d}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(min(stallAfter, d.slow), w.overdue)
	return w
}

type watch struct {
	disk *Disk

	mu      sync.Mutex // guards what follows
	timer   *time.Timer
	stopped bool
	stalled bool
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
	if w.stalled {
		w.disk.stalled.Add(-1)
	}
}

func (w *watch) overdue() {
	if w.hangs() {
		w.disk.Fail(fmt.Errorf("the disk hangs: a durable write has taken more than %v", w.disk.slow))
	}
}

// hangs says whether the write has taken too long; if it may still take longer
// it comes again.
func (w *watch) hangs() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	slow := w.disk.slow
	switch {
	case w.stopped:
		return false
	case !w.stalled && slow > stallAfter:
		w.stalled = true
		w.disk.stalled.Add(1)
		w.timer.Reset(slow - stallAfter)
		return false
	case w.disk.space.excuses(slow):
		w.timer.Reset(slow)
		return false
	}
	return true
}

// pebbleLog is Pebble's logger. Pebble ends the process in Fatalf; we do too,
// but through the owner's Fatal.
type pebbleLog struct {
	log  *slog.Logger
	fail func(error)
}

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug(fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error(fmt.Sprintf(format, args...))
}

func (l pebbleLog) Fatalf(format string, args ...any) {
	l.fail(fmt.Errorf(format, args...))
}
