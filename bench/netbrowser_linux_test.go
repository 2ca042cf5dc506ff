package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/bench/netem"
	"kohe/relay"
)

var browserRounds = flag.Int("browser-rounds", 0, "how often each fault is repeated on each kind of link with people in Chromium; 0: not at all")

// shop is the site that the visitor is on, served where the browser is.
const shop = "https://shop" + domain + ":8000"

// homecomings bounds how often a round is begun.
const homecomings = 5

// Where a round's people are: on two nodes that are edges only.
const (
	visitorHome = "e1"
	agentHome   = "e2"
)

// stay is where a visitor and an agent are, by the nodes' names.
type stay struct{ visitor, agent string }

func (c stay) bases() map[string]any {
	return map[string]any{"visitor": publicBase(c.visitor), "agent": publicBase(c.agent)}
}

// Spans of a round with browsers.
const (
	undisturbed = 2 * time.Second        // of talk before the fault
	beforeFault = 500 * time.Millisecond // what was said then can be in its way
	glance      = 200 * time.Millisecond // between two looks at the pages
)

// browserFault is one way in which the node of one of the two goes.
type browserFault struct {
	name, home string
	how        harm
}

type harm int

const (
	killed  harm = iota // kill -9
	drained             // told to stop
	cutUDP              // nothing over UDP between it and the browser
)

var browserFaults = []browserFault{
	{"visitor_edge_kill", visitorHome, killed},
	{"agent_edge_kill", agentHome, killed},
	{"visitor_edge_drain", visitorHome, drained},
	{"agent_edge_drain", agentHome, drained},
}

// browserWeathers are the links of all hosts, the browser's included.
var browserWeathers = []weather{weathers[0], weathers[2], weathers[3]}

// gale is a cluster in namespaces, and a visitor and an agent in Chromium.
type gale struct {
	cell    *cell
	net     *netem.Namespaces
	homes   stay // where they are when a round begins
	driver  *driver
	session relay.ID
	count   int // of rounds; names their messages
	faults  int
	strayed int                  // rounds begun again because somebody had left their node by themselves
	talked  int                  // messages
	read    uint64               // of the transcripts, with what former rounds left
	last    heard                // of the last round
	took    map[string][]float64 // ms, by figure and weather
}

// openGale starts the nodes, on links as set makes them, and opens both pages
// at the nodes named. The answer to meet is read into met.
func openGale(ctx context.Context, t *testing.T, list []seat, at stay, set func(*netem.Namespaces), how map[string]any) (*gale, meeting) {
	t.Helper()
	g, network, paper := openGround(t)
	set(network)
	c, err := g.openCell(ctx, filepath.Join(t.TempDir(), "cell"), list, "--metrics", "10.77.0.0/24", "--opens-per-minute", "1000000", "--drain", drainFor.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	c.again(ctx, t)
	f := &failover{Failover: Failover{Progress: t.Output()}, cell: c, places: [][2]int{{3, 4}}}
	if err := f.seed(ctx, shop); err != nil {
		t.Fatal(err)
	}
	s := &gale{cell: c, net: network, homes: at, driver: openDriver(t, network.Host(clients)), took: map[string][]float64{}}
	rules := []string{"MAP shop" + domain + " 127.0.0.1"}
	for _, m := range c.nodes {
		rules = append(rules, fmt.Sprintf("MAP %s%s %s", m.name, domain, network.Host(m.name).Addr))
	}
	with := at.bases()
	maps.Copy(with, map[string]any{"shop": shop, "rules": strings.Join(rules, ","), "keyHash": paper.keyHash, "cert": paper.chain, "key": paper.key})
	maps.Copy(with, how)
	var met meeting
	err = s.driver.do("meet", with, &met)
	if err == nil {
		s.session, err = relay.ParseID(met.Session)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, met
}

// prepare has both talk for a while, each at their own node. On a busy machine
// an edge can be silent for longer than a browser waits; whoever has gone to
// another by the time of the fault comes home again.
func (s *gale) prepare(ctx context.Context) error {
	for tries := 1; ; tries++ {
		s.count++
		if err := s.driver.do("home", s.homes.bases(), nil); err != nil {
			return err
		}
		if err := s.atHome(ctx, converge); err != nil {
			return err
		}
		if err := s.driver.do("talk", map[string]any{"round": s.count}, nil); err != nil {
			return err
		}
		if err := sleepUntil(ctx, time.Now().Add(undisturbed)); err != nil {
			return err
		}
		err := s.atHome(ctx, 0)
		if err == nil || tries == homecomings {
			return err
		}
		s.strayed++
		if err := s.settled(ctx); err != nil {
			return err
		}
	}
}

// settled stops the talk and waits until both pages and all core nodes agree.
// Nobody may have talked faster than an edge allows: what it refuses for that
// comes a second later, and would be taken for what the fault has done.
func (s *gale) settled(ctx context.Context) error {
	var h heard
	if err := errors.Join(s.driver.do("hush", nil, nil), s.driver.do("heard", nil, &h)); err != nil {
		return err
	}
	for _, m := range s.cell.nodes {
		text, err := s.metrics(m)
		if err == nil && strings.Contains(text, `kohe_refused_total{code="rate"}`) {
			return fmt.Errorf("%s has refused what was said too fast: make pace longer in e2e/couple.mjs", m.name)
		}
	}
	if err := s.converge(ctx, &h); err != nil {
		return err
	}
	s.last = h
	return nil
}

// round has both talk, has a node go, and measures and checks what came of it.
func (s *gale) round(ctx context.Context, f browserFault, w string) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}
	i := slices.IndexFunc(s.cell.nodes, func(m *node) bool { return m.name == f.home })
	victim := s.cell.nodes[i]
	asked := time.Now()
	usual := s.net.Shape(clients, f.home)
	switch f.how {
	case killed:
		victim.Kill()
	case drained:
		victim.Drain(recovery)
	case cutUDP:
		blocked := usual
		blocked.NoUDP = true
		s.net.SetBoth(clients, f.home, blocked)
	}
	var h heard
	for until := time.Now().Add(recovery); ; {
		if err := s.driver.do("heard", nil, &h); err != nil {
			return err
		}
		if h.flowsFrom(0, asked) > 0 && h.flowsFrom(1, asked) > 0 {
			break
		}
		if time.Now().After(until) {
			return fmt.Errorf("the chat does not flow: %w", errLate)
		}
		if err := sleepUntil(ctx, time.Now().Add(glance)); err != nil {
			return err
		}
	}
	if err := sleepUntil(ctx, time.Now().Add(aftermath)); err != nil {
		return err
	}
	if err := s.settled(ctx); err != nil {
		return err
	}
	s.note(f, w, s.last, asked)
	if f.how == cutUDP {
		s.net.SetBoth(clients, f.home, usual)
		return nil
	}
	if err := victim.start(ctx); err != nil {
		return err
	}
	return s.cell.settle(ctx)
}

// note adds a round's figures: of a kill, the time until something was heard
// in both directions that was said after it; of a drain, how long a message
// took at most, beyond what they took before. What one took at most before any
// fault (calm_gap) is what the machine and the pages make of that.
func (s *gale) note(f browserFault, w string, h heard, asked time.Time) {
	at := float64(asked.UnixMilli())
	var calm, after []float64
	for i, v := range h.Views {
		for _, m := range v.Said {
			took := h.Views[1-i].At[m.Text] - m.At
			if m.At < at-ms(beforeFault) {
				calm = append(calm, took)
			} else {
				after = append(after, took)
			}
		}
		s.talked += len(v.Said)
	}
	s.faults++
	slices.Sort(calm)
	usual := percentile(calm, 50)
	if f.how != drained {
		s.add(f.name, w, max(h.flowsFrom(0, asked), h.flowsFrom(1, asked)))
	} else {
		s.add(f.name+"_gap", w, slices.Max(after)-usual)
	}
	s.add("calm", w, usual)
	s.add("calm_gap", w, calm[len(calm)-1]-usual)
}

func (s *gale) add(what, w string, ms float64) {
	s.took[what+", "+w] = append(s.took[what+", "+w], ms)
}

// atHome waits until both are connected to their own nodes.
func (s *gale) atHome(ctx context.Context, most time.Duration) error {
	for until := time.Now().Add(most); ; {
		err := errors.Join(s.counts(s.homes.visitor, "kohe_visitors"), s.counts(s.homes.agent, "kohe_agents"))
		if err == nil || time.Now().After(until) {
			return err
		}
		if err := sleepUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
}

// counts returns nil if a metric of a node is 1.
func (s *gale) counts(name, metric string) error {
	i := slices.IndexFunc(s.cell.nodes, func(m *node) bool { return m.name == name })
	text, err := s.metrics(s.cell.nodes[i])
	if err != nil {
		return err
	}
	if !strings.Contains(text, "\n"+metric+" 1\n") {
		return fmt.Errorf("%s: %s is not 1", name, metric)
	}
	return nil
}

// metrics returns what a node tells Prometheus.
func (s *gale) metrics(m *node) (string, error) {
	answer, err := m.http.Get(m.Base + "/metrics")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// converge waits until both pages show what was said in this round, all of it,
// once, in the order of the transcripts, which are the same at every core node.
func (s *gale) converge(ctx context.Context, h *heard) error {
	for until := time.Now().Add(converge); ; {
		err := s.converged(ctx, h)
		if err == nil || time.Now().After(until) {
			return err
		}
		if err := sleepUntil(ctx, time.Now().Add(glance)); err != nil {
			return err
		}
		if err := s.driver.do("heard", nil, h); err != nil {
			return err
		}
	}
}

func (s *gale) converged(ctx context.Context, h *heard) error {
	if h.Trouble != "" {
		return errors.New(h.Trouble)
	}
	said := map[string]bool{}
	for _, v := range h.Views {
		for _, m := range v.Said {
			said[m.Text] = true
		}
	}
	ofRound := func(lines []string) []string {
		return slices.DeleteFunc(lines, func(text string) bool { return strings.Split(text, "-")[1] != fmt.Sprint(s.count) })
	}
	want := ofRound(slices.Clone(h.Views[0].Lines))
	if other := ofRound(slices.Clone(h.Views[1].Lines)); !slices.Equal(want, other) {
		return fmt.Errorf("the visitor sees %d messages, the agent %d, or in another order", len(want), len(other))
	}
	read := s.read
	for _, m := range s.cell.nodes {
		if m.role != coreRole {
			continue
		}
		list, err := m.reader.transcript(ctx, s.session, s.read)
		if err != nil {
			return err
		}
		var stored []string
		for _, line := range list {
			read = max(read, line.Seq)
			if line.Kind == relay.KindText {
				stored = append(stored, line.Text)
			}
		}
		if stored = ofRound(stored); !slices.Equal(stored, want) {
			missing := slices.DeleteFunc(slices.Clone(want), func(text string) bool { return slices.Contains(stored, text) })
			return fmt.Errorf("%d messages are stored at %s and %d are seen, or in another order; not stored: %q", len(stored), m.name, len(want), missing)
		}
	}
	for _, text := range want {
		if !said[text] {
			return fmt.Errorf("%s is there twice, or was never said", text)
		}
		delete(said, text)
	}
	if len(said) > 0 {
		return fmt.Errorf("%d messages are nowhere", len(said))
	}
	s.read = read
	return nil
}

// TestBrowsersInNamespacesMissNothing has the edges of a visitor and an agent in
// Chromium die and be drained.
func TestBrowsersInNamespacesMissNothing(t *testing.T) {
	if *browserRounds == 0 {
		t.Skip("minutes: make netns-browsers")
	}
	ctx := t.Context()
	began := time.Now()
	s, _ := openGale(ctx, t, seats(true), stay{visitorHome, agentHome}, func(*netem.Namespaces) {}, nil)
	var figures []string
	for _, w := range browserWeathers {
		s.net.SetAll(w.shape)
		for _, f := range browserFaults {
			for range *browserRounds {
				if err := s.round(ctx, f, w.name); err != nil {
					t.Fatalf("%s, %s: %v; the nodes' logs are in %s", f.name, w.name, err, s.cell.keepLogs(t))
				}
			}
		}
		for _, what := range []string{"calm", "calm_gap", "visitor_edge_kill", "agent_edge_kill", "visitor_edge_drain_gap", "agent_edge_drain_gap"} {
			figures = append(figures, what+", "+w.name+": "+spread(s.took[what+", "+w.name]))
		}
		fmt.Printf("netns-browsers: %s, load %s\n", strings.Join(figures[len(figures)-6:], "; "), load())
	}
	fmt.Printf("netns-browsers: faults %d, messages %d, lost 0, doubled 0, rounds begun again %d, ms (median/p95/max): %s; seconds %.0f, load %s\n",
		s.faults, s.talked, s.strayed, strings.Join(figures, "; "), time.Since(began).Seconds(), load())
}
