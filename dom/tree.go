package dom

import (
	"fmt"
	"time"
)

// Tree is a page after filtering. It is not safe for concurrent use.
type Tree struct {
	// Clock tells a time that rises, so that who comes later finds what plays
	// where it is by then. Without one it is where it was.
	Clock func() time.Duration

	filter Filter
	epoch  uint32 // counts snapshots
	to     uint64 // version of the last message applied, by the page's own count
	nodes  map[uint32]*Node
	doc    *Node
	high   uint32 // no id above it was ever used; one below that is not in nodes is gone
	fresh  uint32 // high when the message began: what it inserts is above
	sheets map[uint32]*sheet
	ranges map[string]*ranges
	frames int // documents of frames
	bytes  int
	newest *Node  // list of changes
	risen  uint64 // states that came

	page     page
	pageVer  uint64
	view     viewport
	viewVer  uint64
	focus    uint32
	visible  bool // the focus is to be shown
	focusVer uint64
	hover    uint32
	hoverVer uint64
	frozen   bool
	frozeVer uint64
	partial  bool

	gone     []removal // oldest first
	forgot   uint64    // removals up to this version are not in gone
	filtered bool      // the message being applied is not shown as it came

	samples uint32 // checks made
	sampled uint32 // the node of the last check in turn
}

type page struct {
	flags      uint32
	url, title string
}

// removal is a node that left the tree in a version.
type removal struct {
	ver  uint64
	id   uint32
	born uint64
}

// sheet is a constructed style sheet.
type sheet struct {
	rules   []string
	born    uint64
	ver     uint64
	adopted bool // a root had it
	masked  bool // the first was a masked one, or all is masked
}

// NewTree returns an empty tree, which waits for a snapshot.
func NewTree(f Filter) *Tree {
	t := &Tree{filter: f}
	t.clear()
	return t
}

func (t *Tree) clear() {
	*t = Tree{Clock: t.Clock, filter: t.filter, epoch: t.epoch, nodes: map[uint32]*Node{}, sheets: map[uint32]*sheet{}, ranges: map[string]*ranges{}}
	t.doc = &Node{id: Document, kind: KindDocument, masked: t.filter.All()}
	t.nodes[Document] = t.doc
	t.high = Document
}

// Version returns which state this is: snapshots in the upper 32 bits, the
// page's own count of messages in the lower. It only rises.
func (t *Tree) Version() uint64 { return uint64(t.epoch)<<32 | t.to }

// Empty reports whether there has been no snapshot yet.
func (t *Tree) Empty() bool { return t.to == 0 }

// Partial reports whether slices of the snapshot are still missing.
func (t *Tree) Partial() bool { return t.partial }

// Nodes returns how many nodes there are, the document included.
func (t *Tree) Nodes() int { return len(t.nodes) }

// Bytes returns what the tree holds, by its own count.
func (t *Tree) Bytes() int { return t.bytes }

// Page returns the address and title of the page.
func (t *Tree) Page() (url, title string) { return t.page.url, t.page.title }

// Node returns the node with an id, or nil.
func (t *Tree) Node(id uint32) *Node { return t.nodes[id] }

// Root returns the document.
func (t *Tree) Root() *Node { return t.doc }

// touch moves a node to the front of the list of changes.
func (t *Tree) touch(n *Node) {
	if t.newest == n {
		return
	}
	t.untouch(n)
	n.older = t.newest
	if t.newest != nil {
		t.newest.newer = n
	}
	t.newest = n
}

func (t *Tree) untouch(n *Node) {
	if n.newer != nil {
		n.newer.older = n.older
	} else if t.newest == n {
		t.newest = n.older
	}
	if n.older != nil {
		n.older.newer = n.newer
	}
	n.older, n.newer = nil, nil
}

// change notes that a node's content changed.
func (t *Tree) change(n *Node) {
	n.changed = t.to
	t.touch(n)
}

// grow counts bytes.
func (t *Tree) grow(n int) error {
	t.bytes += n
	if n >= 0 && t.bytes > MaxBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, t.bytes, MaxBytes)
	}
	return nil
}

// add makes a node under a parent after a sibling (nil: first). The caller has
// checked that the id is fresh.
func (t *Tree) add(n *Node, parent, after *Node) error {
	switch {
	case len(t.nodes) >= MaxNodes:
		return fmt.Errorf("%w: over %d nodes", ErrTooLarge, MaxNodes)
	case parent.children >= MaxChildren:
		return fmt.Errorf("%w: over %d children of node %d", ErrTooLarge, MaxChildren, parent.id)
	}
	n.depth = parent.depth + 1
	n.born, n.placed, n.changed = t.to, t.to, t.to
	if n.kind == KindRoot {
		n.parent, parent.root = parent, n
		t.frames += n.frames()
	} else {
		n.link(parent, after)
	}
	t.nodes[n.id] = n
	t.high = max(t.high, n.id)
	t.touch(n)
	return t.grow(nodeCost + len(n.text))
}

// remove takes a subtree out.
func (t *Tree) remove(n *Node) {
	if n.kind == KindDocument || n.kind == KindRoot && n.frames() == 0 {
		return
	}
	parent := n.parent
	if n.kind == KindRoot {
		parent.root = nil
	} else {
		n.unlink()
	}
	t.record(n)
	t.drop(n)
	t.restyled(parent)
}

// record remembers a removal for Delta.
func (t *Tree) record(n *Node) {
	if len(t.gone) >= maxGone {
		half := len(t.gone) / 2
		t.forgot = t.gone[half-1].ver
		t.gone = append([]removal(nil), t.gone[half:]...)
	}
	t.gone = append(t.gone, removal{t.to, n.id, n.born})
}

// drop forgets a subtree that is unlinked already. What had moved into it is
// remembered by itself: a viewer may have it in another place.
func (t *Tree) drop(n *Node) {
	for c := n.first; c != nil; c = c.next {
		if c.placed != c.born {
			t.record(c)
		}
		t.drop(c)
	}
	if n.root != nil {
		t.drop(n.root)
	}
	delete(t.nodes, n.id)
	t.untouch(n)
	t.frames -= n.frames()
	t.bytes -= n.cost()
}

// cost is what a node adds to the tree's count of bytes.
func (n *Node) cost() int {
	c := nodeCost + len(n.text)
	for i := range n.attrs {
		c += n.attrs[i].cost()
	}
	if m := n.more; m != nil {
		if m.value != nil {
			c += len(*m.value)
		}
		if m.sheet != nil {
			c += rulesCost(*m.sheet)
		}
		c += 4*len(m.adopted) + animationsCost(m.animations) + len(m.picture.url) + len(m.custom)
	}
	return c
}

func (a *Attr) cost() int {
	c := attrCost + len(a.Name) + len(a.Value)
	if a.filtered != nil {
		c += len(*a.filtered)
	}
	return c
}

func rulesCost(rules []string) int {
	c := 0
	for _, r := range rules {
		c += ruleCost + len(r)
	}
	return c
}

// move places a node after a sibling, unless that would tie a knot. It reports
// whether the node is there now.
func (t *Tree) move(n, parent, after *Node) (bool, error) {
	if n.kind == KindDocument || n.kind == KindRoot || parent.kind == KindText || parent.within(n) || after == n {
		return false, nil
	}
	if n.parent != parent && parent.children >= MaxChildren {
		return false, fmt.Errorf("%w: over %d children of node %d", ErrTooLarge, MaxChildren, parent.id)
	}
	if n.parent != parent && parent.depth+n.height() >= MaxDepth {
		t.filtered = true // it would be too deep: it stays where it is
		return false, nil
	}
	from := n.parent
	hidden := from.bad
	n.unlink()
	n.link(parent, after)
	n.placed = t.to
	t.touch(n)
	t.restyled(parent)
	if hidden || parent.bad { // another text is shown than before
		t.filtered = true
		t.change(n)
	}
	if from == parent {
		return true, nil
	}
	t.restyled(from)
	n.deepen(parent.depth + 1)
	if parent.masked || t.filter.MaskedBy(n, "") {
		t.mask(n)
	}
	if n.masked && from.isStyle() {
		t.remask(n) // as CSS it was another text
	}
	return true, nil
}

// height returns how many levels there are below a node.
func (n *Node) height() uint16 {
	var h uint16
	for c := n.first; c != nil; c = c.next {
		h = max(h, c.height()+1)
	}
	if n.root != nil {
		h = max(h, n.root.height()+1)
	}
	return h
}

// deepen sets the depth of a subtree.
func (n *Node) deepen(depth uint16) {
	if n.depth == depth {
		return
	}
	n.depth = depth
	for c := n.first; c != nil; c = c.next {
		c.deepen(depth + 1)
	}
	if n.root != nil {
		n.root.deepen(depth + 1)
	}
}

// place returns where "after" is under a parent: the sibling to come after, nil
// for the first place. A sibling that is not there any more means the last.
func (t *Tree) place(parent *Node, after uint32) *Node {
	if after == 0 {
		return nil
	}
	if s := t.nodes[after]; s != nil && s.parent == parent && s.kind != KindRoot {
		return s
	}
	return parent.last
}

// Reset empties the tree, which then waits for a snapshot. Its versions go on.
func (t *Tree) Reset() {
	epoch := t.epoch
	t.clear()
	t.epoch = epoch
}
