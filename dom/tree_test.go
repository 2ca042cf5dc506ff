package dom

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

// session returns the messages of a recorded capture (roundtrip.check.mjs).
func session(tb testing.TB) [][]byte {
	tb.Helper()
	text, err := os.ReadFile("testdata/session.json")
	if err != nil {
		tb.Fatal(err)
	}
	var encoded []string
	if err := json.Unmarshal(text, &encoded); err != nil {
		tb.Fatal(err)
	}
	msgs := make([][]byte, len(encoded))
	for i, e := range encoded {
		if msgs[i], err = base64.StdEncoding.DecodeString(e); err != nil {
			tb.Fatal(err)
		}
	}
	return msgs
}

func apply(tb testing.TB, t *Tree, msg []byte) Applied {
	tb.Helper()
	a, err := t.Apply(msg)
	if err != nil {
		tb.Fatalf("version %d: %v", t.to, err)
	}
	return a
}

// copyOf returns a tree made from another one's snapshot.
func copyOf(tb testing.TB, t *Tree) *Tree {
	tb.Helper()
	c := NewTree(Open{})
	apply(tb, c, t.Snapshot())
	return c
}

func TestLateViewerHasWhatTheTreeHas(t *testing.T) {
	tree := NewTree(Open{})
	for i, msg := range session(t) {
		apply(t, tree, msg)
		if got := copyOf(t, tree).Snapshot(); !bytes.Equal(got, tree.Snapshot()) {
			t.Fatalf("after message %d a snapshot's snapshot is another one", i)
		}
	}
	if tree.Nodes() < 50 {
		t.Fatalf("only %d nodes: the recording is too small", tree.Nodes())
	}
}

// open says that an element is modal, or a popover that is open.
func open(version uint64, id, bits uint32) []byte {
	b := NewDiff(version)
	b.w.op(OpState, 0)
	b.w.ref(id)
	b.w.uint(bits)
	return b.Bytes()
}

func TestWhatWasOpenedLastIsOnTopForWhoComesLate(t *testing.T) {
	tree := NewTree(Open{})
	apply(t, tree, NewSnapshot(1, "https://shop.example/", "").Insert(Document, 0, 2,
		Branch{Tag: "dialog"}, Branch{Tag: "div", Attrs: []string{"popover", ""}}, Branch{Tag: "dialog"}).Bytes())
	viewer, since := copyOf(t, tree), tree.Version()
	order := func(t *Tree) (ids []uint32) {
		for id, n := range t.nodes {
			if n.more != nil && n.more.state&(StateModal|StatePopover) != 0 {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b uint32) int { return cmp.Compare(t.nodes[a].more.rose, t.nodes[b].more.rose) })
		return ids
	}
	for i, step := range []struct {
		id, bits uint32
		want     []uint32
	}{
		{4, StateModal, []uint32{4}},
		{2, StateModal, []uint32{4, 2}},
		{3, StatePopover, []uint32{4, 2, 3}},
		{2, StateModal, []uint32{4, 3, 2}}, // closed and opened within a frame
		{4, 0, []uint32{3, 2}},
	} {
		apply(t, tree, open(uint64(i+2), step.id, step.bits))
		if got := order(copyOf(t, tree)); !slices.Equal(got, step.want) {
			t.Errorf("step %d: who comes late has %d, want %d", i, got, step.want)
		}
		if i%2 == 0 {
			continue
		}
		apply(t, viewer, tree.Delta(since))
		since = tree.Version()
		if got := order(viewer); !slices.Equal(got, step.want) {
			t.Errorf("step %d: a viewer has %d, want %d", i, got, step.want)
		}
	}
}

func TestDeltaLeadsFromEveryVersionToNow(t *testing.T) {
	msgs := session(t)
	for _, stride := range []int{1, 2, 5, 17} {
		tree, viewer := NewTree(Open{}), NewTree(Open{})
		apply(t, tree, msgs[0])
		apply(t, viewer, tree.Snapshot())
		since := tree.Version()
		for i, msg := range msgs[1:] {
			apply(t, tree, msg)
			if i%stride != 0 {
				continue
			}
			if d := tree.Delta(since); d != nil {
				apply(t, viewer, d)
			}
			since = tree.Version()
			if !bytes.Equal(viewer.Snapshot(), tree.Snapshot()) {
				t.Fatalf("stride %d, message %d: the viewer has another page", stride, i+1)
			}
		}
	}
}

func TestDeflatedMessageIsTheSame(t *testing.T) {
	tree, deflated := NewTree(Open{}), NewTree(Open{})
	for _, msg := range session(t) {
		apply(t, tree, msg)
		apply(t, deflated, Deflate(msg))
	}
	if !bytes.Equal(tree.Snapshot(), deflated.Snapshot()) {
		t.Fatal("deflated messages lead elsewhere")
	}
}

func TestWhatPlaysIsWhereItIsByNow(t *testing.T) {
	tree, early := NewTree(Open{}), NewTree(Open{})
	var now time.Duration
	tree.Clock = func() time.Duration { return now }
	snapshot := NewSnapshot(1, "https://shop.example/", "Shop").Insert(Document, 0, 2, Branch{Tag: "video"}).Bytes()
	apply(t, tree, snapshot)
	apply(t, early, snapshot)
	since := tree.Version()
	now = 3 * time.Second
	apply(t, tree, NewDiff(2).Media(2).Animation(2, "@keyframes k{}").Bytes()) // from its first second on
	now = 8 * time.Second
	apply(t, early, tree.Delta(since))
	for name, viewer := range map[string]*Tree{"late": copyOf(t, tree), "early": early} {
		m := viewer.nodes[2].more
		if m.media.time != 6000 || m.animations[0].time != 5000 {
			t.Errorf("the %s viewer's video is at %d ms, the animation at %d", name, m.media.time, m.animations[0].time)
		}
	}
	still := media{time: 1000, rate: 100}
	if still.after(time.Hour) != still {
		t.Error("a video that stands still goes on")
	}
	if far := (media{flags: plays, time: 1, rate: 1 << 31}).after(time.Hour); far.time != latestMedia {
		t.Errorf("a video is at %d ms", far.time)
	}
}

func TestGapIsSeenAndHarmless(t *testing.T) {
	msgs := session(t)
	tree := NewTree(Open{})
	if _, err := tree.Apply(msgs[1]); !errors.Is(err, ErrGap) {
		t.Fatalf("a difference before any snapshot: %v", err)
	}
	apply(t, tree, msgs[0])
	before := tree.Snapshot()
	if _, err := tree.Apply(msgs[2]); !errors.Is(err, ErrGap) {
		t.Fatalf("a message left out: %v", err)
	}
	if !bytes.Equal(tree.Snapshot(), before) {
		t.Fatal("the message after the gap changed the tree")
	}
	apply(t, tree, msgs[1])
}

func TestStampedMessagesAreCheckedByViewers(t *testing.T) {
	tree, viewer, lost := NewTree(Open{}), NewTree(Open{}), NewTree(Open{})
	for i, msg := range session(t) {
		apply(t, tree, msg)
		stamped := tree.Stamp(msg)
		apply(t, viewer, stamped)
		if !bytes.Equal(viewer.Snapshot(), tree.Snapshot()) {
			t.Fatalf("message %d: a check changed the page", i)
		}
		if i == 0 {
			apply(t, lost, stamped)
			lost.doc.first.unlink() // nothing says so but the checks
			continue
		}
		if _, err := lost.Apply(stamped); errors.Is(err, ErrGap) {
			return
		}
	}
	t.Fatal("no check found that the page had gone astray")
}

func TestBytesAreCountedBackToTheStart(t *testing.T) {
	tree := NewTree(Open{})
	for _, msg := range session(t) {
		apply(t, tree, msg)
		want := 0
		tree.walk(tree.doc, func(n *Node) {
			if n != tree.doc {
				want += n.cost()
			}
		})
		for _, s := range tree.sheets {
			want += rulesCost(s.rules)
		}
		if tree.Bytes() != want {
			t.Fatalf("version %d: counted %d bytes, there are %d", tree.to, tree.Bytes(), want)
		}
	}
}

func FuzzApply(f *testing.F) {
	for _, msg := range session(f) {
		f.Add(msg)
	}
	for _, v := range readGolden(f).Messages {
		for _, h := range v.Hex {
			msg, err := hex.DecodeString(h)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(msg)
		}
	}
	base := session(f)[0]
	f.Fuzz(func(t *testing.T, msg []byte) {
		tree := NewTree(Open{})
		apply(t, tree, base)
		for range 2 { // as a difference, then on what that left
			if _, err := tree.Apply(msg); err != nil && !errors.Is(err, ErrGap) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) {
				t.Fatal(err)
			}
		}
		if tree.Empty() {
			return
		}
		c := NewTree(Open{})
		if _, err := c.Apply(tree.Snapshot()); err != nil {
			t.Fatalf("the snapshot of what a message left: %v", err)
		}
	})
}
