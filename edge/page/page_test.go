package page

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kohe/dom"
	"kohe/relay"
)

func open(t *testing.T, p *Pages, masks ...string) *Page {
	t.Helper()
	page, err := p.Open(relay.NewID(), Rules{Mask: masks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(page.Close)
	page.tree.Clock = nil // pages are compared: what plays stands still
	return page
}

// first is a snapshot: html 2, body 3, then the nodes from 4 on.
func first(nodes ...dom.Branch) []byte {
	return dom.NewSnapshot(1, "https://shop.example/", "Shop").
		Insert(dom.Document, 0, 2, dom.Branch{Tag: "html", Nodes: []dom.Branch{{Tag: "body", Nodes: nodes}}}).Bytes()
}

func el(tag string, attrs ...string) dom.Branch { return dom.Branch{Tag: tag, Attrs: attrs} }

func text(tag, text string, attrs ...string) dom.Branch {
	return dom.Branch{Tag: tag, Attrs: attrs, Nodes: []dom.Branch{{Text: text}}}
}

// viewer is an agent's tree, fed with what is forwarded.
type viewer struct {
	t    *testing.T
	page *Page
	tree *dom.Tree
	seen []byte // every byte that was forwarded
}

func watch(t *testing.T, page *Page) *viewer {
	return &viewer{t: t, page: page, tree: dom.NewTree(dom.Open{})}
}

// send gives a message of the visitor's to the page and what comes of it to
// the viewer.
func (v *viewer) send(msg []byte) (forward []byte) {
	v.t.Helper()
	forward, _, err := v.page.Apply(msg)
	if err == nil && forward != nil {
		v.seen = append(v.seen, forward...)
		_, err = v.tree.Apply(forward)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	late := dom.NewTree(dom.Open{})
	snapshot, _ := v.page.Snapshot()
	if _, err := late.Apply(snapshot); err != nil {
		v.t.Fatal(err)
	}
	if !bytes.Equal(late.Snapshot(), v.tree.Snapshot()) {
		v.t.Fatal("a latecomer has another page than the viewer")
	}
	return forward
}

func (v *viewer) attr(id uint32, name string) string {
	s, ok := v.tree.Node(id).Attr(name)
	if !ok {
		return "(none)"
	}
	return s
}

func TestHarmlessMessagesAreForwardedUnchanged(t *testing.T) {
	v := watch(t, open(t, New(0, nil)))
	for i, msg := range [][]byte{
		first(text("p", "Tere"), el("a", "href", "https://shop.example/x")),
		dom.NewDiff(2).Splice(5, 4, 0, "!").Attr(4, "class", "on").Bytes(),
		dom.NewDiff(3).Move(3, 0, 6, 4).Remove(5).Bytes(),
	} {
		if forward := v.send(msg); !bytes.Equal(forward, msg) {
			t.Errorf("message %d was changed", i)
		}
	}
}

func TestViewersGetWhatTheEdgeHasRead(t *testing.T) {
	v := watch(t, open(t, New(0, nil)))
	msg := first(text("p", "Tere"))
	if forward := v.send(dom.Deflate(msg)); !bytes.Equal(forward, msg) {
		t.Error("a viewer has to inflate what a visitor deflated")
	}
}

func TestSomeForwardedMessagesCarryACheck(t *testing.T) {
	v := watch(t, open(t, New(0, nil)))
	v.send(first(text("p", "Tere")))
	checks := 0
	for i := range 3 * checkEvery {
		msg := dom.NewDiff(uint64(i+2)).Splice(5, 4, 0, "!").Bytes()
		if forward := v.send(msg); !bytes.Equal(forward, msg) {
			checks++
		}
	}
	if checks != 3 {
		t.Errorf("%d checks", checks)
	}
}

func TestRulesJudgeWhatSplicesBuild(t *testing.T) {
	v := watch(t, open(t, New(0, nil)))
	v.send(first(el("a", "href", "java"), text("style", "p{behav")))
	v.send(dom.NewDiff(2).AppendAttr(4, "href", "script:alert(1)").Bytes())
	if got := v.attr(4, "href"); got != "(none)" {
		t.Errorf("two splices built href=%q", got)
	}
	v.send(dom.NewDiff(3).Attr(4, "class", "x").Bytes())
	v.send(dom.NewDiff(4).Attr(4, "href", "https://shop.example/").Bytes())
	if got := v.attr(4, "href"); got != "https://shop.example/" {
		t.Errorf("a harmless address after that shows as %q", got)
	}
	v.send(dom.NewDiff(5).Insert(5, 6, 7, dom.Branch{Text: "ior:url(x)}"}).Bytes())
	v.send(dom.NewDiff(6).Rules(5, "p{color:red}", "a{x:expression(1)}").Bytes())
	for _, bad := range []string{"script:alert", "behav", "expression"} {
		if bytes.Contains(v.tree.Snapshot(), []byte(bad)) {
			t.Errorf("the viewer has %q", bad)
		}
	}
}

func TestScriptsAndFramesDoNotArrive(t *testing.T) {
	v := watch(t, open(t, New(0, nil)))
	v.send(first(text("script", "alert(1)"), el("iframe", "srcdoc", "<script>1</script>", "width", "300"), el("p", "onclick", "evil()"),
		el("link", "rel", "stylesheet", "href", "https://shop.example/a.css")))
	v.send(dom.NewDiff(2).Attr(8, "rel", "prefetch").Bytes())
	if v.tree.Node(4).Tag() != "kohe-x" || v.attr(6, "srcdoc") != "(none)" || v.attr(6, "width") != "300" || v.attr(7, "onclick") != "(none)" {
		t.Error("something dangerous arrived, or too little")
	}
	if got := v.attr(8, "href"); got != "(none)" {
		t.Errorf("a link that is no style sheet any more has href=%q", got)
	}
	v.send(dom.NewDiff(3).Move(3, 4, 5).Bytes())
	if v.tree.Node(5).Parent() != v.tree.Node(3) {
		t.Error("what moved out of a stripped element is not shown at its place")
	}
}

// A canary is planted wherever a masked place can hold text, by every
// operation that can bring it there.
func TestMasksAreEnforcedAgain(t *testing.T) {
	const canary = "CANARY"
	v := watch(t, open(t, New(0, nil), ".private"))
	v.send(first(
		text("div", canary+" text", "data-kohe-mask", "", "title", canary),                    // 4, 5
		el("input", "type", "password", "value", canary, "id", "p"),                           // 6
		el("input", "autocomplete", "cc-number", "placeholder", canary, "aria-label", canary), // 7
		dom.Branch{Tag: "section", Attrs: []string{"class", "private"}, Nodes: []dom.Branch{ // 8
			text("p", canary, "data-name", canary),                          // 9, 10
			el("img", "alt", canary, "src", "https://shop.example/"+canary), // 11
			{Tag: "x-card", Shadow: []dom.Branch{text("b", canary)}},        // 12, 13, 14, 15
			text("option", canary, "value", canary),                         // 16, 17
		}},
		text("p", "open"), // 18, 19
		el("div"),         // 20
	))
	v.send(dom.NewDiff(2).Value(6, canary).Value(7, canary).Bytes())
	v.send(dom.NewDiff(3).Attr(6, "type", "text").Bytes())
	v.send(dom.NewDiff(4).Value(6, canary+"2").Attr(6, "value", canary).Bytes())
	v.send(dom.NewDiff(5).Text(5, canary).Splice(10, 0, 3, canary).Attr(9, "title", canary).Bytes())
	v.send(dom.NewDiff(6).Insert(9, 0, 21, dom.Branch{Text: canary}, text("i", canary)).Bytes())
	v.send(dom.NewDiff(7).Unset(8, "class").Bytes())
	v.send(dom.NewDiff(8).Move(20, 0, 9).Bytes())
	v.send(dom.NewDiff(9).Splice(10, 0, 0, canary).Bytes())
	v.send(dom.NewDiff(10).Attr(20, "class", "private").Insert(20, 0, 24, dom.Branch{Text: canary}).Bytes())
	v.send(dom.NewDiff(11).Move(20, 0, 18).Splice(19, 0, 4, canary).Bytes())
	if bytes.Contains(v.seen, []byte("CANA")) || bytes.Contains(v.seen, []byte("NARY")) {
		i := bytes.Index(v.seen, []byte("NARY"))
		t.Fatalf("a canary got through: %q", v.seen[max(0, i-60):i+4])
	}
}

// What a browser sends that knows nothing of the site's setting, or of names.
func TestEverythingIsMaskedThatIsNotUnmasked(t *testing.T) {
	const canary = "CANARY"
	page, err := New(0, nil).Open(relay.NewID(), Rules{Mask: []string{".private"}, All: true, Unmask: []string{"nav"}})
	if err != nil {
		t.Fatal(err)
	}
	v := watch(t, page)
	v.send(dom.NewSnapshot(1, "https://shop.example/cart?q="+canary+"#"+canary, canary).
		Insert(dom.Document, 0, 2, dom.Branch{Tag: "html", Attrs: []string{"lang", "et", "title", canary}, Nodes: []dom.Branch{
			text("style", "a::before{content:'"+canary+"';background:url(/"+canary+")}"), // 3, 4
			{Tag: "body", Attrs: []string{"class", "wide u4711-" + canary + "-4711"}, Nodes: []dom.Branch{ // 5
				text("p", canary),                         // 6, 7
				text("nav", "shown"),                      // 8, 9
				text("p", "seen", "data-kohe-unmask", ""), // 10, 11
				{Tag: "nav", Attrs: []string{"class", "private"}, Nodes: []dom.Branch{ // 12
					text("p", canary, "data-kohe-unmask", ""), // 13, 14
				}},
				el("img", "src", "/"+canary, "alt", canary),                    // 15
				el("link", "rel", "stylesheet", "href", "/a.css?"+canary),      // 16
				el("x-card", "note", canary, "style", "--n:"+canary),           // 17
				{Tag: "div", Shadow: []dom.Branch{text("p", canary)}},          // 18, 19, 20, 21
				el("nav", "data-kohe-mask", "", "title", canary), el("canvas"), // 22, 23
			}},
		}}).Bytes())
	v.send(dom.NewDiff(2).Rules(30, "a::after{content:'"+canary+"'}").Bytes())
	v.send(dom.NewDiff(3).Rules(3, "b::after{content:'"+canary+"'}").Picture(23, "data:image/png;base64,"+canary).Bytes())
	v.send(dom.NewDiff(4).Insert(13, 0, 31, dom.Branch{Text: canary}, text("nav", canary)).Bytes())
	v.send(dom.NewDiff(5).Unset(10, "data-kohe-unmask").Splice(11, 0, 4, canary).Unset(12, "class").Insert(12, 0, 40, text("nav", canary)).Bytes())
	v.send(dom.NewDiff(6).Insert(dom.Document, 2, 50, text("p", canary)).Insert(8, 9, 60, text("b", "too"), el("img", "src", "/shown.png")).Bytes())
	v.send(dom.NewDiff(7).Move(6, 0, 60).Splice(61, 0, 3, canary).Bytes())
	if i := bytes.Index(v.seen, []byte("NARY")); i >= 0 {
		t.Fatalf("a canary got through: %q", v.seen[max(0, i-60):i+4])
	}
	all := v.tree.Snapshot()
	for _, want := range []string{"shown", "seen", "too", "/shown.png", "/a.css", "https://shop.example/cart", "wide"} {
		if !bytes.Contains(append(all, v.seen...), []byte(want)) {
			t.Errorf("%s is not shown", want)
		}
	}
}

func TestAMaskedVideoDoesNotTellWhereItIs(t *testing.T) {
	v := watch(t, open(t, New(0, nil)))
	v.send(first(el("video"), el("video", "data-kohe-mask", ""), el("p")))
	shown, masked, none := dom.NewDiff(2).Media(4).Bytes(), dom.NewDiff(3).Media(5).Bytes(), dom.NewDiff(4).Media(6).Bytes()
	if !bytes.Equal(v.send(shown), shown) {
		t.Error("a video that plays is not shown as it came")
	}
	if bytes.Equal(v.send(masked), masked) {
		t.Error("a masked video plays at the viewer's")
	}
	if bytes.Equal(v.send(none), none) {
		t.Error("a paragraph plays")
	}
	v.send(dom.NewDiff(5).Attr(4, "data-kohe-mask", "").Bytes()) // send compares with who comes late
}

func TestClassChangeBringsTextUnderAMask(t *testing.T) {
	v := watch(t, open(t, New(0, nil), ".private p"))
	v.send(first(dom.Branch{Tag: "div", Nodes: []dom.Branch{text("p", "Mari Maasikas")}}))
	v.send(dom.NewDiff(2).Attr(4, "class", "private").Bytes())
	if bytes.Contains(v.tree.Snapshot(), []byte("Maasikas")) {
		t.Error("the name is still there")
	}
	v.send(dom.NewDiff(3).Unset(4, "class").Splice(6, 0, 0, "Mari ").Bytes())
	if bytes.Contains(v.tree.Snapshot(), []byte("Mari")) {
		t.Error("what was masked once is shown")
	}
}

func TestWhatMovesAndIsDrawnIsFilteredToo(t *testing.T) {
	msgs := map[string]func(b *dom.Builder) *dom.Builder{
		"an animation that runs code": func(b *dom.Builder) *dom.Builder {
			return b.Animation(4, "@keyframes k{0%{background:url(javascript:alert(1))}}")
		},
		"a picture from elsewhere": func(b *dom.Builder) *dom.Builder { return b.Picture(5, "https://evil.example/alert(1)") },
		"a picture of a masked canvas": func(b *dom.Builder) *dom.Builder {
			return b.Picture(6, "data:image/png;base64,alert1")
		},
	}
	for name, build := range msgs {
		v := watch(t, open(t, New(0, nil)))
		v.send(first(el("p"), el("canvas"), el("canvas", "data-kohe-mask", "")))
		v.send(build(dom.NewDiff(2)).Bytes())
		if bytes.Contains(v.tree.Snapshot(), []byte("alert")) {
			t.Errorf("the viewer has %s", name)
		}
	}
}

func TestLateAndSlowViewers(t *testing.T) {
	page := open(t, New(0, nil))
	fast := watch(t, page)
	fast.send(first(text("p", "0"), text("p", "still")))
	slow := dom.NewTree(dom.Open{})
	snapshot, since := page.Snapshot()
	if _, err := slow.Apply(snapshot); err != nil {
		t.Fatal(err)
	}
	for to := uint64(2); to < 300; to++ {
		fast.send(dom.NewDiff(to).Text(5, fmt.Sprint(to)).Bytes())
	}
	delta, version := page.Delta(since)
	if len(delta) > 40 {
		t.Errorf("the difference of one text has %d bytes", len(delta))
	}
	if _, err := slow.Apply(delta); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(slow.Snapshot(), fast.tree.Snapshot()) {
		t.Error("the slow viewer has another page")
	}
	if again, _ := page.Delta(version); again != nil {
		t.Error("there is a difference between now and now")
	}
	fast.send(first(text("h1", "Another page")))
	if _, now := page.Snapshot(); now <= version {
		t.Errorf("the version fell from %d to %d with a page load", version, now)
	}
	if delta, _ = page.Delta(version); !bytes.Contains(delta, []byte("Another page")) {
		t.Error("a viewer of the page before does not get the new one")
	}
}

func TestBadMessagesEndInACode(t *testing.T) {
	page := open(t, New(0, nil))
	for name, c := range map[string]struct {
		msg  []byte
		code relay.Code
		lost bool
	}{
		"empty":              {nil, relay.CodeMalformed, false},
		"unknown head":       {[]byte{0x20}, relay.CodeMalformed, false},
		"before a snapshot":  {dom.NewDiff(2).Text(5, "x").Bytes(), relay.CodeStale, true},
		"cut off":            {first(text("p", "Tere"))[:20], relay.CodeMalformed, false},
		"too many bytes":     {make([]byte, dom.MaxMessage+1), relay.CodeTooLarge, false},
		"unknown operation":  {[]byte{0x85, 0, 1, dom.Format, 3, 1, 0, 31, 'a', 0, 'b'}, relay.CodeMalformed, false},
		"deflated nonsense":  {[]byte{16, 5, 1, 2, 3}, relay.CodeMalformed, false},
		"deflated too large": {[]byte{16, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, relay.CodeMalformed, false},
	} {
		_, _, err := page.Apply(c.msg)
		if relay.CodeOf(err) != c.code || Lost(err) != c.lost {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := page.Apply(first()); err != nil {
		t.Errorf("a snapshot after all that: %v", err)
	}
}

func TestRatesAreBounded(t *testing.T) {
	pages := New(0, nil)
	now := time.Unix(1_800_000_000, 0)
	pages.now = func() time.Time { return now }
	page := open(t, pages)
	msg := first(text("p", "Tere"))
	var err error
	n := 0
	for ; err == nil && n <= 2*maxBurst; n++ {
		_, _, err = page.Apply(msg)
	}
	if relay.CodeOf(err) != relay.CodeRate || n != maxBurst+1 {
		t.Fatalf("message %d: %v", n, err)
	}
	now = now.Add(time.Second)
	if _, _, err = page.Apply(msg); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

func TestTreesShareABudgetAndGiveItBack(t *testing.T) {
	pages := New(100_000, nil)
	large := first(text("p", strings.Repeat("x", 60_000)))
	one, two := open(t, pages), open(t, pages)
	if _, _, err := one.Apply(large); err != nil {
		t.Fatal(err)
	}
	if _, _, err := two.Apply(large); relay.CodeOf(err) != relay.CodeUnavailable {
		t.Fatalf("over the budget: %v", err)
	}
	if _, _, err := two.Apply(first()); err != nil {
		t.Fatalf("a small page beside a large one: %v", err)
	}
	one.Close()
	if _, _, err := two.Apply(large); err != nil {
		t.Fatalf("after the large one has gone: %v", err)
	}
	two.Close()
	if pages.Held() != 0 {
		t.Errorf("%d bytes are held by nobody", pages.Held())
	}
	if _, _, err := one.Apply(first()); relay.CodeOf(err) != relay.CodeGone {
		t.Errorf("a closed page: %v", err)
	}
}

func TestSnapshotFitsIntoAFrame(t *testing.T) {
	page := open(t, New(0, nil))
	noise := func(seed, n int) string { // nothing that deflates well
		var b strings.Builder
		x := uint32(seed)
		for range n {
			x = x*1664525 + 1013904223
			b.WriteByte('!' + byte(x>>24)%90)
		}
		return b.String()
	}
	if _, _, err := page.Apply(first(text("p", "Tere"))); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		id := uint32(6 + i)
		msg := dom.NewDiff(uint64(i+2)).Insert(3, 4, id, el("img", "src", "data:image/png;base64,"+noise(i, 400_000))).Bytes()
		if _, _, err := page.Apply(msg); err != nil {
			t.Fatal(err)
		}
	}
	msg, _ := page.Snapshot()
	tree := dom.NewTree(dom.Open{})
	if _, err := tree.Apply(msg); err != nil || len(msg) > dom.MaxMessage {
		t.Fatalf("%d bytes, %v", len(msg), err)
	}
	if tree.Node(11) == nil {
		t.Error("more than long strings was left out")
	}
}

func TestMasksOfASiteAreChecked(t *testing.T) {
	if err := Check(Rules{Mask: []string{".private", "#a > b"}, Unmask: []string{"nav"}}); err != nil {
		t.Error(err)
	}
	if err := Check(Rules{Unmask: []string{"a:hover"}}); relay.CodeOf(err) != relay.CodeInvalid {
		t.Error("a:hover can be used")
	}
	var e *relay.Error
	if _, err := New(0, nil).Open(relay.NewID(), Rules{Mask: []string{"["}}); !errors.As(err, &e) {
		t.Errorf("opened with a mask that cannot be read: %v", err)
	}
}
