package edge

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"kohe/dom"
	"kohe/edge/record"
	"kohe/raft/blob"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// shelf keeps recordings in memory, on nodes that can be down.
type shelf struct {
	mu    sync.Mutex
	files map[string]map[blob.Name][]byte // by node
	down  map[string]bool
}

func newShelf() *shelf {
	return &shelf{files: map[string]map[blob.Name][]byte{"n1": {}, "n2": {}, "n3": {}}, down: map[string]bool{}}
}

var errDown = errors.New("the node is down")

func (s *shelf) Holders() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, node := range []string{"n1", "n2", "n3"} {
		if !s.down[node] && len(list) < state.MaxHolders {
			list = append(list, node)
		}
	}
	return list
}

func (s *shelf) Append(_ context.Context, node string, n blob.Name, offset int64, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down[node] {
		return errDown
	}
	if have := s.files[node][n]; int64(len(have)) != offset {
		return blob.Gap{Have: int64(len(have))}
	}
	s.files[node][n] = append(s.files[node][n], b...)
	return nil
}

func (s *shelf) fell(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[node] = true
}

// records returns what was recorded, from whichever node of a segment has more.
func (s *shelf) records(t *testing.T, segments []state.Segment) (list []record.Record) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range segments {
		var file []byte
		for _, node := range g.Nodes {
			if b := s.files[node][blob.Name{Of: g.Session, ID: g.ID}]; len(b) > len(file) {
				file = b
			}
		}
		for _, group := range record.Scan(file).Groups {
			body, err := record.Body(file[group.From:group.To])
			if err != nil {
				t.Fatal(err)
			}
			some, err := record.Records(body)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, some...)
		}
	}
	return list
}

// until waits for something to be true.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(wait); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not yet", what)
		}
	}
}

func TestASessionIsRecordedWhileItsVisitorAllowsIt(t *testing.T) {
	kept := newShelf()
	w := newWorld(t)
	w.edge.Keeper = kept // nobody is here yet
	visitor, _, id := w.shared(t)
	segments := func() []state.Segment {
		list, err := w.cell.Read().Segments(id)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	change := func(version uint64, text string) {
		t.Helper()
		msg := dom.NewDiff(version).Attr(nodeEmail, "title", text).Bytes()
		visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), msg...))
	}
	change(2, "before")
	if len(segments()) != 0 {
		t.Error("what was not allowed is recorded")
	}
	consent := func(on, record bool) {
		t.Helper()
		visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: on, Record: record})
		await(visitor, wire.Session, func(s relay.Session) bool { return s.Consent == on && s.Record == record })
	}
	consent(true, true)
	change(3, "during")
	visitor.send(wire.Pointer, append(wire.AppendSession(nil, id), 2, 4, 0, 8))
	has := func(what string) bool {
		return slices.ContainsFunc(kept.records(t, segments()), func(r record.Record) bool { return bytes.Contains(r.Payload, []byte(what)) })
	}
	until(t, "the change is recorded", func() bool { return has("during") })
	list := kept.records(t, segments())
	if list[0].Kind != record.Page || !bytes.Contains(list[0].Payload, []byte("before")) {
		t.Errorf("it does not begin with the page as it was: %+v", list[0])
	}
	if g := segments(); len(g) != 1 || g[0].Writer != "n1" || !slices.Equal(g[0].Nodes, []string{"n1", "n2"}) {
		t.Errorf("%+v", g)
	}

	kept.fell("n2")
	change(4, "one is gone")
	until(t, "it goes on with others", func() bool { return len(segments()) == 2 })
	change(5, "again with two")
	until(t, "the change is recorded", func() bool { return has("again with two") && has("one is gone") })
	if g := segments(); !slices.Equal(g[1].Nodes, []string{"n1", "n3"}) {
		t.Errorf("%+v", g)
	}

	consent(true, false)
	change(6, "after")
	consent(true, true)
	change(7, "allowed again")
	until(t, "the change is recorded", func() bool { return has("allowed again") })
	for _, r := range kept.records(t, segments()) {
		if r.Kind != record.Page && bytes.Contains(r.Payload, []byte("after")) {
			t.Error("what was not allowed is recorded")
		}
	}
	row, _ := w.cell.Read().Session(id)
	messages, err := w.cell.Read().Messages(id, 0, 100)
	if err != nil || !row.Recorded {
		t.Errorf("%+v, %v", row, err)
	}
	var said []string
	for _, m := range messages {
		if m.Kind == relay.KindConsent {
			said = append(said, m.Text)
		}
	}
	if !slices.Equal(said, []string{"on", "recorded", "on", "recorded"}) {
		t.Errorf("the transcript says %q", said)
	}
}

// A session is recorded though nobody looks, and a page that nobody needs is
// let go of.
func TestARecordingNeedsNobodyWhoLooks(t *testing.T) {
	kept := newShelf()
	w := newWorld(t)
	w.edge.Keeper = kept
	visitor, agent, id := w.shared(t)
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true, Record: true})
	await(visitor, wire.Session, func(s relay.Session) bool { return s.Record })
	agent.send(wire.Watch, wire.WatchPayload{Session: id, On: false})
	l := w.edge.loaded(id)
	l.lingered() // as when the time is over
	l.mu.Lock()
	held := l.mirror.page != nil && l.mirror.lead != nil
	l.mu.Unlock()
	if !held {
		t.Error("the recorded page is let go of")
	}
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: false})
	await(visitor, wire.Session, func(s relay.Session) bool { return !s.Consent })
	until(t, "the page is let go of", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.mirror.page == nil && l.recorder == nil
	})
}
