package dom

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// script writes messages as a capture would, of random operations on random
// ids, some of which are not there.
type script struct {
	next uint32
	to   uint64
}

func (s *script) first() []byte {
	s.next, s.to = 4, 1
	return NewSnapshot(1, "https://shop.example/", "Shop").
		Insert(Document, 0, 2, Branch{Tag: "html", Nodes: []Branch{{Tag: "body"}}}).Bytes()
}

func (s *script) message(t *rapid.T) []byte {
	w := &writer{}
	s.to++
	w.start = []byte{0, byte(s.to)}
	for range rapid.IntRange(1, 8).Draw(t, "ops") {
		s.op(t, w)
	}
	return w.finish()
}

func (s *script) id(t *rapid.T) uint32 { return uint32(rapid.IntRange(1, int(s.next)+2).Draw(t, "id")) }

var words = rapid.SampledFrom([]string{"", "a", "amber", "õun 😀", "java", "script:1", "•••"})

func (s *script) op(t *rapid.T, w *writer) {
	switch rapid.IntRange(0, 14).Draw(t, "op") {
	case 0, 1:
		s.insert(t, w)
	case 2:
		w.op(OpRemove, 0)
		w.set([]uint32{s.id(t)})
	case 3, 4:
		w.op(OpMove, 0)
		w.ref(s.id(t))
		w.ref(s.id(t) - 1)
		w.refs([]uint32{s.id(t), s.id(t)})
	case 10:
		w.op(OpAlike, 0)
		w.attrName("class")
		w.str(words.Draw(t, "value"))
		w.set([]uint32{3, s.next})
	case 5:
		w.op(OpText, spliceAt)
		w.ref(s.id(t))
		w.uint(uint32(rapid.IntRange(0, 6).Draw(t, "start")))
		w.uint(uint32(rapid.IntRange(0, 3).Draw(t, "remove")))
		w.plain(words.Draw(t, "text"))
	case 6:
		w.op(OpAttr, spliceAppend)
		w.ref(s.id(t))
		w.attrName(rapid.SampledFrom([]string{"class", "href", "data-kohe-mask", "rel"}).Draw(t, "name"))
		w.plain(words.Draw(t, "value"))
	case 7:
		w.op(OpUnset, 0)
		w.ref(s.id(t))
		w.attrName(rapid.SampledFrom([]string{"class", "href", "rel"}).Draw(t, "name"))
	case 8:
		w.op(OpValue, spliceSet)
		w.ref(s.id(t))
		w.plain(words.Draw(t, "value"))
	case 9:
		w.sheet(s.id(t), []string{"a{}", words.Draw(t, "rule")})
	default:
		s.extra(t, w)
	}
}

// extra writes an operation on what few pages have.
func (s *script) extra(t *rapid.T, w *writer) {
	id := s.id(t)
	switch rapid.IntRange(0, 5).Draw(t, "extra") {
	case 0:
		w.op(OpRange, 0)
		w.str(rapid.SampledFrom([]string{"", "hits"}).Draw(t, "name"))
		w.uint(1)
		w.ref(id)
		w.uint(1)
		w.ref(s.id(t))
		w.uint(2)
	case 1:
		w.op(OpAnimate, 0)
		w.ref(id)
		w.uint(1)
		for range 3 {
			w.uint(100)
		}
		for range 3 {
			w.int(-5)
		}
		w.plain("ease")
		w.plain(words.Draw(t, "keyframes"))
	case 2:
		w.op(OpImage, 0)
		w.ref(id)
		w.uint(50)
		w.plain(words.Draw(t, "picture"))
	case 5:
		w.op(OpMedia, 0)
		w.ref(id)
		for range 3 {
			w.uint(rapid.Uint32().Draw(t, "media"))
		}
	case 3:
		w.op(OpCustom, 0)
		w.ref(id)
		w.str(words.Draw(t, "states"))
	case 4: // another document in a frame
		w.op(OpInsert, 0)
		w.ref(id)
		w.ref(0)
		w.ref(s.next)
		w.uint(specialDocument<<2 | 3)
		if rapid.Bool().Draw(t, "existing?") {
			w.uint(specialExisting<<2 | 3)
			w.uint(s.id(t))
		}
		w.close()
		w.close()
		s.next++
	}
}

func (s *script) insert(t *rapid.T, w *writer) {
	w.op(OpInsert, 0)
	w.ref(s.id(t))
	w.ref(s.id(t) - 1)
	w.ref(s.next)
	for range rapid.IntRange(1, 3).Draw(t, "nodes") {
		if rapid.Bool().Draw(t, "text?") {
			text := words.Draw(t, "text")
			w.uint(0)
			w.plain(text)
			s.next++
			continue
		}
		w.tag(rapid.SampledFrom([]string{"div", "style", "link", "a", "x-card", "iframe", "canvas", "video", "slot"}).Draw(t, "tag"), 2)
		w.uint(1)
		w.attrName("class")
		w.str(words.Draw(t, "class"))
		if rapid.Bool().Draw(t, "existing?") {
			w.uint(specialExisting<<2 | 3)
			w.uint(s.id(t))
		}
		if rapid.Bool().Draw(t, "shadow?") {
			w.uint(specialShadow<<2 | 3)
			w.close()
			s.next++
		}
		w.close()
		s.next++
	}
	w.close()
}

// odd is a filter that replaces, hides and masks.
type odd struct{ Open }

func (odd) Tag(tag string) string {
	if tag == "x-card" {
		return "kohe-x"
	}
	return tag
}

func (odd) Attr(_ *Node, name, value string) (string, bool) {
	return value, name != "href" || !bytes.Contains([]byte(value), []byte("javascript:"))
}

func (odd) CSS(text string) bool { return text != "script:1" }

func (odd) Picture(url string) bool { return url != "java" }

func (odd) Masks(el *Node) bool { _, ok := el.Attr("data-kohe-mask"); return ok }

func (odd) MaskedBy(_ *Node, name string) bool { return name == "data-kohe-mask" }

func (odd) Masked(_ *Node, name, value string) (string, bool) {
	if name == "class" || name == "data-kohe-mask" {
		return value, true
	}
	return "•••", true
}

// A viewer who gets what Apply says to forward, one who only gets deltas now
// and then, and one who comes late all have what the tree has.
func TestViewersHaveTheFilteredTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &script{}
		tree, follower, sleeper := NewTree(odd{}), NewTree(Open{}), NewTree(Open{})
		mustApply(t, tree, s.first())
		mustApply(t, follower, tree.Snapshot())
		mustApply(t, sleeper, tree.Snapshot())
		slept := tree.Version()
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			msg, before := s.message(t), tree.Version()
			if mustApply(t, tree, msg).Filtered {
				msg = tree.Delta(before)
			}
			mustApply(t, follower, msg)
			same(t, "follower", tree, follower)
			if rapid.Bool().Draw(t, "wake?") {
				mustApply(t, sleeper, tree.Delta(slept))
				slept = tree.Version()
				same(t, "sleeper", tree, sleeper)
			}
			late := NewTree(Open{})
			mustApply(t, late, tree.Snapshot())
			same(t, "latecomer", tree, late)
		}
	})
}

func mustApply(t *rapid.T, tree *Tree, msg []byte) Applied {
	a, err := tree.Apply(msg)
	if err != nil {
		t.Fatalf("%v\n%x", err, msg)
	}
	return a
}

func same(t *rapid.T, who string, tree, viewer *Tree) {
	if a, b := dump(tree), dump(viewer); a != b {
		t.Fatalf("the %s has another page\ntree:\n%s\nviewer:\n%s", who, a, b)
	}
}

// dump writes what is shown of a tree for people, and for comparing.
func dump(t *Tree) string {
	var b bytes.Buffer
	t.walk(t.doc, func(n *Node) {
		fmt.Fprintf(&b, "%*s%d ", 2*n.depth, "", n.id)
		switch n.kind {
		case KindText:
			fmt.Fprintf(&b, "%q", n.shownText())
		case KindElement:
			b.WriteString(n.tag)
			var attrs []string // in any order: one that went and came is last at some
			for i := range n.attrs {
				if v, ok := n.attrs[i].shown(); ok {
					attrs = append(attrs, fmt.Sprintf(" %s=%q", n.attrs[i].Name, v))
				}
			}
			slices.Sort(attrs)
			b.WriteString(strings.Join(attrs, ""))
		case KindRoot:
			fmt.Fprintf(&b, "#root %d", n.inside)
		}
		if m := n.more; m != nil {
			if m.value != nil {
				fmt.Fprintf(&b, " value=%q", *m.value)
			}
			if m.sheet != nil {
				fmt.Fprintf(&b, " rules=%q", *m.sheet)
			}
			if m.hasState {
				fmt.Fprintf(&b, " state=%d", m.state)
			}
			if len(m.animations)+len(m.picture.url)+len(m.custom) > 0 || m.media != (media{}) {
				fmt.Fprintf(&b, " %v %q %v %q", m.animations, m.picture.url, m.media, m.custom)
			}
		}
		b.WriteByte('\n')
	})
	for _, name := range []string{"", "hits"} {
		if r := t.ranges[name]; r != nil && len(r.list) > 0 {
			fmt.Fprintf(&b, "%q: %v\n", name, r.list)
		}
	}
	return b.String()
}
