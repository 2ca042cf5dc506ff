package peer

import (
	"bytes"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"kohe/relay"
)

func newToken(t testing.TB, role Role, ca *CA, addrs ...string) Token {
	t.Helper()
	if addrs == nil {
		addrs = []string{"192.0.2.1:8443"}
	}
	token, err := NewToken(role, ca.Fingerprint(), addrs...)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsOneWordToPaste(t *testing.T) {
	ca := newCA(t)
	for _, token := range []Token{
		newToken(t, RoleCore, ca),
		newToken(t, RoleEdge, ca, "node.example:443", "[2001:db8::1]:8443", "192.0.2.1:1", "x:"+strings.Repeat("9", 5)),
	} {
		text := token.Text()
		if strings.ContainsAny(text, " -/+=.") {
			t.Errorf("%s is not one word", text)
		}
		half := len(text) / 2
		for _, pasted := range []string{text, "  " + text + "\n", strings.ToUpper(text), text[:half] + "\r\n" + text[half:]} {
			if have, err := ParseToken(pasted); err != nil || !reflect.DeepEqual(have, token) {
				t.Errorf("%v, %v", have, err)
			}
		}
	}
}

func TestATypoInATokenIsTold(t *testing.T) {
	text := newToken(t, RoleEdge, newCA(t)).Text()
	for i := range text {
		wrong := byte('a')
		if text[i] == wrong {
			wrong = 'b'
		}
		for _, bad := range []string{text[:i] + string(wrong) + text[i+1:], text[:i] + text[i+1:], text[:i]} {
			if _, err := ParseToken(bad); relay.CodeOf(err) != relay.CodeInvalid || strings.Contains(err.Error(), text[10:30]) {
				t.Fatalf("%q: %v", bad, err)
			}
		}
	}
}

func TestABadTokenIsNotMade(t *testing.T) {
	ca := newCA(t)
	for _, addrs := range [][]string{nil, {"nowhere"}, {"a:1", "a:2", "a:3", "a:4", "a:5"}, {strings.Repeat("a", maxAddr) + ":1"}} {
		if _, err := NewToken(RoleEdge, ca.Fingerprint(), addrs...); err == nil {
			t.Errorf("%v: no error", addrs)
		}
	}
	if _, err := NewToken("owner", ca.Fingerprint(), "a:1"); err == nil {
		t.Error("a role that is none: no error")
	}
}

func TestATokensHashCoversItsRole(t *testing.T) {
	token := newToken(t, RoleEdge, newCA(t))
	raised := token
	raised.Role = RoleCore
	if token.Hash() == raised.Hash() {
		t.Error("an edge's token is a core's")
	}
}

func TestATokenIsNeverPrinted(t *testing.T) {
	token := newToken(t, RoleEdge, newCA(t))
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "token", token)
	fmt.Fprintf(&out, "%v %+v %#v %s", token, token, token, token)
	for _, secret := range []string{token.Text(), fmt.Sprintf("%x", token.Secret), fmt.Sprint(token.Secret), fmt.Sprint(token.Secret[0], " ", token.Secret[1])} {
		if strings.Contains(out.String(), secret) {
			t.Fatal("the token is in the log")
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(newToken(f, RoleCore, newCA(f), "a:1", "b:2").Text())
	f.Add(tokenPrefix)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			return
		}
		if again, err := ParseToken(token.Text()); err != nil || !reflect.DeepEqual(again, token) {
			t.Errorf("%v, %v", again, err)
		}
	})
}
