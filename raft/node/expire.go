package node

import (
	"context"
	"time"
)

const (
	// tickPause is the least time between two Ticks, so that a deadline which
	// does not move costs at most 50 log entries a second.
	tickPause = 20 * time.Millisecond
	// retired is an election timeout that never comes.
	retired = 24 * time.Hour
)

// expire proposes Tick whenever the machine's deadline is due and this node
// leads.
func (n *Node) expire(ctx context.Context) {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	leading := false
	var from time.Time // nothing expires before
	for {
		select {
		case <-ctx.Done():
			return
		case leading = <-n.raft.LeaderCh():
			if leading {
				from = time.Now().Add(n.grace)
				n.announce()
			}
		case <-n.wake:
		case <-timer.C:
			// The answer does not matter: an expiry that was not committed is
			// still due.
			_, _ = n.Apply(n.machine.Tick(time.Now().UnixMilli()))
		}
		timer.Stop()
		if at, ok := n.machine.Deadline(); ok && leading {
			timer.Reset(max(time.Until(time.UnixMilli(at)), time.Until(from), tickPause))
		}
	}
}

// announce closes ready once everything that was committed before this node
// led is applied.
func (n *Node) announce() {
	select {
	case <-n.ready:
		return
	default:
	}
	if !n.enter() {
		return
	}
	defer n.calls.Done()
	if n.raft.Barrier(0).Error() == nil {
		close(n.ready)
	}
}

// retire keeps a node whose disk has failed from standing for election until
// the process ends: hashicorp/raft panics if it cannot store a new term.
func (n *Node) retire(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-n.disk.Failed():
		c := n.raft.ReloadableConfig()
		c.HeartbeatTimeout, c.ElectionTimeout = retired, retired
		_ = n.raft.ReloadConfig(c) // refused only if the lease were longer
	}
}
