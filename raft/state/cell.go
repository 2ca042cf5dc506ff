package state

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"kohe/relay"
)

// MaxCells bounds the cells of a cluster.
const MaxCells = 64

// Cell is a cell besides the first, which knows of all. Every core node is a
// member of it.
type Cell struct {
	Number  uint64  `cbor:"1,keyasint"` // from 2 on
	Founder string  `cbor:"2,keyasint"` // the node that begins it
	At      int64   `cbor:"3,keyasint"` // ms since 1970 by the state's clock
	Phase   Seating `cbor:"4,keyasint"`
}

// Seating is how far a cell is that was added.
type Seating string

// A cell begins with its founder alone. Once all core nodes are members it is
// seated, and customers may be in it; or it is given up before, for good. Its
// number is never used again.
const (
	BeingSeated Seating = "seating"
	Seated      Seating = "seated"
	GivenUp     Seating = "given up"
)

func (c Cell) name() string { return strconv.FormatUint(c.Number, 10) }

// PutCell adds a cell to the cluster, in the first one, which is being seated
// then; again is harmless. Refused: a number that is not the next (conflict), more
// than MaxCells that were not given up.
type PutCell struct {
	Cell Cell  `cbor:"1,keyasint"`
	At   int64 `cbor:"2,keyasint"`
}

// SeatCell ends the seating of a cell: with all core nodes as its members, or
// given up. Refused: no such cell (not_found), one of which the other was said
// (conflict).
type SeatCell struct {
	Number  uint64 `cbor:"1,keyasint"`
	GivenUp bool   `cbor:"2,keyasint,omitempty"`
	At      int64  `cbor:"3,keyasint"`
}

// Since implements what Since asks for.
func (PutCell) Since() int { return fifth }

// Since implements what Since asks for.
func (SeatCell) Since() int { return fifth }

func (t *txn) putCell(c PutCell) error {
	if err := checkKey("node", c.Cell.Founder); err != nil {
		return err
	}
	was, known := t.cells[c.Cell.name()]
	count := 1 // the first
	for _, cell := range t.cells {
		if cell.Phase != GivenUp {
			count++
		}
	}
	switch next := uint64(len(t.cells)) + 2; {
	case known && was.Founder == c.Cell.Founder:
		return nil
	case c.Cell.Number != next:
		return relay.Errorf(relay.CodeConflict, "The next cell is number %d.", next)
	case count >= MaxCells:
		return relay.Errorf(relay.CodeInvalid, "A cluster has at most %d cells.", MaxCells)
	}
	c.Cell.At, c.Cell.Phase = t.now(c.At), BeingSeated
	t.saveCell(c.Cell)
	return nil
}

func (t *txn) seatCell(c SeatCell) error {
	row, known := t.cells[Cell{Number: c.Number}.name()]
	phase := Seated
	if c.GivenUp {
		phase = GivenUp
	}
	switch {
	case !known:
		return relay.Errorf(relay.CodeNotFound, "There is no cell %d.", c.Number)
	case row.Phase == phase:
		return nil
	case row.Phase != BeingSeated:
		return relay.Errorf(relay.CodeConflict, "The cell %d is %s.", c.Number, row.Phase)
	}
	t.now(c.At)
	row.Phase = phase
	t.saveCell(row)
	return nil
}

func (t *txn) saveCell(c Cell) {
	t.cells[c.name()] = c
	t.set(t.key(tableCell).num(c.Number), c)
	t.rest = append(t.rest, Change{Cell: c.Number})
}

// Cells returns the cells besides this one, in order of number; the first cell
// knows them.
func (r *Reader) Cells() []Cell {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return slices.SortedFunc(maps.Values(r.state.cells), func(a, b Cell) int { return cmp.Compare(a.Number, b.Number) })
}
