package dom

// Builder writes a message by hand: for tests, and for load that no browser
// makes. What it is given must be right; it checks nothing.
type Builder struct{ w writer }

// Branch is a new node with what is below it: a text node if Tag is "".
type Branch struct {
	Tag, Text string
	Attrs     []string // names and values
	Shadow    []Branch // an open shadow root, if not nil
	Nodes     []Branch
}

// NewSnapshot begins a snapshot that takes the page to a version.
func NewSnapshot(to uint64, url, title string) *Builder {
	b := &Builder{}
	b.w.head(headSnapshot, 0, to)
	b.w.op(OpPage, 0)
	b.w.uint(0)
	b.w.plain(url)
	b.w.plain(title)
	return b
}

// NewDiff begins a message that takes the page to a version from the one before.
func NewDiff(to uint64) *Builder {
	b := &Builder{}
	b.w.start = []byte{0, byte(to)}
	return b
}

// Bytes returns the message.
func (b *Builder) Bytes() []byte { return b.w.finish() }

// Insert puts new nodes under a parent after a sibling. They get ids from
// first on, depth first, a shadow root before its host's children.
func (b *Builder) Insert(parent, after, first uint32, nodes ...Branch) *Builder {
	b.w.op(OpInsert, 0)
	b.w.ref(parent)
	b.w.ref(after)
	b.w.ref(first)
	b.branches(nodes)
	return b
}

func (b *Builder) branches(nodes []Branch) {
	for _, n := range nodes {
		b.branch(n)
	}
	b.w.close()
}

func (b *Builder) branch(n Branch) {
	if n.Tag == "" {
		b.w.uint(0)
		b.w.plain(n.Text)
		return
	}
	deep := n.Nodes != nil || n.Shadow != nil
	kind := uint32(1)
	if deep {
		kind = 2
	}
	b.w.tag(n.Tag, kind)
	b.w.uint(uint32(len(n.Attrs) / 2))
	for i := 0; i+1 < len(n.Attrs); i += 2 {
		b.w.attrName(n.Attrs[i])
		b.w.str(n.Attrs[i+1])
	}
	if n.Shadow != nil {
		b.w.uint(specialShadow<<2 | 3)
		b.branches(n.Shadow)
	}
	if deep {
		b.branches(n.Nodes)
	}
}

// Remove takes nodes out. The ids ascend.
func (b *Builder) Remove(ids ...uint32) *Builder {
	b.w.op(OpRemove, 0)
	b.w.set(ids)
	return b
}

// Move places nodes after a sibling, in this order.
func (b *Builder) Move(parent, after uint32, ids ...uint32) *Builder {
	b.w.op(OpMove, 0)
	b.w.ref(parent)
	b.w.ref(after)
	b.w.refs(ids)
	return b
}

// Text replaces a node's text.
func (b *Builder) Text(id uint32, text string) *Builder {
	b.w.op(OpText, spliceSet)
	b.w.ref(id)
	b.w.plain(text)
	return b
}

// Splice changes a node's text: so many UTF-16 units from start on give way.
func (b *Builder) Splice(id uint32, start, remove int, text string) *Builder {
	b.w.op(OpText, spliceAt)
	b.w.ref(id)
	b.w.uint(uint32(start))
	b.w.uint(uint32(remove))
	b.w.plain(text)
	return b
}

// Attr sets an attribute.
func (b *Builder) Attr(id uint32, name, value string) *Builder {
	b.w.op(OpAttr, spliceSet)
	b.w.ref(id)
	b.w.attrName(name)
	b.w.str(value)
	return b
}

// AppendAttr appends to an attribute.
func (b *Builder) AppendAttr(id uint32, name, value string) *Builder {
	b.w.op(OpAttr, spliceAppend)
	b.w.ref(id)
	b.w.attrName(name)
	b.w.plain(value)
	return b
}

// Unset takes an attribute away.
func (b *Builder) Unset(id uint32, name string) *Builder {
	b.w.op(OpUnset, 0)
	b.w.ref(id)
	b.w.attrName(name)
	return b
}

// Value sets a field's value.
func (b *Builder) Value(id uint32, value string) *Builder {
	b.w.op(OpValue, spliceSet)
	b.w.ref(id)
	b.w.plain(value)
	return b
}

// Rules replaces the rules of a sheet.
func (b *Builder) Rules(id uint32, rules ...string) *Builder {
	b.w.sheet(id, rules)
	return b
}

// Animation gives an element one animation of a second.
func (b *Builder) Animation(id uint32, rule string) *Builder {
	b.w.op(OpAnimate, 0)
	b.w.ref(id)
	b.w.uint(1)
	b.w.animation(animation{duration: 1000, iterations: 100, rate: 100, easing: "linear", rule: rule})
	return b
}

// Media says that a video or sound plays, from a second on.
func (b *Builder) Media(id uint32) *Builder {
	b.w.op(OpMedia, 0)
	b.w.ref(id)
	for _, u := range [...]uint32{1, 1000, 100} {
		b.w.uint(u)
	}
	return b
}

// Picture gives a canvas or video its picture.
func (b *Builder) Picture(id uint32, url string) *Builder {
	b.w.op(OpImage, 0)
	b.w.ref(id)
	b.w.uint(100)
	b.w.plain(url)
	return b
}
