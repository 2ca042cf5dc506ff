package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// loaded returns the configuration as a command with these arguments gets it.
func loaded(t *testing.T, file string, args ...string) (config, error) {
	t.Helper()
	c := defaults()
	cmd := &cobra.Command{Use: "x", Run: func(*cobra.Command, []string) {}}
	c.flags(cmd.Flags())
	if file != "" {
		path := filepath.Join(t.TempDir(), "kohe.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	err := c.load(cmd)
	return c, err
}

func TestAFlagWinsOverAVariableOverTheFile(t *testing.T) {
	file := "node: from-file\ndata: /from/file\nlisten: ['9001', '9002']\nlog_level: debug\n"
	t.Setenv("KOHE_NODE", "from-variable")
	t.Setenv("KOHE_LISTEN", "9003")
	c, err := loaded(t, file, "--log-level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	if c.Node != "from-variable" || c.Data != "/from/file" || c.LogLevel != "warn" || !slices.Equal(c.Listen, []string{"9003"}) {
		t.Fatalf("%+v", c)
	}
	if c.Drain != defaults().Drain {
		t.Fatalf("drain %q is not the default", c.Drain)
	}
}

func TestAnUnknownKeyIsRefusedWithItsLine(t *testing.T) {
	_, err := loaded(t, "node: a\n\nlissten: 8443\n")
	if err == nil || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), "lissten") {
		t.Fatalf("error %v", err)
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	_, err := loaded(t, "listen: ['0.0.0.0:80', 'x:y']\npublic_url: shop\ncert: a.pem\nmetrics: [everyone]\nlog_level: loud\ndrain: soon\nnode: ''\nopens_per_minute: 0\n")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"cert and key", `listen "x:y"`, "public_url", "metrics", "log_level", "drain", "node", "opens_per_minute"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing is said of %s in:\n%v", want, err)
		}
	}
}

func TestWithoutACertificateANodeListensOnLoopbackOnly(t *testing.T) {
	c, err := loaded(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"127.0.0.1:8080", "[::1]:8080"}; !slices.Equal(c.addresses(), want) {
		t.Fatalf("addresses %v, want %v", c.addresses(), want)
	}
	if _, err := loaded(t, "listen: ['0.0.0.0:8080']"); err == nil {
		t.Fatal("an open address without a certificate was accepted")
	}
	c, err = loaded(t, "cert: a\nkey: b\n")
	if err != nil || !slices.Equal(c.addresses(), []string{":8443"}) {
		t.Fatalf("with a certificate: %v, %v", c.addresses(), err)
	}
}
