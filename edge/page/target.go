package page

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"kohe/dom"
)

// Target is an element of the page that an agent may act on.
type Target struct {
	Field bool   // it can be filled in
	Label string // what it is called, at most labelMost characters; never what is in it
}

const (
	labelMost   = 60   // characters
	labelSearch = 5000 // nodes that are looked at for a field's label
)

// Target returns an element that an agent may act on: one that is there and
// whose content is not masked. The visitor's browser looks again.
func (p *Page) Target(node uint32) (Target, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	el := p.tree.Node(node)
	if el == nil || el.Kind() != dom.KindElement || el.Masked() {
		return Target{}, false
	}
	tag := strings.TrimPrefix(el.Tag(), "html:")
	kind, _ := el.Attr("type")
	kind = strings.ToLower(kind)
	if tag == "input" && (kind == "file" || kind == "password" || kind == "hidden") {
		return Target{}, false
	}
	field := edits(el) || tag == "textarea" || tag == "select" ||
		tag == "input" && !slices.Contains([]string{"submit", "button", "reset", "image"}, kind)
	return Target{Field: field, Label: label(el, tag, field)}, true
}

// label returns what an element says of itself: what people see of it, else what
// its page calls it. What is in a field is none of that.
func label(el *dom.Node, tag string, field bool) string {
	var text strings.Builder
	if tag == "button" || tag == "a" || tag == "label" || tag == "summary" {
		words(el, &text)
	} else if of := labelOf(el); of != nil && !of.Masked() {
		words(of, &text)
	}
	for _, s := range []string{attr(el, "aria-label"), text.String(), attr(el, "placeholder"), attr(el, "alt"), attr(el, "title"), attr(el, "name"), attr(el, "id")} {
		if s = clip(s); s != "" {
			return s
		}
	}
	if !field {
		words(el, &text)
	}
	return cmp.Or(clip(text.String()), tag)
}

// labelOf returns the label around an element, or the one for its id; nil: none.
func labelOf(el *dom.Node) *dom.Node {
	root := el
	for ; root.Parent() != nil; root = root.Parent() {
		if root.Tag() == "label" {
			return root
		}
	}
	id, left := attr(el, "id"), labelSearch
	if id == "" {
		return nil
	}
	var find func(n *dom.Node) *dom.Node
	find = func(n *dom.Node) *dom.Node {
		for c := range n.Children() {
			if left--; left < 0 {
				return nil
			}
			if c.Tag() == "label" && attr(c, "for") == id {
				return c
			}
			if found := find(c); found != nil {
				return found
			}
		}
		return nil
	}
	return find(root)
}

func edits(el *dom.Node) bool {
	_, ok := el.Attr("contenteditable")
	return ok
}

func attr(el *dom.Node, name string) string {
	value, _ := el.Attr(name)
	return value
}

// words collects the text in an element that is neither masked nor in a field.
func words(n *dom.Node, to *strings.Builder) {
	for c := range n.Children() {
		switch {
		case to.Len() > 4*labelMost || c.Masked():
			return
		case c.Kind() == dom.KindText:
			to.WriteString(c.Text() + " ")
		case c.Kind() == dom.KindElement && !edits(c) && !slices.Contains([]string{"select", "textarea", "script", "style"}, c.Tag()):
			words(c, to)
		}
	}
}

func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > labelMost {
		s = string([]rune(s)[:labelMost-1]) + "…"
	}
	return s
}
