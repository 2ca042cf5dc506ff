package peer

import (
	"context"
	"sync"
)

// Event is a connection that came up or went down.
type Event struct {
	Peer Identity
	Conn *Conn
	Up   bool
	Err  error // why it went down
}

// events are told in order by one goroutine, so that whoever listens may take
// its time and may call back.
type events struct {
	watchers []func(Event) // not changed after the first event
	wake     chan struct{} // of one: there is something to tell

	mu    sync.Mutex // guards queue
	queue []Event    // grows with the connections of members only
}

func (e *events) add(event Event) {
	e.mu.Lock()
	e.queue = append(e.queue, event)
	e.mu.Unlock()
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *events) tell(ctx context.Context) {
	for {
		e.mu.Lock()
		queue := e.queue
		e.queue = nil
		e.mu.Unlock()
		for _, event := range queue {
			for _, w := range e.watchers {
				w(event)
			}
		}
		select {
		case <-e.wake:
		case <-ctx.Done():
			return
		}
	}
}
