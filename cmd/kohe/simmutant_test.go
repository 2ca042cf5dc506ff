package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What it takes to see that a simulation notices something.
const (
	enoughFaults = 60
	enoughSeeds  = 6
	onlyFrom     = 100 // faults of a run that is worth the minutes
)

// rerun runs the simulation in a process of its own and returns what it said,
// with an error if it failed.
func rerun(t *testing.T, seed int, command []string, env ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args := append(command[1:], "-test.timeout", "4m", // which says where it hangs
		"-faults", strconv.Itoa(enoughFaults), "-seed", strconv.Itoa(seed))
	c := exec.CommandContext(ctx, command[0], args...)
	c.Env = append(os.Environ(), env...)
	c.WaitDelay = time.Second // what a process leaves behind may hold its output open
	out, err := c.CombinedOutput()
	return string(out), err
}

// notices expects that one of a few runs fails and says why.
func notices(t *testing.T, why string, command []string, env ...string) {
	t.Helper()
	if *faultCount < onlyFrom {
		t.Skip("make simulate")
	}
	for seed := range enoughSeeds {
		if out, err := rerun(t, seed+1, command, env...); err != nil {
			if !strings.Contains(out, why) {
				t.Errorf("it failed, but not because something %s:\n%s", why, out)
			}
			return
		}
	}
	t.Errorf("%d runs with %d faults noticed nothing", enoughSeeds, enoughFaults)
}

const onlyTheSimulation = "^TestAClusterUnderFaultsLosesNothing$"

func TestTheSimulationNoticesDisksThatDoNotSync(t *testing.T) {
	notices(t, "seed", []string{os.Args[0], "-test.run", onlyTheSimulation}, liesEnv+"=1")
}

// mutant is the program with one of its rules broken. Nothing that ships can do
// without it.
type mutant struct {
	file    string
	changes []string // old, new, old, new …
	why     string   // in what the simulation then says
	env     []string
}

var mutants = map[string]mutant{
	"epoch": {"raft/state/append.go", []string{
		"if c.Epoch != s.Epoch {", "if false {",
		"case m.Epoch != s.Epoch:", "case false:",
	}, "stored", nil},
	"gap": {"raft/state/append.go", []string{
		"if len(c.Messages) > 0 && c.Messages[0].Seq > s.Stored+1 {", "if false {",
		"first := s.Stored + 1", "first := max(s.Stored+1, c.Messages[0].Seq)",
	}, "stored", nil},
	"assignment": {"raft/state/append.go", []string{`if by.ID == s.Agent && by.ID != "" {`, "if true {"}, "stored", nil},
	"places": {"relay/desk/desk.go", []string{
		"return max(0, a.Capacity-len(a.has))", "return max(0, a.Capacity+1-len(a.has))",
	}, unfit, []string{unwatchedEnv + "=1"}},
	"older assignment": {"relay/desk/command.go", []string{"case assignment != s.Assignment:", "case false:"}, unfit, []string{hesitantEnv + "=1"}},
}

// overlay writes what has the program built as the mutant, and returns its path.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("../..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for i := 0; i < len(m.changes); i += 2 {
		if n := strings.Count(text, m.changes[i]); n != 1 {
			t.Fatalf("%s has %q %d times; this test wants to change it", m.file, m.changes[i], n)
		}
		text = strings.Replace(text, m.changes[i], m.changes[i+1], 1)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, filepath.Base(file)), filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil || os.WriteFile(changed, []byte(text), 0o600) != nil || os.WriteFile(overlay, b, 0o600) != nil {
		t.Fatal("the overlay cannot be written")
	}
	return overlay
}

func TestTheSimulationNoticesABrokenRule(t *testing.T) {
	for what, m := range mutants {
		t.Run(what, func(t *testing.T) {
			notices(t, m.why, []string{"go", "test", "-count=1", "-overlay", m.overlay(t), "-run", onlyTheSimulation, "."}, m.env...)
		})
	}
}
