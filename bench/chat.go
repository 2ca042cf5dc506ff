package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// Chat measures how long a message takes and what it costs.
type Chat struct {
	Over     []string      // what to run: "wt", "ws", "baseline"
	Pairs    int           // visitors, each with an agent
	Idle     int           // connections of each kind that do nothing
	Rate     int           // messages a second, each way of each pair
	Size     int           // bytes of a message's text
	Span     time.Duration // of sending
	Progress io.Writer
}

// DefaultChat is what `kohe bench chat` runs.
var DefaultChat = Chat{Over: []string{"wt", "ws", "baseline"}, Pairs: 200, Idle: 2000, Rate: 5, Size: 200, Span: 10 * time.Second}

const (
	benchSite   = "bench"
	benchOrigin = "http://bench.localhost"
	settle      = 2 * time.Second // for what is still under way after sending
	setUp       = 16              // connections made at once
)

// person is one end of a pair: says a text, and tells the run what it hears.
type person interface {
	say(n int, text string) error
	close()
}

// Run runs the scenario over WebTransport, over WebSocket and against the
// baseline, and adds its figures to the report.
func (s Chat) Run(ctx context.Context, report *Report) error {
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	for _, over := range s.Over {
		switch over {
		case "wt", "ws":
			err = s.node(ctx, filepath.Join(dir, over), over, report)
		case "baseline":
			err = s.baseline(ctx, dir, report)
		default:
			err = errors.New("there is wt, ws and baseline to run")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", over, err)
		}
	}
	return nil
}

func (s Chat) progress(format string, args ...any) { fmt.Fprintf(s.Progress, format+"\n", args...) }

// node measures one transport against a fresh node.
func (s Chat) node(ctx context.Context, dir, transport string, report *Report) error {
	s.progress("%s: starting a node, %d pairs …", transport, s.Pairs)
	p, err := Start(ctx, dir, "serve", "--data", filepath.Join(dir, "data"), "--opens-per-minute", "1000000", "--links-per-address", "1000000", "--drain", "0s")
	if err != nil {
		return err
	}
	defer p.Stop()
	h := &host{process: p, transport: transport, dialer: link.Dialer{Origin: benchOrigin}}
	defer h.dialer.Close()
	if err := h.seed(ctx, s.Pairs); err != nil {
		return err
	}
	if err := h.learn(ctx); err != nil {
		return err
	}
	if transport == "ws" {
		if err := s.quiet(ctx, h, report); err != nil {
			return err
		}
	}
	if err := s.idle(ctx, h, report); err != nil {
		return err
	}
	t := newTally(s, true)
	if err := h.staff(ctx, s.Pairs); err != nil {
		return err
	}
	people, err := s.connect(ctx, func(ctx context.Context, pair int) (person, person, error) { return h.pair(ctx, pair, t) })
	if err != nil {
		return err
	}
	return s.measure(ctx, p, people, t, "chat."+transport, report)
}

// baseline measures the minimal relay.
func (s Chat) baseline(ctx context.Context, dir string, report *Report) error {
	s.progress("baseline: starting a minimal relay, %d pairs …", s.Pairs)
	p, err := Start(ctx, dir, "bench", "baseline-relay")
	if err != nil {
		return err
	}
	defer p.Stop()
	before, err := p.baselineMemory()
	if err != nil {
		return err
	}
	idle, err := connectMany(ctx, s.Idle, func(ctx context.Context, i int) (closer, error) {
		return dialBaseline(ctx, p.Base, fmt.Sprintf("idle%d", i/2), i%2, nil)
	})
	if err != nil {
		return err
	}
	after, err := p.baselineMemory()
	if err != nil {
		return err
	}
	report.Add("chat.baseline.idle_kib", "KiB", kib(after-before, s.Idle))
	closeAll(idle)
	t := newTally(s, false)
	people, err := s.connect(ctx, func(ctx context.Context, pair int) (person, person, error) {
		a, err := dialBaseline(ctx, p.Base, fmt.Sprint(pair), 0, t.side(pair, 0))
		if err != nil {
			return nil, nil, err
		}
		b, err := dialBaseline(ctx, p.Base, fmt.Sprint(pair), 1, t.side(pair, 1))
		return a, b, err
	})
	if err != nil {
		return err
	}
	return s.measure(ctx, p, people, t, "chat.baseline", report)
}

// measure sends in an open loop, every side at its own times whatever the
// answers, and adds what came of it.
func (s Chat) measure(ctx context.Context, p *Process, people []person, t *tally, id string, report *Report) error {
	defer func() {
		for _, x := range people {
			x.close()
		}
	}()
	s.progress("%s: %d messages a second for %s …", id, 2*s.Pairs*s.Rate, s.Span)
	before, err := p.CPU()
	if err != nil {
		return err
	}
	var sending errgroup.Group
	every := time.Second / time.Duration(s.Rate)
	start := time.Now()
	for i, x := range people {
		first := start.Add(every * time.Duration(i) / time.Duration(len(people)))
		sending.Go(func() error { return s.send(ctx, x, t, i, first, every) })
	}
	if err := sending.Wait(); err != nil {
		return err
	}
	time.Sleep(settle) // what the node does later, such as indexing, counts too
	after, err := p.CPU()
	if err != nil {
		return err
	}
	deliver, stored, lost := t.results()
	for _, q := range []float64{50, 95, 99} {
		report.Add(fmt.Sprintf("%s.deliver_ms.p%g", id, q), "ms", percentile(deliver, q))
		if t.stores {
			report.Add(fmt.Sprintf("%s.stored_ms.p%g", id, q), "ms", percentile(stored, q))
		}
	}
	report.Add(id+".cpu_us_per_msg", "µs", float64((after-before).Microseconds())/float64(t.sent()))
	report.Add(id+".lost", "messages", float64(lost))
	return nil
}

// send says one side's messages at their times.
func (s Chat) send(ctx context.Context, x person, t *tally, i int, first time.Time, every time.Duration) error {
	count := int(s.Span / every)
	for n := range count {
		due := first.Add(time.Duration(n) * every)
		if err := sleepUntil(ctx, due); err != nil {
			return err
		}
		text := fmt.Sprintf("%d ", n)
		text += strings.Repeat("x", s.Size-len(text))
		t.said(i, n, due) // the time it was due: a late loop must not hide a wait
		if err := x.say(n, text); err != nil {
			return err
		}
	}
	return nil
}

func sleepUntil(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connect makes every pair, a few at once.
func (s Chat) connect(ctx context.Context, pair func(context.Context, int) (person, person, error)) ([]person, error) {
	people := make([]person, 2*s.Pairs)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(setUp)
	for i := range s.Pairs {
		g.Go(func() (err error) {
			people[2*i], people[2*i+1], err = pair(ctx, i)
			return err
		})
	}
	return people, g.Wait()
}

type closer interface{ close() }

func connectMany(ctx context.Context, n int, one func(context.Context, int) (closer, error)) ([]closer, error) {
	list := make([]closer, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(setUp)
	for i := range n {
		g.Go(func() (err error) {
			list[i], err = one(ctx, i)
			return err
		})
	}
	return list, g.Wait()
}

func closeAll(list []closer) {
	var g errgroup.Group
	g.SetLimit(64)
	for _, c := range list {
		g.Go(func() error { c.close(); return nil })
	}
	_ = g.Wait() // close has no error
}

func kib(bytes int64, n int) float64 { return float64(bytes) / 1024 / float64(n) }

// quiet measures what a visitor costs before the click.
func (s Chat) quiet(ctx context.Context, h *host, report *Report) error {
	return s.held(ctx, h, "chat.visitor_idle_kib", report, func(ctx context.Context, _ int) (closer, error) {
		return h.dial(ctx, wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: benchSite, Quiet: true})
	})
}

// idle measures what a full connection costs that does nothing.
func (s Chat) idle(ctx context.Context, h *host, report *Report) error {
	return s.held(ctx, h, "chat."+h.transport+".idle_kib", report, func(ctx context.Context, _ int) (closer, error) {
		return h.dial(ctx, wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: benchSite})
	})
}

func (s Chat) held(ctx context.Context, h *host, id string, report *Report, one func(context.Context, int) (closer, error)) error {
	s.progress("%s: %d connections …", id, s.Idle)
	before, err := h.process.Memory(ctx)
	if err != nil {
		return err
	}
	list, err := connectMany(ctx, s.Idle, one)
	if err != nil {
		return err
	}
	after, err := h.process.Memory(ctx)
	closeAll(list)
	report.Add(id, "KiB", kib(after-before, s.Idle))
	return err
}
