package logstore

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// A state on its way to another member: the version (a byte), the applied index
// (8 bytes), the rows, a zero. A row is the length of its key plus one
// (uvarint), the key without the state's prefix, the length of the value
// (uvarint), the value. Rows are in order of key.
const streamVersion = 1

// Bounds of a received state, in bytes.
const (
	MaxSnapshot = 64 << 30 // all of it
	maxRowKey   = 64 << 10
	maxRowValue = 64 << 20
	maxRowHead  = 2 * binary.MaxVarintLen64

	streamHeader = 1 + 8
	sendBuffer   = 64 << 10
	maxTable     = 64 << 20  // keys and values of one table file
	syncEvery    = 512 << 10 // so that the last sync of a table is short and the log's are not held up
)

// errStream says that what was received is no state.
var errStream = errors.New("what was received is no state")

// send returns the state as it is now and its metadata, which is old's or newer.
func (s *Store) send(old raft.SnapshotMeta) (*raft.SnapshotMeta, io.ReadCloser, error) {
	it, applied, err := s.state.Rows()
	if err != nil {
		return nil, nil, err
	}
	r := &sender{rows: it, prefix: len(s.state.Span()), applied: applied}
	meta, err := s.at(old, applied)
	if err == nil {
		meta.Size, err = r.measure()
	}
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return meta, r, nil
}

// sender reads a state. The iterator is as old as the applied index, whatever
// happens to the database meanwhile.
type sender struct {
	rows    *pebble.Iterator
	prefix  int // bytes
	applied uint64

	begun, ended bool
	buf          []byte // made and not yet read
}

// measure returns how many bytes will be read. Raft wants to know it first.
func (r *sender) measure() (size int64, err error) {
	size = streamHeader + 1
	for r.rows.First(); r.rows.Valid(); r.rows.Next() {
		key, value := len(r.rows.Key())-r.prefix, len(r.rows.Value())
		size += int64(uvarintLen(uint64(key)+1) + key + uvarintLen(uint64(value)) + value)
	}
	return size, r.rows.Error()
}

// Read implements io.Reader.
func (r *sender) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		r.fill()
		if err := r.rows.Error(); err != nil {
			return 0, fmt.Errorf("read state: %w", err)
		}
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

func (r *sender) fill() {
	b := make([]byte, 0, sendBuffer)
	if !r.begun {
		r.begun = true
		b = binary.BigEndian.AppendUint64(append(b, streamVersion), r.applied)
		r.rows.First()
	}
	for ; r.rows.Valid() && len(b) < sendBuffer; r.rows.Next() {
		key, value := r.rows.Key()[r.prefix:], r.rows.Value()
		b = append(binary.AppendUvarint(b, uint64(len(key))+1), key...)
		b = append(binary.AppendUvarint(b, uint64(len(value))), value...)
	}
	if !r.rows.Valid() {
		b = append(b, 0)
		r.ended = true
	}
	r.buf = b
}

// Close implements io.Closer.
func (r *sender) Close() error { return r.rows.Close() }

// tableDir is where received tables wait. Its name is of the store's prefix, as
// stores share the database's folder.
func (s *Store) tableDir() string {
	fs := s.disk.options.FS
	return fs.PathJoin(s.disk.dir, "received-"+hex.EncodeToString(s.prefix))
}

func (s *Store) tablePath(n int) string {
	return s.disk.options.FS.PathJoin(s.tableDir(), fmt.Sprintf("%06d.sst", n))
}

// clearTables removes what an interrupted transfer or an ingest left.
func (s *Store) clearTables() error {
	fs := s.disk.options.FS
	if err := fs.RemoveAll(s.tableDir()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove received tables: %w", err)
	}
	return nil
}

// receiver writes a state that arrives to table files.
type receiver struct {
	store   *Store
	prefix  []byte
	size    int64  // received
	buf     []byte // of it, not yet a whole row
	applied uint64
	begun   bool
	ended   bool

	tables int
	table  *sstable.Writer // nil: the next row opens one
	bytes  int             // in it
}

func (s *Store) receive() (*receiver, error) {
	if err := s.clearTables(); err != nil {
		return nil, err
	}
	if err := s.disk.options.FS.MkdirAll(s.tableDir(), 0o700); err != nil {
		return nil, err
	}
	return &receiver{store: s, prefix: s.state.Span()}, nil
}

func (r *receiver) write(p []byte) error {
	r.size += int64(len(p))
	if r.size > MaxSnapshot {
		return fmt.Errorf("more than %d bytes", int64(MaxSnapshot))
	}
	r.buf = append(r.buf, p...)
	rest := r.buf
	if !r.begun {
		if len(rest) < streamHeader {
			return nil
		}
		if rest[0] != streamVersion {
			return fmt.Errorf("version %d, this binary reads %d", rest[0], streamVersion)
		}
		r.begun, r.applied, rest = true, binary.BigEndian.Uint64(rest[1:]), rest[streamHeader:]
	}
	for len(rest) > 0 {
		n, err := r.row(rest)
		if err != nil {
			return err
		}
		if n == 0 {
			break // not whole yet
		}
		rest = rest[n:]
	}
	r.buf = r.buf[:copy(r.buf, rest)]
	return nil
}

// row takes the first row of b and returns its length, 0 if it is not whole.
func (r *receiver) row(b []byte) (int, error) {
	if r.ended {
		return 0, fmt.Errorf("%w: it goes on after its end", errStream)
	}
	if b[0] == 0 {
		r.ended = true
		return 1, nil
	}
	key, n, err := piece(b, 1, maxRowKey)
	if n == 0 || err != nil {
		return 0, err
	}
	value, m, err := piece(b[n:], 0, maxRowValue)
	if m == 0 || err != nil {
		return 0, err
	}
	return n + m, r.set(key, value)
}

// piece returns the bytes whose length plus extra stands before them, and where
// they end, 0 if they are not all there.
func piece(b []byte, extra, limit uint64) (_ []byte, end int, _ error) {
	size, n := binary.Uvarint(b)
	switch {
	case n == 0:
		return nil, 0, nil
	case n < 0 || size < extra || size-extra > limit:
		return nil, 0, fmt.Errorf("%w: a row of %d bytes", errStream, size)
	}
	end = n + int(size-extra)
	if len(b) < end {
		return nil, 0, nil
	}
	return b[n:end], end, nil
}

func (r *receiver) set(key, value []byte) error {
	if r.table == nil {
		if err := r.openTable(); err != nil {
			return err
		}
	}
	if err := r.table.Set(append(r.prefix[:len(r.prefix):len(r.prefix)], key...), value); err != nil {
		return fmt.Errorf("%w: %w", errStream, err) // out of order
	}
	if r.bytes += len(key) + len(value); r.bytes >= r.store.tableSize {
		return r.closeTable()
	}
	return nil
}

func (r *receiver) openTable() error {
	disk := r.store.disk
	f, err := disk.options.FS.Create(r.store.tablePath(r.tables), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	f = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: syncEvery})
	r.table = sstable.NewWriter(objstorageprovider.NewFileWritable(f),
		disk.options.MakeWriterOptions(0, disk.DB.TableFormat()))
	r.tables++
	r.bytes = 0
	return nil
}

// closeTable ends a table, durably.
func (r *receiver) closeTable() error {
	if r.table == nil {
		return nil
	}
	err := r.table.Close()
	r.table = nil
	return err
}

// finish makes what was received durable and says what it is.
func (r *receiver) finish() (tables int, applied uint64, err error) {
	if err := r.closeTable(); err != nil {
		return 0, 0, err
	}
	if !r.ended || len(r.buf) > 0 {
		return 0, 0, fmt.Errorf("%w: it has no end", errStream)
	}
	fs := r.store.disk.options.FS
	for _, dir := range []string{r.store.tableDir(), r.store.disk.dir} {
		if err := syncDir(fs, dir); err != nil {
			return 0, 0, err
		}
	}
	return r.tables, r.applied, nil
}

func syncDir(fs vfs.FS, dir string) error {
	f, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (r *receiver) abort() error {
	return errors.Join(r.closeTable(), r.store.clearTables())
}

// Ingest replaces the state's keys by those of the snapshot that is Pending, at
// once and durably. Nobody may write to the state meanwhile, and what was read
// of it before is void. After an error nothing is acknowledged any more; the
// next start ingests.
func (s *Store) Ingest() error {
	last := s.pending.Load()
	if last == nil {
		return nil
	}
	paths := make([]string, last.Tables)
	for i := range paths {
		paths[i] = s.tablePath(i)
	}
	span := pebble.KeyRange{Start: s.state.Span(), End: prefixEnd(s.state.Span())}
	_, err := s.disk.DB.IngestAndExcise(context.Background(), paths, nil, nil, span)
	if err == nil {
		err = s.disk.failure()
	}
	if err != nil {
		err = fmt.Errorf("ingest snapshot %s: %w", last.Meta.ID, err)
		s.disk.Fail(err)
		return err
	}
	s.pending.Store(nil)
	return s.clearTables()
}

// prefixEnd returns the first key after all that begin with prefix.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
