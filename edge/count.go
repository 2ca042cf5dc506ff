package edge

import "sync/atomic"

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
	defer e.mu.Unlock()
	return Census{
		Visitors: len(e.visitors), Agents: len(e.agents), Sessions: len(e.lives), Quiet: len(e.quiet),
		Messages: e.Count.Messages.Load(), NotSaved: e.Count.NotSaved.Load(), ActsRefused: e.Count.ActsRefused.Load(),
	}
}
