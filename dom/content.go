package dom

import (
	"fmt"
	"strings"
)

func checkString(s string) error {
	if len(s) > MaxString {
		return fmt.Errorf("%w: a string of %d bytes, at most %d", ErrTooLarge, len(s), MaxString)
	}
	return nil
}

// isStyle reports whether a node's text is CSS.
func (n *Node) isStyle() bool {
	return n != nil && n.kind == KindElement && (n.tag == "style" || n.tag == "svg:style")
}

// setText gives a text node what a splice made of it.
func (t *Tree) setText(n *Node, text string) error {
	if err := checkString(text); err != nil {
		return err
	}
	if n.masked {
		text = t.maskedText(n, text)
	}
	err := t.grow(len(text) - len(n.text))
	n.text = text
	t.change(n)
	t.restyled(n.parent)
	return err
}

// maskedText returns what a masked text node shows. Of CSS it is what says how
// things look; a string may begin in one text node and end in the next, so that
// only the first one counts.
func (t *Tree) maskedText(n *Node, text string) string {
	if !n.parent.isStyle() {
		shown, _ := t.filter.Masked(n, "", text)
		t.filtered = t.filtered || shown != text
		return shown
	}
	if n.prev != nil {
		t.filtered = t.filtered || text != ""
		return ""
	}
	return t.maskedCSS(text)
}

// maskedCSS returns what CSS text becomes in a masked place.
func (t *Tree) maskedCSS(text string) string {
	shown := t.filter.MaskedCSS(text)
	t.filtered = t.filtered || shown != text
	return shown
}

// restyled judges the text of a style element as a whole, after any change
// below it. Its sheet follows the text again.
func (t *Tree) restyled(n *Node) {
	if !n.isStyle() {
		return
	}
	if n.more != nil && n.more.sheet != nil {
		t.bytes -= rulesCost(*n.more.sheet)
		n.more.sheet, n.more.sheetVer = nil, t.to
		t.change(n)
	}
	var css strings.Builder
	for c := n.first; c != nil; c = c.next {
		css.WriteString(c.text)
	}
	bad := !t.filter.CSS(css.String())
	if bad {
		t.filtered = true
	}
	if bad == n.bad {
		return
	}
	n.bad = bad
	t.filtered = true
	for c := n.first; c != nil; c = c.next {
		t.change(c)
	}
}

// attr returns an element's attribute, also one that was removed.
func (n *Node) attr(name string) *Attr {
	for i := range n.attrs {
		if n.attrs[i].Name == name {
			return &n.attrs[i]
		}
	}
	return nil
}

// setAttr gives an element an attribute, and asks the filter again about those
// that depend on it.
func (t *Tree) setAttr(el *Node, name, value string) error {
	if err := checkString(value); err != nil {
		return err
	}
	a := el.attr(name)
	if a == nil {
		t.forgetRemoved(el)
		if len(el.attrs) >= MaxAttrs {
			return fmt.Errorf("%w: over %d attributes of node %d", ErrTooLarge, MaxAttrs, el.id)
		}
		if err := checkName(name); err != nil {
			return err
		}
		el.attrs = append(el.attrs, Attr{Name: name})
		a = &el.attrs[len(el.attrs)-1]
		t.bytes += a.cost()
	}
	if a.filtered != nil {
		t.filtered = true // the viewers' value is another: a splice of it would go wrong
	}
	before := a.cost()
	a.Value, a.removed, a.ver, a.filtered = value, false, t.to, nil
	t.judge(el, a)
	t.change(el)
	if err := t.grow(a.cost() - before); err != nil {
		return err
	}
	t.related(el, name)
	return nil
}

// forgetRemoved makes room where an element has many attributes: those that
// were removed are forgotten, and with them every version before now.
func (t *Tree) forgetRemoved(el *Node) {
	if len(el.attrs) < MaxAttrs {
		return
	}
	kept := el.attrs[:0]
	for _, a := range el.attrs {
		if a.removed {
			t.bytes -= a.cost()
			t.forgot = t.to
			continue
		}
		kept = append(kept, a)
	}
	clear(el.attrs[len(kept):])
	el.attrs = kept
}

// checkName refuses attribute names that no page can have.
func checkName(name string) error {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, " \t\n\f\r\"'<>/=\x00") {
		return fmt.Errorf("%w: an attribute's name", ErrMalformed)
	}
	return nil
}

// unsetAttr takes an attribute away.
func (t *Tree) unsetAttr(el *Node, name string) {
	a := el.attr(name)
	if a == nil || a.removed {
		return
	}
	before := a.cost()
	a.Value, a.filtered, a.removed, a.ver = "", nil, true, t.to
	t.bytes += a.cost() - before
	t.change(el)
	t.related(el, name)
}

// judge asks the filter what to show of an attribute.
func (t *Tree) judge(el *Node, a *Attr) {
	shown, ok := t.filter.Attr(el, a.Name, a.Value)
	if ok && el.masked {
		if shown, ok = t.filter.Masked(el, a.Name, shown); ok {
			if shown != a.Value {
				t.filtered = true
			}
			a.Value = shown // what is masked is not kept
			return
		}
		a.Value = ""
	}
	switch {
	case !ok:
		a.filtered = gone
		t.filtered = true
	case shown != a.Value:
		a.filtered = &shown
		t.filtered = true
	}
}

// related judges an element's other attributes again, and its masks.
func (t *Tree) related(el *Node, name string) {
	if t.filter.Related(el, name) {
		t.rejudge(el)
	}
	if t.filter.MaskedBy(el, name) {
		t.mask(el)
	}
}

// rejudge asks the filter about all attributes of an element.
func (t *Tree) rejudge(el *Node) {
	for i := range el.attrs {
		a := &el.attrs[i]
		if a.removed {
			continue
		}
		cost, was, wasShown := a.cost(), "", false
		was, wasShown = a.shown()
		before := t.filtered
		a.filtered = nil
		t.judge(el, a)
		t.bytes += a.cost() - cost
		if now, shown := a.shown(); now == was && shown == wasShown {
			t.filtered = before // nothing new came of it
			continue
		}
		a.ver = t.to
		t.filtered = true
		t.change(el)
	}
}

// rule says whether a node is masked. What is masked already stays so.
func (t *Tree) rule(n *Node) {
	element, in := n.kind == KindElement, n.parent
	n.ruled = n.ruled || in.ruled || element && t.filter.Masks(n)
	n.masked = n.masked || n.ruled || in.masked && !(element && t.filter.Shows(n))
}

// mask masks what a rule or an ancestor masks, in a whole subtree.
func (t *Tree) mask(n *Node) {
	before := n.masked
	if t.rule(n); n.masked && !before {
		t.remask(n)
	}
	for c := n.first; c != nil; c = c.next {
		t.mask(c)
	}
	if n.root != nil {
		t.mask(n.root)
	}
}

// remask masks what a node holds by itself.
func (t *Tree) remask(n *Node) {
	switch n.kind {
	case KindText:
		if text := t.maskedText(n, n.text); text != n.text {
			t.bytes += len(text) - len(n.text)
			n.text = text
			t.change(n)
		}
	case KindElement:
		t.rejudge(n)
		if m := n.more; m != nil {
			if m.value != nil {
				t.putValue(n, *m.value)
			}
			if m.state&hiddenStates != 0 {
				t.putState(n, m.state)
			}
			if m.sheet != nil {
				t.remaskRules(*m.sheet)
				m.sheetVer = t.to
				t.change(n)
			}
			t.remaskExtras(n)
		}
	}
}

func (t *Tree) setValue(el *Node, value string) error {
	if err := checkString(value); err != nil {
		return err
	}
	t.putValue(el, value)
	return t.grow(0)
}

func (t *Tree) putValue(el *Node, value string) {
	if el.masked {
		shown, _ := t.filter.Masked(el, "=", value)
		if shown != value {
			t.filtered = true
			value = shown
		}
	}
	m := el.ext()
	if m.value != nil {
		t.bytes -= len(*m.value)
	}
	t.bytes += len(value)
	m.value, m.valueVer = &value, t.to
	t.change(el)
}

// hiddenStates are what a masked field does not tell.
const hiddenStates = StateChecked | StateSelected | StateIndeterminate

// setState gives an element its state. What is open above the page comes to the
// top, whether it was open or not.
func (t *Tree) setState(el *Node, bits uint32) {
	t.putState(el, bits)
	t.risen++
	el.more.rose = t.risen
}

// putState leaves an element as high as it was.
func (t *Tree) putState(el *Node, bits uint32) {
	if el.masked && bits&hiddenStates != 0 {
		bits &^= hiddenStates
		t.filtered = true
	}
	m := el.ext()
	m.state, m.hasState, m.stateVer = bits, true, t.to
	t.change(el)
}

// utf16Len returns a string's length in UTF-16 code units.
func utf16Len(s string) int {
	n := 0
	for _, c := range s {
		n++
		if c > 0xffff {
			n++
		}
	}
	return n
}

// utf16Offset returns the byte offset of a UTF-16 offset, the end for one
// beyond it. An offset within a surrogate pair counts as behind it.
func utf16Offset(s string, units int) int {
	ascii := min(units, len(s))
	for i := range ascii {
		if s[i] >= 0x80 {
			ascii = i
			break
		}
	}
	if ascii == min(units, len(s)) {
		return ascii
	}
	n := ascii
	for i, c := range s[ascii:] {
		if n >= units {
			return ascii + i
		}
		n++
		if c > 0xffff {
			n++
		}
	}
	return len(s)
}

// edit returns what a splice makes of a string.
func (c splice) edit(s string) string {
	if c.k == spliceSet {
		return c.text
	}
	start := c.start
	if c.k == spliceTail || c.k == spliceAppend {
		start = max(0, utf16Len(s)-c.remove)
	}
	from := utf16Offset(s, start)
	to := from + utf16Offset(s[from:], c.remove)
	return s[:from] + c.text + s[to:]
}
