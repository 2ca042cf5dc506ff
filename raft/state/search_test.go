package state

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"kohe/relay"
)

var everything = SearchQuery{Customer: "acme", Sites: []string{"shop"}, Departments: []string{"sales", "service"}}

func (w *world) search(q SearchQuery, text string) string {
	w.t.Helper()
	q.Text = text
	hits, err := w.state.Read().Search(q)
	if err != nil {
		w.t.Fatalf("search %q: %v", text, err)
	}
	var found []string
	for _, h := range hits {
		if h.Session.ID != h.Message.Session || h.Session.Site == "" || h.Session.Stored == 0 {
			w.t.Errorf("%+v", h)
		}
		found = append(found, fmt.Sprintf("%d.%d", h.Message.Session[15], h.Message.Seq))
	}
	return strings.Join(found, " ")
}

func TestSearchFindsMessages(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.open(2, "service")
	say := func(n int, texts ...string) {
		from := w.session(n).Stored
		for i, body := range texts {
			m := text(n, from+uint64(i)+1, visitor(n), fmt.Sprintf("m%d-%d", from, i), body)
			m.At = noon + int64(n)*100 + int64(from) + int64(i)
			if _, err := w.append(n, 1, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	say(1, "Tere! Mu õunad ei jõudnud kohale.", "Tellimus nr 12345-A, laenu summa 300 €", "ÕUNAPUU")
	say(2, "Здравствуйте, ёлка ещё есть?", "Straße, STRASSE, ﬁnal", "õunad ja pirnid, õunad ja ploomid")
	w.must(EndSession{Session: sid(2), By: "visitor", At: w.now})
	cases := []struct{ query, want string }{
		{"tere", "1.1"},
		{"TERE", "1.1"},
		{"õun", "2.3 1.3 1.1"},           // newest first, by its beginning
		{"oun", "2.3 1.3 1.1"},           // without marks
		{"õu", "2.3 1.3 1.1"},            //
		{"õunad", "2.3 1.1"},             // ÕUNAPUU begins otherwise
		{"õunad kohale", "1.1"},          // both
		{"kohale õunad", "1.1"},          // in any order
		{"koha õunad", ""},               // only the last by its beginning
		{"õunad j", ""},                  // one letter is a whole word
		{"õunad ja", "2.3"},              //
		{"õunad jõudnud tere e", ""},     //
		{"õunad jõudnud tere ei", "1.1"}, //
		{"12345", "1.2"},
		{"300 €", "1.2"},
		{"12345 a", "1.2"},
		{"елка", "2.1"},
		{"ЁЛКА", "2.1"},
		{"здрав", "2.1"},
		{"strasse", "2.2"},
		{"straße", "2.2"},
		{"final", "2.2"},
		{"puudub", ""},
	}
	check := func(when string) {
		for _, c := range cases {
			if got := w.search(everything, c.query); got != c.want {
				t.Errorf("%s: %q: %q; want %q", when, c.query, got, c.want)
			}
		}
	}
	check("fresh")
	say(1, "veel üks")
	w.must(Tick{At: w.now})
	check("indexed")
	if _, waits := w.state.Deadline(); waits {
		t.Error("something waits to be indexed")
	}
	w.reopen()
	check("after a restart")
	if got := w.search(everything, "veel"); got != "1.4" {
		t.Errorf("%q", got)
	}
}

func TestSearchShowsOnlyWhatTheAskerMaySee(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.open(2, "service")
	w.must(OpenSession{Session: sid(3), Site: "blog", Visitor: vid(3), Node: "n1", At: w.now})
	for n := 1; n <= 3; n++ {
		if _, err := w.append(n, 1, text(n, 1, visitor(n), "a", "sama jutt")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		query SearchQuery
		want  string
	}{
		{everything, "1.1 2.1"},
		{SearchQuery{Customer: "acme", Sites: []string{"shop"}, Departments: []string{"sales"}}, "1.1"},
		{SearchQuery{Customer: "acme", Sites: []string{"blog"}, Departments: []string{"sales", "desk"}}, ""},
		{SearchQuery{Customer: "acme", Sites: []string{"shop"}}, ""},
		{SearchQuery{Customer: "acme", Departments: []string{"sales"}}, ""},
		{SearchQuery{Customer: "other", Sites: []string{"shop", "blog"}, Departments: []string{"sales", "desk"}}, "3.1"},
		{SearchQuery{Sites: []string{"shop"}, Departments: []string{"sales"}}, ""},
	} {
		if got := w.search(c.query, "sama"); got != c.want {
			t.Errorf("%+v: %q; want %q", c.query, got, c.want)
		}
	}
}

func TestSearchComesInPages(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	for i := uint64(1); i <= 7; i++ {
		if _, err := w.append(1, 1, text(1, i, visitor(1), fmt.Sprint(i), "sama jutt")); err != nil {
			t.Fatal(err)
		}
	}
	w.must(Tick{At: w.now})
	for i := uint64(8); i <= 9; i++ {
		if _, err := w.append(1, 1, text(1, i, visitor(1), fmt.Sprint(i), "sama jutt")); err != nil {
			t.Fatal(err)
		}
	}
	q := everything
	q.Limit = 3
	var pages []string
	for range 4 {
		got := w.search(q, "jutt sama")
		pages = append(pages, got)
		if got != "" {
			words := strings.Fields(got)
			var seq int64
			fmt.Sscanf(words[len(words)-1], "1.%d", &seq)
			q.Before = noon + seq
		}
	}
	if got := strings.Join(pages, ","); got != "1.9 1.8 1.7,1.6 1.5 1.4,1.3 1.2 1.1," {
		t.Errorf("%q", got)
	}
}

// TestTheIndexCatchesUp: one Tick enters so much, and the next one is due at
// once until all is entered, also after a restart.
func TestTheIndexCatchesUp(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	const messages = 2*IndexPerTick + 1
	for i := uint64(1); i <= messages; i++ {
		if _, err := w.append(1, 1, text(1, i, visitor(1), fmt.Sprint(i), "sama jutt")); err != nil {
			t.Fatal(err)
		}
	}
	for left := messages; left > 0; left -= IndexPerTick {
		due, ok := w.state.Deadline()
		if !ok || due != noon+IndexDelay {
			t.Fatalf("%d left, deadline %d %v", left, due, ok)
		}
		if got := len(strings.Fields(w.search(SearchQuery{Customer: "acme", Sites: []string{"shop"}, Departments: []string{"sales"}, Limit: MaxPage}, "sama"))); got != messages {
			t.Errorf("%d left, %d found", left, got)
		}
		w.must(Tick{At: due})
		w.reopen()
	}
	if due, ok := w.state.Deadline(); ok {
		t.Errorf("deadline %d", due)
	}
}

func TestSearchIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"", " … ", strings.Repeat("x", MaxQuery+1), "a b c d e f g h i"} {
		q := everything
		q.Text = text
		if _, err := w.state.Read().Search(q); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAMessageIsFoundByItsFirstWords(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	var body strings.Builder
	for i := range MaxWords + 5 {
		fmt.Fprintf(&body, "sõna%03d sõna000 ", i)
	}
	long := strings.Repeat("ö", 60)
	for i, text_ := range []string{body.String(), long + "x"} {
		if _, err := w.append(1, 1, text(1, uint64(i+1), visitor(1), fmt.Sprint(i), text_)); err != nil {
			t.Fatal(err)
		}
	}
	w.must(Tick{At: w.now})
	for query, want := range map[string]string{
		fmt.Sprintf("sona%03d", MaxWords-1): "1.1",
		fmt.Sprintf("sona%03d", MaxWords):   "",
		long + "x":                          "1.2",
	} {
		if got := w.search(everything, query); got != want {
			t.Errorf("%q: %q; want %q", query, got, want)
		}
	}
}

func TestSnippet(t *testing.T) {
	far := strings.Repeat("enne ", 50) + "ÕUNAD\n\tja pirnid " + strings.Repeat("pärast ", 50)
	for _, c := range []struct {
		text, want string
		words      []string
	}{
		{"Õunad ja pirnid", "Õunad ja pirnid", []string{"oun"}},
		{"Õunad ja pirnid", "Õunad ja pirnid", []string{"midagi"}},
	} {
		if got := snippet(c.text, c.words); got != c.want {
			t.Errorf("%q %v: %q", c.text, c.words, got)
		}
	}
	got := snippet(far, []string{"oun"})
	if !strings.Contains(got, "enne ÕUNAD ja pirnid pärast") || !strings.HasPrefix(got, "…") || !strings.HasSuffix(got, "…") ||
		utf8.RuneCountInString(got) > SnippetRunes+2 {
		t.Errorf("%q", got)
	}
}
