package state

import (
	"strings"
	"unicode/utf8"

	"kohe/relay"
)

// Bounds of names and settings.
const (
	MaxKey      = 64  // bytes of the id of a customer, site, department, agent or node
	MaxCardID   = 128 // bytes
	MaxLabel    = 200 // characters of a name that an administrator gives
	MaxList     = 200 // entries of a list in a setting
	MaxEntry    = 500 // bytes of such an entry
	MaxPages    = 100 // pages that a site lists for its agents
	MaxLinks    = 20  // origins that its links may lead to, besides its own
	MaxPassword = 500 // bytes of an encoded password hash
	MaxFact     = 512 // bytes of a fact about a visitor that is no address
	MaxLang     = 35  // bytes, RFC 5646 §4.4.1
	MaxContact  = 320 // characters of a card's e-mail address or number
)

var errNoSession = &relay.Error{Code: relay.CodeNotFound, Text: "There is no such conversation."}

// checkKey says whether id may be the id of what.
func checkKey(what, id string) error {
	if id == "" || len(id) > MaxKey || !printable(id) {
		return relay.Errorf(relay.CodeInvalid, "The id of a %s has 1 to %d bytes and no spaces.", what, MaxKey)
	}
	return nil
}

// printable reports whether s is UTF-8 without spaces and control characters.
func printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == utf8.RuneError {
			return false
		}
	}
	return true
}

// checkLabel says whether s may be a name, empty if it may.
func checkLabel(what, s string, most int, empty bool) error {
	switch {
	case s == "" && !empty:
		return relay.Errorf(relay.CodeInvalid, "The %s is empty.", what)
	case !utf8.ValidString(s):
		return relay.Errorf(relay.CodeInvalid, "The %s is not valid UTF-8.", what)
	case utf8.RuneCountInString(s) > most:
		return relay.Errorf(relay.CodeInvalid, "The %s is longer than %d characters.", what, most)
	}
	return nil
}

func checkList(what string, list []string) error {
	if len(list) > MaxList {
		return relay.Errorf(relay.CodeInvalid, "There are more than %d %s.", MaxList, what)
	}
	for _, s := range list {
		if s == "" || len(s) > MaxEntry || !utf8.ValidString(s) {
			return relay.Errorf(relay.CodeInvalid, "One of the %s is empty or longer than %d bytes.", what, MaxEntry)
		}
	}
	return nil
}

// clip cuts s to at most n bytes of valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

// clipRunes cuts s to at most n characters of valid UTF-8.
func clipRunes(s string, n int) string {
	s = strings.ToValidUTF8(s, "")
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// clipView and clipFacts bound what a browser says of a visit. It is only ever
// shown, so what is too long is cut, not refused.
func clipView(v relay.PageView) relay.PageView {
	v.URL, v.Title = clip(v.URL, relay.MaxURL), clipRunes(v.Title, relay.MaxTitle)
	return v
}

func clipFacts(f relay.Facts) relay.Facts {
	f.Referrer = clip(f.Referrer, relay.MaxURL)
	f.UserAgent, f.Screen, f.TimeZone = clip(f.UserAgent, MaxFact), clip(f.Screen, MaxFact), clip(f.TimeZone, MaxFact)
	pages := f.Pages[max(0, len(f.Pages)-relay.MaxPages):]
	f.Pages = make([]relay.PageView, len(pages))
	for i, v := range pages {
		f.Pages[i] = clipView(v)
	}
	return f
}
