package main

import (
	"time"

	"kohe/relay/peer"
)

// lossEvery is how far the samples lie apart of which a link's loss is told: it
// is that of the last 30 to 60 s.
const lossEvery = 30 * time.Second

// sample is what a connection had sent by a time.
type sample struct {
	at            time.Time
	packets, lost uint64
}

// losses are the last two samples of a connection.
type losses struct {
	conn          *peer.Conn
	former, later sample
}

// see takes a sample where it is time for one.
func (l *losses) see(now sample) {
	if now.at.Sub(l.later.at) >= lossEvery {
		l.former, l.later = l.later, now
	}
}

// recent returns how many packets were sent since the former sample, and how many
// of them were lost. A packet can be found lost later than it was sent, so that
// at most as many are.
func (l *losses) recent(now sample) (packets, lost uint64) {
	packets = now.packets - l.former.packets
	return packets, min(now.lost-l.former.lost, packets)
}

func sampleOf(s peer.Stats) sample { return sample{time.Now(), s.PacketsOut, s.PacketsLost} }

// sampleLinks keeps samples of all connections that there are.
func (c *cluster) sampleLinks(links []peer.LinkState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := make(map[string]*losses, len(links))
	for _, l := range links {
		if l.Conn == nil {
			continue
		}
		of, s := c.losses[l.Node], l.Conn.Stats()
		if of == nil || of.conn != l.Conn {
			of = &losses{conn: l.Conn, former: sample{at: s.Began}, later: sample{at: s.Began}}
		}
		of.see(sampleOf(s))
		kept[l.Node] = of
	}
	c.losses = kept
}

// recentLoss returns what a connection sent and lost lately.
func (c *cluster) recentLoss(l peer.LinkState, s peer.Stats) (packets, lost uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.losses[l.Node]
	if of == nil || of.conn != l.Conn {
		of = &losses{} // it has just begun
	}
	return of.recent(sampleOf(s))
}
