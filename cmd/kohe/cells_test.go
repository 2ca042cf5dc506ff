package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kohe/edge/api"
	"kohe/raft/state"
)

// TestTwoCellsOnSixNodes moves a customer between two cells of six core nodes,
// to and fro, while their visitors and agents talk.
func TestTwoCellsOnSixNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	former := *cellCount
	*cellCount = 2
	defer func() { *cellCount = former }()
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, false, simulationLog(t))
		defer s.end()
		if err := s.begin(); err != nil {
			t.Fatal(err)
		}
		for len(s.all())-edges < 6 {
			if err := s.grow(false); err != nil {
				t.Fatal(err)
			}
		}
		if err := within(2*time.Minute, s.healthy); err != nil {
			t.Fatal(err)
		}
		if err := within(2*time.Minute, s.spread); err != nil {
			t.Error(err)
		}
		for i := range 6 {
			l := s.cores()[i%len(s.cores())]
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			if err := l.moveCustomer(ctx, "c", 1+uint64(i+1)%2); err != nil {
				t.Error(err)
			}
			cancel()
			time.Sleep(5 * time.Second)
		}
		if err := s.settle(); err != nil {
			t.Error(err)
		}
		if o := s.oracle; o.lost != 0 || o.two != 0 || o.stored < 100 {
			t.Errorf("%d stored, %d lost, %d doubled", o.stored, o.lost, o.two)
		}
	})
}

// TestACellThatIsNotSeatedIsGivenUp adds cells while a node is cut off, and at a node
// that dies meanwhile.
func TestACellThatIsNotSeatedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSimulation(t, 1, false, simulationLog(t))
		defer s.end()
		if err := s.begin(); err != nil {
			t.Fatal(err)
		}
		cores := slices.DeleteFunc(s.all(), func(v *server) bool { return v.edge })
		first, second, third := cores[0], cores[1], cores[2]
		s.sever(third, true, true) // which nobody knows yet
		if _, err := first.serving().foundCell(context.Background()); err == nil || !strings.Contains(err.Error(), "The cell 2 was given up") {
			t.Errorf("with a node cut off: %v", err)
		}
		if _, err := first.serving().foundCell(context.Background()); err == nil || !strings.Contains(err.Error(), "there is no connection to n3") {
			t.Errorf("while it is known to be cut off: %v", err)
		}
		s.mend(third)
		if err := within(time.Minute, func() error {
			if !second.serving().cluster.linked()[third.name] {
				return errUnreached
			}
			return s.healthy()
		}); err != nil {
			t.Fatal(err)
		}
		s.sever(third, true, true)
		go func() { _, _ = second.serving().foundCell(context.Background()) }() // it dies first
		await := func(what string, done func(rows []state.Cell) bool) {
			t.Helper()
			if err := within(3*time.Minute, func() error {
				if rows := first.serving().cell.Read().Cells(); !done(rows) {
					return fmt.Errorf("%+v", rows)
				}
				return nil
			}); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		await("it is begun", func(rows []state.Cell) bool { return len(rows) == 2 })
		second.kill(nil, true)
		s.mend(third)
		await("it is given up", func(rows []state.Cell) bool { return rows[1].Phase == state.GivenUp })
		second.start()
		if err := within(time.Minute, s.healthy); err != nil {
			t.Fatal(err)
		}
		number, err := second.serving().foundCell(context.Background())
		if err != nil || number != 4 {
			t.Errorf("with all nodes up: %d, %v", number, err)
		}
		await("it is seated", func(rows []state.Cell) bool { return rows[2].Phase == state.Seated })
		defer func(former int) { *cellCount = former }(*cellCount)
		*cellCount = 2
		if err := within(time.Minute, s.healthy); err != nil {
			t.Error(err)
		}
		for _, l := range s.cores() {
			if numbers, _ := l.cells.Cells(); !slices.Equal(numbers, []uint64{1, 4}) {
				t.Errorf("%s has the cells %v", l.config.Node, numbers)
			}
		}
	})
}

// spread says whether the cells have different leaders.
func (s *simulation) spread() error {
	l := s.cores()[0]
	_, all := l.cells.Cells()
	leads := map[string]bool{}
	for _, c := range all {
		leader, _ := c.Node().Leader()
		leads[leader] = true
	}
	if len(leads) != len(all) {
		return fmt.Errorf("%d nodes lead %d cells", len(leads), len(all))
	}
	return nil
}

// TestCellsByTheCommandLine adds a cell to a cluster of processes, puts customers
// into it, and kills a node that has it.
func TestCellsByTheCommandLine(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	nodes := newCluster(t, 3, 1)
	at := func(i int) string { return nodes[i].data }
	if out := kohe(t, "cell", "add", "--data", at(1)); !strings.Contains(out, "a cell 2") {
		t.Error(out)
	}
	kohe(t, "customer", "add", "acme", "--cell", "2", "--data", at(0))
	kohe(t, "site", "add", "acme-shop", "--customer", "acme", "--origin", "https://acme.example", "--data", at(2)) // help is the other customer's
	kohe(t, "agent", "add", "ada", "--site", "acme-shop", "--data", at(2))
	kohe(t, "customer", "move", "main", "--cell", "2", "--data", at(2))
	for i := range 3 {
		nodes[i].await("both customers are in cell 2", func() bool {
			var cells []api.CellStatus
			err := nodes[i].call(http.MethodGet, "/cells", nil, &cells)
			return err == nil && len(cells) == 2 && cells[0].Customers == 0 && cells[1].Customers == 2 && cells[1].Moving == 0
		})
	}
	nodes[1].kill() // it founded the cell
	kohe(t, "customer", "move", "acme", "--cell", "1", "--data", at(0))
	nodes[1].start()
	nodes[1].await("it has caught up", func() bool {
		out := kohe(t, "customer", "list", "--data", at(1))
		return strings.Contains(out, "acme  acme  1") && strings.Contains(out, "main  main  2")
	})
	for _, site := range []string{"acme-shop", "shop"} {
		if out := kohe(t, "site", "list", "--data", at(1)); !strings.Contains(out, site) {
			t.Errorf("%s is not among\n%s", site, out)
		}
	}
	for what, args := range map[string][]string{
		"There is no cell 3":        {"customer", "move", "main", "--cell", "3", "--data", at(0)},
		"There is no customer":      {"site", "add", "x", "--customer", "nobody", "--origin", "https://x.example", "--data", at(0)},
		"belongs to another":        {"site", "add", "shop", "--customer", "acme", "--origin", "https://x.example", "--department", "acme-help", "--data", at(0)},
		"There are several":         {"site", "add", "y", "--origin", "https://x.example", "--data", at(0)},
		"control characters":        {"customer", "add", "evil", "--name", "a\nb", "--data", at(0)},
		"another node is running":   {"serve", "--listen", "127.0.0.1:0", "--data", at(3)},
		"is in another cell":        {"customer", "add", "main", "--cell", "1", "--data", at(0)},
		"an edge and keeps nothing": {"cell", "add", "--data", at(3)},
	} {
		c := exec.Command(os.Args[0], args...)
		c.Env = append(os.Environ(), asKohe+"=1")
		if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), what) {
			t.Errorf("kohe %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
