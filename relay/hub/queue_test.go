package hub

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"kohe/relay"
	"kohe/relay/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestControlComesFirstThenChatThenCursors(t *testing.T) {
	q := New().NewQueue()
	q.Push(wire.Outgoing{Kind: wire.Pointer, Key: "p", Payload: []byte("pointer")})
	q.Push(wire.Outgoing{Kind: wire.Typing, Key: "t", Payload: []byte("typing")})
	q.Push(frame(wire.Message, "message"))
	q.Push(frame(wire.PageDiff, "page"))
	q.Push(frame(wire.Pong, "pong"))
	q.Push(frame(wire.Stored, "stored"))
	if got := texts(drain(t, q, relay.Control)); got != "pong message stored pointer typing" {
		t.Error(got)
	}
	if got := texts(drain(t, q, relay.Page)); got != "page" {
		t.Error(got)
	}
}

func TestControlOvertakesBetweenBatches(t *testing.T) {
	q := NewQueue(Limits{Batch: 10}, &Drops{})
	for i := range 3 {
		q.Push(message(i))
	}
	first, _ := q.Take(relay.Control)
	if texts(first) != "m0" {
		t.Fatal(texts(first))
	}
	q.Push(frame(wire.Pong, "pong"))
	if got := texts(drain(t, q, relay.Control)); got != "pong m1 m2" && got != "pong m1" {
		t.Error(got)
	}
}

func TestCursorKeepsTheLatestOfEachKey(t *testing.T) {
	var drops Drops
	q := NewQueue(Limits{Cursors: 2}, &drops)
	cursor := func(k wire.Kind, key, text string) { q.Push(wire.Outgoing{Kind: k, Key: key, Payload: []byte(text)}) }
	cursor(wire.Pointer, "a", "a1")
	cursor(wire.Typing, "a", "t1")
	cursor(wire.Pointer, "a", "a2")
	if got := texts(drain(t, q, relay.Control)); got != "a2 t1" {
		t.Error(got)
	}
	for _, key := range []string{"a", "b", "c"} {
		cursor(wire.Pointer, key, key)
	}
	if got := texts(drain(t, q, relay.Control)); got != "b c" {
		t.Error(got)
	}
	if r, o := drops.Count(relay.ClassCursor, Replaced), drops.Count(relay.ClassCursor, Overflow); r != 1 || o != 1 {
		t.Errorf("replaced %d, overflow %d", r, o)
	}
}

func TestOverflowDisconnectsAfterControl(t *testing.T) {
	for _, k := range []wire.Kind{wire.Message, wire.Pong, wire.PageDiff} {
		t.Run(k.String(), func(t *testing.T) {
			var drops Drops
			room := 3 * (frameCost + 1)
			q := NewQueue(Limits{Control: room, Chat: room, Page: room}, &drops)
			q.Push(frame(wire.Error, "e"))
			for range 4 {
				q.Push(frame(k, "x"))
			}
			frames, err := q.Take(relay.Control)
			if err != nil || !strings.HasPrefix(texts(frames), "e") || strings.Contains(texts(frames), "x") != (k == wire.Pong) {
				t.Errorf("first %q, %v", texts(frames), err)
			}
			for _, l := range []relay.Lane{relay.Control, relay.Page} {
				if _, err := q.Take(l); relay.CodeOf(err) != relay.CodeOverflow {
					t.Errorf("%s lane: %v", l, err)
				}
			}
			if drops.Count(k.Class(), Overflow) != 1 {
				t.Error("the overflow is not counted")
			}
			q.Push(frame(k, "x"))
			if drops.Count(k.Class(), Closed) == 0 {
				t.Error("a frame for a closed queue is not counted")
			}
		})
	}
}

func TestChatIsNeverReorderedOrLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var drops Drops
		q := NewQueue(Limits{Batch: rapid.IntRange(1, 500).Draw(t, "batch"), Chat: 2000}, &drops)
		said, got := 0, 0
		var failed error
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				q.Push(message(said))
				said++
			},
			"take": func(t *rapid.T) {
				frames, err := q.Take(relay.Control)
				for _, f := range frames {
					if string(f.Payload) != fmt.Sprint("m", got) {
						t.Fatalf("got %s, want m%d", f.Payload, got)
					}
					got++
				}
				failed = err
			},
			"": func(t *rapid.T) {
				if q.chat.bytes > 2000 {
					t.Fatalf("%d bytes are queued", q.chat.bytes)
				}
				if failed != nil && relay.CodeOf(failed) != relay.CodeOverflow {
					t.Fatal(failed)
				}
				if lost := said - got - q.chat.len(); failed == nil && q.err == nil && lost != 0 {
					t.Fatalf("%d are lost", lost)
				}
			},
		})
	})
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := New().NewQueue()
		got := make(chan string, 10)
		for _, l := range []relay.Lane{relay.Control, relay.Page} {
			go func() {
				for {
					frames, err := q.Next(context.Background(), l)
					if err != nil {
						got <- err.Error()
						return
					}
					got <- texts(frames)
				}
			}()
		}
		synctest.Wait()
		q.Push(message(1))
		synctest.Wait()
		q.Push(frame(wire.PageDiff, "page"))
		synctest.Wait()
		if a, b := <-got, <-got; a != "m1" || b != "page" || len(got) > 0 {
			t.Errorf("%s, %s", a, b)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := New().NewQueue().Next(ctx, relay.Control); err != context.Canceled {
			t.Errorf("cancelled: %v", err)
		}
		q.Close(nil)
		synctest.Wait()
		if a, b := <-got, <-got; a != io.EOF.Error() || b != io.EOF.Error() {
			t.Errorf("%s, %s", a, b)
		}
	})
}

func TestNotifyIsCalledOncePerWait(t *testing.T) {
	h := New()
	q := h.NewQueue()
	calls := 0
	q.Notify(relay.Control, func() { calls++ })
	expect := func(want int, when string) {
		t.Helper()
		if calls != want {
			t.Errorf("%s: called %d times, want %d", when, calls, want)
		}
	}
	expect(0, "nothing queued")
	q.Push(message(1))
	q.Push(message(2))
	expect(1, "two frames, one wait")
	drain(t, q, relay.Control)
	q.Push(frame(wire.PageDiff, "x"))
	expect(1, "another lane")
	q.Push(message(3))
	expect(2, "after the next wait")
	drain(t, q, relay.Control)
	q.Close(nil)
	expect(3, "closed")
	q.Notify(relay.Control, func() { calls += 10 })
	expect(13, "set after the end")

	q = h.NewQueue()
	q.Push(message(1))
	q.Notify(relay.Control, func() { calls = 100 })
	expect(100, "set when something is queued")
}

func TestManyPublishersAndReaders(t *testing.T) {
	h := New()
	h.Limits.Page = 4 << 10
	page := &counter{}
	topic, pages := h.Topic("chat"), h.Topic("page")
	var group sync.WaitGroup
	const readers, publishers, each = 8, 4, 500
	var received atomic.Int64
	for i := range readers {
		q := h.NewQueue()
		topic.Subscribe(q)
		pages.SubscribePage(q, page, 0)
		group.Go(func() {
			for n := 0; n < publishers*each; {
				frames, err := q.Next(t.Context(), relay.Control)
				if err != nil {
					t.Error(err)
					return
				}
				n += len(frames)
				received.Add(int64(len(frames)))
			}
		})
		group.Go(func() {
			for have := uint64(0); have < each; {
				frames, err := q.Next(t.Context(), relay.Page)
				if err != nil {
					t.Error(err)
					return
				}
				for _, f := range frames {
					have = follow(t, have, f.Payload)
				}
			}
			if i%2 == 0 {
				pages.Unsubscribe(q)
			}
		})
	}
	for range publishers {
		group.Go(func() {
			for i := range each {
				topic.Publish(message(i))
				runtime.Gosched()
			}
		})
	}
	group.Go(func() {
		for range each {
			payload, version := page.change()
			pages.PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: payload}, version)
		}
	})
	group.Wait()
	if received.Load() != readers*publishers*each {
		t.Errorf("%d frames arrived", received.Load())
	}
}

func TestIdleQueueIsSmall(t *testing.T) {
	h := New()
	topic := h.Topic("button")
	const n = 1000
	queues := make([]*Queue, n)
	before := heap()
	for i := range queues {
		queues[i] = h.NewQueue()
		queues[i].Notify(relay.Control, func() {})
		topic.Subscribe(queues[i])
	}
	for range 100 { // what was busy once is small again
		topic.Publish(message(1))
	}
	for _, q := range queues {
		drain(t, q, relay.Control)
	}
	bytes := (heap() - before) / n
	t.Logf("%d bytes an idle queue", bytes)
	if bytes > 2048 {
		t.Errorf("an idle queue takes %d bytes", bytes)
	}
	runtime.KeepAlive(queues)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkPublish1000(b *testing.B) {
	h := New()
	topic := h.Topic("chat")
	queues := make([]*Queue, 1000)
	for i := range queues {
		queues[i] = h.NewQueue()
		topic.Subscribe(queues[i])
	}
	f := frame(wire.Message, strings.Repeat("x", 200))
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		topic.Publish(f)
		if n%keepCap > 0 { // readers take in batches
			continue
		}
		for _, q := range queues {
			if frames, err := q.Take(relay.Control); len(frames) != keepCap || err != nil {
				b.Fatal(len(frames), err)
			}
		}
	}
}
