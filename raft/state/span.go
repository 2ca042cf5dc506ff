package state

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Span returns the prefix of the state's keys: another member's whole span can
// take the place of this one's.
func (s *State) Span() []byte { return s.prefix }

// Rows returns the state's keys as of one moment and the index of the last
// entry in them. The caller closes the iterator; ApplyBatch goes on meanwhile.
func (s *State) Rows() (*pebble.Iterator, uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: s.prefix, UpperBound: key(s.prefix).end()})
	return it, s.applied.Load(), err
}

// Reload calls ingest, which replaces the state's keys by another member's, and
// goes on from them. It belongs to ApplyBatch's goroutine, and readers wait for
// it. After an error the state can no longer be used (Err).
func (s *State) Reload(ingest func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := ingest()
	if err == nil {
		err = s.load()
	}
	if err != nil {
		return s.fail(fmt.Errorf("reload state: %w", err))
	}
	return nil
}
