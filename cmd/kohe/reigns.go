package main

import (
	"sync"
	"time"
)

// reignsFor is how long a node remembers when somebody began to lead the cell,
// and maxReigns how many such times: a cell that changes its leader faster is
// as sick as one that does it once a second.
const (
	reignsFor = time.Hour
	maxReigns = 3600
)

// reigns is when the cell's leaders began, as this node heard it. That the same
// one leads again after nobody did counts, too: nothing was stored in between.
type reigns struct {
	mu    sync.Mutex // guards what follows
	begun []time.Time
	led   bool // somebody has been heard to lead
	now   bool // somebody leads
	since time.Time
	total uint64
}

// changed hears who leads now, "" for nobody. The first one since the start of
// this node is no change.
func (r *reigns) changed(leader string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = leader != ""
	if !r.now {
		return
	}
	r.since = now
	if r.led {
		r.total++
		r.begun = append(r.begun[max(0, len(r.begun)+1-maxReigns):], now)
	}
	r.led = true
}

// count returns how many leaders began within a time before now, reignsFor at
// most.
func (r *reigns) count(within time.Duration, now time.Time) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.begun) > 0 && now.Sub(r.begun[0]) >= reignsFor {
		r.begun = r.begun[1:]
	}
	for _, at := range r.begun {
		if now.Sub(at) < within {
			n++
		}
	}
	return n
}

// leading returns since when the present leader leads, as this node heard it;
// zero: nobody does.
func (r *reigns) leading() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.now {
		return time.Time{}
	}
	return r.since
}

// changes returns how many there were since the start of this node.
func (r *reigns) changes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}
