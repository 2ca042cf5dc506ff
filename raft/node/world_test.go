package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
)

// member is a cell of its own kind: one of several, with its disk.
type member struct {
	id  string
	mem *vfs.MemFS
	fs  vfs.FS // what Pebble sees of mem
	*cell
}

// world is several members and those who write to them.
type world struct {
	t    testing.TB
	net  *memNet
	rng  *rand.Rand
	wrap func(vfs.FS) vfs.FS

	inFlight int // requests without an answer; 0: the default

	mu      sync.Mutex // guards what follows
	members map[string]*member
	at      map[string]string // address, if it is not the id
	acked   map[string]struct{}
	fatal   []error
	sent    uint64 // states that members were sent
}

func newWorld(t testing.TB, seed uint64, wrap func(vfs.FS) vfs.FS, ids ...string) *world {
	w := &world{
		t: t, net: newMemNet(), rng: rand.New(rand.NewPCG(seed, 5)), wrap: wrap,
		members: map[string]*member{}, at: map[string]string{}, acked: map[string]struct{}{},
	}
	for i, id := range ids {
		w.open(id, emptyDisk(t), i > 0)
		if i == 0 {
			<-w.members[id].Ready()
			continue
		}
		w.add(id)
	}
	return w
}

// open starts the member on its disk.
func (w *world) open(id string, mem *vfs.MemFS, join bool) {
	w.t.Helper()
	if err := w.tryOpen(id, mem, join); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tryOpen(id string, mem *vfs.MemFS, join bool) error {
	m := &member{id: id, mem: mem, fs: w.wrap(mem)}
	disk, err := logstore.Open(logstore.Config{Dir: "db", FS: m.fs, Logger: quiet, Fatal: func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.fatal = append(w.fatal, fmt.Errorf("%s: %w", id, err))
	}})
	if err != nil {
		return err
	}
	m.cell = &cell{disk: disk, counter: openCounter(w.t, disk.DB)}
	m.Node, err = Open(Config{
		ID: id, Disk: disk, Prefix: []byte("raft/"), Machine: m.counter, Join: join, Logger: quiet,
		Transport: NewTransport(w.net.listen(cmp.Or(w.at[id], id)), Timing{InFlight: w.inFlight}, quiet),
	})
	if err != nil {
		return errors.Join(err, disk.Close())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members[id] = m
	return nil
}

func (w *world) list() []*member {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*member
	for _, m := range w.members {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *member) int { return strings.Compare(a.id, b.id) })
	return list
}

// leader waits for one that is ready to take commands.
func (w *world) leader() *member {
	for range 1000 {
		for _, m := range w.list() {
			if m.raft.State() == raft.Leader && m.raft.VerifyLeader().Error() == nil {
				return m
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.t.Fatal("no leader in 50 s")
	return nil
}

// add makes id a voter, through whoever leads.
func (w *world) add(id string) {
	w.t.Helper()
	var err error
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err = w.leader().Add(ctx, id, id)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Fatalf("add %s: %v", id, err)
}

// remove takes id out, through whoever leads. A removal that failed may have
// happened, so it is asked for until it has.
func (w *world) remove(id string) {
	w.t.Helper()
	var err error
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err = w.leader().Remove(ctx, id)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.t.Fatalf("remove %s: %v", id, err)
}

// crash cuts the power of members and returns their disks.
func (w *world) crash(ids ...string) map[string]*vfs.MemFS {
	left := map[string]*vfs.MemFS{}
	for i, id := range ids {
		w.net.part(id, -1-i)
	}
	for _, id := range ids {
		left[id] = w.members[id].mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.rng.IntN(101), RNG: w.rng})
	}
	for _, id := range ids {
		w.stop(id)
	}
	return left
}

func (w *world) stop(id string) {
	w.mu.Lock()
	m := w.members[id]
	delete(w.members, id)
	w.sent += m.reloads.Load()
	w.mu.Unlock()
	m.close(w.t)
}

// start brings members back after a crash.
func (w *world) start(left map[string]*vfs.MemFS) {
	for id, mem := range left {
		w.net.part(id, 0)
		w.open(id, mem, true)
	}
}

// write applies commands through whoever leads until stop is closed.
func (w *world) write(writer int, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
		id := fmt.Sprintf("%d-%d", writer, i)
		for _, m := range w.list() {
			n, err := m.Node.Apply([]byte(id))
			if err == nil && n == any(uint64(1)) {
				w.mu.Lock()
				w.acked[id] = struct{}{}
				w.mu.Unlock()
			} else if err == nil {
				w.t.Errorf("apply %s: %v", id, n)
			}
			if !errors.Is(err, raft.ErrNotLeader) {
				break // done, or nobody knows
			}
		}
	}
}

// settle waits until all members hold the same and says what is wrong with it.
func (w *world) settle() error {
	for _, m := range w.list() {
		w.net.part(m.id, 0)
	}
	var err error
	for range 600 {
		if err = w.equal(); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.members {
		if err := check(counts(w.t, m.disk.DB), w.acked); err != nil {
			return fmt.Errorf("%s: %w", m.id, err)
		}
	}
	if len(w.fatal) > 0 {
		return w.fatal[0]
	}
	return nil
}

func (w *world) equal() error {
	leader := w.leader()
	if err := leader.raft.Barrier(time.Second).Error(); err != nil {
		return err
	}
	want := counts(w.t, leader.disk.DB)
	for _, m := range w.list() {
		if err := m.Err(); err != nil {
			return fmt.Errorf("%s: %w", m.id, err)
		}
		got := counts(w.t, m.disk.DB)
		if len(got) != len(want) {
			return fmt.Errorf("%s holds %d commands, %s %d", m.id, len(got), leader.id, len(want))
		}
	}
	return nil
}

func (w *world) close() {
	for _, m := range w.list() {
		w.stop(m.id)
	}
}

// cut makes the leader take a snapshot and cut its log, so that who is behind
// has to be sent the state. The slack is more than the writers can have in an
// old leader's log that nobody else has.
func (w *world) cut() {
	if err := truncate(w.leader().cell, 20); err != nil {
		w.t.Log(err) // it may have lost leadership meanwhile
	}
}

// fault does one harm and undoes it.
func (w *world) fault(ids []string) (what string) {
	victim := ids[w.rng.IntN(len(ids))]
	wait := func(limit time.Duration) { time.Sleep(time.Duration(w.rng.Int64N(int64(limit)))) }
	switch w.rng.IntN(7) {
	case 0:
		left := w.crash(victim)
		wait(2 * time.Second)
		w.start(left)
		return "power cut of " + victim
	case 1:
		left := w.crash(w.leader().id)
		wait(2 * time.Second)
		w.cut()
		w.start(left)
		return "power cut of the leader"
	case 2:
		left := w.crash(ids...)
		wait(time.Second)
		w.start(left)
		return "power cut of all"
	case 3:
		w.net.part(victim, 1)
		wait(3 * time.Second)
		w.net.part(victim, 0)
		return "partition of " + victim
	case 4:
		w.net.part(victim, 1)
		wait(time.Second)
		w.cut()
		w.net.part(victim, 0)
		return "partition of " + victim + " and a snapshot"
	case 5:
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = w.leader().Transfer(ctx)
		return "transfer"
	default:
		if w.leader().id == victim {
			return "nothing"
		}
		w.remove(victim)
		w.stop(victim)
		w.cut()
		w.open(victim, emptyDisk(w.t), true)
		w.add(victim)
		return "replacement of " + victim
	}
}

// storm writes while faults happen and says what they broke.
func storm(t *testing.T, seed uint64, faults int, wrap func(vfs.FS) vfs.FS, ids ...string) error {
	w := newWorld(t, seed, wrap, ids...)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() { w.write(i, stop) })
	}
	for i := range faults {
		time.Sleep(time.Duration(w.rng.Int64N(int64(2 * time.Second))))
		what := w.fault(ids)
		t.Logf("%d: %s", i, what)
	}
	close(stop)
	writers.Wait()
	err := w.settle()
	w.close()
	t.Logf("%d members, %d faults, %d acknowledged, %d sent the state", len(ids), faults, len(w.acked), w.sent)
	return err
}
