package bench

import (
	"context"
	_ "embed" // page.js
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// Page measures how long a change of the visitor's page takes until it is
// painted on the agent's screen, and what the visitor sends for it. Chromium is
// at both ends. Kohe is the whole product: kohe.js in the page, a node in a
// process of its own, WebTransport, the agents' console. Beside it, in turn on
// the same pages, rrweb records and replays through a relay of the least kind.
//
// Time is from just before the change until the first task after the frame that
// draws it in the mirror (page.js). Where a change was overtaken by the next,
// it counts from when that one was painted. next_frame_ms is until the first
// task after an animation frame that was asked for when the change was there:
// it counts what changes within an animation callback, as rrweb's player does,
// a frame later than it is painted. Both ends are windows of one browser
// and read the clock of one machine.
//
// Bytes are what the visitor's end gives to QUIC, or to TCP: for Kohe all of its
// streams and datagrams with the heads of its frames, for rrweb its WebSocket
// messages as compressed, with their heads. What the transport adds, packets
// and QUIC's encryption, is left out for both. Bytes count per measured change,
// so on the heavy page they hold all that ticked between two of them.
type Page struct {
	Record, Replay string // rrweb's recorder and player, each as one script
	Changes        int    // of a page and engine
	Rounds         int    // that they are made in
	Progress       io.Writer
}

// DefaultPage is what `kohe bench page` runs.
var DefaultPage = Page{
	Record:  "widget/node_modules/@rrweb/record/dist/record.umd.min.cjs",
	Replay:  "widget/node_modules/@rrweb/replay/dist/replay.umd.min.cjs",
	Changes: 100, Rounds: 4,
}

//go:embed page.js
var pageScript string

// pageSettle is how long a mirror that shows a page is left alone before its
// changes are measured.
const pageSettle = 500 * time.Millisecond

// screens are the two ends of a mirror.
type screens struct {
	engine         string
	visitor, agent *browser
	show           func(page string) error // opens a page and has it mirrored
	sent           func() (float64, error) // bytes that the page has given to its transport
}

// pageCost is what a page's changes took.
type pageCost struct {
	paint []float64 // ms, of each change
	frame []float64 // ms, until a frame was over that was asked for when the change was there
	bytes []float64 // of a change, by round
}

// Run adds the figures to the report.
func (s Page) Run(ctx context.Context, report *Report) error {
	fmt.Fprintln(s.Progress, "page: starting a node, a relay and Chromium with four windows …")
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	p, err := Start(ctx, dir, "serve", "--data", filepath.Join(dir, "data"), "--drain", "0s")
	if err != nil {
		return err
	}
	defer p.Stop()
	relay := &eventRelay{}
	address, stop, err := serve(&http.Server{Handler: relay})
	if err != nil {
		return err
	}
	defer stop()
	site, stop, err := serveLive()
	if err != nil {
		return err
	}
	defer stop()
	b, err := openBrowser(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	kohe, err := koheScreens(ctx, b, p, site)
	if err != nil {
		return err
	}
	rrweb, err := s.rrwebScreens(b, relay, address, site)
	if err != nil {
		return err
	}
	for _, page := range livePages() {
		fmt.Fprintf(s.Progress, "page: %s, %d changes …\n", page.name, s.Changes)
		costs, err := s.measure(page.name, []*screens{kohe, rrweb})
		if err != nil {
			return err
		}
		for _, e := range []*screens{kohe, rrweb} {
			costs[e.engine].add(report, "page."+e.engine+"."+page.name)
		}
	}
	return nil
}

// measure changes a page of each engine in turn, the other one first next time.
func (s Page) measure(page string, engines []*screens) (map[string]*pageCost, error) {
	costs := map[string]*pageCost{}
	for _, e := range engines {
		costs[e.engine] = &pageCost{}
		if err := e.show(page); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", e.engine, page, err)
		}
	}
	time.Sleep(pageSettle)
	count := s.Changes / s.Rounds
	for round := range s.Rounds {
		for _, e := range engines {
			if err := e.round(1+round*count, count, costs[e.engine]); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", e.engine, page, err)
			}
		}
		slices.Reverse(engines)
	}
	return costs, nil
}

// round makes some changes, numbered from first on.
func (e *screens) round(first, count int, cost *pageCost) error {
	before, err := e.sent()
	if err != nil {
		return err
	}
	changed, err := await[[]float64](e.visitor, fmt.Sprintf("bench.change(%d, %d)", first, count))
	if err != nil {
		return err
	}
	seen, err := await[[2][][2]float64](e.agent, fmt.Sprintf("bench.painted(%d)", first+count-1))
	if err != nil {
		return err
	}
	after, err := e.sent()
	if err != nil {
		return err
	}
	for _, end := range []*browser{e.visitor, e.agent} {
		if visible, err := await[bool](end, "bench.visible()"); err != nil || !visible {
			return errors.Join(err, errors.New("a page was not visible"))
		}
	}
	for i, at := range changed {
		for k, costs := range []*[]float64{&cost.paint, &cost.frame} {
			drawn := slices.IndexFunc(seen[k], func(p [2]float64) bool { return int(p[0]) >= first+i })
			*costs = append(*costs, seen[k][drawn][1]-at) // there is one: the last change was painted
		}
	}
	cost.bytes = append(cost.bytes, (after-before)/float64(count))
	return nil
}

// add adds a page's figures to the report.
func (c *pageCost) add(report *Report, id string) {
	for _, k := range []struct {
		name string
		list []float64
	}{{".paint_ms", c.paint}, {".next_frame_ms", c.frame}} {
		sorted := slices.Sorted(slices.Values(k.list))
		report.Add(id+k.name+".p50", "ms", percentile(sorted, 50))
		report.Add(id+k.name+".p95", "ms", percentile(sorted, 95))
	}
	report.Add(id+".bytes_per_change", "bytes", c.bytes...)
}

// serveLive serves the live pages: /NAME, and with ?node=ORIGIN a page that has
// the widget of that node; / is empty.
func serveLive() (origin string, stop func(), err error) {
	mux := http.NewServeMux()
	for _, page := range livePages() {
		whole := page.html(0)
		mux.HandleFunc("GET /"+page.name, func(w http.ResponseWriter, r *http.Request) {
			text := whole
			if node := r.URL.Query().Get("node"); node != "" {
				text = strings.Replace(text, "</head>", `<script async src="`+node+`/kohe.js" data-site="`+benchSite+`"></script></head>`, 1)
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, text) // the browser is gone
		})
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><html><head><title>Replay</title></head><body></body></html>")
	})
	return serve(&http.Server{Handler: mux})
}

// openScreens opens the windows of the two ends. They end with their browser.
func openScreens(b *browser, engine string) (*screens, error) {
	visitor, err := b.window()
	if err != nil {
		return nil, err
	}
	agent, err := b.window()
	return &screens{engine: engine, visitor: visitor, agent: agent}, err
}

// visit opens an address and loads page.js into it.
func (b *browser) visit(address string) error {
	return b.do(chromedp.Navigate(address), evaluate(pageScript))
}

// steps runs scripts of page.js, each when the one before is done.
func (b *browser) steps(scripts ...string) error {
	for _, script := range scripts {
		if _, err := await[chromedp.Void](b, script); err != nil {
			return fmt.Errorf("%s: %w", script, err)
		}
	}
	return nil
}
