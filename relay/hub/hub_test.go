package hub

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kohe/relay"
	"kohe/relay/wire"
)

func frame(k wire.Kind, text string) wire.Outgoing {
	return wire.Outgoing{Kind: k, Payload: []byte(text)}
}

func message(n int) wire.Outgoing { return frame(wire.Message, fmt.Sprint("m", n)) }

// texts returns what a take gave.
func texts(frames []wire.Outgoing) string {
	var all []string
	for _, f := range frames {
		all = append(all, string(f.Payload))
	}
	return strings.Join(all, " ")
}

// drain takes everything from a lane.
func drain(t interface{ Fatal(...any) }, q *Queue, l relay.Lane) []wire.Outgoing {
	var all []wire.Outgoing
	for {
		frames, err := q.Take(l)
		if err != nil {
			t.Fatal(err)
		}
		if len(frames) == 0 {
			return all
		}
		all = append(all, frames...)
	}
}

func TestTopicReachesItsSubscribersOnly(t *testing.T) {
	h := New()
	a, b := h.NewQueue(), h.NewQueue()
	topic := h.Topic("chat")
	topic.Subscribe(a)
	topic.Subscribe(a)
	h.Topic("chat").Subscribe(b)
	h.Topic("other").Subscribe(b)
	topic.Publish(message(1))
	topic.Unsubscribe(b)
	topic.Publish(message(2))
	if got := texts(drain(t, a, relay.Control)); got != "m1 m2" {
		t.Errorf("a got %q", got)
	}
	if got := texts(drain(t, b, relay.Control)); got != "m1" {
		t.Errorf("b got %q", got)
	}
}

func TestComingBackContinuesWhereItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topic := New().Topic("chat")
		start := topic.seq
		n := rapid.IntRange(0, 3*ReplayFrames).Draw(t, "published")
		pad := rapid.SampledFrom([]int{0, ReplayBytes / 7, ReplayBytes + 1}).Draw(t, "bytes")
		for i := range n {
			topic.Publish(frame(wire.Message, fmt.Sprint("m", i, strings.Repeat(".", pad))))
			topic.Publish(wire.Outgoing{Kind: wire.Typing, Key: "k", Payload: []byte("typing")})
		}
		if topic.bytes > ReplayBytes || len(topic.ring) > ReplayFrames {
			t.Fatalf("%d frames, %d bytes are kept", len(topic.ring), topic.bytes)
		}
		have := rapid.Uint64Range(0, uint64(n)+2).Draw(t, "has")
		var drops Drops
		q := NewQueue(Limits{}, &drops)
		from := topic.SubscribeAfter(q, start+have)
		got := drain(t, q, relay.Control)
		if from != start+have && (from != start+uint64(n) || len(got) > 0) {
			t.Fatalf("has %d, goes on from %d of %d with %d frames", have, from-start, n, len(got))
		}
		for i, f := range got {
			if want := fmt.Sprint("m", int(have)+i); !strings.HasPrefix(string(f.Payload), want) {
				t.Fatalf("frame %d is %.10s, want %s", i, f.Payload, want)
			}
		}
		if from == start+have && len(got) != n-int(have) {
			t.Fatalf("has %d of %d, got %d frames", have, n, len(got))
		}
		if pad == 0 && have <= uint64(n) && n-int(have) <= ReplayFrames && from != start+have {
			t.Fatalf("%d frames back is forgotten", n-int(have))
		}
	})
}

func TestTopicThatCameAgainNumbersFromHigherOn(t *testing.T) {
	h := New()
	first := h.Topic("chat").Publish(message(1))
	until(t, func() bool { return h.Topics() == 0 })
	again := h.Topic("chat")
	q := h.NewQueue()
	if from := again.SubscribeAfter(q, first); from <= first {
		t.Errorf("goes on from %d, which was %d of a topic that is gone", from, first)
	}
}

func TestTopicsVanishWhenNobodyHoldsThem(t *testing.T) {
	h := New()
	held := h.Topic("held")
	queue := h.NewQueue()
	h.Topic("subscribed").Subscribe(queue)
	for i := range 1000 {
		q := h.NewQueue()
		topic := h.Topic(fmt.Sprint(i))
		topic.Subscribe(q)
		topic.Publish(message(i))
		if i%2 == 0 { // the others are just forgotten
			q.Close(nil)
		}
	}
	until(t, func() bool { return h.Topics() == 2 })
	h.Topic("subscribed").Publish(message(1))
	if got := texts(drain(t, queue, relay.Control)); got != "m1" {
		t.Errorf("the topic that has a subscriber gave %q", got)
	}
	queue.Close(nil)
	until(t, func() bool { return h.Topics() == 1 })
	runtime.KeepAlive(held)
}

// until collects garbage until a cleanup has done its work.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("it never comes to that")
		}
		runtime.Gosched()
	}
}

func TestClosingLeavesEveryTopic(t *testing.T) {
	h := New()
	topic := h.Topic("chat")
	q := h.NewQueue()
	topic.Subscribe(q)
	q.Close(io.ErrUnexpectedEOF)
	q.Close(nil)
	if topic.Subscribers() != 0 {
		t.Error("a closed queue is still subscribed")
	}
	if topic.Subscribe(q); topic.Subscribers() != 0 {
		t.Error("a closed queue can subscribe")
	}
	if _, err := q.Take(relay.Page); err != io.ErrUnexpectedEOF {
		t.Errorf("closed with %v", err)
	}
}

func TestTopicLetsGoOfQueuesThatOverflow(t *testing.T) {
	h := New()
	h.Limits.Chat = 4 * (frameCost + 2)
	topic := h.Topic("chat")
	slow, fast := h.NewQueue(), h.NewQueue()
	topic.Subscribe(slow)
	topic.Subscribe(fast)
	var got []wire.Outgoing
	for i := range 9 {
		topic.Publish(message(i))
		got = append(got, drain(t, fast, relay.Control)...)
	}
	if texts(got) != "m0 m1 m2 m3 m4 m5 m6 m7 m8" || topic.Subscribers() != 1 {
		t.Errorf("the fast one got %q, %d are subscribed", texts(got), topic.Subscribers())
	}
	if _, err := slow.Take(relay.Control); relay.CodeOf(err) != relay.CodeOverflow {
		t.Errorf("the slow one: %v", err)
	}
	if n := h.Drops.Count(relay.ClassChat, Closed); n != 4 {
		t.Errorf("%d frames are counted as left behind", n)
	}
	if n := h.Drops.Count(relay.ClassChat, Overflow); n != 1 {
		t.Errorf("%d overflows are counted", n)
	}
}

func TestEveryDropIsNamed(t *testing.T) {
	var d Drops
	d.add(relay.ClassPage, Collapsed, 3)
	var names []string
	for drop, n := range d.All() {
		if n > 0 {
			names = append(names, fmt.Sprint(drop.Class, "/", drop.Reason, "=", n))
		}
	}
	if !slices.Equal(names, []string{"page/collapsed=3"}) {
		t.Error(names)
	}
}
