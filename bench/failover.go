package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"kohe/edge/api"
	"kohe/relay"
	"kohe/relay/wire"
)

// Failover measures how long the chat is interrupted when a node of three dies
// or is stopped, under a light load from clients on all of them.
type Failover struct {
	Over     string        // the clients' transport: wt or ws
	Span     time.Duration // of faults; the last one may end later; 0: none
	Idle     time.Duration // of a mesh that does nothing, after it; 0: none
	Progress io.Writer
}

// DefaultFailover is what `kohe bench failover` runs.
var DefaultFailover = Failover{Over: "wt", Span: 180 * time.Second, Idle: time.Minute}

// The load, and the spans of one fault.
const (
	easy       = 200 * time.Millisecond  // between two messages of one side
	hurried    = 50 * time.Millisecond   // the same of those that a fault concerns, while it lasts: as often as an edge allows
	recovery   = 10 * time.Second        // for the chat to flow again
	aftermath  = 500 * time.Millisecond  // watched once it does
	beforehand = time.Second             // watched before the leader is killed
	calm       = 1500 * time.Millisecond // after a node is back: the canaries need a second
	drainFor   = time.Second             // kohe serve --drain
)

// fault is one way in which a node goes.
type fault string

const (
	leaderKill fault = "leader_kill" // kill -9 of the leader
	edgeKill   fault = "edge_kill"   // kill -9 of another node
	drain      fault = "drain"       // SIGTERM of any node
)

// failover is a run: three nodes, and a pair of people for each ordered pair
// of nodes.
type failover struct {
	Failover
	cell   *cell
	fronts []*node  // where people are
	places [][2]int // of fronts, of each couple: the visitor's, the agent's
	pairs  []*couple
	report *Report
	talks  []*side // the visitors' sides of all sessions that there were
	count  int     // of faults
	late   int     // of them, those that the chat did not get over in time
	turn   int
	runs   map[string][]float64 // ms, by id
	chat   map[string][]float64 // ms from said to heard, by what the cell did meanwhile
}

// couple is a visitor and an agent at different nodes, who talk.
type couple struct {
	visitor, agent *patron
	of             string // the agent's sign-in name and department
	untold         int    // times that the agent was not told of a session of theirs
}

// Run adds the figures to the report.
func (s Failover) Run(ctx context.Context, report *Report) error {
	if s.Over != "wt" && s.Over != "ws" {
		return errors.New("clients connect over wt or ws")
	}
	dir, err := os.MkdirTemp("", "kohe-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a folder of the system's
	if err := s.faults(ctx, dir, report); err != nil || s.Idle == 0 {
		return err
	}
	return s.idle(ctx, dir, report)
}

// faults measures three nodes with people on them.
func (s Failover) faults(ctx context.Context, dir string, report *Report) error {
	if s.Span == 0 {
		return nil
	}
	fmt.Fprintln(s.Progress, "starting three core nodes …")
	g, err := loopback()
	if err != nil {
		return err
	}
	c, err := g.openCell(ctx, filepath.Join(dir, "cell"), cores(3), "--opens-per-minute", "1000000", "--links-per-address", "1000000", "--drain", drainFor.String())
	if err != nil {
		return err
	}
	defer c.close()
	r := &failover{Failover: s, cell: c, fronts: c.nodes, places: ordered, report: report, runs: map[string][]float64{}, chat: map[string][]float64{}}
	if err := r.seed(ctx); err != nil {
		return err
	}
	if err := r.meet(ctx, r.faulty); err != nil {
		return err
	}
	return r.verdict(ctx)
}

// ordered are the ordered pairs of three fronts.
var ordered = [][2]int{{0, 1}, {1, 2}, {2, 0}, {1, 0}, {2, 1}, {0, 2}}

// seed makes the site, a department with one agent for each couple, and a
// supervisor who may read everything. What browsers load has other origins, and
// can be shown.
func (r *failover) seed(ctx context.Context, origins ...string) error {
	site := api.LocalSite{ID: benchSite, Origins: append([]string{benchOrigin}, origins...), CoBrowse: len(origins) > 0}
	var agents []api.LocalAgent
	for i := range r.places {
		name := fmt.Sprintf("agent%d", i)
		site.Departments = append(site.Departments, name)
		agents = append(agents, api.LocalAgent{ID: name, Role: relay.RoleAgent, Capacity: 1, Departments: []string{name}, Password: password})
	}
	agents = append(agents, api.LocalAgent{ID: reader, Role: relay.RoleSupervisor, Capacity: 1, Password: password})
	first := r.cell.nodes[0]
	if err := first.call(ctx, http.MethodPost, "/sites", site, &site); err != nil {
		return err
	}
	for _, a := range agents {
		if err := first.call(ctx, http.MethodPost, "/agents", a, &a); err != nil {
			return err
		}
	}
	return r.cell.learn(ctx)
}

// meet opens the couples' connections, for as long as f runs.
func (r *failover) meet(ctx context.Context, f func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	var people sync.WaitGroup
	defer people.Wait()
	defer stop()
	for i, at := range r.places {
		c := &couple{of: fmt.Sprintf("agent%d", i)}
		c.visitor = r.patron(relay.RoleVisitor, "", at[0])
		c.agent = r.patron(relay.RoleAgent, c.of, at[1])
		r.pairs = append(r.pairs, c)
		for _, p := range []*patron{c.visitor, c.agent} {
			people.Go(func() { p.run(ctx) })
			people.Go(func() { p.speak(ctx) })
		}
	}
	return f(ctx)
}

// faulty causes one fault after another until the span is over.
func (r *failover) faulty(ctx context.Context) error {
	kinds := []fault{leaderKill, edgeKill, drain}
	for until := time.Now().Add(r.Span); time.Now().Before(until); r.count++ {
		if err := r.renew(ctx); err != nil {
			return err
		}
		if err := r.one(ctx, kinds[r.count%len(kinds)]); err != nil {
			return err
		}
	}
	return r.quiet(ctx)
}

func (r *failover) patron(role relay.Role, agent string, at int) *patron {
	ring := slices.Concat(r.fronts[at:], r.fronts[:at])
	p := &patron{role: role, agent: agent, ring: ring, transport: r.Over, kick: make(chan struct{}, 1)}
	if role == relay.RoleAgent {
		p.console = &console{at: ring[0], name: agent}
	}
	return p
}

// renew brings everybody home and has each couple talk in a new session, so
// that its origin is the visitor's node.
func (r *failover) renew(ctx context.Context) error {
	if err := r.quiet(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*recovery)
	defer cancel()
	var g errgroup.Group
	for _, c := range r.pairs {
		c.visitor.home()
		c.agent.home()
		visitor, agent := newTalk()
		r.talks = append(r.talks, visitor)
		g.Go(func() error {
			if err := c.renew(ctx, visitor, agent); err != nil {
				return fmt.Errorf("new session with %s: %w", c.of, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, c := range r.pairs {
		c.setPace(easy)
	}
	return sleepUntil(ctx, time.Now().Add(calm))
}

func (c *couple) setPace(every time.Duration) {
	c.visitor.setPace(every)
	c.agent.setPace(every)
}

// renew ends the former session, if there was one, and opens the next. Where
// nobody hears of that in time both load the page again, which is counted.
func (c *couple) renew(ctx context.Context, visitor, agent *side) error {
	old := c.visitor.side
	c.visitor.join(visitor)
	c.agent.join(agent)
	for {
		if err := c.atHome(ctx); err != nil {
			return err
		}
		if old != nil {
			_ = c.visitor.send(wire.End, wire.SessionRef{Session: old.session}) // sent again, or ended already
		}
		_ = c.visitor.send(wire.Open, wire.OpenPayload{Session: visitor.session, Name: "Visitor", Department: c.of})
		select {
		case <-visitor.active:
			return c.accepted(ctx, agent)
		case <-time.After(2 * time.Second):
			c.untold++
			c.visitor.reload()
			c.agent.reload()
		case <-ctx.Done():
			return fmt.Errorf("nobody accepted: %w", ctx.Err())
		}
	}
}

// atHome waits until both are connected to their own nodes.
func (c *couple) atHome(ctx context.Context) error {
	for tries := 1; !c.visitor.isHome() || !c.agent.isHome(); tries++ {
		if tries%50 == 0 { // a busy machine did not let them in: look every 20 ms, try every second
			c.visitor.home()
			c.agent.home()
		}
		if err := sleepUntil(ctx, time.Now().Add(look)); err != nil {
			return fmt.Errorf("not at home: %w", err)
		}
	}
	return nil
}

// accepted waits until the agent knows that they have the session. One who is
// not told in time loads the page again, which is counted.
func (c *couple) accepted(ctx context.Context, agent *side) error {
	for {
		select {
		case <-agent.active:
			return nil
		case <-time.After(time.Second):
			c.untold++
			c.agent.reload()
		case <-ctx.Done():
			return fmt.Errorf("the agent is not told that they have the session: %w", ctx.Err())
		}
	}
}

// quiet stops the talking and waits until all that was said is stored and
// heard, or until it is clear that it will not be.
func (r *failover) quiet(ctx context.Context) error {
	for _, c := range r.pairs {
		c.setPace(0)
	}
	for until := time.Now().Add(recovery / 2); time.Now().Before(until); {
		if !slices.ContainsFunc(r.pairs, func(c *couple) bool { return !c.settled() }) {
			return nil
		}
		if err := sleepUntil(ctx, time.Now().Add(look)); err != nil {
			return err
		}
	}
	return nil // the verdict counts
}

func (c *couple) settled() bool {
	v, a := c.visitor.side, c.agent.side
	return v == nil || v.settled() && a.settled()
}

// one causes a fault, measures it and waits until the node is back.
func (r *failover) one(ctx context.Context, f fault) error {
	var leader *node
	err := r.await(ctx, func() (ok bool) { leader, _ = r.cell.leader(ctx); return leader != nil })
	if err != nil {
		return fmt.Errorf("no leader: %w", err)
	}
	victim := leader
	if f != leaderKill {
		r.turn++
		i := r.turn % len(r.fronts)
		if victim = r.fronts[i]; f == edgeKill && victim == leader {
			victim = r.fronts[(i+1)%len(r.fronts)]
		}
	}
	switch f {
	case leaderKill:
		err = r.killLeader(ctx, victim)
	case edgeKill:
		err = r.killEdge(ctx, victim)
	case drain:
		err = r.drain(ctx, victim)
	}
	switch {
	case errors.Is(err, errLate):
		r.late++
		fmt.Fprintf(r.Progress, "%s of %s: %v\n", f, victim.name, err)
	case err != nil:
		return fmt.Errorf("%s of %s: %w", f, victim.name, err)
	}
	if err := victim.start(ctx); err != nil {
		return err
	}
	return r.cell.settle(ctx)
}

// add notes a figure of one fault.
func (r *failover) add(id string, d time.Duration) {
	fmt.Fprintf(r.Progress, "%s %s %.0f\n", time.Now().UTC().Format(time.TimeOnly), id, ms(d))
	r.runs[id] = append(r.runs[id], ms(d))
}

// kill ends a node and has those hurry whom it concerns. It returns when the
// kill was asked for and when the process was gone.
func (r *failover) kill(victim *node, concerned []*couple) (asked, gone time.Time) {
	asked = time.Now()
	victim.Kill()
	gone = time.Now()
	for _, c := range concerned {
		c.setPace(hurried)
	}
	return asked, gone
}

// of returns the couples whose visitor's and agent's nodes are, or are not,
// the victim. Those who are not at home, because a busy machine was silent for
// longer than their patience, are left out.
func (r *failover) of(victim *node, visitor, agent bool) (list []*couple) {
	for _, c := range r.pairs {
		if (c.visitor.ring[0] == victim) == visitor && (c.agent.ring[0] == victim) == agent && c.visitor.isHome() && c.agent.isHome() {
			list = append(list, c)
		}
	}
	return list
}

// killLeader measures the time to the next stored message of those who are at
// other nodes, and how the visitors of the leader fare.
func (r *failover) killLeader(ctx context.Context, victim *node) error {
	others, own := r.of(victim, false, false), r.of(victim, true, false)
	quietly := time.Now()
	for _, c := range others {
		c.setPace(hurried)
	}
	if err := sleepUntil(ctx, quietly.Add(beforehand)); err != nil {
		return err
	}
	asked, gone := r.kill(victim, slices.Concat(others, own))
	var first time.Time
	err := r.await(ctx, func() bool { first = firstStored(others, gone); return !first.IsZero() })
	if err != nil {
		return fmt.Errorf("nothing is stored: %w", err)
	}
	r.add("leader_kill_ms", first.Sub(asked))
	r.phases(victim, asked)
	if err := r.flows(ctx, "leader_edge_kill_ms", own, asked, gone); err != nil {
		return err
	}
	for _, c := range others {
		if err := r.await(ctx, func() bool { _, all := longest(c, quietly, first); return all }); err != nil {
			return fmt.Errorf("a message with %s does not arrive: %w", c.of, err)
		}
	}
	r.delivered("calm", others, quietly, asked)
	r.delivered("election", others, asked, first)
	return nil
}

// delivered notes how long what was said in a span took to the other side.
func (r *failover) delivered(while string, list []*couple, from, until time.Time) {
	for _, c := range list {
		for _, s := range []*side{c.visitor.side, c.agent.side} {
			for _, u := range s.since(from) {
				if u.said.Before(until) {
					r.chat[while] = append(r.chat[while], ms(u.heard.Sub(u.said)))
				}
			}
		}
	}
}

// phases reads from the logs of the others when they noticed and elected.
func (r *failover) phases(victim *node, asked time.Time) {
	for id, message := range map[string]string{"leader_kill.detect_ms": "the process of a node has ended", "leader_kill.elect_ms": "the cell has a leader"} {
		var first time.Time
		for _, m := range r.cell.nodes {
			if at, ok := m.logged(asked.Truncate(time.Millisecond), message); ok && m != victim && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
		if !first.IsZero() {
			r.add(id, first.Sub(asked))
		}
	}
}

func firstStored(list []*couple, since time.Time) (first time.Time) {
	for _, c := range list {
		for _, s := range []*side{c.visitor.side, c.agent.side} {
			for _, u := range s.since(since) {
				if !u.kept.IsZero() && (first.IsZero() || u.kept.Before(first)) {
					first = u.kept
				}
			}
		}
	}
	return first
}

// killEdge measures how long the visitors of a node that does not lead are
// without the chat.
func (r *failover) killEdge(ctx context.Context, victim *node) error {
	own := r.of(victim, true, false)
	asked, gone := r.kill(victim, own)
	if err := r.flows(ctx, "edge_kill_ms", own, asked, gone); err != nil {
		return err
	}
	for _, c := range own {
		left, came := c.visitor.travel()
		r.add("edge_kill.detect_ms", left.Sub(asked))
		r.add("edge_kill.welcome_ms", came.Sub(asked))
	}
	return nil
}

// flows measures when something said after the death was heard in both
// directions.
func (r *failover) flows(ctx context.Context, id string, list []*couple, asked, gone time.Time) error {
	for _, c := range list {
		var there, back time.Time
		err := r.await(ctx, func() bool {
			there, back = firstHeard(c.visitor.side, gone), firstHeard(c.agent.side, gone)
			return !there.IsZero() && !back.IsZero()
		})
		if err != nil {
			return fmt.Errorf("the chat with %s does not flow: %w", c.of, err)
		}
		r.add(id, max(there.Sub(asked), back.Sub(asked)))
	}
	return sleepUntil(ctx, time.Now().Add(aftermath))
}

func firstHeard(s *side, since time.Time) (first time.Time) {
	for _, u := range s.since(since) {
		if !u.heard.IsZero() && (first.IsZero() || u.heard.Before(first)) {
			first = u.heard
		}
	}
	return first
}

// drain measures how long at most a message took that was said while a node
// was stopped, by those whom it concerns.
func (r *failover) drain(ctx context.Context, victim *node) error {
	concerned := slices.Concat(r.of(victim, true, false), r.of(victim, false, true))
	asked := time.Now()
	for _, c := range concerned {
		c.setPace(hurried)
	}
	victim.Drain(recovery)
	if err := sleepUntil(ctx, time.Now().Add(aftermath)); err != nil {
		return err
	}
	for _, c := range concerned {
		c.setPace(easy)
	}
	until := time.Now()
	for _, c := range concerned {
		var gap time.Duration
		err := r.await(ctx, func() (all bool) { gap, all = longest(c, asked, until); return all })
		if err != nil {
			return fmt.Errorf("a message with %s does not arrive: %w", c.of, err)
		}
		r.add("drain_gap_ms", gap)
	}
	return nil
}

// longest returns the longest time that a message said in a span took; all is
// false if one has not arrived.
func longest(c *couple, from, until time.Time) (gap time.Duration, all bool) {
	for _, s := range []*side{c.visitor.side, c.agent.side} {
		for _, u := range s.since(from) {
			if u.said.After(until) {
				break
			}
			if u.heard.IsZero() {
				return 0, false
			}
			gap = max(gap, u.heard.Sub(u.said))
		}
	}
	return gap, true
}

// errLate says that the chat did not recover in time.
var errLate = fmt.Errorf("not within %v", recovery)

// await waits until ok, for as long as a recovery may take.
func (r *failover) await(ctx context.Context, ok func() bool) error {
	for until := time.Now().Add(recovery); !ok(); {
		if time.Now().After(until) {
			return errLate
		}
		if err := sleepUntil(ctx, time.Now().Add(look)); err != nil {
			return err
		}
	}
	return nil
}
