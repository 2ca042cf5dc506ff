package netem

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func openPair(t *testing.T) (*Memory, net.PacketConn, net.PacketConn) {
	t.Helper()
	m := NewMemory(1, "a", "b")
	a, err := m.Listen("a", 4000)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Listen("b", 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, a, b
}

func say(t *testing.T, from, to net.PacketConn, text string) {
	t.Helper()
	if _, err := from.WriteTo([]byte(text), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
}

// hear returns the next packet that arrives within a second, "" if there is none.
func hear(t *testing.T, c net.PacketConn) (string, time.Duration) {
	t.Helper()
	began := time.Now()
	_ = c.SetReadDeadline(began.Add(time.Second))
	b := make([]byte, 100)
	n, _, err := c.ReadFrom(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(b[:n]), time.Since(began)
}

func TestPacketsInMemoryTakeTheDelayOfTheirDirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := openPair(t)
		defer m.Close()
		m.Set("a", "b", Shape{Delay: 30 * time.Millisecond})
		m.Set("b", "a", Shape{Delay: 5 * time.Millisecond})
		say(t, a, b, "ping")
		if text, took := hear(t, b); text != "ping" || took != 30*time.Millisecond {
			t.Errorf("%q after %v", text, took)
		}
		say(t, b, a, "pong")
		if text, took := hear(t, a); text != "pong" || took != 5*time.Millisecond {
			t.Errorf("%q after %v", text, took)
		}
	})
}

func TestACutDropsWhatIsUnderWayInOneDirectionUntilItIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, b := openPair(t)
		defer m.Close()
		m.SetBoth("a", "b", Shape{Delay: 10 * time.Millisecond})
		say(t, a, b, "under way")
		say(t, b, a, "the other way")
		m.Cut("a", "b")
		say(t, a, b, "into the void")
		if text, _ := hear(t, b); text != "" {
			t.Errorf("heard %q over a cut link", text)
		}
		if text, _ := hear(t, a); text != "the other way" {
			t.Errorf("heard %q from the direction that is whole", text)
		}
		m.Heal("a", "b")
		say(t, a, b, "again")
		if text, took := hear(t, b); text != "again" || took != 10*time.Millisecond {
			t.Errorf("%q after %v", text, took)
		}
		if s := m.Stats("a", "b"); s != (Stats{Carried: 1, Cut: 2}) {
			t.Errorf("%+v", s)
		}
	})
}

func TestAHostThatIsIsolatedIsHeardByNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(1, "a", "b", "c")
		defer m.Close()
		conns := map[string]net.PacketConn{}
		for _, host := range []string{"a", "b", "c"} {
			var err error
			if conns[host], err = m.Listen(host, 1); err != nil {
				t.Fatal(err)
			}
		}
		m.Isolate("a")
		say(t, conns["a"], conns["b"], "x")
		say(t, conns["c"], conns["b"], "y")
		if text, _ := hear(t, conns["b"]); text != "y" {
			t.Errorf("heard %q", text)
		}
		m.Rejoin("a")
		say(t, conns["a"], conns["b"], "z")
		if text, _ := hear(t, conns["b"]); text != "z" {
			t.Errorf("heard %q", text)
		}
	})
}

func TestAReaderInMemoryIsWokenByItsDeadlineAndByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, a, _ := openPair(t)
		defer m.Close()
		ended := make(chan error)
		read := func() {
			_, _, err := a.ReadFrom(make([]byte, 1))
			ended <- err
		}
		go read()
		synctest.Wait()
		_ = a.SetReadDeadline(time.Now().Add(time.Second))
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		_ = a.SetReadDeadline(time.Time{})
		go read()
		synctest.Wait()
		_ = a.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
