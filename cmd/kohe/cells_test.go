package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestTwoCellsOnSixNodes moves a customer between two cells of six core nodes,
// to and fro, while their visitors and agents talk.
func TestTwoCellsOnSixNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
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
			if err := l.moveCustomer(ctx, "c", 1+uint64(i+1)%manyCells); err != nil {
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
