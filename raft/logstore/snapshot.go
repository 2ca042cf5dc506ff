package logstore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// MaxSnapshot is the most that a snapshot may hold besides Raft's own
// metadata, in bytes. The state itself is in the same database.
const MaxSnapshot = 64 << 10

// stored is the one snapshot that a Store keeps.
type stored struct {
	Meta    raft.SnapshotMeta `json:"meta"`
	Payload []byte            `json:"payload"`
}

// Create implements raft.SnapshotStore.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64,
	members raft.Configuration, membersIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{store: s, meta: raft.SnapshotMeta{
		Version:            version,
		ID:                 fmt.Sprintf("%d-%d", term, index),
		Index:              index,
		Term:               term,
		Configuration:      members,
		ConfigurationIndex: membersIndex,
	}}, nil
}

// List implements raft.SnapshotStore.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	snap, err := s.snapshot()
	if err != nil || snap == nil {
		return nil, err
	}
	return []*raft.SnapshotMeta{&snap.Meta}, nil
}

// Open implements raft.SnapshotStore.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	snap, err := s.snapshot()
	if err != nil {
		return nil, nil, err
	}
	if snap == nil || snap.Meta.ID != id {
		return nil, nil, fmt.Errorf("open snapshot %s: it is not the last one", id)
	}
	return &snap.Meta, io.NopCloser(bytes.NewReader(snap.Payload)), nil
}

// snapshot returns the snapshot, or nil if there is none.
func (s *Store) snapshot() (*stored, error) {
	value, closer, err := s.disk.DB.Get(s.key(partSnapshot))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	snap := new(stored)
	err = json.Unmarshal(value, snap)
	if err = errors.Join(err, closer.Close()); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return snap, nil
}

// sink is a raft.SnapshotSink. One goroutine writes it.
type sink struct {
	store   *Store
	meta    raft.SnapshotMeta
	payload []byte
}

func (k *sink) ID() string { return k.meta.ID }

func (k *sink) Write(p []byte) (int, error) {
	if len(k.payload)+len(p) > MaxSnapshot {
		return 0, fmt.Errorf("snapshot %s: more than %d bytes", k.meta.ID, MaxSnapshot)
	}
	k.payload = append(k.payload, p...)
	return len(p), nil
}

// Close makes the snapshot the last one. Its sync also makes durable the state
// that it stands for, which was written before it to the same database; only
// then does Raft truncate the log.
func (k *sink) Close() error {
	k.meta.Size = int64(len(k.payload))
	value, err := json.Marshal(stored{k.meta, k.payload})
	if err != nil {
		return fmt.Errorf("store snapshot %s: %w", k.meta.ID, err)
	}
	b := k.store.disk.DB.NewBatch()
	if err := b.Set(k.store.key(partSnapshot), value, nil); err != nil {
		return fmt.Errorf("store snapshot %s: %w", k.meta.ID, err)
	}
	if err := k.store.disk.commit(b, pebble.Sync); err != nil {
		return fmt.Errorf("store snapshot %s: %w", k.meta.ID, err)
	}
	return nil
}

// Cancel leaves the former snapshot in place.
func (k *sink) Cancel() error { return nil }
