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
	enoughSeeds  = 4
	onlyFrom     = 100 // faults of a run that is worth the minutes
)

// rerun runs the simulation in a process of its own and returns what it said,
// with an error if it failed.
func rerun(t *testing.T, seed int, command []string, env ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args := append(command[1:], "-faults", strconv.Itoa(enoughFaults), "-seed", strconv.Itoa(seed))
	c := exec.CommandContext(ctx, command[0], args...)
	c.Env = append(os.Environ(), env...)
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

// TestTheSimulationNoticesAMissingCheck builds the program without one of the
// checks of raft/state. Nothing that ships can do without them.
func TestTheSimulationNoticesAMissingCheck(t *testing.T) {
	file, err := filepath.Abs("../../raft/state/append.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][]string{
		"epoch": {
			"if c.Epoch != s.Epoch {", "if false {",
			"case m.Epoch != s.Epoch:", "case false:",
		},
		"gap": {
			"if len(c.Messages) > 0 && c.Messages[0].Seq > s.Stored+1 {", "if false {",
			"first := s.Stored + 1", "first := max(s.Stored+1, c.Messages[0].Seq)",
		},
		"assignment": {`if by.ID == s.Agent && by.ID != "" {`, "if true {"},
	} {
		t.Run(what, func(t *testing.T) {
			text := string(source)
			for i := 0; i < len(change); i += 2 {
				if strings.Count(text, change[i]) != 1 {
					t.Fatalf("raft/state/append.go has %q %d times; this test wants to change it", change[i], strings.Count(text, change[i]))
				}
				text = strings.Replace(text, change[i], change[i+1], 1)
			}
			dir := t.TempDir()
			mutant, overlay := filepath.Join(dir, "append.go"), filepath.Join(dir, "overlay.json")
			b, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutant}})
			if err != nil || os.WriteFile(mutant, []byte(text), 0o600) != nil || os.WriteFile(overlay, b, 0o600) != nil {
				t.Fatal("the overlay cannot be written")
			}
			notices(t, "stored", []string{"go", "test", "-count=1", "-overlay", overlay, "-run", onlyTheSimulation, "."})
		})
	}
}
