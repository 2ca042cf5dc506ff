// Package bench measures a node: scenarios, the load they make, and results
// with stable ids. A scenario starts its node as a process of its own and
// compares it, in the same run, with a peer that does the least possible.
package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is one figure. Ids are stable from version to version.
type Result struct {
	ID    string    `json:"id"`
	Value float64   `json:"value"` // the median of Runs
	Unit  string    `json:"unit"`
	Runs  []float64 `json:"runs"`
}

// Report is what `kohe bench … --json FILE` writes.
type Report struct {
	Benchmark string            `json:"benchmark"`
	When      time.Time         `json:"when"`
	Machine   map[string]string `json:"machine"`
	Versions  map[string]string `json:"versions"`
	Results   []Result          `json:"results"`
}

// NewReport returns an empty report of this machine.
func NewReport(name, version string) *Report {
	r := &Report{Benchmark: name, When: time.Now().UTC().Truncate(time.Second), Machine: machine(),
		Versions: map[string]string{"kohe": version, "go": runtime.Version()}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			switch d.Path {
			case "github.com/quic-go/quic-go", "github.com/quic-go/webtransport-go", "github.com/coder/websocket",
				"github.com/hashicorp/raft", "github.com/cockroachdb/pebble/v2":
				r.Versions[d.Path] = d.Version
			}
		}
	}
	return r
}

func machine() map[string]string {
	m := map[string]string{"os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": fmt.Sprint(runtime.NumCPU())}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				m["cpu"] = strings.TrimSpace(v)
				break
			}
		}
	}
	return m
}

// Add appends a figure with its runs.
func (r *Report) Add(id, unit string, runs ...float64) {
	sorted := slices.Sorted(slices.Values(runs))
	r.Results = append(r.Results, Result{ID: id, Value: sorted[len(sorted)/2], Unit: unit, Runs: runs})
}

// Write writes the report as JSON.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Table prints the results for a person.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	for _, x := range r.Results {
		fmt.Fprintf(t, "%s\t%s\t%s\t\n", x.ID, figure(x.Value), x.Unit)
	}
	return t.Flush()
}

func figure(v float64) string {
	if v == float64(int64(v)) {
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%.2f", v)
}

// percentile returns the p-th percentile (0–100) of sorted values, by nearest rank.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p/100))]
}
