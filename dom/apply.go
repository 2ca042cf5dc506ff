package dom

import "fmt"

// Applied says what became of a message.
type Applied struct {
	From, To uint64 // versions of the page's own count
	Snapshot bool
	Partial  bool // slices of the snapshot, or of long strings, are still to come
	Filtered bool // what is shown is not what came: forward Delta(before) instead
	Ops      int

	checked bool // the message carries the check of a node
	node    uint32
	sum     uint32
}

// Apply applies one message. After an error other than ErrGap the tree waits
// for a snapshot. ErrGap is also the error of a check that fails: then the
// message was applied.
func (t *Tree) Apply(msg []byte) (Applied, error) {
	msg, err := inflate(msg)
	if err != nil {
		return Applied{}, err
	}
	r := &reader{b: msg}
	a, err := t.head(r)
	if err != nil {
		return a, err
	}
	if a.Snapshot {
		t.Reset()
		t.epoch++
	}
	t.to, t.partial = a.To, a.Partial
	t.filtered, t.fresh = false, t.high
	for !r.done() && err == nil {
		first := a.Snapshot && a.Ops == 0
		a.Ops++
		if err = t.op(r, first); err == nil {
			err = r.err
		}
	}
	if err == nil && r.text != "" {
		r.fail("strings that nothing names")
		err = r.err
	}
	if err == nil && a.Snapshot && a.Ops == 0 {
		err = fmt.Errorf("%w: an empty snapshot", ErrMalformed)
	}
	if err != nil {
		t.Reset()
		return a, err
	}
	a.Filtered = t.filtered
	if n := t.nodes[a.node]; a.checked && (n == nil || !n.masked && !n.bad && n.sum() != a.sum) {
		return a, fmt.Errorf("%w: node %d is another one", ErrGap, a.node)
	}
	return a, nil
}

// head reads what comes before the operations.
func (t *Tree) head(r *reader) (a Applied, err error) {
	head, low := r.byte(), byte(0)
	column := head&headColumn != 0
	head &^= headColumn
	bits := byte(0xff) // of the version that are said
	if head&headShort != 0 {
		head, low, bits = 0, head^headShort, headShort-1
	} else if head&headSpan == 0 {
		low = r.byte()
	}
	if head&^headKnown != 0 {
		r.fail("head %#x", head)
	}
	a.Snapshot = head&headSnapshot != 0
	a.From, a.To = t.to, t.to+1
	if head&headSpan != 0 {
		a.From, a.To = uint64(r.uint()), uint64(r.uint())
	} else if byte(a.To)&bits != low {
		a.From = a.To // of another message: a gap
	}
	if a.Snapshot && r.byte() != Format {
		r.fail("another format than %d", Format)
	}
	if head&headHash != 0 {
		a.checked, a.node, a.sum = true, r.word(), r.word()
	}
	r.column(column)
	switch {
	case r.err != nil:
		return a, r.err
	case a.Snapshot && (a.From != 0 || a.To == 0), a.To <= a.From && !a.Snapshot && a.From == t.to, a.Snapshot && head&headSpan == 0:
		return a, fmt.Errorf("%w: versions %d to %d", ErrMalformed, a.From, a.To)
	case !a.Snapshot && (t.to == 0 || a.From != t.to):
		return a, fmt.Errorf("%w: have version %d", ErrGap, t.to)
	}
	a.Partial = head&headPartial != 0
	return a, nil
}

// op reads and applies one operation.
func (t *Tree) op(r *reader, first bool) error {
	b := r.byte()
	code, k := Code(b&31), b>>5
	if first && code != OpPage {
		r.fail("a snapshot begins with page")
		return nil
	}
	switch code {
	case OpPage:
		came := page{flags: r.uint(), url: r.plain(), title: r.plain()}
		t.page = came
		t.page.url, t.page.title = t.filter.Page(came.url, came.title)
		t.filtered = t.filtered || t.page != came
		t.pageVer = t.to
	case OpViewport:
		t.view = viewport{width: r.uint(), height: r.uint(), bar: r.uint(), zoom: r.uint(), ratio: r.uint()}
		if k == answers {
			t.view.answered, t.view.answers = true, r.uint()
		}
		t.viewVer = t.to
	case OpInsert:
		return t.insert(r, k == 1)
	case OpRemove:
		for _, id := range r.set() {
			if n := t.nodes[id]; n != nil {
				t.remove(n)
			}
		}
	case OpMove:
		return t.moves(r, k == 1)
	case OpAlike:
		return t.alike(r)
	case OpFocus:
		t.focus, t.visible, t.focusVer = r.ref(), k == 1, t.to
	case OpHover:
		t.hover, t.hoverVer = r.ref(), t.to
	case OpFreeze:
		t.frozen, t.frozeVer = k == 1, t.to
	case OpRange:
		if name, list := r.str(), r.ranges(); r.err == nil {
			return t.setRanges(name, list)
		}
	case OpSheet, OpRule, OpAdopt:
		return t.sheetOp(r, code, k)
	case OpAnimate, OpImage, OpCustom, OpMedia:
		return t.extraOp(r, code)
	default:
		return t.nodeOp(r, code, k)
	}
	return nil
}

func (t *Tree) sheetOp(r *reader, code Code, k uint8) error {
	id := r.ref()
	switch code {
	case OpSheet:
		if k == 1 {
			t.restyled(t.nodes[id])
			return nil
		}
		rules := make([]string, r.count())
		for i := range rules {
			rules[i] = r.plain()
		}
		if r.err == nil {
			return t.setSheet(id, rules)
		}
	case OpRule:
		index, text := r.uint(), ""
		if k != ruleDelete {
			text = r.plain()
		}
		if k > ruleReplace {
			r.fail("rule change %d", k)
		}
		if r.err == nil {
			return t.setRule(id, k, index, text)
		}
	default:
		if ids := r.refs(); r.err == nil {
			return t.adopt(id, ids)
		}
	}
	return nil
}

// extraOp applies an operation on what few elements have.
func (t *Tree) extraOp(r *reader, code Code) error {
	n := t.nodes[r.ref()]
	var list []animation
	var p picture
	var m media
	var states string
	switch code {
	case OpAnimate:
		list = r.animations()
	case OpImage:
		p = picture{r.uint(), r.plain()}
	case OpMedia:
		m = media{r.uint(), r.uint(), r.uint()}
	default:
		states = r.str()
	}
	if r.err != nil || n == nil || n.kind != KindElement {
		return nil //nolint:nilerr // the reader keeps its error; Apply returns it
	}
	switch code {
	case OpAnimate:
		return t.setAnimations(n, list)
	case OpImage:
		return t.setPicture(n, p)
	case OpMedia:
		t.setMedia(n, m)
		return nil
	default:
		return t.setCustom(n, states)
	}
}

// nodeOp applies an operation on what one node holds. On a node that is not
// there it does nothing.
func (t *Tree) nodeOp(r *reader, code Code, k uint8) error {
	n := t.nodes[r.ref()]
	var name string
	if code == OpAttr || code == OpUnset {
		name = r.attrName()
	}
	var c splice
	if code == OpText || code == OpAttr || code == OpValue {
		c = r.splice(k, code == OpAttr)
	}
	var a, b int
	switch code {
	case OpState:
		a = int(r.uint())
	case OpScroll:
		a, b = r.int(), r.int()
	case OpText, OpAttr, OpUnset, OpValue:
	default:
		r.fail("operation %d", code)
	}
	if r.err != nil || n == nil {
		return nil //nolint:nilerr // the reader keeps its error; Apply returns it
	}
	return t.setNode(n, code, name, c, a, b)
}

func (t *Tree) setNode(n *Node, code Code, name string, c splice, a, b int) error {
	if code == OpText {
		if n.kind == KindText {
			return t.setText(n, c.edit(n.text))
		}
		return nil
	}
	if code == OpScroll {
		if n.kind != KindText {
			m := n.ext()
			m.x, m.y, m.scrollVer = a, b, t.to
			t.change(n)
		}
		return nil
	}
	if n.kind != KindElement {
		return nil
	}
	switch code {
	case OpAttr:
		before, _ := n.Attr(name)
		return t.setAttr(n, name, c.edit(before))
	case OpUnset:
		t.unsetAttr(n, name)
	case OpValue:
		before := ""
		if n.more != nil && n.more.value != nil {
			before = *n.more.value
		}
		return t.setValue(n, c.edit(before))
	case OpState:
		t.setState(n, uint32(a))
	}
	return nil
}

// alike gives many elements the same attribute.
func (t *Tree) alike(r *reader) error {
	name, value := r.attrName(), r.str()
	for _, id := range r.set() {
		if n := t.nodes[id]; n != nil && n.kind == KindElement {
			if err := t.setAttr(n, name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// splice reads a change of a string.
func (r *reader) splice(k uint8, inTable bool) splice {
	c := splice{k: k}
	switch k {
	case spliceAt:
		c.start, c.remove = int(r.uint()), int(r.uint())
	case spliceInsert:
		c.start = int(r.uint())
	case spliceTail:
		c.remove = int(r.uint())
	case spliceAppend:
	case spliceSet:
		if inTable {
			c.text = r.str()
			return c
		}
	default:
		r.fail("a splice of kind %d", k)
	}
	c.text = r.plain()
	return c
}

// moves applies a move: known nodes, in this order, after a sibling.
func (t *Tree) moves(r *reader, sorted bool) error {
	parent, after := t.nodes[r.ref()], r.ref()
	var ids []uint32
	if sorted {
		ids = r.permutation()
	} else {
		ids = r.refs()
	}
	if r.err != nil || parent == nil || parent.kind == KindText {
		return nil //nolint:nilerr // the reader keeps its error; Apply returns it
	}
	at := t.place(parent, after)
	for _, id := range ids {
		n := t.nodes[id]
		if n == nil || n == at {
			continue
		}
		ok, err := t.move(n, parent, at)
		if err != nil {
			return err
		}
		if ok {
			at = n
		}
	}
	return nil
}
