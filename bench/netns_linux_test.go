package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kohe/bench/netem"
)

var killCount = flag.Int("kills", 0, "how often nodes in network namespaces are killed; 0: a minute of faults")

// seats are the nodes of a cluster in namespaces, in one region or each in its
// own: three core nodes, and three that are edges only.
func seats(apart bool) (list []seat) {
	for i := range 3 {
		list = append(list, seat{name: fmt.Sprintf("n%d", i+1), role: coreRole})
	}
	for i := range 3 {
		list = append(list, seat{name: fmt.Sprintf("e%d", i+1), role: edgeRole})
	}
	for i := range list {
		list[i].region = "here"
		if apart {
			list[i].region = list[i].name
		}
	}
	return list
}

// mixed are couples of whom each is at any of the seats, three of every kind.
func mixed() (list [][2]int) {
	for n := range 3 {
		core, edge := n, 3+n
		nextCore, nextEdge := (n+1)%3, 3+(n+1)%3
		list = append(list, [2]int{edge, nextEdge}, [2]int{edge, nextCore}, [2]int{core, nextEdge}, [2]int{core, nextCore})
	}
	return list
}

// weather is what every packet between two hosts meets.
type weather struct {
	name  string
	apart bool // the nodes are in regions of their own
	shape netem.Shape
}

// The delays are one way: half of what the names say there and back.
var weathers = []weather{
	{"LAN", false, netem.Shape{}},
	{"2 % loss", false, netem.Shape{Delay: time.Millisecond, Loss: 0.02}},
	{"40 ms", true, netem.Shape{Delay: 20 * time.Millisecond, Jitter: 2 * time.Millisecond}},
	{"150 ms", true, netem.Shape{Delay: 75 * time.Millisecond, Jitter: 5 * time.Millisecond}},
}

// Faults besides those of the benchmark. A partition is one between the leader,
// or an edge, and all other nodes; clients reach them all.
const (
	originKill fault = "origin_kill"      // kill -9 of another node, as its visitors see it
	agentKill  fault = "agent_kill"       // the same as its agents see it
	partition  fault = "leader_partition" // both ways
	deaf       fault = "leader_deaf"      // what the others send does not reach it
	mute       fault = "leader_mute"      // what it sends does not reach the others
	lone       fault = "edge_partition"   // both ways, of a node that is an edge only, as its visitors see it
)

// Spans of a round.
const (
	partitioned = 2500 * time.Millisecond // longer than an edge waits before it sends its people away
	converge    = 20 * time.Second        // for all to be stored, heard and seen alike
)

var (
	kills      = []fault{leaderKill, originKill, agentKill}
	partitions = []fault{partition, deaf, mute, lone}
	ofFronts   = []fault{originKill, agentKill, lone} // those of nodes that do not lead
)

// plan returns the faults of each weather.
func plan(count int) map[string][]fault {
	if count == 0 {
		return map[string][]fault{
			"LAN":      {leaderKill, partition, originKill},
			"2 % loss": {leaderKill, mute},
			"40 ms":    {leaderKill, deaf, lone},
			"150 ms":   {agentKill},
		}
	}
	all := map[string][]fault{}
	for n := range count {
		w := weathers[n%len(weathers)].name
		turn := n / len(weathers)
		all[w] = append(all[w], kills[turn%len(kills)])
		if turn%len(kills) == 0 {
			all[w] = append(all[w], partitions[(turn/len(kills)+n)%len(partitions)])
		}
	}
	return all
}

// storm is a cluster in namespaces, and those who talk through it.
type storm struct {
	*failover
	t       *testing.T
	net     *netem.Namespaces
	weather weather
	killed  map[string]int       // kills, by who was killed: leader, core or edge
	took    map[string][]float64 // ms until the next stored message, by fault and weather
}

// openStorm starts a cluster.
func openStorm(ctx context.Context, t *testing.T, apart bool) *storm {
	g, network, _ := openGround(t)
	s := &storm{t: t, net: network, killed: map[string]int{}, took: map[string][]float64{}}
	c, err := g.openCell(ctx, filepath.Join(t.TempDir(), "cell"), seats(apart), "--opens-per-minute", "1000000", "--links-per-address", "1000000")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	if apart {
		c.again(ctx, t)
	}
	s.failover = &failover{
		Failover: Failover{Over: "wt", Progress: t.Output()}, cell: c, fronts: c.nodes, places: mixed(),
		report: NewReport("netns", "test"), runs: map[string][]float64{},
	}
	if err := s.seed(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// again restarts the first node, as its log asks: alone it was in one region,
// and not as patient as a cell in several has to be.
func (c *cell) again(ctx context.Context, t *testing.T) {
	t.Helper()
	c.nodes[0].Drain(recovery)
	if err := errors.Join(c.nodes[0].start(ctx), c.settle(ctx)); err != nil {
		t.Fatal(err)
	}
}

// round does one harm, undoes it, and checks that everything is as it was.
func (s *storm) round(ctx context.Context, f fault) error {
	if err := s.renew(ctx); err != nil {
		return err
	}
	leader, err := s.cell.settledLeader(ctx)
	if err != nil {
		return err
	}
	s.count++
	heal, err := s.harm(ctx, f, leader)
	if err == nil {
		err = heal(ctx)
	}
	if err == nil {
		err = s.cell.settle(ctx)
	}
	if err == nil {
		err = s.check(ctx)
	}
	return err
}

// harm causes a fault and notes how long it took until the next message was
// stored of those whom it concerns. heal undoes it.
func (s *storm) harm(ctx context.Context, f fault, leader *node) (heal func(context.Context) error, err error) {
	victim := s.victim(f, leader)
	var concerned []*couple
	switch f {
	case originKill, lone:
		concerned = s.of(victim, true, false)
	case agentKill:
		concerned = s.of(victim, false, true)
	default:
		concerned = s.of(victim, false, false)
	}
	asked := time.Now()
	if slices.Contains(kills, f) {
		if victim == leader {
			s.killed["leader"]++
		} else {
			s.killed[victim.role]++
		}
		victim.Kill()
		heal = victim.start
	} else {
		heal = func(ctx context.Context) error {
			defer s.cut(victim, f, false)
			return sleepUntil(ctx, asked.Add(partitioned))
		}
		s.cut(victim, f, true)
	}
	gone := time.Now()
	for _, c := range s.pairs {
		c.setPace(hurried)
	}
	return heal, s.stored(ctx, f, concerned, asked, gone)
}

// victim returns the node that a fault hits: the leader, or each other node in
// turn.
func (s *storm) victim(f fault, leader *node) *node {
	if !slices.Contains(ofFronts, f) {
		return leader
	}
	s.turn++
	others := slices.DeleteFunc(slices.Clone(s.fronts), func(m *node) bool { return m == leader || f == lone && m.role != edgeRole })
	return others[s.turn%len(others)]
}

// cut cuts the victim off from the other nodes, or joins them again.
func (s *storm) cut(victim *node, f fault, on bool) {
	change := s.net.Heal
	if on {
		change = s.net.Cut
	}
	for _, m := range s.cell.nodes {
		if m != victim && f != mute {
			change(m.name, victim.name)
		}
		if m != victim && f != deaf {
			change(victim.name, m.name)
		}
	}
}

// stored notes when what was said after a fault is stored: by anybody whom the
// leader's concerns, by each couple whom a front's does.
func (s *storm) stored(ctx context.Context, f fault, concerned []*couple, asked, gone time.Time) error {
	groups := [][]*couple{concerned}
	if slices.Contains(ofFronts, f) {
		groups = slices.Collect(slices.Chunk(concerned, 1))
	}
	for _, group := range groups {
		var first time.Time
		err := s.await(ctx, func() bool { first = firstStored(group, gone); return !first.IsZero() })
		if err != nil {
			return fmt.Errorf("nothing is stored: %w", err)
		}
		s.took[string(f)+", "+s.weather.name] = append(s.took[string(f)+", "+s.weather.name], ms(first.Sub(asked)))
	}
	for _, c := range s.pairs {
		c.setPace(easy)
	}
	return sleepUntil(ctx, time.Now().Add(aftermath))
}

// check waits until all that was said is stored, heard and seen by everybody in
// the order of the transcripts, which are the same at every node.
func (s *storm) check(ctx context.Context) error {
	for _, c := range s.pairs {
		c.setPace(0)
	}
	for until := time.Now().Add(converge); ; {
		err := s.converged(ctx)
		if err == nil || errors.Is(err, errBroken) || ctx.Err() != nil {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("not after %v: %w", converge, err)
		}
		if err := sleepUntil(ctx, time.Now().Add(100*time.Millisecond)); err != nil {
			return err
		}
	}
}

// errBroken is a promise that no waiting repairs.
var errBroken = errors.New("a promise is broken")

func (s *storm) converged(ctx context.Context) error {
	var talks []*side
	for _, c := range s.pairs {
		if !c.settled() {
			return errors.Join(c.visitor.unsettled(), c.agent.unsettled())
		}
		talks = append(talks, c.visitor.side)
	}
	s.net.SetAll(netem.Shape{}) // the reader's way is of no interest
	defer s.net.SetAll(s.weather.shape)
	transcripts, lost, doubled, err := s.judge(ctx, talks)
	if err != nil {
		return err
	}
	if lost > 0 || doubled > 0 {
		return fmt.Errorf("%w: %d stored messages are lost, %d are doubled", errBroken, lost, doubled)
	}
	for visitor, list := range transcripts {
		if err := errors.Join(visitor.differs(list), visitor.other.differs(list)); err != nil {
			return err
		}
	}
	return nil
}

// unsettled says where somebody is whose messages are not all stored and heard,
// and what became of those.
func (p *patron) unsettled() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := "not connected, next to " + p.ring[p.at].name
	if p.client != nil {
		at = "at " + p.ring[p.at].name
	}
	var list []string
	for n, u := range p.side.since(time.Time{}) {
		if u.kept.IsZero() || u.heard.IsZero() {
			list = append(list, fmt.Sprintf("%d, said %v ago, acknowledged: %t, stored: %t, heard: %t", n, time.Since(u.said).Round(time.Millisecond), u.acked, !u.kept.IsZero(), !u.heard.IsZero()))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("the %s in %s is %s: of their messages %s", p.role, p.side.session, at, strings.Join(list, "; "))
}

// rage goes through the faults of all weathers of one kind.
func (s *storm) rage(ctx context.Context, faults map[string][]fault, apart bool) error {
	for _, w := range weathers {
		if w.apart != apart {
			continue
		}
		s.weather = w
		s.net.SetAll(w.shape)
		for _, f := range faults[w.name] {
			if err := s.round(ctx, f); err != nil {
				return fmt.Errorf("%s, %s: %w", f, w.name, err)
			}
		}
	}
	s.net.SetAll(netem.Shape{})
	return s.verdict(ctx)
}

// keepLogs writes what the nodes' last processes logged to a folder that stays.
func (c *cell) keepLogs(t *testing.T) string {
	dir, err := os.MkdirTemp("", "kohe-netns-logs-")
	for _, m := range c.nodes {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, m.name+".log"), []byte(m.log.String()), 0o600))
	}
	if err != nil {
		t.Log(err)
	}
	return dir
}

// TestAClusterInNamespacesLosesNothing kills and partitions nodes under load.
func TestAClusterInNamespacesLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute")
	}
	ctx := t.Context()
	if end, ok := t.Deadline(); ok { // nodes would outlive a test that the clock ends
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-20*time.Second))
		defer cancel()
	}
	began := time.Now()
	faults, killed, total, took := 0, map[string]int{}, map[string]float64{}, map[string][]float64{}
	for _, apart := range []bool{false, true} {
		s := openStorm(ctx, t, apart)
		err := s.meet(ctx, func(ctx context.Context) error { return s.rage(ctx, plan(*killCount), apart) })
		if err != nil {
			t.Errorf("%v; the nodes' logs are in %s", err, s.cell.keepLogs(t))
		}
		faults += s.count
		for who, n := range s.killed {
			killed[who] += n
		}
		for _, r := range s.report.Results {
			total[r.ID] += r.Value
		}
		maps.Copy(took, s.took)
		s.cell.close()
	}
	if n := total["failover.lost"] + total["failover.doubled"] + total["failover.not_stored"]; n > 0 {
		t.Errorf("%v messages lost, %v doubled, %v not stored", total["failover.lost"], total["failover.doubled"], total["failover.not_stored"])
	}
	for _, what := range slices.Sorted(maps.Keys(took)) {
		fmt.Printf("netns: %s: %s\n", what, spread(took[what]))
	}
	fmt.Printf("netns: faults %d (kills of leaders %d, of other core nodes %d, of edges %d), messages stored %.0f, not stored %.0f, lost %.0f, doubled %.0f, ms until the next stored message (median/p95/max): %s; seconds %.0f, load %s\n",
		faults, killed["leader"], killed[coreRole], killed[edgeRole], total["failover.stored"], total["failover.not_stored"], total["failover.lost"], total["failover.doubled"], byFault(took), time.Since(began).Seconds(), load())
}

// spread says how figures in ms are spread.
func spread(runs []float64) string {
	sorted := slices.Sorted(slices.Values(runs))
	return fmt.Sprintf("%.0f/%.0f/%.0f (%d)", percentile(sorted, 50), percentile(sorted, 95), sorted[len(sorted)-1], len(sorted))
}

func byFault(took map[string][]float64) string {
	var list []string
	for _, f := range slices.Concat(kills, partitions) {
		var runs []float64
		for what, some := range took {
			if name, _, _ := strings.Cut(what, ", "); name == string(f) {
				runs = append(runs, some...)
			}
		}
		if len(runs) > 0 {
			list = append(list, fmt.Sprintf("%s %s", f, spread(runs)))
		}
	}
	return strings.Join(list, ", ")
}

// load is the machine's load average of the last minute.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b))[0]
}
