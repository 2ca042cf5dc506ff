package logstore

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
)

// sent is a state on its way: what a leader's Open gave.
type sent struct {
	meta *raft.SnapshotMeta
	data []byte
	dump string
}

// leaderState is a state up to index to be sent.
func leaderState(t *testing.T, index uint64) sent {
	t.Helper()
	d, s, state := attached(t, vfs.NewMem())
	defer closeDisk(t, d)
	state.fill(t, index, 2000)
	takeLocal(t, s, index)
	list, _ := s.List()
	meta, r, err := s.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return sent{meta, data, state.dump()}
}

// install receives and ingests a state as Raft does it on a follower.
func install(s *Store, from sent) error {
	k, err := s.Create(1, from.meta.Index, from.meta.Term, from.meta.Configuration, 1, nil)
	if err != nil {
		return err
	}
	for rest := from.data; len(rest) > 0; {
		n := min(len(rest), 32<<10)
		if _, err := k.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	if err := k.Close(); err != nil {
		return err
	}
	return s.Ingest()
}

// follower is a disk with a log up to 9, a state up to 8 and a snapshot at 5,
// all durable; some of it in tables, some in the write-ahead log.
func follower(t *testing.T) (_ *vfs.MemFS, state string) {
	t.Helper()
	mem := crashable(t)
	d, s, rows := attached(t, mem)
	rows.fill(t, 5, 200)
	if err := s.StoreLogs(entries(1, 5)); err != nil {
		t.Fatal(err)
	}
	takeLocal(t, s, 5)
	if err := d.DB.Flush(); err != nil {
		t.Fatal(err)
	}
	rows.fill(t, 8, 200)
	if err := s.StoreLogs(entries(6, 9)); err != nil {
		t.Fatal(err)
	}
	state = rows.dump()
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	closeDisk(t, d)
	return left, state
}

// checkInstalled says whether a disk after a power cut is that of before the
// install or that of after it, and which. What waits is ingested, as a node
// does at its start.
func checkInstalled(d *Disk, before string, from sent) (installed bool, err error) {
	s, err := New(d, []byte("a/"))
	if err != nil {
		return false, err
	}
	state := rows{d.DB, "s/"}
	if err := s.Attach(state); err != nil {
		return false, err
	}
	if err := s.Ingest(); err != nil {
		return false, err
	}
	list, err := s.List()
	if err != nil || len(list) != 1 {
		return false, fmt.Errorf("snapshots %v, %w", list, err)
	}
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	got := state.dump()
	switch {
	case list[0].Index == 5 && first == 1 && last == 9 && got == before:
		return false, whole(s, 1, 9)
	case list[0].Index == from.meta.Index && first == 0 && last == 0 && got == from.dump:
		return true, nil
	}
	return false, fmt.Errorf("snapshot %d, log %d to %d, applied %d: neither before nor after", list[0].Index, first, last, state.Applied())
}

// cutInstall cuts the power at the at-th write of an install on a copy of disk,
// and at a write of what the next start does; finally it installs. done says
// that the install had fewer writes than at.
func cutInstall(t *testing.T, disk *vfs.MemFS, before string, from sent, at int64, seed uint64, wrap func(vfs.FS) vfs.FS) (done bool, err error) {
	rng := rand.New(rand.NewPCG(seed, uint64(at)))
	clone := disk.CrashClone(vfs.CrashCloneCfg{}) // everything in it is durable
	p := &powerCut{mem: clone, rng: rng, acked: func() uint64 { return 0 }}
	d := open(t, errorfs.Wrap(wrap(clone), p))
	s := newStore(t, d, "a/")
	if err := s.Attach(rows{d.DB, "s/"}); err != nil {
		t.Fatal(err)
	}
	p.at.Store(p.ops.Load() + at)
	err = install(s, from)
	done = p.ops.Load() < p.at.Load()
	p.cut()
	closeDisk(t, d)
	if err != nil {
		return done, err
	}

	again := &powerCut{mem: p.left, rng: rng, acked: func() uint64 { return 0 }}
	for cut := range 2 {
		fs := vfs.FS(errorfs.Wrap(p.left, again))
		if cut == 1 {
			fs = again.left
		}
		d, err = Open(Config{Dir: "db", FS: fs, Logger: quiet})
		if err != nil {
			return done, err
		}
		if cut == 0 { // once Pebble is open: that it opens whole is its own promise
			again.at.Store(again.ops.Load() + 1 + rng.Int64N(20))
		}
		installed, err := checkInstalled(d, before, from)
		if err == nil && done && !installed {
			err = fmt.Errorf("the install was acknowledged and is lost")
		}
		if err == nil && cut == 1 && !installed {
			s := newStore(t, d, "a/")
			if err = s.Attach(rows{d.DB, "s/"}); err == nil {
				err = install(s, from)
			}
		}
		again.cut()
		closeDisk(t, d)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func TestAPowerCutAtAnyWriteOfAnInstallLeavesBeforeOrAfter(t *testing.T) {
	disk, before := follower(t)
	from := leaderState(t, 40)
	cuts := 0
	for seed := range uint64(5) {
		for at := int64(1); ; at++ {
			done, err := cutInstall(t, disk, before, from, at, seed, func(fs vfs.FS) vfs.FS { return fs })
			if err != nil {
				t.Errorf("seed %d, write %d: %v", seed, at, err)
			}
			cuts++
			if done {
				break
			}
		}
	}
	t.Logf("%d power cuts", cuts)
}

func TestInstallTestNoticesADiskThatDoesNotSync(t *testing.T) {
	disk, before := follower(t)
	from := leaderState(t, 40)
	for seed := range uint64(20) {
		for at := int64(1); at < 100; at += 7 {
			if _, err := cutInstall(t, disk, before, from, at, seed, func(fs vfs.FS) vfs.FS { return noSync{fs} }); err != nil {
				return
			}
		}
	}
	t.Error("power cuts on a disk without sync went unnoticed")
}
