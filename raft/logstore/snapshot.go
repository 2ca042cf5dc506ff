package logstore

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// State is what snapshots are of: keys of the same Disk, and the index that
// they stand for. Its methods may be called from any goroutine.
type State interface {
	// Span returns the prefix of the state's keys, which is no Store's.
	Span() []byte
	// Applied returns the index of the last entry in the state.
	Applied() uint64
	// Rows returns the state's keys as of one moment and what Applied was then.
	// The caller closes the iterator.
	Rows() (*pebble.Iterator, uint64, error)
}

// record is the one snapshot that a Store keeps: the state up to Meta.Index is
// in this database, or in Tables files beside it that wait for Ingest.
type record struct {
	Meta    raft.SnapshotMeta `json:"meta"`
	Tables  int               `json:"tables,omitempty"`
	Applied uint64            `json:"applied,omitempty"` // in the tables; 0: not received
}

// errOld refuses a snapshot that would take back what is there.
var errOld = errors.New("what is here is newer")

// Attach says what the snapshots are of. It is called once, before Raft uses
// the store. If Pending afterwards, the state at hand is to be replaced by what
// Ingest brings.
func (s *Store) Attach(state State) error {
	s.state = state
	last, err := s.lastSnapshot()
	if err != nil {
		return err
	}
	if last != nil && last.Applied > state.Applied() {
		s.pending.Store(last)
		return nil
	}
	return s.clearTables()
}

// Pending says whether a snapshot was received whose state waits for Ingest.
func (s *Store) Pending() bool { return s.pending.Load() != nil }

// Create implements raft.SnapshotStore.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64,
	members raft.Configuration, membersIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &Sink{store: s, meta: raft.SnapshotMeta{
		Version:            version,
		ID:                 snapshotID(index, term),
		Index:              index,
		Term:               term,
		Configuration:      members,
		ConfigurationIndex: membersIndex,
	}}, nil
}

func snapshotID(index, term uint64) string { return fmt.Sprintf("%d-%d", term, index) }

// List implements raft.SnapshotStore.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	last, err := s.lastSnapshot()
	if err != nil || last == nil {
		return nil, err
	}
	return []*raft.SnapshotMeta{&last.Meta}, nil
}

// Open implements raft.SnapshotStore. Raft opens a snapshot to send it, and
// then the answer is the state as it is now, with the index, term and members
// to match: it is never older than what was listed, and keeping the older one
// would cost space. Raft also opens what it has just received; that is empty,
// because its state waits for Ingest.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	last, err := s.lastSnapshot()
	if err != nil {
		return nil, nil, err
	}
	if last == nil || last.Meta.ID != id {
		return nil, nil, fmt.Errorf("open snapshot %s: it is not the last one", id)
	}
	if s.Pending() {
		return &last.Meta, empty{}, nil
	}
	meta, r, err := s.send(last.Meta)
	if err != nil {
		return nil, nil, fmt.Errorf("open snapshot %s: %w", id, err)
	}
	return meta, r, nil
}

// empty is a snapshot without a payload, which no member takes for one.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
func (empty) Close() error             { return nil }

// at returns the snapshot of the state up to applied, which follows old.
func (s *Store) at(old raft.SnapshotMeta, applied uint64) (*raft.SnapshotMeta, error) {
	if applied <= old.Index {
		return &old, nil // entries that are no commands lie between
	}
	it, err := s.disk.DB.NewIter(&pebble.IterOptions{LowerBound: s.logKey(old.Index + 1), UpperBound: s.logKey(applied + 1)})
	if err != nil {
		return nil, err
	}
	meta, next := old, old.Index+1
	var entry raft.Log
	for it.First(); it.Valid(); it.Next() {
		if s.logIndex(it.Key()) != next {
			break
		}
		if err := readEntry(it.Value(), &entry); err != nil {
			return nil, errors.Join(err, it.Close())
		}
		if entry.Type == raft.LogConfiguration {
			meta.Configuration, meta.ConfigurationIndex = raft.DecodeConfiguration(entry.Data), next
		}
		next++
	}
	if err := it.Close(); err != nil {
		return nil, err
	}
	if next != applied+1 {
		return nil, fmt.Errorf("the log was cut beyond entry %d meanwhile", next)
	}
	meta.ID, meta.Index, meta.Term = snapshotID(applied, entry.Term), applied, entry.Term
	return &meta, nil
}

// lastSnapshot returns the record of the snapshot, nil if there is none.
func (s *Store) lastSnapshot() (*record, error) {
	value, closer, err := s.disk.DB.Get(s.key(partSnapshot))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	last := new(record)
	err = json.Unmarshal(value, last)
	if err = errors.Join(err, closer.Close()); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return last, nil
}

// Sink is a raft.SnapshotSink: of the state in this database, if Local was
// called, or of one that another member sends. One goroutine uses it.
type Sink struct {
	store *Store
	meta  raft.SnapshotMeta
	local bool
	in    *receiver // nil: nothing was written yet
}

// ID implements raft.SnapshotSink.
func (k *Sink) ID() string { return k.meta.ID }

// Local says that the snapshot is of the state in this database, so that
// nothing is to be written to it.
func (k *Sink) Local() { k.local = true }

// Write implements raft.SnapshotSink: it takes what another member's Open reads.
func (k *Sink) Write(p []byte) (int, error) {
	if k.in == nil {
		in, err := k.store.receive()
		if err != nil {
			return 0, fmt.Errorf("receive snapshot %s: %w", k.meta.ID, err)
		}
		k.in = in
	}
	if err := k.in.write(p); err != nil {
		return 0, fmt.Errorf("receive snapshot %s: %w", k.meta.ID, err)
	}
	return len(p), nil
}

// Close makes the snapshot the last one. Of a local one its sync also makes
// durable the state that it stands for, which was written before it to the same
// database; only then does Raft truncate the log. With a received one the log
// goes in the same batch: it is of before, and Raft could not go on from it.
func (k *Sink) Close() error {
	last := record{Meta: k.meta}
	switch {
	case k.local:
	case k.in == nil:
		return fmt.Errorf("store snapshot %s: it is empty", k.meta.ID)
	default:
		var err error
		if last.Tables, last.Applied, err = k.in.finish(); err != nil {
			return fmt.Errorf("store snapshot %s: %w", k.meta.ID, err)
		}
		last.Meta.Size = k.in.size
	}
	if err := k.store.replace(last, !k.local); err != nil {
		return fmt.Errorf("store snapshot %s: %w", k.meta.ID, err)
	}
	return nil
}

// Cancel leaves the former snapshot in place.
func (k *Sink) Cancel() error {
	if k.in == nil {
		return nil
	}
	return k.in.abort()
}

// goesOn reports whether the log goes on from what a snapshot stands for, so
// that the snapshot brings nothing and would only take that more away. Raft sends
// one to a member that was removed and joined again on an empty disk when it
// still follows it from before, too, and then two snapshots overtake each other.
func (s *Store) goesOn(former *record, m raft.SnapshotMeta) bool {
	if _, end := s.bounds(); end <= m.Index {
		return false
	}
	var last raft.Log
	return former != nil && former.Meta.Index == m.Index && former.Meta.Term == m.Term ||
		s.GetLog(m.Index, &last) == nil && last.Term == m.Term
}

// replace makes next the last snapshot.
func (s *Store) replace(next record, received bool) error {
	defer s.write()()
	former, err := s.lastSnapshot()
	if err != nil {
		return err
	}
	// Raft takes a local snapshot while it installs one that is newer.
	if former != nil && former.Meta.Index > next.Meta.Index || received && (s.state.Applied() > next.Applied || s.goesOn(former, next.Meta)) {
		return errOld
	}
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	b := s.disk.DB.NewBatch()
	err = b.Set(s.key(partSnapshot), value, nil)
	if received {
		err = cmp.Or(err, b.DeleteRange(s.logKey(0), s.key(partLog+1), nil))
	}
	if err = cmp.Or(err, s.disk.commit(b, pebble.Sync)); err != nil || !received {
		return err
	}
	_, end := s.bounds()
	s.setBounds(0, 0)
	s.pending.Store(&next)
	if end > next.Meta.Index {
		// Raft goes on believing in the log that is gone; a new start does not.
		s.disk.Fail(fmt.Errorf("snapshot %s replaced a log up to %d that does not follow from it", next.Meta.ID, end))
	}
	return nil
}
