package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"kohe/raft/feed"
	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// put is a command that always succeeds.
func put(id string) state.Command {
	return state.Put{Customer: &state.Customer{ID: id, Name: id}, At: 1}
}

// stub is a member whose answers a test gives.
type stub struct {
	asked  chan []byte
	answer chan error // nil: applied
}

func newStub() *stub { return &stub{make(chan []byte, 2*MaxInFlight), make(chan error)} }

func (s *stub) Apply(command []byte) (any, error) {
	s.asked <- command
	if err := <-s.answer; err != nil {
		return nil, err
	}
	return state.Result{Value: "done"}, nil
}

func healthy() error { return nil }

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*relay.Error](err)
	if !ok || e.Code != relay.CodeUnavailable || e.Retry == 0 || e.Err == nil {
		t.Errorf("error %v, want CodeUnavailable with Retry and a reason", err)
	}
}

func TestProposeAsksAgainWhileThereIsNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		c := newClient(s, healthy, nil, feed.Open(), newMark(func() uint64 { return 0 }))
		defer c.refuse()
		go func() {
			for _, err := range []error{raft.ErrNotLeader, raft.ErrLeadershipLost, nil} {
				s.answer <- err
			}
		}()
		value, err := c.Propose(t.Context(), put("a"))
		if value != "done" || err != nil {
			t.Errorf("got %v, %v", value, err)
		}
		for first := string(<-s.asked); len(s.asked) > 0; {
			if string(<-s.asked) != first {
				t.Error("asked again with another command")
			}
		}
	})
}

func TestProposeGivesUpOnACellWithoutALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		c := newClient(s, healthy, nil, feed.Open(), newMark(func() uint64 { return 0 }))
		defer c.refuse()
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case s.answer <- raft.ErrNotLeader:
				case <-stop:
					return
				}
			}
		}()
		defer close(stop)
		began := time.Now()
		_, err := c.Propose(t.Context(), put("a"))
		wantUnavailable(t, err)
		if took := time.Since(began); took < settleFor || took > settleFor+lastPause {
			t.Errorf("gave up after %v", took)
		}
	})
}

func TestProposeStopsWaitingWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		c := newClient(s, healthy, nil, feed.Open(), newMark(func() uint64 { return 0 }))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-s.asked; cancel() }()
		_, err := c.Propose(ctx, put("a"))
		wantUnavailable(t, err)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("reason lost: %v", err)
		}
		if got := c.Stats().InFlight; got != 1 {
			t.Errorf("%d in flight, want 1: Raft has not answered", got)
		}
		s.answer <- nil
		c.refuse()
		if got := c.Stats(); got.InFlight != 0 || got.InFlightBytes != 0 {
			t.Errorf("after the answer: %+v", got)
		}
	})
}

func TestProposalsBeyondTheBoundAreRefusedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStub()
		c := newClient(s, healthy, nil, feed.Open(), newMark(func() uint64 { return 0 }))
		var all sync.WaitGroup
		for range MaxInFlight {
			all.Go(func() {
				if _, err := c.Propose(t.Context(), put("a")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		_, err := c.Propose(t.Context(), put("one too many"))
		wantUnavailable(t, err)
		if got := c.Stats(); got.Refused != 1 || got.InFlight != MaxInFlight {
			t.Errorf("%+v", got)
		}
		close(s.answer)
		all.Wait()
		if _, err := c.Propose(t.Context(), put("again")); err != nil {
			t.Errorf("with room again: %v", err)
		}
		c.refuse()
		_, err = c.Propose(t.Context(), put("late"))
		wantUnavailable(t, err)
	})
}

func TestTheStateMachinesOwnErrorComesAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := openCell(t, vfs.NewMem(), node.Timing{})
		defer closeCell(t, c)
		_, err := c.Propose(t.Context(), state.OpenSession{Session: relay.NewID(), Site: "nowhere", At: 1})
		if relay.CodeOf(err) != relay.CodeNotFound {
			t.Errorf("no such site: %v", err)
		}
		session := openSession(t, c)
		gap := state.Append{Session: session, Epoch: 1, Messages: []relay.Message{message(session, 2)}, At: 1}
		if _, err := c.Propose(t.Context(), gap); !isGap(err, 0) {
			t.Errorf("gap: %v", err)
		}
	})
}

func isGap(err error, have uint64) bool {
	g, ok := errors.AsType[*state.Gap](err)
	return ok && g.Have == have
}

func TestWhatProposeAnsweredReadShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := openCell(t, vfs.NewMem(), node.Timing{})
		defer closeCell(t, c)
		session := openSession(t, c) // before there is a leader: Propose waits for one
		value, err := c.Propose(t.Context(), say(session, 1))
		if value != (state.Appended{Seq: 1}) || err != nil {
			t.Errorf("got %v, %v", value, err)
		}
		if s, ok := c.Read().Session(session); !ok || s.Stored != 1 {
			t.Errorf("read %+v, %v", s, ok)
		}
	})
}

func TestWatchersSeeEveryChangeInLogOrder(t *testing.T) {
	c, _ := openCell(t, vfs.NewMem(), quick)
	defer closeCell(t, c)
	session := openSession(t, c)
	const messages = 500
	seen := make(chan []relay.Message, messages)
	var index uint64
	cancel := c.Watch(func(changes []state.Change) {
		for _, change := range changes {
			if change.Index < index {
				t.Errorf("change of index %d after %d", change.Index, index)
			}
			index = change.Index
			if change.Stored != nil {
				seen <- change.Stored.Messages
			}
		}
	})
	for seq := uint64(1); seq <= messages; seq++ {
		if _, err := c.Propose(t.Context(), say(session, seq)); err != nil {
			t.Fatal(err)
		}
	}
	for want := uint64(1); want <= messages; {
		for _, m := range <-seen {
			if m.Seq != want {
				t.Fatalf("message %d came, want %d", m.Seq, want)
			}
			want++
		}
	}
	cancel()
	if _, err := c.Propose(t.Context(), say(session, messages+1)); err != nil {
		t.Fatal(err)
	}
	if len(seen) > 0 {
		t.Error("called after cancel")
	}
}

func TestAFullDiskRefusesAtOnceAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if full.Load() && op.Kind == errorfs.OpFileWrite {
				return syscall.ENOSPC
			}
			return nil
		}))
		c, fatal := openCell(t, fs, node.Timing{})
		<-c.Ready()
		full.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := c.Propose(ctx, put("a"))
		wantUnavailable(t, err)
		began := time.Now()
		_, err = c.Propose(t.Context(), put("b"))
		wantUnavailable(t, err)
		if time.Since(began) > 0 || c.Err() == nil {
			t.Errorf("known to be full, refused after %v, Err %v", time.Since(began), c.Err())
		}
		full.Store(false)
		time.Sleep(2 * time.Second)
		if _, err := c.Propose(t.Context(), put("b")); err != nil {
			t.Errorf("with space again: %v", err)
		}
		if got := len(c.Read().Customers()); got != 2 {
			t.Errorf("%d customers, want both: the first command was in Raft's hands", got)
		}
		closeCell(t, c)
		if len(fatal) > 0 {
			t.Errorf("fatal: %v", <-fatal)
		}
	})
}

func TestABrokenDiskRefusesForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && op.Kind == errorfs.OpFileSyncData {
				return syscall.EIO
			}
			return nil
		}))
		c, fatal := openCell(t, fs, node.Timing{})
		<-c.Ready()
		broken.Store(true)
		_, err := c.Propose(t.Context(), put("a"))
		wantUnavailable(t, err)
		if err := <-fatal; !errors.Is(err, syscall.EIO) {
			t.Errorf("fatal: %v", err)
		}
		broken.Store(false)
		_, err = c.Propose(t.Context(), put("b"))
		wantUnavailable(t, err)
		_ = c.Close()
	})
}
