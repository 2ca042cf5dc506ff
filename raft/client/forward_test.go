package client

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kohe/raft/feed"
	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

// duplex is one end of a stream in memory.
type duplex struct {
	io.Reader
	*io.PipeWriter
}

// memberFunc is a member that is a function.
type memberFunc func(command []byte) (any, error)

func (f memberFunc) Apply(command []byte) (any, error) { return f(command) }

func pipe() (a, b duplex) {
	ra, wb := io.Pipe()
	rb, wa := io.Pipe()
	return duplex{ra, wa}, duplex{rb, wb}
}

func TestAProposalLeavesALeaderThatIsCutOffForTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leader := newClient(memberFunc(func([]byte) (any, error) {
			return state.Result{Value: state.Appended{Seq: 7}}, nil
		}), healthy, nil, feed.Open(), newMark(func() uint64 { return 1 }))
		var known atomic.Value
		known.Store("n1")
		follower := newClient(memberFunc(func([]byte) (any, error) {
			return nil, &node.NotLeader{ID: known.Load().(string), Address: "h:1"}
		}), healthy, nil, feed.Open(), newMark(func() uint64 { return 1 }))
		follower.forward = func(_ context.Context, node string) (io.ReadWriteCloser, error) {
			here, there := pipe()
			if node == "n2" {
				go leader.Serve(there)
			} else {
				go func() { _, _ = io.Copy(io.Discard, there) }() // and never an answer
			}
			return &stream{here, there}, nil
		}
		time.AfterFunc(400*time.Millisecond, func() { known.Store(""); follower.reign.change() })
		time.AfterFunc(500*time.Millisecond, func() { known.Store("n2"); follower.reign.change() })
		began := time.Now()
		v, err := follower.Propose(t.Context(), state.Tick{At: 1})
		if v != any(state.Appended{Seq: 7}) || err != nil || time.Since(began) != 500*time.Millisecond {
			t.Errorf("%+v, %v after %v; want it stored with the next leader's coming", v, err, time.Since(began))
		}
		leader.refuse()
		follower.refuse()
	})
}

// stream is a duplex that can be given up.
type stream struct {
	duplex
	other duplex
}

func (s *stream) SetDeadline(time.Time) error {
	_ = s.other.CloseWithError(context.Canceled)
	return nil
}

func (s *stream) Reset() { _ = s.CloseWithError(context.Canceled) }

func TestAFollowerHasTheLeaderSettleAndWaitsForItsOwnState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leader := newClient(memberFunc(func([]byte) (any, error) {
			return state.Result{Value: state.Appended{Seq: 7}}, nil
		}), healthy, nil, feed.Open(), newMark(func() uint64 { return 40 }))
		var own atomic.Uint64
		own.Store(39)
		k := newMark(own.Load)
		asked := 0
		follower := newClient(memberFunc(func([]byte) (any, error) {
			if asked < 2 { // an election is under way
				asked++
				return nil, &node.NotLeader{}
			}
			return nil, &node.NotLeader{ID: "n2", Address: "h:2"}
		}), healthy, nil, feed.Open(), k)
		follower.forward = func(_ context.Context, node string) (io.ReadWriteCloser, error) {
			if node != "n2" {
				t.Errorf("asked %s", node)
			}
			here, there := pipe()
			go leader.Serve(there)
			return here, nil
		}
		time.AfterFunc(time.Second, func() { own.Store(40); k.move() })
		began := time.Now()
		v, err := follower.Propose(t.Context(), state.Tick{At: 1})
		if v != any(state.Appended{Seq: 7}) || err != nil || time.Since(began) != time.Second {
			t.Errorf("%+v, %v after %v", v, err, time.Since(began))
		}
		leader.refuse()
		if _, err := follower.Propose(t.Context(), state.Tick{At: 1}); relay.CodeOf(err) != relay.CodeUnavailable {
			t.Errorf("a leader that is closing: %v", err)
		}
		follower.refuse()
	})
}
