package state

import (
	"bytes"
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
	begun    bool
	hidden   map[string]bool // customers who have not arrived yet, or have gone; "": what leads to nobody yet
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
		hidden[""] = hidden[""] || m.hidden()
	}
	return &Export{
		Applied: applied, Version: s.form, rows: rows, by: &rowCustomers{state: s, rows: owners}, prefix: len(s.prefix), customer: customer, hidden: hidden,
	}, nil
}

// Each calls f with every row in order of key, without the state's prefix. f
// must not keep the slices; its error ends it, as the context does.
func (e *Export) Each(ctx context.Context, f func(k, value []byte) error) error {
	return Exports{e}.Each(ctx, f)
}

// next goes to the next row that belongs in the backup, from the first one on,
// and returns its key; nil: there is none.
func (e *Export) next(ctx context.Context) ([]byte, error) {
	for {
		ok := false
		if e.begun {
			ok = e.rows.Next()
		} else {
			ok, e.begun = e.rows.First(), true
		}
		if err := ctx.Err(); err != nil || !ok {
			return nil, cmp.Or(err, e.rows.Error()) // also among rows that are not wanted
		}
		k := e.rows.Key()[e.prefix:]
		in, err := selects(k, e.customer, e.by)
		if err == nil && in && len(e.hidden) > 0 {
			in, err = e.shown(k)
		}
		if err != nil || in {
			return k, err
		}
	}
}

// Exports is what several cells have, as if it were of one.
type Exports []*Export

// Applied returns the highest index of a last entry in the rows.
func (all Exports) Applied() (applied uint64) {
	for _, e := range all {
		applied = max(applied, e.Applied)
	}
	return applied
}

// Version returns the latest version of the rows.
func (all Exports) Version() (version int) {
	for _, e := range all {
		version = max(version, e.Version)
	}
	return version
}

// Each is Export.Each. What each cell has of itself becomes one row.
func (all Exports) Each(ctx context.Context, f func(k, value []byte) error) error {
	heads := make([][]byte, len(all))
	for i, e := range all {
		e.begun = false
		var err error
		if heads[i], err = e.next(ctx); err != nil {
			return err
		}
	}
	for {
		least := -1
		for i, k := range heads {
			if k != nil && (least < 0 || bytes.Compare(k, heads[least]) < 0) {
				least = i
			}
		}
		if least < 0 {
			return nil
		}
		k, value := heads[least], all[least].rows.Value()
		var err error
		if k[0] == tableMeta && len(all) > 1 {
			if value, err = all.meta(heads); err != nil {
				return err
			}
		}
		if err := f(k, value); err != nil {
			return err
		}
		k = bytes.Clone(k) // the others' may be the same
		for i := range heads {
			if heads[i] != nil && (i == least || bytes.Equal(heads[i], k)) {
				if heads[i], err = all[i].next(ctx); err != nil {
					return err
				}
			}
		}
	}
}

// meta returns the row that says of all what each says of itself: nothing that
// is numbered or dated in them is later.
func (all Exports) meta(heads [][]byte) ([]byte, error) {
	var one meta
	for i, k := range heads {
		if k == nil || k[0] != tableMeta {
			continue
		}
		var m meta
		if err := decoder.Unmarshal(all[i].rows.Value(), &m); err != nil {
			return nil, fmt.Errorf("read row %q: %w", k, err)
		}
		one = meta{Version: max(one.Version, m.Version), Applied: max(one.Applied, m.Applied), Clock: max(one.Clock, m.Clock)}
	}
	return marshal(one), nil
}

// Segments calls f with every piece of a recording that Each has a row of.
func (all Exports) Segments(ctx context.Context, f func(Segment) error) error {
	for _, e := range all {
		from := e.by.state.key(tableSegment)
		e.rows.SetBounds(from, from.end())
	}
	return all.Each(ctx, func(k, value []byte) error {
		var g Segment
		if err := decoder.Unmarshal(value, &g); err != nil {
			return fmt.Errorf("read row %q: %w", k, err)
		}
		return f(g)
	})
}

// Close lets the disk forget what the rows were.
func (all Exports) Close() (err error) {
	for _, e := range all {
		err = cmp.Or(err, e.Close())
	}
	return err
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
	return Exports{e}.Segments(ctx, f)
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
