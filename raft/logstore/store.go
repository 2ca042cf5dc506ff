package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// The parts of a Store's span: the byte after its prefix.
const (
	partLog      = 'l'
	partStable   = 'k'
	partSnapshot = 's'
)

// errNotFound is what hashicorp/raft expects of a stable store that has no
// such key; it compares the text.
var errNotFound = errors.New("not found")

// keyCurrentTerm is the stable store's key of hashicorp/raft's current term,
// which that package does not export.
const keyCurrentTerm = "CurrentTerm"

// Store is the log, the stable store and the snapshot metadata of one Raft
// group: a raft.LogStore, raft.MonotonicLogStore, raft.StableStore and
// raft.SnapshotStore.
type Store struct {
	disk      *Disk
	prefix    []byte
	tableSize int   // of received tables, bytes
	state     State // set by Attach

	pending atomic.Pointer[record] // received and not ingested; nil: none

	// writing holds a token while the log is written or cut. No mutex: a write
	// can take as long as the disk likes, and readers of the bounds must not wait.
	writing chan struct{}

	mu          sync.RWMutex // guards what follows; changed only by who holds the token
	first, last uint64       // indexes in the log; 0, 0: empty
	recent      [recentEntries]raft.Log
}

// The newest entries are kept in memory, at their index modulo recentEntries: a
// leader reads each for every follower and a follower to apply it, soon after
// it was stored. Longer ones are not.
const (
	recentEntries = 512
	recentSize    = 16 << 10 // bytes
)

// New returns the store whose keys begin with prefix. Stores and states that
// share a Disk need prefixes none of which begins another.
func New(d *Disk, prefix []byte) (*Store, error) {
	s := &Store{disk: d, tableSize: maxTable, prefix: slices.Clip(slices.Clone(prefix)), writing: make(chan struct{}, 1)}
	it, err := d.DB.NewIter(&pebble.IterOptions{LowerBound: s.logKey(0), UpperBound: s.key(partLog + 1)})
	if err != nil {
		return nil, fmt.Errorf("read the log's bounds: %w", err)
	}
	if it.First() {
		s.first = s.logIndex(it.Key())
		it.Last()
		s.last = s.logIndex(it.Key())
	}
	if err := it.Close(); err != nil {
		return nil, fmt.Errorf("read the log's bounds: %w", err)
	}
	return s, nil
}

func (s *Store) key(part byte, rest ...byte) []byte {
	return append(append(s.prefix, part), rest...)
}

func (s *Store) logKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64(s.key(partLog), index)
}

func (s *Store) logIndex(key []byte) uint64 {
	return binary.BigEndian.Uint64(key[len(s.prefix)+1:])
}

// Bootstrap makes an empty group of these members. raft.BootstrapCluster does
// the same in two writes; power lost between them leaves a node that says it
// has state, knows no members and never starts.
func (s *Store) Bootstrap(members raft.Configuration) error {
	defer s.write()()
	if _, last := s.bounds(); last != 0 {
		return fmt.Errorf("bootstrap: the log is not empty (last index %d)", last)
	}
	b := s.disk.DB.NewBatch()
	if err := b.Set(s.stableKey(keyCurrentTerm), binary.BigEndian.AppendUint64(nil, 1), nil); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	entry := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members)}
	if err := s.put(b, entry); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	if err := s.disk.commit(b, pebble.Sync); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	s.setBounds(1, 1)
	return nil
}

// write takes the token; the result gives it back.
func (s *Store) write() (done func()) {
	s.writing <- struct{}{}
	return func() { <-s.writing }
}

func (s *Store) bounds() (first, last uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.first, s.last
}

func (s *Store) setBounds(first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last < s.last {
		clear(s.recent[:]) // the tail was cut
	}
	s.first, s.last = first, last
}

// extend notes that logs are stored.
func (s *Store) extend(first uint64, logs []*raft.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = first
	for _, l := range logs {
		s.last = l.Index
		if slot := &s.recent[l.Index%recentEntries]; len(l.Data)+len(l.Extensions) <= recentSize {
			*slot = *l
		}
	}
}

// fresh returns an entry that is in memory.
func (s *Store) fresh(index uint64, l *raft.Log) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	slot := &s.recent[index%recentEntries]
	if index == 0 || slot.Index != index || index < s.first || index > s.last {
		return false
	}
	*l = *slot
	return true
}

// FirstIndex implements raft.LogStore.
func (s *Store) FirstIndex() (uint64, error) {
	first, _ := s.bounds()
	return first, nil
}

// LastIndex implements raft.LogStore.
func (s *Store) LastIndex() (uint64, error) {
	_, last := s.bounds()
	return last, nil
}

// IsMonotonic implements raft.MonotonicLogStore: a gap is refused, because
// FirstIndex and LastIndex could not describe such a log.
func (s *Store) IsMonotonic() bool { return true }

// GetLog implements raft.LogStore.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	if s.fresh(index, l) {
		return nil
	}
	value, closer, err := s.disk.DB.Get(s.logKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	copied := slices.Clone(value)
	if err := closer.Close(); err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	if err := readEntry(copied, l); err != nil {
		return fmt.Errorf("read log entry %d: %w", index, err)
	}
	l.Index = index
	return nil
}

// StoreLog implements raft.LogStore.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore: all of logs become durable in one batch,
// or none.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	if len(logs) == 0 {
		return nil
	}
	defer s.write()()
	first, last := s.bounds()
	if last == 0 {
		first, last = logs[0].Index, logs[0].Index-1
	}
	size, next := 0, last+1
	for _, l := range logs {
		if l.Index != next {
			return fmt.Errorf("store log entries: %d follows %d", l.Index, next-1)
		}
		next++
		size += len(s.prefix) + entrySize(l) + 32
	}
	b := s.disk.DB.NewBatchWithSize(size)
	for _, l := range logs {
		if err := s.put(b, l); err != nil {
			return fmt.Errorf("store log entry %d: %w", l.Index, err)
		}
	}
	if err := s.disk.commit(b, pebble.Sync); err != nil {
		return fmt.Errorf("store log entries %d to %d: %w", logs[0].Index, next-1, err)
	}
	s.extend(first, logs)
	return nil
}

func (s *Store) put(b *pebble.Batch, l *raft.Log) error {
	op := b.SetDeferred(len(s.prefix)+1+8, entrySize(l))
	n := copy(op.Key, s.prefix)
	op.Key[n] = partLog
	binary.BigEndian.PutUint64(op.Key[n+1:], l.Index)
	putEntry(op.Value, l)
	return op.Finish()
}

// DeleteRange implements raft.LogStore: it cuts off the head or the tail, both
// ends included. It needs no sync. A head that is back after a power cut costs
// only space, since what it fed is older in the same write-ahead log; a tail is
// cut to make room for entries whose own sync covers the cut.
func (s *Store) DeleteRange(from, to uint64) error {
	defer s.write()()
	first, last := s.bounds()
	from, to = max(from, first), min(to, last)
	if last == 0 || from > to {
		return nil
	}
	if from != first && to != last {
		return fmt.Errorf("delete log entries %d to %d: would leave a gap in %d to %d", from, to, first, last)
	}
	b := s.disk.DB.NewBatch()
	if err := b.DeleteRange(s.logKey(from), s.logKey(to+1), nil); err != nil {
		return fmt.Errorf("delete log entries %d to %d: %w", from, to, err)
	}
	if err := s.disk.commit(b, pebble.NoSync); err != nil {
		return fmt.Errorf("delete log entries %d to %d: %w", from, to, err)
	}
	switch {
	case from == first && to == last:
		s.setBounds(0, 0)
	case from == first:
		s.setBounds(to+1, last)
	default:
		s.setBounds(first, from-1)
	}
	return nil
}
