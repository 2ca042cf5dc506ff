package client

import (
	"context"
	"slices"
	"sync"
	"time"
)

// mark tells who waits for the state that it has moved on.
type mark struct {
	applied func() uint64

	mu      sync.Mutex // guards waiting
	waiting []waiter
}

type waiter struct {
	index uint64
	there chan struct{} // closed when the state stands at index
}

func newMark(applied func() uint64) *mark { return &mark{applied: applied} }

// move wakes those whose index is reached.
func (m *mark) move() {
	m.mu.Lock()
	defer m.mu.Unlock()
	applied := m.applied()
	m.waiting = slices.DeleteFunc(m.waiting, func(w waiter) bool {
		if w.index > applied {
			return false
		}
		close(w.there)
		return true
	})
}

// wait returns a channel that is closed when the state stands at index; nil: it
// does.
func (m *mark) wait(index uint64) <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.applied() >= index {
		return nil
	}
	there := make(chan struct{})
	m.waiting = append(m.waiting, waiter{index, there})
	return there
}

// await waits until the state stands at index, ctx is done or the time is over.
func (m *mark) await(ctx context.Context, index uint64, most time.Duration) {
	there := m.wait(index)
	if there == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-there:
		return
	case <-timer.C:
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = slices.DeleteFunc(m.waiting, func(w waiter) bool { return w.there == there })
}
