package mask

import (
	"fmt"
	"regexp"
	"slices"
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

// Site is what a site says of its masks.
type Site struct {
	Mask   []string // selectors of what is masked
	All    bool     // all is masked that Unmask and data-kohe-unmask do not show
	Unmask []string // selectors of what is shown even so
}

// Rules are a site's masks besides the ones that every site has: password
// fields, payment and one-time-code autocomplete, data-kohe-mask.
type Rules struct {
	all    bool
	masked []selector
	shown  []selector
	names  map[string]bool // attributes that the selectors look at
}

// NewRules reads a site's selectors. The error names the first that is outside
// the subset.
func NewRules(site Site) (Rules, error) {
	r := Rules{all: site.All, names: map[string]bool{
		"data-kohe-mask": true, "data-kohe-unmask": true, "type": true, "autocomplete": true,
	}}
	var err error
	if r.masked, err = r.read(site.Mask); err == nil {
		r.shown, err = r.read(site.Unmask)
	}
	return r, err
}

func (r Rules) read(selectors []string) ([]selector, error) {
	if len(selectors) > MaxSelectors {
		return nil, fmt.Errorf("%d masks, at most %d", len(selectors), MaxSelectors)
	}
	var all []selector
	for _, text := range selectors {
		list, err := parse(text)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	for _, s := range all {
		for _, c := range s {
			for _, t := range c.tests {
				r.names[t.name] = true
			}
		}
	}
	return all, nil
}

// Masks reports whether a rule masks an element and all that is in it.
func (r Rules) Masks(el *dom.Node) bool {
	_, ok := el.Attr("data-kohe-mask")
	return ok || secret(el) || matches(r.masked, el)
}

// All reports whether everything is masked that no element shows.
func (r Rules) All() bool { return r.all }

// Shows reports whether an element shows what is in it although all is masked.
func (r Rules) Shows(el *dom.Node) bool {
	if !r.all {
		return false
	}
	_, ok := el.Attr("data-kohe-unmask")
	return ok || matches(r.shown, el)
}

func matches(list []selector, el *dom.Node) bool {
	for _, s := range list {
		if s.matches(el) {
			return true
		}
	}
	return false
}

// MaskedBy reports whether Masks or Shows may answer otherwise, for an element
// or what is in it, when this attribute of it changes; "" stands for its place.
func (r Rules) MaskedBy(_ *dom.Node, name string) bool {
	if name == "" {
		return len(r.masked)+len(r.shown) > 0
	}
	return r.names[strings.ToLower(name)]
}

// Page returns a document's address and title as they may be shown: where all
// is masked, of the address no query and no fragment.
func (r Rules) Page(url, title string) (string, string) {
	if !r.all {
		return url, title
	}
	return Path(url), maskText(title)
}

// Path returns an address without query and fragment.
func Path(url string) string {
	if i := strings.IndexAny(url, "?#"); i >= 0 {
		return url[:i]
	}
	return url
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

// plain are the attributes that say how an element looks or what it is, in
// HTML and SVG. What they say leaves a mask as far as it is a figure or a word.
var plain = regexp.MustCompile(`^(?:[a-z]{1,2}\d?|class|slot|part|type|role|rel|dir|lang|media|v?align|` +
	`aria-(?:hidden|expanded|disabled|current|pressed|selected)|width|height|size|cols|rows|(?:col|row)?span|border|` +
	`cell(?:padd|spac)ing|(?:bg)?color|(?:fill|stroke|stop|clip|marker|mask|filter|font|text|gradient|xmlns|viewBox|` +
	`preserve)(?:[-A-Z:].*)?|points|offset|opacity|transform|data-kohe-(?:un)?mask)$`)

// dropped does not leave at all, and neither do addresses: what says something
// to scripts and forms only, and what a field is set to.
var (
	dropped   = set("name for list pattern usemap checked selected download")
	addresses = set("href src srcset imagesrcset poster cite background xlink:href data longdesc")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

var (
	// functions and units that are no words in a figure.
	functions = regexp.MustCompile(`translate|scale|rotate|skew|matrix|px|e-`)
	noFigure  = regexp.MustCompile(`(?i)[a-z_]{2}|[^\w\s.,%+*()-]`)
	// record is what a name is not: a number as people and orders have them, an
	// address, what is too long, or not ASCII.
	record = regexp.MustCompile(`(?i)\d{4}(?:[^a-z]|$)|[^!-~]|@|url\((?:["']?[^"'#]|["']?$)|.{65}`)
	colour = regexp.MustCompile(`(?i)^#[\da-f]{3,8}$`)
	// blank is the picture that stands for a masked one, of its size.
	blank = regexp.MustCompile(`^data:image/svg\+xml,<svg xmlns="http://www\.w3\.org/2000/svg" width="\d{1,5}" height="\d{1,5}" style="background:rgba\(0,0,0,\.15\)"/>$`)
	link  = regexp.MustCompile(`(?i)\bstylesheet\b`)
	light = regexp.MustCompile(`^(?:light|dark|only| )+$`)
)

// words returns those words of a value that are names.
func words(value string) string {
	all := strings.Fields(value)
	kept := slices.DeleteFunc(slices.Clone(all), func(w string) bool { return record.MatchString(w) && !colour.MatchString(w) })
	if len(kept) == len(all) {
		return value
	}
	return strings.Join(kept, " ")
}

// look returns what a plain attribute may say.
func look(value string) string {
	if !noFigure.MatchString(functions.ReplaceAllString(value, "")) {
		return value
	}
	return words(value)
}

// MaskedCSS returns CSS text as it may be shown in a masked place.
func (r Rules) MaskedCSS(text string) string { return css(text) }

// Masked returns what an attribute of a masked element becomes, or false for
// nothing. The name is "" for text and "=" for a field's value.
func (r Rules) Masked(el *dom.Node, name, value string) (string, bool) {
	tag := el.Tag()
	switch {
	case name == "=" || name == "value" && tag == "input":
		if password(el) {
			return maskPassword(value), true
		}
		return maskText(value), true
	case name == "":
		return maskText(value), true
	case addresses[name]:
		return address(el, name, value)
	case name == "name" && tag == "slot":
		return words(value), true
	case name == "content" && light.MatchString(value), name == "name" && value == "color-scheme":
		return value, true
	case dropped[name]:
		return "", false
	case name == "style":
		return css(value), true
	case plain.MatchString(name):
		return look(value), true
	}
	return maskText(value), true
}

// address returns the address that a masked element may have: that of a style
// sheet without its query, of what is in the document, or a blank picture.
func address(el *dom.Node, name, value string) (string, bool) {
	rel, _ := el.Attr("rel")
	switch {
	case strings.HasPrefix(value, "#"):
		return value, words(value) == value
	case name == "src":
		return value, blank.MatchString(value)
	case name == "href" && el.Tag() == "link" && link.MatchString(rel):
		return Path(value), true
	}
	return "", false
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
