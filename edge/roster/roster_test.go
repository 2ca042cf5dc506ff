package roster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kohe/relay"
	"kohe/relay/wire"
)

const t0 = int64(1_800_000_000_000)

func anybody() Visitor { return Visitor{Lang: "et", Invite: func(wire.InvitationPayload) {}} }

func at(url string) wire.PresencePayload {
	return wire.PresencePayload{Visit: relay.NewID(), URL: url}
}

func urls(rows []wire.Visit) (list []string) {
	for _, r := range rows {
		list = append(list, r.URL)
	}
	return list
}

func top(r *Roster, sort wire.Sort, filter string, limit int, now int64) []string {
	rows, _ := r.Top(Query{Site: "shop", Sort: sort, Filter: filter, Limit: limit}, now)
	return urls(rows)
}

func TestVisitsComeInTheOrderOfTheirPages(t *testing.T) {
	r := New()
	var tabs []*Tab
	for i, url := range []string{"/a", "/b", "/c"} {
		tab := r.Open("shop", anybody())
		tab.Tell(at(url), t0+int64(i))
		tabs = append(tabs, tab)
	}
	p := tabs[0].page
	p.URL = "/a2"
	tabs[0].Tell(p, t0+10)
	old := at("/old")
	old.PageMS = 60_000
	r.Open("shop", anybody()).Tell(old, t0+20)
	for _, c := range []struct {
		sort   wire.Sort
		filter string
		limit  int
		want   []string
	}{
		{wire.SortNewest, "", 10, []string{"/a2", "/c", "/b", "/old"}},
		{wire.SortLongest, "", 2, []string{"/old", "/b"}},
		{wire.SortNewest, "A2", 10, []string{"/a2"}},
		{wire.SortNewest, "nowhere", 10, nil},
	} {
		if got := top(r, c.sort, c.filter, c.limit, t0+30); !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %v, want %v", c.sort, c.filter, got, c.want)
		}
	}
	if got := top(r, wire.SortNewest, "", 10, t0+30); len(got) != 4 {
		t.Fatal(got)
	}
}

func TestAPageLoadIsNoLeave(t *testing.T) {
	r := New()
	first, second := r.Open("shop", anybody()), at("/next")
	before := at("/first")
	second.Visit = before.Visit
	first.Tell(before, t0)
	first.Close(t0 + 100)
	if got := top(r, "", "", 10, t0+100); !slices.Equal(got, []string{"/first"}) {
		t.Fatalf("while the page loads: %v", got)
	}
	next := r.Open("shop", anybody())
	next.Tell(second, t0+300)
	if got := top(r, "", "", 10, t0+100+2*linger); !slices.Equal(got, []string{"/next"}) {
		t.Fatalf("after it: %v", got)
	}
	next.Close(t0 + 5000)
	rows, all := r.Top(Query{Site: "shop", Limit: 10}, t0+5000+linger)
	if len(rows) != 0 || all != 0 || r.size != 0 || len(r.leaving) != 0 {
		t.Fatalf("after the last: %v, %d counted, %d listed, %d leaving", rows, all, r.size, len(r.leaving))
	}
}

func TestAVisitorWithSeveralTabsIsOneRow(t *testing.T) {
	r := New()
	who := anybody()
	who.ID = relay.NewID()
	a, b := r.Open("shop", who), r.Open("shop", who)
	a.Tell(at("/a"), t0)
	b.Tell(at("/b"), t0+1)
	rows, all := r.Top(Query{Site: "shop", Limit: 10}, t0+2)
	if len(rows) != 1 || all != 1 || rows[0].URL != "/b" || rows[0].Tabs != 2 || !rows[0].Known || rows[0].ID != who.ID {
		t.Fatalf("%d counted: %+v", all, rows)
	}
	b.Close(t0 + 3)
	if got := top(r, "", "", 10, t0+4); !slices.Equal(got, []string{"/a"}) {
		t.Fatalf("the other tab: %v", got)
	}
}

func TestWhoOpensAChatStaysOneVisit(t *testing.T) {
	r := New()
	quiet, p := r.Open("shop", anybody()), at("/a")
	quiet.Tell(p, t0)
	quiet.Close(t0 + 10)
	who := anybody()
	who.ID = relay.NewID()
	r.Open("shop", who).Tell(p, t0+20)
	rows, all := r.Top(Query{Site: "shop", Limit: 10}, t0+30)
	if len(rows) != 1 || all != 1 || rows[0].ID != who.ID {
		t.Fatalf("%d counted: %+v", all, rows)
	}
}

func TestWhoAcceptsAnInvitationCanBeInvitedAgainAfterTheChat(t *testing.T) {
	r := New()
	quiet, p := r.Open("shop", anybody()), at("/a")
	quiet.Tell(p, t0)
	if err := r.Invite("shop", p.Visit, "Mari", t0+1); err != nil {
		t.Fatal(err)
	}
	quiet.Answer(true)
	quiet.Close(t0 + 2)
	visitor := Visitor{ID: relay.NewID()}
	chat := r.Open("shop", visitor)
	chat.Tell(p, t0+3)
	row := func() wire.Visit {
		rows, _ := r.Top(Query{Site: "shop", Limit: 10}, t0+10)
		if len(rows) != 1 {
			t.Fatalf("%d rows", len(rows))
		}
		return rows[0]
	}
	if v := row(); v.ID != visitor.ID || v.Was != p.Visit || v.Invited != wire.InvitedAccepted {
		t.Fatalf("in the chat: %+v", v)
	}
	if err := r.Invite("shop", visitor.ID, "Mari", t0+4); relay.CodeOf(err) != relay.CodeConflict {
		t.Fatalf("invited in the chat: %v", err)
	}
	chat.Close(t0 + 5)
	after := anybody()
	after.ID = visitor.ID
	r.Open("shop", after).Tell(p, t0+6)
	if v := row(); v.Was != p.Visit || v.Invited != "" {
		t.Fatalf("after the chat: %+v", v)
	}
	if err := r.Invite("shop", visitor.ID, "Mari", t0+7); err != nil {
		t.Fatalf("invited after the chat: %v", err)
	}
}

func TestNobodyTakesTheRowOfAnother(t *testing.T) {
	r := New()
	who := anybody()
	who.ID = relay.NewID()
	r.Open("shop", who).Tell(at("/account"), t0)
	forged := at("/evil")
	forged.Visit = who.ID
	r.Open("shop", anybody()).Tell(forged, t0+1)
	rows, all := r.Top(Query{Site: "shop", Limit: 10}, t0+2)
	if len(rows) != 1 || rows[0].URL != "/account" || all != 2 {
		t.Fatalf("%d counted: %+v", all, rows)
	}
}

func TestWhatAPageTellsIsBounded(t *testing.T) {
	r := New()
	p := at("https://shop.example/" + strings.Repeat("ä", 3000))
	p.Title, p.Referrer, p.PageMS, p.VisitMS, p.InvitedMS = strings.Repeat("x", 9000), strings.Repeat("h", 9000), -5, 1<<60, -7
	p.Pages = slices.Repeat([]string{strings.Repeat("p", 5000)}, 50)
	r.Open("shop", anybody()).Tell(p, t0)
	rows, _ := r.Top(Query{Site: "shop", Limit: 10}, t0)
	v := rows[0]
	if len(v.URL) > maxURL || len(v.Title) > maxText || len(v.Referrer) > maxHost || len(v.Pages) != wire.MaxSeen || len(v.Pages[0]) > maxText {
		t.Errorf("too long: %+v", v)
	}
	if v.At != t0 || v.Since != t0-maxSpan || v.Invited != "" {
		t.Errorf("on the page since %d, the site since %d, %q", v.At-t0, v.Since-t0, v.Invited)
	}
	who := anybody()
	who.ID = relay.NewID()
	for range 2 * maxTabs {
		r.Open("shop", who).Tell(at("/"), t0)
	}
	if n := len(r.sites["shop"].ids[who.ID].tabs); n != maxTabs {
		t.Errorf("%d tabs of one visitor are listed", n)
	}
}

func TestNobodyIsInvitedTwiceInAnHour(t *testing.T) {
	r := New()
	var shown []string
	who := Visitor{Invite: func(p wire.InvitationPayload) { shown = append(shown, p.By) }}
	tab, p := r.Open("shop", who), at("/a")
	tab.Tell(p, t0)
	if err := r.Invite("shop", p.Visit, "Mari", t0+1); err != nil {
		t.Fatal(err)
	}
	tab.Answer(false)
	tab.Tell(p, t0+2) // a new page changes nothing
	if err := r.Invite("shop", p.Visit, "Juhan", t0+InviteAgain); relay.CodeOf(err) != relay.CodeConflict {
		t.Fatalf("again within the hour: %v", err)
	}
	rows, _ := r.Top(Query{Site: "shop", Limit: 1}, t0+3)
	if rows[0].Invited != wire.InvitedDeclined {
		t.Fatalf("it is %q", rows[0].Invited)
	}
	if err := r.Invite("shop", p.Visit, "Juhan", t0+1+InviteAgain); err != nil || !slices.Equal(shown, []string{"Mari", "Juhan"}) {
		t.Fatalf("an hour later: %v, shown by %v", err, shown)
	}
	remembers := at("/b") // at another edge, which has not heard of it
	remembers.InvitedMS = 60_000
	r.Open("shop", who).Tell(remembers, t0)
	if err := r.Invite("shop", remembers.Visit, "Mari", t0); relay.CodeOf(err) != relay.CodeConflict {
		t.Fatalf("the browser remembers an invitation: %v", err)
	}
	if err := r.Invite("shop", relay.NewID(), "Mari", t0); relay.CodeOf(err) != relay.CodeGone {
		t.Fatalf("who is not there: %v", err)
	}
}

// A view of several edges, told in pieces, is at every moment what one roster
// with everybody would show.
func TestAViewOfManyEdgesIsThatOfOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, q := range []Query{
		{Site: "shop", Sort: wire.SortNewest, Limit: 10}, {Site: "shop", Sort: wire.SortLongest, Limit: 7},
		{Site: "shop", Sort: wire.SortNewest, Filter: "3", Limit: 5},
	} {
		one, edges, parts, told := New(), []*Roster{New(), New(), New()}, make([]Part, 3), make([][]wire.Visit, 3)
		type pair struct{ a, b *Tab }
		var tabs []pair
		now := t0
		for step := range 400 {
			now += rng.Int64N(500)
			switch n := rng.IntN(10); {
			case n < 4 || len(tabs) == 0:
				p := pair{one.Open("shop", anybody()), edges[rng.IntN(3)].Open("shop", anybody())}
				first := at(fmt.Sprint("/", step))
				p.a.Tell(first, now)
				p.b.Tell(first, now)
				tabs = append(tabs, p)
			case n < 8:
				p := tabs[rng.IntN(len(tabs))]
				next := p.a.page
				next.URL = fmt.Sprint("/", step)
				p.a.Tell(next, now)
				p.b.Tell(next, now)
			default:
				i := rng.IntN(len(tabs))
				tabs[i].a.Close(now)
				tabs[i].b.Close(now)
				tabs = slices.Delete(tabs, i, i+1)
			}
			all, sum, rows := [][]wire.Visit{}, 0, []wire.Visit(nil)
			for i, e := range edges {
				top, n := e.Top(q, now)
				var told2 wire.VisitsPayload
				told2.Rows, told2.Gone = Diff(told[i], top)
				told2.Visits, told2.Anew = n, told[i] == nil
				for _, f := range Frames(told2) {
					parts[i].Take("", f, now)
				}
				told[i] = top
				all, sum = append(all, parts[i].Rows()), sum+parts[i].Visits
			}
			rows = q.Merge(all...)
			want, n := one.Top(q, now)
			if !slices.Equal(urls(rows), urls(want)) || sum != n {
				t.Fatalf("step %d: %v (%d), want %v (%d)", step, urls(rows), sum, urls(want), n)
			}
		}
	}
}

func TestAFrameOfAViewIsWithinItsLimit(t *testing.T) {
	var rows []wire.Visit
	for range wire.MaxVisits {
		rows = append(rows, row(wire.Visit{ID: relay.NewID(), URL: strings.Repeat("<", 9999), Title: strings.Repeat("&", 9999),
			Name: strings.Repeat(">", 9999), Pages: slices.Repeat([]string{strings.Repeat("<", 9999)}, 9)}, "n1", t0))
	}
	_, gone := Diff(rows, nil)
	frames := Frames(wire.VisitsPayload{Anew: true, Rows: rows, Gone: gone, Visits: 7})
	var part Part
	for i, f := range frames {
		if n := len(wire.Encode(f)); n > wire.MaxControl {
			t.Errorf("frame %d has %d bytes", i, n)
		}
		if (i == 0) != f.Anew || f.More != (i < len(frames)-1) {
			t.Errorf("frame %d of %d: anew %v, more %v", i, len(frames), f.Anew, f.More)
		}
		f.Gone = nil
		part.Take("n1", f, t0)
	}
	if len(part.Rows()) != wire.MaxVisits || part.Visits != 7 {
		t.Errorf("%d rows, %d visits", len(part.Rows()), part.Visits)
	}
}

func TestWhoSaysThatTheyAreAVisitorIsNotTakenForThem(t *testing.T) {
	q := QueryOf(wire.ViewPayload{Site: "shop"})
	id := relay.NewID()
	proved := wire.Visit{ID: id, Known: true, URL: "/loan", At: t0 - 10}
	said := wire.Visit{ID: id, URL: "/evil", At: t0}
	if rows := q.Merge([]wire.Visit{said}, []wire.Visit{proved}); !slices.Equal(urls(rows), []string{"/loan"}) {
		t.Errorf("%v", urls(rows))
	}
}

func TestAnotherEdgeCannotPushTheOthersOffAList(t *testing.T) {
	var part Part
	id := relay.NewID()
	part.Take("n1", wire.VisitsPayload{Rows: []wire.Visit{{ID: id, At: math.MaxInt64, Since: math.MinInt64}}, Visits: math.MaxInt}, t0)
	r := part.Rows()[0]
	if r.At != t0 || r.Since != t0-maxSpan || part.Visits != maxCount {
		t.Errorf("%+v, %d visits", r, part.Visits)
	}
}

func TestOneNodeFillsHalfOfAListAtMostWhileOthersHaveMore(t *testing.T) {
	visits := func(node string, n int, at int64) (rows []wire.Visit) {
		for i := range n {
			rows = append(rows, wire.Visit{ID: relay.NewID(), Known: true, Node: node, At: at + int64(i)})
		}
		return rows
	}
	for _, sort := range []wire.Sort{wire.SortNewest, wire.SortLongest} {
		q := QueryOf(wire.ViewPayload{Site: "shop", Sort: sort})
		first := map[wire.Sort]int64{wire.SortNewest: t0, wire.SortLongest: t0 - 10_000}[sort]
		for _, c := range []struct{ evil, good, want int }{
			{100, 100, 50}, {100, 30, 30}, {100, 60, 50}, {40, 100, 60}, {100, 0, 0},
		} {
			rows := q.Merge(visits("evil", c.evil, first), visits("good", c.good, t0-5000))
			good := 0
			for _, r := range rows {
				if r.Node == "good" {
					good++
				}
			}
			inOrder := slices.IsSortedFunc(rows, func(a, b wire.Visit) int {
				if sort == wire.SortLongest {
					return Compare(a, b)
				}
				return Compare(b, a)
			})
			if good != c.want || len(rows) != min(wire.MaxVisits, c.evil+c.good) || !inOrder {
				t.Errorf("%s: beside %d of another, %d of %d are among %d rows, in order %v", sort, c.evil, good, c.good, len(rows), inOrder)
			}
		}
	}
}

func TestAFilterLetsPagesComeAndGoWhileItLooks(t *testing.T) {
	for _, sort := range []wire.Sort{wire.SortNewest, wire.SortLongest} {
		r := New()
		var tabs []*Tab
		var ids []relay.ID
		n := 3*scanStep + 1
		for i := range n {
			tabs, ids = append(tabs, r.Open("shop", Visitor{})), append(ids, relay.NewID())
			url := "/none"
			if i%scanStep == 0 {
				url = "/boats"
			}
			tabs[i].Tell(wire.PresencePayload{Visit: ids[i], URL: url}, t0+int64(i))
		}
		c := cursor{Query: Query{Site: "shop", Sort: sort, Filter: "boats", Limit: wire.MaxVisits}}
		steps, now := 1, t0+int64(n)
		for ; r.scan(&c, now); steps++ {
			moved := map[wire.Sort]int{wire.SortNewest: n - 1, wire.SortLongest: 0}[sort] // it was seen, and goes to the newest
			tabs[moved].Tell(wire.PresencePayload{Visit: ids[moved], URL: "/boats"}, now+int64(steps))
		}
		if steps != 4 || len(c.rows) != 4 || c.all != n {
			t.Errorf("%s: %d steps, %d rows of %d", sort, steps, len(c.rows), c.all)
		}
		if rows, all := r.Top(c.Query, now); len(rows) != 4 || all != n {
			t.Errorf("%s: %d rows of %d at once", sort, len(rows), all)
		}
	}
}
