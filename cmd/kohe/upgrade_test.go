package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kohe/relay"
)

// previousCommit names the commit whose program is the previous one; without it
// it is the parent of HEAD.
const previousCommit = "KOHE_PREVIOUS"

const (
	buildFor  = 5 * time.Minute
	upgradeIn = "1s" // drain
)

// previous builds the program of the previous commit. The browser code, which is
// not in the history, is the present one: no browser is asked here.
func previous(t *testing.T) (program, commit string) {
	t.Helper()
	root := filepath.Join("..", "..")
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed, so there is no previous program to upgrade from")
	}
	if prefix, err := git("rev-parse", "--show-prefix"); err != nil || prefix != "" {
		t.Skip("this source has no git history of its own, so there is no previous program to upgrade from")
	}
	name := cmp.Or(os.Getenv(previousCommit), "HEAD^")
	commit, err := git("rev-parse", "--verify", "--quiet", name+"^{commit}")
	if shallow, _ := git("rev-parse", "--is-shallow-repository"); err != nil && shallow == "true" {
		t.Skipf("this clone is shallow and lacks the commit %s to upgrade from; get it with: git fetch --deepen=1", name)
	}
	if err != nil && name == "HEAD^" {
		t.Skip("this is the first commit, so there is no previous program to upgrade from")
	}
	if err != nil {
		t.Fatalf("%s=%s: there is no such commit", previousCommit, name)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), buildFor)
	defer cancel()
	archive := filepath.Join(dir, "previous.tar")
	if _, err := git("archive", "--output="+archive, commit); err != nil {
		t.Fatalf("archive %s: %v", commit, err)
	}
	source, program := filepath.Join(dir, "source"), filepath.Join(dir, "kohe")
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", source).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", commit, err, out)
	}
	dist := filepath.Join("widget", "dist")
	if err := errors.Join(os.RemoveAll(filepath.Join(source, dist)), os.CopyFS(filepath.Join(source, dist), os.DirFS(filepath.Join(root, dist)))); err != nil {
		t.Fatalf("the browser code: %v; make build makes it", err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-X main.version=previous", "-o", program, "./cmd/kohe")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0") // as the Makefile has it, for its cache
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", commit, err, out)
	}
	return program, commit
}

// become drains a node and starts another program in its stead.
func (p *process) become(program string) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	kill := time.AfterFunc(soon, func() { _ = p.cmd.Process.Kill() }) // then Wait says it
	err := p.cmd.Wait()
	kill.Stop()
	if err != nil {
		p.t.Fatalf("%s was to drain and stop: %v\n%s", p.name, err, p.log)
	}
	p.program = program
	p.start()
}

func TestAClusterIsUpgradedNodeByNodeUnderLoadAndBack(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds another program")
	}
	began := time.Now()
	old, commit := previous(t)
	t.Logf("the previous program is of %.12s, built in %v", commit, time.Since(began).Round(time.Millisecond))
	nodes := newClusterOf(t, old, 3, 1)
	for n := range nodes {
		nodes[n].drain = upgradeIn
		kohe(t, "agent", "add", fmt.Sprint("agent", n), "--capacity", "1", "--data", nodes[0].data)
	}
	kohe(t, "agent", "add", "sue", "--role", "supervisor", "--data", nodes[0].data)
	for _, p := range nodes {
		p.become(old) // with a drain
		p.await("every node is settled", func() bool { return p.settled(len(nodes)) })
	}

	ctx, leave := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer leave()
	var people []*commuter
	for n := range nodes {
		people = append(people, commute(ctx, t, &running, n, nodes)...)
	}
	all := func(ok func(*commuter) bool) bool {
		return !slices.ContainsFunc(people, func(c *commuter) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return !ok(c)
		})
	}
	each := func(f func(*commuter)) { all(func(c *commuter) bool { f(c); return true }) }

	nodes[0].await("everybody talks", func() bool { return all(func(c *commuter) bool { return len(c.stored) > 5 }) })
	for _, way := range []struct{ to, program string }{{"new", ""}, {"old", old}} {
		for _, p := range nodes {
			began, enough := time.Now(), map[*commuter]int{}
			p.become(way.program)
			for _, other := range nodes {
				other.await("every node is settled", func() bool { return other.settled(len(nodes)) })
			}
			each(func(c *commuter) { c.home, enough[c] = c.nodes[0] == p, len(c.stored)+5 })
			p.await("everybody is heard", func() bool {
				return all(func(c *commuter) bool { return !c.home && len(c.stored) > enough[c] })
			})
			t.Logf("%s is %s after %v", p.name, way.to, time.Since(began).Round(time.Millisecond))
		}
	}
	each(func(c *commuter) { c.silent = true })
	nodes[0].await("all that was said is stored", func() bool { return all(func(c *commuter) bool { return len(c.open) == 0 }) })
	leave()
	running.Wait()

	stored, moves, gap := 0, 0, time.Duration(0)
	for _, c := range people {
		stored, moves, gap = stored+len(c.stored), moves+c.moves, max(gap, c.gap)
		for _, fault := range c.faults {
			t.Error(fault)
		}
	}
	cores := nodes[:3]
	applied := slices.MaxFunc(cores, func(a, b *process) int { return cmp.Compare(a.status().Applied, b.status().Applied) }).status().Applied
	first := map[relay.ID][]relay.Message{}
	for _, p := range cores {
		p.await("it has what the others have", func() bool { return p.status().Applied >= applied })
		sue := p.signIn("sue")
		for _, c := range people {
			list := p.transcript(sue, c.id)
			if missing := c.missing(list); len(missing) > 0 {
				t.Errorf("%s: acknowledged and not there once: %q", p.name, missing)
			}
			if first[c.id] == nil {
				first[c.id] = list
			} else if !slices.Equal(list, first[c.id]) {
				t.Errorf("%s has another transcript of %s than %s", p.name, c.name, cores[0].name)
			}
		}
	}
	t.Logf("%d messages acknowledged as stored, each once in the transcripts of 3 core nodes; %d moves, at most %v without a node; %v in all",
		stored, moves, gap.Round(time.Millisecond), time.Since(began).Round(time.Second))
}

// missing returns what was acknowledged and is not in a transcript exactly once.
func (c *commuter) missing(transcript []relay.Message) []string {
	there := map[string]int{}
	for _, m := range transcript {
		there[m.Text]++
	}
	return slices.DeleteFunc(slices.Clone(c.stored), func(text string) bool { return there[text] == 1 })
}
