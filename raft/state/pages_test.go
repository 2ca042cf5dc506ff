package state

import (
	"strings"
	"testing"

	"kohe/relay"
)

func TestASiteListsPagesOfItsOwnAndOfOriginsThatItNames(t *testing.T) {
	site := Site{ID: "shop", Origins: []string{"https://shop.example"}, Links: []string{"https://help.example"}}
	many := make([]Page, MaxPages+1)
	for what, try := range map[string]struct {
		pages []Page
		links []string
		code  relay.Code
	}{
		"its own":                 {[]Page{{"Prices", "https://shop.example/prices?all"}}, site.Links, ""},
		"one that it names":       {[]Page{{"Help", "https://help.example/"}}, site.Links, ""},
		"another one":             {[]Page{{"Help", "https://evil.example/"}}, site.Links, relay.CodeForbidden},
		"a script":                {[]Page{{"Help", "javascript:alert(1)"}}, site.Links, relay.CodeInvalid},
		"one with a password":     {[]Page{{"Help", "https://a:b@shop.example/"}}, site.Links, relay.CodeInvalid},
		"one without a title":     {[]Page{{"", "https://shop.example/"}}, site.Links, relay.CodeInvalid},
		"one with an endless one": {[]Page{{strings.Repeat("x", relay.MaxTitle+1), "https://shop.example/"}}, site.Links, relay.CodeInvalid},
		"too many":                {many, site.Links, relay.CodeInvalid},
		"no origin":               {nil, []string{"https://help.example/faq"}, relay.CodeInvalid},
		"too many origins":        {nil, make([]string, MaxLinks+1), relay.CodeInvalid},
	} {
		site.Pages, site.Links = try.pages, try.links
		if got := relay.CodeOf(site.checkPages()); got != try.code {
			t.Errorf("%s: %q, want %q", what, got, try.code)
		}
		site.Links = []string{"https://help.example"}
	}
}
