package netem

import (
	"math/rand/v2"
	"time"
)

// DefaultQueue is the queue of a rate-limited direction that names none, in bytes.
const DefaultQueue = 64 << 10

// Shape is what one direction of a link does to packets. The zero Shape
// delivers everything at once.
type Shape struct {
	Delay  time.Duration // one way
	Jitter time.Duration // the delay is uniform in Delay ± Jitter, at least 0
	Loss   float64       // share of packets, 0 to 1, each by itself
	Rate   int           // bytes a second; 0: unlimited
	Queue  int           // bytes that may wait for the transmitter; 0: DefaultQueue
	Cut    bool          // nothing passes
	NoUDP  bool          // of IPv4 packets only those pass that are not UDP, as in some offices; for Namespaces
}

// fate is what becomes of a packet.
type fate int

const (
	carried fate = iota
	lost
	overflowed // no room in the queue
	cut
)

// path is the pure model of one direction: it has no clock and no packets. Its
// owner calls it with times that do not run backwards.
type path struct {
	shape Shape
	idle  time.Time // when the transmitter has sent all that it took
	last  time.Time // when the latest packet arrives
}

// pass says what becomes of a packet of size bytes at now and when it arrives.
func (p *path) pass(now time.Time, size int, random *rand.Rand) (time.Time, fate) {
	if p.shape.Cut {
		return time.Time{}, cut
	}
	sent, ok := p.transmit(now, size)
	if !ok {
		return time.Time{}, overflowed
	}
	if random.Float64() < p.shape.Loss {
		return time.Time{}, lost
	}
	delay := p.shape.Delay
	if j := p.shape.Jitter; j > 0 {
		delay += time.Duration(random.Int64N(int64(2*j)+1)) - j
	}
	at := sent.Add(max(0, delay))
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	return at, carried
}

// transmit returns when the transmitter will have sent size more bytes, false
// if the queue has no room for them. A packet always fits an empty queue.
func (p *path) transmit(now time.Time, size int) (time.Time, bool) {
	if p.idle.Before(now) {
		p.idle = now
	}
	rate := p.shape.Rate
	if rate <= 0 {
		return p.idle, true
	}
	room := p.shape.Queue
	if room <= 0 {
		room = DefaultQueue
	}
	waiting := int(p.idle.Sub(now).Seconds() * float64(rate))
	if waiting > 0 && waiting+size > room {
		return time.Time{}, false
	}
	p.idle = p.idle.Add(time.Duration(float64(size) / float64(rate) * float64(time.Second)))
	return p.idle, true
}
