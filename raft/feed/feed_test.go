package feed

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"kohe/raft/state"
)

func TestASlowWatcherHoldsUpButLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := Open()
		release := make(chan struct{})
		var seen atomic.Int64
		f.Watch(func(changes []state.Change) {
			<-release
			seen.Add(int64(len(changes)))
		})
		const batch, batches = MaxChanges / 4, 12
		pushed := make(chan struct{})
		go func() {
			for range batches {
				f.Push(make([]state.Change, batch))
			}
			close(pushed)
		}()
		synctest.Wait()
		select {
		case <-pushed:
			t.Error("more changes were taken than may wait")
		default:
		}
		if n := f.Waiting(); n > MaxChanges+batch {
			t.Errorf("%d changes wait", n)
		}
		close(release)
		<-pushed
		synctest.Wait()
		if got := seen.Load(); got != batch*batches {
			t.Errorf("the watcher saw %d changes of %d", got, batch*batches)
		}
		f.Close()
	})
}

func TestACallComesAfterTheChangesBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := Open()
		defer f.Close()
		var seen []uint64
		f.Watch(func(changes []state.Change) {
			for _, c := range changes {
				seen = append(seen, c.Index)
			}
		})
		for i := range uint64(3) {
			f.Push([]state.Change{{Index: i}})
			f.After(func() {
				if len(seen) <= int(i) {
					t.Errorf("call %d came after changes %v", i, seen)
				}
			})
		}
		synctest.Wait()
		if len(seen) != 3 {
			t.Errorf("saw %v", seen)
		}
	})
}
