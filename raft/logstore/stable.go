package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

func (s *Store) stableKey(key string) []byte { return s.key(partStable, []byte(key)...) }

// Set implements raft.StableStore; nil means durable.
func (s *Store) Set(key, value []byte) error {
	b := s.disk.DB.NewBatch()
	if err := b.Set(s.stableKey(string(key)), value, nil); err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	if err := s.disk.commit(b, pebble.Sync); err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	return nil
}

// Get implements raft.StableStore. The error for a key that is not there has
// the text "not found".
func (s *Store) Get(key []byte) ([]byte, error) {
	value, closer, err := s.disk.DB.Get(s.stableKey(string(key)))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	copied := slices.Clone(value)
	if err := closer.Close(); err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return copied, nil
}

// SetUint64 implements raft.StableStore; nil means durable.
func (s *Store) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// GetUint64 implements raft.StableStore.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("read %s: %d bytes are no number", key, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}
