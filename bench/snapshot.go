package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/chromedp/chromedp"
)

// Snapshot compares what the first picture of a page costs with what rrweb's
// costs: bytes, processor time of the page's main thread, and the longest time
// that the page could not react. Both run in the same Chromium, in turn.
type Snapshot struct {
	RRWeb    string // rrweb's recorder, as one script
	Capture  []byte // ours, and what makes its messages short
	Runs     int    // of the longest task on the largest page
	Progress io.Writer
}

// DefaultSnapshot is what `kohe bench snapshot` runs.
var DefaultSnapshot = Snapshot{RRWeb: "widget/node_modules/@rrweb/record/dist/record.umd.min.cjs", Runs: 5}

// snapshotEngine starts a recorder and tells it apart in the results.
type snapshotEngine struct {
	name   string
	source string
	start  string // begins; puts what it would send into kohe_out
	whole  string // whether the snapshot is there
	out    string // what it would send, as strings
}

// A message of ours is partial if its head (dom/FORMAT.md) is not the short one
// and says so.
const (
	startKohe = `kohe_out=[]; kohe.capture.start(m => kohe_out.push(m))`
	wholeKohe = `kohe_out.length>0 && (kohe_out.at(-1)[0]&66)!=2`
	outKohe   = `kohe_out.map(m => btoa(Array.from(m, c => String.fromCharCode(c)).join('')))`
	sentKohe  = `(base => new Promise(done => {
  const text = atob(base), bytes = Uint8Array.from(text, c => c.charCodeAt(0));
  const out = [];
  const {length} = kohe_out;
  const shortener = new kohe.shorten.Shortener(m => {
    out.push(m.length);
    if (out.length === length) done(out.reduce((a, b) => a + b));
  }, {getItem: () => text, setItem() {}});
  shortener.edgeHas(text && new kohe.shorten.Seen(bytes).sum);
  kohe_out.forEach(m => shortener.push(m));
}))`
	startRR = `kohe_out=[]; (window.rrweb?.record ?? rrwebRecord.record ?? rrwebRecord)({emit: e => kohe_out.push(JSON.stringify(e))})`
	wholeRR = `kohe_out.length>=2`
)

// snapshotCost is what one snapshot took.
type snapshotCost struct {
	sent    float64 // bytes: ours on their way to the edge, rrweb's JSON in gzip
	cpu     float64 // ms
	longest float64 // ms
}

// Run adds the figures to the report.
func (s Snapshot) Run(ctx context.Context, report *Report) error {
	rrweb, err := os.ReadFile(s.RRWeb)
	if err != nil {
		return fmt.Errorf("rrweb is compared with from the development tree (`make build` installs it): %w", err)
	}
	engines := []snapshotEngine{
		{"kohe", string(s.Capture) + ";0", startKohe, wholeKohe, outKohe},
		{"rrweb", script(rrweb), startRR, wholeRR, "kohe_out"},
	}
	base, stop, err := servePages(samplePages())
	if err != nil {
		return err
	}
	defer stop()
	b, err := openBrowser(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	costs := map[string][]snapshotCost{}
	for i, page := range samplePages() {
		fmt.Fprintf(s.Progress, "snapshot: page %d of %d, %s …\n", i+1, pageCount, page.name)
		for range engines {
			e := engines[0]
			cost, err := e.measure(b, base+strconv.Itoa(i))
			if err != nil {
				return fmt.Errorf("%s, %s: %w", e.name, page.name, err)
			}
			costs[e.name] = append(costs[e.name], cost)
			slices.Reverse(engines) // in turn, and the other one first next time
		}
		slices.Reverse(engines)
	}
	for _, name := range []string{"kohe", "rrweb"} {
		add := func(what, unit string, of func(snapshotCost) float64) {
			values := make([]float64, len(costs[name]))
			for i, c := range costs[name] {
				values[i] = of(c)
			}
			report.Add("snapshot."+name+"."+what+".median", unit, values...)
		}
		add("gzip_bytes", "bytes", func(c snapshotCost) float64 { return c.sent })
		add("cpu_ms", "ms", func(c snapshotCost) float64 { return c.cpu })
		add("longest_task_ms", "ms", func(c snapshotCost) float64 { return c.longest })
	}
	seen, err := s.seen(b, base, engines[0])
	if err != nil {
		return err
	}
	report.Add("snapshot.kohe.seen_bytes.median", "bytes", seen...)
	return s.longest(b, base, engines, report)
}

// seen returns what is sent of pages whose template the visitor has sent
// before, with other text: bytes to the edge, in all messages of the snapshot.
func (s Snapshot) seen(b *browser, base string, kohe snapshotEngine) ([]float64, error) {
	var sizes []float64
	for i, page := range samplePages() {
		fmt.Fprintf(s.Progress, "snapshot: page %d of %d again with other text …\n", i+1, pageCount)
		before, err := kohe.record(b, base+strconv.Itoa(i))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", page.name, err)
		}
		if _, err := kohe.record(b, base+strconv.Itoa(i)+"?seed=1"); err != nil {
			return nil, fmt.Errorf("%s with other text: %w", page.name, err)
		}
		seen := base64.StdEncoding.EncodeToString(bytes.Join(before, nil))
		size, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](sentKohe+`("`+seen+`")`, chromedp.EvalAwaitPromise))
		if err != nil {
			return nil, fmt.Errorf("%s with other text: %w", page.name, err)
		}
		sizes = append(sizes, size)
	}
	return sizes, nil
}

// record opens a page anew and returns the messages of a snapshot of ours.
func (e snapshotEngine) record(b *browser, address string) ([][]byte, error) {
	if err := b.do(chromedp.Navigate(address), evaluate(e.source), evaluate(e.start+";0"),
		chromedp.Poll[chromedp.Void](e.whole, chromedp.WithPollingInterval(20*time.Millisecond))); err != nil {
		return nil, err
	}
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](e.out))
	if err != nil {
		return nil, err
	}
	messages := make([][]byte, len(out))
	for i, text := range out {
		if messages[i], err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

// longest adds the longest task on the largest page, of several runs.
func (s Snapshot) longest(b *browser, base string, engines []snapshotEngine, report *Report) error {
	for _, e := range engines {
		var runs []float64
		for range s.Runs {
			cost, err := e.measure(b, base+strconv.Itoa(pageCount-1))
			if err != nil {
				return err
			}
			runs = append(runs, cost.longest)
		}
		report.Add("snapshot."+e.name+".longest_task_ms.n"+strconv.Itoa(pageMost), "ms", runs...)
	}
	return nil
}

// measure opens a page anew and has a snapshot of it taken.
func (e snapshotEngine) measure(b *browser, address string) (snapshotCost, error) {
	var cost snapshotCost
	if err := b.do(chromedp.Navigate(address), evaluate(e.source), chromedp.Sleep(100*time.Millisecond)); err != nil {
		return cost, err
	}
	before, err := b.taskTime()
	if err != nil {
		return cost, err
	}
	longest, err := b.longestTask(func() error {
		return b.do(evaluate(e.start+";0"), chromedp.Poll[chromedp.Void](e.whole, chromedp.WithPollingInterval(20*time.Millisecond)))
	})
	if err != nil {
		return cost, err
	}
	after, err := b.taskTime()
	if err != nil {
		return cost, err
	}
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](e.out))
	if err != nil {
		return cost, err
	}
	cost.cpu, cost.longest = float64((after-before).Microseconds())/1000, float64(longest.Microseconds())/1000
	if e.name == "kohe" {
		cost.sent, err = chromedp.Run(b.ctx, chromedp.Evaluate[float64](sentKohe+`("")`, chromedp.EvalAwaitPromise))
	} else {
		cost.sent, err = gzipped(out)
	}
	return cost, err
}

// gzipped returns the bytes of all messages together, compressed.
func gzipped(messages []string) (float64, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for _, m := range messages {
		if _, err := io.WriteString(w, m); err != nil {
			return 0, err
		}
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	return float64(b.Len()), nil
}

// servePages serves the generated pages on loopback: base + number.
func servePages(pages []samplePage) (base string, stop func(), err error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 0 || n >= len(pages) {
			http.NotFound(w, r)
			return
		}
		seed, _ := strconv.ParseUint(r.URL.Query().Get("seed"), 10, 64) // 0 without
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, pages[n].html(seed)) // the browser is gone
	})
	base, stop, err = serve(&http.Server{Handler: mux})
	return base + "/page/", stop, err
}

// serve runs a server on a free port of loopback and returns its origin.
func serve(server *http.Server) (origin string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server.ReadHeaderTimeout = 5 * time.Second
	go func() { _ = server.Serve(l) }() // ends with stop
	return "http://" + l.Addr().String(), func() { _ = server.Close() }, nil
}
