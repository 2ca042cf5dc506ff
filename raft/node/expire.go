package node

import (
	"context"
	"time"
)

// tickPause is the least time between two Ticks, so that a deadline which does
// not move costs at most 50 log entries a second.
const tickPause = 20 * time.Millisecond

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
				from = time.Now().Add(n.timing.Grace)
				n.announce()
			}
		case <-n.wake:
		case <-timer.C:
			// The answer does not matter: an expiry that was not committed is
			// still due.
			_, _ = n.Apply(n.machine.Tick(n.now().UnixMilli()))
		}
		timer.Stop()
		if at, ok := n.machine.Deadline(); ok && leading {
			timer.Reset(max(time.UnixMilli(at).Sub(n.now()), time.Until(from), tickPause))
		}
	}
}

// announce makes a leader ready once everything that was committed before it
// led is applied.
func (n *Node) announce() {
	if !n.enter() {
		return
	}
	defer n.calls.Done()
	if n.raft.Barrier(0).Error() == nil {
		n.becomeReady()
		n.settleAddress()
	}
}
