package state

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// belongings is what a customer has, or a session of theirs: the keys of rows, and
// beginnings of keys.
type belongings struct {
	rows, ranges []key
}

// ofSession returns what leads to a session and what it has; at is its key in
// tableByCustomer.
func (s *State) ofSession(r pebble.Reader, at key) (b belongings, err error) {
	id := idAt(tail(at, len(relay.ID{})))
	row, err := s.readSession(r, id)
	if err != nil {
		return b, err
	}
	if row != nil {
		b.rows = append(b.rows, s.key(tableByVisitor).id(row.Visitor).newest(row.OpenedAt).id(id))
	}
	for _, table := range []byte{tableLive, tableEnded, tableFacts} {
		b.rows = append(b.rows, s.key(table).id(id))
	}
	for _, table := range []byte{tableMessage, tableIdentity, tableSegment} {
		b.ranges = append(b.ranges, s.key(table).id(id))
	}
	b.rows = append(b.rows, at)
	return b, nil
}

// ofCustomer returns what a customer has besides sessions.
func (s *State) ofCustomer(r pebble.Reader, customer string) (b belongings, err error) {
	each := func(table byte, f func(k, value []byte) error) {
		from := s.key(table)
		err = errors.Join(err, walk(r, from, from.end(), func(k, value []byte) (bool, error) { return true, f(k, value) }))
	}
	for table, rest := range map[byte][]byte{ // in any order: distinct rows
		tableSite: {tableVisitor, tableCard, tableByCard, tableByAge}, tableDepartment: {}, tableAgent: {tableByAgent, tableWork},
	} {
		each(table, func(k, value []byte) error {
			var row ownedRow
			if err := decoder.Unmarshal(value, &row); err != nil || row.Customer != customer {
				return err
			}
			b.rows = append(b.rows, slices.Clone(k))
			for _, other := range rest {
				b.ranges = append(b.ranges, append(s.key(other), k[len(s.prefix)+1:]...))
			}
			return nil
		})
	}
	each(tablePending, func(k, value []byte) error {
		var row pendingRow
		if err := decoder.Unmarshal(value, &row); err != nil || row.Customer != customer {
			return err
		}
		b.rows = append(b.rows, slices.Clone(k))
		return nil
	})
	b.ranges = append(b.ranges, s.key(tableWord).name(customer))
	b.rows = append(b.rows, s.key(tableCustomer).name(customer))
	return b, err
}

// Belongings calls f with every row of a customer, in any order, as of one moment.
// It reads no row of another's but the settings. f must not keep the slices; its
// error ends it, as the context does.
func (r *Reader) Belongings(ctx context.Context, customer string, f func(Row) error) (err error) {
	s := r.state
	snap := s.db.NewSnapshot()
	defer func() { err = errors.Join(err, snap.Close()) }()
	tell := func(b belongings) error {
		for _, k := range b.ranges {
			if err := s.eachRow(ctx, snap, k, k.end(), f); err != nil {
				return err
			}
		}
		for _, k := range b.rows {
			if err := s.eachRow(ctx, snap, k, append(slices.Clip(k), 0), f); err != nil {
				return err
			}
		}
		return nil
	}
	b, err := s.ofCustomer(snap, customer)
	if err == nil {
		err = tell(b)
	}
	if err != nil {
		return err
	}
	from := s.key(tableByCustomer).name(customer)
	return walk(snap, from, from.end(), func(k, _ []byte) (bool, error) {
		b, err := s.ofSession(snap, bytes.Clone(k))
		if err == nil {
			err = tell(b)
		}
		return true, err
	})
}

func (s *State) eachRow(ctx context.Context, r pebble.Reader, from, to []byte, f func(Row) error) error {
	return walk(r, from, to, func(k, value []byte) (bool, error) {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		return true, f(Row{Key: k[len(s.prefix):], Value: value})
	})
}
