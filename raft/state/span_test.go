package state

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// replaceBy puts another state's rows in the place of s's, under its own prefix.
func replaceBy(t *testing.T, db *pebble.DB, s, other *State) uint64 {
	t.Helper()
	it, applied, err := other.Rows()
	if err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteRange(s.Span(), key(s.Span()).end(), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	for it.First(); it.Valid(); it.Next() {
		k := append(bytes.Clone(s.Span()), it.Key()[len(other.Span()):]...)
		if err := db.Set(k, it.Value(), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return applied
}

func TestAReloadedStateGoesOnAsTheOneItCameFrom(t *testing.T) {
	from := newWorld(t)
	from.open(1, "sales")
	session := from.session(1).ID
	from.must(Put{Site: &Site{ID: "late", Customer: "acme", Departments: []string{"sales"}}, At: noon})

	db := openDB(t, vfs.NewMem())
	defer db.Close()
	s, err := Open(db, []byte("elsewhere/"))
	if err != nil {
		t.Fatal(err)
	}
	s.ApplyBatch([]Entry{{1, Encode(Put{Customer: &Customer{ID: "gone"}, At: noon})}})
	if err := s.Reload(func() error {
		if applied := replaceBy(t, db, s, from.state); applied != from.index {
			t.Errorf("rows of %d, want %d", applied, from.index)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if s.Applied() != from.index {
		t.Errorf("applied %d, want %d", s.Applied(), from.index)
	}
	r := s.Read()
	if _, ok := r.Site("late"); !ok {
		t.Error("a new setting is missing")
	}
	if live := r.Live(); len(live) != 1 || live[0].ID != session {
		t.Errorf("live sessions: %v", live)
	}
	for _, c := range r.Customers() {
		if c.ID == "gone" {
			t.Error("an old setting stayed")
		}
	}
	next := []Entry{{from.index + 1, Encode(EndSession{Session: session, By: "visitor", At: from.now + 1})}}
	want, _ := from.state.ApplyBatch(next)
	if got, _ := s.ApplyBatch(next); got[0] != want[0] {
		t.Errorf("went on with %v, want %v", got, want)
	}
}

func TestAStateThatCannotBeReloadedIsOutOfUse(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("no disk")
	if err := w.state.Reload(func() error { return broken }); !errors.Is(err, broken) || !errors.Is(w.state.Err(), broken) {
		t.Errorf("%v, Err %v", err, w.state.Err())
	}
}
