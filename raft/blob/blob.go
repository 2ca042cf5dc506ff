// Package blob keeps files that are too large for the replicated state: what
// belongs to a session, such as its recording. A file only grows, until it is
// removed. Which nodes keep which file is said in the state (state.Segment);
// this package is one node's disk.
//
// What Append has taken survives the end of the process at once, and that of
// the machine within SyncEvery. A reader must expect to find less than was
// appended, and nonsense at a file's end: what is in it has sums of its own.
package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"kohe/relay"
)

// Bounds.
const (
	MaxFile   = 64 << 20 // bytes of one file
	MaxAppend = 4 << 20  // bytes appended, or read, at once
	SyncEvery = time.Second

	keepFree = 1 << 30 // bytes of the disk that are left to the log and the state, or
	keepPart = 20      // a 20th of it, if that is less
	stripes  = 64
)

// What Append refuses, besides a Gap.
var (
	ErrFull     = errors.New("too little space is left on the disk")
	ErrTooLarge = fmt.Errorf("a file has at most %d bytes, a piece of it %d", MaxFile, MaxAppend)
	ErrConflict = errors.New("something else is stored there")
)

// Gap is the error of an Append that does not follow what is there.
type Gap struct{ Have int64 } // bytes

func (g Gap) Error() string { return fmt.Sprintf("gap: only %d bytes are there", g.Have) }

// Name names a file: what it belongs to, and its own identity.
type Name struct{ Of, ID relay.ID }

// Store is a folder of files.
type Store struct {
	dir   string
	fs    vfs.FS
	log   *slog.Logger
	locks [stripes]sync.Mutex // of the files whose ID begins with that, while they are written

	serving chan struct{} // of maxServed: requests of other nodes that are served

	stop    context.CancelFunc
	running errgroup.Group

	mu    sync.Mutex // guards what follows
	dirty map[Name]bool
}

// Open opens the folder dir, which it makes. Close ends its one goroutine.
func Open(dir string, fs vfs.FS, log *slog.Logger) (*Store, error) {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Store{dir: dir, fs: fs, log: log, stop: stop, serving: make(chan struct{}, maxServed), dirty: map[Name]bool{}}
	if err := s.syncFile(fs.PathDir(dir)); err != nil {
		stop()
		return nil, fmt.Errorf("make the folder of files: %w", err)
	}
	s.running.Go(func() error { return s.keepSynced(ctx) })
	return s, nil
}

// Close makes what was appended durable.
func (s *Store) Close() error {
	s.stop()
	return s.running.Wait()
}

func (s *Store) folder(of relay.ID) string { return s.fs.PathJoin(s.dir, of.String()) }
func (s *Store) path(n Name) string        { return s.fs.PathJoin(s.folder(n.Of), n.ID.String()) }

func (s *Store) lock(n Name) *sync.Mutex { return &s.locks[n.ID[0]%stripes] }

// Append adds b to a file at an offset, which is where the file ends, or
// before: what is there already must be the same.
func (s *Store) Append(n Name, offset int64, b []byte) error {
	if len(b) > MaxAppend || offset < 0 || offset+int64(len(b)) > MaxFile {
		return ErrTooLarge
	}
	if err := s.space(); err != nil {
		return err
	}
	mu := s.lock(n)
	mu.Lock()
	defer mu.Unlock()
	if err := s.fs.MkdirAll(s.folder(n.Of), 0o700); err != nil {
		return err
	}
	f, err := s.fs.OpenReadWrite(s.path(n), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = appendTo(f, offset, b)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	s.mu.Lock()
	s.dirty[n] = true
	s.mu.Unlock()
	return nil
}

func appendTo(f vfs.File, offset int64, b []byte) error {
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	have := stat.Size()
	if offset > have {
		return Gap{have}
	}
	if known := min(have-offset, int64(len(b))); known > 0 {
		was := make([]byte, known)
		if _, err := f.ReadAt(was, offset); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !bytes.Equal(was, b[:known]) {
			return ErrConflict
		}
		offset, b = offset+known, b[known:]
	}
	if len(b) == 0 {
		return nil
	}
	_, err = f.WriteAt(b, offset)
	return err
}

// space says whether the disk has room for more than the log and the state.
func (s *Store) space() error {
	usage, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return nil //nolint:nilerr // a disk that does not tell is not full for that
	}
	if usage.AvailBytes < min(keepFree, usage.TotalBytes/keepPart) {
		return ErrFull
	}
	return nil
}

// Size returns how many bytes a file has; 0 if there is none.
func (s *Store) Size(n Name) (int64, error) {
	stat, err := s.fs.Stat(s.path(n))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	return stat.Size(), nil
}

// Read returns at most size bytes of a file, from an offset on; fewer at its
// end. The error is fs.ErrNotExist if there is no such file.
func (s *Store) Read(n Name, offset int64, size int) ([]byte, error) {
	f, err := s.fs.Open(s.path(n))
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(max(size, 0), MaxAppend))
	read, err := f.ReadAt(b, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:read], errors.Join(err, f.Close())
}

// Remove removes a file; again is harmless.
func (s *Store) Remove(n Name) error {
	mu := s.lock(n)
	mu.Lock()
	defer mu.Unlock()
	s.mu.Lock()
	delete(s.dirty, n)
	s.mu.Unlock()
	if err := s.fs.Remove(s.path(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if left, err := s.fs.List(s.folder(n.Of)); err == nil && len(left) == 0 {
		return s.fs.Remove(s.folder(n.Of))
	}
	return nil
}

// Names returns the files that were last written before a moment. What else is
// in the folder is none of ours and is left alone.
func (s *Store) Names(before time.Time) ([]Name, error) {
	var list []Name
	folders, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		of, err := relay.ParseID(folder)
		if err != nil {
			continue
		}
		files, err := s.fs.List(s.folder(of))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			id, err := relay.ParseID(file)
			if err != nil {
				continue
			}
			n := Name{of, id}
			if stat, err := s.fs.Stat(s.path(n)); err == nil && stat.ModTime().Before(before) {
				list = append(list, n)
			}
		}
	}
	return list, nil
}

// keepSynced makes durable what was appended, from time to time.
func (s *Store) keepSynced(ctx context.Context) error {
	tick := time.NewTicker(SyncEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := s.sync(); err != nil {
				s.log.Error("a file could not be made durable", "err", err)
			}
		case <-ctx.Done():
			return s.sync()
		}
	}
}

func (s *Store) sync() error {
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[Name]bool{}
	s.mu.Unlock()
	var errs []error
	folders := map[string]bool{s.dir: true}
	for n := range dirty {
		errs = append(errs, s.syncFile(s.path(n)))
		folders[s.folder(n.Of)] = true
	}
	if len(dirty) == 0 {
		return nil
	}
	for folder := range folders {
		errs = append(errs, s.syncFile(folder))
	}
	return errors.Join(errs...)
}

// syncFile makes a file or folder durable, unless it is gone.
func (s *Store) syncFile(path string) error {
	open := func() (vfs.File, error) { return s.fs.OpenDir(path) }
	if stat, err := s.fs.Stat(path); err == nil && !stat.IsDir() {
		open = func() (vfs.File, error) { return s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified) }
	} else if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	f, err := open()
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
