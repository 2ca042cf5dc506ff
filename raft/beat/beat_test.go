package beat

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// layer is a raft.StreamLayer over TCP on loopback that counts what is written.
type layer struct {
	net.Listener
	writes *atomic.Int64
}

func newLayer(t *testing.T) layer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return layer{l, new(atomic.Int64)}
}

func (l layer) at() raft.ServerAddress { return raft.ServerAddress(l.Addr().String()) }

func (l layer) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	c, err := net.DialTimeout("tcp", string(to), timeout)
	return counted{c, l.writes}, err
}

type counted struct {
	net.Conn
	writes *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// open returns a node's end and closes it after the test.
func open(t *testing.T, l raft.StreamLayer) *Beats {
	t.Helper()
	b := Open(l, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// inner is a group's transport, which notes what is sent without Beats.
type inner struct {
	*raft.InmemTransport
	plain atomic.Int64
}

func newInner() *inner {
	_, t := raft.NewInmemTransport("")
	return &inner{InmemTransport: t}
}

func (i *inner) AppendEntries(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error {
	i.plain.Add(1)
	return nil
}

func ask(term uint64) *raft.AppendEntriesRequest {
	return &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("n1"), Addr: []byte("here")}, Term: term,
	}
}

func TestHeartbeatsOfManyGroupsAreOneMessageAndEachHasItsAnswer(t *testing.T) {
	here, there := newLayer(t), newLayer(t)
	leads, follows := open(t, here), open(t, there)
	const groups = 50
	for g := range uint64(groups) {
		follows.Transport(g, newInner()).SetHeartbeatHandler(func(rpc raft.RPC) {
			a := rpc.Command.(*raft.AppendEntriesRequest)
			if string(a.ID) != "n1" || string(a.Addr) != "here" || a.ProtocolVersion != raft.ProtocolVersionMax {
				t.Errorf("heard %+v", a)
			}
			rpc.Respond(&raft.AppendEntriesResponse{Term: a.Term, LastLog: g, Success: g%2 == 0}, nil)
		})
	}
	var all sync.WaitGroup
	for g := range uint64(groups + 1) { // the last one is no group there
		all.Go(func() {
			var r raft.AppendEntriesResponse
			err := leads.Transport(g, newInner()).AppendEntries("n2", there.at(), ask(100+g), &r)
			switch {
			case g == groups && !errors.Is(err, errForeign):
				t.Errorf("a group that is not there: %v", err)
			case g < groups && (err != nil || r.Term != 100+g || r.LastLog != g || r.Success != (g%2 == 0)):
				t.Errorf("group %d: %+v, %v", g, r, err)
			}
		})
	}
	all.Wait()
	if n := here.writes.Load(); n < 1 || n > groups/5 {
		t.Errorf("%d heartbeats were %d messages", groups, n)
	}
}

func TestEntriesAreNotHeldUp(t *testing.T) {
	b, in := open(t, newLayer(t)), newInner()
	a := ask(1)
	a.Entries = []*raft.Log{{Index: 1}}
	if err := b.Transport(1, in).AppendEntries("n2", "nowhere", a, &raft.AppendEntriesResponse{}); err != nil || in.plain.Load() != 1 {
		t.Errorf("sent %d times, %v", in.plain.Load(), err)
	}
}

func TestANodeThatDoesNotKnowThisIsSentHeartbeatsOneByOne(t *testing.T) {
	old := newLayer(t)
	go func() {
		for {
			c, err := old.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetLinger(0) // the stream is refused: reset, not ended
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = old.Close() })
	b, in := open(t, newLayer(t)), newInner()
	group := b.Transport(1, in)
	for range 3 {
		if err := group.AppendEntries("n2", old.at(), ask(1), &raft.AppendEntriesResponse{}); err != nil {
			t.Error(err)
		}
	}
	if in.plain.Load() != 3 {
		t.Errorf("sent %d times by itself", in.plain.Load())
	}
}

func TestAHeartbeatThatIsNotAnsweredFails(t *testing.T) {
	silent := newLayer(t)
	t.Cleanup(func() { _ = silent.Close() })
	b := open(t, newLayer(t))
	began := time.Now()
	err := b.Transport(1, newInner()).AppendEntries("n2", silent.at(), ask(1), &raft.AppendEntriesResponse{})
	if took := time.Since(began); !timedOut(err) || took > 2*answerIn {
		t.Errorf("%v after %v", err, took)
	}
}

func TestGarbageEndsAStreamWithoutAnAnswer(t *testing.T) {
	l := newLayer(t)
	open(t, l)
	for what, sent := range map[string][]byte{
		"another version": {9},
		"too many groups": {version, 0, 0, 0xff, 0xff, 0xff, 0xff},
	} {
		c, err := net.Dial("tcp", string(l.at()))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || timedOut(err) {
			t.Errorf("%s: %d bytes, %v", what, n, err)
		}
		_ = c.Close()
	}
}
