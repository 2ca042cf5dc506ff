package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"kohe/bench/writers"
)

// Raft measures how long it takes until a message is stored by three voters,
// each with a disk that it syncs, and how many a second are: Kohe's, and those
// of NATS JetStream and etcd in the same run. The three servers of each are one
// process, on loopback.
type Raft struct {
	Rounds   int           // of all, in turn; the figures are the medians
	Span     time.Duration // of each number of writers in each round
	Rivals   string        // folder of the rivals' program; "": Kohe alone
	Open     func(ctx context.Context, dir string) (RaftStore, error)
	Progress io.Writer
}

// RaftStore is three voters that run.
type RaftStore interface {
	// Write stores one message of one writer; writers have numbers from 0.
	Write(ctx context.Context, writer int) error
	Close() error
}

// DefaultRaft is what `kohe bench raft` runs.
var DefaultRaft = Raft{Rounds: 3, Span: 4 * time.Second, Rivals: "bench/rivals"}

// buildTime bounds the making of the rivals' program, and rivalTime its run
// besides the spans.
const (
	buildTime = 4 * time.Minute
	rivalTime = time.Minute
)

// Run adds the figures to the report.
func (s Raft) Run(ctx context.Context, report *Report) error {
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	stores := []string{"kohe"}
	program := filepath.Join(dir, "rivals")
	if s.Rivals == "" {
		fmt.Fprintln(s.Progress, "Kohe is measured alone")
	} else if err := s.build(ctx, program); err != nil {
		fmt.Fprintf(s.Progress, "Kohe is measured alone: the rivals cannot be built: %v\n", err)
	} else {
		stores = append(stores, "nats", "etcd")
	}
	runs := map[string][]writers.Figures{}
	for round := range s.Rounds {
		for _, name := range stores {
			fmt.Fprintf(s.Progress, "round %d of %d: %s …\n", round+1, s.Rounds, name)
			place := filepath.Join(dir, fmt.Sprint(name, round))
			var list []writers.Figures
			if name == "kohe" {
				list, err = s.own(ctx, place)
			} else {
				list, err = s.rival(ctx, program, name, place)
			}
			if err != nil && (name == "kohe" || ctx.Err() != nil) {
				return fmt.Errorf("%s: %w", name, err)
			} else if err != nil {
				fmt.Fprintf(s.Progress, "%s is left out of round %d: %v\n", name, round+1, err)
			}
			runs[name] = append(runs[name], list...)
		}
	}
	for _, name := range stores {
		if list := runs[name]; len(list) > 0 {
			add(report, name, list)
		}
	}
	report.Machine["gomaxprocs"] = fmt.Sprint(runtime.GOMAXPROCS(0))
	return nil
}

// add adds the figures of one store, for each number of writers.
func add(report *Report, name string, all []writers.Figures) {
	for _, n := range writers.Counts {
		var rate, p50, p95, p99 []float64
		for _, f := range all {
			if f.Writers == n {
				rate, p50, p95, p99 = append(rate, f.Rate), append(p50, f.P50), append(p95, f.P95), append(p99, f.P99)
			}
		}
		id := fmt.Sprintf("raft.%s.w%d.", name, n)
		report.Add(id+"rate", "/s", rate...)
		report.Add(id+"stored_ms.p50", "ms", p50...)
		report.Add(id+"stored_ms.p95", "ms", p95...)
		report.Add(id+"stored_ms.p99", "ms", p99...)
	}
}

// own measures Kohe.
func (s Raft) own(ctx context.Context, dir string) (list []writers.Figures, err error) {
	store, err := s.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	list, err = writers.All(ctx, s.Span, store.Write)
	if closing := store.Close(); err == nil {
		err = closing
	}
	return list, err
}

// build makes the rivals' program with the go tool.
func (s Raft) build(ctx context.Context, program string) error {
	fmt.Fprintln(s.Progress, "building the rivals …")
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	c.Dir = s.Rivals
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// rival measures another store in a process of its own, with as many threads
// as this one has.
func (s Raft) rival(ctx context.Context, program, name, dir string) (list []writers.Figures, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(len(writers.Counts))*s.Span+rivalTime)
	defer cancel()
	c := exec.CommandContext(ctx, program, "-store", name, "-dir", dir, "-span", s.Span.String())
	c.Env = append(slices.Clone(os.Environ()), fmt.Sprint("GOMAXPROCS=", runtime.GOMAXPROCS(0)))
	var problem strings.Builder
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, problem.String())
	}
	return list, json.Unmarshal(out, &list)
}
