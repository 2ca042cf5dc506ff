package hub

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"kohe/relay"
	"kohe/relay/wire"
)

// counter is a page whose only content is its version. A frame says from which
// version it leads to which.
type counter struct {
	mu      sync.Mutex
	version uint64
	pulled  int
}

func lead(from, to uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, from), to)
}

func (c *counter) change() ([]byte, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	return lead(c.version-1, c.version), c.version
}

func (c *counter) Delta(since uint64) ([]byte, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled++
	if since == c.version {
		return nil, since
	}
	return lead(since, c.version), c.version
}

// follow applies a frame to a reader's page: it must fit exactly.
func follow(t interface{ Errorf(string, ...any) }, have uint64, frame []byte) uint64 {
	from, to := binary.BigEndian.Uint64(frame), binary.BigEndian.Uint64(frame[8:])
	if from != have {
		t.Errorf("a frame leads from %d to %d, the reader has %d", from, to, have)
	}
	return to
}

func TestSlowPageReaderConvergesWithinItsBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := New()
		h.Limits.Page = rapid.IntRange(1, 20).Draw(t, "frames") * (frameCost + 16)
		h.Limits.Batch = rapid.IntRange(1, 1000).Draw(t, "batch")
		names := []string{"a", "b"}
		page := make(map[string]*counter)
		topic := make(map[string]*Topic)
		for _, n := range names {
			page[n], topic[n] = &counter{}, h.Topic(n)
		}
		q := h.NewQueue()
		var have map[string]uint64
		reset := func() { have = make(map[string]uint64) }
		reset()
		watch := func(n string) {
			topic[n].Unsubscribe(q)
			topic[n].SubscribePage(q, named{page[n], n}, have[n])
		}
		take := func(t *rapid.T) bool {
			frames, err := q.Take(relay.Page)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range frames {
				n := string(f.Payload[16:])
				have[n] = follow(t, have[n], f.Payload)
			}
			return len(frames) > 0
		}
		any := rapid.SampledFrom(names)
		for _, n := range names {
			watch(n)
		}
		t.Repeat(map[string]func(*rapid.T){
			"change": func(t *rapid.T) {
				n := any.Draw(t, "page")
				payload, version := page[n].change()
				topic[n].PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: append(payload, n...)}, version)
			},
			"change, told late": func(t *rapid.T) {
				n := any.Draw(t, "page")
				payload, version := page[n].change()
				take(t)
				topic[n].PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: append(payload, n...)}, version)
			},
			"take":  func(t *rapid.T) { take(t) },
			"watch": func(t *rapid.T) { watch(any.Draw(t, "page")) },
			"": func(t *rapid.T) {
				if q.pages.bytes > h.Limits.Page || q.pages.bytes < 0 {
					t.Fatalf("%d bytes are queued", q.pages.bytes)
				}
			},
		})
		for take(t) {
		}
		for _, n := range names {
			if have[n] != page[n].version {
				t.Fatalf("page %s is at %d, the reader at %d", n, page[n].version, have[n])
			}
		}
		if q.pages.bytes != 0 {
			t.Fatalf("%d bytes are counted in an empty queue", q.pages.bytes)
		}
	})
}

// named adds the page's name to its deltas.
type named struct {
	page *counter
	name string
}

func (n named) Delta(since uint64) ([]byte, uint64) {
	payload, version := n.page.Delta(since)
	if payload == nil {
		return nil, version
	}
	return append(payload, n.name...), version
}

func TestBacklogIsReplacedByOneDelta(t *testing.T) {
	h := New()
	h.Limits.Page = 5 * (frameCost + 16)
	page, topic := &counter{}, h.Topic("page")
	q := h.NewQueue()
	topic.SubscribePage(q, page, 0)
	woken := 0
	q.Notify(relay.Page, func() { woken++ })
	if woken != 1 {
		t.Error("a new reader is not told to pull")
	}
	publish := func(n int) {
		for range n {
			payload, version := page.change()
			topic.PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: payload}, version)
		}
	}
	if frames := drain(t, q, relay.Page); len(frames) != 0 {
		t.Fatal("there is no page yet")
	}
	publish(3)
	if frames := drain(t, q, relay.Page); len(frames) != 1 || follow(t, 0, frames[0].Payload) != 3 {
		t.Fatalf("a reader with nothing got %d frames", len(frames))
	}
	publish(5)
	if frames := drain(t, q, relay.Page); len(frames) != 5 {
		t.Fatalf("%d frames where all had room", len(frames))
	}
	pulled := page.pulled
	publish(1000)
	if page.pulled != pulled {
		t.Error("a delta is made before the reader is ready")
	}
	frames := drain(t, q, relay.Page)
	if len(frames) != 1 || follow(t, 8, frames[0].Payload) != 1008 || page.pulled != pulled+1 {
		t.Errorf("%d frames, %d deltas", len(frames), page.pulled-pulled)
	}
	if n := h.Drops.Count(relay.ClassPage, Collapsed); n != 1003 {
		t.Errorf("%d frames are counted as collapsed", n)
	}
}

func TestRenewedPageBeginsAnew(t *testing.T) {
	h := New()
	page, topic := &counter{version: 7}, h.Topic("page")
	q := h.NewQueue()
	topic.SubscribePage(q, page, 7)
	drain(t, q, relay.Page)
	payload, version := page.change()
	topic.PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: payload}, version)
	page.version = 1
	topic.Renew()
	frames := drain(t, q, relay.Page)
	if len(frames) != 1 || follow(t, 0, frames[0].Payload) != 1 {
		t.Errorf("%d frames", len(frames))
	}
}

func TestSubscribingToAPageAgainBeginsAnew(t *testing.T) {
	h := New()
	page, topic := &counter{version: 3}, h.Topic("page")
	q := h.NewQueue()
	for range 2 {
		topic.SubscribePage(q, page, 0)
		frames := drain(t, q, relay.Page)
		if len(frames) != 1 || follow(t, 0, frames[0].Payload) != 3 || topic.Subscribers() != 1 {
			t.Errorf("%d frames, %d subscriptions", len(frames), topic.Subscribers())
		}
	}
}

// A page that begins anew while a reader pulls from its former self.
func TestDeltaOfAFormerPageIsDropped(t *testing.T) {
	h := New()
	topic := h.Topic("page")
	q := h.NewQueue()
	var former pullFunc = func(since uint64) ([]byte, uint64) {
		if since == 0 {
			return lead(0, 1), 1
		}
		t.Errorf("pulled since %d", since)
		return nil, since
	}
	renewed := false
	topic.SubscribePage(q, pullFunc(func(since uint64) ([]byte, uint64) {
		if !renewed {
			renewed = true
			topic.Renew()
			return lead(since, 99), 99
		}
		return former(since)
	}), 0)
	frames := drain(t, q, relay.Page)
	if len(frames) != 1 || follow(t, 0, frames[0].Payload) != 1 {
		t.Errorf("%d frames", len(frames))
	}
}

type pullFunc func(since uint64) ([]byte, uint64)

func (f pullFunc) Delta(since uint64) ([]byte, uint64) { return f(since) }

func TestUnwatchedPageLeavesTheQueue(t *testing.T) {
	h := New()
	page, topic := &counter{version: 1}, h.Topic("page")
	q := h.NewQueue()
	topic.SubscribePage(q, page, 1)
	drain(t, q, relay.Page)
	payload, version := page.change()
	topic.PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: payload}, version)
	if q.pages.bytes == 0 {
		t.Fatal("the frame is not queued")
	}
	topic.Unsubscribe(q)
	if frames := drain(t, q, relay.Page); len(frames) != 0 || q.pages.bytes != 0 {
		t.Errorf("%d frames, %d bytes are left", len(frames), q.pages.bytes)
	}
}

func TestLongestBacklogGivesWay(t *testing.T) {
	h := New()
	h.Limits.Page = 10 * (frameCost + 100)
	small, large := &counter{version: 1}, &counter{version: 1}
	q := h.NewQueue()
	h.Topic("small").SubscribePage(q, small, 1)
	h.Topic("large").SubscribePage(q, large, 1)
	drain(t, q, relay.Page)
	big := wire.Outgoing{Kind: wire.PageDiff, Payload: []byte(strings.Repeat("x", 100))}
	for v := range uint64(9) {
		h.Topic("large").PublishPage(big, v+2)
	}
	h.Topic("small").PublishPage(big, 2)
	h.Topic("small").PublishPage(big, 3)
	large.version = 10
	frames := drain(t, q, relay.Page)
	if len(frames) != 3 || follow(t, 1, frames[0].Payload) != 10 {
		t.Errorf("%d frames", len(frames))
	}
}
