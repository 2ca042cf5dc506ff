package state

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"kohe/relay"
)

// piecesOf returns the rows of a customer in pieces, as Arrive takes them.
func piecesOf(t testing.TB, s *State, customer string, size int) (pieces [][]Row) {
	t.Helper()
	var piece []Row
	err := s.Read().Belongings(t.Context(), customer, func(r Row) error {
		piece = append(piece, Row{slices.Clone(r.Key), slices.Clone(r.Value)})
		if len(piece) == size {
			pieces, piece = append(pieces, piece), nil
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(pieces, piece)
}

// newCell is a world with nothing in it.
func newCell(t testing.TB) *world {
	t.Helper()
	db := openDB(t, vfs.NewMem())
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, db: db, state: openState(t, db), now: noon}
}

// move brings acme from one cell to the other.
func move(from, to *world, number uint64) {
	from.t.Helper()
	at := max(from.state.clock, to.state.clock)
	from.must(Depart{Customer: "acme", Move: number, To: 2, At: at})
	for _, piece := range piecesOf(from.t, from.state, "acme", 7) {
		to.must(Arrive{Customer: "acme", Move: number, Rows: piece, At: at})
	}
	to.must(Settle{Customer: "acme", Move: number, Started: from.state.Read().Started(), At: at})
	leave(from, number)
}

func leave(w *world, number uint64) {
	w.t.Helper()
	for {
		w.must(Leave{Customer: "acme", Move: number, At: w.state.clock})
		if m, ok := w.state.Read().Move("acme"); !ok || m.Phase == Gone {
			return
		}
	}
}

// rowsOfCustomer prints the rows of a customer, without what a move changes: the
// versions of sessions, and which move it was.
func rowsOfCustomer(t testing.TB, w *world, customer string) (list []string) {
	t.Helper()
	for _, piece := range piecesOf(t, w.state, customer, MaxArrive) {
		for _, r := range piece {
			value := r.Value
			switch r.Key[0] {
			case tablePending:
				continue // ordered by the log of the cell that they came from
			case tableCustomer:
				var row Customer
				if err := decoder.Unmarshal(value, &row); err != nil {
					t.Fatal(err)
				}
				row.Moves = 0
				value = marshal(row)
			case tableLive, tableEnded:
				var row session
				if err := decoder.Unmarshal(value, &row); err != nil {
					t.Fatal(err)
				}
				row.Row.Version = 0
				value = marshal(row)
			}
			list = append(list, fmt.Sprintf("%q = %x", r.Key, value))
		}
	}
	slices.Sort(list)
	return list
}

func TestAMovedCustomerIsWhatTheyWouldBeAtHome(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		model, cells := newWorld(t), []*world{newWorld(t), newCell(t)}
		for _, w := range append(cells, model) {
			w.t = t
		}
		home, now, moves := 0, noon, uint64(0)
		both := func(c Command) {
			for _, w := range append(cells, model) {
				w.do(c) // what comes of it is compared
			}
		}
		for range rapid.IntRange(1, 60).Draw(rt, "commands") {
			now += rapid.SampledFrom([]int64{-1000, 0, 1, 1000, 20_000, 30_000}).Draw(rt, "passes")
			if rapid.IntRange(0, 9).Draw(rt, "move") == 0 {
				moves++
				if rapid.Bool().Draw(rt, "given up") {
					giveUp(rt, cells[home], cells[1-home], moves)
				} else {
					moveRoughly(rt, cells[home], cells[1-home], moves)
					home = 1 - home
				}
				continue
			}
			switch c := drawCommand(rt, model.state, now).(type) {
			case StartEdge, PutNode, RemoveNode, LoseEdge:
				both(c)
			default:
				want, wantErr := model.do(c)
				got, err := cells[home].do(c)
				if fmt.Sprint(withoutVersion(got), err) != fmt.Sprint(withoutVersion(want), wantErr) {
					rt.Fatalf("%T: %+v, %v; want %+v, %v", c, got, err, want, wantErr)
				}
			}
		}
		for range 20 { // until all is in the search index
			now += 2 * IndexDelay
			both(Tick{At: max(now, model.state.clock)})
		}
		got, want := rowsOfCustomer(t, cells[home], "acme"), rowsOfCustomer(t, model, "acme")
		if more, less := minus(got, want), minus(want, got); len(more)+len(less) > 0 {
			rt.Fatalf("after %d moves\n%v\nin place of\n%v", moves, more, less)
		}
		if moves > 0 {
			if left := rowsOfCustomer(t, cells[1-home], "acme"); len(left) > 0 {
				rt.Fatalf("left behind: %v", left)
			}
		}
		for _, who := range []string{"ann", "bob"} {
			got, _ := cells[home].state.Read().Desk(who)
			want, _ := model.state.Read().Desk(who)
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				rt.Fatalf("%+v; want %+v", got, want)
			}
		}
	})
}

func withoutVersion(v any) any {
	if c, ok := v.(Claimed); ok {
		c.Session.Version = 0
		return c
	}
	return v
}

// moveRoughly moves acme with repetitions and restarts at every step.
func moveRoughly(rt *rapid.T, from, to *world, number uint64) {
	perhaps := func(w *world, c Command) {
		w.must(c)
		if rapid.IntRange(0, 3).Draw(rt, "again") == 0 {
			w.must(c)
		}
		if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
			w.reopen()
		}
	}
	at := max(from.state.clock, to.state.clock)
	perhaps(from, Depart{Customer: "acme", Move: number, To: 2, At: at})
	stays(rt, from)
	for _, piece := range piecesOf(from.t, from.state, "acme", rapid.IntRange(1, 40).Draw(rt, "piece")) {
		perhaps(to, Arrive{Customer: "acme", Move: number, Rows: piece, At: at})
	}
	stays(rt, to)
	perhaps(to, Settle{Customer: "acme", Move: number, Started: from.state.Read().Started(), At: at})
	for {
		perhaps(from, Leave{Customer: "acme", Move: number, At: at})
		if m, _ := from.state.Read().Move("acme"); m.Phase == Gone {
			return
		}
	}
}

// giveUp begins to move acme, and does not.
func giveUp(rt *rapid.T, from, to *world, number uint64) {
	at := from.state.clock
	from.must(Depart{Customer: "acme", Move: number, To: 2, At: at})
	pieces := piecesOf(from.t, from.state, "acme", 10)
	for _, piece := range pieces[:rapid.IntRange(0, len(pieces)).Draw(rt, "pieces")] {
		to.must(Arrive{Customer: "acme", Move: number, Rows: piece, At: to.state.clock})
	}
	leave(to, number)
	from.must(Stay{Customer: "acme", Move: number, At: at})
}

// stays expects that nothing about acme is done.
func stays(rt *rapid.T, w *world) {
	before := dump(w.t, w.db, w.state)
	for range 3 {
		switch c := drawCommand(rt, w.state, w.state.clock).(type) {
		case StartEdge, PutNode, RemoveNode, LoseEdge, Forget: // of nobody; and Forget would put the clock forward
		default:
			_, tick := c.(Tick)
			if _, err := w.do(c); err == nil && !tick {
				rt.Fatalf("%T of one who moves was done", c)
			}
		}
	}
	if after := dump(w.t, w.db, w.state); after != before {
		rt.Fatalf("before\n%s\nafter\n%s", before, after)
	}
}

// minus returns what of a list is not in another.
func minus(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

func TestAVersionRisesInACellWithAShorterLogToo(t *testing.T) {
	w, other := newWorld(t), newCell(t)
	w.open(1, "sales")
	for range 50 {
		w.must(Tick{At: w.now})
	}
	w.must(SetConsent{Session: sid(1), On: true, At: w.now})
	before, _ := w.state.Read().Session(sid(1))
	move(w, other, 1)
	other.must(SetConsent{Session: sid(1), On: false, At: w.now})
	after, ok := other.state.Read().Session(sid(1))
	if !ok || after.Version <= before.Version || other.index > before.Version {
		t.Errorf("version %d after %d, at the index %d", after.Version, before.Version, other.index)
	}
}

func TestWhoWasConnectedAtANodeThatHasStartedAnewIsNot(t *testing.T) {
	for name, anew := range map[string]bool{"the same node": false, "another one of its name": true} {
		t.Run(name, func(t *testing.T) {
			w, other := newWorld(t), newCell(t)
			w.must(StartEdge{Node: "n1", At: noon})
			other.must(StartEdge{Node: "n1", At: noon})
			w.open(1, "sales")
			w.must(SetAgentOnline{Agent: "ann", Node: "n1", On: true, At: noon})
			w.must(Depart{Customer: "acme", Move: 1, To: 2, At: noon})
			if anew {
				w.must(StartEdge{Node: "n1", At: noon + 1}) // while nobody takes anything out of their rows
				other.must(StartEdge{Node: "n1", At: noon + 1})
			}
			for _, piece := range piecesOf(t, w.state, "acme", MaxArrive) {
				other.must(Arrive{Customer: "acme", Move: 1, Rows: piece, At: noon})
			}
			m, _ := w.state.Read().Move("acme")
			other.must(Settle{Customer: "acme", Move: 1, Started: m.Started, At: noon + 2})
			w.must(Stay{Customer: "acme", Move: 1, At: noon + 2}) // as if it had been given up
			for where, r := range map[string]*Reader{"where they settled": other.state.Read(), "where they stay": w.state.Read()} {
				ann, _ := r.Desk("ann")
				row, _ := r.Session(sid(1))
				if ann.Online == anew || (row.AwaySince != 0) != anew {
					t.Errorf("%s: ann is online: %v; the visitor is away since %d", where, ann.Online, row.AwaySince)
				}
			}
		})
	}
}

func TestNobodyTakesTheNameOfAnothersSite(t *testing.T) {
	w, other := newWorld(t), newCell(t)
	other.must(Put{Customer: &Customer{ID: "third"}, Department: &Department{ID: "third", Customer: "third"}, Site: &Site{ID: "shop", Customer: "third", Departments: []string{"third"}}, At: noon})
	w.must(Depart{Customer: "acme", Move: 1, To: 2, At: noon})
	var refused error
	for _, piece := range piecesOf(t, w.state, "acme", 1) {
		if len(piece) > 0 && piece[0].Key[0] == tableSite {
			_, refused = other.do(Arrive{Customer: "acme", Move: 1, Rows: piece, At: noon})
		}
	}
	if relay.CodeOf(refused) != relay.CodeConflict {
		t.Error(refused)
	}
	w.must(Stay{Customer: "acme", Move: 1, At: noon})
	w.open(1, "sales") // as if nothing had been
	if site, _ := other.state.Read().Site("shop"); site.Customer != "third" {
		t.Errorf("the site is %q's", site.Customer)
	}
}

func TestWhoGoesOnWithAMoveThatIsOverChangesNothing(t *testing.T) {
	w, other := newWorld(t), newCell(t)
	w.must(Depart{Customer: "acme", Move: 1, To: 2, At: noon})
	old := piecesOf(t, w.state, "acme", MaxArrive)[0]
	leave(other, 1) // given up before anything had arrived
	w.must(Stay{Customer: "acme", Move: 1, At: noon})
	w.open(1, "sales")
	late := map[string]func() error{
		"depart":         func() error { return refused(w, Depart{Customer: "acme", Move: 1, To: 2, At: noon}) },
		"depart, leap":   func() error { return refused(w, Depart{Customer: "acme", Move: 9, To: 2, At: noon}) },
		"arrive":         func() error { return refused(other, Arrive{Customer: "acme", Move: 1, Rows: old, At: noon}) },
		"settle":         func() error { return refused(other, Settle{Customer: "acme", Move: 1, At: noon}) },
		"arrive at home": func() error { return refused(w, Arrive{Customer: "acme", Move: 1, Rows: old, At: noon}) },
	}
	for step, try := range late {
		if err := try(); relay.CodeOf(err) != relay.CodeConflict && step != "arrive at home" {
			t.Errorf("%s, given up: %v", step, err)
		}
	}
	move(w, other, 2)
	for step, try := range late {
		if err := try(); err == nil && step != "depart" { // there they are not
			t.Errorf("%s, while another cell has them: %v", step, err)
		}
	}
	w.must(Leave{Customer: "acme", Move: 1, At: noon})
	if err := refused(other, Leave{Customer: "acme", Move: 2, At: noon}); relay.CodeOf(err) != relay.CodeConflict {
		t.Errorf("leave where they have settled: %v", err) // who gives a move up has to hear that it is too late
	}
	if _, here := other.state.Read().Customer("acme"); !here {
		t.Error("they are not where they moved to")
	}
	if m, _ := w.state.Read().Move("acme"); m.Number != 2 || m.Phase != Gone {
		t.Errorf("%+v", m)
	}
	if row, ok := other.state.Read().Session(sid(1)); !ok || row.State == relay.Ended {
		t.Errorf("%+v, %v", row, ok)
	}
}

func refused(w *world, c Command) error {
	_, err := w.do(c)
	return err
}

func TestAnIDIsOfOneCustomerInAllCells(t *testing.T) {
	first, second := newWorld(t), newCell(t)
	first.must(PutCell{Cell: Cell{Number: 2, Founder: "n1"}, At: noon})
	first.must(Reserve{Customer: "bank", Cell: 2, Site: "bank-site", Agent: "eve", At: noon})
	first.must(Reserve{Customer: "bank", Cell: 2, Site: "bank-site", At: noon}) // again
	conflicts := map[string]Command{
		"a customer who is reserved":               Put{Customer: &Customer{ID: "bank"}, At: noon},
		"a customer reserved for another cell":     Reserve{Customer: "bank", Cell: 3, At: noon},
		"a customer who is here":                   Reserve{Customer: "acme", Cell: 2, At: noon},
		"a site that is reserved":                  Put{Site: &Site{ID: "bank-site", Customer: "acme", Departments: []string{"sales"}}, At: noon},
		"a site of one who is here":                Reserve{Customer: "bank", Site: "shop", At: noon},
		"a department of one who is here":          Reserve{Customer: "bank", Department: "sales", At: noon},
		"an agent of one who is here":              Reserve{Customer: "bank", Agent: "ann", At: noon},
		"an agent who is reserved":                 Put{Agent: &Agent{ID: "eve", Customer: "acme", Role: relay.RoleAgent}, At: noon},
		"a site that is reserved, for another yet": Reserve{Customer: "third", Site: "bank-site", At: noon},
	}
	try := func(when string) {
		t.Helper()
		for what, c := range conflicts {
			if err := refused(first, c); relay.CodeOf(err) != relay.CodeConflict {
				t.Errorf("%s, %s: %v", what, when, err)
			}
		}
	}
	try("at first")
	first.reopen()
	try("after a restart")
	for n := range MaxLeave + 1 { // more than one Leave forgets
		first.must(OpenSession{Session: sid(n + 10), Site: "shop", Department: "sales", Visitor: vid(n + 10), Name: "Mari", Node: "n1", At: noon})
	}
	first.must(Depart{Customer: "acme", Move: 1, To: 2, At: noon})
	for _, piece := range piecesOf(t, first.state, "acme", MaxArrive) {
		second.must(Arrive{Customer: "acme", Move: 1, Rows: piece, At: noon})
	}
	second.must(Settle{Customer: "acme", Move: 1, Started: first.state.Read().Started(), At: noon})
	taken := Put{Customer: &Customer{ID: "new"}, Site: &Site{ID: "shop", Customer: "new"}, At: noon}
	for step := range 3 {
		if err := refused(first, taken); relay.CodeOf(err) != relay.CodeConflict {
			t.Errorf("after %d steps of leaving: %v", step, err)
		}
		if _, left := first.state.Read().Move("acme"); !left {
			t.Fatal("they have not departed")
		}
		first.must(Leave{Customer: "acme", Move: 1, At: noon})
	}
	leave(first, 1)
	for what, c := range map[string]Command{
		"a customer who has left":       Reserve{Customer: "acme", Cell: 2, At: noon},
		"a site of one who has left":    Reserve{Customer: "bank", Site: "shop", At: noon},
		"an agent of one who has left":  Reserve{Customer: "bank", Agent: "ann", At: noon},
		"a site of one who has left, 2": Put{Customer: &Customer{ID: "new"}, Site: &Site{ID: "shop", Customer: "new"}, At: noon},
	} {
		if err := refused(first, c); relay.CodeOf(err) != relay.CodeConflict {
			t.Errorf("%s: %v", what, err)
		}
	}
	first.must(Reserve{Customer: "acme", Site: "shop2", At: noon})
}

func TestACellIsSeatedOrGivenUp(t *testing.T) {
	w := newWorld(t)
	for number := range uint64(3) {
		w.must(PutCell{Cell: Cell{Number: 2 + number, Founder: "n1"}, At: noon})
	}
	w.must(SeatCell{Number: 2, At: noon})
	w.must(SeatCell{Number: 3, GivenUp: true, At: noon})
	w.must(SeatCell{Number: 3, GivenUp: true, At: noon})
	w.reopen()
	var phases []Seating
	for _, c := range w.state.Read().Cells() {
		phases = append(phases, c.Phase)
	}
	if want := []Seating{Seated, GivenUp, BeingSeated}; !slices.Equal(phases, want) {
		t.Errorf("%v; want %v", phases, want)
	}
	for _, c := range []Command{SeatCell{Number: 2, GivenUp: true, At: noon}, SeatCell{Number: 3, At: noon}} {
		if err := refused(w, c); relay.CodeOf(err) != relay.CodeConflict {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := refused(w, SeatCell{Number: 9, At: noon}); relay.CodeOf(err) != relay.CodeNotFound {
		t.Error(err)
	}
	for number := uint64(5); number <= MaxCells+1; number++ { // one was given up, and the first is one too
		w.must(PutCell{Cell: Cell{Number: number, Founder: "n1"}, At: noon})
	}
	if err := refused(w, PutCell{Cell: Cell{Number: MaxCells + 2, Founder: "n1"}, At: noon}); relay.CodeOf(err) != relay.CodeInvalid {
		t.Errorf("more than %d cells: %v", MaxCells, err)
	}
}
