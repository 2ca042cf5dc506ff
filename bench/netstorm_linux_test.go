package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

var stormFlag = flag.Int("storm", 0, "pages of an edge that dies; 0: none")

// What a node lets in (relay/wire/PROTOCOL.md).
const (
	quietAtOnce    = 1000
	quietPerSecond = 500
)

// Spans and bounds of a storm.
const (
	gathering = 2 * time.Minute  // for all pages to come to the edge
	dispersal = 2 * time.Minute  // for all to be at the others
	talkFirst = 10 * time.Second // of chat before it
	dialling  = 500              // pages that connect at the same time: the machine is one, theirs would be ten thousand
	onePage   = 8 * time.Second  // without a word until a page tries the next edge (widget/wire/quiet.ts)
)

// drifter is a page with its quiet socket, as widget/wire/quiet.ts has it: when
// the socket ends it comes back at the next node, after a while, or when a node
// says that it is its turn.
type drifter struct {
	storm *crowd
	ring  []*node // in the order in which it tries them; [0] is where it is
	tries int
}

// crowd are all the drifters, and where they are let in.
type crowd struct {
	dialling chan struct{}
	told     atomic.Int64 // times that a drifter was told to come later

	mu sync.Mutex // guards what follows
	in map[string][]time.Time
}

func (c *crowd) came(node string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in[node] = append(c.in[node], time.Now())
}

// since returns how many came to each node in each second after a moment.
func (c *crowd) since(moment time.Time) map[string][]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string][]int{}
	for node, times := range c.in {
		for _, at := range times {
			if at.Before(moment) {
				continue
			}
			second := int(at.Sub(moment) / time.Second)
			for len(all[node]) <= second {
				all[node] = append(all[node], 0)
			}
			all[node][second]++
		}
	}
	return all
}

func (c *crowd) count(moment time.Time) (n int) {
	for _, seconds := range c.since(moment) {
		for _, k := range seconds {
			n += k
		}
	}
	return n
}

// drift is connected, somewhere, until ctx is done.
func (d *drifter) drift(ctx context.Context) {
	for ctx.Err() == nil {
		wait := time.Duration(0)
		client, err := d.dial(ctx)
		if err == nil {
			d.tries = 0
			d.storm.came(d.ring[0].name)
			d.stay(ctx, client)
		} else if told := (*relay.Error)(nil); errors.As(err, &told) && told.Retry > 0 {
			d.storm.told.Add(1)
			wait = told.Retry
		}
		d.ring = append(d.ring[1:], d.ring[0])
		if wait == 0 {
			wait = rand.N(min(30*time.Second, 2*time.Second<<d.tries))
			d.tries++
		}
		_ = sleepUntil(ctx, time.Now().Add(wait)) // drift looks at ctx
	}
}

func (d *drifter) dial(ctx context.Context) (*link.Client, error) {
	select {
	case d.storm.dialling <- struct{}{}:
		defer func() { <-d.storm.dialling }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, onePage)
	defer cancel()
	m := d.ring[0]
	return m.dialer.WebSocket(ctx, m.webSocket(), wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: benchSite, Quiet: true})
}

// stay is connected until the link ends.
func (d *drifter) stay(ctx context.Context, c *link.Client) {
	defer c.Close()
	for {
		if _, err := c.Recv(ctx); err != nil {
			return
		}
	}
}

// TestAStormOfADeadEdgesPagesIsSpread kills the nearest of three regions' edges
// while many pages hold their quiet sockets there, and couples talk in the middle
// one. All pages have to be let in elsewhere, at no node faster than it says,
// and the talk has to lose nothing.
func TestAStormOfADeadEdgesPagesIsSpread(t *testing.T) {
	if *stormFlag == 0 {
		t.Skip("minutes: make netns-storm")
	}
	ctx := t.Context()
	g, network, _ := openGround(t)
	spreadOut(network)
	c, err := g.openCell(ctx, filepath.Join(t.TempDir(), "cell"), regional(), "--opens-per-minute", "1000000", "--links-per-address", "1000000", "--drain", drainFor.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.again(ctx, t)
	byName := map[string]*node{}
	for _, m := range c.nodes {
		byName[m.name] = m
	}
	f := &failover{
		Failover: Failover{Over: "wt", Progress: t.Output()}, cell: c, fronts: []*node{byName["e2"], byName["n2"]}, places: [][2]int{{0, 1}, {1, 0}},
		report: NewReport("netns", "test"), runs: map[string][]float64{}, chat: map[string][]float64{},
	}
	if err := f.seed(ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.meet(ctx, func(ctx context.Context) error { return f.storm(ctx, t, byName) }); err != nil {
		t.Fatal(errors.Join(err, fmt.Errorf("the nodes' logs are in %s", c.keepLogs(t))))
	}
}

func (r *failover) storm(ctx context.Context, t *testing.T, byName map[string]*node) error {
	var ring []*node // as the pages have measured it
	for _, name := range []string{"e1", "n1", "e2", "n2", "e3", "n3"} {
		ring = append(ring, byName[name])
	}
	pages, stop := context.WithCancel(ctx)
	var all errgroup.Group
	defer func() { stop(); _ = all.Wait() }() // drift has no error
	crowd := &crowd{dialling: make(chan struct{}, dialling), in: map[string][]time.Time{}}
	began := time.Now()
	for i := range *stormFlag { // at the rate at which a node takes them
		d := &drifter{storm: crowd, ring: slices.Clone(ring)}
		all.Go(func() error { d.drift(pages); return nil })
		if i%quietPerSecond == quietPerSecond-1 {
			if err := sleepUntil(ctx, time.Now().Add(time.Second)); err != nil {
				return err
			}
		}
	}
	if err := crowd.await(ctx, *stormFlag, began, gathering); err != nil {
		return fmt.Errorf("before the storm: %w", err)
	}
	strayed := crowd.since(began)
	delete(strayed, "e1")
	if err := r.renew(ctx); err != nil {
		return err
	}
	calm := time.Now()
	if err := sleepUntil(ctx, calm.Add(talkFirst)); err != nil {
		return err
	}
	used, err := r.cell.cpuOf(byName["e1"])
	if err != nil {
		return err
	}
	struck := time.Now()
	byName["e1"].Kill()
	if err := crowd.await(ctx, *stormFlag, struck, dispersal); err != nil {
		return err
	}
	took := time.Since(struck)
	after, err := r.cell.cpuOf(byName["e1"])
	if err != nil {
		return err
	}
	curve, over := crowd.since(struck), []string{}
	for name, seconds := range curve {
		sum := 0
		for i, n := range seconds {
			if sum += n; sum > quietAtOnce+quietPerSecond*(i+1) {
				over = append(over, fmt.Sprintf("%s let %d in within %d s", name, sum, i+1))
			}
		}
	}
	var lines []string
	for _, m := range ring[1:] {
		lines = append(lines, fmt.Sprintf("  %s, let in each second: %v; %.0f %% of a core", m.name, curve[m.name], 100*float64(after[m.name]-used[m.name])/float64(took)))
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	r.delivered("calm", r.pairs, calm, struck)
	r.delivered("storm", r.pairs, struck, struck.Add(took))
	fmt.Printf("netns-storm: %d pages, %d of them elsewhere before; all back after %.1f s, %d times told to come later\n%s\nchat at the other edges, ms to be heard (median/p95/max): before %s, in the storm %s; load %s\n",
		*stormFlag, len(strayed), took.Seconds(), crowd.told.Load(), strings.Join(lines, "\n"), spread(r.chat["calm"]), spread(r.chat["storm"]), load())
	if len(over) > 0 {
		return errors.New(strings.Join(over, "; "))
	}
	if err := errors.Join(byName["e1"].start(ctx), r.cell.settle(ctx)); err != nil {
		return err
	}
	return r.verdict(ctx)
}

// await waits until so many were let in since a moment.
func (c *crowd) await(ctx context.Context, want int, since time.Time, most time.Duration) error {
	for until := time.Now().Add(most); ; {
		n := c.count(since)
		if n >= want {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d pages are let in after %s: %w", n, want, most, errLate)
		}
		if err := sleepUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
}

// cpuOf returns the processor time of every node but one.
func (c *cell) cpuOf(but *node) (map[string]time.Duration, error) {
	all := map[string]time.Duration{}
	for _, m := range c.nodes {
		if m == but {
			continue
		}
		used, err := m.CPU()
		if err != nil {
			return nil, err
		}
		all[m.name] = used
	}
	return all, nil
}
