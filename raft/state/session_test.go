package state

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kohe/relay"
)

func TestOpeningTwiceOpensOneSession(t *testing.T) {
	w := newWorld(t)
	first := w.open(1, "service")
	s := first.Session
	if first.Epoch != 1 || s.State != relay.Waiting || s.Department != "service" || s.Place != 1 || s.OpenedAt != noon {
		t.Errorf("%+v", first)
	}
	if c := w.changes[0].Session; c == nil || c.Facts == nil || c.Facts.Screen != "390x844" || len(c.Facts.Pages) != 1 || c.Place != 1 {
		t.Errorf("%+v", w.changes)
	}
	if c := w.changes[len(w.changes)-1]; len(c.Queues) != 1 || c.Queues[0] != "service" {
		t.Errorf("%+v", w.changes)
	}
	again := w.open(1, "sales")
	if again.Session.Department != "service" || len(w.changes) != 0 {
		t.Errorf("%+v", again)
	}
	// A visitor has one live session: another id is answered with it.
	other := w.must(OpenSession{Session: sid(7), Site: "shop", Visitor: vid(1), Node: "n2", At: w.now}).(Claimed)
	if other.Session.ID != sid(1) {
		t.Errorf("%+v", other)
	}
	if origin, epoch, ok := w.state.Read().Origin(sid(1)); origin != "n1" || epoch != 1 || !ok {
		t.Errorf("origin %q", origin)
	}
	if s, ok := w.state.Read().LiveOf(vid(1)); !ok || s.ID != sid(1) {
		t.Errorf("%+v", s)
	}
	w.must(EndSession{Session: sid(1), By: "visitor", At: w.now + 5})
	if _, ok := w.state.Read().LiveOf(vid(1)); ok {
		t.Error("an ended session is live")
	}
	if again := w.open(1, "sales"); again.Session.State != relay.Ended {
		t.Errorf("asked for again after its end: %+v", again)
	}
	if s := w.open(2, ""); s.Session.Department != "sales" {
		t.Errorf("no department is the first, not %q", s.Session.Department)
	}
}

func TestOpeningIsRefused(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	good := OpenSession{Session: sid(2), Site: "shop", Department: "sales", Visitor: vid(2), Node: "n1", At: w.now}
	for _, c := range []struct {
		why   string
		spoil func(*OpenSession)
		code  relay.Code
	}{
		{"no such site", func(c *OpenSession) { c.Site = "x" }, relay.CodeNotFound},
		{"no such department", func(c *OpenSession) { c.Department = "x" }, relay.CodeNotFound},
		{"another site's department", func(c *OpenSession) { c.Department = "desk" }, relay.CodeNotFound},
		{"no id", func(c *OpenSession) { c.Session = relay.ID{} }, relay.CodeInvalid},
		{"no visitor", func(c *OpenSession) { c.Visitor = relay.ID{} }, relay.CodeInvalid},
		{"no node", func(c *OpenSession) { c.Node = "" }, relay.CodeInvalid},
		{"a long name", func(c *OpenSession) { c.Name = strings.Repeat("x", relay.MaxName+1) }, relay.CodeInvalid},
		{"somebody else's session", func(c *OpenSession) { c.Session = sid(1) }, relay.CodeForbidden},
		{"a visitor of another site", func(c *OpenSession) { c.Site, c.Department, c.Visitor = "blog", "desk", vid(1) }, relay.CodeForbidden},
	} {
		bad := good
		c.spoil(&bad)
		t.Run(c.why, func(t *testing.T) { w.refuse(bad, c.code) })
	}
	w.must(Block{Site: "shop", Visitor: vid(2), On: true, At: w.now})
	w.refuse(good, relay.CodeForbidden)
	w.must(Block{Site: "shop", Visitor: vid(2), At: w.now})
	w.must(good)
}

func TestWhatABrowserSaysIsCut(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("õ", 5000)
	pages := make([]relay.PageView, relay.MaxPages+10)
	for i := range pages {
		pages[i] = relay.PageView{URL: "https://shop.example/" + strconv.Itoa(i), Title: long, At: noon}
	}
	w.must(OpenSession{
		Session: sid(1), Site: "shop", Visitor: vid(1), Lang: long, URL: long, Title: long, Node: "n1", At: noon,
		Facts: relay.Facts{Referrer: long, UserAgent: long, Screen: long, TimeZone: long, Pages: pages},
	})
	s := w.session(1)
	if len(s.URL) > relay.MaxURL || len(s.Lang) > MaxLang || len([]rune(s.Title)) != relay.MaxTitle ||
		len(s.Facts.Referrer) > relay.MaxURL || len(s.Facts.UserAgent) > MaxFact || len(s.Facts.Pages) != relay.MaxPages ||
		s.Facts.Pages[0].URL != "https://shop.example/10" {
		t.Errorf("%d %d %d, %+v", len(s.URL), len(s.Lang), len(s.Title), s.Facts.Pages[0].URL)
	}
}

func TestAClaimRaisesTheEpochOnce(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	claim := func(n byte, node string) (Claimed, error) {
		v, err := w.do(Claim{Session: sid(1), Node: node, Nonce: relay.ID{n}, At: w.now})
		c, _ := v.(Claimed)
		return c, err
	}
	if c, err := claim(1, "n2"); err != nil || c.Epoch != 2 {
		t.Fatal(c, err)
	}
	if c, err := claim(1, "n2"); err != nil || c.Epoch != 2 {
		t.Error(c, err)
	}
	if c, err := claim(2, "n3"); err != nil || c.Epoch != 3 || c.Session.Epoch != 3 {
		t.Error(c, err)
	}
	w.reopen()
	if _, err := claim(1, "n2"); !errors.Is(err, ErrStale) {
		t.Errorf("a claim overtaken by another: %v", err)
	}
	origin, epoch, _ := w.state.Read().Origin(sid(1))
	if origin != "n3" {
		t.Errorf("origin %q", origin)
	}
	since := Claim{Session: sid(1), Node: "n4", Nonce: vid(90), At: w.now, Since: epoch}
	if c := w.must(since).(Claimed); c.Epoch != epoch+1 {
		t.Errorf("claimed since epoch %d: epoch %d", epoch, c.Epoch)
	}
	if c := w.must(since).(Claimed); c.Epoch != epoch+1 {
		t.Errorf("the same claim again: epoch %d", c.Epoch)
	}
	since.Node, since.Nonce = "n5", vid(91)
	w.refuse(since, relay.CodeStale)
	w.refuse(Claim{Session: sid(1), Node: "n2", At: w.now}, relay.CodeInvalid)
	w.refuse(Claim{Session: sid(9), Node: "n2", Nonce: relay.ID{1}, At: w.now}, relay.CodeNotFound)
}

func TestMarksNeverFallNorPassWhatIsStored(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	if _, err := w.append(1, 1, text(1, 1, visitor(1), "a", "x"), text(1, 2, visitor(1), "b", "x")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ delivered, read, wantDelivered, wantRead uint64 }{
		{1, 0, 1, 0},
		{0, 0, 1, 0},
		{0, 2, 2, 2},
		{9, 1, 2, 2},
	} {
		w.must(SetMarks{Session: sid(1), By: relay.RoleSupervisor, Marks: relay.Marks{Delivered: c.delivered, Read: c.read}, At: w.now})
		if got := w.session(1).Agented; got != (relay.Marks{Delivered: c.wantDelivered, Read: c.wantRead}) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if len(w.changes) != 0 {
		t.Errorf("nothing rose, and changes %+v", w.changes)
	}
	if got := w.session(1).Visited; got != (relay.Marks{}) {
		t.Errorf("the visitor's: %+v", got)
	}
	w.refuse(SetMarks{Session: sid(1), By: relay.RoleSystem, At: w.now}, relay.CodeInvalid)
}

func TestPagesOfAVisit(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	page := func(url, title string) {
		w.must(SetPage{Session: sid(1), View: relay.PageView{URL: url, Title: title, At: w.now}})
	}
	page("/a", "A")
	if c := w.changes; len(c) != 1 || c[0].Session.Facts == nil || c[0].Session.URL != "/a" {
		t.Errorf("%+v", c)
	}
	page("/a", "A")
	if len(w.changes) != 0 {
		t.Errorf("the same page changes %+v", w.changes)
	}
	page("/a", "A (1)")
	for range relay.MaxPages {
		page("/b", "B")
		page("/c", "C")
	}
	s := w.session(1)
	if n := len(s.Facts.Pages); n != relay.MaxPages || s.Facts.Pages[n-1].URL != "/c" || s.Title != "C" {
		t.Errorf("%+v", s)
	}
	w.must(EndSession{Session: sid(1), By: "agent", At: w.now})
	w.refuse(SetPage{Session: sid(1), View: relay.PageView{URL: "/d"}}, relay.CodeGone)
	w.refuse(SetConsent{Session: sid(1), On: true}, relay.CodeGone)
}

func TestConsent(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.must(SetConsent{Session: sid(1), On: true, At: w.now})
	w.must(SetConsent{Session: sid(1), On: true, At: w.now})
	if len(w.changes) != 0 || !w.session(1).Consent {
		t.Errorf("%+v", w.changes)
	}
	w.must(SetConsent{Session: sid(1), On: false, At: w.now})
	if s := w.session(1); s.Consent || !s.Declined {
		t.Errorf("%+v", s)
	}
	w.must(OpenSession{Session: sid(2), Site: "blog", Visitor: vid(2), Node: "n1", At: w.now})
	w.must(SetConsent{Session: sid(2), On: false, At: w.now})
	if !w.session(2).Declined || len(w.changes) != 1 {
		t.Errorf("a visitor who was asked and said no is as one who was not asked: %+v", w.changes)
	}
	w.must(SetConsent{Session: sid(2), On: false, At: w.now})
	if len(w.changes) != 0 {
		t.Errorf("saying no again is news: %+v", w.changes)
	}
	w.refuse(SetConsent{Session: sid(2), On: true, At: w.now}, relay.CodeForbidden)
}

func TestTheVisitorAloneSaysWhatTheAgentMayDo(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	level := func(l relay.Level, on bool) SetLevel { return SetLevel{Session: sid(1), Level: l, On: on, At: w.now} }
	w.refuse(level(relay.LevelFill, true), relay.CodeForbidden) // the page is not even seen
	w.must(SetConsent{Session: sid(1), On: true, At: w.now})
	w.must(level(relay.LevelPoint, true))
	w.must(level(relay.LevelFill, true))
	w.must(level(relay.LevelFill, true))
	if len(w.changes) != 0 {
		t.Errorf("granting again is news: %+v", w.changes)
	}
	w.must(level(relay.LevelClick, false)) // asked for, and refused
	if s := w.session(1); !slices.Equal(s.Granted, []relay.Level{relay.LevelPoint, relay.LevelFill}) || !slices.Equal(s.Refused, []relay.Level{relay.LevelClick}) {
		t.Errorf("%v, without %v", s.Granted, s.Refused)
	}
	w.must(level(relay.LevelFill, false)) // taken back
	if s := w.session(1); !slices.Equal(s.Granted, []relay.Level{relay.LevelPoint}) || !slices.Equal(s.Refused, []relay.Level{relay.LevelClick, relay.LevelFill}) {
		t.Errorf("%v, without %v", s.Granted, s.Refused)
	}
	w.refuse(level("format the disk", true), relay.CodeInvalid)
	w.must(SetConsent{Session: sid(1), On: false, At: w.now})
	if s := w.session(1); len(s.Granted) != 0 || len(s.Refused) != 2 {
		t.Errorf("a page that is not shared: %v, without %v", s.Granted, s.Refused)
	}
	site, _ := w.state.Read().Site("shop")
	site.Without = []relay.Level{relay.LevelDraw}
	w.must(Put{Site: &site, At: w.now})
	w.must(SetConsent{Session: sid(1), On: true, At: w.now})
	w.refuse(level(relay.LevelDraw, true), relay.CodeForbidden)
	site.Without = []relay.Level{"all"}
	w.refuse(Put{Site: &site, At: w.now}, relay.CodeInvalid)

	w.must(level(relay.LevelPoint, true))
	w.must(SetAgentOnline{Agent: "ann", Node: "n1", At: w.now}) // vanishes
	w.now += 60_000
	w.must(Tick{At: w.now})
	if s := w.session(1); s.State != relay.Waiting || len(s.Granted)+len(s.Refused) != 0 {
		t.Errorf("for the next agent: %s, %v, without %v", s.State, s.Granted, s.Refused)
	}
}

func TestBlockingEndsTheSession(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.must(Block{Site: "shop", Visitor: vid(1), On: true, By: "ann", At: w.now})
	var blocked relay.ID
	for _, c := range w.changes {
		if !c.Blocked.IsZero() {
			blocked = c.Blocked
		}
	}
	if s := w.session(1); blocked != vid(1) || s.State != relay.Ended || s.EndedBy != "agent" {
		t.Errorf("%v %+v", blocked, s)
	}
	w.must(Block{Site: "shop", Visitor: vid(1), On: true, By: "ann", At: w.now})
	if len(w.changes) != 0 {
		t.Errorf("blocked twice: %+v", w.changes)
	}
	if v, ok := w.state.Read().Visitor("shop", vid(1)); !ok || !v.Blocked || v.Name != "Mari" || v.Visits != 3 {
		t.Errorf("%+v", v)
	}
	w.refuse(Block{Site: "x", Visitor: vid(1), On: true}, relay.CodeNotFound)
}

func TestEndingIsHarmlessTwice(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	w.must(EndSession{Session: sid(1), By: "visitor", At: w.now + 1})
	if s := w.session(1); s.EndedBy != "visitor" || s.EndedAt != w.now+1 || s.Agent != "ann" || s.AgentName != "Alias of ann" {
		t.Errorf("%+v", s)
	}
	w.must(EndSession{Session: sid(1), By: "agent", At: w.now + 2})
	w.must(SetOnline{Session: sid(1), Node: "n1", On: false, At: w.now + 2})
	if s := w.session(1); s.EndedBy != "visitor" || len(w.changes) != 0 {
		t.Errorf("%+v", s)
	}
	w.refuse(EndSession{Session: sid(1), By: "me"}, relay.CodeInvalid)
	w.refuse(EndSession{Session: sid(9), By: "agent"}, relay.CodeNotFound)
}
