// Package writers is the load of a store that settles writes: a number of
// writers, each of which waits for its write before it makes the next. Kohe and
// its rivals are measured by this same code.
package writers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Size is that of what a writer writes, in bytes.
const Size = 200

// Counts are the numbers of writers that are measured.
var Counts = []int{1, 16, 256}

// Figures is what some writers saw.
type Figures struct {
	Writers int     `json:"writers"`
	Rate    float64 `json:"rate"` // writes a second, of all
	P50     float64 `json:"p50"`  // ms until a write was settled
	P95     float64 `json:"p95"`
	P99     float64 `json:"p99"`
}

// warmUp is the part of a span that precedes what is counted.
const warmUp = 5 // a fifth

// Run has n writers write for the span and returns what they saw in its last
// four fifths. The first error ends it.
func Run(ctx context.Context, n int, span time.Duration, write func(ctx context.Context, writer int) error) (Figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := time.Now().Add(span / warmUp)
	end := begin.Add(span - span/warmUp)
	took := make([][]time.Duration, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for ctx.Err() == nil {
				started := time.Now()
				if started.After(end) {
					return
				}
				if err := write(ctx, i); err != nil {
					cancel(fmt.Errorf("writer %d of %d: %w", i, n, err))
					return
				}
				if now := time.Now(); started.After(begin) && now.Before(end) {
					took[i] = append(took[i], now.Sub(started))
				}
			}
		})
	}
	all.Wait()
	sorted := slices.Concat(took...)
	if len(sorted) == 0 && ctx.Err() == nil {
		cancel(fmt.Errorf("%d writers settled nothing in %v", n, span))
	}
	if ctx.Err() != nil {
		return Figures{}, context.Cause(ctx)
	}
	slices.Sort(sorted)
	at := func(p int) float64 { return sorted[len(sorted)*p/100].Seconds() * 1000 }
	return Figures{Writers: n, Rate: float64(len(sorted)) / end.Sub(begin).Seconds(), P50: at(50), P95: at(95), P99: at(99)}, nil
}

// All runs each of Counts for the span, one after another.
func All(ctx context.Context, span time.Duration, write func(ctx context.Context, writer int) error) (list []Figures, err error) {
	for _, n := range Counts {
		f, err := Run(ctx, n, span, write)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}
