package cells

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
)

// pieceBytes is how much of a customer goes to the other cell at once.
const pieceBytes = 1 << 20

// Depart begins to move a customer to another cell, and Move does the rest, at
// whatever node: it may be begun again at another. Refused: no such customer or
// cell (not_found), a customer who is being moved elsewhere (conflict).
func (s *Set) Depart(ctx context.Context, customer string, to uint64, at int64) error {
	target, err := s.open(to)
	if err != nil {
		return err
	}
	from := s.has(customer)
	if from == nil {
		return relay.Errorf(relay.CodeNotFound, "There is no customer %q.", customer)
	}
	if from == target {
		return nil
	}
	if m, moves := from.Read().Move(customer); moves {
		if m.To != to {
			return relay.Errorf(relay.CodeConflict, "The customer %q is being moved to the cell %d already.", customer, m.To)
		}
		return nil
	}
	if err := target.Known(state.Arrive{}); err != nil {
		return err // before anything is held up
	}
	row, _ := from.Read().Customer(customer)
	_, err = from.Propose(ctx, state.Depart{Customer: customer, Move: row.Moves + 1, To: to, At: at})
	return err
}

// Move brings a customer who has departed to the cell that they go to. Their
// conversations go on: what is said is heard at once as ever, and stored where
// they arrive; what asks for the cell waits until then.
func (s *Set) Move(ctx context.Context, customer string, now func() int64) error {
	from := s.has(customer)
	if from == nil {
		return relay.Errorf(relay.CodeNotFound, "There is no customer %q.", customer)
	}
	if m, moves := from.Read().Move(customer); moves {
		target, ok := s.Cell(m.To)
		if !ok {
			return relay.Errorf(relay.CodeUnavailable, "The cell %d is not here yet.", m.To)
		}
		going := &mover{from: from, to: target, move: m, now: now}
		if err := going.run(ctx); err != nil {
			if code := relay.CodeOf(err); code == relay.CodeConflict || code == relay.CodeInvalid { // for good
				err = errors.Join(err, going.giveUp(ctx))
			}
			return fmt.Errorf("move the customer %s: %w", customer, err)
		}
	}
	return s.finish(ctx, customer, now)
}

// giveUp leaves the customer where they are.
func (m *mover) giveUp(ctx context.Context) error {
	for {
		_, err := m.to.Propose(ctx, state.Leave{Customer: m.move.Customer, Move: m.move.Number, At: m.now()})
		if err != nil {
			return err // conflict: they have settled
		}
		if was, _ := m.to.Read().Move(m.move.Customer); was.Number != m.move.Number || was.Phase != state.Leaving {
			break
		}
	}
	_, err := m.from.Propose(ctx, state.Stay{Customer: m.move.Customer, Move: m.move.Number, At: m.now()})
	return err
}

// finish has cells forget a customer who has settled elsewhere, or did not settle
// there.
func (s *Set) finish(ctx context.Context, customer string, now func() int64) error {
	home := s.has(customer)
	if home == nil {
		return nil
	}
	row, _ := home.Read().Customer(customer)
	for _, c := range s.all() {
		for {
			m, moves := c.Read().Move(customer)
			if !moves || m.Phase == state.Gone || m.Phase == state.Arriving || c == home || m.Number > row.Moves {
				break
			}
			if _, err := c.Propose(ctx, state.Leave{Customer: customer, Move: m.Number, At: now()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// mover is one move.
type mover struct {
	from, to *client.Cell
	move     state.Move
	now      func() int64
}

// run copies the customer's rows, which stay as they are, and settles them.
func (m *mover) run(ctx context.Context) error {
	// This node's state has the departure, so it has all of the rows.
	var piece []state.Row
	size := 0
	send := func() error {
		_, err := m.to.Propose(ctx, state.Arrive{Customer: m.move.Customer, Move: m.move.Number, Rows: piece, At: m.now()})
		piece, size = nil, 0
		return err
	}
	err := m.from.Read().Belongings(ctx, m.move.Customer, func(r state.Row) error {
		piece = append(piece, state.Row{Key: slices.Clone(r.Key), Value: slices.Clone(r.Value)})
		if size += len(r.Key) + len(r.Value); size < pieceBytes && len(piece) < state.MaxArrive {
			return nil
		}
		return send()
	})
	if err == nil {
		err = send()
	}
	if err != nil {
		return err
	}
	if err := m.tellStarts(ctx, m.from.Read().Started()); err != nil {
		return err
	}
	_, err = m.to.Propose(ctx, state.Settle{
		Customer: m.move.Customer, Move: m.move.Number, Started: m.move.Started, At: max(m.now(), m.from.Read().Clock()),
	})
	return err
}

// tellStarts tells the other cell of the starts of nodes of which it has not
// heard: heard of later, one would disconnect those who have arrived since.
func (m *mover) tellStarts(ctx context.Context, started map[string]int64) error {
	known := m.to.Read().Started()
	for _, n := range m.from.Read().Nodes() {
		if at := started[n.ID]; at > known[n.ID] {
			if _, err := m.to.Propose(ctx, state.StartEdge{Node: n.ID, At: at, Version: n.Version}); err != nil {
				return err
			}
		}
	}
	return nil
}
