package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	c = config{Cert: "a", Key: "b", Listen: []string{portSecure}}
	if !slices.Equal(c.addresses(), []string{":8443"}) {
		t.Fatalf("with a certificate: %v", c.addresses())
	}
	if _, err := loaded(t, "cert: a.pem\nkey: b.pem\n"); err == nil || !strings.Contains(err.Error(), "a.pem") {
		t.Fatalf("a certificate that is not there: %v", err)
	}
}

func TestAValueOfAnotherTypeIsNamedWithItsLine(t *testing.T) {
	_, err := loaded(t, "node: a\nopens_per_minute: many\n")
	if err == nil || !strings.Contains(err.Error(), "line 2: `many` where a whole number belongs") {
		t.Fatalf("error %v", err)
	}
}

func TestAVariableThatIsNoSettingIsNamed(t *testing.T) {
	t.Setenv("KOHE_PUBLIC_URLL", "x")
	t.Setenv("KOHE_PUBLIC_URL", "https://node.example")
	c := defaults()
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.flags(f)
	if got := c.strangers(f); !slices.Equal(got, []string{"KOHE_PUBLIC_URLL"}) {
		t.Fatalf("strangers %v", got)
	}
}

func TestHowBrowsersReachANode(t *testing.T) {
	for _, c := range []struct {
		config config
		want   string
	}{
		{config{Listen: []string{"8080"}}, "http://localhost:8080"},
		{config{Listen: []string{"10.0.0.7:8443"}, Cert: "a"}, "https://10.0.0.7:8443"},
		{config{PublicURL: "https://node.example"}, "https://node.example"},
	} {
		_, port := splitListen(cmp.Or(append(c.config.Listen, "1")...))
		if got := c.config.public(port); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}
