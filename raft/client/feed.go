package client

import (
	"slices"
	"sync"
	"sync/atomic"

	"kohe/raft/state"
)

// MaxChanges is how many changes may wait for the watchers before the state
// machine waits for them too. The last batch may exceed it.
const MaxChanges = 1 << 16

// feed carries changes from the state machine's goroutine to the watchers. It
// owns one goroutine, from newFeed to close.
type feed struct {
	some    chan struct{} // of one: queue is not empty
	room    chan struct{} // of one: queue was taken
	closing chan struct{}
	done    chan struct{}

	mu       sync.Mutex // guards what follows
	queue    []state.Change
	watchers []*watcher
}

type watcher struct {
	call func([]state.Change)
	gone atomic.Bool
}

func newFeed() *feed {
	f := &feed{
		some: make(chan struct{}, 1), room: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	go f.run()
	return f
}

// push queues changes in order. One goroutine calls it.
func (f *feed) push(changes []state.Change) {
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

func (f *feed) add(changes []state.Change) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) >= MaxChanges {
		return false
	}
	f.queue = append(f.queue, changes...)
	return true
}

func (f *feed) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.queue)
}

func (f *feed) watch(call func([]state.Change)) (cancel func()) {
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

func (f *feed) run() {
	defer close(f.done)
	for {
		select {
		case <-f.closing:
			return
		case <-f.some:
		}
		f.mu.Lock()
		changes, watchers := f.queue, f.watchers
		f.queue = nil
		f.mu.Unlock()
		signal(f.room)
		for _, w := range watchers {
			if !w.gone.Load() {
				w.call(changes)
			}
		}
	}
}

// close ends the goroutine after the call under way. What still waits is
// dropped: who watches is about to end too.
func (f *feed) close() {
	close(f.closing)
	<-f.done
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
