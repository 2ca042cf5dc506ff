package node

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestAMemberIsReplacedThatTheLeaderFollowsStill ends a member before it is
// removed. The leader then tries for a while to reach who was removed, and finds
// who came in its place: an empty disk, which is sent two snapshots at one time.
func TestAMemberIsReplacedThatTheLeaderFollowsStill(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			ids := []string{"a", "b", "c"}
			w := newWorld(t, seed, real, ids...)
			stop := make(chan struct{})
			var writers sync.WaitGroup
			for i := range 4 {
				writers.Go(func() { w.write(i, stop) })
			}
			for i := range 10 {
				victim := ids[i%len(ids)]
				if w.leader().id == victim {
					continue
				}
				w.stop(victim)
				time.Sleep(time.Duration(w.rng.Int64N(int64(time.Second))))
				w.remove(victim)
				w.cut()
				w.open(victim, emptyDisk(t), true)
				w.add(victim)
				time.Sleep(time.Duration(w.rng.Int64N(int64(2 * time.Second))))
			}
			close(stop)
			writers.Wait()
			if err := w.settle(); err != nil {
				t.Error(err)
			}
			w.close()
		})
	}
}
