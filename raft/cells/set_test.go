package cells

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"kohe/raft/client"
	"kohe/raft/logstore"
	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quick = node.Timing{Heartbeat: 10 * time.Millisecond, Lease: 10 * time.Millisecond, Grace: time.Millisecond}

func now() int64 { return time.Now().UnixMilli() }

// openSet returns a set of so many cells on one database, each of one member.
func openSet(t *testing.T, n int) *Set {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	disk, err := logstore.Open(logstore.Config{Dir: "db", FS: vfs.NewMem(), Logger: quiet, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	var set *Set
	for i := range uint64(n) {
		c, err := client.Open(client.Config{Disk: disk, Number: 1 + i, NodeID: "n1", Timing: quick, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		if set == nil {
			set = New(1, c)
		} else {
			set.Add(1+i, c)
		}
	}
	t.Cleanup(func() {
		if err := errors.Join(set.Close(), disk.Close()); err != nil {
			t.Error(err)
		}
	})
	<-set.Ready()
	return set
}

func must(t *testing.T, s *Set, cmd state.Command) any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v, err := s.Propose(ctx, cmd)
	if err != nil {
		t.Fatalf("%T: %v", cmd, err)
	}
	return v
}

// open makes a customer with a site and a live session on it.
func open(t *testing.T, s *Set, customer string) relay.ID {
	t.Helper()
	must(t, s, state.Put{
		Customer:   &state.Customer{ID: customer},
		Department: &state.Department{ID: customer + "-desk", Customer: customer},
		Site:       &state.Site{ID: customer + "-site", Customer: customer, Departments: []string{customer + "-desk"}},
		Agent: &state.Agent{ID: customer + "-agent", Customer: customer, Role: relay.RoleAgent, Sites: []string{customer + "-site"},
			Departments: []string{customer + "-desk"}},
		At: now(),
	})
	id := relay.NewID()
	must(t, s, state.OpenSession{Session: id, Site: customer + "-site", Visitor: relay.NewID(), Node: "n1", At: now()})
	return id
}

// talk stores messages one after the other until stop, and returns how many.
func talk(t *testing.T, s *Set, id relay.ID, stop *atomic.Bool) (said uint64) {
	row, _ := s.Read().Session(id)
	for !stop.Load() {
		said++
		m := relay.Message{
			Session: id, Epoch: 1, Seq: said, Author: relay.Author{Role: relay.RoleVisitor, ID: row.Visitor.String()},
			ID: fmt.Sprint("m", said), Kind: relay.KindText, Text: fmt.Sprint("message ", said), At: now(),
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := s.Propose(ctx, state.Append{Session: id, Epoch: 1, Messages: []relay.Message{m}, At: now()})
		cancel()
		if err != nil {
			t.Errorf("message %d: %v", said, err)
			return said
		}
	}
	return said
}

func TestACustomerMovesWhileTheirConversationsGoOn(t *testing.T) {
	const talks, moves = 4, 6
	s := openSet(t, 3)
	var ids []relay.ID
	for i := range talks {
		ids = append(ids, open(t, s, fmt.Sprint("c", i)))
	}
	heard := make([]atomic.Uint64, talks)
	defer s.Watch(func(changes []state.Change) {
		for _, c := range changes {
			if c.Stored != nil {
				i := slices.Index(ids, c.Stored.Session)
				for _, m := range c.Stored.Messages {
					if m.Seq != heard[i].Add(1) {
						t.Errorf("heard %d of %d out of order", m.Seq, i)
					}
				}
			}
		}
	})()
	var stop atomic.Bool
	said := make([]uint64, talks)
	var running sync.WaitGroup
	for i, id := range ids {
		running.Go(func() { said[i] = talk(t, s, id, &stop) })
	}
	for i := range moves {
		for _, customer := range []string{"c0", "c1"} {
			if err := errors.Join(s.Depart(t.Context(), customer, uint64(1+(i+1)%3), now()), s.Move(t.Context(), customer, now)); err != nil {
				t.Error(err)
			}
		}
	}
	stop.Store(true)
	running.Wait()
	for i, id := range ids {
		list, err := s.Read().Messages(id, 0, 100_000)
		if err != nil || uint64(len(list)) != said[i] {
			t.Errorf("%d of %d messages of %d are there, %v", len(list), said[i], i, err)
		}
		for k, m := range list {
			if m.Seq != uint64(k+1) {
				t.Fatalf("message %d of %d has the number %d", k+1, i, m.Seq)
			}
		}
	}
	for _, customer := range []string{"c0", "c1"} {
		for number := range uint64(3) {
			c, _ := s.Cell(1 + number)
			if _, here := c.Read().Customer(customer); here != (number == moves%3) {
				t.Errorf("%s is in cell %d: %v", customer, 1+number, here)
			}
		}
	}
	if got := len(s.Read().Customers()); got != talks {
		t.Errorf("%d customers", got)
	}
	t.Log("said:", said)
}

func TestAMoveThatWasCutOffIsGoneOnWith(t *testing.T) {
	s := openSet(t, 2)
	id := open(t, s, "shop")
	first, _ := s.Cell(1)
	if _, err := first.Propose(t.Context(), state.Depart{Customer: "shop", Move: 1, To: 2, At: now()}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Propose(ctx, state.EndSession{Session: id, By: "visitor", At: now()}); relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("to one who is on the way: %v", err)
	}
	if err := s.Depart(t.Context(), "shop", 1, now()); err != nil {
		t.Errorf("to where they are: %v", err)
	}
	if err := errors.Join(s.Depart(t.Context(), "shop", 2, now()), s.Move(t.Context(), "shop", now), s.Move(t.Context(), "shop", now)); err != nil {
		t.Fatal(err)
	}
	must(t, s, state.EndSession{Session: id, By: "visitor", At: now()})
	if row, ok := s.Read().Session(id); !ok || row.State != relay.Ended {
		t.Errorf("%+v, %v", row, ok)
	}
	second, _ := s.Cell(2)
	if m, ok := first.Read().Move("shop"); !ok || m.Phase != state.Gone || m.Number != 1 {
		t.Errorf("%+v, %v", m, ok)
	}
	if _, ok := second.Read().Move("shop"); ok {
		t.Error("they have not settled")
	}
	if err := s.Depart(t.Context(), "shop", 3, now()); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("to a cell that there is not: %v", err)
	}
	if err := s.Depart(t.Context(), "nobody", 2, now()); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("of a customer who is not there: %v", err)
	}
}

func TestABackupOfSeveralCellsIsOfAll(t *testing.T) {
	s := openSet(t, 3)
	var ids []relay.ID
	for i := range 3 {
		ids = append(ids, open(t, s, fmt.Sprint("c", i)))
	}
	var running sync.WaitGroup
	var stop atomic.Bool
	running.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if err := errors.Join(s.Depart(context.Background(), "c1", uint64(1+i%3), now()), s.Move(context.Background(), "c1", now)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 10 {
		all, behind, err := s.Export(t.Context(), "")
		if err != nil || behind != nil {
			t.Fatal(err, behind)
		}
		var got state.Inventory
		var last []byte
		if err := all.Each(t.Context(), func(k, _ []byte) error {
			if slices.Compare(k, last) <= 0 {
				t.Errorf("%q follows %q", k, last)
			}
			last = slices.Clone(k)
			return got.Add(k)
		}); err != nil {
			t.Error(err)
		}
		if err := all.Close(); err != nil {
			t.Error(err)
		}
		if len(got.Customers) != len(ids) || got.Sessions != len(ids) || got.Sites != len(ids) || got.Agents != len(ids) {
			t.Errorf("%+v", got)
		}
	}
	stop.Store(true)
	running.Wait()
}

func TestAMoveThatIsRefusedLeavesTheCustomerWhereTheyAre(t *testing.T) {
	s := openSet(t, 2)
	id := open(t, s, "shop")
	second, _ := s.Cell(2) // behind the set's back, which would have refused the name
	if _, err := second.Propose(t.Context(), state.Put{
		Customer:   &state.Customer{ID: "other"},
		Department: &state.Department{ID: "other-desk", Customer: "other"},
		Site:       &state.Site{ID: "shop-site", Customer: "other", Departments: []string{"other-desk"}},
		At:         now(),
	}); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(s.Depart(t.Context(), "shop", 2, now()), s.Move(t.Context(), "shop", now))
	if relay.CodeOf(err) != relay.CodeConflict || s.CellOf("shop") != 1 {
		t.Errorf("%v; they are in %d", err, s.CellOf("shop"))
	}
	must(t, s, state.EndSession{Session: id, By: "visitor", At: now()})
	if m, _ := second.Read().Move("shop"); m.Phase != state.Gone {
		t.Errorf("left behind: %+v", m)
	}
}

func TestAnIDIsGivenOnceAlthoughManyAskAtOnce(t *testing.T) {
	s := openSet(t, 3)
	for _, customer := range []string{"a", "b", "c"} {
		if err := s.Found(t.Context(), state.Customer{ID: customer}, uint64(customer[0]-'a'+1), now()); err != nil {
			t.Fatal(err)
		}
		must(t, s, state.Put{Department: &state.Department{ID: customer + "-desk", Customer: customer}, At: now()})
	}
	for round := range 10 {
		var asking sync.WaitGroup
		var founded, put atomic.Int32
		for i, customer := range []string{"a", "b", "c"} {
			asking.Go(func() {
				if s.Found(t.Context(), state.Customer{ID: fmt.Sprint("new", round)}, uint64(i+1), now()) == nil {
					founded.Add(1)
				}
				site := &state.Site{ID: fmt.Sprint("site", round), Customer: customer, Departments: []string{customer + "-desk"}}
				if _, err := s.Propose(t.Context(), state.Put{Site: site, At: now()}); err == nil {
					put.Add(1)
				} else if relay.CodeOf(err) != relay.CodeConflict {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if founded.Load() != 1 || put.Load() != 1 {
			t.Errorf("round %d: founded %d times, put %d times", round, founded.Load(), put.Load())
		}
	}
}

func TestACellThatIsRemovedIsForgotten(t *testing.T) {
	s := openSet(t, 3)
	heard := make(chan struct{}, 100)
	defer s.Watch(func([]state.Change) { heard <- struct{}{} })()
	third := s.Remove(3)
	if third == nil || s.Remove(3) != nil {
		t.Fatal("it is not removed once")
	}
	defer func() {
		if err := third.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, there := s.Cell(3); there {
		t.Error("it is there")
	}
	if _, err := third.Propose(t.Context(), state.Put{Customer: &state.Customer{ID: "x"}, At: now()}); err != nil {
		t.Error(err)
	}
	if len(s.Read().Customers()) != 0 {
		t.Error("a customer of it is seen")
	}
	if err := s.Found(t.Context(), state.Customer{ID: "y"}, 3, now()); relay.CodeOf(err) != relay.CodeNotFound {
		t.Error(err)
	}
	open(t, s, "shop")
	<-heard
}

// A node that leads one cell may be behind in another, in which it still has the
// customer of an earlier move. Here a third cell has that state.
func TestWhoIsBehindInAnotherCellDoesNotMakeACustomerLeave(t *testing.T) {
	s := openSet(t, 3)
	id := open(t, s, "shop")
	first, _ := s.Cell(1)
	third, _ := s.Cell(3)
	propose := func(c *client.Cell, cmd state.Command) {
		t.Helper()
		if _, err := c.Propose(t.Context(), cmd); err != nil {
			t.Fatalf("%T: %v", cmd, err)
		}
	}
	propose(first, state.Depart{Customer: "shop", Move: 1, To: 2, At: now()})
	var rows []state.Row
	if err := first.Read().Belongings(t.Context(), "shop", func(r state.Row) error {
		rows = append(rows, state.Row{Key: slices.Clone(r.Key), Value: slices.Clone(r.Value)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // to cell 2, and back
		if err := s.Move(t.Context(), "shop", now); err != nil {
			t.Fatal(err)
		}
		if err := s.Depart(t.Context(), "shop", 1+s.CellOf("shop")%2, now()); err != nil {
			t.Fatal(err)
		}
	}
	propose(third, state.Arrive{Customer: "shop", Move: 1, Rows: rows, At: now()})
	propose(third, state.Settle{Customer: "shop", Move: 1, At: now()})
	if err := s.Move(t.Context(), "shop", now); err != nil { // the third of theirs
		t.Fatal(err)
	}
	if at := s.CellOf("shop"); at != 2 {
		t.Errorf("they are in %d", at)
	}
	second, _ := s.Cell(2)
	if _, there := second.Read().Session(id); !there {
		t.Error("their conversation is lost")
	}
}
