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
	Number  uint64 `cbor:"1,keyasint"` // from 2 on
	Founder string `cbor:"2,keyasint"` // the node that begins it
	At      int64  `cbor:"3,keyasint"` // ms since 1970 by the state's clock
}

func (c Cell) name() string { return strconv.FormatUint(c.Number, 10) }

// PutCell adds a cell to the cluster, in the first one; again is harmless.
// Refused: a number that is not the next (conflict), more than MaxCells.
type PutCell struct {
	Cell Cell  `cbor:"1,keyasint"`
	At   int64 `cbor:"2,keyasint"`
}

// Since implements what Since asks for.
func (PutCell) Since() int { return fourth }

func (t *txn) putCell(c PutCell) error {
	if err := checkKey("node", c.Cell.Founder); err != nil {
		return err
	}
	was, known := t.cells[c.Cell.name()]
	switch next := uint64(len(t.cells)) + 2; {
	case known && was.Founder == c.Cell.Founder:
		return nil
	case c.Cell.Number != next:
		return relay.Errorf(relay.CodeConflict, "The next cell is number %d.", next)
	case next > MaxCells:
		return relay.Errorf(relay.CodeInvalid, "A cluster has at most %d cells.", MaxCells)
	}
	c.Cell.At = t.now(c.At)
	t.cells[c.Cell.name()] = c.Cell
	t.set(t.key(tableCell).num(c.Cell.Number), c.Cell)
	t.rest = append(t.rest, Change{Cell: c.Cell.Number})
	return nil
}

// Cells returns the cells besides this one, in order of number; the first cell
// knows them.
func (r *Reader) Cells() []Cell {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return slices.SortedFunc(maps.Values(r.state.cells), func(a, b Cell) int { return cmp.Compare(a.Number, b.Number) })
}
