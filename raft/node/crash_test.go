package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"kohe/raft/logstore"
)

// powerCut is a disk that copies itself, as a power cut would leave it, just
// before its at-th operation that writes.
type powerCut struct {
	mem *vfs.MemFS
	at  int64
	rng *rand.Rand

	ops   atomic.Int64
	once  sync.Once
	left  *vfs.MemFS          // the disk after the cut
	acked map[string]struct{} // what had been acknowledged when the power went

	mu  sync.Mutex // guards all
	all map[string]struct{}
}

func (p *powerCut) String() string { return "power cut" }

func (p *powerCut) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && p.ops.Add(1) == p.at {
		p.cut()
	}
	return nil
}

func (p *powerCut) cut() {
	p.once.Do(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.acked = make(map[string]struct{}, len(p.all))
		for id := range p.all {
			p.acked[id] = struct{}{}
		}
		p.left = p.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: p.rng.IntN(101), RNG: p.rng})
	})
}

func (p *powerCut) on() bool { return p.ops.Load() < p.at }

func (p *powerCut) ack(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[id] = struct{}{}
}

// journal is a disk that keeps the order of what happens to names, as the
// journals of Linux's file systems do: a file that is synced has its name, and
// so has every change of names before it. Pebble counts on that: it syncs a new
// manifest and then creates the marker that names it, with one sync of the
// folder after both (atomicfs.Marker.Move). vfs.MemFS alone may lose the one
// name and keep the other.
type journal struct{ vfs.FS }

func (j journal) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := j.FS.Create(name, c)
	return journalFile{f, j.FS, j.FS.PathDir(name)}, err
}

type journalFile struct {
	vfs.File
	fs  vfs.FS
	dir string
}

func (f journalFile) Sync() error     { return errors.Join(f.File.Sync(), f.names()) }
func (f journalFile) SyncData() error { return errors.Join(f.File.SyncData(), f.names()) }

func (f journalFile) names() error {
	dir, err := f.fs.OpenDir(f.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// noSync is a disk that says it has synced and has not.
type noSync struct{ vfs.FS }

func (n noSync) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := n.FS.Create(name, c)
	return noSyncFile{f}, err
}

type noSyncFile struct{ vfs.File }

func (noSyncFile) SyncData() error { return nil }

// emptyDisk is a crashable file system with the folder for the database.
func emptyDisk(t testing.TB) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewCrashableMem()
	if err := mem.MkdirAll("db", 0o755); err != nil {
		t.Fatal(err)
	}
	root, err := mem.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := root.Sync(); err != nil {
		t.Fatal(err)
	}
	return mem
}

// readyWithin is much more than a node takes to lead itself.
const readyWithin = 30 * time.Second

// lives runs a node through power cuts, one after another on what the last one
// left, and says what is missing or doubled after each.
func lives(t *testing.T, seed uint64, cuts int, wrap func(vfs.FS) vfs.FS) error {
	rng := rand.New(rand.NewPCG(seed, 2))
	mem := emptyDisk(t)
	acked := make(map[string]struct{})
	for run := range cuts {
		p := &powerCut{mem: mem, at: 1 + rng.Int64N(200), rng: rng, all: acked}
		disk, err := logstore.Open(logstore.Config{Dir: "db", FS: errorfs.Wrap(wrap(mem), p), Logger: quiet})
		if err != nil {
			return fmt.Errorf("seed %d run %d: %w", seed, run, err)
		}
		c := &cell{disk: disk, counter: openCounter(t, disk.DB)}
		c.Node, err = Open(Config{ID: "n1", Disk: disk, Prefix: []byte("raft/"), Machine: c.counter, Timing: quick, Logger: quiet})
		if err != nil {
			_ = disk.Close()
			return fmt.Errorf("seed %d run %d: %w", seed, run, err)
		}
		select {
		case <-c.Ready():
		case <-time.After(readyWithin):
			c.close(t)
			return fmt.Errorf("seed %d run %d: not ready after %v: what it needs to lead is lost", seed, run, readyWithin)
		}
		if err := check(counts(t, disk.DB), acked); err != nil {
			c.close(t)
			return fmt.Errorf("seed %d run %d: %w", seed, run, err)
		}
		var background sync.WaitGroup
		background.Go(func() {
			for p.on() { // truncate as much and as often as possible
				if err := truncate(c, 1); err != nil {
					t.Error(err)
					return
				}
			}
		})
		c.write(t, seed<<8|uint64(run), p.on, p.ack)
		background.Wait()
		p.cut()
		c.close(t)
		mem, acked = p.left, p.acked
	}
	return nil
}

// truncate takes a snapshot and cuts the log up to it, with less slack than a
// node leaves for slower members, and flushes.
func truncate(c *cell, slack uint64) error {
	if err := c.Snapshot(); err != nil {
		return err
	}
	if list, err := c.store.List(); err != nil || len(list) == 0 {
		return err
	} else if index := list[0].Index; index > slack {
		if err := c.store.DeleteRange(1, index-slack); err != nil {
			return err
		}
	}
	_, err := c.disk.DB.AsyncFlush()
	return err
}

// check says whether the state holds every acknowledged command and none twice.
func check(state map[string]uint64, acked map[string]struct{}) error {
	for id := range acked {
		if state[id] == 0 {
			return fmt.Errorf("%s was acknowledged and is lost", id)
		}
	}
	for id, n := range state {
		if n > 1 {
			return fmt.Errorf("%s was applied %d times", id, n)
		}
	}
	return nil
}

func TestPowerCutsLoseNothingAcknowledgedAndDoubleNothing(t *testing.T) {
	for seed := range uint64(10) {
		if err := lives(t, seed, 10, func(fs vfs.FS) vfs.FS { return journal{fs} }); err != nil {
			t.Error(err)
		}
	}
}

func TestPowerCutTestNoticesADiskThatDoesNotSync(t *testing.T) {
	for seed := range uint64(10) {
		if lives(t, seed, 10, func(fs vfs.FS) vfs.FS { return noSync{fs} }) != nil {
			return
		}
	}
	t.Error("a hundred power cuts on a disk without sync went unnoticed")
}
