package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// line runs a command line and returns its exit code and what it wrote.
func line(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&o)
	c.SetErr(&e)
	code = execute(t.Context(), c)
	return code, o.String(), e.String()
}

// commands returns the words that name each command, the root's none among them.
func commands(c *cobra.Command) []string {
	list := []string{strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "kohe"), " ")}
	for _, sub := range c.Commands() {
		list = append(list, commands(sub)...)
	}
	return list
}

func TestALineThatCannotBeMeantEndsWith2AndTheUsage(t *testing.T) {
	lines := []string{"cluster init --adr x", "cluster init", "cluster status now", "cluster leave", "site add", "backup now --out x",
		"config check --no-such", "site add shop --page nonsense"}
	for _, l := range commands(root()) {
		if c, _, err := root().Find(strings.Fields(l)); err == nil && c.HasSubCommands() {
			lines = append(lines, l+" foo", l+" --no-such")
		}
	}
	for _, l := range append(lines, "completion foo") {
		code, out, err := line(t, strings.Fields(l)...)
		if code != exitUsage || out != "" || !strings.HasPrefix(err, "kohe: ") || !strings.Contains(err, "\nUsage:\n") {
			t.Errorf("kohe %s: exit code %d, output %q, errors\n%s", l, code, out, err)
		}
	}
	if _, _, err := line(t, "cluster", "statsu"); !strings.Contains(err, `did you mean "status"?`) {
		t.Errorf("it is not said what was meant: %s", err)
	}
}

func TestALineThatIsRightEndsWithWhatBecameOfIt(t *testing.T) {
	for l, want := range map[string]int{
		"version":        exitDone,
		"cluster":        exitDone,
		"cluster --help": exitDone,
		"help site":      exitDone,
		"config check":   exitDone,
		"":               exitDone,
		"cluster status": exitFailed, // no node runs there
	} {
		t.Chdir(t.TempDir())
		code, out, err := line(t, strings.Fields(l)...)
		if code != want || (out == "") != (want == exitFailed) || strings.Contains(err, "Usage:") {
			t.Errorf("kohe %s: exit code %d, output %q, errors\n%s", l, code, out, err)
		}
	}
}
