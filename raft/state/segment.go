package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// Bounds of recordings.
const (
	MaxSegments = 1000   // of one session
	MaxHolders  = 2      // nodes that keep a segment
	MaxRecord   = 10_000 // days that a site keeps recordings
	MaxForget   = 500    // segments that one Forget takes out
)

const day = 24 * 60 * 60 * 1000 // ms

// Segment is a piece of a session's recording: a file of its own on the nodes
// that keep it, written by the session's origin. Another origin, or the loss of
// a node that keeps it, begins a new one.
type Segment struct {
	ID      relay.ID `cbor:"1,keyasint"`
	Session relay.ID `cbor:"2,keyasint"`
	Writer  string   `cbor:"3,keyasint"` // node
	Nodes   []string `cbor:"4,keyasint"` // who keep it
	At      int64    `cbor:"5,keyasint"` // ms since 1970 by the state's clock, when it was begun
}

func (g Segment) same(o Segment) bool {
	return g.ID == o.ID && g.Session == o.Session && g.Writer == o.Writer && slices.Equal(g.Nodes, o.Nodes)
}

func (t *txn) segmentKey(s Segment) key {
	return t.key(tableSegment).id(s.Session).id(s.ID)
}

// ageKey is where Forget finds a segment: the oldest of a site first.
func (t *txn) ageKey(site string, s Segment) key {
	return t.key(tableByAge).name(site).num(uint64(max(s.At, 0))).id(s.Session).id(s.ID)
}

func checkRecord(days int) error {
	if days < 0 || days > MaxRecord {
		return relay.Errorf(relay.CodeInvalid, "Recordings are kept for 0 to %d days.", MaxRecord)
	}
	return nil
}

func (t *txn) addSegment(g Segment, at int64) error {
	s, err := t.storing(g.Session)
	switch {
	case err != nil:
		return err
	case g.ID.IsZero() || len(g.Nodes) == 0 || len(g.Nodes) > MaxHolders:
		return relay.Errorf(relay.CodeInvalid, "A recording has an id and is kept by 1 to %d nodes.", MaxHolders)
	case s.Origin != g.Writer:
		return ErrStale
	case !s.Record || t.sites[s.Site].Record == 0:
		return relay.Errorf(relay.CodeForbidden, "This conversation may not be recorded.")
	}
	if len(g.Nodes) > 1 && g.Nodes[0] == g.Nodes[1] {
		return relay.Errorf(relay.CodeInvalid, "A recording is kept by different nodes.")
	}
	for _, node := range g.Nodes {
		if err := checkKey("node", node); err != nil {
			return err
		}
	}
	var was Segment
	known := t.get(t.segmentKey(g), &was)
	if !known && t.segmentsOf(s.ID) >= MaxSegments {
		return relay.Errorf(relay.CodeTooLarge, "The recording of this conversation is in too many pieces.")
	}
	if known {
		g.At = was.At // said again
		if !was.same(g) {
			return relay.Errorf(relay.CodeConflict, "That part of the recording is kept otherwise.")
		}
		return nil
	}
	g.At = t.now(at) // by the state's clock, which says when it is to be forgotten
	t.set(t.segmentKey(g), g)
	t.setBytes(t.ageKey(s.Site, g), nil)
	if !s.Recorded {
		s.Recorded = true
		t.touch(s)
	}
	return nil
}

// segmentsOf counts a session's segments.
func (t *txn) segmentsOf(session relay.ID) (n int) {
	t.keys(t.key(tableSegment).id(session), func([]byte) bool { n++; return n < MaxSegments })
	return n
}

// keys calls f with the keys that start with k, in order, until it says no.
func (t *txn) keys(k key, f func(k []byte) bool) {
	it, err := t.read().NewIter(&pebble.IterOptions{LowerBound: k, UpperBound: k.end()})
	if err != nil {
		_ = t.fail(err) // noted; the batch is not committed
		return
	}
	for ok := it.First(); ok && f(it.Key()); {
		ok = it.Next()
	}
	if err := it.Close(); err != nil {
		_ = t.fail(err) // likewise
	}
}

// forgetSegments takes out what is older than its site keeps it.
func (t *txn) forgetSegments(at int64) Forgotten {
	now := t.now(at)
	n := 0
	for _, site := range slices.Sorted(maps.Keys(t.sites)) {
		if t.moving(t.sites[site].Customer) {
			continue
		}
		until := now - int64(t.sites[site].Record)*day
		var over []key
		t.keys(t.key(tableByAge).name(site), func(k []byte) bool {
			tail := tail(k, 8+2*len(relay.ID{}))
			if int64(binary.BigEndian.Uint64(tail)) > until {
				return false
			}
			over = append(over, slices.Clone(k))
			return n+len(over) < MaxForget
		})
		for _, k := range over {
			ids := tail(k, 2*len(relay.ID{}))
			t.unset(t.segmentKey(Segment{Session: idAt(ids), ID: idAt(ids[len(relay.ID{}):])}))
			t.unset(k)
		}
		if n += len(over); n >= MaxForget {
			break
		}
	}
	return Forgotten{Segments: n}
}

// Segments returns the pieces of a session's recording in order of time.
func (r *Reader) Segments(session relay.ID) ([]Segment, error) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.key(tableSegment).id(session)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: k, UpperBound: k.end()})
	if err != nil {
		return nil, err
	}
	var list []Segment
	for ok := it.First(); ok; ok = it.Next() {
		var g Segment
		if err := decoder.Unmarshal(it.Value(), &g); err != nil {
			return nil, cmp.Or(it.Close(), err)
		}
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b Segment) int { return cmp.Or(cmp.Compare(a.At, b.At), bytes.Compare(a.ID[:], b.ID[:])) })
	return list, it.Close()
}

// Segment returns one piece of a session's recording.
func (r *Reader) Segment(session, id relay.ID) (Segment, bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	var g Segment
	return g, s.found(s.key(tableSegment).id(session).id(id), &g)
}
