package netem

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func TestAPathDelaysEachPacketWithinItsJitterAndKeepsTheOrder(t *testing.T) {
	p := path{shape: Shape{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}}
	random := rand.New(rand.NewPCG(1, 0))
	var last time.Time
	for i := range 1000 {
		now := epoch.Add(time.Duration(i) * 10 * time.Millisecond)
		at, fate := p.pass(now, 100, random)
		if d := at.Sub(now); fate != carried || d < 15*time.Millisecond || d > 25*time.Millisecond {
			t.Fatalf("packet %d: fate %d after %v", i, fate, d)
		}
		if at.Before(last) {
			t.Fatalf("packet %d overtakes", i)
		}
		last = at
	}
}

func TestAPathLosesItsShare(t *testing.T) {
	for _, share := range []float64{0, 0.02, 0.5, 1} {
		p := path{shape: Shape{Loss: share}}
		random := rand.New(rand.NewPCG(2, 0))
		gone := 0
		const n = 20_000
		for range n {
			if _, fate := p.pass(epoch, 100, random); fate == lost {
				gone++
			}
		}
		if got := float64(gone) / n; math.Abs(got-share) > 0.015 {
			t.Errorf("loss %g: want %g", got, share)
		}
	}
}

func TestAPathSendsAtItsRateAndDropsWhatItsQueueCannotHold(t *testing.T) {
	p := path{shape: Shape{Rate: 100_000, Queue: 10_000}}
	random := rand.New(rand.NewPCG(3, 0))
	taken, dropped := 0, 0
	var last time.Time
	for range 100 { // a burst of 100 kB
		at, fate := p.pass(epoch, 1000, random)
		switch fate {
		case carried:
			taken++
			last = at
		case overflowed:
			dropped++
		}
	}
	if taken != 10 || dropped != 90 {
		t.Errorf("took %d, dropped %d; want 10 and 90", taken, dropped)
	}
	if got := last.Sub(epoch); got != 100*time.Millisecond {
		t.Errorf("the last of 10 kB arrived after %v, want 100ms at 100 kB/s", got)
	}
	if at, fate := p.pass(epoch.Add(time.Second), 20_000, random); fate != carried || at.Sub(epoch) != 1200*time.Millisecond {
		t.Errorf("an empty queue takes a packet of any size: fate %d, %v", fate, at.Sub(epoch))
	}
}

func TestACutPathCarriesNothing(t *testing.T) {
	p := path{shape: Shape{Cut: true}}
	if _, fate := p.pass(epoch, 1, rand.New(rand.NewPCG(4, 0))); fate != cut {
		t.Errorf("fate %d", fate)
	}
}
