package blob

import (
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"kohe/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func open(t *testing.T, disk vfs.FS, dir string) *Store {
	t.Helper()
	s, err := Open(dir, disk, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func (s *Store) whole(t *testing.T, n Name) string {
	t.Helper()
	b, err := s.Read(n, 0, MaxAppend)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAFileGrowsAndARepeatIsHarmless(t *testing.T) {
	for name, disk := range map[string]vfs.FS{"disk": vfs.Default, "memory": vfs.NewMem()} {
		t.Run(name, func(t *testing.T) {
			s := open(t, disk, t.TempDir())
			defer closed(t, s)
			n := Name{relay.NewID(), relay.NewID()}
			steps := []struct {
				at   int64
				text string
				want error
			}{{0, "tere", nil}, {4, ", maailm", nil}, {0, "tere", nil}, {2, "re, maailm!", nil}, {14, "x", Gap{13}}, {1, "ana", ErrConflict}, {-1, "x", ErrTooLarge}, {MaxFile, "x", ErrTooLarge}}
			for _, step := range steps {
				if err := s.Append(n, step.at, []byte(step.text)); !errors.Is(err, step.want) {
					t.Errorf("%q at %d: %v, not %v", step.text, step.at, err, step.want)
				}
			}
			if got := s.whole(t, n); got != "tere, maailm!" {
				t.Errorf("%q", got)
			}
			if b, err := s.Read(n, 6, 3); err != nil || string(b) != "maa" {
				t.Errorf("%q, %v", b, err)
			}
			if b, err := s.Read(n, 99, 3); err != nil || len(b) != 0 {
				t.Errorf("past its end: %q, %v", b, err)
			}
			if size, err := s.Size(n); err != nil || size != 13 {
				t.Error(size, err)
			}
		})
	}
}

func TestWhatIsRemovedIsGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, vfs.Default, dir)
	defer closed(t, s)
	session := relay.NewID()
	one, two := Name{session, relay.NewID()}, Name{session, relay.NewID()}
	for _, n := range []Name{one, two} {
		if err := s.Append(n, 0, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.Names(time.Now().Add(time.Hour)); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
	if list, err := s.Names(time.Now().Add(-time.Hour)); err != nil || len(list) != 0 {
		t.Error("what was just written is named as old:", list, err)
	}
	for range 2 {
		if err := errors.Join(s.Remove(one), s.Remove(two)); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Read(one, 0, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if left, err := vfs.Default.List(dir); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
}

// A power cut takes at most what was appended in the last second.
func TestAPowerCutTakesASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewCrashableMem()
		s := open(t, disk, "blobs")
		defer closed(t, s)
		n := Name{relay.NewID(), relay.NewID()}
		if err := s.Append(n, 0, []byte("old")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(SyncEvery + time.Millisecond)
		if err := s.Append(n, 3, []byte(" and new")); err != nil {
			t.Fatal(err)
		}
		after := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(1, 2))})
		s2 := open(t, after, "blobs")
		defer closed(t, s2)
		if got := s2.whole(t, n); len(got) < 3 || got[:3] != "old" {
			t.Errorf("%q", got)
		}
	})
}

// scarce is a disk that is almost full.
type scarce struct{ vfs.FS }

func (scarce) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: keepFree - 1, TotalBytes: 100 << 30}, nil
}

func TestTheLastSpaceIsLeftToTheLog(t *testing.T) {
	s := open(t, scarce{vfs.NewMem()}, "blobs")
	defer closed(t, s)
	if err := s.Append(Name{relay.NewID(), relay.NewID()}, 0, []byte("x")); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
}
