package state

import "kohe/relay"

// MaxRemembered is how many identities of live sessions are kept in memory, as
// hashes: about 20 MiB.
const MaxRemembered = 1 << 20

// A message that is new has an identity that is not stored, and to find that out
// in Pebble costs more than to store it: nothing is found by looking everywhere.
// So each live session remembers the hashes of its identities from its first
// Append here on. A hash that is not there is an identity that is not stored; for
// one that is there the row is asked. What is remembered is in no answer and no
// row, so members may remember differently.

// known reports whether the row k of a session's identities may be there.
func (t *txn) known(s *session, k key) bool {
	if s.State == relay.Ended {
		return true
	}
	if s.identities == nil {
		t.recall(s)
	}
	_, ok := s.identities[hash(k)]
	return ok
}

// recall reads what a live session has stored.
func (t *txn) recall(s *session) {
	s.identities = map[uint64]struct{}{}
	if s.Stored == 0 {
		return
	}
	base := t.key(tableIdentity).id(s.ID)
	err := walk(t.read(), base, base.end(), func(k, _ []byte) (bool, error) {
		t.remember(s, k)
		return true, nil
	})
	if err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
}

// remember notes that the row k of a session's identities is there.
func (t *txn) remember(s *session, k []byte) {
	if s.identities == nil { // ended
		return
	}
	t.remembered -= len(s.identities)
	s.identities[hash(k)] = struct{}{}
	t.remembered += len(s.identities)
	if t.remembered <= MaxRemembered {
		return
	}
	for _, other := range t.live { // in any order: each is read again when it is needed
		if other != s {
			t.forget(other)
		}
	}
}

func (t *txn) forget(s *session) {
	t.remembered -= len(s.identities)
	s.identities = nil
}

// hash is FNV-1a. Who makes two of their own identities collide makes their own
// messages a little slower.
func hash(k []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, b := range k {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}
