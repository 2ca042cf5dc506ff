package mask

import (
	"regexp"
	"strings"
)

// What CSS text is made of, as far as a mask must tell it apart (CSS Syntax 3
// §4): comments, addresses, strings, which end with their line, what ends a
// declaration, and words, functions and the names of properties.
var token = regexp.MustCompile(`(?is)/\*.*?(?:\*/|$)|` +
	`url\(\s*(?:` + quoted + `)?(?:[^)\\]|\\.?)*(?:\)|$)|` + quoted + `|[;{}]|` +
	`[.#]?(?:[-\w]|[^\x00-\x7f]|\\.?)+(?:\(|\s*:)?`)

const quoted = `"(?:[^"\\\n\r\f]|\\.?)*"?|'(?:[^'\\\n\r\f]|\\.?)*'?`

var (
	local  = regexp.MustCompile(`(?i)^url\(\s*["']?#[-\w]+["']?\s*\)$`)
	looks  = regexp.MustCompile(`(?i)^(?:font|grid|src)`)                 // properties whose strings are names
	symbol = regexp.MustCompile(`(?i)^(?:[^\pL\pN]|\\[ef2][\da-f]{3})?$`) // an arrow, an icon of a font
	figure = regexp.MustCompile(`(?i)^(?:-?\d{1,5}[a-z]{0,4}|\.\d+[a-z]*|#[\da-f]{3,8})$`)
)

// css returns CSS text as it may be shown in a masked place: words and numbers
// say how things look. Strings are what it can write on the page: they are
// emptied but for symbols, names of fonts and areas, and values that attributes
// are compared with. Addresses are not shown, and of custom properties figures
// alone.
func css(text string) string {
	var b strings.Builder
	at, property := 0, ""
	for _, span := range token.FindAllStringIndex(text, -1) {
		b.WriteString(text[at:span[0]])
		at = span[1]
		t := text[span[0]:at]
		custom := strings.HasPrefix(property, "--")
		switch c := t[0]; {
		case c == '/':
			t = " "
		case c == ';' || c == '{' || c == '}':
			property = ""
		case c == '"' || c == '\'':
			compared := span[0] > 0 && text[span[0]-1] == '='
			if len(t) < 2 || t[len(t)-1] != c || !shownString(t[1:len(t)-1], !custom && (compared || looks.MatchString(property))) {
				t = `""`
			}
		case len(t) > 3 && strings.EqualFold(t[:4], "url("):
			if custom {
				t = ""
			} else if !local.MatchString(t) {
				t = "none"
			}
		case strings.HasSuffix(t, ":"):
			property = t
		case custom && !strings.HasSuffix(t, "(") && !strings.HasPrefix(t, "--") && !figure.MatchString(t):
			t = ""
		}
		b.WriteString(t)
	}
	b.WriteString(text[at:])
	return b.String()
}

// shownString reports whether a string may be shown: a symbol, or what is not
// shown as text and is a name.
func shownString(s string, quiet bool) bool {
	return symbol.MatchString(s) || quiet && words(s) == s
}
