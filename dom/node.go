package dom

import (
	"iter"
	"time"
)

// Kind is what a node is.
type Kind uint8

// The kinds of node.
const (
	KindDocument Kind = iota
	KindElement
	KindText
	KindRoot // a shadow root, or the document of a frame; its parent is its host
)

// Attr is an attribute as it came. What is shown of it may be something else.
type Attr struct {
	Name, Value string
	filtered    *string // shown instead of Value; gone for nothing
	ver         uint64  // version of the last change
	removed     bool    // remembered for Delta
}

// gone as an Attr's filtered value means that the attribute is not shown.
var gone = new(string)

func (a *Attr) shown() (string, bool) {
	switch {
	case a.removed || a.filtered == gone:
		return "", false
	case a.filtered != nil:
		return *a.filtered, true
	}
	return a.Value, true
}

// Node is one node of a Tree. It is read through its methods and changed by
// the tree alone.
type Node struct {
	id     uint32
	kind   Kind
	inside uint8  // root: what it is (specialShadow, specialDocument …)
	masked bool   // its content is masked; once masked always masked
	ruled  bool   // by a rule, of its own or of an ancestor: nothing in it is shown
	bad    bool   // style element: its text as a whole is not shown
	depth  uint16 // of the document: 0
	tag    string // element: local name, with "svg:", "math:" or "html:" where that is needed
	text   string
	attrs  []Attr

	parent, first, last, prev, next, root *Node
	children                              int

	born    uint64 // version it came with
	placed  uint64 // version it came to its place with
	changed uint64 // version of the last change of its content
	older   *Node  // the tree's list of changes, newest first
	newer   *Node

	more *more // what few nodes have
}

// more is what only some nodes have, each with the version of its last change.
type more struct {
	value      *string
	state      uint32
	rose       uint64 // the later its state came, the higher
	x, y       int
	sheet      *[]string // the rules of a style or link element
	adopted    []uint32  // sheets of a root, nodes of a slot
	animations []animation
	picture    picture // of a canvas or video
	media      media   // of a video or sound
	custom     string  // states of a custom element
	hasState   bool
	valueVer   uint64
	stateVer   uint64
	scrollVer  uint64
	sheetVer   uint64
	adoptedVer uint64
	animateVer uint64
	imageVer   uint64
	mediaVer   uint64
	customVer  uint64
	animatedAt time.Duration // when its animations were where they are said to be
	playedAt   time.Duration // the same of its media
}

func (n *Node) ext() *more {
	if n.more == nil {
		n.more = new(more)
	}
	return n.more
}

// ID returns the node's id, which no other node of its page ever had.
func (n *Node) ID() uint32 { return n.id }

// Kind returns what the node is.
func (n *Node) Kind() Kind { return n.kind }

// Tag returns an element's name.
func (n *Node) Tag() string { return n.tag }

// Parent returns the parent, a root's host, or nil.
func (n *Node) Parent() *Node { return n.parent }

// Masked reports whether the node's content is masked.
func (n *Node) Masked() bool { return n.masked }

// Attr returns an attribute as it came.
func (n *Node) Attr(name string) (string, bool) {
	for i := range n.attrs {
		if a := &n.attrs[i]; a.Name == name && !a.removed {
			return a.Value, true
		}
	}
	return "", false
}

// Text returns a text's content as it is shown.
func (n *Node) Text() string { return n.shownText() }

// Children returns the node's children in order.
func (n *Node) Children() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for c := n.first; c != nil; c = c.next {
			if !yield(c) {
				return
			}
		}
	}
}

// frames returns 1 for the document of a frame, else 0.
func (n *Node) frames() int {
	if n.inside == specialDocument || n.inside == specialQuirksDocument {
		return 1
	}
	return 0
}

// within reports whether n is a or below a.
func (n *Node) within(a *Node) bool {
	for ; n != nil; n = n.parent {
		if n == a {
			return true
		}
	}
	return false
}

// link puts n under p after a sibling, nil for the first place.
func (n *Node) link(p, after *Node) {
	n.parent, n.prev = p, after
	if after == nil {
		n.next, p.first = p.first, n
	} else {
		n.next, after.next = after.next, n
	}
	if n.next == nil {
		p.last = n
	} else {
		n.next.prev = n
	}
	p.children++
}

func (n *Node) unlink() {
	p := n.parent
	if n.prev == nil {
		p.first = n.next
	} else {
		n.prev.next = n.next
	}
	if n.next == nil {
		p.last = n.prev
	} else {
		n.next.prev = n.prev
	}
	n.parent, n.prev, n.next = nil, nil, nil
	p.children--
}

// shownText returns a text node's text as it is shown.
func (n *Node) shownText() string {
	if n.parent != nil && n.parent.bad {
		return ""
	}
	return n.text
}
