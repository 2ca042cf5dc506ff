package logstore

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
)

// powerCut is a disk that copies itself, as a power cut would leave it, just
// before its at-th operation that writes. What was not synced is there or not,
// block by block, as rng has it.
type powerCut struct {
	mem   *vfs.MemFS
	at    atomic.Int64
	rng   *rand.Rand
	acked func() uint64

	ops    atomic.Int64
	once   sync.Once
	left   *vfs.MemFS // the disk after the cut
	before uint64     // acknowledged when the power went
}

func (p *powerCut) String() string { return "power cut" }

func (p *powerCut) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && p.ops.Add(1) == p.at.Load() {
		p.cut()
	}
	return nil
}

func (p *powerCut) cut() {
	p.once.Do(func() {
		p.before = p.acked()
		p.left = p.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: p.rng.IntN(101), RNG: p.rng})
	})
}

// noSync is a disk that says it has synced and has not.
type noSync struct{ vfs.FS }

func (n noSync) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := n.FS.Create(name, c)
	return noSyncFile{f}, err
}

func (n noSync) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := n.FS.ReuseForWrite(from, to, c)
	return noSyncFile{f}, err
}

type noSyncFile struct{ vfs.File }

func (noSyncFile) Sync() error                { return nil }
func (noSyncFile) SyncData() error            { return nil }
func (noSyncFile) SyncTo(int64) (bool, error) { return true, nil }

// crashable is a disk on which only the database's folder is.
func crashable(t *testing.T) *vfs.MemFS {
	t.Helper()
	mem := vfs.NewCrashableMem()
	if err := mem.MkdirAll("db", 0o755); err != nil {
		t.Fatal(err)
	}
	if root, err := mem.OpenDir("/"); err != nil {
		t.Fatal(err)
	} else if err := root.Sync(); err != nil {
		t.Fatal(err)
	}
	return mem
}

// crashRun stores and truncates a log until the power goes, and says what the
// log after the cut lacks.
func crashRun(t *testing.T, seed uint64, wrap func(vfs.FS) vfs.FS) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	mem := crashable(t)
	var acked, cutTo atomic.Uint64
	p := &powerCut{mem: mem, rng: rand.New(rand.NewPCG(seed, 9)), acked: acked.Load}
	p.at.Store(30 + rng.Int64N(150))
	d := open(t, errorfs.Wrap(wrap(mem), p))
	s := newStore(t, d, "a/")
	next := uint64(1)
	for p.ops.Load() < p.at.Load() {
		n := rng.Uint64N(20) + 1
		if err := s.StoreLogs(entries(next, next+n-1)); err != nil {
			t.Fatal(err)
		}
		next += n
		acked.Store(next - 1)
		if first, _ := s.FirstIndex(); rng.IntN(4) == 0 {
			to := first + rng.Uint64N(next-first)
			if to+1 == next {
				continue // keep one, so that the test can tell a lost log from a cut one
			}
			cutTo.Store(to)
			if err := s.DeleteRange(first, to); err != nil {
				t.Fatal(err)
			}
		}
		if rng.IntN(16) == 0 {
			if err := d.DB.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.cut()
	closeDisk(t, d)

	d, err := Open(Config{Dir: "db", FS: p.left, Logger: quiet})
	if err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	defer closeDisk(t, d)
	s = newStore(t, d, "a/")
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	if last < p.before {
		return fmt.Errorf("seed %d: log ends at %d, %d was acknowledged", seed, last, p.before)
	}
	if p.before > 0 && (first == 0 || first > cutTo.Load()+1) {
		return fmt.Errorf("seed %d: log begins at %d, it was cut to %d", seed, first, cutTo.Load())
	}
	return whole(s, first, last)
}

// whole says whether s holds from first to last without a gap what was stored.
func whole(s *Store, first, last uint64) error {
	for i := first; i <= last && i > 0; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			return fmt.Errorf("entry %d of %d to %d: %w", i, first, last, err)
		}
		if string(l.Data) != string(entry(i).Data) {
			return fmt.Errorf("entry %d holds %q", i, l.Data)
		}
	}
	return nil
}

func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	for seed := range uint64(300) {
		if err := crashRun(t, seed, func(fs vfs.FS) vfs.FS { return fs }); err != nil {
			t.Error(err)
		}
	}
}

func TestPowerCutTestNoticesADiskThatDoesNotSync(t *testing.T) {
	for seed := range uint64(300) {
		if crashRun(t, seed, func(fs vfs.FS) vfs.FS { return noSync{fs} }) != nil {
			return
		}
	}
	t.Error("300 power cuts on a disk without sync went unnoticed")
}
