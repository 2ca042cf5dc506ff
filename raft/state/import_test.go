package state

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"kohe/relay"
)

// rowsOf returns every row of a database.
func rowsOf(t testing.TB, db *pebble.DB, prefix string) map[string]string {
	t.Helper()
	rows := map[string]string{}
	err := walk(db, nil, []byte{0xff}, func(k, value []byte) (bool, error) {
		if !strings.HasPrefix(string(k), prefix) {
			t.Errorf("a row outside of the span: %q", k)
			return true, nil
		}
		rows[string(k[len(prefix):])] = string(value)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// restore imports what from exports into a new database.
func restore(t testing.TB, from *State, exported string, plan *Plan, at int64) (*pebble.DB, *State) {
	t.Helper()
	e, err := from.Export(exported)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Each(t.Context(), plan.Learn); err != nil {
		t.Fatal(err)
	}
	if err := plan.Ready(); err != nil {
		t.Fatal(err)
	}
	db := openDB(t, vfs.NewMem())
	t.Cleanup(func() { db.Close() })
	i := NewImport(db, []byte("restored/"), plan)
	if err := e.Each(t.Context(), i.Row); err != nil {
		t.Fatal(err)
	}
	applied, err := i.Finish(at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(db, []byte("restored/"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Applied() != applied || applied != from.Applied()+indexGap {
		t.Errorf("applied %d, %d; of %d", s.Applied(), applied, from.Applied())
	}
	return db, s
}

// same drops from rows the tables that a restore changes.
func same(rows map[string]string) map[string]string {
	changed := []byte{tableMeta, tableNode, tableToken, tableAgent, tableWork, tableLive, tableSegment}
	maps.DeleteFunc(rows, func(k, _ string) bool { return bytes.IndexByte(changed, k[0]) >= 0 })
	return rows
}

// learnFiles says that the backup has the files of all segments.
func learnFiles(t testing.TB, s *State, p *Plan) {
	t.Helper()
	e, err := s.Export("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Segments(t.Context(), func(g Segment) error { p.LearnFile(g.Session, g.ID); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsRestoredIsWhatWasExported(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := drawHistory(r, t)
		db := openDB(t, vfs.NewMem())
		defer db.Close()
		s := openState(t, db)
		s.ApplyBatch(h.entries)
		p := &Plan{Node: "new"}
		learnFiles(t, s, p)
		restored, _ := restore(t, s, "", p, noon)
		want, got := same(rowsOf(t, db, "state/")), same(rowsOf(t, restored, "restored/"))
		if !maps.Equal(want, got) {
			t.Fatalf("restored\n%q\nfrom\n%q", got, want)
		}
	})
}

func TestARestoredClusterHasNobodyConnected(t *testing.T) {
	w := full(t)
	w.open(8, "sales") // offered to ann
	w.open(9, "service")
	at := noon + 24*60*60_000
	p := &Plan{Node: "new"}
	learnFiles(t, w.state, p)
	_, s := restore(t, w.state, "", p, at)
	r := s.Read()
	live := r.Live()
	if len(live) != 4 {
		t.Fatalf("%d live sessions", len(live))
	}
	for _, row := range live {
		was := w.session(int(row.ID[15]))
		if row.State != relay.Waiting || row.Agent != "" || row.AgentName != "" || row.AwaySince != at || row.Epoch != was.Epoch+epochGap || row.Version != s.Applied() || row.Stored != was.Stored {
			t.Errorf("a session came back as %+v", row)
		}
	}
	if place := r.Place(sid(0)); place != 1 { // the one that was in conversation
		t.Errorf("its place is %d", place)
	}
	for _, id := range []string{"ann", "bob", "oto"} {
		was, _ := w.state.Read().Agent(id)
		now, _ := r.Agent(id)
		desk, _ := r.Desk(id)
		if now.Generation != was.Generation+generationGap || now.Password != was.Password || desk.State != relay.SignedOut || desk.Online || desk.Load != 0 {
			t.Errorf("%s: %+v, %+v", id, now, desk)
		}
	}
	if _, known := r.Node("n1"); known || len(s.joins) != 0 {
		t.Error("a node or a join token of the old cluster is known")
	}
	list, err := r.Segments(sid(0))
	if err != nil || len(list) != 1 || !slices.Equal(list[0].Nodes, []string{"new"}) || list[0].Writer != "n1" {
		t.Errorf("segments %+v, %v", list, err)
	}
	if hits, err := r.Search(SearchQuery{Customer: "acme", Sites: []string{"shop"}, Departments: []string{"sales"}, Text: "päevast"}); err != nil || len(hits) == 0 {
		t.Errorf("found %v, %v", hits, err)
	}

	// The visitors have AwayTime from the restore on; one comes back, and somebody helps.
	next := func(c Command) error {
		results, _ := s.ApplyBatch([]Entry{{s.Applied() + 1, Encode(c)}})
		return results[0].Err
	}
	for _, c := range []Command{
		SetOnline{Session: sid(0), Node: "new", On: true, At: at + 1},
		SetAgentOnline{Agent: "ann", Node: "new", On: true, At: at + 2},
		SetAgentState{Agent: "ann", State: relay.Service, At: at + 2},
		Tick{At: at + 31*60_000},
	} {
		if err := next(c); err != nil {
			t.Fatal(err)
		}
	}
	if live := r.Live(); len(live) != 1 || live[0].ID != sid(0) {
		t.Errorf("half an hour later: %+v", live)
	}
}

func TestASegmentWithoutItsFileIsNotRestored(t *testing.T) {
	w := full(t)
	p := &Plan{Node: "new"}
	p.LearnFile(sid(0), vid(0))
	db, s := restore(t, w.state, "", p, noon)
	for n := range 4 {
		list, err := s.Read().Segments(sid(n))
		if err != nil || (len(list) == 1) != (n == 0) {
			t.Errorf("session %d: %+v, %v", n, list, err)
		}
	}
	ages := 0
	for k := range rowsOf(t, db, "restored/") {
		if k[0] == tableByAge {
			ages++
		}
	}
	if ages != 1 {
		t.Errorf("%d ages of one segment", ages)
	}
}

// noTraceOf fails if a row has anything of a customer in it. full's customers
// share no word but these.
func noTraceOf(t *testing.T, rows map[string]string, customer string, words ...string) {
	t.Helper()
	for k, v := range rows {
		for _, word := range append(words, customer) {
			if strings.Contains(k, word) || strings.Contains(v, word) {
				t.Errorf("%q is in the row %q = %q", word, k, v)
			}
		}
	}
}

func TestOneCustomersRowsAreRestoredAndNoOthers(t *testing.T) {
	w := full(t)
	others := []string{"blog", "desk", "oto", "OTO", string(sliceOf(sid(2))), string(sliceOf(sid(3))), string(sliceOf(vid(2))), string(sliceOf(vid(3)))}
	for what, exported := range map[string]string{"from a backup of everything": "", "from a backup of the customer": "acme"} {
		p := &Plan{Node: "new", Customer: "acme"}
		for n := range 4 {
			p.LearnFile(sid(n), vid(n))
		}
		db, s := restore(t, w.state, exported, p, noon)
		got := rowsOf(t, db, "restored/")
		noTraceOf(t, got, "other", others...)
		want := same(rowsOf(t, w.db, "state/"))
		maps.DeleteFunc(want, func(k, _ string) bool {
			o, err := ownerOf([]byte(k))
			if err != nil {
				t.Fatal(err)
			}
			is, err := newOwners(t, w.state).of(o)
			return err != nil || is != "acme"
		})
		if got := same(got); !maps.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: restored\n%q\nwant\n%q", what, got, want)
		}
		if !p.Wants(sid(0)) || p.Wants(sid(2)) {
			t.Errorf("%s: the wrong files are wanted", what)
		}
		if live := s.Read().Live(); len(live) != 1 || live[0].ID != sid(0) {
			t.Errorf("%s: live are %+v", what, live)
		}
	}
	p := &Plan{Customer: "nobody"}
	e, err := w.state.Export("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Each(t.Context(), p.Learn); err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(); err == nil {
		t.Error("a customer who is not there can be restored")
	}
}

func sliceOf(id relay.ID) []byte { return id[:] }

func newOwners(t testing.TB, s *State) *rowCustomers {
	t.Helper()
	rows, _, err := s.Rows()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	return &rowCustomers{state: s, rows: rows}
}

func TestAnExportIsOfOneMoment(t *testing.T) {
	w := full(t)
	e, err := w.state.Export("acme")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	w.open(8, "sales")
	w.must(Put{Customer: &Customer{ID: "acme", Name: "Renamed"}, At: noon})
	var i Inventory
	if err := e.Each(t.Context(), func(k, v []byte) error {
		if bytes.Contains(v, []byte("Renamed")) {
			t.Error("it is of a later moment")
		}
		return i.Add(k)
	}); err != nil {
		t.Fatal(err)
	}
	want := Inventory{Customers: []string{"acme"}, Sites: 1, Agents: 3, Visitors: 2, Sessions: 2, Messages: 3, Recordings: 2, Cards: 1, recorded: sid(1)}
	if !reflect.DeepEqual(i, want) {
		t.Errorf("%+v, want %+v", i, want)
	}
}

// FuzzImport: whatever the rows of a backup are, a restore ends with an error or
// with a state that opens and goes on.
func FuzzImport(f *testing.F) {
	w := full(f)
	for k, v := range rowsOf(f, w.db, "state/") {
		f.Add([]byte(k), []byte(v))
	}
	f.Add(append([]byte{tableLive}, sliceOf(sid(1))...), []byte{0xa0})
	f.Fuzz(func(t *testing.T, k, v []byte) {
		db := openDB(t, vfs.NewMem())
		defer db.Close()
		p := &Plan{Node: "new"}
		if p.Learn(k, v) != nil {
			return
		}
		i := NewImport(db, []byte("restored/"), p)
		defer i.Close()
		if i.Row(k, v) != nil {
			return
		}
		if _, err := i.Finish(noon); err != nil {
			return
		}
		s, err := Open(db, []byte("restored/"))
		if err != nil {
			t.Fatalf("%q = %x was restored, and then: %v", k, v, err)
		}
		s.ApplyBatch([]Entry{{s.Applied() + 1, Encode(Tick{At: noon + 60*60_000})}})
		if err := s.Err(); err != nil {
			t.Errorf("%q = %x was restored, and then: %v", k, v, err)
		}
	})
}
