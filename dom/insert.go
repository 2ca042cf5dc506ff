package dom

import "fmt"

// forest reads the nodes of an insert operation.
type forest struct {
	t        *Tree
	r        *reader
	next     int64 // id of the next node
	explicit bool  // each node says how far its id is from that
	depth    int
}

// insert applies an insert: new nodes under a known parent, after a sibling.
// Without a parent they are read and dropped.
func (t *Tree) insert(r *reader, explicit bool) error {
	parent, after := t.nodes[r.ref()], r.ref()
	f := forest{t: t, r: r, next: int64(r.ref()), explicit: explicit}
	if parent != nil && parent.kind == KindText {
		parent = nil
	}
	var at *Node
	if parent != nil {
		at = t.place(parent, after)
	}
	err := f.siblings(parent, at)
	if err == nil && r.err == nil {
		t.restyled(parent)
	}
	return err
}

// siblings reads nodes up to the end mark and puts them under parent, after at.
func (f *forest) siblings(parent, at *Node) error {
	if f.depth++; f.depth > MaxDepth+2 {
		return fmt.Errorf("%w: deeper than %d", ErrTooLarge, MaxDepth)
	}
	defer func() { f.depth-- }()
	for f.r.err == nil {
		h := f.r.uint()
		if h == specialEnd<<2|3 {
			return nil
		}
		if h == specialExisting<<2|3 {
			n := f.t.nodes[f.r.id(int(f.r.uint()))]
			if n == nil || parent == nil || n == at {
				continue
			}
			ok, err := f.t.move(n, parent, at)
			if err != nil {
				return err
			}
			if ok {
				at = n
			}
			continue
		}
		n, err := f.node(h, parent, at)
		if err != nil {
			return err
		}
		if n != nil && n.kind != KindRoot {
			at = n
		}
	}
	return nil
}

// node reads one new node with what is below it.
func (f *forest) node(h uint32, parent, at *Node) (*Node, error) {
	if f.explicit {
		f.next += int64(f.r.int())
	}
	n := &Node{id: f.r.id(int(f.next))}
	f.next++
	var attrs []Attr
	switch h & 3 {
	case 0:
		n.kind, n.text = KindText, f.r.plain()
		if h != 0 {
			f.r.fail("a text node with %d", h>>2)
		}
	case 1, 2:
		n.kind, n.tag = KindElement, f.t.tag(f.r.name(h>>2, tagNames))
		attrs = f.attrs()
	default:
		if h>>2 > specialQuirksDocument { // 0 and 2 were dealt with
			f.r.fail("a node of kind %d", h>>2)
		}
		n.kind, n.inside = KindRoot, uint8(h>>2)
	}
	if f.r.err != nil {
		return nil, nil //nolint:nilerr // the reader keeps its error; Apply returns it
	}
	if n = f.fits(n, parent); n != nil {
		if err := f.add(n, parent, at, attrs); err != nil {
			return nil, err
		}
	}
	if h&3 < 2 {
		return n, nil
	}
	if err := f.siblings(n, nil); err != nil || f.r.err != nil {
		return nil, err
	}
	f.t.restyled(n)
	return n, nil
}

// fits returns the node if it can be in the tree, else nil: an id that was
// used before, a parent that is not there or cannot have it.
func (f *forest) fits(n, parent *Node) *Node {
	used := n.id <= f.t.fresh || f.t.nodes[n.id] != nil || f.t.sheets[n.id] != nil
	switch {
	case used, parent == nil:
		return nil
	case parent.depth >= MaxDepth:
		f.t.filtered = true // what is deeper is not shown
		return nil
	case n.kind == KindRoot && (parent.kind != KindElement || parent.root != nil):
		return nil
	case n.frames() > 0 && (parent.tag != "iframe" && parent.tag != "kohe-frame" || f.t.frames >= MaxFrames):
		f.t.filtered = true
		return nil
	}
	return n
}

func (f *forest) add(n, parent, at *Node, attrs []Attr) error {
	t := f.t
	n.attrs = attrs
	if err := t.add(n, parent, at); err != nil {
		return err
	}
	t.rule(n)
	if n.kind == KindText && n.masked {
		text := t.maskedText(n, n.text)
		t.bytes += len(text) - len(n.text)
		n.text = text
	}
	cost := 0
	for i := range n.attrs {
		if err := checkString(n.attrs[i].Value); err != nil {
			return err
		}
		t.judge(n, &n.attrs[i])
		cost += n.attrs[i].cost()
	}
	return t.grow(cost)
}

func (f *forest) attrs() []Attr {
	n := f.r.count()
	if n == 0 {
		return nil
	}
	if n > MaxAttrs {
		f.r.fail("%d attributes", n)
		return nil
	}
	attrs := make([]Attr, 0, n)
	for range n {
		name, value := f.r.attrName(), f.r.str()
		if f.r.err == nil && checkName(name) != nil {
			f.r.fail("an attribute's name")
		}
		if f.r.err != nil {
			return nil
		}
		twice := false
		for i := range attrs {
			twice = twice || attrs[i].Name == name
		}
		if !twice {
			attrs = append(attrs, Attr{Name: name, Value: value, ver: f.t.to})
		}
	}
	return attrs
}

// tag asks the filter about a tag. The name is at most 200 bytes.
func (t *Tree) tag(tag string) string {
	if len(tag) > 200 {
		tag = "kohe-x"
	}
	shown := t.filter.Tag(tag)
	if shown != tag {
		t.filtered = true
	}
	return shown
}
