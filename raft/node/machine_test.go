package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"kohe/raft/logstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// quick is a Timing for tests in real time.
var quick = Timing{Heartbeat: 10 * time.Millisecond, Lease: 10 * time.Millisecond, Grace: time.Millisecond}

// counter is a Machine that counts how often each command was applied. Its
// state is in the database and nowhere else.
type counter struct {
	db       *pebble.DB
	applied  atomic.Uint64
	deadline atomic.Int64 // ms; 0: none
	stuck    atomic.Bool  // a Tick leaves the deadline as it is
	ticked   chan int64
	reloads  atomic.Uint64
}

const (
	counterPrefix = "state/"
	appliedKey    = counterPrefix + "applied"
	countKey      = counterPrefix + "n/"
)

func openCounter(t testing.TB, db *pebble.DB) *counter {
	t.Helper()
	c := &counter{db: db, ticked: make(chan int64, 100)}
	c.applied.Store(readNumber(t, db, appliedKey))
	return c
}

func readNumber(t testing.TB, db *pebble.DB, key string) uint64 {
	t.Helper()
	v, closer, err := db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = closer.Close() }()
	return binary.BigEndian.Uint64(v)
}

func (c *counter) Applied() uint64 { return c.applied.Load() }

func (c *counter) Apply(entries []Entry) []any {
	b := c.db.NewIndexedBatch()
	results := make([]any, len(entries))
	for i, e := range entries {
		key := append([]byte(countKey), e.Data...)
		n := uint64(1)
		if v, closer, err := b.Get(key); err == nil {
			n += binary.BigEndian.Uint64(v)
			_ = closer.Close()
		}
		_ = b.Set(key, binary.BigEndian.AppendUint64(nil, n), nil)
		if len(e.Data) == 8 && e.Data[0] == 0 { // a Tick
			if !c.stuck.Load() {
				c.deadline.Store(0)
			}
			c.ticked <- int64(binary.BigEndian.Uint64(e.Data))
		}
		results[i] = n
	}
	last := entries[len(entries)-1].Index
	_ = b.Set([]byte(appliedKey), binary.BigEndian.AppendUint64(nil, last), nil)
	if err := b.Commit(pebble.NoSync); err != nil {
		panic(err)
	}
	c.applied.Store(last)
	return results
}

func (c *counter) Deadline() (int64, bool) {
	at := c.deadline.Load()
	return at, at != 0
}

func (c *counter) Tick(at int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at)) }

func (c *counter) Span() []byte { return []byte(counterPrefix) }

func (c *counter) Rows() (*pebble.Iterator, uint64, error) {
	it, err := c.db.NewIter(&pebble.IterOptions{LowerBound: []byte(counterPrefix), UpperBound: []byte(counterPrefix + "\xff")})
	if err != nil {
		return nil, 0, err
	}
	applied := uint64(0)
	if it.SeekGE([]byte(appliedKey)) && string(it.Key()) == appliedKey {
		applied = binary.BigEndian.Uint64(it.Value())
	}
	return it, applied, nil
}

func (c *counter) Reload(ingest func() error) error {
	c.reloads.Add(1)
	if err := ingest(); err != nil {
		return err
	}
	v, closer, err := c.db.Get([]byte(appliedKey))
	if err != nil {
		return err
	}
	c.applied.Store(binary.BigEndian.Uint64(v))
	return closer.Close()
}

// cell is everything of one node.
type cell struct {
	disk *logstore.Disk
	*counter
	*Node
}

// openCell opens a node on fs. Fatal errors arrive at the channel.
func openCell(t testing.TB, fs vfs.FS, timing Timing) (*cell, chan error) {
	t.Helper()
	fatal := make(chan error, 1)
	disk, err := logstore.Open(logstore.Config{
		Dir: "db", FS: fs, Logger: quiet, Fatal: func(err error) { fatal <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{disk: disk, counter: openCounter(t, disk.DB)}
	c.Node, err = Open(Config{
		ID: "n1", Disk: disk, Prefix: []byte("raft/"), Machine: c.counter, Timing: timing, Logger: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, fatal
}

func (c *cell) close(t testing.TB) {
	t.Helper()
	if err := c.Node.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.disk.Close(); err != nil {
		t.Fatal(err)
	}
}

// counts returns how often each command of the writers was applied.
func counts(t testing.TB, db *pebble.DB) map[string]uint64 {
	t.Helper()
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte(countKey), UpperBound: []byte(countKey + "\xff")})
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]uint64)
	for it.First(); it.Valid(); it.Next() {
		all[string(it.Key()[len(countKey):])] = binary.BigEndian.Uint64(it.Value())
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// write applies commands from several goroutines until more says no, and calls
// acked after each answer.
func (c *cell) write(t testing.TB, run uint64, more func() bool, acked func(string)) {
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; more(); i++ {
				id := fmt.Sprintf("%d-%d-%d", run, w, i)
				if n, err := c.Node.Apply([]byte(id)); err != nil || n != any(uint64(1)) {
					t.Errorf("apply %s: %v, %v", id, n, err)
					return
				}
				acked(id)
			}
		})
	}
	writers.Wait()
}
