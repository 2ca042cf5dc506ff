package hub

import (
	"slices"

	"kohe/relay"
	"kohe/relay/wire"
)

// Puller is a page that readers fall behind of. Versions count from 1; a
// reader that has nothing is at 0. Delta returns the payload of one frame that
// leads from version since to the one that is true now, nil if there is nothing
// to send. The goroutine that takes calls it, at the moment its reader is ready.
type Puller interface {
	Delta(since uint64) (payload []byte, version uint64)
}

// feed is one page that a queue's reader watches. The queue's mu guards it.
type feed struct {
	puller Puller
	taken  uint64 // version that the reader has
	behind bool   // a delta is due; until it is pulled nothing is queued
	bytes  int    // queued
	begun  uint64 // how often the reader's page began anew
	gone   bool   // unsubscribed
}

// pages holds a queue's page frames.
type pages struct {
	frames []pageFrame
	feeds  []*feed
	bytes  int
}

type pageFrame struct {
	frame   wire.Outgoing
	feed    *feed // nil: pushed directly
	version uint64
}

// behind returns a feed whose reader needs a delta.
func (p *pages) behind() *feed {
	for _, f := range p.feeds {
		if f.behind {
			return f
		}
	}
	return nil
}

// discard takes a feed's frames out and returns how many those were.
func (p *pages) discard(f *feed) int {
	before := len(p.frames)
	p.frames = slices.DeleteFunc(p.frames, func(o pageFrame) bool { return o.feed == f })
	p.bytes -= f.bytes
	f.bytes = 0
	return before - len(p.frames)
}

// page queues a page frame. mu is held.
func (q *Queue) page(f wire.Outgoing, from *feed, version uint64) {
	p := &q.pages
	if from != nil {
		from.behind = from.behind || from.taken == 0 // who has nothing cannot use a difference
		if from.behind || version <= from.taken {
			q.drops.add(relay.ClassPage, Collapsed, 1)
			return
		}
	}
	p.frames = append(p.frames, pageFrame{f, from, version})
	p.bytes += cost(f)
	if from != nil {
		from.bytes += cost(f)
	}
	for p.bytes > q.limits.Page {
		if !q.collapse() {
			q.overflow(relay.ClassPage)
			return
		}
	}
}

// collapse replaces the longest backlog by a delta that is due; false if there
// is none. mu is held.
func (q *Queue) collapse() bool {
	var longest *feed
	for _, f := range q.pages.feeds {
		if f.bytes > 0 && (longest == nil || f.bytes > longest.bytes) {
			longest = f
		}
	}
	if longest == nil {
		return false
	}
	q.drops.add(relay.ClassPage, Collapsed, q.pages.discard(longest))
	longest.behind = true
	return true
}

// renew lets a feed begin anew.
func (q *Queue) renew(f *feed) {
	q.mu.Lock()
	q.drops.add(relay.ClassPage, Collapsed, q.pages.discard(f))
	f.taken, f.behind = 0, true
	f.begun++
	ready := q.wake(relay.Page)
	q.mu.Unlock()
	call(ready)
}

// takePages takes from the page lane: deltas that are due, then frames.
func (q *Queue) takePages() ([]wire.Outgoing, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	side := q.side(relay.Page)
	out, bytes := side.again(), 0
	for f := q.pages.behind(); f != nil && bytes < q.limits.Batch; f = q.pages.behind() {
		if payload := q.pull(f); len(payload) > 0 {
			out = append(out, wire.Outgoing{Kind: wire.PageDiff, Payload: payload})
			bytes += len(payload)
		}
	}
	if q.err != nil {
		return side.took(nil, q.err)
	}
	n := 0
	for ; n < len(q.pages.frames) && bytes < q.limits.Batch; n++ {
		o := q.pages.frames[n]
		q.pages.bytes -= cost(o.frame)
		if o.feed != nil {
			o.feed.bytes -= cost(o.frame)
			if o.version <= o.feed.taken { // the delta brought it
				q.drops.add(relay.ClassPage, Collapsed, 1)
				continue
			}
			o.feed.taken = o.version
		}
		out = append(out, o.frame)
		bytes += cost(o.frame)
	}
	q.pages.frames = slices.Delete(q.pages.frames, 0, n)
	if len(q.pages.frames) == 0 && cap(q.pages.frames) > keepCap {
		q.pages.frames = nil
	}
	return side.took(out, nil)
}

// pull asks a page for the delta that a feed is due. mu is held but while the
// page is asked; frames published meanwhile are queued behind the delta.
func (q *Queue) pull(f *feed) []byte {
	since, begun := f.taken, f.begun
	f.behind = false
	q.mu.Unlock()
	payload, version := f.puller.Delta(since)
	q.mu.Lock()
	if q.err != nil || f.gone || f.begun != begun {
		return nil
	}
	f.taken = max(since, version)
	return payload
}
