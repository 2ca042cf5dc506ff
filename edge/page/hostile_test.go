package page

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"kohe/dom"
)

// secret is what hostile.json has in masked places.
const secret = "CanarySecret77"

// TestNothingHostileGetsThroughTheEdge sends every case of the corpus through a
// page and asks about all that a viewer, and one that comes late, is given.
func TestNothingHostileGetsThroughTheEdge(t *testing.T) {
	c := readCorpus(t)
	if len(c.Cases) < 200 {
		t.Fatalf("%d cases", len(c.Cases))
	}
	for _, h := range c.Cases {
		t.Run(h.Name, func(t *testing.T) {
			found := throughEdge(t, c.messages(h))
			for _, what := range found {
				t.Error(what)
			}
		})
	}
}

// TestTheHostileCorpusIsSeenWithoutTheEdge is the other's control: what the
// judge finds when nothing is filtered.
func TestTheHostileCorpusIsSeenWithoutTheEdge(t *testing.T) {
	c := readCorpus(t)
	dangerous := 0
	for _, h := range c.Cases {
		j := &judge{}
		tree := dom.NewTree(j)
		for _, msg := range c.messages(h) {
			j.leak(msg)
			_, _ = tree.Apply(msg) // some cannot be read: the rest counts
		}
		if len(j.found) > 0 {
			dangerous++
		}
	}
	if dangerous < 200 {
		t.Errorf("the judge finds something in %d cases of %d", dangerous, len(c.Cases))
	}
}

// throughEdge applies a visitor's messages and returns what is dangerous about
// what comes out. Where the page refuses a message, the viewers keep what they
// have.
func throughEdge(t *testing.T, messages [][]byte) []string {
	t.Helper()
	page := open(t, New(0, nil), ".private", "[data-secret]")
	viewer, j := dom.NewTree(dom.Open{}), &judge{}
	for _, msg := range messages {
		forward, _, err := page.Apply(msg)
		if err != nil || forward == nil {
			continue
		}
		if _, err := viewer.Apply(forward); err != nil {
			t.Fatalf("what the edge forwards cannot be read: %v", err)
		}
		late, _ := page.Snapshot()
		for _, shown := range [][]byte{viewer.Snapshot(), late} {
			if _, err := dom.NewTree(j).Apply(shown); err != nil {
				t.Fatalf("what the edge shows cannot be read: %v", err)
			}
		}
		j.leak(forward)
		j.leak(viewer.Snapshot()) // forward may be deflated
	}
	return j.found
}

// judge is a filter that shows everything and notes what is dangerous: an
// opinion of its own, which shares nothing with the edge's.
type judge struct {
	dom.Open
	found []string
}

func (j *judge) leak(msg []byte) {
	if bytes.Contains(msg, []byte(secret[:7])) {
		j.note("the secret is in a message")
	}
}

func (j *judge) note(format string, args ...any) {
	j.found = append(j.found, fmt.Sprintf(format, args...))
}

var (
	active    = regexp.MustCompile(`^(?:html:|svg:|math:)?(script|noscript|base|object|embed|applet|frame|frameset|portal|fencedframe|handler|listener)$`)
	animates  = regexp.MustCompile(`^svg:(animate.*|set)$`)
	control   = regexp.MustCompile(`[\x00-\x20]`)
	code      = regexp.MustCompile(`^(javascript|vbscript|livescript|mocha|file|filesystem|view-source|jar|about|data:(text|application|image/png,text)|data:[^,;]*html)`)
	located   = regexp.MustCompile(`^(xlink:)?href$|^src$|^data$|^poster$|^background$|^cite$|^longdesc$|^lowsrc$|^dynsrc$|^usemap$`)
	navigates = regexp.MustCompile(`^(srcdoc|action|formaction|ping|http-equiv|target|manifest|is|autofocus|download|attributionsrc|sandbox|allow|` +
		`codebase|archive|classid|profile|xml:base|popovertarget|commandfor|integrity|nonce|shadowrootmode|form|kohe-.*|on.*)$`)
	runs    = regexp.MustCompile(`expression\(|-moz-binding|behavior:|javascript:|vbscript:|</style`)
	escape  = regexp.MustCompile(`\\([0-9a-f]{1,6})\s?`)
	between = regexp.MustCompile(`(?s)/\*.*?\*/`)
)

// Tag notes elements that run or load something by themselves.
func (j *judge) Tag(tag string) string {
	if active.MatchString(strings.ToLower(tag)) {
		j.note("<%s>", tag)
	}
	return tag
}

// Attr notes attributes that run, load documents, submit or navigate.
func (j *judge) Attr(el *dom.Node, name, value string) (string, bool) {
	tag, lower := strings.TrimPrefix(strings.ToLower(el.Tag()), "html:"), strings.ToLower(name)
	address := strings.ToLower(control.ReplaceAllString(html.UnescapeString(value), ""))
	frame := tag == "iframe" || tag == "kohe-frame"
	switch {
	case navigates.MatchString(lower), frame && (lower == "src" || lower == "name" || lower == "data"),
		located.MatchString(lower) && (code.MatchString(address) || tag == "svg:use" && strings.HasPrefix(address, "data:")),
		strings.Contains(lower, "srcset") && strings.Contains(address, "javascript:"),
		animates.MatchString(tag) && strings.Contains(address, "href"),
		tag == "link" && lower == "href" && attribute(el, "rel") != "stylesheet",
		tag == "meta" && lower == "content" && !strings.HasSuffix(attribute(el, "name"), "color") && attribute(el, "name") != "color-scheme",
		lower == "style" && !j.CSS(value):
		j.note("<%s %s=%.60q>", el.Tag(), name, value)
	}
	return value, true
}

// attribute returns all that an element has under a name, in whatever case.
func attribute(el *dom.Node, want string) string {
	var values []string
	for _, name := range []string{want, strings.ToUpper(want)} {
		if v, ok := el.Attr(name); ok {
			values = append(values, strings.ToLower(strings.TrimSpace(v)))
		}
	}
	return strings.Join(values, " ")
}

// CSS notes rules that ever ran code.
func (j *judge) CSS(text string) bool {
	css := escape.ReplaceAllStringFunc(between.ReplaceAllString(strings.ToLower(text), ""), func(m string) string {
		var r rune
		_, _ = fmt.Sscanf(m, `\%x`, &r)
		return string(r)
	})
	if runs.MatchString(css) {
		j.note("CSS %.60q", text)
	}
	return true
}

// Picture notes what a canvas may not show.
func (j *judge) Picture(url string) bool {
	if url != "" && (!strings.HasPrefix(url, "data:image/") || strings.ContainsAny(url, `"'()\<> `) || strings.Contains(url, "svg")) {
		j.note("picture %.60q", url)
	}
	return true
}
