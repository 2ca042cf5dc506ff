package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/raft/state"
)

func TestARecordingThatIsGoneIsMissingAndTheRestIsThere(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	file, data := filepath.Join(dir, "kohe.backup"), filepath.Join(dir, "data")
	if err := os.RemoveAll(filepath.Join(h.config.Data, "blobs", h.sessions["zulu"].String())); err != nil {
		t.Fatal(err)
	}
	if said := mustRun(t, "backup", "--data", h.config.Data, "--out", file); !strings.Contains(said, "to their end: 1.") {
		t.Errorf("it says\n%s", said)
	}
	mustRun(t, "restore", "--in", file, "--data", data)
	n := openAt(t, data)
	defer n.shut(t)
	if got := n.seen(t, h.sessions["zulu"]); got != "" || n.said(t, h.sessions["zulu"]) != "says zulu" {
		t.Errorf("%d bytes of what is gone", len(got))
	}
	if got := n.seen(t, h.sessions["acme"]); got != h.seen(t, h.sessions["acme"]) {
		t.Errorf("%d bytes of what is there", len(got))
	}
}

func TestADamagedBackupChangesNothing(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	file, data := filepath.Join(dir, "kohe.backup"), filepath.Join(dir, "data")
	mustRun(t, "backup", "--data", h.config.Data, "--out", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:len(b)-1] },
		func(b []byte) []byte { return b[:len(b)/2] },
		func(b []byte) []byte { return nil },
		func(b []byte) []byte { b[len(b)/3] ^= 1; return b },
		func(b []byte) []byte { b[len(b)-40] ^= 1; return b },
	} {
		if err := os.WriteFile(file, damage(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := runHere(t, "backup", "verify", file); err == nil {
			t.Error("it is verified")
		}
		_, err := runHere(t, "restore", "--in", file, "--data", data)
		if err == nil || !strings.Contains(err.Error(), "nothing was restored") {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("something was written: %v", err)
		}
	}
}

func TestOneCustomerIsRestoredWithoutATraceOfTheOthers(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	all, one, key := filepath.Join(dir, "all"), filepath.Join(dir, "one"), filepath.Join(dir, "key")
	recipient := strings.TrimSpace(mustRun(t, "backup", "key", key))
	mustRun(t, "backup", "--data", h.config.Data, "--out", all, "--recipient", recipient)
	mustRun(t, "backup", "--data", h.config.Data, "--out", one, "--recipient", recipient, "--customer", "acme")
	for what, args := range map[string][]string{
		"from a backup of everything": {"--in", all, "--customer", "acme"},
		"from one of the customer":    {"--in", one},
	} {
		data := filepath.Join(dir, strings.ReplaceAll(what, " ", "-"))
		mustRun(t, append([]string{"restore", "--data", data, "--identity-file", key}, args...)...)
		if _, err := os.Stat(filepath.Join(data, "node.key")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the key of the other cluster is there: %v", what, err)
		}
		rows := 0
		for k, v := range rawRows(t, filepath.Join(data, "cell")) {
			rows++
			other := h.sessions["zulu"]
			for _, trace := range []string{"zulu", string(other[:])} {
				if strings.Contains(k, trace) || strings.Contains(v, trace) {
					t.Errorf("%s: %q is in %q = %q", what, trace, k, v)
				}
			}
		}
		if rows < 10 {
			t.Errorf("%s: only %d rows", what, rows)
		}
		if _, err := os.Stat(filepath.Join(data, "blobs", h.sessions["zulu"].String())); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the other's recording is there: %v", what, err)
		}
		n := openAt(t, data)
		if got := n.said(t, h.sessions["acme"]); got != "says acme" {
			t.Errorf("%s: the transcript is %q", what, got)
		}
		if got := n.seen(t, h.sessions["acme"]); got != h.seen(t, h.sessions["acme"]) {
			t.Errorf("%s: the recording has %d bytes", what, len(got))
		}
		n.shut(t)
	}
}

// silent is Pebble's logger.
type silent struct{}

func (silent) Infof(string, ...any)         {}
func (silent) Errorf(string, ...any)        {}
func (silent) Fatalf(text string, a ...any) { panic(fmt.Sprintf(text, a...)) }

// rawRows returns all that is in a database.
func rawRows(t *testing.T, dir string) map[string]string {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FS: vfs.Default, ReadOnly: true, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	it, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	rows := map[string]string{}
	for ok := it.First(); ok; ok = it.Next() {
		rows[string(it.Key())] = string(it.Value())
	}
	return rows
}

func TestARestoreThatWasCutOffIsNoNodeAndCanBeRunAgain(t *testing.T) {
	h := newHome(t)
	defer h.shut(t)
	dir := t.TempDir()
	file, data := filepath.Join(dir, "kohe.backup"), filepath.Join(dir, "data")
	mustRun(t, "backup", "--data", h.config.Data, "--out", file)

	release, err := claimFolder(data)
	if err != nil {
		t.Fatal(err)
	}
	// Cut off at the worst moment: everything is there, but nothing says so.
	r := restore{in: file, data: data, name: "node-1", address: "h:1", log: io.Discard, now: time.Now}
	plan := &state.Plan{Node: "node-1"}
	if _, err := r.write(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if err := initCluster(data, "node-1", "h:1", ""); err != nil {
		t.Fatal(err)
	}
	cut := errors.New("cut off")
	if err := release(cut); !errors.Is(err, cut) {
		t.Fatal(err)
	}
	c := defaults()
	c.Data = data
	if n, err := openNode(t.Context(), c, false, io.Discard); err == nil || !strings.Contains(err.Error(), "kohe restore") {
		if n != nil {
			n.shut(t)
		}
		t.Fatalf("it starts: %v", err)
	}
	mustRun(t, "restore", "--in", file, "--data", data)
	n := openAt(t, data)
	if n.cluster != nil || n.said(t, h.sessions["acme"]) != "says acme" {
		t.Error("what the first run left is there, or not all of the second")
	}
	n.shut(t)
	if _, err := runHere(t, "restore", "--in", file, "--data", data); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("it restores over a node: %v", err)
	}
}
