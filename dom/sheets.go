package dom

import "fmt"

// nothing stands where a rule is not shown, so that the others keep their
// places.
const nothing = "@media not all{}"

// rulesOf returns where the rules of a sheet are kept: with its element, or
// with the constructed sheet. nil if there is neither.
func (t *Tree) rulesOf(id uint32) (*Node, *sheet) {
	if n := t.nodes[id]; n != nil {
		if n.kind == KindElement && (n.isStyle() || n.tag == "link") {
			return n, nil
		}
		return nil, nil
	}
	return nil, t.sheets[id]
}

// shownRule returns what to show of a sheet's rule.
func (t *Tree) shownRule(text string, masked bool) string {
	if !t.filter.CSS(text) {
		t.filtered = true
		return nothing
	}
	if masked {
		return t.maskedCSS(text)
	}
	return text
}

// remaskRules masks the rules of a sheet that came under a mask.
func (t *Tree) remaskRules(rules []string) {
	t.bytes -= rulesCost(rules)
	for i, text := range rules {
		rules[i] = t.maskedCSS(text)
	}
	t.bytes += rulesCost(rules)
}

// setSheet replaces a sheet. An id that is neither an element's nor was ever
// used is a constructed sheet's.
func (t *Tree) setSheet(id uint32, rules []string) error {
	if len(rules) > MaxRules {
		return fmt.Errorf("%w: over %d rules", ErrTooLarge, MaxRules)
	}
	n, s := t.rulesOf(id)
	switch {
	case n == nil && s == nil && id <= t.fresh:
		return nil // a sheet or node that is gone
	case n == nil && s == nil:
		if len(t.sheets) >= MaxSheets {
			return fmt.Errorf("%w: over %d sheets", ErrTooLarge, MaxSheets)
		}
		s = &sheet{born: t.to, masked: t.filter.All()}
		t.sheets[id] = s
		t.high = max(t.high, id)
	}
	for i := range rules {
		rules[i] = t.shownRule(rules[i], maskedSheet(n, s))
	}
	return t.putRules(n, s, rules)
}

// maskedSheet reports whether the sheet of an element, or a constructed one,
// is in a masked place.
func maskedSheet(n *Node, s *sheet) bool { return n != nil && n.masked || s != nil && s.masked }

func (t *Tree) putRules(n *Node, s *sheet, rules []string) error {
	cost := rulesCost(rules)
	if n != nil {
		m := n.ext()
		if m.sheet != nil {
			cost -= rulesCost(*m.sheet)
		}
		m.sheet, m.sheetVer = &rules, t.to
		t.change(n)
	} else {
		cost -= rulesCost(s.rules)
		s.rules, s.ver = rules, t.to
	}
	return t.grow(cost)
}

// setRule changes one rule of a sheet that came as rules.
func (t *Tree) setRule(id uint32, k uint8, index uint32, text string) error {
	n, s := t.rulesOf(id)
	var rules *[]string
	switch {
	case s != nil:
		rules = &s.rules
	case n != nil && n.more != nil:
		rules = n.more.sheet
	}
	i := int(index)
	if rules == nil || i > len(*rules) || (k != ruleInsert && i == len(*rules)) {
		return nil
	}
	if k == ruleInsert && len(*rules) >= MaxRules {
		return fmt.Errorf("%w: over %d rules", ErrTooLarge, MaxRules)
	}
	cost := 0
	if k != ruleInsert {
		cost -= ruleCost + len((*rules)[i])
	}
	if k != ruleDelete {
		text = t.shownRule(text, maskedSheet(n, s))
		cost += ruleCost + len(text)
	}
	switch k {
	case ruleInsert:
		*rules = append(*rules, "")
		copy((*rules)[i+1:], (*rules)[i:])
		(*rules)[i] = text
	case ruleDelete:
		*rules = append((*rules)[:i], (*rules)[i+1:]...)
	case ruleReplace:
		(*rules)[i] = text
	}
	if n != nil {
		n.more.sheetVer = t.to
		t.change(n)
	} else {
		s.ver = t.to
	}
	return t.grow(cost)
}

// adopt sets the constructed sheets that a document or root adopts, or the
// nodes that a script has assigned to a slot.
func (t *Tree) adopt(id uint32, ids []uint32) error {
	n, most := t.nodes[id], MaxAdopted
	if n == nil || n.kind == KindText || n.kind == KindElement && n.tag != "slot" {
		return nil
	}
	if n.kind == KindElement {
		most = MaxChildren
	}
	if len(ids) > most {
		return fmt.Errorf("%w: over %d adopted by node %d", ErrTooLarge, most, id)
	}
	for _, id := range ids {
		if s := t.sheets[id]; s != nil && !s.adopted {
			t.firstAdopted(s, n)
		}
	}
	m := n.ext()
	t.bytes += 4 * (len(ids) - len(m.adopted))
	m.adopted, m.adoptedVer = ids, t.to
	t.change(n)
	return nil
}

// firstAdopted masks a constructed sheet that a masked root adopts, unless
// another root had it before: then it says nothing of what is masked.
func (t *Tree) firstAdopted(s *sheet, root *Node) {
	s.adopted = true
	if root.masked && !s.masked {
		s.masked, s.ver = true, t.to
		t.remaskRules(s.rules)
	}
}
