package edge

import (
	"context"
	"maps"
	"slices"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// Bounds of an evacuation's pace.
const (
	evacuateTick  = 100 * time.Millisecond
	evacuateAgain = 5 * time.Second // whoever is here still is asked again
)

// Evacuate drains a node that goes on running: nobody is let in any more, and
// every client is sent to another node, spread over a time, until Undrain. Links
// that other nodes carry are served on, so that nobody who is still here loses
// the other side. Again, it begins anew with the new time.
func (e *Edge) Evacuate(over time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	e.mu.Lock()
	former := e.evacuation
	if e.draining && former == nil {
		e.mu.Unlock()
		stop()
		return // the process is ending: Drain does more
	}
	e.draining, e.evacuation = true, stop
	e.mu.Unlock()
	if former != nil {
		former()
	}
	e.running.Go(func() { e.evacuate(ctx, over) })
}

// Undrain ends an evacuation: people are let in again. It does not end Drain.
func (e *Edge) Undrain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.evacuation != nil {
		e.evacuation()
		e.draining, e.evacuation = false, nil
	}
}

// evacuate sends away who is here, evenly, and then whoever did not go.
func (e *Edge) evacuate(ctx context.Context, over time.Duration) {
	out := wire.Outgoing{Kind: wire.GoAway, Payload: wire.Encode(wire.ErrorPayload{Code: relay.CodeDraining, Text: "This server is being looked after."})}
	tick := time.NewTicker(evacuateTick)
	defer tick.Stop()
	for {
		all, began := e.everybody(), time.Now()
		for sent := 0; ; {
			due := len(all)
			if past := time.Since(began); past < over {
				due = int(int64(len(all)) * int64(past) / int64(over))
			}
			for ; sent < due; sent++ {
				all[sent].queue.Push(out)
			}
			if sent == len(all) && time.Since(began) >= over+evacuateAgain {
				break
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			case <-e.closing:
				return
			}
		}
		over = 0
	}
}

// everybody returns all clients here but those that other nodes carry, in no order.
func (e *Edge) everybody() (all []*client) {
	e.mu.Lock()
	defer e.mu.Unlock()
	all = slices.AppendSeq(all, maps.Keys(e.quiet))
	for _, set := range e.visitors {
		all = slices.AppendSeq(all, maps.Keys(set))
	}
	for _, set := range e.agents {
		all = slices.AppendSeq(all, maps.Keys(set))
	}
	return all
}

// evacuating reports whether the node drains and goes on running.
func (e *Edge) evacuating() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.evacuation != nil
}

// quietCame and quietLeft keep the list of pages that only show the button.
func (e *Edge) quietCame(c *client) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.quiet[c] = true
}

func (e *Edge) quietLeft(c *client) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.quiet, c)
}
