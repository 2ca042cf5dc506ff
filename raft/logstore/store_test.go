package logstore

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// open opens a Disk on fs that must not fail.
func open(t testing.TB, fs vfs.FS) *Disk {
	t.Helper()
	d, err := Open(Config{Dir: "db", FS: fs, Logger: quiet, Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newStore(t testing.TB, d *Disk, prefix string) *Store {
	t.Helper()
	s, err := New(d, []byte(prefix))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeDisk(t testing.TB, d *Disk) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func entry(index uint64) *raft.Log {
	return &raft.Log{
		Index: index, Term: 3, Type: raft.LogCommand,
		Data: fmt.Appendf(nil, "command %d", index), AppendedAt: time.Unix(0, int64(index)),
	}
}

func entries(from, to uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, entry(i))
	}
	return logs
}

func wantBounds(t testing.TB, s *Store, first, last uint64) {
	t.Helper()
	gotFirst, _ := s.FirstIndex()
	gotLast, _ := s.LastIndex()
	if gotFirst != first || gotLast != last {
		t.Fatalf("log holds %d to %d, want %d to %d", gotFirst, gotLast, first, last)
	}
}

func TestAnEntryComesBackAsItWas(t *testing.T) {
	d := open(t, vfs.NewMem())
	defer closeDisk(t, d)
	s := newStore(t, d, "a/")
	in := []*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogNoop},
		{Index: 2, Term: 1 << 40, Type: raft.LogCommand, Data: []byte("data"), AppendedAt: time.Unix(1, 2)},
		{Index: 3, Term: 2, Type: raft.LogConfiguration, Data: []byte{0}, Extensions: bytes.Repeat([]byte{7}, 300)},
	}
	if err := s.StoreLogs(in); err != nil {
		t.Fatal(err)
	}
	for _, want := range in {
		var got raft.Log
		if err := s.GetLog(want.Index, &got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(*want) {
			t.Errorf("got %v, want %v", got, *want)
		}
	}
	if err := s.GetLog(4, new(raft.Log)); err != raft.ErrLogNotFound {
		t.Errorf("an entry that is not there: %v", err)
	}
}

func TestDamagedEntriesAreErrors(t *testing.T) {
	good := make([]byte, entrySize(entry(1)))
	putEntry(good, entry(1))
	for name, b := range map[string][]byte{
		"empty":       nil,
		"cut":         good[:entryHeader-1],
		"no length":   good[:entryHeader],
		"version":     append([]byte{9}, good[1:]...),
		"long length": append(bytes.Clone(good[:entryHeader]), 0xff, 0xff, 3),
	} {
		if err := readEntry(b, new(raft.Log)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzReadEntry(f *testing.F) {
	b := make([]byte, entrySize(entry(1)))
	putEntry(b, entry(1))
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var l raft.Log
		if readEntry(b, &l) != nil {
			return
		}
		again := make([]byte, entrySize(&l))
		putEntry(again, &l)
		var l2 raft.Log
		if err := readEntry(again, &l2); err != nil || fmt.Sprint(l) != fmt.Sprint(l2) {
			t.Fatalf("%v became %v (%v)", l, l2, err)
		}
	})
}

func TestBoundsSurviveCutsAndReopening(t *testing.T) {
	fs := vfs.NewMem()
	d := open(t, fs)
	s := newStore(t, d, "a/")
	other := newStore(t, d, "b/")
	wantBounds(t, s, 0, 0)
	steps := []struct {
		do          func() error
		first, last uint64
	}{
		{func() error { return s.StoreLogs(entries(5, 20)) }, 5, 20}, // after a snapshot a log may begin anywhere
		{func() error { return s.DeleteRange(1, 9) }, 10, 20},
		{func() error { return s.DeleteRange(18, 30) }, 10, 17},
		{func() error { return s.StoreLogs(entries(18, 19)) }, 10, 19},
		{func() error { return s.DeleteRange(3, 4) }, 10, 19},
		{func() error { return s.DeleteRange(10, 19) }, 0, 0},
		{func() error { return s.StoreLogs(entries(40, 41)) }, 40, 41},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		wantBounds(t, s, step.first, step.last)
		wantBounds(t, newStore(t, d, "a/"), step.first, step.last)
	}
	wantBounds(t, other, 0, 0)
	closeDisk(t, d)
	d = open(t, fs)
	defer closeDisk(t, d)
	wantBounds(t, newStore(t, d, "a/"), 40, 41)
}

func TestGapsAreRefused(t *testing.T) {
	d := open(t, vfs.NewMem())
	defer closeDisk(t, d)
	s := newStore(t, d, "a/")
	if err := s.StoreLogs(entries(1, 9)); err != nil {
		t.Fatal(err)
	}
	if s.StoreLogs(entries(11, 12)) == nil || s.StoreLogs(entries(9, 10)) == nil ||
		s.StoreLogs([]*raft.Log{entry(10), entry(12)}) == nil || s.DeleteRange(3, 5) == nil {
		t.Error("a gap or a second copy was taken")
	}
	wantBounds(t, s, 1, 9)
}

func TestStableStoreAnswersNotFoundInTheWordsRaftExpects(t *testing.T) {
	d := open(t, vfs.NewMem())
	defer closeDisk(t, d)
	s := newStore(t, d, "a/")
	if _, err := s.Get([]byte("x")); err == nil || err.Error() != "not found" {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.GetUint64([]byte("x")); err == nil || err.Error() != "not found" {
		t.Errorf("GetUint64: %v", err)
	}
	if err := s.SetUint64([]byte("x"), 1<<60); err != nil {
		t.Fatal(err)
	}
	if v, err := s.GetUint64([]byte("x")); v != 1<<60 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
	if err := s.Set([]byte("y"), []byte("odd")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.GetUint64([]byte("y")); err == nil {
		t.Error("three bytes were taken for a number")
	}
}

func TestTwoProcessesCannotShareADatabase(t *testing.T) {
	c := Config{Dir: filepath.Join(t.TempDir(), "db"), Logger: quiet}
	d, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer closeDisk(t, d)
	if second, err := Open(c); err == nil {
		_ = second.Close()
		t.Fatal("opened twice")
	}
}

// TestTheNewestEntriesAreThoseOnTheDisk compares what is kept in memory with
// what another store reads in the same database, after every kind of change.
func TestTheNewestEntriesAreThoseOnTheDisk(t *testing.T) {
	d := open(t, vfs.NewMem())
	defer closeDisk(t, d)
	s := newStore(t, d, "raft/")
	long := entry(recentEntries + 5)
	long.Data = make([]byte, recentSize+1)
	other := func(index uint64) *raft.Log {
		l := entry(index)
		l.Term, l.Data, l.Extensions = 4, []byte("other"), []byte("more")
		return l
	}
	for i, step := range []func() error{
		func() error { return s.StoreLogs(entries(1, recentEntries+4)) },
		func() error { return s.StoreLog(long) },
		func() error { return s.DeleteRange(recentEntries-1, recentEntries+5) },
		func() error { return s.StoreLogs([]*raft.Log{other(recentEntries - 1), other(recentEntries)}) },
		func() error { return s.DeleteRange(1, 20) },
		func() error { return s.DeleteRange(21, recentEntries) },
		func() error { return s.StoreLog(other(2)) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		disk := newStore(t, d, "raft/")
		for index := range uint64(recentEntries + 10) {
			if index == 0 && s.GetLog(index, new(raft.Log)) != raft.ErrLogNotFound {
				t.Errorf("step %d: there is an entry 0", i)
			}
			var have, want raft.Log
			err, wantErr := s.GetLog(index, &have), disk.GetLog(index, &want)
			if err != wantErr || !reflect.DeepEqual(have, want) {
				t.Errorf("step %d: entry %d is %+v, %v; on the disk %+v, %v", i, index, have, err, want, wantErr)
			}
		}
	}
}

func BenchmarkStoreLogs(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			d, err := Open(Config{Dir: b.TempDir(), Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer closeDisk(b, d)
			s := newStore(b, d, "a/")
			logs := entries(1, uint64(size))
			for _, l := range logs {
				l.Data = make([]byte, 200)
			}
			for b.Loop() {
				if err := s.StoreLogs(logs); err != nil {
					b.Fatal(err)
				}
				for _, l := range logs {
					l.Index += uint64(size)
				}
			}
		})
	}
}
