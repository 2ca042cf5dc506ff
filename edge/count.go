package edge

import (
	"maps"
	"slices"
	"sync/atomic"

	"kohe/relay"
)

// Counters are what an edge has done since it started.
type Counters struct {
	Messages atomic.Uint64 // numbered and relayed
	NotSaved atomic.Uint64 // messages that nobody could store

	ActsRefused atomic.Uint64 // what agents tried on visitors' pages and may not do
}

// Census is what an edge holds now.
type Census struct {
	Visitors, Agents, Sessions int
	Quiet                      int // pages that only show the button
	Messages, NotSaved         uint64
	ActsRefused                uint64
}

// Census counts.
func (e *Edge) Census() Census {
	e.mu.Lock()
	lives := slices.Collect(maps.Values(e.lives))
	c := Census{
		Visitors: len(e.visitors), Agents: len(e.agents), Quiet: len(e.quiet),
		Messages: e.Count.Messages.Load(), NotSaved: e.Count.NotSaved.Load(), ActsRefused: e.Count.ActsRefused.Load(),
	}
	e.mu.Unlock()
	for _, l := range lives {
		l.mu.Lock()
		if l.row.State != relay.Ended { // who was in one that has ended may still look at it
			c.Sessions++
		}
		l.mu.Unlock()
	}
	return c
}
