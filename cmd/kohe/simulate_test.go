package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

var (
	faultCount = flag.Int("faults", 15, "faults of the simulation")
	seedFlag   = flag.Uint64("seed", 1, "of the simulation")
	cellCount  = flag.Int("cells", 1, "of the simulation; with more than one its customer moves")
	logFile    = flag.String("faultlog", "", "file for what the simulated nodes log")
)

// Who takes part in a simulation.
const (
	founders = 3
	mostHere = 5 // core nodes
	edges    = 2 // nodes that are nothing else
	visitors = 5
	agents   = 3
	places   = 2 // sessions of an agent
)

// simulation is a cluster, its network, and those who talk through it, in one
// bubble.
type simulation struct {
	t       testing.TB
	folder  string
	log     *slog.Logger
	net     *memNet
	rng     *rand.Rand // of who makes the faults
	lies    bool       // disks do not sync
	public  bool       // nodes have addresses to send people to
	running sync.WaitGroup
	people  []*someone
	crowd   sync.WaitGroup
	home    context.CancelFunc // ends the people
	quiet   atomic.Bool        // nobody says anything new
	hosts   int
	faults  int
	last    []string // faults

	mu      sync.Mutex // guards what follows
	seeds   *rand.Rand
	servers map[string]*server
	opened  []relay.ID
	oracle  *oracle
	ledger  *ledger
	closing bool
}

// dice returns randomness for one purpose.
func (s *simulation) dice() *rand.Rand {
	s.mu.Lock()
	defer s.mu.Unlock()
	return rand.New(rand.NewPCG(s.seeds.Uint64(), s.seeds.Uint64()))
}

// newID is the id of a session that will be looked at in the end.
func (s *simulation) newID() (id relay.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range id {
		id[i] = byte(s.seeds.Uint32())
	}
	s.opened = append(s.opened, id)
	s.ledger.asked[id] = s.ledger.now()
	return id
}

func newSimulation(t testing.TB, seed uint64, lies bool, log *slog.Logger) *simulation {
	s := &simulation{
		t: t, folder: t.TempDir(), log: log, net: newMemNet(seed), lies: lies,
		rng: rand.New(rand.NewPCG(seed, 2)), seeds: rand.New(rand.NewPCG(seed, 3)),
		servers: map[string]*server{}, oracle: newOracle(), ledger: newLedger(),
	}
	s.net.setWeather(fair)
	return s
}

// begin makes the cluster and lets people in.
func (s *simulation) begin() error {
	s.running.Go(s.tick)
	first := s.newServer("n1", false)
	if err := initCluster(first.data, first.name, first.addr.String(), "here"); err != nil {
		return err
	}
	if err := s.add(first); err != nil {
		return err
	}
	if err := s.furnish(first.serving()); err != nil {
		return err
	}
	for i := 1; i < founders; i++ {
		if err := s.grow(false); err != nil {
			return err
		}
	}
	for range edges {
		if err := s.grow(true); err != nil {
			return err
		}
	}
	for range *cellCount - 1 {
		if _, err := first.serving().foundCell(context.Background()); err != nil {
			return err
		}
	}
	if err := within(time.Minute, s.healthy); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.home = cancel
	for i := range visitors {
		s.people = append(s.people, s.newSomeone(relay.Author{Role: relay.RoleVisitor, Name: fmt.Sprint("v", i+1)}))
	}
	for i := range agents {
		name := fmt.Sprint("a", i+1)
		s.people = append(s.people, s.newSomeone(relay.Author{Role: relay.RoleAgent, ID: name, Name: name}))
	}
	for _, p := range s.people {
		s.crowd.Go(func() { p.live(ctx) })
	}
	return nil
}

// furnish makes a site and its agents.
func (s *simulation) furnish(l *life) error {
	rows := []state.Put{
		{Customer: &state.Customer{ID: "c", Name: "C"}},
		{Department: &state.Department{ID: "help", Customer: "c", Name: "Help"}},
		{Site: &state.Site{ID: "shop", Customer: "c", Name: "Shop", Origins: []string{shopOrigin}, Departments: []string{"help"}}},
	}
	for i := range agents {
		name := fmt.Sprint("a", i+1)
		rows = append(rows, state.Put{Agent: &state.Agent{
			ID: name, Customer: "c", Name: name, Alias: name, Role: relay.RoleAgent,
			Sites: []string{"shop"}, Departments: []string{"help"}, Capacity: places, Generation: 1,
		}})
	}
	for _, put := range rows {
		put.At = time.Now().UnixMilli()
		if _, err := l.cells.Propose(context.Background(), put); err != nil {
			return err
		}
	}
	return nil
}

// add starts a member and waits until it takes part.
func (s *simulation) add(v *server) error {
	s.mu.Lock()
	s.servers[v.name] = v
	s.mu.Unlock()
	v.start()
	return within(2*time.Minute, func() error {
		l := v.serving()
		if l == nil {
			return fmt.Errorf("%s is not up", v.name)
		}
		if v.edge {
			return l.remote.Err()
		}
		for _, m := range l.cell.Node().Members() {
			if m.ID == v.name && m.Voter {
				return l.cell.Err()
			}
		}
		return fmt.Errorf("%s has no vote", v.name)
	})
}

// grow adds a machine to the cluster.
func (s *simulation) grow(edge bool) error {
	letter := map[bool]string{false: "n", true: "e"}[edge]
	v := s.newServer(fmt.Sprint(letter, s.hosts+1), edge)
	return s.admit(v)
}

func (s *simulation) admit(v *server) error {
	if err := s.join(v); err != nil {
		return fmt.Errorf("%s joins: %w", v.name, err)
	}
	if err := s.add(v); err != nil {
		return fmt.Errorf("%s joined: %w", v.name, err)
	}
	return nil
}

// settleWithin is the bubble's time until everything has to be as it should
// when nothing is wrong any more: an agent who came too late is given up after
// 20 s, an offer after 30.
const settleWithin = 2 * time.Minute

// settle waits until all see the same and judges it.
func (s *simulation) settle() error {
	s.quiet.Store(true)
	began := time.Now()
	err := within(settleWithin, func() error {
		err := s.settled()
		s.log.Debug("settling", "err", err)
		return err
	})
	if err != nil {
		s.violated("not settled after %v: %v", settleWithin, err)
	}
	s.log.Info("settled", "after", time.Since(began).String())
	s.judge(s.compare())
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.oracle.broken) > 0 {
		return errors.New(strings.Join(s.oracle.broken, "\n"))
	}
	return nil
}

// end sends everyone home and ends every process.
func (s *simulation) end() {
	if s.home != nil {
		s.home()
	}
	s.crowd.Wait()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	for _, v := range s.all() {
		v.shutDown(0)
	}
	s.running.Wait()
}

// counts are what a simulation comes to.
type counts struct{ faults, said, stored, lost, doubled int }

// simulate runs a cluster through faults and says what they broke. The ledger is
// for whoever has the time.
func simulate(t testing.TB, seed uint64, faults int, lies bool, log *slog.Logger) (counts, *ledger, error) {
	s := newSimulation(t, seed, lies, log)
	err := s.begin()
	for err == nil && s.faults < faults && len(s.broken()) == 0 {
		time.Sleep(time.Duration(s.rng.Int64N(int64(3 * time.Second))))
		err = s.fault(false)
	}
	if err == nil {
		err = s.settle()
	}
	s.end()
	if err != nil {
		err = fmt.Errorf("seed %d: %w\nthe last faults:\n%s", seed, err, strings.Join(s.last, "\n"))
	}
	o := s.oracle
	return counts{s.faults, len(o.said), o.stored, o.lost, o.two}, s.ledger, err
}

func (s *simulation) broken() (list []string) {
	s.note(func(o *oracle) { list = o.broken })
	return list
}

// simulationLog logs to a file that the flag names, if it does.
func simulationLog(t *testing.T) *slog.Logger {
	if *logFile == "" {
		return slog.New(slog.DiscardHandler)
	}
	f, err := os.Create(filepath.Clean(*logFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// What a test of the simulation changes in it.
const (
	liesEnv      = "KOHE_TEST_DISKS_LIE"   // disks forget what they were to sync
	unwatchedEnv = "KOHE_TEST_NO_AUDITORS" // nobody watches what members apply
	hesitantEnv  = "KOHE_TEST_HESITATE"    // agents answer every other offer late
)

// standsStill is how long the clock of a bubble may stand still. It does for long
// if something never ends, or if who waits for a mutex waits for who waits for
// the clock.
const standsStill = 5 * time.Minute

// ticks counts seconds of the clocks of simulations.
var ticks atomic.Int64

// tick goes on as long as the simulation's clock.
func (s *simulation) tick() {
	for over := false; !over; {
		time.Sleep(time.Second)
		ticks.Add(1)
		s.mu.Lock()
		over = s.closing
		s.mu.Unlock()
	}
}

// watchClock ends the process, and says where all in it are, when a simulation's
// clock stands still. It is called out of the bubble, where there is time.
func watchClock(t *testing.T) {
	over := t.Context().Done()
	go func() {
		for last := int64(-1); ; {
			select {
			case <-over:
				return
			case <-time.After(standsStill):
			}
			now := ticks.Load()
			if now == last {
				debug.SetTraceback("all")
				panic(fmt.Sprintf("the clock of the simulation has stood still for %v", standsStill))
			}
			last = now
		}
	}()
}

func TestAClusterUnderFaultsLosesNothing(t *testing.T) {
	log := simulationLog(t)
	watchClock(t)
	began := time.Now()
	var c counts
	var l *ledger
	synctest.Test(t, func(t *testing.T) {
		var err error
		if c, l, err = simulate(t, *seedFlag, *faultCount, os.Getenv(liesEnv) != "", log); err != nil {
			t.Error(err)
		}
	})
	for _, wrong := range l.judge() { // out of the bubble, where there is time
		t.Errorf("seed %d: %s", *seedFlag, wrong)
	}
	fmt.Printf("simulated: faults %d, messages stored %d (of %d), lost %d, doubled %d, seconds %.0f\n",
		c.faults, c.stored, c.said, c.lost, c.doubled, time.Since(began).Seconds())
}
