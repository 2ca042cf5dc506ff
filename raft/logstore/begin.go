package logstore

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Begin makes an empty group of these members whose state is in this database
// already, up to index: as Bootstrap does, with a snapshot where that has an
// entry. So the log begins behind the state, and a member that joins is sent it.
// When it answers nil, the state is durable, too.
func (s *Store) Begin(members raft.Configuration, index uint64) error {
	defer s.write()()
	last, err := s.lastSnapshot()
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if _, end := s.bounds(); end != 0 || last != nil {
		return fmt.Errorf("begin: the store is not empty (last index %d)", end)
	}
	const term = 1
	value, err := json.Marshal(record{Meta: raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: snapshotID(index, term), Index: index, Term: term,
		Configuration: members, ConfigurationIndex: index,
	}})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	b := s.disk.DB.NewBatch()
	err = cmp.Or(
		b.Set(s.stableKey(keyCurrentTerm), binary.BigEndian.AppendUint64(nil, term), nil),
		b.Set(s.key(partSnapshot), value, nil),
	)
	if err = cmp.Or(err, s.disk.commit(b, pebble.Sync)); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}
