package link

import (
	"context"
	"math"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kohe/relay/wire"
)

func TestRealTransportsEchoEveryLane(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	for name, dial := range p.dials() {
		t.Run(name, func(t *testing.T) {
			c, err := dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			echoes(t, c)
			e := <-p.handlers
			if e.peer.Transport != name || e.peer.Origin != "http://shop.example" || !e.peer.Remote.IsLoopback() {
				t.Errorf("the peer is %+v", e.peer)
			}
			if name == WebTransport && c.metrics.Duplicates.Load() == 0 {
				expect(t, c, wire.Message) // nothing comes twice; wait for the copy to be seen
			}
		})
	}
}

func (p *port) dials() map[string]func(context.Context) (*Client, error) {
	return map[string]func(context.Context) (*Client, error){
		WebSocket:    func(ctx context.Context) (*Client, error) { return p.dialer.WebSocket(ctx, p.ws, hello) },
		WebTransport: func(ctx context.Context) (*Client, error) { return p.dialer.WebTransport(ctx, p.wt, hello) },
	}
}

func TestNothingIsLeftOfAThousandConnections(t *testing.T) {
	const atOnce = 20
	p := openPort(t, Config{})
	defer p.close(t)
	for name, connections := range map[string]int{WebSocket: 800, WebTransport: 200} {
		dial := p.dials()[name]
		t.Run(name, func(t *testing.T) {
			warm, err := dial(t.Context()) // what is made once
			if err != nil {
				t.Fatal(err)
			}
			warm.Close()
			<-(<-p.handlers).closed
			settle(t, "goroutines", runtime.NumGoroutine, math.MaxInt)
			goroutines, files := runtime.NumGoroutine(), openFiles(t)
			var all sync.WaitGroup
			turns := make(chan struct{}, atOnce)
			for range connections {
				turns <- struct{}{}
				all.Go(func() {
					defer func() { <-turns }()
					c, err := dial(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := c.Send(wire.Say, say("x")); err != nil {
						t.Error(err)
					}
					expect(t, c, wire.Message)
					c.Close()
				})
			}
			all.Wait()
			if t.Failed() {
				return
			}
			for range connections {
				if err := <-(<-p.handlers).closed; err != nil {
					t.Errorf("closed with %v", err)
				}
			}
			settle(t, "goroutines", runtime.NumGoroutine, goroutines)
			settle(t, "files", func() int { return openFiles(t) }, files)
			if n := p.server.metrics.Open(name); n != 0 {
				t.Errorf("%d are counted as open", n)
			}
		})
	}
}

// settle waits until a count is at most what it was, or stands still.
func settle(t *testing.T, what string, count func() int, want int) {
	t.Helper()
	const patience = 500
	last, still := 0, 0
	for range patience {
		n := count()
		if still++; n != last {
			last, still = n, 0
		}
		if n <= want && want != math.MaxInt || want == math.MaxInt && still > 20 {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Errorf("%s: %d, before %d", what, last, want)
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	return len(entries)
}

// TestDoublingTakesTheLossOutOfTheTail is DESIGN decision 2 in memory: 20 ms
// each way, 2 % loss, a message every 50 ms.
func TestDoublingTakesTheLossOutOfTheTail(t *testing.T) {
	const messages = 4000
	oneWay := func(t *testing.T, kind wire.Kind) (p50, p99 time.Duration) {
		arrivals := make(chan time.Time, messages)
		s, handlers := newServer(t, Config{}, func(e *echo) {
			e.answer = func(wire.Frame) error {
				arrivals <- time.Now()
				return nil
			}
		})
		c := dialMemory(t, s, Path{Latency: 20 * time.Millisecond, Loss: 0.02, Seed: 1})
		<-handlers
		var took []time.Duration
		for range messages {
			sent := time.Now()
			if _, err := c.Send(kind, say("a message of an ordinary length")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			took = append(took, (<-arrivals).Sub(sent))
			time.Sleep(50 * time.Millisecond) // under synctest
		}
		c.Close()
		closeServer(t, s)
		slices.Sort(took)
		return took[messages/2], took[messages*99/100]
	}
	var alone, doubled time.Duration
	synctest.Test(t, func(t *testing.T) {
		var p50 time.Duration
		p50, alone = oneWay(t, wire.End) // not doubled
		t.Logf("stream alone: p50 %v, p99 %v", p50, alone)
	})
	synctest.Test(t, func(t *testing.T) {
		var p50 time.Duration
		p50, doubled = oneWay(t, wire.Say)
		t.Logf("doubled:      p50 %v, p99 %v", p50, doubled)
	})
	if doubled > 23*time.Millisecond || alone < 3*doubled {
		t.Errorf("p99: stream alone %v, doubled %v", alone, doubled)
	}
}

// The test's source has to be waited for; with a Notifier it is one goroutine.
func TestAnIdleWebSocketHasTwoGoroutinesAtMost(t *testing.T) {
	const connections = 200
	p := openPort(t, Config{})
	defer p.close(t)
	settle(t, "goroutines", runtime.NumGoroutine, math.MaxInt)
	before := runtime.NumGoroutine()
	var clients []*Client
	for range connections {
		c, err := p.dialer.WebSocket(t.Context(), p.ws, hello)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	settle(t, "goroutines", runtime.NumGoroutine, math.MaxInt)
	const clientSide = 1 // reads
	perLink := float64(runtime.NumGoroutine()-before)/connections - clientSide
	t.Logf("%.2f goroutines a link", perLink)
	if perLink > 2.05 {
		t.Errorf("%.2f goroutines a link", perLink)
	}
	for _, c := range clients {
		c.Close()
	}
}
