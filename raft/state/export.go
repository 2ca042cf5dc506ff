package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// Export is the rows that belong in a backup, as of one moment: everything but
// who the nodes of this cluster are, or one customer's. It reads nothing into
// memory and holds up nobody, but while it is open the disk keeps what was
// replaced since. One goroutine uses it.
type Export struct {
	Applied uint64 // the index of the last entry in the rows
	Version int    // of the rows, or a later one that this program reads

	rows     *pebble.Iterator
	by       *rowCustomers
	prefix   int // bytes
	customer string
	hidden   map[string]bool // customers who have not arrived yet, or have gone
}

// Export begins a backup; customer is "" for everything. The caller closes it.
func (s *State) Export(customer string) (*Export, error) {
	rows, applied, err := s.Rows()
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	owners, err := rows.Clone(pebble.CloneOptions{}) // of the same moment
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", errors.Join(err, rows.Close()))
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	hidden := map[string]bool{}
	for id, m := range s.moves {
		hidden[id] = m.hidden()
	}
	return &Export{
		Applied: applied, Version: s.form, rows: rows, by: &rowCustomers{state: s, rows: owners}, prefix: len(s.prefix), customer: customer, hidden: hidden,
	}, nil
}

// Each calls f with every row in order of key, without the state's prefix. f
// must not keep the slices; its error ends it, as the context does.
func (e *Export) Each(ctx context.Context, f func(k, value []byte) error) error {
	for ok := e.rows.First(); ok; ok = e.rows.Next() {
		if err := ctx.Err(); err != nil {
			return err // also among rows that are not for f
		}
		k := e.rows.Key()[e.prefix:]
		in, err := selects(k, e.customer, e.by)
		if err == nil && in && len(e.hidden) > 0 {
			in, err = e.shown(k)
		}
		if err != nil {
			return err
		}
		if !in {
			continue
		}
		if err := f(k, e.rows.Value()); err != nil {
			return err
		}
	}
	return e.rows.Error()
}

// Rows calls f with every row that goes along when a customer moves.
func (e *Export) Rows(ctx context.Context, f func(Row) error) error {
	return e.Each(ctx, func(k, value []byte) error {
		if k[0] == tableMeta {
			return nil // of the cell
		}
		return f(Row{Key: k, Value: value})
	})
}

// shown reports whether a row is of a customer who is here, or of none.
func (e *Export) shown(k []byte) (bool, error) {
	o, err := ownerOf(k)
	if err != nil || o.kind < ofCustomer {
		return true, err
	}
	customer, err := e.by.of(o)
	return !e.hidden[customer], err
}

// Segments calls f with every piece of a recording that Each has a row of.
func (e *Export) Segments(ctx context.Context, f func(Segment) error) error {
	from := e.by.state.key(tableSegment)
	e.rows.SetBounds(from, from.end())
	return e.Each(ctx, func(k, value []byte) error {
		var g Segment
		if err := decoder.Unmarshal(value, &g); err != nil {
			return fmt.Errorf("read row %q: %w", k, err)
		}
		return f(g)
	})
}

// Close lets the disk forget what the rows were.
func (e *Export) Close() error { return cmp.Or(e.rows.Close(), e.by.rows.Close()) }

// Inventory counts what is in a backup.
type Inventory struct {
	Customers  []string // ids
	Sites      int
	Agents     int
	Visitors   int
	Sessions   int
	Messages   int
	Recordings int // sessions that have one
	Cards      int

	recorded relay.ID // the last of them
}

// Add counts a row. Rows come in order of key.
func (i *Inventory) Add(k []byte) error {
	o, err := ownerOf(k)
	if err != nil {
		return err
	}
	switch k[0] {
	case tableCustomer:
		i.Customers = append(i.Customers, o.name)
	case tableSite:
		i.Sites++
	case tableAgent:
		i.Agents++
	case tableVisitor:
		i.Visitors++
	case tableLive, tableEnded:
		i.Sessions++
	case tableMessage:
		i.Messages++
	case tableCard:
		i.Cards++
	case tableSegment:
		if o.id != i.recorded {
			i.Recordings++
			i.recorded = o.id
		}
	}
	return nil
}
