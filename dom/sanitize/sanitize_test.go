package sanitize

import (
	"strings"
	"testing"

	"kohe/dom"
)

// element returns an element with attributes given as names and values.
func element(t *testing.T, tag string, attrs ...string) *dom.Node {
	t.Helper()
	tree := dom.NewTree(dom.Open{})
	if _, err := tree.Apply(dom.NewSnapshot(1, "", "").Insert(dom.Document, 0, 2, dom.Branch{Tag: tag, Attrs: attrs}).Bytes()); err != nil {
		t.Fatal(err)
	}
	return tree.Node(2)
}

func TestDangerousTagsAreReplaced(t *testing.T) {
	for _, tag := range strings.Fields("script SCRIPT html:script svg:script noscript base object embed applet frame frameset portal kohe-ui") {
		if Tag(tag) != "kohe-x" {
			t.Errorf("%s is shown", tag)
		}
	}
	for _, tag := range strings.Fields("div svg:path math:mi x-card iframe style link kohe-frame") {
		if Tag(tag) != tag {
			t.Errorf("%s is not shown", tag)
		}
	}
}

func TestDangerousAttributesAreNotShown(t *testing.T) {
	for _, c := range [][3]string{
		{"a", "href", "javascript:alert(1)"}, {"a", "href", " java\nscript:1"}, {"a", "href", "\x01JavaScript:1"}, {"a", "href", "data:text/html,x"},
		{"a", "href", "vbscript:1"}, {"img", "src", "data:text/html,x"}, {"svg:use", "href", "data:image/svg+xml,x"}, {"svg:a", "xlink:href", "javascript:1"},
		{"div", "onclick", "1"}, {"div", "ONLOAD", "1"}, {"iframe", "srcdoc", "x"}, {"iframe", "src", "https://x.example/"}, {"kohe-frame", "src", "https://x.example/"}, {"kohe-frame", "data", "https://x.example/"}, {"form", "action", "/x"},
		{"button", "formaction", "/"}, {"a", "ping", "/"}, {"a", "target", "_top"}, {"meta", "http-equiv", "refresh"}, {"meta", "content", "0;url=/"},
		{"svg:animate", "attributeName", "href"}, {"svg:set", "to", "javascript:1"}, {"svg:animate", "values", "a;xlink:href"},
		{"div", "style", "width:expression(1)"}, {"div", "style", "exp/**/ression(1)"}, {"div", "style", `background:url(java\73 cript:1)`},
		{"div", "style", "-moz-binding:url(x)"}, {"svg:rect", "fill", "url(javascript:1)"}, {"img", "srcset", "javascript:1 1x"},
		{"link", "href", "https://x.example/"}, {"div", "kohe-hover", ""}, {"input", "autofocus", ""}, {"svg:script", "href", "javascript:1"},
	} {
		if v, ok := Attr(element(t, c[0], c[1], c[2]), c[1], c[2]); ok {
			t.Errorf("<%s %s=%q> shows %q", c[0], c[1], c[2], v)
		}
	}
}

func TestHarmlessAttributesAreShown(t *testing.T) {
	for _, c := range [][3]string{
		{"a", "href", "https://shop.example/?a=1"}, {"a", "href", "#part"}, {"a", "href", "mailto"}, {"img", "src", "data:image/png;base64,AA=="},
		{"img", "srcset", "https://a.example/1.png 1x, data:image/png;base64,AA== 2x"}, {"div", "style", "color:red"}, {"input", "value", "javascript:1"},
		{"svg:animate", "attributeName", "opacity"}, {"svg:rect", "fill", "url(#g)"}, {"div", "title", "expression(1)"},
	} {
		if v, ok := Attr(element(t, c[0], c[1], c[2]), c[1], c[2]); !ok || v != c[2] {
			t.Errorf("<%s %s=%q> shows %q, %t", c[0], c[1], c[2], v, ok)
		}
	}
	if _, ok := Attr(element(t, "link", "rel", "Stylesheet"), "href", "https://x.example/a.css"); !ok {
		t.Error("a style sheet is not linked")
	}
	if _, ok := Attr(element(t, "meta", "name", "color-scheme"), "content", "dark"); !ok {
		t.Error("the colour scheme is not shown")
	}
}

func FuzzCSS(f *testing.F) {
	f.Add(`a{b:\65 xpression(1)}`)
	f.Fuzz(func(t *testing.T, text string) {
		if CSS(text) && strings.Contains(strings.ToLower(text), "javascript:") && !strings.Contains(text, `\`) && !strings.Contains(text, "/*") {
			t.Fatalf("%q is shown", text)
		}
	})
}

func TestOnlyPicturesByContentArePictures(t *testing.T) {
	for url, want := range map[string]bool{
		"data:image/png;base64,iVBORw0KGgo=":              true,
		"data:image/webp;base64,UklGRg==":                 true,
		"data:image/svg+xml;base64,PHN2Zz4=":              false,
		"data:image/png;base64,x\")url(https://x.example": false,
		"https://x.example/x.png":                         false,
		"":                                                false,
	} {
		if Picture(url) != want {
			t.Errorf("%q: not %v", url, want)
		}
	}
}
