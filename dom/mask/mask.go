package mask

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"kohe/dom"
)

// Bullet is what masked text is made of.
const Bullet = '•'

// Longest texts that a mask lets through, in bullets.
const (
	maxText     = 64
	maxPassword = 8
)

// Rules are a site's masks besides the ones that every site has: password
// fields, payment and one-time-code autocomplete, data-kohe-mask.
type Rules struct {
	selectors []selector
	names     map[string]bool // attributes that the selectors look at
}

// NewRules reads a site's selectors. The error names the first that is outside
// the subset.
func NewRules(selectors []string) (Rules, error) {
	r := Rules{names: map[string]bool{"data-kohe-mask": true, "type": true, "autocomplete": true}}
	if len(selectors) > MaxSelectors {
		return r, fmt.Errorf("%d masks, at most %d", len(selectors), MaxSelectors)
	}
	for _, text := range selectors {
		list, err := parse(text)
		if err != nil {
			return r, err
		}
		r.selectors = append(r.selectors, list...)
	}
	for _, s := range r.selectors {
		for _, c := range s {
			for _, t := range c.tests {
				r.names[t.name] = true
			}
		}
	}
	return r, nil
}

// Masks reports whether a rule masks an element and all that is in it.
func (r Rules) Masks(el *dom.Node) bool {
	if _, ok := el.Attr("data-kohe-mask"); ok || secret(el) {
		return true
	}
	for _, s := range r.selectors {
		if s.matches(el) {
			return true
		}
	}
	return false
}

// MaskedBy reports whether Masks may answer otherwise, for an element or what
// is in it, when this attribute of it changes; "" stands for its place.
func (r Rules) MaskedBy(_ *dom.Node, name string) bool {
	if name == "" {
		return len(r.selectors) > 0
	}
	return r.names[strings.ToLower(name)]
}

// password reports whether an element is a password field.
func password(el *dom.Node) bool {
	kind, _ := el.Attr("type")
	return el.Tag() == "input" && strings.EqualFold(strings.TrimSpace(kind), "password")
}

func secret(el *dom.Node) bool {
	if password(el) {
		return true
	}
	tokens, ok := el.Attr("autocomplete")
	if !ok {
		return false
	}
	for token := range strings.FieldsSeq(strings.ToLower(tokens)) {
		switch {
		case strings.HasPrefix(token, "cc-"), token == "one-time-code", token == "new-password", token == "current-password":
			return true
		}
	}
	return false
}

var spoken = words("value placeholder title alt label content summary abbr datetime aria-label aria-description aria-valuetext " +
	"aria-valuenow aria-placeholder aria-roledescription aria-braillelabel")

// dropped does not leave at all: addresses, and names that say something to
// scripts and forms only.
var dropped = words("href src srcset poster cite background xlink:href data longdesc usemap name for list pattern download aria-controls")

func words(s string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// Masked returns what an attribute of a masked element becomes, or false for
// nothing. The name is "" for text and "=" for a field's value.
func (r Rules) Masked(el *dom.Node, name, value string) (string, bool) {
	switch lower := strings.ToLower(name); {
	case lower == "=" || lower == "value" && el.Tag() == "input":
		if password(el) {
			return maskPassword(value), true
		}
		return maskText(value), true
	case lower == "":
		return maskText(value), true
	case dropped[lower]:
		return "", false
	case lower == "style":
		css := strings.ToLower(value)
		return value, !strings.Contains(css, "url(") && !strings.Contains(css, "content") && !strings.Contains(css, "--")
	case spoken[lower], strings.HasPrefix(lower, "data-") && lower != "data-kohe-mask":
		return maskText(value), true
	}
	return value, true
}

// masked reports whether text tells nothing but a length, and that not beyond
// most characters.
func masked(text string, most int) bool {
	if utf8.RuneCountInString(text) > most {
		return false
	}
	for _, c := range text {
		if c != Bullet && !unicode.IsSpace(c) && c != '\uFEFF' {
			return false
		}
	}
	return true
}

// maskText returns text as bullets that tell no more than a class of length.
// What is masked already stays as it is.
func maskText(text string) string {
	if masked(text, 2*maxText) {
		return text
	}
	length, n := utf8.RuneCountInString(text), 1
	for n < length && n < maxText {
		n *= 2
	}
	var b strings.Builder
	for i := range n {
		if i > 0 && i%8 == 0 {
			b.WriteByte(' ') // may wrap
		}
		b.WriteRune(Bullet)
	}
	return b.String()
}

// maskPassword returns a bullet a character, at most eight.
func maskPassword(value string) string {
	return strings.Repeat(string(Bullet), min(utf8.RuneCountInString(value), maxPassword))
}
