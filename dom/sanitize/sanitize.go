// Package sanitize says what of a page must not arrive at an agent's browser:
// scripts, handlers, addresses that run code, documents inside the document,
// submission and navigation. It judges resulting values; the mirror judges them
// once more.
package sanitize

import (
	"regexp"
	"strconv"
	"strings"

	"kohe/dom"
)

var inertTags = set("script noscript base object embed applet frame frameset portal fencedframe " +
	"svg:script svg:handler svg:listener math:maction")

var bannedAttrs = set("srcdoc action formaction ping http-equiv nonce integrity is autofocus autoplay target download manifest " +
	"sandbox allow allowfullscreen csp referrerpolicy crossorigin fetchpriority attributionsrc form inert codebase classid archive " +
	"profile xml:base shadowrootmode popovertarget popovertargetaction command commandfor")

var addresses = set("href xlink:href src data poster background cite longdesc lowsrc dynsrc usemap")

var animations = set("svg:animate svg:set svg:animatetransform svg:animatemotion svg:animatecolor")

var animated = set("attributename to from by values")

// dataTags may show a data: image, font or clip.
var dataTags = set("img source video audio input svg:image svg:feimage")

var dangerousCSS = regexp.MustCompile(`(?i)expression\s*\(|-moz-binding|(?:^|[^-\w]|-ms-)behavior\s*:|javascript\s*:|vbscript\s*:|</style`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// Tag returns the tag to have in place of one: what could run or load a
// document becomes kohe-x, an element that is not shown. An HTML name has html:
// before it only where it needs that: the rules know it without.
func Tag(tag string) string {
	if name, ok := strings.CutPrefix(tag, "html:"); ok && !strings.Contains(name, ":") {
		tag = name
	}
	t := strings.ToLower(strings.TrimPrefix(tag, "html:"))
	if inertTags[t] || strings.HasPrefix(tag, "kohe-") && tag != "kohe-frame" {
		return "kohe-x"
	}
	return tag
}

// Attr returns what to show of an element's attribute, or false for nothing.
func Attr(el *dom.Node, name, value string) (string, bool) {
	tag, lower := strings.ToLower(el.Tag()), strings.ToLower(name)
	switch {
	case name != lower && !strings.Contains(tag, ":"): // in HTML it would become the attribute that it looks like
		return "", false
	case strings.HasPrefix(lower, "on"), strings.HasPrefix(lower, "kohe-"), bannedAttrs[lower]:
		return "", false
	case (tag == "iframe" || tag == "kohe-frame") && (lower == "src" || lower == "name" || lower == "data"):
		return "", false
	case tag == "meta" && lower == "content" && !harmlessMeta(el):
		return "", false
	case tag == "link" && lower == "href" && !isStylesheet(el):
		return "", false
	case animations[tag] && animated[lower]:
		return value, !strings.Contains(strings.ToLower(value), "href") && CSS(value)
	case lower == "srcset" || lower == "imagesrcset":
		return value, srcset(value)
	case addresses[lower]:
		return value, address(tag, value)
	case lower == "style":
		return value, CSS(value)
	case strings.HasPrefix(tag, "svg:") && strings.Contains(value, "url("):
		return value, CSS(value)
	}
	return value, true
}

// Related reports whether what is shown of an element's other attributes
// depends on this one.
func Related(el *dom.Node, name string) bool {
	name = strings.ToLower(name)
	switch el.Tag() {
	case "link":
		return name == "rel"
	case "meta":
		return name == "http-equiv" || name == "name"
	}
	return false
}

// harmlessMeta: the few names whose content the mirror has a use for.
func harmlessMeta(el *dom.Node) bool {
	if _, refresh := el.Attr("http-equiv"); refresh {
		return false
	}
	name, _ := el.Attr("name")
	return strings.EqualFold(name, "color-scheme") || strings.EqualFold(name, "theme-color")
}

func isStylesheet(el *dom.Node) bool {
	rel, _ := el.Attr("rel")
	return strings.EqualFold(strings.TrimSpace(rel), "stylesheet")
}

// scheme returns an address as a browser reads its beginning: without control
// characters and spaces, lower case.
func scheme(url string) string {
	var b strings.Builder
	for i := 0; i < len(url) && b.Len() < 40; i++ {
		if url[i] > ' ' {
			b.WriteByte(url[i])
		}
	}
	return strings.ToLower(b.String())
}

var schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)

func address(tag, url string) bool {
	s := scheme(url)
	switch {
	case strings.HasPrefix(s, "http:"), strings.HasPrefix(s, "https:"), strings.HasPrefix(s, "blob:"):
		return true
	case strings.HasPrefix(s, "data:"):
		return dataTags[tag] && (strings.HasPrefix(s, "data:image/") || strings.HasPrefix(s, "data:font/") ||
			strings.HasPrefix(s, "data:audio/") || strings.HasPrefix(s, "data:video/"))
	}
	return !schemeForm.MatchString(s)
}

var picture = regexp.MustCompile(`^data:image/(?:png|webp|jpeg);base64,[A-Za-z0-9+/=]*$`)

// Picture reports whether an address is a picture by content, and nothing that
// could end the CSS around it.
func Picture(url string) bool { return picture.MatchString(url) }

// srcset: every candidate must be an address that may be shown.
func srcset(value string) bool {
	for c := range strings.SplitSeq(value, ",") {
		s := scheme(c)
		if schemeForm.MatchString(s) && !strings.HasPrefix(s, "http:") && !strings.HasPrefix(s, "https:") &&
			!strings.HasPrefix(s, "blob:") && !strings.HasPrefix(s, "data:image/") {
			return false
		}
	}
	return true
}

var (
	comment = regexp.MustCompile(`(?s)/\*.*?(\*/|$)`)
	escaped = regexp.MustCompile(`(?s)\\([0-9a-fA-F]{1,6})\s?|\\(.)`)
)

// CSS reports whether CSS text may be shown: nothing in it, escapes undone and
// comments taken out, ever ran code in a browser.
func CSS(text string) bool {
	if strings.Contains(text, "/*") {
		text = comment.ReplaceAllString(text, "")
	}
	if strings.Contains(text, `\`) {
		text = escaped.ReplaceAllStringFunc(text, func(m string) string {
			if n, err := strconv.ParseUint(strings.TrimSpace(m[1:]), 16, 32); err == nil && n <= 0x10ffff {
				return string(rune(n))
			}
			return m[1:]
		})
	}
	return !dangerousCSS.MatchString(text)
}
