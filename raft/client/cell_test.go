package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/raft/logstore"
	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

var (
	quick   = node.Timing{Heartbeat: 10 * time.Millisecond, Lease: 10 * time.Millisecond, Grace: time.Millisecond}
	visitor = relay.ID{1}
)

func openCell(t testing.TB, fs vfs.FS, timing node.Timing) (*Cell, chan error) {
	t.Helper()
	fatal := make(chan error, 1)
	c, err := Open(Config{
		Dir: "db", NodeID: "n1", FS: fs, Timing: timing, Logger: quiet,
		Fatal: func(err error) { fatal <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, fatal
}

func closeCell(t testing.TB, c *Cell) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustPropose(t testing.TB, c *Cell, cmd state.Command) {
	t.Helper()
	if _, err := c.Propose(context.Background(), cmd); err != nil {
		t.Fatal(err)
	}
}

// openSession makes a site and a session on it.
func openSession(t testing.TB, c *Cell) relay.ID {
	t.Helper()
	mustPropose(t, c, state.Put{
		Customer:   &state.Customer{ID: "shop", Name: "Shop"},
		Department: &state.Department{ID: "sales", Customer: "shop", Name: "Sales"},
		Site:       &state.Site{ID: "demo", Customer: "shop", Name: "Demo", Origins: []string{"https://shop.example"}, Departments: []string{"sales"}},
		At:         1,
	})
	id := relay.ID{2}
	mustPropose(t, c, state.OpenSession{
		Session: id, Site: "demo", Department: "sales", Visitor: visitor, Name: "Mari", Lang: "et", Node: "n1", At: 2,
	})
	return id
}

func message(session relay.ID, seq uint64) relay.Message {
	return relay.Message{
		Session: session, Epoch: 1, Seq: seq, Author: relay.Author{Role: relay.RoleVisitor, ID: visitor.String()},
		ID: fmt.Sprint("m", seq), Kind: relay.KindText, Text: fmt.Sprint("message ", seq), At: int64(seq) + 2,
	}
}

func say(session relay.ID, seq uint64) state.Command {
	return state.Append{Session: session, Epoch: 1, Messages: []relay.Message{message(session, seq)}, At: int64(seq) + 2}
}

// transcript returns the numbers of all stored messages.
func transcript(t testing.TB, c *Cell, session relay.ID) []uint64 {
	t.Helper()
	var all []uint64
	for after := uint64(0); ; {
		page, err := c.Read().Messages(session, after, state.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			if m.Text != fmt.Sprint("message ", m.Seq) {
				t.Errorf("message %d says %q", m.Seq, m.Text)
			}
			all = append(all, m.Seq)
			after = m.Seq
		}
		if len(page) == 0 {
			return all
		}
	}
}

func TestEveryAcknowledgedMessageIsThereOnceAfterAPowerCut(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 3))
		mem := vfs.NewCrashableMem()
		c, _ := openCell(t, mem, quick)
		session := openSession(t, c)
		acked := uint64(0)
		for round := range 4 {
			var said atomic.Uint64
			said.Store(acked)
			enough, reached := acked+1+rng.Uint64N(200), make(chan struct{})
			cut := make(chan struct{})
			var writer sync.WaitGroup
			writer.Go(func() {
				for seq := acked + 1; ; seq++ {
					select {
					case <-cut:
						return
					default:
					}
					if _, err := c.Propose(t.Context(), say(session, seq)); err != nil {
						t.Error(err)
						return
					}
					said.Store(seq)
					if seq == enough {
						close(reached)
					}
				}
			})
			for range rng.IntN(4) {
				if err := c.node.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
			<-reached
			acked = said.Load()
			left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
			close(cut)
			writer.Wait()
			closeCell(t, c)

			mem = left
			c, _ = openCell(t, mem, quick)
			<-c.Ready()
			got := transcript(t, c, session)
			for i, seq := range got {
				if seq != uint64(i)+1 {
					t.Fatalf("seed %d round %d: message %d at place %d", seed, round, seq, i+1)
				}
			}
			if uint64(len(got)) < acked {
				t.Fatalf("seed %d round %d: %d messages, %d were acknowledged", seed, round, len(got), acked)
			}
			acked = uint64(len(got))
		}
		closeCell(t, c)
	}
}

func BenchmarkPropose(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			c, err := Open(Config{Dir: b.TempDir(), NodeID: "n1", Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer closeCell(b, c)
			<-c.Ready()
			var next atomic.Int64
			before := cpuTime(b)
			b.ResetTimer()
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						card := state.Put{Customer: &state.Customer{ID: fmt.Sprint("c", n%100), Name: fmt.Sprintf("%0180d", n)}, At: n}
						if _, err := c.Propose(b.Context(), card); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpuTime is what this process has used: a figure that a busy machine leaves
// alone.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTwoCellsShareADiskAndNothingElse(t *testing.T) {
	fs := vfs.NewCrashableMem()
	disk, err := logstore.Open(logstore.Config{Dir: "db", FS: fs, Fatal: func(err error) { t.Error(err) }, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	open := func(number uint64) *Cell {
		c, err := Open(Config{NodeID: "n1", Disk: disk, Number: number, Timing: quick, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		<-c.Ready()
		return c
	}
	one, eleven := open(1), open(11)
	session := openSession(t, one)
	mustPropose(t, one, say(session, 1))
	if _, ok := eleven.Read().Session(session); ok || len(eleven.Read().AllSites()) != 0 {
		t.Error("a cell has the other's rows")
	}
	closeCell(t, one)
	mustPropose(t, eleven, state.Put{Customer: &state.Customer{ID: "other", Name: "Other"}, At: 1}) // the disk is open
	one = open(1)
	if have := transcript(t, one, session); !slices.Equal(have, []uint64{1}) {
		t.Errorf("stored after it was opened again: %d", have)
	}
	closeCell(t, one)
	closeCell(t, eleven)
	if err := disk.Close(); err != nil {
		t.Error(err)
	}
}

// later is a command of the version after this one.
type later struct{ state.Tick }

func (later) Since() int { return state.Version + 1 }

func TestACommandThatACoreNodeDoesNotKnowIsNotProposed(t *testing.T) {
	c, _ := openCell(t, vfs.NewMem(), quick)
	defer closeCell(t, c)
	mustPropose(t, c, state.PutNode{Node: state.Node{ID: "n2", Addr: "n2:1", Role: state.CoreNode}, At: 1})
	before := c.Applied()
	if _, err := c.Propose(t.Context(), later{}); relay.CodeOf(err) != relay.CodeUnavailable || c.Applied() != before {
		t.Errorf("proposed before n2 knows it: %v", err)
	}
	mustPropose(t, c, state.StartEdge{Node: "n2", At: 2, Version: state.Version + 1})
	mustPropose(t, c, later{})
}
