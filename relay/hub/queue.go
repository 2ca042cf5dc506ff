package hub

import (
	"context"
	"io"
	"slices"
	"sync"

	"kohe/relay"
	"kohe/relay/wire"
)

// Limits bound what one queue holds. Zero fields take the defaults. A frame
// counts with its payload and frameCost.
type Limits struct {
	Control int // bytes of the control class; over it the queue closes
	Chat    int // bytes of the chat class; over it the queue closes
	Page    int // bytes of page frames; over it the longest backlog becomes a delta
	Cursors int // keys of the cursor class; over it the oldest is dropped
	Batch   int // bytes taken at once: what is taken can no more be overtaken or replaced
}

// The defaults of Limits.
const (
	DefaultControl = 64 << 10
	DefaultChat    = 1 << 20
	DefaultPage    = 256 << 10
	DefaultCursors = 64
	DefaultBatch   = 32 << 10
)

// frameCost is what a frame takes besides its payload, in bytes.
const frameCost = 64

// keepCap is how many slots an empty list keeps for the next frames.
const keepCap = 8

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		value *int
		def   int
	}{
		{&l.Control, DefaultControl}, {&l.Chat, DefaultChat}, {&l.Page, DefaultPage},
		{&l.Cursors, DefaultCursors}, {&l.Batch, DefaultBatch},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	return l
}

// Queue holds what one connection still has to write. Pushing never blocks.
// The control lane yields the control class, then chat, then cursors (those of
// the cursor lane with them); the page lane yields page frames. One goroutine
// at a time takes from a lane.
type Queue struct {
	limits Limits
	drops  *Drops

	mu      sync.Mutex // guards what follows
	control list
	chat    list
	cursors []wire.Outgoing
	pages   pages
	lanes   [2]lane // control, page
	topics  []*Topic
	err     error // why it closed
}

// lane is the reader's side of one lane.
type lane struct {
	out   []wire.Outgoing // what the reader took last
	idle  bool            // the reader found nothing: wake it at the next frame
	wake  chan struct{}   // for Next: room for one
	ready func()          // for Notify
}

// NewQueue returns an empty queue that counts what it drops in drops.
func NewQueue(limits Limits, drops *Drops) *Queue {
	return &Queue{limits: limits.withDefaults(), drops: drops}
}

// Holds reports whether a frame of a kind of class chat waits to be taken.
func (q *Queue) Holds(k wire.Kind) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.chat.frames[q.chat.head:], func(f wire.Outgoing) bool { return f.Kind == k })
}

// Push queues a frame. A page frame pushed so belongs to no topic.
func (q *Queue) Push(f wire.Outgoing) { q.push(f, nil, 0) }

// push reports whether the queue is still open.
func (q *Queue) push(f wire.Outgoing, from *feed, version uint64) bool {
	q.mu.Lock()
	class := f.Kind.Class()
	if q.err != nil {
		q.mu.Unlock()
		q.drops.add(class, Closed, 1)
		return false
	}
	to := relay.Control
	switch class {
	case relay.ClassControl:
		q.bounded(&q.control, f, class, q.limits.Control)
	case relay.ClassChat:
		q.bounded(&q.chat, f, class, q.limits.Chat)
	case relay.ClassCursor:
		q.cursor(f)
	case relay.ClassPage:
		to = relay.Page
		q.page(f, from, version)
	}
	open := q.err == nil
	var ready func()
	if open {
		ready = q.wake(to)
	}
	var page func()
	if !open { // for want of room; both lanes have ended
		ready, page = q.wake(relay.Control), q.wake(relay.Page)
	}
	q.mu.Unlock()
	call(ready)
	call(page)
	return open
}

// bounded appends to a list, or closes the queue if that is full.
func (q *Queue) bounded(l *list, f wire.Outgoing, class relay.Class, most int) {
	if l.bytes+cost(f) > most {
		q.overflow(class)
		return
	}
	l.push(f)
}

// overflow closes the queue for a frame that has no room.
func (q *Queue) overflow(class relay.Class) {
	q.drops.add(class, Overflow, 1)
	q.fail(relay.Errorf(relay.CodeOverflow, "This connection is too slow. It is made anew and continues where it was."))
}

// cursor replaces the frame of the same key, or appends.
func (q *Queue) cursor(f wire.Outgoing) {
	i := slices.IndexFunc(q.cursors, func(o wire.Outgoing) bool { return o.Kind == f.Kind && o.Key == f.Key })
	if i >= 0 {
		q.drops.add(relay.ClassCursor, Replaced, 1)
		q.cursors[i] = f
		return
	}
	if len(q.cursors) >= q.limits.Cursors {
		q.drops.add(relay.ClassCursor, Overflow, 1)
		q.cursors = slices.Delete(q.cursors, 0, 1)
	}
	q.cursors = append(q.cursors, f)
}

// Next returns what the lane has to write next, waiting until there is
// something, ctx is done or the queue is closed. The slice is the reader's
// until it asks again.
func (q *Queue) Next(ctx context.Context, l relay.Lane) ([]wire.Outgoing, error) {
	wake := q.waker(l)
	for {
		frames, err := q.Take(l)
		if len(frames) > 0 || err != nil {
			return frames, err
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Take is Next without waiting: nothing and nil if there is nothing now.
func (q *Queue) Take(l relay.Lane) ([]wire.Outgoing, error) {
	if l == relay.Page {
		return q.takePages()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.side(l).again()
	out, bytes := q.control.take(out, q.limits.Batch)
	if q.err == nil {
		out, _ = q.chat.take(out, q.limits.Batch-bytes)
		out = append(out, q.cursors...)
		clear(q.cursors)
		q.cursors = q.cursors[:0]
	}
	return q.side(l).took(out, q.err)
}

// Notify sets what is called when the lane may have something to take, or has
// ended; at once if it has already. ready must not block, nor call the hub.
func (q *Queue) Notify(l relay.Lane, ready func()) {
	q.mu.Lock()
	side := q.side(l)
	side.ready = ready
	side.idle = q.err == nil && q.empty(l)
	now := !side.idle
	q.mu.Unlock()
	if now {
		ready()
	}
}

// Close ends the queue: Next and Take return err, or io.EOF for nil, after
// what is left of the control class. Topics let go of it. Closing again keeps
// the first error.
func (q *Queue) Close(err error) {
	if err == nil {
		err = io.EOF
	}
	q.mu.Lock()
	q.fail(err)
	topics := q.topics
	q.topics = nil
	control, page := q.wake(relay.Control), q.wake(relay.Page)
	q.mu.Unlock()
	for _, t := range topics {
		t.Unsubscribe(q)
	}
	call(control)
	call(page)
}

// fail ends the queue. mu is held.
func (q *Queue) fail(err error) {
	if q.err != nil {
		return
	}
	q.err = err
	q.drops.add(relay.ClassChat, Closed, q.chat.len())
	q.drops.add(relay.ClassCursor, Closed, len(q.cursors))
	q.drops.add(relay.ClassPage, Closed, len(q.pages.frames))
	q.chat, q.cursors, q.pages = list{}, nil, pages{}
}

// join notes a subscription; false if the queue has ended.
func (q *Queue) join(t *Topic, f *feed) bool {
	q.mu.Lock()
	if q.err != nil {
		q.mu.Unlock()
		return false
	}
	q.topics = append(q.topics, t)
	var ready func()
	if f != nil {
		q.pages.feeds = append(q.pages.feeds, f)
		ready = q.wake(relay.Page)
	}
	q.mu.Unlock()
	call(ready)
	return true
}

// part undoes join.
func (q *Queue) part(t *Topic, f *feed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.topics = slices.DeleteFunc(q.topics, func(o *Topic) bool { return o == t })
	if f != nil {
		q.drops.add(relay.ClassPage, Closed, q.pages.discard(f))
		f.gone = true
		q.pages.feeds = slices.DeleteFunc(q.pages.feeds, func(o *feed) bool { return o == f })
	}
}

// empty reports whether the lane has nothing to take.
func (q *Queue) empty(l relay.Lane) bool {
	if l == relay.Page {
		return len(q.pages.frames) == 0 && q.pages.behind() == nil
	}
	return q.control.len()+q.chat.len()+len(q.cursors) == 0
}

func (q *Queue) side(l relay.Lane) *lane {
	if l == relay.Page {
		return &q.lanes[1]
	}
	return &q.lanes[0]
}

func (q *Queue) waker(l relay.Lane) chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	side := q.side(l)
	if side.wake == nil {
		side.wake = make(chan struct{}, 1)
	}
	return side.wake
}

// wake lets a reader that found nothing look again, and returns what is to be
// called once mu is released.
func (q *Queue) wake(l relay.Lane) func() {
	side := q.side(l)
	if !side.idle {
		return nil
	}
	side.idle = false
	select {
	case side.wake <- struct{}{}: // never without a waker: nil blocks
	default:
	}
	return side.ready
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// again returns the lane's slice for reuse.
func (l *lane) again() []wire.Outgoing {
	clear(l.out)
	return l.out[:0]
}

// took ends a take.
func (l *lane) took(out []wire.Outgoing, err error) ([]wire.Outgoing, error) {
	l.out = out
	if len(out) > 0 {
		return out, nil
	}
	l.idle = err == nil
	if cap(out) > keepCap {
		l.out = nil
	}
	return nil, err
}

// list is a first-in first-out list of frames.
type list struct {
	frames []wire.Outgoing
	head   int
	bytes  int
}

func cost(f wire.Outgoing) int { return len(f.Payload) + len(f.Key) + frameCost }

func (l *list) len() int { return len(l.frames) - l.head }

func (l *list) push(f wire.Outgoing) {
	l.frames = append(l.frames, f)
	l.bytes += cost(f)
}

// take appends the first frames to out, one at least and else up to most
// bytes, and returns their bytes too.
func (l *list) take(out []wire.Outgoing, most int) (all []wire.Outgoing, bytes int) {
	for l.head < len(l.frames) && (len(out) == 0 || bytes < most) {
		f := &l.frames[l.head]
		out = append(out, *f)
		bytes += cost(*f)
		*f = wire.Outgoing{}
		l.head++
	}
	l.bytes -= bytes
	if l.head == len(l.frames) {
		l.head = 0
		l.frames = l.frames[:0]
		if cap(l.frames) > keepCap {
			l.frames = nil
		}
	}
	return out, bytes
}
