package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kohe/edge/api"
	"kohe/edge/auth"
	"kohe/raft/backup"
	"kohe/raft/blob"
	"kohe/raft/state"
	"kohe/relay"
)

// home is a node in this process that has two customers, each with an agent, a
// session, a message and a recording.
type home struct {
	*node
	t        *testing.T
	sessions map[string]relay.ID // by customer
}

func openAt(t *testing.T, data string) *node {
	t.Helper()
	c := defaults()
	c.Data, c.Listen, c.Drain = data, []string{"127.0.0.1:" + freePort(t)}, "0s"
	n, err := openNode(t.Context(), c, false, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) shut(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	if err := n.close(ctx); err != nil {
		t.Error(err)
	}
}

func (h *home) propose(c state.Command) {
	h.t.Helper()
	if _, err := h.cell.Propose(h.t.Context(), c); err != nil {
		h.t.Fatalf("%T: %v", c, err)
	}
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{openAt(t, t.TempDir()), t, map[string]relay.ID{}}
	for _, customer := range []string{"acme", "zulu"} {
		h.propose(state.Put{
			Customer:   &state.Customer{ID: customer, Name: "Customer " + customer},
			Department: &state.Department{ID: "help-" + customer, Customer: customer},
			Site:       &state.Site{ID: "site-" + customer, Customer: customer, Departments: []string{"help-" + customer}, CoBrowse: true, Record: 30},
			Agent: &state.Agent{ID: "agent-" + customer, Customer: customer, Name: "Agent", Role: relay.RoleAgent, Sites: []string{"site-" + customer},
				Departments: []string{"help-" + customer}, Password: auth.HashPassword("correct horse battery"), Generation: 1},
			At: now(),
		})
		id, visitor, file := relay.NewID(), relay.NewID(), relay.NewID()
		h.sessions[customer] = id
		h.propose(state.OpenSession{Session: id, Site: "site-" + customer, Visitor: visitor, Node: h.config.Node, At: now()})
		h.propose(state.SetConsent{Session: id, On: true, Record: true, At: now()})
		h.propose(state.AddSegment{Segment: state.Segment{ID: file, Session: id, Writer: h.config.Node, Nodes: []string{h.config.Node}}, At: now()})
		h.propose(state.Append{Session: id, Epoch: 1, At: now(), Messages: []relay.Message{{
			Session: id, Epoch: 1, Seq: 1, ID: "m1", Kind: relay.KindText, Text: "says " + customer, At: now(),
			Author: relay.Author{Role: relay.RoleVisitor, ID: visitor.String()},
		}}})
		b := make([]byte, 3<<20) // of several pieces
		_, _ = rand.Read(b)      // never fails
		if err := h.blobs.Append(t.Context(), h.config.Node, blob.Name{Of: id, ID: file}, 0, append([]byte("seen by "+customer), b...)); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// run runs a command in this process and returns what it printed.
func runHere(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(io.Discard)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runHere(t, args...)
	if err != nil {
		t.Fatalf("kohe %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// said returns a transcript.
func (n *node) said(t *testing.T, id relay.ID) string {
	t.Helper()
	list, err := n.cell.Read().Messages(id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range list {
		lines = append(lines, m.Text)
	}
	return strings.Join(lines, "|")
}

// seen returns what was recorded of a session.
func (n *node) seen(t *testing.T, id relay.ID) string {
	t.Helper()
	list, err := n.cell.Read().Segments(id)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, s := range list {
		b, err := n.blobs.Read(t.Context(), s, 0, blob.MaxAppend)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return string(all)
}

func TestANodeIsRestoredFromItsBackup(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	key, pass := filepath.Join(dir, "backup.key"), filepath.Join(dir, "pass")
	recipient := strings.TrimSpace(mustRun(t, "backup", "key", key))
	if err := os.WriteFile(pass, []byte("a long phrase to remember\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		seal, unseal []string
		key          bool // is in it
		slow         bool // to read, on purpose: once is enough
	}{
		"in clear":          {nil, nil, false, false},
		"for a recipient":   {[]string{"--recipient", recipient}, []string{"--identity-file", key}, true, false},
		"with a passphrase": {[]string{"--passphrase-file", pass}, []string{"--passphrase-file", pass}, true, true},
	} {
		t.Run(what, func(t *testing.T) {
			file, data := filepath.Join(t.TempDir(), "kohe.backup"), t.TempDir()
			mustRun(t, append([]string{"backup", "--data", h.config.Data, "--out", file}, c.seal...)...)
			if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", stat, err)
			}
			printed := mustRun(t, append([]string{"backup", "verify", file}, c.unseal...)...)
			for _, want := range []string{"customers   acme, zulu\n", "agents      2\n", "sessions    2\n", "messages    2\n", "recordings  2 (2 files, ", map[bool]string{false: "key         not in it", true: "key         in it"}[c.key]} {
				if !strings.Contains(printed, want) {
					t.Errorf("no %q in what verify says:\n%s", want, printed)
				}
			}
			if c.slow {
				return
			}
			mustRun(t, append([]string{"restore", "--in", file, "--data", data}, c.unseal...)...)
			old, _ := os.ReadFile(filepath.Join(h.config.Data, "node.key"))
			b, _ := os.ReadFile(file)
			if secret := string(h.key.PEM()); strings.Contains(string(b), secret[30:60]) {
				t.Error("the key is in the file, to be read by anybody")
			}

			n := openAt(t, data)
			defer n.shut(t)
			now, err := os.ReadFile(filepath.Join(data, "node.key"))
			if err != nil || bytes.Equal(now, old) != c.key {
				t.Errorf("the key is the old one: %v, %v", bytes.Equal(now, old), err)
			}
			for customer, id := range h.sessions {
				if got := n.said(t, id); got != "says "+customer {
					t.Errorf("the transcript of %s is %q", customer, got)
				}
				if got, want := n.seen(t, id), h.seen(t, id); got != want || !strings.Contains(got, "seen by "+customer) {
					t.Errorf("the recording of %s has %d bytes, not %d", customer, len(got), len(want))
				}
			}
		})
	}
}

func TestABackupTakesNoOtherFilesPlaceUnlessItIsForced(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "kohe.backup"), filepath.Join(dir, "folder")
	if err := errors.Join(os.WriteFile(file, []byte("the last good one"), 0o600), os.Mkdir(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	still := func() {
		t.Helper()
		if b, err := os.ReadFile(file); err != nil || string(b) != "the last good one" {
			t.Errorf("the file that was there has %d bytes now, %v", len(b), err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) != 0 {
			t.Errorf("left are %v", left)
		}
	}
	ask := []string{"backup", "--data", h.config.Data, "--out"}
	if _, err := runHere(t, append(ask, file)...); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("onto a file: %v", err)
	}
	for _, there := range []string{folder, os.DevNull} {
		if _, err := runHere(t, append(ask, there, "--force")...); err == nil || !strings.Contains(err.Error(), "no file") {
			t.Errorf("onto %s: %v", there, err)
		}
	}
	late := filepath.Join(dir, "late")
	w, done, err := newFile(late, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "ours"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(late, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := done(nil); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("onto a file that came meanwhile: %v", err)
	}
	if b, _ := os.ReadFile(late); string(b) != "theirs" {
		t.Errorf("it has %q", b)
	}
	if _, err := runHere(t, append(ask, file, "--force", "--customer", "nobody")...); err == nil {
		t.Error("a backup of nobody was written")
	}
	still()
	mustRun(t, append(ask, file, "--force")...)
	if printed := mustRun(t, "backup", "verify", file); !strings.Contains(printed, "customers   acme, zulu") {
		t.Errorf("by force: %s", printed)
	}
}

func TestABackupIsNotReadWithoutItsKey(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	mine, other, file, open := filepath.Join(dir, "mine"), filepath.Join(dir, "other"), filepath.Join(dir, "sealed"), filepath.Join(dir, "open")
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	recipient := strings.TrimSpace(mustRun(t, "backup", "key", mine))
	mustRun(t, "backup", "key", other)
	mustRun(t, "backup", "--data", h.config.Data, "--out", file, "--recipient", recipient)
	mustRun(t, "backup", "--data", h.config.Data, "--out", open)
	data := filepath.Join(dir, "data")
	for what, c := range map[string]struct {
		args []string
		want string
	}{
		"without a key":          {[]string{"restore", "--in", file, "--data", data}, "--identity-file"},
		"with another key":       {[]string{"restore", "--in", file, "--data", data, "--identity-file", other}, "another key"},
		"with a file of no key":  {[]string{"restore", "--in", file, "--data", data, "--identity-file", text}, "no key"},
		"a clear one with a key": {[]string{"restore", "--in", open, "--data", data, "--identity-file", mine}, "not encrypted"},
		"from a pipe":            {[]string{"restore", "--in", "-", "--data", data}, "read twice"},
		"of nobody":              {[]string{"restore", "--in", open, "--data", data, "--customer", "nobody"}, "no customer"},
		"at no address":          {[]string{"restore", "--in", open, "--data", data, "--address", "nowhere"}, "host:port"},
		"a backup of nobody":     {[]string{"backup", "--out", file + "2", "--data", h.config.Data, "--customer", "nobody"}, "no customer"},
		"for no key":             {[]string{"backup", "--out", file + "2", "--data", h.config.Data, "--recipient", "ann"}, "age1"},
		"a key over another":     {[]string{"backup", "key", mine}, "exists"},
		"of a node that is away": {[]string{"backup", "--out", file + "2", "--data", dir}, "kohe serve"},
	} {
		if _, err := runHere(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

func TestABackupThatNobodyReadsDoesNotHoldUpTheNode(t *testing.T) {
	h := newHome(t)
	from, err := api.StreamLocal(t.Context(), socketPath(h.config.Data), http.MethodPost, "/backup", backupAsk{})
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := from.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	h.propose(state.Put{Customer: &state.Customer{ID: "late"}, At: now()}) // while nobody reads it
	second, err := api.StreamLocal(t.Context(), socketPath(h.config.Data), http.MethodPost, "/backup", backupAsk{})
	if err == nil || !strings.Contains(err.Error(), "another backup") {
		t.Errorf("a second one at the same time: %v", err)
		second.Close()
	}
	h.shut(t) // ends it
	if _, err := backup.Read(io.MultiReader(bytes.NewReader([]byte(backup.Magic[:1])), from), backup.Contents{}); err == nil {
		t.Error("what was broken off is whole")
	}
}
