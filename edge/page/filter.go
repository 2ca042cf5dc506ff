package page

import (
	"kohe/dom"
	"kohe/dom/mask"
	"kohe/dom/sanitize"
)

// filter joins what must not arrive and what must not be seen.
type filter struct{ masks mask.Rules }

// NewTree returns an empty tree that holds what the rules let through.
func NewTree(rules Rules) (*dom.Tree, error) {
	masks, err := mask.NewRules(mask.Site(rules))
	return dom.NewTree(filter{masks}), err
}

func (filter) Tag(tag string) string { return sanitize.Tag(tag) }

func (filter) Attr(el *dom.Node, name, value string) (string, bool) {
	return sanitize.Attr(el, name, value)
}

func (filter) Related(el *dom.Node, name string) bool { return sanitize.Related(el, name) }

func (filter) CSS(text string) bool { return sanitize.CSS(text) }

func (filter) Picture(url string) bool { return sanitize.Picture(url) }

func (f filter) Masks(el *dom.Node) bool { return f.masks.Masks(el) }

func (f filter) MaskedBy(el *dom.Node, name string) bool { return f.masks.MaskedBy(el, name) }

func (f filter) Masked(el *dom.Node, name, value string) (string, bool) {
	return f.masks.Masked(el, name, value)
}

func (f filter) MaskedCSS(text string) string { return f.masks.MaskedCSS(text) }

func (f filter) All() bool { return f.masks.All() }

func (f filter) Shows(el *dom.Node) bool { return f.masks.Shows(el) }

func (f filter) Page(url, title string) (string, string) { return f.masks.Page(url, title) }
