package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
)

func real(fs vfs.FS) vfs.FS { return fs }

func TestACellOfSeveralLosesNothingAcknowledged(t *testing.T) {
	for _, c := range []struct {
		ids    []string
		faults int
	}{
		{[]string{"a", "b", "c"}, 15},
		{[]string{"a", "b", "c", "d", "e"}, 6},
	} {
		synctest.Test(t, func(t *testing.T) {
			if err := storm(t, 1, c.faults, real, c.ids...); err != nil {
				t.Error(err)
			}
		})
	}
}

// cutAll writes to three members, cuts the power of all and says what is lost:
// a majority of the logs has to hold what was acknowledged.
func cutAll(t *testing.T, seed uint64, wrap func(vfs.FS) vfs.FS) error {
	ids := []string{"a", "b", "c"}
	w := newWorld(t, seed, wrap, ids...)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() { w.write(0, stop) })
	time.Sleep(5 * time.Second)
	close(stop)
	writers.Wait()
	acked, whole := w.leader().Applied(), 0
	for _, mem := range w.crash(ids...) {
		disk, err := logstore.Open(logstore.Config{Dir: "db", FS: mem, Logger: quiet})
		if err != nil {
			continue
		}
		store, err := logstore.New(disk, []byte("raft/"))
		if err != nil {
			t.Fatal(err)
		}
		if last, _ := store.LastIndex(); last >= acked {
			whole++
		}
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if whole <= len(ids)/2 {
		return fmt.Errorf("%d logs of %d hold entry %d", whole, len(ids), acked)
	}
	return nil
}

func TestAPowerCutOfAllMembersIsHarmlessOnlyIfDisksSync(t *testing.T) {
	noticed := false
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			if err := cutAll(t, seed, real); err != nil {
				t.Error(err)
			}
			noticed = noticed || cutAll(t, seed, func(fs vfs.FS) vfs.FS { return noSync{fs} }) != nil
		})
	}
	if !noticed {
		t.Error("power cuts of disks that do not sync went unnoticed")
	}
}

func TestMembersJoinAndLeaveAndMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a")
		w.cut()
		w.open("b", emptyDisk(t), true)
		b := w.members["b"]
		time.Sleep(time.Minute)
		if err := b.Err(); !errors.Is(err, ErrNotMember) {
			t.Errorf("before it is added: %v", err)
		}
		w.add("b")
		<-b.Ready()
		if id, address := b.Leader(); id != "a" || address != "a" || b.Err() != nil {
			t.Errorf("b follows %s at %s, %v", id, address, b.Err())
		}
		_, err := b.Node.Apply([]byte("x"))
		if led, ok := errors.AsType[*NotLeader](err); !ok || led.ID != "a" || !errors.Is(err, raft.ErrNotLeader) {
			t.Errorf("a follower answers %v", err)
		}
		if err := b.Add(t.Context(), "c", "c"); !errors.Is(err, raft.ErrNotLeader) {
			t.Errorf("a follower adds: %v", err)
		}
		if err := b.Admits("stranger"); err == nil || b.Admits("a") != nil {
			t.Errorf("admitted a stranger (%v) or refused a member", err)
		}

		a := w.members["a"]
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := a.Add(ctx, "nobody", "nobody"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("added one who is not there: %v", err)
		}
		if got := fmt.Sprint(a.Members()); got != "[{a a true true} {b b true false} {nobody nobody false false}]" {
			t.Errorf("members %s", got)
		}
		if err := a.Remove(t.Context(), "nobody"); err != nil {
			t.Error(err)
		}

		w.open("c", emptyDisk(t), true)
		w.add("c")
		mem := b.mem
		w.stop("b")
		w.at["b"] = "elsewhere"
		w.open("b", mem, true)
		if err := w.leader().Add(t.Context(), "b", "elsewhere"); err != nil {
			t.Error(err)
		}
		if err := w.settle(); err != nil {
			t.Error(err)
		}
		const want = "[{a a true true} {b elsewhere true false} {c c true false}]"
		got := ""
		for range 1000 { // a change of the members is no command that settle waits for
			if got = fmt.Sprint(w.members["b"].Members()); got == want {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got != want {
			t.Errorf("members %s", got)
		}
		w.close()
	})
}

func TestAMemberIsAddedWhileRequestsArePipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a")
		w.stop("a")
		w.inFlight = 8
		w.open("a", emptyDisk(t), false)
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() { w.write(i, stop) })
		}
		for _, id := range []string{"b", "c"} {
			time.Sleep(5 * time.Second)
			w.open(id, emptyDisk(t), true)
			w.add(id)
		}
		close(stop)
		writers.Wait()
		if err := w.settle(); err != nil {
			t.Error(err)
		}
		w.close()
	})
}

func TestALeaderHandsOverBeforeItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a", "b", "c")
		before := w.leader().id
		if err := w.leader().Transfer(t.Context()); err != nil {
			t.Error(err)
		}
		leader := w.leader()
		if leader.id == before {
			t.Error("the same leads on")
		}
		began := time.Now()
		w.stop(leader.id)
		w.leader()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("%v without a leader", took)
		}
		w.close()
	})
}

func TestALeaderHandsOverToTheNodeThatIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a", "b", "c")
		for _, to := range []string{"b", "c", "a", "c"} {
			leader := w.leader()
			if leader.id == to {
				continue
			}
			if err := leader.TransferTo(t.Context(), to); err != nil {
				t.Error(err)
			}
			if now := w.leader().id; now != to {
				t.Errorf("%s leads, not %s", now, to)
			}
		}
		if err := w.leader().TransferTo(t.Context(), "nobody"); err == nil {
			t.Error("leadership was handed to nobody")
		}
		w.close()
	})
}

func TestASilentLeaderThatIsSuspectedIsReplacedAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a", "b", "c")
		for round := range 10 {
			leader := w.leader().id
			for _, m := range w.list() {
				m.Suspect(leader) // for nothing, as it is there
			}
			time.Sleep(5 * time.Second)
			if now := w.leader().id; now != leader {
				t.Fatalf("round %d: %s was replaced by %s without a reason", round, leader, now)
			}
			began := time.Now()
			left := w.crash(leader)
			for _, m := range w.list() {
				m.Suspect(leader)
			}
			w.leader()
			if took := time.Since(began); took > 200*time.Millisecond {
				t.Errorf("round %d: %v until the next leader", round, took)
			}
			w.start(left)
			for _, m := range w.list() {
				m.Trust(leader)
			}
			time.Sleep(5 * time.Second)
		}
		w.close()
	})
}

func TestALeaderThatIsDeadIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a", "b", "c")
		for round := range 10 {
			leader := w.leader().id
			time.Sleep(5 * time.Second)
			began := time.Now()
			left := w.crash(leader)
			for i, m := range w.list() {
				if i > 0 && round%2 == 0 {
					time.Sleep(time.Millisecond) // the kernels tell them one after the other
				}
				m.Dead(leader)
			}
			now := w.leader()
			if took := time.Since(began); now.id == leader || took > 60*time.Millisecond {
				t.Errorf("round %d: %v until %s leads in the place of %s", round, took, now.id, leader)
			}
			w.start(left)
			for _, m := range w.list() {
				m.Trust(leader)
			}
			time.Sleep(5 * time.Second)
			if still := w.leader().id; still != now.id {
				t.Errorf("round %d: %s was replaced by %s", round, now.id, still)
			}
		}
		w.close()
	})
}

func TestTheFirstToStandWhoseLogIsShorterHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "c", "a", "b") // c leads
		time.Sleep(time.Second)
		w.net.part("a", 1)
		if _, err := w.members["c"].Node.Apply([]byte("not known to a")); err != nil {
			t.Fatal(err)
		}
		w.net.part("c", 2)
		w.net.part("a", 0)
		for _, id := range []string{"a", "b"} {
			w.members[id].Dead("c")
		}
		time.Sleep(20 * time.Millisecond)
		if s := w.members["b"].raft.State(); s != raft.Leader {
			t.Errorf("b is a %v", s)
		}
		w.net.part("c", 0)
		w.close()
	})
}

func TestOneWhoIsCalledDeadForNothingIsReplacedAndNothingIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, real, "a", "b", "c")
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() { w.write(0, stop) })
		for range 10 {
			time.Sleep(time.Second)
			leader := w.leader().id
			for _, m := range w.list() {
				if m.id != leader {
					m.Dead(leader)
				}
			}
			time.Sleep(time.Second)
			for _, m := range w.list() {
				m.Trust(leader)
			}
		}
		close(stop)
		writer.Wait()
		if err := w.settle(); err != nil {
			t.Error(err)
		}
		w.close()
	})
}

// full is a disk that can be full.
type full struct {
	mu    sync.Mutex // guards disks
	disks []*atomic.Bool
}

func (f *full) wrap(fs vfs.FS) vfs.FS {
	on := new(atomic.Bool)
	f.mu.Lock()
	f.disks = append(f.disks, on)
	f.mu.Unlock()
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpCreate) {
			return syscall.ENOSPC
		}
		return nil
	}))
}

func TestAMemberWithAFullDiskGivesLeadershipAwayAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := []string{"a", "b", "c"}
		var disks full
		w := newWorld(t, 1, disks.wrap, ids...)
		stop := make(chan struct{})
		var writers sync.WaitGroup
		writers.Go(func() { w.write(0, stop) })
		for range 3 {
			leader := w.leader()
			on := disks.disks[slices.Index(ids, leader.id)]
			on.Store(true)
			time.Sleep(3 * time.Second)
			if err := leader.Err(); !errors.Is(err, logstore.ErrFull) {
				t.Errorf("%s says %v", leader.id, err)
			}
			if now := w.leader(); now == leader {
				t.Errorf("%s leads on", leader.id)
			}
			for range 5 { // each with a term that its heartbeats would have the full disk write
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				_ = w.leader().Transfer(ctx) // or not, this time
				cancel()
				time.Sleep(2 * time.Second)
			}
			if n := bytes.Count(stacks(), []byte("(*Raft).processHeartbeat(")); n > 2 {
				t.Errorf("%d heartbeats wait for the disk", n)
			}
			on.Store(false)
			time.Sleep(5 * time.Second)
			if err := leader.Err(); err != nil {
				t.Errorf("with space again, %s says %v", leader.id, err)
			}
		}
		close(stop)
		writers.Wait()
		if err := w.settle(); err != nil {
			t.Error(err)
		}
		w.close()
	})
}

// stacks returns those of all goroutines.
func stacks() []byte {
	all := make([]byte, 8<<20)
	return all[:runtime.Stack(all, true)]
}

func TestALeaderWhoseDiskHangsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung atomic.Bool
		release := make(chan struct{})
		first := true
		w := newWorld(t, 1, func(fs vfs.FS) vfs.FS {
			if !first {
				return fs
			}
			first = false
			return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if hung.Load() && op.Kind == errorfs.OpFileSyncData {
					<-release
				}
				return nil
			}))
		}, "a", "b", "c")
		a := w.leader()
		if a.id != "a" {
			t.Fatalf("%s leads", a.id)
		}
		began := time.Now()
		hung.Store(true)
		answer := make(chan error, 1)
		go func() {
			_, err := a.Node.Apply([]byte("x"))
			answer <- err
		}()
		for next := ""; next == "" || next == "a"; time.Sleep(10 * time.Millisecond) {
			next, _ = w.members["b"].Leader()
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("replaced after %v", took)
		}
		if err := a.Err(); !errors.Is(err, logstore.ErrStalled) {
			t.Errorf("it says %v", err)
		}
		hung.Store(false)
		close(release) // later than logstore.DefaultSlow the process would have ended
		<-answer
		if err := w.settle(); err != nil {
			t.Error(err)
		}
		w.close()
	})
}
