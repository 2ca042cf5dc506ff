package netem

import (
	"fmt"
	"slices"
	"sync"
)

// links are those of every ordered pair of hosts.
type links struct {
	names   []string
	all     map[pair]*link
	running sync.WaitGroup
}

type pair struct{ from, to string }

// connect makes a link from every host to every other one, all with the zero
// Shape; deliver hands a packet to a host and must not block for long.
func connect(seed uint64, names []string, deliver func(to string, body []byte)) *links {
	n := &links{names: slices.Clone(names), all: map[pair]*link{}}
	for _, from := range names {
		for _, to := range names {
			if from == to {
				continue
			}
			l := newLink(seed+uint64(len(n.all)), func(body []byte) { deliver(to, body) })
			n.all[pair{from, to}] = l
			n.running.Go(l.run)
		}
	}
	return n
}

// at returns a link. A host that does not exist is a mistake in the caller.
func (n *links) at(from, to string) *link {
	l := n.all[pair{from, to}]
	if l == nil {
		panic(fmt.Sprintf("netem: no link from %q to %q", from, to))
	}
	return l
}

// Set changes the direction from one host to another.
func (n *links) Set(from, to string, s Shape) { n.at(from, to).set(s) }

// SetBoth changes both directions between two hosts.
func (n *links) SetBoth(a, b string, s Shape) {
	n.Set(a, b, s)
	n.Set(b, a, s)
}

// SetAll changes every link.
func (n *links) SetAll(s Shape) {
	for _, l := range n.all {
		l.set(s)
	}
}

// Shape returns what the direction from one host to another is now.
func (n *links) Shape(from, to string) Shape {
	l := n.at(from, to)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path.shape
}

// Cut stops one direction, and drops what is under way there. For both, cut both.
func (n *links) Cut(from, to string) { n.cut(from, to, true) }

// Heal ends a Cut; the rest of the Shape is as it was.
func (n *links) Heal(from, to string) { n.cut(from, to, false) }

func (n *links) cut(from, to string, on bool) {
	s := n.Shape(from, to)
	s.Cut = on
	n.Set(from, to, s)
}

// Isolate cuts a host from all others, both ways; Rejoin heals that.
func (n *links) Isolate(host string) { n.isolate(host, true) }

// Rejoin ends an Isolate.
func (n *links) Rejoin(host string) { n.isolate(host, false) }

func (n *links) isolate(host string, on bool) {
	for p := range n.all {
		if p.from == host || p.to == host {
			n.cut(p.from, p.to, on)
		}
	}
}

// Stats returns the counters of the direction from one host to another.
func (n *links) Stats(from, to string) Stats {
	l := n.at(from, to)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// close ends every link and waits.
func (n *links) close() {
	for _, l := range n.all {
		close(l.closed)
	}
	n.running.Wait()
}
