package auth

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kohe/relay"
)

func testKey(t *testing.T) *Key {
	t.Helper()
	key, err := OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestVisitorTokenIsGoodForItsSiteOnly(t *testing.T) {
	key, now, visitor := testKey(t), time.Now(), relay.NewID()
	token := key.SignVisitor("shop", visitor, now)
	if got, err := key.Visitor(token, "shop", now); err != nil || got.Visitor != visitor {
		t.Fatalf("own token: %v, %v", got, err)
	}
	bad := map[string]struct {
		token, site string
		now         time.Time
	}{
		"another site":    {token, "bank", now},
		"expired":         {token, "shop", now.Add(VisitorTokenFor + time.Hour)},
		"from the future": {token, "shop", now.Add(-time.Hour)},
		"changed body":    {"x" + token, "shop", now},
		"no signature":    {strings.Split(token, ".")[0] + ".", "shop", now},
		"empty":           {"", "shop", now},
		"too long":        {strings.Repeat("a", 5000) + ".b", "shop", now},
		"another key":     {testKey(t).SignVisitor("shop", visitor, now), "shop", now},
		"another purpose": {key.SignConsole("ann", 1, now), "shop", now},
	}
	for name, c := range bad {
		if _, err := key.Visitor(c.token, c.site, c.now); relay.CodeOf(err) != relay.CodeAuth {
			t.Errorf("%s: want %s, have %v", name, relay.CodeAuth, err)
		}
	}
}

func TestNodeKeyIsKeptAndPrivate(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "node.key")
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", fi.Mode(), err)
	}
	second, err := OpenKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Console(first.SignConsole("ann", 1, time.Now()), time.Now()); err != nil {
		t.Fatalf("the key was not kept: %v", err)
	}
	if err := os.WriteFile(path, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(dir); err == nil {
		t.Fatal("a broken key was accepted")
	}
}

func TestTicketIsSpentOnce(t *testing.T) {
	var tickets Tickets
	now := time.Now()
	text, err := tickets.Issue(ConsoleSession{Agent: "ann"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := tickets.Redeem(text, now); err != nil || s.Agent != "ann" {
		t.Fatalf("first use: %v, %v", s, err)
	}
	if _, err := tickets.Redeem(text, now); relay.CodeOf(err) != relay.CodeAuth {
		t.Fatalf("second use: %v", err)
	}
	late, _ := tickets.Issue(ConsoleSession{Agent: "ann"}, now)
	if _, err := tickets.Redeem(late, now.Add(TicketFor+time.Millisecond)); relay.CodeOf(err) != relay.CodeAuth {
		t.Fatalf("late use: %v", err)
	}
}

func TestPasswords(t *testing.T) {
	p, ctx := NewPasswords(1), context.Background()
	hash := HashPassword("correct horse")
	for _, c := range []struct {
		hash, text string
		want       bool
	}{
		{hash, "correct horse", true},
		{hash, "correct horsf", false},
		{"", "correct horse", false},
		{"$argon2id$broken", "correct horse", false},
		{"$argon2id$v=19$m=19456,t=0,p=1$AAAA$AAAA", "x", false},
	} {
		if got, err := p.Check(ctx, c.hash, c.text); got != c.want || err != nil {
			t.Errorf("Check(%.20q, %q) = %v, %v", c.hash, c.text, got, err)
		}
	}
	if strings.Contains(hash, "correct") || hash == HashPassword("correct horse") {
		t.Error("a hash must be salted and hide its password")
	}
	if CheckPassword("short") == nil || CheckPassword(strings.Repeat("x", MaxPassword+1)) == nil || CheckPassword("long enough") != nil {
		t.Error("length bounds")
	}
}

func TestLimiterTellsWhenToTryAgain(t *testing.T) {
	l, now := NewLimiter(time.Second, 2), time.Now()
	for i, want := range []relay.Code{"", "", relay.CodeRate} {
		if err := l.Allow("a", now); relay.CodeOf(err) != want {
			t.Fatalf("try %d: %v", i, err)
		}
	}
	if err := l.Allow("b", now); err != nil {
		t.Fatalf("another key: %v", err)
	}
	if err := relay.AsError(l.Allow("a", now)); err.Retry <= 0 || err.Retry > time.Second {
		t.Fatalf("retry in %v", err.Retry)
	}
	if err := l.Allow("a", now.Add(time.Second)); err != nil {
		t.Fatalf("a second later: %v", err)
	}
}
