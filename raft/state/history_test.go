package state

import (
	"fmt"
	"strings"
	"testing"

	"kohe/relay"
)

func (w *world) history(q HistoryQuery) string {
	w.t.Helper()
	list, err := w.state.Read().History(q)
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, s := range list {
		ids = append(ids, fmt.Sprint(s.ID[15]))
	}
	return strings.Join(ids, " ")
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	for n := 1; n <= 6; n++ {
		department := "sales"
		if n == 4 {
			department = "service"
		}
		w.now += 1000
		visitor := n
		if n == 5 {
			visitor = 1
		}
		w.must(OpenSession{Session: sid(n), Site: "shop", Department: department, Visitor: vid(visitor), Node: "n1", At: w.now})
		if n == 2 || n == 4 {
			w.must(Answer{Session: sid(n), Agent: "ann", Assignment: 1, Accept: true, At: w.now})
		}
		if n < 6 { // the last one is live
			w.must(EndSession{Session: sid(n), By: "agent", At: w.now})
		}
	}
	all := HistoryQuery{Customer: "acme", Sites: []string{"shop"}, Departments: []string{"sales", "service"}}
	with := func(f func(*HistoryQuery)) HistoryQuery { q := all; f(&q); return q }
	for _, c := range []struct {
		query HistoryQuery
		want  string
	}{
		{all, "5 4 3 2 1"},
		{with(func(q *HistoryQuery) { q.Departments = []string{"sales"} }), "5 3 2 1"},
		{with(func(q *HistoryQuery) { q.Visitor = vid(1) }), "5 1"},
		{with(func(q *HistoryQuery) { q.Agent = "ann" }), "4 2"},
		{with(func(q *HistoryQuery) { q.Agent = "an" }), ""},
		{with(func(q *HistoryQuery) { q.Limit = 2 }), "5 4"},
		{with(func(q *HistoryQuery) { q.Limit, q.Before = 2, noon+4000 }), "3 2"},
		{with(func(q *HistoryQuery) { q.Sites = nil }), ""},
		{with(func(q *HistoryQuery) { q.Departments = nil }), ""},
		{with(func(q *HistoryQuery) { q.Customer = "other" }), ""},
		{with(func(q *HistoryQuery) { q.Customer, q.Visitor = "other", vid(1) }), ""},
	} {
		if got := w.history(c.query); got != c.want {
			t.Errorf("%+v: %q; want %q", c.query, got, c.want)
		}
	}
	live := w.state.Read().Live()
	if len(live) != 1 || live[0].ID != sid(6) {
		t.Errorf("live %+v", live)
	}
}

func TestMessagesComeInPieces(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.open(2, "sales")
	var batch []relay.Message
	for i := uint64(1); i <= 9; i++ {
		batch = append(batch, text(1, i, visitor(1), fmt.Sprint(i), fmt.Sprint(i)))
	}
	if _, err := w.append(1, 1, batch...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.append(2, 1, text(2, 1, visitor(2), "a", "teine")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after uint64
		limit int
		want  string
	}{{0, 0, "123456789"}, {0, 4, "1234"}, {4, 4, "5678"}, {8, 4, "9"}, {9, 4, ""}, {1<<64 - 1, 4, ""}} {
		list, err := w.state.Read().Messages(sid(1), c.after, c.limit)
		var got string
		for _, m := range list {
			got += m.Text
		}
		if err != nil || got != c.want {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func TestCards(t *testing.T) {
	w := newWorld(t)
	for i, site := range []string{"shop", "blog", "shop", "shop"} {
		department := map[string]string{"shop": "sales", "blog": "desk"}[site]
		if i == 3 {
			department = "service"
		}
		w.must(Put{Card: &Card{ID: fmt.Sprint("c", i), Site: site, Department: department, Visitor: vid(i), Text: "tere", At: noon + int64(i)}})
	}
	for _, c := range []struct {
		query CardsQuery
		want  string
	}{
		{CardsQuery{Sites: []string{"shop", "blog"}, Departments: []string{"sales", "service", "desk"}}, "c3 c2 c1 c0"},
		{CardsQuery{Sites: []string{"shop"}, Departments: []string{"sales"}}, "c2 c0"},
		{CardsQuery{Sites: []string{"shop"}, Departments: []string{"sales", "service"}, Limit: 2}, "c3 c2"},
		{CardsQuery{Sites: []string{"shop"}, Departments: []string{"sales", "service"}, Before: noon + 3}, "c2 c0"},
		{CardsQuery{Sites: []string{"shop", "blog"}, Departments: []string{"desk"}, ID: "c1"}, "c1"},
		{CardsQuery{Sites: []string{"shop"}, Departments: []string{"desk"}, ID: "c1"}, ""},
		{CardsQuery{Sites: []string{"shop"}}, ""},
		{CardsQuery{}, ""},
	} {
		list, err := w.state.Read().Cards(c.query)
		var ids []string
		for _, card := range list {
			ids = append(ids, card.ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != c.want {
			t.Errorf("%+v: %q, %v; want %q", c.query, got, err, c.want)
		}
	}
}
