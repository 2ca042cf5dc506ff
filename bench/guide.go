package bench

import (
	"context"
	_ "embed" // guide.js
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/input"

	"kohe/edge/api"
	"kohe/edge/record"
)

// Guide measures guiding and recordings in Chromium at both ends, on loopback,
// with a node in a process of its own.
//
// Pointer: from a move of the agent's pointer to the first paint in which the
// visitor sees the hand nearer to its new place (by a twentieth of the way), and
// to the paint in which it is there (within 2 px). Fill: from a key in the
// agent's editor to the visitor's field, and until the mirror on the agent's
// screen has been painted with what the field has then.
//
// A recording's bytes are those of the file on one node, for a minute: what was
// written for changes in the seconds that were measured, and for as many whole
// pages as came in them, at least one a minute. On the light page a number
// changes some nine times a second; on the busy one tables of prices tick, too.
//
// Seek: what was recorded, which is less than a minute, again each minute of an
// hour, and random places in it, from the press to the paint.
type Guide struct {
	Moves, Keys, Seeks int
	Span               time.Duration // of each page's recording
	Progress           io.Writer
}

// DefaultGuide is what `kohe bench guide` runs.
var DefaultGuide = Guide{Moves: 60, Keys: 30, Seeks: 25, Span: 9 * time.Second}

//go:embed guide.js
var guideScript string

const recordDays = 1

// Run adds the figures to the report.
func (s Guide) Run(ctx context.Context, report *Report) error {
	fmt.Fprintln(s.Progress, "guide: starting a node and Chromium with two windows …")
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	data := filepath.Join(dir, "data")
	p, err := Start(ctx, dir, "serve", "--data", data, "--drain", "0s")
	if err != nil {
		return err
	}
	defer p.Stop()
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
	g, err := s.begin(ctx, b, p, site)
	if err != nil {
		return err
	}
	if err := errors.Join(g.point(s.Moves, report), g.fill(s.Keys, report)); err != nil {
		return err
	}
	for _, page := range livePages() {
		fmt.Fprintf(s.Progress, "guide: recording the %s page for %v …\n", page.name, s.Span)
		if err := g.record(page.name, s.Span, report); err != nil {
			return fmt.Errorf("record the %s page: %w", page.name, err)
		}
	}
	fmt.Fprintln(s.Progress, "guide: going through an hour …")
	return g.seek(data, s.Seeks, report)
}

// guided is a session in which the visitor lets the agent do what is measured.
type guided struct {
	*screens
	node, site string
	session    string
	index      api.RecordingView // as it was last read
}

// begin has the visitor share the light page, with a recording, and lets the
// agent point and fill in.
func (s Guide) begin(ctx context.Context, b *browser, p *Process, site string) (*guided, error) {
	e, err := openScreens(b, "kohe")
	if err != nil {
		return nil, err
	}
	if err := staffOne(ctx, p, e.agent, api.LocalSite{Origins: []string{site}, Record: recordDays}); err != nil {
		return nil, err
	}
	g := &guided{screens: e, node: p.Base, site: site}
	if err := g.visit("light", g.ask); err != nil {
		return nil, err
	}
	if err := e.agent.do(evaluate(guideScript)); err != nil {
		return nil, err
	}
	if err := e.agent.steps(`bench.watch("light")`); err != nil {
		return nil, err
	}
	for _, tool := range []string{"Fill in", "Point"} {
		if err := e.agent.steps(fmt.Sprintf("bench.press(%q)", tool)); err != nil {
			return nil, err
		}
		if err := e.visitor.steps(`bench.press("Allow")`); err != nil {
			return nil, err
		}
	}
	g.session, err = await[string](e.agent, "bench.session()")
	time.Sleep(pageSettle)
	return g, err
}

// ask has the visitor ask for help, the agent take it, and the visitor share
// the page and let it be recorded.
func (g *guided) ask() error {
	if err := g.visitor.do(evaluate(guideScript)); err != nil {
		return err
	}
	if err := g.visitor.steps(`bench.press("Chat with us")`, `bench.type("name", "Visitor")`, `bench.press("Start chat")`); err != nil {
		return err
	}
	if err := g.agent.steps(`bench.press("Accept")`); err != nil {
		return err
	}
	return g.visitor.steps(`bench.tick("Record it too")`, `bench.press("Allow")`, "Kohe.close()")
}

// visit has the visitor go to a page.
func (g *guided) visit(page string, first func() error) error {
	if err := g.visitor.connect(g.site+"/"+page+"?node="+url.QueryEscape(g.node), first); err != nil {
		return err
	}
	return g.visitor.do(evaluate(guideScript))
}

// point moves the agent's hand.
func (g *guided) point(count int, report *Report) error {
	if err := g.visitor.steps("bench.watchHand()"); err != nil {
		return err
	}
	moves, err := await[[]float64](g.agent, fmt.Sprintf("bench.point(%d)", count))
	if err != nil {
		return fmt.Errorf("point: %w", err)
	}
	places, err := await[[][3]float64](g.visitor, "bench.places()")
	if err != nil {
		return err
	}
	var first, there []float64
	for i, at := range moves[1:] { // the first one shows the hand
		end := at + 1000
		if i+2 < len(moves) {
			end = moves[i+2]
		}
		if f, t, ok := arrival(places, at, end); ok {
			first, there = append(first, f), append(there, t)
		}
	}
	if len(first) < len(moves)*9/10 {
		return fmt.Errorf("point: %d of %d moves were painted", len(first), len(moves))
	}
	addSorted(report, "guide.pointer_ms", first)
	addSorted(report, "guide.pointer_there_ms", there)
	return nil
}

// arrival returns how long after a move the hand was seen to move and to be
// there, in ms: where it is at the end is where it was to be.
func arrival(places [][3]float64, at, end float64) (first, there float64, ok bool) {
	var before, after [3]float64
	var during [][3]float64
	for _, p := range places {
		if p[0] <= at {
			before = p
		} else if p[0] < end {
			during, after = append(during, p), p
		}
	}
	distance := func(p [3]float64) float64 { return math.Hypot(p[1]-after[1], p[2]-after[2]) }
	way := distance(before)
	if before[0] == 0 || len(during) == 0 || way < 20 {
		return 0, 0, false
	}
	for _, p := range during {
		if first == 0 && distance(p) < 0.95*way {
			first = p[0] - at
		}
		if distance(p) < 2 {
			return first, p[0] - at, true
		}
	}
	return 0, 0, false
}

// fill types into a field of the visitor's.
func (g *guided) fill(count int, report *Report) error {
	if err := g.agent.steps(`bench.press("Fill in")`); err != nil {
		return err
	}
	if err := g.visitor.steps("bench.watchField()"); err != nil {
		return err
	}
	spot, err := await[[2]float64](g.agent, `bench.spot("#note")`)
	if err != nil {
		return err
	}
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMouseMoved, input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		press := input.DispatchMouseEventParams{Type: kind, X: spot[0], Y: spot[1], Button: input.MouseButtonLeft, ClickCount: 1}
		if err := g.agent.do(call(input.DispatchMouseEvent, press)); err != nil {
			return err
		}
	}
	typed, err := await[[]json.RawMessage](g.agent, fmt.Sprintf("bench.fill(%d)", count))
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	heard, err := await[map[string]float64](g.visitor, "bench.heard()")
	if err != nil {
		return err
	}
	var field, back []float64
	for _, one := range typed {
		var text string
		var at, painted float64
		if err := json.Unmarshal(one, &[]any{&text, &at, &painted}); err != nil {
			return err
		}
		field, back = append(field, heard[text]-at), append(back, painted-at)
	}
	addSorted(report, "guide.fill_field_ms", field)
	addSorted(report, "guide.fill_ms", back)
	return nil
}

// addSorted adds the p50 and p95 of some times to the report.
func addSorted(report *Report, id string, times []float64) {
	slices.Sort(times)
	report.Add(id+".p50", "ms", percentile(times, 50))
	report.Add(id+".p95", "ms", percentile(times, 95))
}

// record has a page change for a while and adds what that costs to record.
func (g *guided) record(page string, span time.Duration, report *Report) error {
	if err := g.visit(page, func() error { return nil }); err != nil {
		return err
	}
	if err := g.agent.steps(fmt.Sprintf("bench.watch(%q)", page)); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // the page is written, with its first pictures and styles
	before, err := g.read()
	if err != nil {
		return err
	}
	began := time.Now()
	const each = 87 * time.Millisecond // on average: page.js
	if _, err := await[[]float64](g.visitor, fmt.Sprintf("bench.change(1, %d)", span/each)); err != nil {
		return err
	}
	took := time.Since(began).Minutes()
	time.Sleep(2 * time.Second)
	after, err := g.read()
	if err != nil {
		return err
	}
	pages := after.pages - before.pages
	changes := float64(after.bytes-before.bytes) - pages*after.page
	report.Add("guide.recording_bytes_per_min."+map[string]string{"light": "light", "heavy": "busy"}[page], "bytes", changes/took+max(1, pages/took)*after.page)
	return nil
}

// kept is how much a recording's file has: bytes, whole pages, and how long the
// last of those is.
type kept struct {
	bytes int64
	pages float64
	page  float64
}

// read reads what was recorded so far.
func (g *guided) read() (k kept, err error) {
	if g.index, err = await[api.RecordingView](g.agent, fmt.Sprintf("bench.recording(%q)", g.session)); err != nil {
		return k, err
	}
	for _, s := range g.index.Segments {
		for _, group := range s.Groups {
			k.bytes += group.To - group.From
			k.pages++
			k.page = float64(group.Page)
		}
	}
	if k.bytes == 0 {
		return k, errors.New("nothing was recorded")
	}
	return k, nil
}

// seek makes an hour of what was recorded and goes to places in it.
func (g *guided) seek(data string, count int, report *Report) error {
	last := g.index.Segments[len(g.index.Segments)-1]
	path := filepath.Join(data, "blobs", g.session, last.ID.String())
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	hour, err := repeated(file, last.Groups)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, hour, 0o600); err != nil {
		return err
	}
	if err := g.agent.steps(`bench.pressNamed("What happened so far")`); err != nil {
		return err
	}
	times, err := await[[]float64](g.agent, fmt.Sprintf("bench.seek(%d)", count))
	if err != nil {
		return fmt.Errorf("seek: %w", err)
	}
	addSorted(report, "guide.seek_ms", times)
	report.Add("guide.recording_mb_per_hour", "MB", float64(len(hour))/1e6)
	return nil
}

// repeated returns a file and its groups again, each minute of an hour.
func repeated(file []byte, groups []record.Group) ([]byte, error) {
	var w record.Writer
	to := slices.Clone(file)
	for minute := int64(1); minute < 60; minute++ {
		for _, g := range groups {
			body, err := record.Body(file[g.From:g.To])
			if err != nil {
				return nil, err
			}
			list, err := record.Records(body)
			if err != nil {
				return nil, err
			}
			at := g.At + minute*time.Minute.Milliseconds()
			for i, r := range list {
				if i == 0 {
					w.Begin(at, r.Payload)
				} else {
					w.Add(at+r.After, r.Kind, r.Payload)
				}
			}
			to = append(to, w.Take()...)
		}
	}
	return to, nil
}
