package logstore

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// spaceRetry is how often a write that found no space is tried again.
const spaceRetry = time.Second

// spaceFS makes writes wait while the disk is full or read-only instead of failing, so that
// a full disk costs time and not the process: Pebble would give up at the
// first failed write. It also reports the first error on a file of the
// write-ahead log, which Pebble only notices at its next durable write.
//
// A sync that fails is never repeated, not even for want of space: the kernel
// may have dropped what it could not write, and the second sync would lie.
type spaceFS struct {
	vfs.FS
	log      *slog.Logger
	fail     func(error)
	waiting  atomic.Int64              // writes waiting for space
	readOnly atomic.Bool               // what they wait for is a writable disk
	had      atomic.Pointer[time.Time] // when the last of them went on; nil: none ever waited

	closeOnce sync.Once
	closing   chan struct{}
}

func newSpaceFS(fs vfs.FS, log *slog.Logger, fail func(error)) *spaceFS {
	return &spaceFS{FS: fs, log: log, fail: fail, closing: make(chan struct{})}
}

// close makes writes that wait for space give up.
func (s *spaceFS) close() { s.closeOnce.Do(func() { close(s.closing) }) }

// retry runs op until it is not for want of space that it fails.
func (s *spaceFS) retry(op func() error) error {
	err := op()
	if !noSpace(err) {
		return err
	}
	if s.waiting.Add(1) == 1 {
		s.readOnly.Store(errors.Is(err, syscall.EROFS))
		s.log.Error("the disk takes no writes: nothing can be stored until it does", "error", err)
	}
	defer func() {
		now := time.Now()
		s.had.Store(&now)
		if s.waiting.Add(-1) == 0 {
			s.log.Info("the disk takes writes again")
		}
	}()
	tick := time.NewTicker(spaceRetry)
	defer tick.Stop()
	for noSpace(err) {
		select {
		case <-s.closing:
			return err
		case <-tick.C:
			err = op()
		}
	}
	return err
}

// excuses says whether a write that takes longer than limit may have waited for
// space and not for the disk.
func (s *spaceFS) excuses(limit time.Duration) bool {
	had := s.had.Load()
	return s.waiting.Load() > 0 || had != nil && time.Since(*had) < limit
}

func noSpace(err error) bool {
	return err != nil && (vfs.IsNoSpaceError(err) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS))
}

func (s *spaceFS) open(name string, open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := s.retry(func() (err error) {
		f, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &spaceFile{File: f, fs: s, wal: strings.HasSuffix(name, ".log")}, nil
}

func (s *spaceFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.open(name, func() (vfs.File, error) { return s.FS.Create(name, c) })
}

func (s *spaceFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return s.open(name, func() (vfs.File, error) { return s.FS.OpenReadWrite(name, c, o...) })
}

func (s *spaceFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return s.open(to, func() (vfs.File, error) { return s.FS.ReuseForWrite(from, to, c) })
}

func (s *spaceFS) Link(from, to string) error {
	return s.retry(func() error { return s.FS.Link(from, to) })
}

func (s *spaceFS) Rename(from, to string) error {
	return s.retry(func() error { return s.FS.Rename(from, to) })
}

func (s *spaceFS) MkdirAll(dir string, perm os.FileMode) error {
	return s.retry(func() error { return s.FS.MkdirAll(dir, perm) })
}

func (s *spaceFS) Unwrap() vfs.FS { return s.FS }

// spaceFile is a file open for writing. One goroutine at a time writes it
// (vfs.File).
type spaceFile struct {
	vfs.File
	fs  *spaceFS
	wal bool
}

// Write writes all of p; a disk that fills up in the middle goes on where it
// stopped.
func (f *spaceFile) Write(p []byte) (int, error) {
	done := 0
	err := f.fs.retry(func() error {
		n, err := f.File.Write(p[done:])
		done += n
		return err
	})
	return done, f.report(err)
}

func (f *spaceFile) WriteAt(p []byte, at int64) (int, error) {
	done := 0
	err := f.fs.retry(func() error {
		n, err := f.File.WriteAt(p[done:], at+int64(done))
		done += n
		return err
	})
	return done, f.report(err)
}

func (f *spaceFile) Sync() error     { return f.report(f.File.Sync()) }
func (f *spaceFile) SyncData() error { return f.report(f.File.SyncData()) }

func (f *spaceFile) SyncTo(n int64) (bool, error) {
	full, err := f.File.SyncTo(n)
	return full, f.report(err)
}

func (f *spaceFile) report(err error) error {
	if err != nil && f.wal {
		f.fs.fail(err)
	}
	return err
}
