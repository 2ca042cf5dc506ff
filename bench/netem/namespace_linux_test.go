package netem

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

// bound is more than any of these tests takes.
const bound = 30 * time.Second

func openHosts(t *testing.T, names ...string) *Namespaces {
	t.Helper()
	n, err := Open(names...)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("namespaces cannot be had here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

const port = 7000

func (h *Host) at(t *testing.T) netip.AddrPort { t.Helper(); return netip.AddrPortFrom(h.Addr, port) }

func udp(t *testing.T, h *Host) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	if err := h.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(h.at(t)))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(bound))
	_ = c.SetReadBuffer(4 << 20)
	return c
}

// tcp returns both ends of a connection from one host to another.
func tcp(t *testing.T, from, to *Host) (near, far net.Conn) {
	t.Helper()
	var l net.Listener
	if err := to.Do(func() (err error) { l, err = net.Listen("tcp4", to.at(t).String()); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := from.Do(func() (err error) {
		near, err = net.DialTimeout("tcp4", to.at(t).String(), bound)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{near, far} {
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(bound))
	}
	return near, far
}

// echo sends back what it reads until the connection ends.
func echo(c net.Conn) { _, _ = io.Copy(c, c) }

func echoUDP(c *net.UDPConn) {
	b := make([]byte, MTU)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(b[:n], from)
	}
}

// roundTrips measures n pings over UDP, sorted.
func roundTrips(t *testing.T, c *net.UDPConn, to *Host, n int) (list []time.Duration) {
	t.Helper()
	b := make([]byte, 8)
	for range n {
		began := time.Now()
		if _, err := c.WriteToUDPAddrPort(b, to.at(t)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadFromUDPAddrPort(b); err != nil {
			t.Fatal(err)
		}
		list = append(list, time.Since(began))
	}
	slices.Sort(list)
	return list
}

// near fails the test unless a median is what was wanted or up to most more.
func near(t *testing.T, what string, sorted []time.Duration, want, most time.Duration) {
	t.Helper()
	median := sorted[len(sorted)/2]
	t.Logf("%s: median %v of %v to %v, wanted %v", what, median, sorted[0], sorted[len(sorted)-1], want)
	if sorted[0] < want || median > want+most {
		t.Errorf("%s: at least %v, median %v; want %v to %v", what, sorted[0], median, want, want+most)
	}
}

// slack is what a busy machine may add to a median.
const slack = 10 * time.Millisecond

func TestUDPTakesTheDelayThatTheLinkHasNow(t *testing.T) {
	n := openHosts(t, "a", "b")
	a, b := udp(t, n.Host("a")), udp(t, n.Host("b"))
	go echoUDP(b)
	near(t, "control", roundTrips(t, a, n.Host("b"), 50), 0, slack)
	n.Set("a", "b", Shape{Delay: 20 * time.Millisecond})
	n.Set("b", "a", Shape{Delay: 10 * time.Millisecond})
	near(t, "20 ms there, 10 ms back", roundTrips(t, a, n.Host("b"), 30), 30*time.Millisecond, slack)
	n.SetBoth("a", "b", Shape{Delay: 5 * time.Millisecond})
	near(t, "5 ms each way", roundTrips(t, a, n.Host("b"), 30), 10*time.Millisecond, slack)
}

func TestUDPTakesTheJitterOfTheLink(t *testing.T) {
	n := openHosts(t, "a", "b")
	a, b := udp(t, n.Host("a")), udp(t, n.Host("b"))
	go echoUDP(b)
	n.Set("a", "b", Shape{Delay: 20 * time.Millisecond, Jitter: 15 * time.Millisecond})
	list := roundTrips(t, a, n.Host("b"), 100)
	low, high := list[10], list[90] // 8 and 32 ms, were the machine idle
	t.Logf("tenth %v, ninetieth %v", low, high)
	if list[0] < 5*time.Millisecond || low > 16*time.Millisecond || high < 27*time.Millisecond {
		t.Errorf("from %v, tenth %v, ninetieth %v; want 5 to 35 ms evenly", list[0], low, high)
	}
}

func TestTCPTakesTheDelayOfTheLink(t *testing.T) {
	n := openHosts(t, "a", "b")
	c, far := tcp(t, n.Host("a"), n.Host("b"))
	go echo(far)
	n.SetBoth("a", "b", Shape{Delay: 20 * time.Millisecond})
	var list []time.Duration
	b := make([]byte, 100)
	for range 30 {
		began := time.Now()
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		list = append(list, time.Since(began))
	}
	slices.Sort(list)
	near(t, "20 ms each way", list, 40*time.Millisecond, slack)
}

// count sends packets over UDP at a pace that every queue here follows, and
// returns how many arrive. The link loses nothing after it.
func count(t *testing.T, n *Namespaces, from, to *net.UDPConn, packets int) (arrived int) {
	t.Helper()
	done := make(chan int)
	const stop = math.MaxUint32
	go func() {
		seen, b := 0, make([]byte, MTU)
		for {
			size, _, err := to.ReadFromUDPAddrPort(b)
			if err != nil || size == 4 && binary.BigEndian.Uint32(b) == stop {
				done <- seen
				return
			}
			seen++
		}
	}()
	b := make([]byte, 200)
	for i := range packets {
		_, _ = from.WriteToUDPAddrPort(b, n.Host("b").at(t))
		if i%50 == 49 {
			time.Sleep(time.Millisecond) // the device's queue holds more
		}
	}
	time.Sleep(50 * time.Millisecond)
	n.Set("a", "b", Shape{})
	_, _ = from.WriteToUDPAddrPort(binary.BigEndian.AppendUint32(nil, stop), n.Host("b").at(t))
	return <-done
}

func TestUDPLosesTheShareOfTheLinkAndNothingWithoutOne(t *testing.T) {
	n := openHosts(t, "a", "b")
	a, b := udp(t, n.Host("a")), udp(t, n.Host("b"))
	const packets = 5000
	if got := count(t, n, a, b, packets); got != packets {
		t.Errorf("control: %d of %d arrived", got, packets)
	}
	for _, share := range []float64{0.02, 0.3} {
		n.Set("a", "b", Shape{Loss: share})
		got := 1 - float64(count(t, n, a, b, packets))/packets
		t.Logf("%.3f lost of %g", got, share)
		if math.Abs(got-share) > 0.02 {
			t.Errorf("%.3f lost, want %g", got, share)
		}
	}
}

func TestTCPRunsAtTheRateOfTheLink(t *testing.T) {
	n := openHosts(t, "a", "b")
	c, far := tcp(t, n.Host("a"), n.Host("b"))
	const rate, size = 1_000_000, 1_500_000
	n.Set("a", "b", Shape{Rate: rate, Delay: 5 * time.Millisecond})
	began := time.Now()
	go func() { _, _ = c.Write(make([]byte, size)) }()
	if _, err := io.ReadFull(far, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	got := size / time.Since(began).Seconds()
	t.Logf("%.0f bytes a second of %d with headers", got, rate)
	if got > rate || got < 0.7*rate {
		t.Errorf("%.0f bytes a second, want a little less than %d", got, rate)
	}
}

func TestABurstBeyondTheQueueIsDroppedAndCounted(t *testing.T) {
	n := openHosts(t, "a", "b")
	a, b := udp(t, n.Host("a")), udp(t, n.Host("b"))
	n.Set("a", "b", Shape{Rate: 20_000, Queue: 10_000})
	for range 50 {
		_, _ = a.WriteToUDPAddrPort(make([]byte, 972), n.Host("b").at(t)) // 1,000 bytes with its headers
	}
	_ = b.SetReadDeadline(time.Now().Add(1500 * time.Millisecond))
	got := 0
	for buffer := make([]byte, MTU); ; got++ {
		if _, _, err := b.ReadFromUDPAddrPort(buffer); err != nil {
			break
		}
	}
	s := n.Stats("a", "b")
	t.Logf("%d arrived, %+v", got, s)
	if got < 10 || got > 13 || s.Overflowed < 37 {
		t.Errorf("%d arrived of 50, %+v; want 10 and what the link sent meanwhile", got, s)
	}
}

func TestAProcessOnAHostIsReachedOverTheLink(t *testing.T) {
	n := openHosts(t, "a", "b", "c")
	c := udp(t, n.Host("c"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestEchoProcess$")
	cmd.Env = append(os.Environ(), echoAt+"="+n.Host("b").at(t).String())
	if err := n.Host("b").Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	for until := time.Now().Add(bound); ; { // until it listens
		_, _ = c.WriteToUDPAddrPort([]byte("x"), n.Host("b").at(t))
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, _, err := c.ReadFromUDPAddrPort(make([]byte, 8)); err == nil {
			break
		} else if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	n.Isolate("b")
	_, _ = c.WriteToUDPAddrPort([]byte("x"), n.Host("b").at(t))
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, _, err := c.ReadFromUDPAddrPort(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an isolated host: %v", err)
	}
}

const echoAt = "NETEM_TEST_ECHO_AT"

// TestEchoProcess is the process of the test above.
func TestEchoProcess(t *testing.T) {
	at, err := netip.ParseAddrPort(os.Getenv(echoAt))
	if err != nil {
		t.Skip("for another test")
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(bound))
	echoUDP(c)
}

func TestWhereUDPIsCutTCPPasses(t *testing.T) {
	n := openHosts(t, "a", "b")
	a, b := udp(t, n.Host("a")), udp(t, n.Host("b"))
	go echoUDP(b)
	c, far := tcp(t, n.Host("a"), n.Host("b"))
	go echo(far)
	n.SetBoth("a", "b", Shape{NoUDP: true})
	_ = a.SetDeadline(time.Now().Add(300 * time.Millisecond))
	if _, err := a.WriteToUDPAddrPort([]byte("lost"), n.Host("b").at(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("UDP: %v", err)
	}
	if _, err := c.Write([]byte("there")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Errorf("TCP: %v", err)
	}
	if n.Stats("a", "b").Cut != 1 {
		t.Errorf("%+v", n.Stats("a", "b"))
	}
}
