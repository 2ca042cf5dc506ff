package dom

import (
	"cmp"
	"slices"
)

// Snapshot returns a message that makes any tree or mirror equal to this one,
// and nil if there has been no snapshot yet. Equal trees of one history give
// equal bytes, if no clock goes on between.
func (t *Tree) Snapshot() []byte {
	return t.snapshot(MaxString)
}

// Excerpt is a Snapshot without the strings that are longer than so many bytes.
func (t *Tree) Excerpt(longest int) []byte { return t.snapshot(longest) }

func (t *Tree) snapshot(longest int) []byte {
	if t.Empty() {
		return nil
	}
	w := &writer{longest: longest, now: t.time()}
	w.head(headSnapshot|t.partialBit(), 0, t.to)
	t.encodePage(w)
	t.encodeView(w)
	if t.doc.first != nil {
		w.open(t.doc, 0, t.doc.first.id)
		for c := t.doc.first; c != nil; c = c.next {
			w.node(c)
		}
		w.close()
	}
	t.encodeSheets(w, 0)
	t.walk(t.doc, func(n *Node) { w.more(n) })
	t.encodeRest(w, 0)
	return w.finish()
}

func (t *Tree) partialBit() byte {
	if t.partial {
		return headPartial
	}
	return 0
}

// walk calls f for a node and everything below, roots before children.
func (t *Tree) walk(n *Node, f func(*Node)) {
	f(n)
	if n.root != nil {
		t.walk(n.root, f)
	}
	for c := n.first; c != nil; c = c.next {
		t.walk(c, f)
	}
}

func (t *Tree) encodePage(w *writer) {
	w.op(OpPage, 0)
	w.uint(t.page.flags)
	w.plain(t.page.url)
	w.plain(t.page.title)
}

func (t *Tree) encodeView(w *writer) {
	v := t.view
	k := uint8(0)
	if v.answered {
		k = answers
	}
	w.op(OpViewport, k)
	for _, n := range [...]uint32{v.width, v.height, v.bar, v.zoom, v.ratio} {
		w.uint(n)
	}
	if v.answered {
		w.uint(v.answers)
	}
}

// encodeSheets writes the constructed sheets that changed since a version.
func (t *Tree) encodeSheets(w *writer, since uint64) {
	var ids []uint32
	for id, s := range t.sheets {
		if s.ver > since {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		w.sheet(id, t.sheets[id].rules)
	}
}

func (w *writer) state(n *Node) {
	w.op(OpState, 0)
	w.ref(n.id)
	w.uint(n.more.state)
}

// encodeRest writes what belongs to the page as a whole.
func (t *Tree) encodeRest(w *writer, since uint64) {
	slices.SortFunc(w.above, func(a, b *Node) int { return cmp.Compare(a.more.rose, b.more.rose) })
	for _, n := range w.above {
		w.state(n)
	}
	t.encodeRanges(w, since)
	if t.focusVer > since {
		k := uint8(0)
		if t.visible {
			k = 1
		}
		w.op(OpFocus, k)
		w.ref(t.focus)
	}
	if t.hoverVer > since {
		w.op(OpHover, 0)
		w.ref(t.hover)
	}
	if t.frozeVer > since {
		k := uint8(0)
		if t.frozen {
			k = 1
		}
		w.op(OpFreeze, k)
	}
}

// open begins an insert with explicit ids.
func (w *writer) open(parent *Node, after, first uint32) {
	w.op(OpInsert, 1)
	w.ref(parent.id)
	w.ref(after)
	w.ref(first)
	w.next = int64(first)
}

func (w *writer) close() { w.uint(specialEnd<<2 | 3) }

// node writes a node and what is below it. In a delta, nodes that the reader
// has already are written as references.
func (w *writer) node(n *Node) {
	if n.born <= w.since && w.since > 0 {
		w.uint(specialExisting<<2 | 3)
		w.uint(n.id)
		w.existing = true
		return
	}
	switch n.kind {
	case KindText:
		w.uint(0)
		w.id(n)
		w.plain(w.clip(n.shownText()))
		return
	case KindRoot:
		w.uint(uint32(n.inside)<<2 | 3)
		w.id(n)
		w.below(n)
		return
	}
	deep := n.first != nil || n.root != nil
	kind := uint32(1)
	if deep {
		kind = 2
	}
	w.element(n, kind)
	if deep {
		w.below(n)
	}
}

func (w *writer) below(n *Node) {
	if n.root != nil {
		w.node(n.root)
	}
	for c := n.first; c != nil; c = c.next {
		w.node(c)
	}
	w.close()
}

// id writes how far a node's id is from the expected one.
func (w *writer) id(n *Node) {
	w.int(int(int64(n.id) - w.next))
	w.next = int64(n.id) + 1
}

func (w *writer) element(n *Node, kind uint32) {
	if i, ok := tagCodes[n.tag]; ok {
		w.uint(uint32(i+1)<<2 | kind)
		w.id(n)
	} else {
		w.uint(kind)
		w.id(n)
		w.str(n.tag)
	}
	count := uint32(0)
	for i := range n.attrs {
		if _, ok := n.attrs[i].shown(); ok {
			count++
		}
	}
	w.uint(count)
	for i := range n.attrs {
		if value, ok := n.attrs[i].shown(); ok {
			w.attrName(n.attrs[i].Name)
			w.str(w.clip(value))
		}
	}
}

func (w *writer) sheet(id uint32, rules []string) {
	w.op(OpSheet, 0)
	w.ref(id)
	w.uint(uint32(len(rules)))
	for _, r := range rules {
		if w.clip(r) == "" {
			r = nothing
		}
		w.plain(r)
	}
}

// more writes what few nodes have, as far as it changed after w.since.
func (w *writer) more(n *Node) {
	m := n.more
	if m == nil {
		return
	}
	if m.value != nil && m.valueVer > w.since {
		w.op(OpValue, spliceSet)
		w.ref(n.id)
		w.plain(w.clip(*m.value))
	}
	if m.hasState && m.stateVer > w.since {
		if m.state&(StateModal|StatePopover) != 0 {
			w.above = append(w.above, n)
		} else {
			w.state(n)
		}
	}
	switch {
	case m.sheetVer <= w.since:
	case m.sheet != nil:
		w.sheet(n.id, *m.sheet)
	case w.since > 0: // a reader may have rules
		w.op(OpSheet, 1)
		w.ref(n.id)
	}
	if m.adoptedVer > w.since {
		w.op(OpAdopt, 0)
		w.ref(n.id)
		w.refs(m.adopted)
	}
	w.extras(n, m)
	if m.scrollVer > w.since {
		w.op(OpScroll, 0)
		w.ref(n.id)
		w.int(m.x)
		w.int(m.y)
	}
}
