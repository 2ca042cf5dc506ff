package cells

import (
	"context"
	"errors"
	"maps"
	"time"

	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
)

// exportFor is how long Export waits for a moment in which nobody settles in
// another cell.
const exportFor = 10 * time.Second

// Export begins a backup of one customer or, for "", of everything, as
// client.Cell.Export does of one cell.
func (s *Set) Export(ctx context.Context, customer string) (all state.Exports, behind, err error) {
	for until := time.Now().Add(exportFor); ; {
		homes := s.homes()
		all, behind, err = s.exportNow(ctx, customer)
		if err != nil || maps.Equal(homes, s.homes()) {
			return all, behind, err
		}
		// Who settled between the moments of two cells may be in neither.
		if err := all.Close(); err != nil {
			return nil, nil, err
		}
		if time.Now().After(until) {
			return nil, nil, relay.Errorf(relay.CodeUnavailable, "Customers are being moved. Please try again when that is done.")
		}
	}
}

// home is where a customer is, and since which move of theirs.
type home struct {
	cell  *client.Cell
	moves uint64
}

// homes returns where each customer is.
func (s *Set) homes() map[string]home {
	homes := map[string]home{}
	for _, c := range s.Read().Customers() {
		homes[c.ID] = home{s.has(c.ID), c.Moves}
	}
	return homes
}

func (s *Set) exportNow(ctx context.Context, customer string) (all state.Exports, behind, err error) {
	list := s.all()
	if home := s.has(customer); home != nil {
		list = []*client.Cell{home}
	}
	for _, c := range list {
		e, late, err := c.Export(ctx, customer)
		if err != nil {
			return nil, nil, errors.Join(err, all.Close())
		}
		all, behind = append(all, e), errors.Join(behind, late)
	}
	return all, behind, nil
}
