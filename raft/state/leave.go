package state

import "slices"

// leave forgets a piece of a customer.
func (t *txn) leave(c Leave) error {
	m, moves := t.moves[c.Customer]
	row, here := t.customers[c.Customer]
	switch {
	case !moves && here && row.Moves >= c.Move:
		return errOtherMove(c.Customer) // they have settled, or stay
	case !moves && here || moves && m.Phase == Gone && m.Number >= c.Move:
		return nil
	case !moves, m.Phase == Gone: // nothing of this move is to arrive later either
		t.now(c.At)
		t.saveMove(Move{Customer: c.Customer, Number: c.Move, Phase: Gone})
		return nil
	case m.Number != c.Move:
		return errOtherMove(c.Customer)
	}
	t.now(c.At)
	if m.Phase == Arriving { // from now on nothing of this move arrives here
		m.Phase = Leaving
		t.saveMove(m)
	}
	if m.To == 0 {
		if t.unarrive(c.Customer) {
			m.Phase = Gone
			t.saveMove(m)
		}
		return nil
	}
	if m.Phase == Departed {
		t.keepIDs(c.Customer)
		m.Phase = Leaving
		t.saveMove(m)
		t.anew = true
	}
	if t.leaveSessions(c.Customer) { // first: the customer leads to them
		t.erase(t.ofCustomer(t.read(), c.Customer))
		m.Phase = Gone
		t.saveMove(m)
	}
	return nil
}

// unarrive deletes rows that have arrived, and reports whether none is left.
func (t *txn) unarrive(customer string) (all bool) {
	base := t.key(tableArrival).name(customer)
	var list []key
	t.keys(base, func(k []byte) bool {
		list = append(list, slices.Clone(k))
		return len(list) < MaxArrive
	})
	for _, k := range list {
		t.unset(append(slices.Clip(key(t.prefix)), k[len(base):]...))
		t.unset(k)
	}
	return len(list) < MaxArrive
}

// leaveSessions deletes sessions of a customer, and reports whether none is left.
func (t *txn) leaveSessions(customer string) (all bool) {
	var list []key
	t.keys(t.key(tableByCustomer).name(customer), func(k []byte) bool {
		list = append(list, slices.Clone(k))
		return len(list) < MaxLeave
	})
	for _, k := range list {
		t.erase(t.ofSession(t.read(), k))
	}
	return len(list) < MaxLeave
}

// erase deletes rows, unless they could not be found.
func (t *txn) erase(b belongings, err error) {
	if err != nil {
		_ = t.fail(err) // noted; the batch is not committed
		return
	}
	for _, k := range b.ranges {
		t.unsetAll(k)
	}
	for _, k := range b.rows {
		t.unset(k)
	}
}

// unsetAll deletes the rows whose keys start with k.
func (t *txn) unsetAll(k key) {
	if err := t.rows.DeleteRange(k, k.end(), nil); err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
}
