package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"kohe/bench/writers"
)

// Cells measures what it costs three nodes to hold many cells: at rest, and how
// many messages a second they store. Each number of cells has a process of its
// own, in which all three nodes are; the figures of a node are a third of it.
type Cells struct {
	Counts   []int
	Rounds   int           // of all, in turn; the figures are the medians
	Idle     time.Duration // at rest
	Span     time.Duration // of the writers
	Progress io.Writer
}

// DefaultCells is what `kohe bench cells` runs.
var DefaultCells = Cells{Counts: []int{1, 8, 64}, Rounds: 3, Idle: 10 * time.Second, Span: 5 * time.Second}

// Shape of a measurement.
const (
	cellWriters = 64              // spread over the cells
	cellsRest   = 3 * time.Second // after the cells were made, before they count as at rest
	cellsStart  = time.Minute     // for them to be made
	hosts       = 3
)

// CellFigures is what one number of cells costs.
type CellFigures struct {
	Core    float64 `json:"core"`    // of a processor, a node, at rest
	MB      float64 `json:"mb"`      // resident, a node, at rest
	Rate    float64 `json:"rate"`    // messages stored a second, by all
	P50     float64 `json:"p50"`     // ms until one is stored
	Leaders []int   `json:"leaders"` // cells that each node leads
}

// CellStore is three nodes with cells that they are all members of.
type CellStore interface {
	// Write stores one message of one writer, which is proposed where the
	// writer's cell is led.
	Write(ctx context.Context, writer int) error
	Leaders() []int
	Close() error
}

// Run adds the figures to the report.
func (s Cells) Run(ctx context.Context, report *Report) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	all := map[int][]CellFigures{}
	for round := range s.Rounds {
		for _, n := range s.Counts {
			fmt.Fprintf(s.Progress, "round %d of %d: %d cells …\n", round+1, s.Rounds, n)
			f, err := s.child(ctx, self, n)
			if err != nil {
				return fmt.Errorf("%d cells: %w", n, err)
			}
			all[n] = append(all[n], f)
		}
	}
	for _, n := range s.Counts {
		var core, mb, rate, p50, spread []float64
		for _, f := range all[n] {
			core, mb, rate, p50 = append(core, f.Core), append(mb, f.MB), append(rate, f.Rate), append(p50, f.P50)
			spread = append(spread, float64(slices.Max(f.Leaders)-slices.Min(f.Leaders)))
		}
		id := fmt.Sprintf("cells.c%d.", n)
		report.Add(id+"idle_core", "cores", core...)
		report.Add(id+"mb", "MB", mb...)
		report.Add(id+"rate", "/s", rate...)
		report.Add(id+"stored_ms.p50", "ms", p50...)
		report.Add(id+"leaders_apart", "cells", spread...)
	}
	report.Machine["gomaxprocs"] = fmt.Sprint(runtime.GOMAXPROCS(0))
	return nil
}

func (s Cells) child(ctx context.Context, self string, n int) (f CellFigures, err error) {
	ctx, cancel := context.WithTimeout(ctx, cellsStart+cellsRest+s.Idle+s.Span+10*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, self, "bench", "cells", "--only", fmt.Sprint(n), "--idle", s.Idle.String(), "--span", s.Span.String())
	var problem bytes.Buffer
	c.Stderr = &problem
	out, err := c.Output()
	if err != nil {
		return f, fmt.Errorf("%w\n%s", err, &problem)
	}
	return f, json.Unmarshal(out, &f)
}

// One measures a number of cells in this process.
func (s Cells) One(ctx context.Context, n int, open func(ctx context.Context, dir string, cells, writers int) (CellStore, error)) (f CellFigures, err error) {
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return f, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	store, err := open(ctx, dir, n, cellWriters)
	if err != nil {
		return f, err
	}
	defer func() {
		if closing := store.Close(); err == nil {
			err = closing
		}
	}()
	if err := sleepUntil(ctx, time.Now().Add(cellsRest)); err != nil {
		return f, err
	}
	began, used := time.Now(), ownCPU()
	if err := sleepUntil(ctx, began.Add(s.Idle)); err != nil {
		return f, err
	}
	f.Core = float64(ownCPU()-used) / float64(time.Since(began)) / hosts
	if f.MB, err = residentMB(); err != nil {
		return f, err
	}
	f.MB /= hosts
	f.Leaders = store.Leaders()
	w, err := writers.Run(ctx, cellWriters, s.Span, store.Write)
	f.Rate, f.P50 = w.Rate, w.P50
	return f, err
}

// ownCPU returns the processor time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentMB returns this process's resident memory, MB of 10^6 bytes.
func residentMB() (float64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("memory needs Linux's /proc: %w", err)
	}
	var size, resident int
	_, err = fmt.Sscan(string(b), &size, &resident)
	return float64(resident) * float64(os.Getpagesize()) / 1e6, err
}
