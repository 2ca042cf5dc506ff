package state

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"kohe/relay"
)

func TestARecordingIsMadeWhereTheVisitorAllowsIt(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	segment := func(n int, nodes ...string) AddSegment {
		return AddSegment{Segment: Segment{ID: vid(n), Session: sid(1), Writer: "n1", Nodes: nodes, At: 1 << 60}, At: w.now + int64(n)}
	}
	w.must(SetConsent{Session: sid(1), On: true, At: w.now})
	w.refuse(segment(1, "n1"), relay.CodeForbidden)
	w.must(SetConsent{Session: sid(1), On: true, Record: true, At: w.now})
	if s := w.session(1); !s.Record || s.Recorded || len(w.changes) != 1 {
		t.Errorf("%+v", s)
	}
	w.must(segment(2, "n1", "n2"))
	w.must(segment(1, "n1", "n2"))
	w.must(segment(2, "n1", "n2")) // said again
	w.refuse(segment(2, "n2", "n3"), relay.CodeConflict)
	w.refuse(segment(3, "n1", "n1"), relay.CodeInvalid)
	if s := w.session(1); !s.Recorded {
		t.Errorf("%+v", s)
	}
	w.refuse(segment(3), relay.CodeInvalid)
	w.refuse(segment(3, "n1", "n2", "n3"), relay.CodeInvalid)
	w.refuse(segment(3, ""), relay.CodeInvalid)
	w.must(Claim{Session: sid(1), Node: "n2", Nonce: vid(9), At: w.now})
	if _, err := w.do(segment(3, "n1")); !errors.Is(err, ErrStale) {
		t.Errorf("a segment of the former origin: %v", err)
	}
	list, err := w.state.Read().Segments(sid(1))
	if err != nil || len(list) != 2 || list[0].ID != vid(1) || list[0].At > w.now+9 || !slices.Equal(list[1].Nodes, []string{"n1", "n2"}) {
		t.Errorf("%+v, %v", list, err)
	}
	if g, ok := w.state.Read().Segment(sid(1), vid(2)); !ok || g.Writer != "n1" {
		t.Errorf("%+v", g)
	}
	w.must(SetConsent{Session: sid(1), On: false, Record: true, At: w.now})
	if s := w.session(1); s.Record || !s.Recorded {
		t.Errorf("a page that is not shared any more: %+v", s)
	}
}

func TestRecordingsAreForgottenInTime(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	w.must(SetConsent{Session: sid(1), On: true, Record: true, At: w.now})
	for n := range MaxForget + 100 {
		w.must(AddSegment{Segment: Segment{ID: relay.ID{1, byte(n >> 8), byte(n)}, Session: sid(1), Writer: "n1", Nodes: []string{"n1"}}, At: w.now + int64(n)})
	}
	left := func() int {
		list, err := w.state.Read().Segments(sid(1))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	forget := func(at int64, want int) {
		t.Helper()
		if got := w.must(Forget{At: at}).(Forgotten).Segments; got != want {
			t.Errorf("%d are forgotten, not %d", got, want)
		}
	}
	forget(w.now+30*day-1, 0)
	forget(w.now+30*day+9, 10)
	forget(w.now+31*day, MaxForget)
	forget(w.now+31*day, 90)
	if left() != 0 {
		t.Errorf("%d are left", left())
	}
	w.must(AddSegment{Segment: Segment{ID: vid(1), Session: sid(1), Writer: "n1", Nodes: []string{"n1"}, At: w.now + 40*day}, At: w.now + 40*day})
	site, _ := w.state.Read().Site("shop")
	for _, days := range []int{-1, MaxRecord + 1} {
		site.Record = days
		w.refuse(Put{Site: &site, At: w.now}, relay.CodeInvalid)
	}
	site.Record = 0
	w.must(Put{Site: &site, At: w.now})
	w.refuse(AddSegment{Segment: Segment{ID: vid(2), Session: sid(1), Writer: "n1", Nodes: []string{"n1"}, At: w.now}, At: w.now}, relay.CodeForbidden)
	forget(w.now+40*day, 1) // a site that makes none keeps none
}

func TestARecordingHasABoundedNumberOfPieces(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	w.must(SetConsent{Session: sid(1), On: true, Record: true, At: w.now})
	add := func(n int) AddSegment {
		return AddSegment{Segment: Segment{ID: relay.ID{1, byte(n >> 8), byte(n)}, Session: sid(1), Writer: "n1", Nodes: []string{"n1"}, At: w.now}, At: w.now}
	}
	for n := range MaxSegments {
		w.must(add(n))
	}
	w.refuse(add(MaxSegments), relay.CodeTooLarge)
	w.must(add(7)) // known
	if list, err := w.state.Read().Segments(sid(1)); err != nil || len(list) != MaxSegments {
		t.Error(fmt.Sprint(len(list)), err)
	}
}
