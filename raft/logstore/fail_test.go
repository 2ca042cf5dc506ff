package logstore

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// onLog is an injector that asks fault before every write or sync of the
// write-ahead log.
func onLog(fault func(errorfs.Op) error) errorfs.Injector {
	return errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData:
			if strings.HasSuffix(op.Path, ".log") {
				return fault(op)
			}
		}
		return nil
	})
}

// openFaulty opens a Disk whose fatal errors arrive at the channel.
func openFaulty(t *testing.T, inj errorfs.Injector) (*Disk, chan error) {
	t.Helper()
	fatal := make(chan error, 2) // two, to see a second call
	d, err := Open(Config{
		Dir: "db", FS: errorfs.Wrap(vfs.NewMem(), inj), Logger: quiet,
		Fatal: func(err error) { fatal <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, fatal
}

func TestAFullDiskMakesWritesWaitAndThenGoOn(t *testing.T) {
	for reason, want := range map[syscall.Errno]error{syscall.ENOSPC: ErrFull, syscall.EROFS: ErrReadOnly} {
		waitAndGoOn(t, reason, want)
	}
}

func waitAndGoOn(t *testing.T, reason syscall.Errno, want error) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		d, fatal := openFaulty(t, onLog(func(op errorfs.Op) error {
			if full.Load() && op.Kind == errorfs.OpFileWrite {
				return reason
			}
			return nil
		}))
		s := newStore(t, d, "a/")
		full.Store(true)
		answered := make(chan error, 1)
		go func() { answered <- s.StoreLogs(entries(1, 5)) }()
		time.Sleep(10 * DefaultSlow) // in the bubble: until the watchdog would have bitten
		select {
		case err := <-answered:
			t.Fatalf("answered %v on a full disk", err)
		default:
		}
		if !errors.Is(d.Err(), want) {
			t.Errorf("Err is %v", d.Err())
		}
		full.Store(false)
		if err := <-answered; err != nil {
			t.Errorf("with space again: %v", err)
		}
		if err := d.Err(); err != nil {
			t.Errorf("Err stays %v", err)
		}
		wantBounds(t, newStore(t, d, "a/"), 1, 5)
		closeDisk(t, d)
		if len(fatal) > 0 {
			t.Errorf("fatal: %v", <-fatal)
		}
	})
}

func TestClosingDoesNotWaitForSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		d, fatal := openFaulty(t, onLog(func(errorfs.Op) error {
			if full.Load() {
				return syscall.ENOSPC
			}
			return nil
		}))
		s := newStore(t, d, "a/")
		full.Store(true)
		answered := make(chan error, 1)
		go func() { answered <- s.StoreLogs(entries(1, 5)) }()
		synctest.Wait()
		_ = d.Close() // Pebble says that its log could not be closed
		if err := <-answered; err == nil {
			t.Error("acknowledged what was not written")
		}
		if err := <-fatal; !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("fatal: %v", err)
		}
	})
}

func TestAFailedSyncIsNeverAcknowledgedNorRepeated(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSyncData} {
		var broken atomic.Bool
		var after atomic.Int64
		d, fatal := openFaulty(t, onLog(func(op errorfs.Op) error {
			if !broken.Load() || op.Kind != kind {
				return nil
			}
			after.Add(1)
			return syscall.EIO
		}))
		s := newStore(t, d, "a/")
		if err := s.StoreLogs(entries(1, 5)); err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		if err := s.StoreLogs(entries(6, 9)); !errors.Is(err, syscall.EIO) {
			t.Errorf("%v: answered %v", kind, err)
		}
		if err := <-fatal; !errors.Is(err, syscall.EIO) {
			t.Errorf("%v: fatal %v", kind, err)
		}
		tried := after.Load()
		broken.Store(false) // the disk says it is well again: too late
		if s.StoreLogs(entries(6, 9)) == nil || s.Set([]byte("k"), nil) == nil || s.DeleteRange(1, 2) == nil {
			t.Errorf("%v: acknowledged after a failure", kind)
		}
		if d.Err() == nil || after.Load() != tried || len(fatal) > 0 {
			t.Errorf("%v: Err %v, %d writes after the failure, %d more calls of Fatal", kind, d.Err(), after.Load()-tried, len(fatal))
		}
		wantBounds(t, s, 1, 5)
		_ = d.Close()
	}
}

func TestAHangingDiskEndsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung atomic.Bool
		release := make(chan struct{})
		d, fatal := openFaulty(t, onLog(func(errorfs.Op) error {
			if hung.Load() {
				<-release
			}
			return nil
		}))
		s := newStore(t, d, "a/")
		hung.Store(true)
		began := time.Now()
		answered := make(chan error, 1)
		go func() { answered <- s.StoreLogs(entries(1, 5)) }()
		time.Sleep(2 * stallAfter)
		if err := d.Err(); !errors.Is(err, ErrStalled) {
			t.Errorf("while it hangs, Err is %v", err)
		}
		if err := <-fatal; !strings.Contains(err.Error(), "hangs") || time.Since(began) != DefaultSlow {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		close(release)
		if err := <-answered; err == nil {
			t.Error("acknowledged after the process was told to end")
		}
		closeDisk(t, d)
	})
}
