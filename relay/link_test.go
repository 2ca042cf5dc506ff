package relay

import "testing"

func TestAnAddressOfAPageIsHTTPWithoutCredentials(t *testing.T) {
	for address, want := range map[string]string{
		"https://shop.example":               "https://shop.example",
		"https://Shop.Example/help?a=1#b":    "https://shop.example",
		"https://shop.example:443/":          "https://shop.example",
		"http://shop.example:8080/":          "http://shop.example:8080",
		"http://127.0.0.1:80/x":              "http://127.0.0.1",
		"javascript:alert(1)":                "",
		"data:text/html,x":                   "",
		"//shop.example/":                    "",
		"/help":                              "",
		"":                                   "",
		"https://":                           "",
		"https:shop.example":                 "",
		"https://ann:secret@shop.example/":   "",
		"https://shop.example@evil.example/": "",
		`https:\\shop.example/`:              "",
		`https://evil.example\@shop.example`: "",
		"https://shop.example/a b":           "",
		"ftp://shop.example/":                "",
		"file:///etc/passwd":                 "",
	} {
		got, err := OriginOf(address)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
}

func TestALinkIsAnAddressAndWhatItIsCalled(t *testing.T) {
	l, err := ParseLink("https://shop.example/help How to pay")
	if err != nil || l.URL != "https://shop.example/help" || l.Title != "How to pay" {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := ParseLink("https://shop.example/help"); err != nil || l.Title != "" {
		t.Errorf("%+v, %v", l, err)
	}
	if _, err := ParseLink("How to pay"); err == nil {
		t.Error("a link without an address")
	}
}
