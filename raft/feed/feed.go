// Package feed carries changes of a cell from the one who makes them to those
// who watch, in order, from one goroutine for all watchers, which Open starts
// and Close ends.
package feed

import (
	"slices"
	"sync"
	"sync/atomic"

	"kohe/raft/state"
)

// MaxChanges is how many changes may wait for the watchers before who makes them
// waits too. The last batch may exceed it.
const MaxChanges = 1 << 16

// Feed carries changes. Its methods may be called from any goroutine, but Push
// from one only.
type Feed struct {
	some    chan struct{} // of one: queue is not empty
	room    chan struct{} // of one: queue was taken
	closing chan struct{}
	done    chan struct{}

	mu       sync.Mutex // guards what follows
	queue    []state.Change
	calls    []func() // to be made after the changes in queue
	watchers []*watcher
}

type watcher struct {
	call func([]state.Change)
	gone atomic.Bool
}

// Open starts a feed.
func Open() *Feed {
	f := &Feed{
		some: make(chan struct{}, 1), room: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	go f.run()
	return f
}

// Push queues changes in order. It waits while too many wait.
func (f *Feed) Push(changes []state.Change) {
	if len(changes) == 0 {
		return
	}
	for !f.add(changes) {
		select {
		case <-f.room:
		case <-f.closing:
			return
		}
	}
	signal(f.some)
}

func (f *Feed) add(changes []state.Change) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) >= MaxChanges {
		return false
	}
	f.queue = append(f.queue, changes...)
	return true
}

// Waiting returns how many changes the watchers have not been told.
func (f *Feed) Waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queue)
}

// After has f called by the watchers' goroutine once they were told of every
// change that was pushed before. It is not called after Close.
func (f *Feed) After(call func()) {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	f.mu.Unlock()
	signal(f.some)
}

// Watch has a function called with every change that is pushed from now on;
// changes that were pushed together come together. A call that has begun when
// cancel returns goes on; none begins after it.
func (f *Feed) Watch(call func([]state.Change)) (cancel func()) {
	w := &watcher{call: call}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, w)
	return func() {
		w.gone.Store(true)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watchers = slices.DeleteFunc(slices.Clone(f.watchers), func(o *watcher) bool { return o == w })
	}
}

func (f *Feed) run() {
	defer close(f.done)
	for {
		select {
		case <-f.closing:
			return
		case <-f.some:
		}
		f.mu.Lock()
		changes, calls, watchers := f.queue, f.calls, f.watchers
		f.queue, f.calls = nil, nil
		f.mu.Unlock()
		signal(f.room)
		for _, w := range watchers {
			if len(changes) > 0 && !w.gone.Load() {
				w.call(changes)
			}
		}
		for _, call := range calls {
			call()
		}
	}
}

// Close ends the goroutine after the call under way. What still waits is
// dropped: who watches is about to end too.
func (f *Feed) Close() {
	close(f.closing)
	<-f.done
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
