// Package mask says what of a page is masked, and enforces it at the edge a
// second time: the visitor's browser has masked before anything left it.
//
// A site's selectors use a subset of CSS that both sides answer alike:
//
//	type, *, .class, #id, [name], [name=value], [name~=value], [name^=value],
//	[name$=value], [name*=value] (values quoted or plain, i allowed),
//	compounds of these, descendants (space) and children (>), lists (,).
//
// There are no siblings and no pseudo-classes, so whether something is masked
// depends on itself and its ancestors alone.
package mask

import (
	"fmt"
	"strings"

	"kohe/dom"
)

// Limits of a site's selectors.
const (
	MaxSelector  = 500 // bytes
	MaxSelectors = 100
	maxCompounds = 4 // of one alternative: matching may try every way up
)

// selector is one alternative: compounds from the element outwards.
type selector []compound

type compound struct {
	tests []test
	child bool // what follows (the ancestor) must be the parent itself
}

// test is one simple selector. name "" is the tag.
type test struct {
	name, value string
	op          byte // 0: present, '=', '~', '^', '$', '*'
	fold        bool
}

// parse reads a selector list.
func parse(text string) ([]selector, error) {
	if len(text) > MaxSelector {
		return nil, fmt.Errorf("mask %.40q…: over %d bytes", text, MaxSelector)
	}
	p := parser{rest: text}
	var list []selector
	for {
		s, err := p.selector()
		if err != nil {
			return nil, fmt.Errorf("mask %q: %w", text, err)
		}
		list = append(list, s)
		if p.rest == "" {
			return list, nil
		}
		p.rest = p.rest[1:] // the comma
	}
}

type parser struct{ rest string }

func (p *parser) space() bool {
	trimmed := strings.TrimLeft(p.rest, " \t\n\r\f")
	found := len(trimmed) < len(p.rest)
	p.rest = trimmed
	return found
}

// selector reads compounds up to a comma or the end, and turns them round.
func (p *parser) selector() (selector, error) {
	var s selector
	child := false
	p.space()
	for {
		tests, err := p.compound()
		if err != nil {
			return nil, err
		}
		if len(s) == maxCompounds {
			return nil, fmt.Errorf("over %d parts", maxCompounds)
		}
		s = append(selector{{tests: tests}}, s...)
		if len(s) > 1 {
			s[0].child = child
		}
		p.space()
		if p.rest == "" || p.rest[0] == ',' {
			return s, nil
		}
		if child = p.rest[0] == '>'; child {
			p.rest = p.rest[1:]
			p.space()
		}
	}
}

func (p *parser) compound() ([]test, error) {
	var tests []test
	for p.rest != "" {
		c := p.rest[0]
		switch {
		case c == '*':
			p.rest = p.rest[1:]
			tests = append(tests, test{name: "*"})
		case c == '.' || c == '#':
			p.rest = p.rest[1:]
			name := p.name()
			if name == "" {
				return nil, fmt.Errorf("a name is missing after %q", c)
			}
			if c == '.' {
				tests = append(tests, test{name: "class", value: name, op: '~'})
			} else {
				tests = append(tests, test{name: "id", value: name, op: '='})
			}
		case c == '[':
			t, err := p.attribute()
			if err != nil {
				return nil, err
			}
			tests = append(tests, t)
		case isName(c):
			if len(tests) > 0 {
				return nil, fmt.Errorf("a type must come first")
			}
			tests = append(tests, test{value: strings.ToLower(p.name()), op: '='})
		case strings.IndexByte(" \t\n\r\f>,", c) >= 0:
			if len(tests) == 0 {
				return nil, fmt.Errorf("a selector is missing before %q", c)
			}
			return tests, nil
		default:
			return nil, fmt.Errorf("%q cannot be used here", c)
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("it ends too early")
	}
	return tests, nil
}

func (p *parser) attribute() (test, error) {
	p.rest = p.rest[1:]
	p.space()
	t := test{name: strings.ToLower(p.name())}
	if t.name == "" {
		return t, fmt.Errorf("an attribute's name is missing")
	}
	p.space()
	if p.rest != "" && strings.IndexByte("~^$*=", p.rest[0]) >= 0 {
		t.op = p.rest[0]
		if t.op != '=' {
			p.rest = p.rest[1:]
		}
		if p.rest == "" || p.rest[0] != '=' {
			return t, fmt.Errorf("= is missing")
		}
		p.rest = p.rest[1:]
		p.space()
		value, err := p.value()
		if err != nil {
			return t, err
		}
		t.value = value
		p.space()
		if strings.HasPrefix(p.rest, "i") || strings.HasPrefix(p.rest, "I") {
			t.fold, t.value, p.rest = true, strings.ToLower(t.value), p.rest[1:]
			p.space()
		}
	}
	if p.rest == "" || p.rest[0] != ']' {
		return t, fmt.Errorf("] is missing")
	}
	p.rest = p.rest[1:]
	return t, nil
}

func (p *parser) value() (string, error) {
	if p.rest != "" && (p.rest[0] == '"' || p.rest[0] == '\'') {
		value, rest, ok := strings.Cut(p.rest[1:], p.rest[:1])
		if !ok || strings.Contains(value, `\`) {
			return "", fmt.Errorf("a string is not closed, or has escapes")
		}
		p.rest = rest
		return value, nil
	}
	if v := p.name(); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("a value is missing")
}

func isName(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func (p *parser) name() string {
	i := 0
	for i < len(p.rest) && isName(p.rest[i]) {
		i++
	}
	name := p.rest[:i]
	p.rest = p.rest[i:]
	return name
}

// matches reports whether the alternative matches an element.
func (s selector) matches(el *dom.Node) bool { return s[0].matches(el) && s[1:].above(el, s[0].child) }

// above matches the remaining compounds against the ancestors of an element.
func (s selector) above(el *dom.Node, child bool) bool {
	if len(s) == 0 {
		return true
	}
	for p := el.Parent(); p != nil && p.Kind() == dom.KindElement; p = p.Parent() {
		if s[0].matches(p) && s[1:].above(p, s[0].child) {
			return true
		}
		if child {
			return false
		}
	}
	return false
}

func (c compound) matches(el *dom.Node) bool {
	for _, t := range c.tests {
		if !t.matches(el) {
			return false
		}
	}
	return true
}

func (t test) matches(el *dom.Node) bool {
	switch t.name {
	case "*":
		return true
	case "":
		tag := el.Tag()
		if i := strings.IndexByte(tag, ':'); i >= 0 {
			tag = tag[i+1:]
		}
		return strings.EqualFold(tag, t.value)
	}
	v, ok := el.Attr(t.name)
	if !ok || t.op == 0 {
		return ok
	}
	if t.fold {
		v = strings.ToLower(v)
	}
	switch t.op {
	case '~':
		for w := range strings.FieldsSeq(v) {
			if w == t.value {
				return true
			}
		}
		return false
	case '^':
		return t.value != "" && strings.HasPrefix(v, t.value)
	case '$':
		return t.value != "" && strings.HasSuffix(v, t.value)
	case '*':
		return t.value != "" && strings.Contains(v, t.value)
	}
	return v == t.value
}
