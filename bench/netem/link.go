package netem

import (
	"math/rand/v2"
	"sync"
	"time"
)

// maxFlight bounds the bytes under way in one direction; more are dropped and
// counted as overflowed.
const maxFlight = 64 << 20

// Stats counts packets of one direction.
type Stats struct {
	Carried    uint64 // handed to the other end, or under way
	Lost       uint64 // by Shape.Loss
	Overflowed uint64 // no room in the queue
	Cut        uint64
}

// link is one direction between two hosts. It holds packets until they arrive.
type link struct {
	deliver func([]byte) // called by run alone, in order
	wake    chan struct{}
	closed  chan struct{}

	mu     sync.Mutex // guards what follows; never held while delivering
	path   path
	random *rand.Rand
	stats  Stats
	flight []packet // by arrival
	bytes  int      // of flight
}

type packet struct {
	at   time.Time
	body []byte
}

func newLink(seed uint64, deliver func([]byte)) *link {
	return &link{
		deliver: deliver, wake: make(chan struct{}, 1), closed: make(chan struct{}),
		random: rand.New(rand.NewPCG(seed, 0)),
	}
}

// send takes a packet; body must not change after.
func (l *link) send(body []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes+len(body) > maxFlight {
		l.stats.Overflowed++
		return
	}
	if l.path.shape.NoUDP && isUDP(body) {
		l.stats.Cut++
		return
	}
	at, fate := l.path.pass(time.Now(), len(body), l.random)
	switch fate {
	case lost:
		l.stats.Lost++
	case overflowed:
		l.stats.Overflowed++
	case cut:
		l.stats.Cut++
	case carried:
		l.stats.Carried++
		l.bytes += len(body)
		l.flight = append(l.flight, packet{at, body})
		if len(l.flight) == 1 {
			select {
			case l.wake <- struct{}{}:
			default: // run has yet to look
			}
		}
	}
}

// isUDP reports whether an IPv4 packet is one of UDP (RFC 791 §3.1).
func isUDP(b []byte) bool { return len(b) >= 20 && b[0]>>4 == 4 && b[9] == 17 }

// set changes the shape. What is under way arrives as it was to, but a cut
// drops it.
func (l *link) set(s Shape) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path.shape = s
	if s.Cut {
		l.stats.Carried -= uint64(len(l.flight))
		l.stats.Cut += uint64(len(l.flight))
		l.flight, l.bytes = nil, 0
		l.path.idle, l.path.last = time.Time{}, time.Time{}
	}
}

// run delivers until the link is closed.
func (l *link) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		p, ok := l.next()
		if !ok {
			select {
			case <-l.wake:
			case <-l.closed:
				return
			}
			continue
		}
		if wait := time.Until(p.at); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-l.closed:
				return
			}
		}
		if body := l.take(p.at); body != nil {
			l.deliver(body)
		}
	}
}

// next returns the first packet under way and leaves it there.
func (l *link) next() (packet, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flight) == 0 {
		return packet{}, false
	}
	return l.flight[0], true
}

// take removes the first packet if it arrives at the given time or before. It
// may be another one than next returned, if the link was cut meanwhile.
func (l *link) take(at time.Time) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.flight) == 0 || l.flight[0].at.After(at) {
		return nil
	}
	body := l.flight[0].body
	l.flight[0].body = nil
	l.flight = l.flight[1:]
	l.bytes -= len(body)
	return body
}
