package canary

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nest is a Flock behind a socket.
type nest struct {
	*Flock
	listener net.Listener
	news     chan string // "lost b", "found b"
	running  sync.WaitGroup
}

func open(t *testing.T, addr string) *nest {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	n := &nest{listener: l, news: make(chan string, 10)}
	n.Flock = New(Config{
		Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		Lost: func(id string, certain bool) {
			if certain {
				n.news <- "lost " + id
			} else {
				n.news <- "perhaps lost " + id
			}
		},
		Found: func(id string) { n.news <- "found " + id },
	})
	n.running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.running.Go(func() { n.Hold(conn) })
		}
	})
	return n
}

func (n *nest) addr() string { return n.listener.Addr().String() }

// close is what the kernel does when the process ends.
func (n *nest) close() {
	_ = n.listener.Close()
	_ = n.Close()
	n.running.Wait()
}

func want(t *testing.T, n *nest, news string) time.Duration {
	t.Helper()
	began := time.Now()
	select {
	case got := <-n.news:
		if got != news {
			t.Fatalf("heard %q, want %q", got, news)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("never heard %q", news)
	}
	return time.Since(began)
}

// linked waits until n holds a link.
func linked(t *testing.T, n *nest, links int) {
	t.Helper()
	for range 1000 {
		n.mu.Lock()
		held := len(n.held)
		n.mu.Unlock()
		if held == links {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("no link")
}

func TestTheEndOfAProcessIsNoticedAndItsReturnToo(t *testing.T) {
	a, b := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	defer a.close()
	at := b.addr()
	a.Watch(map[string]string{"b": at})
	want(t, a, "found b")
	linked(t, b, 1)
	b.close()
	if took := want(t, a, "lost b"); took > time.Second {
		t.Errorf("noticed after %v", took)
	}
	b = open(t, at)
	defer b.close()
	want(t, a, "found b")
}

func TestABrokenLinkAloneIsNoSuspicion(t *testing.T) {
	a, b := open(t, "127.0.0.1:0"), open(t, "127.0.0.1:0")
	defer a.close()
	defer b.close()
	a.Watch(map[string]string{"b": b.addr()})
	want(t, a, "found b")
	for range 3 {
		linked(t, b, 1)
		b.mu.Lock()
		for conn := range b.held {
			_ = conn.Close()
		}
		b.mu.Unlock()
	}
	linked(t, b, 1)
	if len(a.news) > 0 {
		t.Errorf("heard %q", <-a.news)
	}
}

func TestNobodyIsSuspectedWhoWasNeverThere(t *testing.T) {
	a := open(t, "127.0.0.1:0")
	gone := open(t, "127.0.0.1:0")
	gone.close()
	a.Watch(map[string]string{"b": gone.addr()})
	time.Sleep(3 * redialWithin)
	a.Watch(nil)
	a.close()
	if len(a.news) > 0 {
		t.Errorf("heard %q", <-a.news)
	}
}

func TestStrangersCannotTakeAllLinks(t *testing.T) {
	a := open(t, "127.0.0.1:0")
	defer a.close()
	var conns []net.Conn
	for range MaxHeld + 5 {
		conn, err := net.Dial("tcp", a.addr())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	linked(t, a, MaxHeld)
	for _, conn := range conns {
		_ = conn.Close()
	}
	linked(t, a, 0)
}
