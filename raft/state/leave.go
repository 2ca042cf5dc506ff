package state

import (
	"slices"

	"kohe/relay"
)

// leave forgets a piece of a customer.
func (t *txn) leave(c Leave) error {
	m, moves := t.moves[c.Customer]
	_, here := t.customers[c.Customer]
	switch {
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
		m.Phase = Leaving
		t.saveMove(m)
		t.anew = true
	}
	if t.leaveSessions(c.Customer) { // first: the customer leads to them
		t.leaveSettings(c.Customer)
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
		id := idAt(tail(k, len(relay.ID{})))
		s, err := t.readSession(t.read(), id)
		if err != nil {
			_ = t.fail(err) // noted; the batch is not committed
			return false
		}
		if s != nil {
			t.unset(t.key(tableByVisitor).id(s.Visitor).newest(s.OpenedAt).id(id))
		}
		for _, table := range []byte{tableMessage, tableIdentity, tableSegment} {
			t.unsetAll(t.key(table).id(id))
		}
		for _, table := range []byte{tableLive, tableEnded, tableFacts} {
			t.unset(t.key(table).id(id))
		}
		t.unset(k)
	}
	return len(list) < MaxLeave
}

// leaveSettings deletes a customer without sessions.
func (t *txn) leaveSettings(customer string) {
	one := newOneCustomer(customer)
	for _, table := range []byte{tableSite, tableDepartment, tableAgent} {
		t.rowsOf(t.key(table), func(k, value []byte) { _ = one.learn(k[len(t.prefix):], value) }) // they were read when they were written
	}
	for o := range one.has { // in any order: distinct rows
		if table := settingOf[o.kind]; table != 0 && len(t.cells) > 0 { // the first cell says whose it is
			t.keepID(reserved{Table: table, ID: o.name, Customer: customer})
		}
		switch o.kind {
		case ofSite:
			for _, table := range []byte{tableVisitor, tableCard, tableByCard, tableByAge} {
				t.unsetAll(t.key(table).name(o.name))
			}
			t.unset(t.key(tableSite).name(o.name))
		case ofDepartment:
			t.unset(t.key(tableDepartment).name(o.name))
		case ofAgent:
			t.unsetAll(t.key(tableByAgent).name(o.name))
			t.unset(t.key(tableWork).name(o.name))
			t.unset(t.key(tableAgent).name(o.name))
		}
	}
	var waiting []key
	t.rowsOf(t.key(tablePending), func(k, value []byte) {
		var row pendingRow
		if decoder.Unmarshal(value, &row) == nil && row.Customer == customer {
			waiting = append(waiting, slices.Clone(k))
		}
	})
	for _, k := range waiting {
		t.unset(k)
	}
	t.unsetAll(t.key(tableWord).name(customer))
	t.unset(t.key(tableCustomer).name(customer))
}

// settingOf says in which table the row of a setting is.
var settingOf = map[ownerKind]byte{ofSite: tableSite, ofDepartment: tableDepartment, ofAgent: tableAgent}

// unsetAll deletes the rows whose keys start with k.
func (t *txn) unsetAll(k key) {
	if err := t.rows.DeleteRange(k, k.end(), nil); err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
}
