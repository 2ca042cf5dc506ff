package cells

import (
	"context"
	"fmt"
	"slices"

	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
)

// Bounds of a piece of a customer on the way.
const pieceBytes = 1 << 20

// Move brings a customer to another cell. Their conversations go on: what is
// said is heard at once as ever, and stored where they arrive; what asks for the
// cell waits until then. A move that was begun is gone on with, if it leads to the
// same cell; CodeConflict if it does not. After an error it may be begun again.
func (s *Set) Move(ctx context.Context, customer string, to uint64, now func() int64) error {
	target, ok := s.Cell(to)
	if !ok {
		return relay.Errorf(relay.CodeNotFound, "There is no cell %d.", to)
	}
	from := s.has(customer)
	if from == nil {
		return relay.Errorf(relay.CodeNotFound, "There is no customer %q.", customer)
	}
	if from == target {
		return s.finish(ctx, customer, now)
	}
	move := relay.NewID()
	if m, moves := from.Read().Move(customer); moves {
		if m.To != to {
			return errMoved
		}
		move = m.ID
	}
	m := mover{from: from, to: target, customer: customer, move: move, now: now}
	if err := m.copyRows(ctx, to); err != nil {
		return err
	}
	return s.finish(ctx, customer, now)
}

// finish has cells forget a customer who has settled elsewhere.
func (s *Set) finish(ctx context.Context, customer string, now func() int64) error {
	home := s.has(customer)
	for _, c := range s.all() {
		for {
			m, moves := c.Read().Move(customer)
			if !moves || m.Phase == state.Gone || c == home {
				break
			}
			if _, err := c.Propose(ctx, state.Leave{Customer: customer, Move: m.ID, At: now()}); err != nil {
				return err
			}
		}
	}
	return nil
}

// mover is one move.
type mover struct {
	from, to *client.Cell
	customer string
	move     relay.ID
	now      func() int64
}

// copyRows freezes the customer, copies their rows and settles them.
func (m *mover) copyRows(ctx context.Context, to uint64) error {
	if _, err := m.from.Propose(ctx, state.Depart{Customer: m.customer, Move: m.move, To: to, At: m.now()}); err != nil {
		return fmt.Errorf("the customer cannot leave: %w", err)
	}
	// What this node has read of the cell before is not newer than the rows now:
	// Propose answers once the own state has the command.
	e, _, err := m.from.Export(ctx, m.customer)
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }() // it was read to the end, or an error says more
	var piece []state.Row
	size := 0
	send := func() error {
		if len(piece) == 0 {
			return nil
		}
		_, err := m.to.Propose(ctx, state.Arrive{Customer: m.customer, Move: m.move, Rows: piece, At: m.now()})
		piece, size = nil, 0
		return err
	}
	err = e.Rows(ctx, func(r state.Row) error {
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
		return fmt.Errorf("the customer's rows cannot be copied; give the command again: %w", err)
	}
	_, err = m.to.Propose(ctx, state.Settle{
		Customer: m.customer, Move: m.move, Started: m.from.Read().Started(), At: max(m.now(), m.from.Read().Clock()),
	})
	return err
}
