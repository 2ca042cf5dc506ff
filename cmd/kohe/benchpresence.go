package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kohe/bench"
	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// presence measures what it costs to watch a site's visitors on three whole
// nodes in this process. Visitors come through their edge's own accept path, at
// the rate that admission lets them in, but have no socket; consoles are
// connected in memory, all to the first node; nodes are connected by QUIC.
type presence struct {
	Visitors int
	Span     time.Duration // watched
	Progress io.Writer

	*voters
	report *bench.Report
	tabs   []*presentTab
	seq    int // of pages
	moving sync.WaitGroup

	mu    sync.Mutex // guards what follows
	moved map[string]time.Time
	fresh []float64 // ms
}

// presentTab is one visitor's page.
type presentTab struct {
	handler link.Handler
	visit   relay.ID
	seq     uint64
	late    bool // at the checkout, whose pages are timed
}

// The load.
const (
	pageEvery  = 30 * time.Second // a visitor is on a page for so long
	tickEvery  = 20 * time.Millisecond
	checkout   = 500             // one visitor in so many is at the checkout, and
	rushed     = 3 * time.Second // on a page for so long
	quietSpan  = 5 * time.Second // measured while nobody watches
	benchShop  = "http://bench.localhost"
	settleSpan = time.Second
)

func benchPresence() *cobra.Command {
	var file string
	p := &presence{Visitors: 50_000, Span: 12 * time.Second}
	c := &cobra.Command{
		Use: "presence", Short: "What it costs to watch 50,000 visitors on three nodes, and how fresh that is (at most 60 s)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.report, p.Progress = bench.NewReport("presence", version), cmd.ErrOrStderr()
			if err := p.run(cmd.Context()); err != nil {
				return err
			}
			return finish(cmd, p.report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().IntVar(&p.Visitors, "visitors", p.Visitors, "visitors on the site, over all nodes")
	c.Flags().DurationVar(&p.Span, "span", p.Span, "how long to watch them")
	return c
}

func (p *presence) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	fmt.Fprintln(p.Progress, "starting three nodes …")
	p.voters = &voters{}
	defer func() { err = errors.Join(err, p.Close()) }()
	for i := range voterCount {
		if err := p.add(ctx, filepath.Join(dir, fmt.Sprint(i+1)), fmt.Sprint("n", i+1)); err != nil {
			return err
		}
	}
	if err := p.seedShop(ctx); err != nil {
		return err
	}
	fmt.Fprintf(p.Progress, "%d visitors come …\n", p.Visitors)
	if err := p.fill(ctx); err != nil {
		return err
	}
	moving, stop := context.WithCancel(ctx)
	defer p.moving.Wait()
	defer stop()
	p.moved = map[string]time.Time{}
	p.moving.Go(func() { p.move(moving) })
	return p.measure(ctx)
}

// measure adds the figures: first while nobody watches, then while six do.
func (p *presence) measure(ctx context.Context) error {
	calm, _, err := p.window(ctx, quietSpan)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.Progress, "a board and five consoles watch …")
	for i, ask := range []wire.ViewPayload{
		{}, {}, {Sort: wire.SortLongest}, {Filter: "checkout"}, {Filter: "page/1"}, {Filter: "page/2", Sort: wire.SortLongest},
	} {
		c, err := p.console(ctx, map[bool]string{true: "boss", false: "ann"}[i == 0], ask)
		if err != nil {
			return err
		}
		defer c.Close()
	}
	if _, _, err := p.window(ctx, settleSpan); err != nil {
		return err
	}
	p.mu.Lock()
	p.fresh = nil
	p.mu.Unlock()
	busy, sent, err := p.window(ctx, p.Span)
	if err != nil {
		return err
	}
	p.mu.Lock()
	fresh := slices.Sorted(slices.Values(p.fresh))
	p.mu.Unlock()
	if len(fresh) == 0 {
		return errors.New("no change of a page was seen")
	}
	p.report.Add("presence.visitors", "", float64(len(p.tabs)))
	p.report.Add("presence.bytes_s", "B/s", sent[1:]...)
	p.report.Add("presence.cpu_core", "%", (busy-calm)/voterCount)
	p.report.Add("presence.unwatched.cpu_core", "%", calm/voterCount)
	p.report.Add("presence.fresh_ms.p50", "ms", fresh[len(fresh)/2])
	p.report.Add("presence.fresh_ms.p99", "ms", fresh[len(fresh)*99/100])
	p.report.Add("presence.fresh_ms.max", "ms", fresh[len(fresh)-1])
	return nil
}

// window returns what percentage of a core this process used for some time,
// and the bytes a second that each node's links sent.
func (p *presence) window(ctx context.Context, span time.Duration) (cpu float64, sent []float64, err error) {
	used, began := processTime(), time.Now()
	before := p.sent()
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	took := time.Since(began)
	for i, bytes := range p.sent() {
		sent = append(sent, float64(bytes-before[i])/took.Seconds())
	}
	return 100 * float64(processTime()-used) / float64(took), sent, nil
}

// sent returns the payloads that each node's links have sent: at all nodes but
// the first those are what other nodes watch.
func (p *presence) sent() (bytes []uint64) {
	for _, n := range p.nodes {
		bytes = append(bytes, n.metrics.BytesOut[relay.Control].Load())
	}
	return bytes
}

func processTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (p *presence) seedShop(ctx context.Context) error {
	rows := []state.Put{
		{Customer: &state.Customer{ID: votersSite, Name: votersSite}},
		{Department: &state.Department{ID: votersSite, Customer: votersSite, Name: votersSite}},
		{Site: &state.Site{ID: votersSite, Customer: votersSite, Name: votersSite, Origins: []string{benchShop}, Departments: []string{votersSite}, Visitors: true}},
	}
	for name, role := range map[string]relay.Role{"ann": relay.RoleAgent, "boss": relay.RoleSupervisor} {
		rows = append(rows, state.Put{Agent: &state.Agent{
			ID: name, Customer: votersSite, Name: name, Alias: name, Role: role, Sites: []string{votersSite}, Departments: []string{votersSite}, Generation: 1,
		}})
	}
	for _, put := range rows {
		put.At = now()
		if _, err := p.nodes[0].cell.Propose(ctx, put); err != nil {
			return err
		}
	}
	select { // until the others have it
	case <-time.After(settleSpan):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fill has the visitors come, to the nodes in turn, as fast as they are let in.
func (p *presence) fill(ctx context.Context) error {
	for i := range p.Visitors {
		t := &presentTab{visit: relay.NewID(), late: i%checkout == 0}
		hello := wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Quiet: true, Site: votersSite, Lang: "et"}
		for t.handler == nil {
			h, err := p.at(i).edge.Accept(ctx, link.Peer{Link: relay.NewID(), Origin: benchShop}, hello)
			switch {
			case err == nil:
				t.handler = h
			case relay.CodeOf(err) != relay.CodeBusy || ctx.Err() != nil:
				return err
			default:
				time.Sleep(tickEvery)
			}
		}
		p.tabs = append(p.tabs, t)
		if err := p.next(t); err != nil {
			return err
		}
	}
	return nil
}

// next has a visitor come to a new page.
func (p *presence) next(t *presentTab) error {
	p.seq++
	url := fmt.Sprintf("%s/page/%d", benchShop, p.seq)
	if t.late {
		url = fmt.Sprintf("%s/checkout/%d", benchShop, p.seq)
	}
	told := wire.PresencePayload{
		Visit: t.visit, URL: url, Title: "A page of the shop that sells boats and bikes", VisitMS: 60_000, Referrer: "search.example",
		Pages: []string{benchShop + "/boats/sailing", benchShop + "/boats/rowing", benchShop + "/bikes", benchShop + "/basket", benchShop},
	}
	t.seq++
	if t.late && p.moved != nil {
		p.mu.Lock()
		p.moved[url] = time.Now()
		p.mu.Unlock()
	}
	return t.handler.Frame(relay.Control, wire.Frame{Kind: wire.Presence, Seq: t.seq, Payload: wire.Encode(told)})
}

// move has visitors change pages: each every pageEvery, those at the checkout
// every so often as rushed says.
func (p *presence) move(ctx context.Context) {
	late := slices.DeleteFunc(slices.Clone(p.tabs), func(t *presentTab) bool { return !t.late })
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	turn, lateTurn, began := 0, 0, time.Now()
	for ctx.Err() == nil {
		for span := time.Since(began); turn < int(int64(len(p.tabs))*int64(span)/int64(pageEvery)); turn++ {
			if t := p.tabs[turn%len(p.tabs)]; !t.late {
				_ = p.next(t) // a frame that is refused is missed among the figures
			}
		}
		for span := time.Since(began); lateTurn < int(int64(len(late))*int64(span)/int64(rushed)); lateTurn++ {
			_ = p.next(late[lateTurn%len(late)]) // likewise
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// console connects a console of the first node that watches.
func (p *presence) console(ctx context.Context, agent string, ask wire.ViewPayload) (*link.Client, error) {
	n := p.nodes[0]
	ticket, err := n.tickets.Issue(auth.ConsoleSession{ID: relay.NewID(), Agent: agent, Generation: 1, Issued: now()}, time.Now())
	if err != nil {
		return nil, err
	}
	c, err := (&link.Dialer{}).Memory(ctx, n.links, link.Path{}, wire.HelloPayload{Version: wire.Version, Role: relay.RoleAgent, Ticket: ticket})
	if err != nil {
		return nil, err
	}
	ask.On, ask.Site = true, votersSite
	if _, err := c.Send(wire.View, ask); err != nil {
		return nil, err
	}
	p.moving.Go(func() { p.read(ctx, c, ask.Filter == "checkout") })
	return c, nil
}

// read takes what a console is told, and times the pages of the checkout.
func (p *presence) read(ctx context.Context, c *link.Client, timed bool) {
	for {
		f, err := c.Recv(ctx)
		if err != nil {
			return
		}
		var told wire.VisitsPayload
		if f.Kind != wire.Visits || wire.Decode(f, &told) != nil || !timed {
			continue
		}
		p.mu.Lock()
		for _, v := range told.Rows {
			if at, ok := p.moved[v.URL]; ok && strings.Contains(v.URL, "/checkout/") {
				p.fresh = append(p.fresh, float64(time.Since(at))/float64(time.Millisecond))
				delete(p.moved, v.URL)
			}
		}
		p.mu.Unlock()
	}
}
