package hub

import (
	"slices"
	"sync"

	"kohe/relay"
	"kohe/relay/wire"
)

// Topic fans frames out to queues. Frames of the chat class are numbered one
// after another and the last ones kept, so that a subscriber who counts them
// can come back and go on where it was; cursors are healed by the next one and
// pages by a delta. A topic that vanished and came again numbers from higher
// on, so an old number is never taken for a new one.
type Topic struct {
	mu    sync.Mutex      // guards what follows; orders all that is published
	seq   uint64          // of the last chat frame
	ring  []wire.Outgoing // the last of them; ring[next] is the oldest once it is full
	next  int
	bytes int
	subs  []subscription
}

type subscription struct {
	queue *Queue
	feed  *feed // pages; else nil
}

// Publish hands a frame to every subscriber and returns the number of the last
// chat frame.
func (t *Topic) Publish(f wire.Outgoing) uint64 { return t.publish(f, 0, nil) }

// PublishExcept is Publish without one queue, which has been told otherwise.
func (t *Topic) PublishExcept(f wire.Outgoing, told *Queue) uint64 { return t.publish(f, 0, told) }

// PublishPage hands on a page frame that leads to version. It must be called
// in the order of versions, after the Puller knows that version.
func (t *Topic) PublishPage(f wire.Outgoing, version uint64) { t.publish(f, version, nil) }

func (t *Topic) publish(f wire.Outgoing, version uint64, told *Queue) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.Kind.Class() == relay.ClassChat {
		t.seq++
		t.keep(f)
	}
	for i := 0; i < len(t.subs); {
		s := t.subs[i]
		if s.queue == told || s.queue.push(f, s.feed, version) {
			i++
			continue
		}
		last := len(t.subs) - 1 // its connection has ended
		t.subs[i], t.subs[last] = t.subs[last], subscription{}
		t.subs = t.subs[:last]
	}
	return t.seq
}

// keep puts a frame into the ring.
func (t *Topic) keep(f wire.Outgoing) {
	if len(t.ring) == ReplayFrames {
		t.bytes += len(f.Payload) - len(t.ring[t.next].Payload)
		t.ring[t.next] = f
		t.next = (t.next + 1) % ReplayFrames
	} else {
		t.ring = append(t.ring, f)
		t.bytes += len(f.Payload)
	}
	if t.bytes > ReplayBytes {
		t.trim()
	}
}

// trim drops the oldest frames until the rest is within ReplayBytes.
func (t *Topic) trim() {
	kept := slices.Concat(t.ring[t.next:], t.ring[:t.next])
	old := 0
	for t.bytes > ReplayBytes {
		t.bytes -= len(kept[old].Payload)
		old++
	}
	t.ring, t.next = kept[old:], 0
}

// Subscribe gives a queue what is published from now on and returns the number
// of the last chat frame before. A queue is subscribed once: again changes nothing.
func (t *Topic) Subscribe(q *Queue) (from uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attach(q, nil)
	return t.seq
}

// SubscribeAfter is Subscribe for one who has the chat frames up to after. It
// returns the number that the queue goes on from: after, or a later one if the
// frames between are not kept any more and the subscriber must catch up in
// another way.
func (t *Topic) SubscribeAfter(q *Queue, after uint64) (from uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	missed := t.seq - after
	if after > t.seq || missed > uint64(len(t.ring)) {
		after, missed = t.seq, 0
	}
	if t.attach(q, nil) {
		for i := len(t.ring) - int(missed); i < len(t.ring); i++ {
			q.push(t.ring[(t.next+i)%len(t.ring)], nil, 0)
		}
	}
	return after
}

// SubscribePage gives a queue the page frames from now on, after one delta
// since the version that its reader has: 0 for a reader that has nothing.
// Subscribing again begins anew from since.
func (t *Topic) SubscribePage(q *Queue, p Puller, since uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := t.index(q); i >= 0 {
		q.part(t, t.subs[i].feed)
		t.subs = slices.Delete(t.subs, i, i+1)
	}
	t.attach(q, &feed{puller: p, taken: since, behind: true})
}

// Renew lets every page reader begin anew with a delta since 0, because the
// page is another one now.
func (t *Topic) Renew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.subs {
		if s.feed != nil {
			s.queue.renew(s.feed)
		}
	}
}

// attach adds a subscription unless there is one or the queue has ended.
func (t *Topic) attach(q *Queue, f *feed) bool {
	if t.index(q) >= 0 || !q.join(t, f) {
		return false
	}
	t.subs = append(t.subs, subscription{q, f})
	return true
}

func (t *Topic) index(q *Queue) int {
	return slices.IndexFunc(t.subs, func(s subscription) bool { return s.queue == q })
}

// Unsubscribe takes a queue off the topic, page frames of the topic that wait
// in it included.
func (t *Topic) Unsubscribe(q *Queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := t.index(q)
	if i < 0 {
		return
	}
	q.part(t, t.subs[i].feed)
	t.subs = slices.Delete(t.subs, i, i+1)
}

// Subscribers returns how many queues the topic has.
func (t *Topic) Subscribers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.subs)
}
