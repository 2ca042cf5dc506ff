package state

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// everyTable returns the tables that keys.go names.
func everyTable(t *testing.T) map[string]byte {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string]byte{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "table") {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			tables[spec.Names[0].Name] = text[0]
		}
		return true
	})
	return tables
}

// full is a world with a row in every table, for the customer acme and, as far
// as tables belong to one, for the customer other.
func full(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.must(StartEdge{Node: "n1", At: noon})
	w.must(PutToken{Hash: make([]byte, 32), Role: CoreNode, ExpiresAt: noon * 2, At: noon})
	w.work("ann")
	w.work("oto")
	for n := range 4 { // 0, 1: acme, 2, 3: other; the odd ones end
		site, by := "shop", "ann"
		if n >= 2 {
			site, by = "blog", "oto"
			row, _ := w.state.Read().Site(site)
			row.Record, row.CoBrowse = 30, true
			w.must(Put{Site: &row, At: noon})
		}
		w.must(OpenSession{Session: sid(n), Site: site, Visitor: vid(n), Name: "Mari", URL: "https://shop.example/", Node: "n1", At: noon})
		w.must(Answer{Session: sid(n), Agent: by, Assignment: 1, Accept: true, At: noon})
		w.must(SetConsent{Session: sid(n), On: true, Record: true, At: noon})
		w.must(AddSegment{Segment: Segment{ID: vid(n), Session: sid(n), Writer: "n1", Nodes: []string{"n1", "n2"}}, At: noon})
		if _, err := w.append(n, 1, text(n, 1, visitor(n), "m1", "tere päevast")); err != nil {
			t.Fatal(err)
		}
		w.must(Put{Card: &Card{ID: "c1", Site: site, Department: w.session(n).Department, Visitor: vid(n), Text: "helista", At: noon}, At: noon})
		if n%2 == 1 {
			w.must(EndSession{Session: sid(n), By: "visitor", At: noon})
		}
	}
	w.must(Tick{At: noon + IndexDelay}) // what is said before it is in the search index
	for _, n := range []int{0, 2} {
		if _, err := w.append(n, 1, text(n, 2, visitor(n), "m2", "head aega")); err != nil {
			t.Fatal(err)
		}
	}
	w.must(PutCell{Cell: Cell{Number: 2, Founder: "n1"}, At: noon})
	w.must(Arrive{Customer: "third", Move: 1, Rows: []Row{{[]byte("cthird\x00"), marshal(Customer{ID: "third", Moves: 1})}}, At: noon})
	w.must(Reserve{Customer: "fourth", Cell: 2, Site: "fourths", At: noon})
	return w
}

func TestEveryTableHasAnOwner(t *testing.T) {
	w := full(t)
	seen := map[byte]bool{}
	whose := map[byte]map[string]bool{}
	e, err := w.state.Export("")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for ok := e.rows.First(); ok; ok = e.rows.Next() {
		k := e.rows.Key()[e.prefix:]
		o, err := ownerOf(k)
		if err != nil {
			t.Errorf("the table %q: %v", k[0], err)
			continue
		}
		seen[k[0]] = true
		if o.kind < ofCustomer {
			continue
		}
		is, err := e.by.of(o)
		if is == "third" {
			continue // on the way
		}
		if err != nil || is != "acme" && is != "other" {
			t.Errorf("the row %q belongs to %q, %v", k, is, err)
		}
		if whose[k[0]] == nil {
			whose[k[0]] = map[string]bool{}
		}
		whose[k[0]][is] = true
	}
	none := map[string]bool{"tableMeta": true, "tableNode": true, "tableToken": true, "tableMove": true, "tableArrival": true, "tableCell": true, "tableReserved": true} // belong to no customer
	for name, table := range everyTable(t) {
		switch {
		case !seen[table]:
			t.Errorf("%s: no rule (ownerOf), or no row of it in this test (full)", name)
		case none[name] != (whose[table] == nil):
			t.Errorf("%s: belongs to a customer: %v", name, whose[table])
		case !none[name] && len(whose[table]) != 2:
			t.Errorf("%s: rows of %v only", name, whose[table])
		}
	}
}

func TestAKeyOfNoTableHasNoOwner(t *testing.T) {
	for _, k := range []string{
		"", "m1", "n", "nn1", "c", "c\x00", "cacme", "cacme\x00x", "lshort", "l" + strings.Repeat("\x00", 16), "Z" + strings.Repeat("1", 16),
		"t" + strings.Repeat("1", 23), "i" + strings.Repeat("1", 16) + "a\x00b\x00", "p" + strings.Repeat("1", 8), "hacme\x00short", "xacme\x00word\x00",
	} {
		if o, err := ownerOf([]byte(k)); err == nil {
			t.Errorf("%q belongs to %+v", k, o)
		}
	}
}

func TestBothWaysToFindAnOwnerAgree(t *testing.T) {
	w := full(t)
	for _, customer := range []string{"acme", "other"} {
		e, err := w.state.Export(customer)
		if err != nil {
			t.Fatal(err)
		}
		one := newOneCustomer(customer)
		for ok := e.rows.First(); ok; ok = e.rows.Next() {
			if err := one.learn(e.rows.Key()[e.prefix:], e.rows.Value()); err != nil {
				t.Fatal(err)
			}
		}
		for ok := e.rows.First(); ok; ok = e.rows.Next() {
			k := e.rows.Key()[e.prefix:]
			looked, err1 := selects(k, customer, e.by)
			learned, err2 := selects(k, customer, one)
			if looked != learned || err1 != nil || err2 != nil {
				t.Errorf("%q of %s: %v or %v, %v, %v", k, customer, looked, learned, err1, err2)
			}
		}
		var moved, saved []string
		for _, piece := range piecesOf(t, w.state, customer, MaxArrive) {
			for _, r := range piece {
				moved = append(moved, string(r.Key))
			}
		}
		if err := e.Each(t.Context(), func(k, _ []byte) error {
			if k[0] != tableMeta {
				saved = append(saved, string(k))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		slices.Sort(moved)
		if !slices.Equal(moved, saved) || len(saved) < 15 {
			t.Errorf("of %s move %q, and a backup has %q", customer, moved, saved)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
