package relay

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Link is a page that an agent sends a visitor to.
type Link struct {
	URL   string
	Title string // may be empty
}

// ParseLink reads the text of a message of kind link: an address, and after a
// space what it is called.
func ParseLink(text string) (Link, error) {
	address, title, _ := strings.Cut(text, " ")
	l := Link{address, strings.TrimSpace(title)}
	if utf8.RuneCountInString(l.Title) > MaxTitle {
		return l, Errorf(CodeInvalid, "What a link is called has at most %d characters.", MaxTitle)
	}
	_, err := OriginOf(address)
	return l, err
}

// OriginOf returns the origin of a page's address, "https://shop.example". Only
// http and https are addresses of pages, and none holds a name or a password.
func OriginOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(address) > MaxURL ||
		strings.ContainsAny(address, "\\ \t\r\n") {
		return "", Errorf(CodeInvalid, "%q is not the address of a page; write it like https://shop.example/help.", clip(address))
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme + "://" + host, nil
}
