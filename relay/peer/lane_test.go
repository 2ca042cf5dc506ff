package peer

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kohe/relay"
)

// heard is what came on the lanes to one node.
type heard struct {
	mu     sync.Mutex
	times  map[uint64]int // copies of a number
	firsts map[uint64]bool
	took   []time.Duration
	wrong  int // frames that are not what was sent under their number
}

// hear listens to a node's lanes. Frames are made by said.
func hear(n *node) *heard {
	h := &heard{times: map[uint64]int{}, firsts: map[uint64]bool{}}
	n.HandleFrames(func(f Frame) {
		number, frame := f.Number, f.Body
		h.mu.Lock()
		defer h.mu.Unlock()
		h.times[number]++
		h.firsts[f.First] = true
		if binary.BigEndian.Uint64(frame) != number {
			h.wrong++
		}
		h.took = append(h.took, time.Since(time.UnixMicro(int64(binary.BigEndian.Uint64(frame[8:])))))
	})
	return h
}

// count returns how many of the first n numbers never came, and how many
// copies came too many.
func (h *heard) count(n uint64) (lost, doubled int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for number := uint64(1); number <= n; number++ {
		if h.times[number] == 0 {
			lost++
		}
	}
	for _, times := range h.times {
		doubled += times - 1
	}
	return lost, doubled
}

func (h *heard) percentile(p float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	sorted := slices.Sorted(slices.Values(h.took))
	return sorted[int(float64(len(sorted)-1)*p)]
}

// said returns a frame of size bytes that names its number and its time.
func said(number uint64, size int) []byte {
	b := binary.BigEndian.AppendUint64(nil, number)
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMicro()))
	return append(b, make([]byte, max(0, size-len(b)))...)
}

// mustLane returns a lane and waits until its pair is connected.
func mustLane(t testing.TB, from *node, to string) *Lane {
	t.Helper()
	l, err := from.Lane(to)
	if err == nil {
		_, err = from.Peers.Conn(t.Context(), to)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func drain(t testing.TB, l *Lane) {
	t.Helper()
	if err := l.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// faults sends from both nodes at once while packets are lost, links are cut
// and connections closed, and returns what came of it.
func faults(t *testing.T, frames uint64, doubles bool) (lost, doubled int) {
	n := newMemNet(10*time.Millisecond, 0.1)
	a, b := pair(t, n)
	heards := []*heard{hear(a), hear(b)}
	lanes := []*Lane{mustLane(t, a, "b"), mustLane(t, b, "a")}
	if doubles { // the test of the test: copies are not told apart
		for _, each := range []*Peers{a.Peers, b.Peers} {
			each.mu.Lock()
			for _, l := range each.links {
				l.inlet.admit = func(number uint64) freshness {
					l.inlet.window.take(number)
					return fresh
				}
			}
			each.mu.Unlock()
		}
	}
	var senders sync.WaitGroup
	for i, lane := range lanes {
		senders.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for number := uint64(1); number <= frames; number++ {
				for {
					have, err := lane.Send(said(number, 20+rng.IntN(1500)*rng.IntN(2)))
					if err == nil && have == number {
						break
					}
					if err != ErrFull {
						t.Errorf("frame %d has the number %d: %v", number, have, err)
						return
					}
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
			}
		})
	}
	over := make(chan struct{})
	var breaker sync.WaitGroup
	breaker.Go(func() { harm(n, a, b, over) })
	senders.Wait()
	close(over)
	breaker.Wait()
	for _, lane := range lanes {
		drain(t, lane)
	}
	for i, lane := range lanes {
		l, d := heards[1-i].count(frames)
		lost, doubled = lost+l, doubled+d
		if heards[i].wrong > 0 {
			t.Errorf("%d frames are not what was sent", heards[i].wrong)
		}
		s := lane.Stats()
		t.Logf("%d sent, %d doubled, %d resent on %d streams, received %+v", s.Sent, s.Doubled, s.Resent, s.Streams, s.Received)
		if s.Streams < 5 || s.Resent == 0 || s.Received.Sooner == 0 {
			t.Errorf("the faults were none: %+v", s)
		}
	}
	a.stop()
	b.stop()
	return lost, doubled
}

// harm breaks things until over is closed, and mends them.
func harm(n *memNet, a, b *node, over chan struct{}) {
	rng := rand.New(rand.NewPCG(7, 7))
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(rng.IntN(2000)) * time.Millisecond):
		}
		switch rng.IntN(3) {
		case 0: // a cut, of one direction or both, shorter or longer than the idle timeout
			n.setCut(a.addr(), b.addr(), true)
			n.setCut(b.addr(), a.addr(), rng.IntN(2) == 0)
			time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond)
			n.setCut(a.addr(), b.addr(), false)
			n.setCut(b.addr(), a.addr(), false)
		case 1:
			for _, c := range a.Up() {
				c.close(closeBye, "")
			}
		case 2:
			for _, c := range b.Up() {
				c.close(closeBye, "")
			}
		}
	}
}

func TestALaneLosesAndDoublesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if lost, doubled := faults(t, 6000, false); lost != 0 || doubled != 0 {
			t.Errorf("%d lost, %d doubled", lost, doubled)
		}
	})
}

func TestALaneThatDoesNotTellCopiesApartDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, doubled := faults(t, 3000, true); doubled == 0 {
			t.Error("the test of the lane would not notice a doubled frame")
		}
	})
}

func TestDoublingTakesTheLossOutOfTheTail(t *testing.T) {
	const frames = 2000
	p99 := func(loss float64, size int) (of time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNet(10*time.Millisecond, loss)
			a, b := pair(t, n)
			h := hear(b)
			lane := mustLane(t, a, "b")
			time.Sleep(time.Second)
			for number := uint64(1); number <= frames; number++ {
				if _, err := lane.Send(said(number, size)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			drain(t, lane)
			of = h.percentile(.99)
			a.stop()
			b.stop()
		})
		return of
	}
	clean, doubled, single := p99(0, 200), p99(0.02, 200), p99(0.02, MaxDatagram+1)
	t.Logf("p99 of one way of 10 ms: %v without loss; at 2%%: %v doubled, %v on the stream alone", clean, doubled, single)
	if clean > 11*time.Millisecond || doubled > 15*time.Millisecond || single < 2*doubled {
		t.Error("doubling does not help")
	}
}

func TestAFrameCrossesInOnePacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(10*time.Millisecond, 0)
		a, b := pair(t, n)
		arrived := make(chan int, 1)
		b.HandleFrames(func(Frame) { arrived <- n.largePackets() })
		lane := mustLane(t, a, "b")
		time.Sleep(5 * time.Second)
		for i := range 20 {
			time.Sleep(tick + time.Duration(i)*time.Millisecond)
			before := n.largePackets()
			if _, err := lane.Send(make([]byte, 200)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond) // before the copy
			if sent := n.largePackets() - before; sent != 1 {
				t.Errorf("%d packets were sent", sent)
			}
			if sent := <-arrived - before; sent != 2 { // the copy
				t.Errorf("%d packets were sent in all", sent)
			}
		}
		a.stop()
		b.stop()
	})
}

func TestAFullLaneSaysSoAndGoesOnLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(10*time.Millisecond, 0)
		a, b := pair(t, n)
		h := hear(b)
		lane := mustLane(t, a, "b")
		n.setCut(b.addr(), a.addr(), true)
		n.setCut(a.addr(), b.addr(), true)
		began, number := time.Now(), uint64(0)
		for {
			have, err := lane.Send(said(number+1, 1000))
			if err == ErrFull {
				break
			}
			if err != nil || have != number+1 {
				t.Fatal(have, err)
			}
			number++
		}
		if number < LaneWindow/1100 || number > LaneWindow/1000 || time.Since(began) != 0 {
			t.Errorf("%d frames were taken in %v", number, time.Since(began))
		}
		if _, err := lane.Send(make([]byte, MaxFrame+1)); err != ErrTooLarge {
			t.Errorf("%v", err)
		}
		n.setCut(b.addr(), a.addr(), false)
		n.setCut(a.addr(), b.addr(), false)
		drain(t, lane)
		if _, err := lane.Send(said(number+1, MaxFrame)); err != nil {
			t.Error(err)
		}
		drain(t, lane)
		if lost, doubled := h.count(number + 1); lost != 0 || doubled != 0 {
			t.Errorf("%d lost, %d doubled", lost, doubled)
		}
		if s := lane.Stats(); s.Full != 1 || s.Waiting != 0 || lane.bytes != 0 {
			t.Errorf("%+v, %d bytes", s, lane.bytes)
		}
		a.stop()
		b.stop()
	})
}

func TestARestartedNodeHearsWhatItsFormerLifeDidNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(10*time.Millisecond, 0)
		ca := newCA(t)
		a := openNode(t, n.listen(), issue(t, ca, "a", RoleCore), nil)
		socket, creds := n.listen(), issue(t, ca, "b", RoleCore)
		b := openNode(t, socket, creds, nil)
		know(a, b)
		first, back := hear(b), hear(a)
		lane, answers := mustLane(t, a, "b"), mustLane(t, b, "a")
		send := func(l *Lane, from, to uint64) {
			for number := from; number <= to; number++ {
				if have, err := l.Send(said(number, 100)); err != nil || have != number {
					t.Fatal(have, err)
				}
			}
		}
		send(lane, 1, 100)
		send(answers, 1, 100)
		drain(t, lane)
		drain(t, answers)
		b.kill()
		send(lane, 101, 200)
		time.Sleep(3 * time.Second)
		again := openNode(t, n.relisten(socket.addr), creds, nil)
		second := hear(again)
		know(a, again)
		send(mustLane(t, again, "a"), 1, 50) // a new life numbers from 1
		drain(t, lane)
		time.Sleep(time.Second)
		if lost, doubled := first.count(100); lost != 0 || doubled != 0 || len(first.times) != 100 {
			t.Errorf("first life: %d lost, %d doubled, %d in all", lost, doubled, len(first.times))
		}
		if lost, doubled := second.count(200); lost != 100 || doubled != 0 || len(second.times) != 100 {
			t.Errorf("second life: %d lost, %d doubled, %d in all", lost, doubled, len(second.times))
		}
		if len(first.firsts) != 1 || !first.firsts[1] || len(second.firsts) != 1 || !second.firsts[101] {
			t.Errorf("the lives' lanes began with %v and %v", first.firsts, second.firsts)
		}
		if lost, doubled := back.count(100); lost != 0 || doubled != 50 {
			t.Errorf("from both lives: %d lost, %d doubled", lost, doubled)
		}
		a.stop()
		again.stop()
	})
}

func TestALaneEndsWhenItsNodeLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, newMemNet(time.Millisecond, 0))
		var heard atomic.Int64
		b.HandleFrames(func(Frame) { heard.Add(1) })
		lane := mustLane(t, a, "b")
		if _, err := lane.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
		drain(t, lane)
		a.Set([]Node{a.member()})
		if _, err := lane.Send([]byte("x")); err == nil {
			t.Error("a frame to a node that left is taken")
		}
		if _, err := a.Lane("b"); relay.CodeOf(err) != relay.CodeNotFound {
			t.Errorf("%v", err)
		}
		a.Set([]Node{a.member(), b.member()})
		before := heard.Load()
		if _, err := mustLane(t, a, "b").Send([]byte("x")); err != nil { // a lane anew, numbered from 1
			t.Error(err)
		}
		time.Sleep(time.Second)
		if heard.Load() != before+1 {
			t.Error("the frame of a node that came back is taken for a copy")
		}
		a.stop()
		if _, err := a.Lane("b"); err != ErrClosed {
			t.Errorf("%v", err)
		}
		b.stop()
	})
}

func TestANodeThatBreaksTheProtocolOfLanesIsCutOff(t *testing.T) {
	id := relay.NewID()
	head := func(b ...byte) []byte { return append(id[:len(id):len(id)], b...) }
	long := binary.AppendUvarint(head(1), MaxFrame+1)
	for name, harm := range map[string]func(*Conn, Stream){
		"a number 0":           func(_ *Conn, s Stream) { _, _ = s.Write(head(0)) },
		"a gap":                func(_ *Conn, s Stream) { _, _ = s.Write(head(5)) },
		"a frame too long":     func(_ *Conn, s Stream) { _, _ = s.Write(long) },
		"a datagram of number": func(c *Conn, _ Stream) { _ = c.send([]byte{byte(kindLane), 0x80}) },
		"a datagram 0":         func(c *Conn, _ Stream) { _ = c.send([]byte{byte(kindLane), 0}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, newMemNet(time.Millisecond, 0))
				c, err := a.Peers.Conn(t.Context(), "b")
				if err != nil {
					t.Fatal(err)
				}
				first, err := c.Open(t.Context(), kindLane)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = first.Write(head(1, 1, 'x')) // so that b knows a's numbers
				time.Sleep(time.Second)
				s, err := c.Open(t.Context(), kindLane)
				if err != nil {
					t.Fatal(err)
				}
				harm(c, s)
				<-c.Done()
				a.stop()
				b.stop()
			})
		})
	}
}

func TestAnAcknowledgementOfTheFutureIsRefused(t *testing.T) {
	l := &Lane{base: 5, frames: []laneFrame{newLaneFrame(5, nil), newLaneFrame(6, nil)}, written: 1}
	for _, c := range []struct {
		number uint64
		ok     bool
		base   uint64
	}{{3, true, 5}, {7, false, 5}, {6, true, 6}, {1 << 63, false, 6}} {
		if ok := l.acknowledge(c.number); ok != c.ok || l.base != c.base {
			t.Errorf("%d: %v, base %d", c.number, ok, l.base)
		}
	}
}

func TestTheWindowLetsEachNumberThroughOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		w, seen, lowest := window{next: 1}, map[uint64]bool{}, uint64(1)
		for range 5000 {
			number := lowest + uint64(rng.IntN(60)) - min(lowest-1, 20)
			if rng.IntN(50) == 0 {
				number = lowest + uint64(rng.IntN(3*seenAhead))
			}
			want := fresh
			switch {
			case seen[number]:
				want = duplicate
			case number-lowest >= seenAhead:
				want = ahead
			default:
				seen[number] = true
			}
			for seen[lowest] {
				lowest++
			}
			if have := w.take(number); have != want || w.next != lowest {
				t.Fatalf("%d: %v, want %v; missing %d, want %d", number, have, want, w.next, lowest)
			}
		}
	}
}

func FuzzLane(f *testing.F) {
	f.Add([]byte{1, 3, 'a', 'b', 'c', 0})
	f.Add(binary.AppendUvarint(nil, 1<<63))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReader(bytes.NewReader(b))
		if _, _, err := readLaneHead(r); err != nil {
			r.Reset(bytes.NewReader(b))
		}
		for {
			frame, err := readLaneFrame(r)
			if err != nil {
				break
			}
			if len(frame) > MaxFrame {
				t.Fatalf("%d bytes", len(frame))
			}
		}
		in := newInlet()
		rest := b
		for len(rest) > 0 {
			number, n := binary.Uvarint(rest)
			if n <= 0 {
				return
			}
			before := in.window.next
			if in.admit(number) == fresh && number < before || in.complete()+1 < before {
				t.Fatalf("%d was let through, %d was missing", number, before)
			}
			rest = rest[n:]
		}
	})
}

// BenchmarkLane is a frame of 200 bytes there and back over loopback, beside
// the same on a stream of the same connection.
func BenchmarkLane(b *testing.B) {
	ca := newCA(b)
	x, y := openNode(b, udp(b), issue(b, ca, "x", RoleCore), nil), openNode(b, udp(b), issue(b, ca, "y", RoleCore), nil)
	defer x.stop()
	defer y.stop()
	var back *Lane
	y.HandleFrames(func(f Frame) { _, _ = back.Send(f.Body) })
	echoed := make(chan struct{}, 1)
	x.HandleFrames(func(Frame) { echoed <- struct{}{} })
	know(x, y)
	there := mustLane(b, x, "y")
	back = mustLane(b, y, "x")
	frame := make([]byte, 200)
	b.Run("lane", func(b *testing.B) {
		for b.Loop() {
			if _, err := there.Send(frame); err != nil {
				b.Fatal(err)
			}
			<-echoed
		}
	})
	b.Run("stream", func(b *testing.B) {
		c, err := x.Peers.Conn(b.Context(), "y")
		if err != nil {
			b.Fatal(err)
		}
		s, err := c.Open(b.Context(), kindEcho)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := s.Write(frame); err != nil {
				b.Fatal(err)
			}
			for n := 0; n < len(frame); {
				k, err := s.Read(frame[n:])
				if err != nil {
					b.Fatal(err)
				}
				n += k
			}
		}
	})
	if testing.Verbose() {
		fmt.Printf("%+v\n", there.Stats())
	}
}
