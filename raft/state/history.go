package state

import (
	"cmp"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// HistoryQuery asks for sessions that have ended, newest first by opening.
// With a Visitor it asks for theirs, with an Agent for those that the agent
// accepted, else for the Customer's.
type HistoryQuery struct {
	Customer    string
	Sites       []string // that the asker may see; none: nothing is found
	Departments []string // likewise
	Visitor     relay.ID
	Agent       string
	Before      int64 // ms; only what opened before; 0: from the newest on
	Limit       int   // 0: DefaultPage; at most MaxPage
}

// CardsQuery asks for cards, newest first.
type CardsQuery struct {
	Sites       []string // that the asker may see; none: nothing is found
	Departments []string // likewise
	ID          string   // only the card with this id
	Before      int64    // ms; 0: from the newest on
	Limit       int      // 0: DefaultPage; at most MaxPage
}

// Messages returns a session's stored messages after a number, in order, at
// most limit (MaxPage if that is 0 or more).
func (r *Reader) Messages(session relay.ID, after uint64, limit int) (list []relay.Message, err error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	snap := r.snapshot()
	defer func() { err = cmp.Or(err, snap.Close()) }()
	from, end := r.state.messageKey(session, after).end(), r.state.key(tableMessage).id(session).end()
	err = walk(snap, from, end, func(k, value []byte) (bool, error) {
		var row messageRow
		if err := decoder.Unmarshal(value, &row); err != nil {
			return false, err
		}
		list = append(list, row.message(session, seqAt(tail(k, 8))))
		return len(list) < limit, nil
	})
	return list, err
}

// Find returns the stored message with an identity. An origin asks this before
// it numbers what an author says again.
func (r *Reader) Find(session relay.ID, author relay.Author, id string) (relay.Message, bool) {
	s := r.state
	s.mu.RLock()
	defer s.mu.RUnlock()
	var seq uint64
	var row messageRow
	ok := s.found(s.identityKey(session, author, id), &seq) && s.found(s.messageKey(session, seq), &row)
	return row.message(session, seq), ok
}

// History returns sessions that have ended, without facts.
func (r *Reader) History(q HistoryQuery) (list []relay.Session, err error) {
	s := r.state
	base := s.key(tableByCustomer).name(q.Customer)
	switch {
	case !q.Visitor.IsZero():
		base = s.key(tableByVisitor).id(q.Visitor)
	case q.Agent != "":
		base = s.key(tableByAgent).name(q.Agent)
	}
	snap := r.snapshot()
	defer func() { err = cmp.Or(err, snap.Close()) }()
	limit, scanned := pageOf(q.Limit), 0
	err = walk(snap, base.before(q.Before), base.end(), func(k, _ []byte) (bool, error) {
		row, err := s.readSession(snap, idAt(tail(k, 16)))
		if err != nil {
			return false, err
		}
		if row != nil && row.State == relay.Ended && row.Customer == q.Customer &&
			slices.Contains(q.Sites, row.Site) && slices.Contains(q.Departments, row.Department) {
			list = append(list, row.Session)
		}
		scanned++
		return len(list) < limit && scanned < MaxScan, nil
	})
	return list, err
}

// Cards returns cards.
func (r *Reader) Cards(q CardsQuery) (list []Card, err error) {
	snap := r.snapshot()
	defer func() { err = cmp.Or(err, snap.Close()) }()
	for _, site := range q.Sites {
		cards, err := r.cardsOf(snap, site, q)
		if err != nil {
			return nil, err
		}
		list = append(list, cards...)
	}
	slices.SortFunc(list, func(a, b Card) int {
		return cmp.Or(cmp.Compare(b.At, a.At), cmp.Compare(a.Site, b.Site), cmp.Compare(a.ID, b.ID))
	})
	return list[:min(len(list), pageOf(q.Limit))], nil
}

func (r *Reader) cardsOf(snap *pebble.Snapshot, site string, q CardsQuery) (list []Card, err error) {
	add := func(id string) error {
		var c Card
		ok, err := get(snap, r.state.key(tableCard).name(site).name(id), &c)
		if ok && slices.Contains(q.Departments, c.Department) {
			list = append(list, c)
		}
		return err
	}
	if q.ID != "" {
		err := add(q.ID)
		return list, err
	}
	base, scanned := r.state.key(tableByCard).name(site), 0
	err = walk(snap, base.before(q.Before), base.end(), func(k, _ []byte) (bool, error) {
		err := add(string(k[len(base)+8 : len(k)-1]))
		scanned++
		return len(list) < pageOf(q.Limit) && scanned < MaxScan, err
	})
	return list, err
}

// walk calls f with each key and value in [from, end) until f returns false.
func walk(r pebble.Reader, from, end []byte, f func(k, value []byte) (bool, error)) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if more, err := f(it.Key(), it.Value()); !more || err != nil {
			return err
		}
	}
	return it.Error()
}
