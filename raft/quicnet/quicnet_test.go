package quicnet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// pair is two ends on loopback.
func pair(t *testing.T) (a, b *end) {
	t.Helper()
	ca := newAuthority(t)
	a = openEnd(t, loopback(t), ca.config(t, "a"), everybody)
	b = openEnd(t, loopback(t), ca.config(t, "b"), everybody)
	t.Cleanup(func() { a.close(t); b.close(t) })
	return a, b
}

// echo answers every stream of l with what it says, until l is closed.
func echo(l raft.StreamLayer) (wait func()) {
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			})
		}
	})
	return running.Wait
}

func dial(t *testing.T, l raft.StreamLayer, to *end) net.Conn {
	t.Helper()
	conn, err := l.Dial(to.config.Addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func ask(conn net.Conn, question string) (string, error) {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, question); err != nil {
		return "", err
	}
	answer := make([]byte, len(question))
	_, err := io.ReadFull(conn, answer)
	return string(answer), err
}

func wantEcho(t *testing.T, conn net.Conn) {
	t.Helper()
	if got, err := ask(conn, "who is there"); err != nil || got != "who is there" {
		t.Fatalf("echo: %q, %v", got, err)
	}
}

func TestManyGroupsShareOneConnection(t *testing.T) {
	a, b := pair(t)
	const groups = 20
	var conns []net.Conn
	for id := range uint64(groups) {
		wait := echo(b.Group(id))
		defer wait()
		l := a.Group(id)
		for range 3 {
			conns = append(conns, dial(t, l, b))
		}
	}
	for _, conn := range conns {
		wantEcho(t, conn)
		_ = conn.Close()
	}
	if n := a.dials.Load(); n != 1 {
		t.Errorf("dialled %d times", n)
	}
	_ = b.Net.Close()
}

func TestManyDialsAtOnceShareOneConnection(t *testing.T) {
	a, b := pair(t)
	wait := echo(b.Group(1))
	defer wait()
	l := a.Group(1)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			conn, err := l.Dial(b.config.Addr, 5*time.Second)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := ask(conn, "hello"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := a.dials.Load(); n != 1 {
		t.Errorf("dialled %d times", n)
	}
	_ = b.Net.Close()
}

func TestAStreamToAGroupThatIsNotThereIsRefused(t *testing.T) {
	a, b := pair(t)
	conn := dial(t, a.Group(7), b)
	if _, err := ask(conn, "hello"); err == nil {
		t.Error("answered")
	}
	_ = conn.Close()
}

func TestAClosedGroupLeavesTheOthersAlone(t *testing.T) {
	a, b := pair(t)
	waitOne, two := echo(b.Group(1)), b.Group(2)
	waitTwo := echo(two)
	one, other := dial(t, a.Group(1), b), dial(t, a.Group(2), b)
	wantEcho(t, one)
	wantEcho(t, other)
	_ = two.Close()
	waitTwo()
	if _, err := ask(other, "still there?"); err == nil {
		t.Error("a closed group answered")
	}
	wantEcho(t, one)
	if _, err := two.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if _, err := two.Dial(a.config.Addr, time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("Dial: %v", err)
	}
	again := b.Group(2) // as a restarted member does
	waitTwo = echo(again)
	conn := dial(t, a.Group(2), b)
	wantEcho(t, conn)
	_ = b.Net.Close()
	waitOne()
	waitTwo()
}

func TestAForeignCertificateIsRefused(t *testing.T) {
	a, b := pair(t)
	wait := echo(b.Group(1))
	defer wait()
	foreign := openEnd(t, loopback(t), newAuthority(t).config(t, "a"), everybody)
	defer foreign.close(t)
	if conn, err := foreign.Group(1).Dial(b.config.Addr, 5*time.Second); err == nil {
		if _, err := ask(conn, "hello"); err == nil {
			t.Error("a node of another cluster was served")
		}
	}
	conn := dial(t, a.Group(1), b)
	wantEcho(t, conn)
	_ = b.Net.Close()
}

func TestWhoIsNoMemberIsRefused(t *testing.T) {
	ca := newAuthority(t)
	a := openEnd(t, loopback(t), ca.config(t, "a"), everybody)
	b := openEnd(t, loopback(t), ca.config(t, "b"), func(name string) bool { return name != "a" })
	defer a.close(t)
	defer b.close(t)
	wait := echo(b.Group(1))
	if conn, err := a.Group(1).Dial(b.config.Addr, 5*time.Second); err == nil {
		if _, err := ask(conn, "hello"); err == nil {
			t.Error("served")
		}
	}
	if conn, err := b.Group(1).Dial(a.config.Addr, 5*time.Second); !errors.Is(err, errStranger) {
		t.Errorf("dialled %v, %v", conn, err)
	}
	wait() // b.Group(1) closed the first one
}

func TestWhoIsRemovedIsCutOffByRecheck(t *testing.T) {
	ca := newAuthority(t)
	var removed atomic.Bool
	a := openEnd(t, loopback(t), ca.config(t, "a"), everybody)
	b := openEnd(t, loopback(t), ca.config(t, "b"), func(string) bool { return !removed.Load() })
	defer a.close(t)
	defer b.close(t)
	wait := echo(b.Group(1))
	in, out := dial(t, a.Group(1), b), dial(t, b.Group(2), a)
	wantEcho(t, in)
	b.Recheck()
	wantEcho(t, in)
	removed.Store(true)
	b.Recheck()
	if _, err := ask(in, "still there?"); err == nil {
		t.Error("an incoming connection stayed")
	}
	if _, err := ask(out, "still there?"); err == nil {
		t.Error("a dialled connection stayed")
	}
	_ = b.Net.Close()
	wait()
}

func TestClosingAStreamEndsBothDirections(t *testing.T) {
	a, b := pair(t)
	l := b.Group(1)
	conn := dial(t, a.Group(1), b)
	if _, err := io.WriteString(conn, "x"); err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_ = other.SetDeadline(time.Now().Add(5 * time.Second))
	if b, err := io.ReadAll(other); string(b) != "x" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
	chunk := make([]byte, 1<<20)
	for i := 0; ; i++ {
		if _, err := other.Write(chunk); err != nil {
			break
		} else if i == 100 {
			t.Fatal("the other direction stays open")
		}
	}
	_ = other.Close()
	for range MaxStreams + 10 { // streams that were left over would use up the limit
		conn := dial(t, a.Group(1), b)
		if _, err := io.WriteString(conn, "x"); err != nil {
			t.Fatal(err)
		}
		other, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		_ = other.Close()
	}
}

func TestAPeerThatIsGoneIsNotWaitedFor(t *testing.T) {
	a, b := pair(t)
	wait := echo(b.Group(1))
	l := a.Group(1)
	conn := dial(t, l, b)
	wantEcho(t, conn)
	addr := b.transport.Conn.LocalAddr().(*net.UDPAddr)
	b.shut()
	wait()
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		failed <- err
	}()
	began := time.Now()
	a.Gone(b.config.Addr)
	if err := <-failed; err == nil || time.Since(began) > time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	socket, err := net.ListenUDP("udp", addr)
	if err != nil {
		t.Skip("the port was taken meanwhile:", err)
	}
	b2 := openEnd(t, socket, b.tls, everybody)
	defer b2.close(t)
	wait = echo(b2.Group(1))
	again := dial(t, l, b2)
	wantEcho(t, again)
	_ = b2.Net.Close()
	wait()
}

// transport is hashicorp/raft's on l.
func transport(l raft.StreamLayer, inFlight int) *raft.NetworkTransport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: l, MaxPool: 3, MaxRPCsInFlight: inFlight, Timeout: 5 * time.Second, Logger: hclog.NewNullLogger(),
	})
}

func TestRequestsArePipelined(t *testing.T) {
	a, b := pair(t)
	const inFlight, requests = 8, 1000
	from, to := transport(a.Group(1), inFlight), transport(b.Group(1), inFlight)
	defer from.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for rpc := range to.Consumer() {
			req := rpc.Command.(*raft.AppendEntriesRequest)
			rpc.Respond(&raft.AppendEntriesResponse{Success: true, LastLog: req.PrevLogEntry}, nil)
			if req.PrevLogEntry == requests {
				return
			}
		}
	}()
	p, err := from.AppendEntriesPipeline("b", b.config.Addr)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for i := range uint64(requests) {
			req := &raft.AppendEntriesRequest{Term: 1, PrevLogEntry: i + 1, RPCHeader: raft.RPCHeader{Addr: []byte("a")}}
			if _, err := p.AppendEntries(req, new(raft.AppendEntriesResponse)); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for i := range uint64(requests) {
		if f := <-p.Consumer(); f.Error() != nil || f.Response().LastLog != i+1 {
			t.Fatalf("answer %d: %v, %v", i+1, f.Response(), f.Error())
		}
	}
	<-done
	_ = p.Close()
	_ = to.Close()
}

func TestASnapshotArrivesWhole(t *testing.T) {
	a, b := pair(t)
	from, to := transport(a.Group(1), 1), transport(b.Group(1), 1)
	defer from.Close()
	defer to.Close()
	const size = 30 << 20
	go func() {
		rpc := <-to.Consumer()
		n, err := io.Copy(io.Discard, rpc.Reader)
		if err != nil || n != size {
			err = fmt.Errorf("%d bytes, %w", n, err)
		}
		rpc.Respond(&raft.InstallSnapshotResponse{Success: true}, err)
	}()
	var resp raft.InstallSnapshotResponse
	req := &raft.InstallSnapshotRequest{Size: size}
	if err := from.InstallSnapshot("b", b.config.Addr, req, &resp, io.LimitReader(zeros{}, size)); err != nil || !resp.Success {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
