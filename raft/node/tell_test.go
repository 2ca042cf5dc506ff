package node

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestAFollowerHasALoneCommandAtOnce: no other command follows which would tell
// it that the first is committed. After a change of leaders the new one tells.
func TestAFollowerHasALoneCommandAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a", "b", "c")
		for round := range 20 {
			leader := w.leader()
			time.Sleep(time.Duration(500+7*round) * time.Millisecond)
			began := time.Now()
			if _, err := leader.Node.Apply(fmt.Append(nil, "lone/", round)); err != nil {
				t.Fatal(err)
			}
			committed, index := time.Since(began), leader.Applied()
			for _, m := range w.list() {
				for m.Applied() < index {
					time.Sleep(time.Millisecond / 10)
				}
			}
			if took := time.Since(began); took > committed+5*time.Millisecond {
				t.Errorf("round %d: all have it after %v, the leader after %v", round, took, committed)
			}
			if round == 9 {
				if err := leader.Transfer(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		w.close()
	})
}
