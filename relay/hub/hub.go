// Package hub is the fan-out inside a node: topics of opaque frames, encoded
// once, and for each connection a queue that is bounded by class (DESIGN 10).
//
// What it promises: nothing here ever waits for a reader. A reader too slow for
// its chat is disconnected and resumes by sequence; for a page it gets one
// delta in place of a backlog; of a cursor it gets the latest position; control
// frames have a queue of their own and are taken first. Every frame that a
// reader does not get is counted with its reason.
//
// The package starts no goroutine and everything in it may be used by several.
// Locks are taken in the order Topic.mu, Queue.mu; Hub.mu alone. A Puller is
// called under none of them, a function given to Notify under Topic.mu at most.
package hub

import (
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"kohe/relay"
)

// Frames and bytes that a topic keeps for subscribers that come back.
const (
	ReplayFrames = 32
	ReplayBytes  = 16 << 10
)

// Hub holds the topics of a node by name.
type Hub struct {
	Limits Limits // of the queues made after it is set
	Drops  Drops

	mu     sync.Mutex
	topics map[string]weak.Pointer[Topic]
	births uint64
}

// New returns a hub with the default limits.
func New() *Hub { return &Hub{topics: make(map[string]weak.Pointer[Topic])} }

// Topic returns the topic of that name, making it if there is none. It lives as
// long as somebody holds it: a publisher its Topic, a subscriber its Queue.
func (h *Hub) Topic(name string) *Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[name].Value(); t != nil {
		return t
	}
	h.births++
	t := &Topic{seq: h.births << 32}
	h.topics[name] = weak.Make(t)
	runtime.AddCleanup(t, h.forget, name)
	return t
}

// forget removes a topic that nobody holds any more.
func (h *Hub) forget(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics[name].Value() == nil { // else another has taken its place
		delete(h.topics, name)
	}
}

// Topics returns how many topics there are.
func (h *Hub) Topics() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.topics)
}

// NewQueue returns a connection's queue.
func (h *Hub) NewQueue() *Queue { return NewQueue(h.Limits, &h.Drops) }

// Reason says why a frame did not reach a reader.
type Reason uint8

// The reasons.
const (
	Replaced  Reason = iota // a newer one of the same key came
	Collapsed               // a delta takes its place
	Overflow                // its queue was full
	Closed                  // its reader was gone
	reasons   = 4
)

func (r Reason) String() string {
	return [...]string{"replaced", "collapsed", "overflow", "closed"}[min(int(r), reasons-1)]
}

// Drops counts the frames that did not reach a reader.
type Drops struct {
	count [relay.Classes][reasons]atomic.Uint64
}

func (d *Drops) add(c relay.Class, why Reason, n int) { d.count[c][why].Add(uint64(n)) }

// Count returns how many frames of a class were dropped for a reason.
func (d *Drops) Count(c relay.Class, why Reason) uint64 { return d.count[c][why].Load() }

// Drop names a counter of Drops.
type Drop struct {
	Class  relay.Class
	Reason Reason
}

// All returns every counter.
func (d *Drops) All() iter.Seq2[Drop, uint64] {
	return func(yield func(Drop, uint64) bool) {
		for c := range relay.Class(relay.Classes) {
			for why := range Reason(reasons) {
				if !yield(Drop{c, why}, d.Count(c, why)) {
					return
				}
			}
		}
	}
}
