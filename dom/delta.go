package dom

import (
	"cmp"
	"slices"
)

// Delta returns a message that takes a reader from an earlier Version to this
// one, and nil if there is nothing to say. It costs what changed since, not
// what there is. Where that is no longer known (another snapshot, too many
// removals) it is a Snapshot.
func (t *Tree) Delta(since uint64) []byte {
	from := uint64(uint32(since))
	switch {
	case since == t.Version():
		return nil
	case since>>32 != uint64(t.epoch), from > t.to, from == 0, from < t.forgot:
		return t.Snapshot()
	}
	d := delta{t: t, writer: writer{since: from, longest: MaxString, now: t.time()}}
	d.head(t.partialBit(), from, t.to)
	if t.pageVer > from {
		t.encodePage(&d.writer)
	}
	if t.viewVer > from {
		t.encodeView(&d.writer)
	}
	d.collect()
	d.places()
	d.removals()
	if !d.documents() {
		return t.Snapshot()
	}
	d.contents()
	t.encodeRest(&d.writer, from)
	return d.finish()
}

type delta struct {
	writer
	t       *Tree
	touched []*Node // came or moved, and their parent was there before
	changed []*Node // all that changed
}

// collect takes the changed nodes off the tree's list, newest first.
func (d *delta) collect() {
	for n := d.t.newest; n != nil && max(n.changed, n.placed) > d.since; n = n.older {
		d.changed = append(d.changed, n)
		if n.placed > d.since && n.parent.born <= d.since {
			d.touched = append(d.touched, n)
		}
	}
	slices.SortFunc(d.changed, func(a, b *Node) int { return cmp.Compare(a.id, b.id) })
	slices.SortFunc(d.touched, func(a, b *Node) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.parent.id, b.parent.id), cmp.Compare(a.id, b.id))
	})
}

// moved reports whether the reader does not have the node at this place.
func (d *delta) moved(n *Node) bool { return n != nil && n.placed > d.since }

// places writes where nodes are now. A node only goes under a parent that is
// in its final place: shallow ones first.
func (d *delta) places() {
	done := make(map[*Node]bool, len(d.touched))
	for _, n := range d.touched {
		if done[n] {
			continue
		}
		if n.kind == KindRoot {
			if n.frames() == 0 {
				d.root(n)
			}
			continue
		}
		for d.moved(n.prev) {
			n = n.prev
		}
		d.run(n, done)
	}
}

func (d *delta) root(n *Node) {
	d.open(n.parent, 0, n.id)
	d.node(n)
	d.close()
}

// documents writes new documents of frames, after the former ones are gone.
// It reports false if one has taken in a node that may have gone with them.
func (d *delta) documents() bool {
	d.existing = false
	for _, n := range d.touched {
		if n.frames() > 0 {
			d.root(n)
		}
	}
	return !d.existing
}

// run writes the siblings from head on that came or moved.
func (d *delta) run(head *Node, done map[*Node]bool) {
	after := uint32(0)
	if head.prev != nil {
		after = head.prev.id
	}
	for n := head; d.moved(n); {
		first := n
		if n.born > d.since {
			d.open(n.parent, after, n.id)
			for ; d.moved(n) && n.born > d.since; n = n.next {
				d.node(n)
				done[n], after = true, n.id
			}
			d.close()
			continue
		}
		var ids []uint32
		for ; d.moved(n) && n.born <= d.since; n = n.next {
			ids = append(ids, n.id)
			done[n] = true
		}
		d.move(first.parent, after, ids)
		after = ids[len(ids)-1]
	}
}

// move writes known nodes in a new order: many as a set and a permutation.
func (d *delta) move(parent *Node, after uint32, ids []uint32) {
	if len(ids) <= 8 {
		d.op(OpMove, 0)
		d.ref(parent.id)
		d.ref(after)
		d.refs(ids)
		return
	}
	d.op(OpMove, 1)
	d.ref(parent.id)
	d.ref(after)
	sorted := slices.Sorted(slices.Values(ids))
	d.set(sorted)
	rank := make(map[uint32]int, len(sorted))
	for i, id := range sorted {
		rank[id] = i
	}
	expected := 0
	for i := 0; i < len(ids); {
		first, n := rank[ids[i]], 1
		for i+n < len(ids) && rank[ids[i+n]] == first+n {
			n++
		}
		step := first - expected
		head := uint32(step)<<1 ^ uint32(step>>31)
		if n > 1 {
			d.uint(head<<1 | 1)
			d.uint(uint32(n - 2))
		} else {
			d.uint(head << 1)
		}
		expected = first + n
		i += n
	}
}

// removals writes what left and was there before.
func (d *delta) removals() {
	var ids []uint32
	for i := len(d.t.gone) - 1; i >= 0 && d.t.gone[i].ver > d.since; i-- {
		if g := d.t.gone[i]; g.born <= d.since {
			ids = append(ids, g.id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	d.op(OpRemove, 0)
	d.set(slices.Compact(ids))
}

// contents writes what nodes hold, where that changed.
func (d *delta) contents() {
	for _, n := range d.changed {
		if n.born <= d.since && n.changed > d.since {
			d.content(n)
		}
	}
	d.t.encodeSheets(&d.writer, d.since)
	for _, n := range d.changed {
		d.more(n)
	}
}

func (d *delta) content(n *Node) {
	if n.kind == KindText {
		d.op(OpText, spliceSet)
		d.ref(n.id)
		d.plain(n.shownText())
		return
	}
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.ver <= d.since {
			continue
		}
		value, ok := a.shown()
		if !ok {
			d.op(OpUnset, 0)
			d.ref(n.id)
			d.attrName(a.Name)
			continue
		}
		d.op(OpAttr, spliceSet)
		d.ref(n.id)
		d.attrName(a.Name)
		d.str(value)
	}
}
