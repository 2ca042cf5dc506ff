package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kohe/raft/feed"
	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

// pair is a follower and the leader that it asks, which settles with apply.
// opened counts the streams between them, and break ends the last of them.
type pair struct {
	follower, leader *Client
	opened           atomic.Int64
	broken           atomic.Value // func()
}

func newPair(apply memberFunc) *pair {
	p := &pair{}
	p.leader = newClient(apply, healthy, nil, feed.Open(), newMark(func() uint64 { return 1 }))
	p.follower = newClient(memberFunc(func([]byte) (any, error) { return nil, &node.NotLeader{ID: "n2", Address: "h:2"} }),
		healthy, nil, feed.Open(), newMark(func() uint64 { return 1 }))
	p.follower.forward = func(context.Context, string) (io.ReadWriteCloser, error) {
		p.opened.Add(1)
		here, there := pipe()
		go p.leader.Serve(there)
		p.broken.Store(func() { _, _ = here.Close(), there.Close() })
		return here, nil
	}
	return p
}

func (p *pair) close() {
	p.follower.refuse()
	p.leader.refuse()
}

func TestProposalsOfOneNodeShareAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(func(command []byte) (any, error) {
			c, err := state.Decode(command)
			if err != nil {
				t.Error(err)
			}
			at := c.(state.Tick).At
			time.Sleep(time.Duration(100-at) * time.Millisecond) // the last is answered first
			return state.Result{Value: state.Appended{Seq: uint64(at)}}, nil
		})
		defer p.close()
		began := time.Now()
		var all sync.WaitGroup
		for at := range int64(100) {
			all.Go(func() {
				if v, err := p.follower.Propose(t.Context(), state.Tick{At: at}); v != any(state.Appended{Seq: uint64(at)}) || err != nil {
					t.Errorf("proposal %d is answered %+v, %v", at, v, err)
				}
			})
		}
		all.Wait()
		if p.opened.Load() != 1 || time.Since(began) != 100*time.Millisecond {
			t.Errorf("%d streams, %v", p.opened.Load(), time.Since(began))
		}
	})
}

func TestAProposalIsMadeAgainWhenItsStreamBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		p := newPair(func([]byte) (any, error) {
			if asked.Add(1) == 1 {
				time.Sleep(time.Second)
			}
			return state.Result{Value: state.Appended{Seq: 7}}, nil
		})
		defer p.close()
		time.AfterFunc(100*time.Millisecond, func() { p.broken.Load().(func())() })
		v, err := p.follower.Propose(t.Context(), state.Tick{At: 1})
		if v != any(state.Appended{Seq: 7}) || err != nil || p.opened.Load() != 2 || asked.Load() != 2 {
			t.Errorf("%+v, %v, %d streams, asked %d times", v, err, p.opened.Load(), asked.Load())
		}
	})
}

func TestWhoNoLongerWaitsTakesAPlaceUntilTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		hangs.Store(true)
		release := make(chan struct{})
		p := newPair(func([]byte) (any, error) {
			if hangs.Load() {
				<-release
			}
			return state.Result{}, nil
		})
		defer p.close()
		l := p.follower.link("n2")
		gone, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range MaxInFlight {
			all.Go(func() {
				if _, err := l.ask(gone, []byte("x")); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		cancel()
		all.Wait()
		if _, err := l.ask(t.Context(), []byte("x")); !errors.Is(err, errLinkFull) {
			t.Error(err)
		}
		hangs.Store(false)
		close(release)
		synctest.Wait()
		if _, err := p.follower.Propose(t.Context(), state.Tick{At: 1}); err != nil || p.opened.Load() != 1 {
			t.Errorf("after the answers: %v, %d streams", err, p.opened.Load())
		}
	})
}

func TestALeaderThatClosesAnswersWhatItHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(func([]byte) (any, error) {
			time.Sleep(time.Second)
			return state.Result{Value: state.Appended{Seq: 7}}, nil
		})
		time.AfterFunc(500*time.Millisecond, p.leader.refuse)
		if v, err := p.follower.Propose(t.Context(), state.Tick{At: 1}); v != any(state.Appended{Seq: 7}) || err != nil {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := p.follower.Propose(t.Context(), state.Tick{At: 1}); relay.CodeOf(err) != relay.CodeUnavailable {
			t.Error(err)
		}
		p.follower.refuse()
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, 1, []byte("command")), 2), 16)
	f.Fuzz(func(t *testing.T, stream []byte, most int) {
		most = min(max(most, 0), 1<<10)
		in := bytes.NewReader(stream)
		var again []byte
		for {
			number, data, err := readFrame(in, most)
			if err != nil {
				break
			}
			if len(data) > most {
				t.Fatalf("%d bytes, at most %d", len(data), most)
			}
			again = appendFrame(again, number, data)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Fatalf("%x was read as %x", stream, again)
		}
	})
}

func TestAFrameIsNoLongerThanItMayBe(t *testing.T) {
	frame := appendFrame(nil, 7, make([]byte, 11))
	for most, want := range map[int]bool{10: false, 11: true} {
		if _, data, err := readFrame(bytes.NewReader(frame), most); (err == nil) != want {
			t.Error(fmt.Sprint(most), len(data), err)
		}
	}
}
