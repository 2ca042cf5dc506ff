package state

import (
	"slices"
	"time"

	"kohe/relay"
	"kohe/relay/desk"
)

// A customer goes from one cell to another in these steps, each of which may be
// repeated:
//
//  1. Depart, in the cell that has them: from then on it refuses every command
//     about them, and their rows stay as they are.
//  2. Arrive, in the other cell, once for each piece of those rows. Nothing of
//     them shows yet.
//  3. Settle, there: they are the other cell's.
//  4. Leave, in the first cell: it forgets them, piece by piece.
//
// Until Settle a move can be given up: Leave in the cell where they arrive, then
// Stay in the one that has them. Who asks is told that they are being moved
// (errMoving), and asks again: commands are idempotent, and the identities of
// what is stored move along.
//
// A customer's moves have numbers, from 1 on, which their row keeps. A cell that
// has heard of one does nothing of an earlier one any more, so whoever goes on
// with a move that is over, because they were cut off, changes nothing.

// Bounds of a piece.
const (
	MaxArrive = 1000 // rows in one Arrive
	MaxLeave  = 200  // sessions that one Leave forgets
)

type (
	// Depart begins to move a customer to another cell. Move is the next number
	// after Customer.Moves. Refused: no such customer (not_found), another move
	// (conflict).
	Depart struct {
		Customer string `cbor:"1,keyasint"`
		Move     uint64 `cbor:"2,keyasint"`
		To       uint64 `cbor:"3,keyasint"` // number of the other cell
		At       int64  `cbor:"4,keyasint"`
	}
	// Arrive brings rows of a customer who departed elsewhere, at most
	// MaxArrive, in any order. Refused: an id of theirs that is taken here, or
	// another move (conflict).
	Arrive struct {
		Customer string `cbor:"1,keyasint"`
		Move     uint64 `cbor:"2,keyasint"`
		Rows     []Row  `cbor:"3,keyasint"`
		At       int64  `cbor:"4,keyasint"`
	}
	// Settle ends an arrival, of which all rows are there. Started is Move.Started:
	// who was connected at a node that has started anew since is connected no
	// longer. At is not before the other cell's clock.
	Settle struct {
		Customer string           `cbor:"1,keyasint"`
		Move     uint64           `cbor:"2,keyasint"`
		Started  map[string]int64 `cbor:"3,keyasint,omitempty"`
		At       int64            `cbor:"4,keyasint"`
	}
	// Leave forgets a customer who has settled elsewhere, or who was to arrive
	// here and is not to any more; again until Reader.Move says that all is gone.
	Leave struct {
		Customer string `cbor:"1,keyasint"`
		Move     uint64 `cbor:"2,keyasint"`
		At       int64  `cbor:"3,keyasint"`
	}
	// Stay takes a Depart back. Refused after Leave (conflict).
	Stay struct {
		Customer string `cbor:"1,keyasint"`
		Move     uint64 `cbor:"2,keyasint"`
		At       int64  `cbor:"3,keyasint"`
	}
)

// Row is a row of the state; its key is without the state's prefix.
type Row struct {
	Key   []byte `cbor:"1,keyasint"`
	Value []byte `cbor:"2,keyasint"`
}

// Since implements what Since asks for.
func (Depart) Since() int { return fifth }

// Since implements what Since asks for.
func (Arrive) Since() int { return fifth }

// Since implements what Since asks for.
func (Settle) Since() int { return fifth }

// Since implements what Since asks for.
func (Leave) Since() int { return fifth }

// Since implements what Since asks for.
func (Stay) Since() int { return fifth }

// Move is a customer on the way, or one who has gone.
type Move struct {
	Customer string    `cbor:"1,keyasint"`
	Number   uint64    `cbor:"2,keyasint"`
	To       uint64    `cbor:"3,keyasint,omitempty"` // the other cell; 0: they come here
	Phase    MovePhase `cbor:"4,keyasint"`
	// Started says when the nodes had last started when they departed: from then
	// on nobody takes out of their rows who was connected where.
	Started map[string]int64 `cbor:"5,keyasint,omitempty"`
}

// MovePhase is how far a move is.
type MovePhase string

// The phases of a move.
const (
	Departed MovePhase = "departed" // the rows are here
	Arriving MovePhase = "arriving"
	Leaving  MovePhase = "leaving" // rows are left that stand for nothing
	Gone     MovePhase = "gone"
)

// hidden reports whether the customer's rows stand for nothing here.
func (m Move) hidden() bool { return m.Phase != "" && m.Phase != Departed }

// Move returns a customer's move, if they are on the way or gone.
func (r *Reader) Move(customer string) (Move, bool) { return lookup(r, &r.state.moves, customer) }

// Moves returns the moves of all who are on the way or gone, in order of customer.
func (r *Reader) Moves() []Move { return all(r, &r.state.moves, func(Move) bool { return true }) }

// Started returns when the nodes last started, in ms since 1970.
func (r *Reader) Started() map[string]int64 {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.started()
}

func (s *State) started() map[string]int64 {
	started := map[string]int64{}
	for id, n := range s.nodes {
		if n.StartedAt != 0 {
			started[id] = n.StartedAt
		}
	}
	return started
}

// Clock returns the state's time, in ms since 1970.
func (r *Reader) Clock() int64 {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.clock
}

var errMoving = &relay.Error{
	Code: relay.CodeUnavailable, Text: "This is being moved to other servers. Please try again in a moment.", Retry: time.Second,
}

func errOtherMove(customer string) error {
	return relay.Errorf(relay.CodeConflict, "Another move of the customer %q is under way, or was since.", clip(customer, MaxKey))
}

func (t *txn) depart(c Depart) error {
	m, moves := t.moves[c.Customer]
	row, here := t.customers[c.Customer]
	switch {
	case moves && m.Phase == Departed && m.Number == c.Move && m.To == c.To:
		return nil
	case moves && m.Phase != Gone:
		return errOtherMove(c.Customer)
	case !here:
		return relay.Errorf(relay.CodeNotFound, "There is no customer %q here.", clip(c.Customer, MaxKey))
	case c.Move != row.Moves+1:
		return errOtherMove(c.Customer)
	case c.To == 0:
		return relay.Errorf(relay.CodeInvalid, "A move leads to a cell.")
	}
	t.now(c.At)
	row.Moves = c.Move
	t.set(t.key(tableCustomer).name(c.Customer), row)
	t.saveMove(Move{Customer: c.Customer, Number: c.Move, To: c.To, Phase: Departed, Started: t.started()})
	t.anew = true
	return nil
}

func (t *txn) stay(c Stay) error {
	m, moves := t.moves[c.Customer]
	switch {
	case !moves || m.Number != c.Move:
		return nil
	case m.Phase != Departed:
		return errOtherMove(c.Customer)
	}
	t.now(c.At)
	t.disconnect(c.Customer, m.Started)
	t.endMove(c.Customer)
	t.anew = true
	return nil
}

func (t *txn) saveMove(m Move) {
	t.moves[m.Customer] = m
	t.set(t.key(tableMove).name(m.Customer), m)
}

func (t *txn) endMove(customer string) {
	delete(t.moves, customer)
	t.unset(t.key(tableMove).name(customer))
}

func (t *txn) arrive(c Arrive) error {
	m, moves := t.moves[c.Customer]
	was, here := t.customers[c.Customer]
	switch {
	case here && was.Moves == c.Move:
		return nil // they have settled
	case here || moves && (m.Phase != Arriving || m.Number != c.Move) && (m.Phase != Gone || m.Number >= c.Move):
		return errOtherMove(c.Customer)
	case c.Move == 0 || len(c.Rows) > MaxArrive:
		return relay.Errorf(relay.CodeInvalid, "A move has a number from 1 on, and at most %d rows at once.", MaxArrive)
	}
	if err := checkKey("customer", c.Customer); err != nil {
		return err
	}
	for _, r := range c.Rows {
		if err := t.checkRow(c.Customer, r); err != nil {
			return err
		}
	}
	t.now(c.At)
	if m.Number != c.Move {
		t.saveMove(Move{Customer: c.Customer, Number: c.Move, Phase: Arriving})
	}
	for _, r := range c.Rows {
		k := append(slices.Clip(key(t.prefix)), r.Key...)
		if r.Key[0] == tablePending { // where they began to wait is of another log: they are first here
			k = t.key(tablePending).num(0).id(idAt(tail(r.Key, len(relay.ID{}))))
		}
		t.setBytes(k, r.Value)
		t.setBytes(append(t.key(tableArrival).name(c.Customer), k[len(t.prefix):]...), nil)
	}
	return nil
}

// checkRow says whether a row can be one of a customer's who arrives.
func (t *txn) checkRow(customer string, r Row) error {
	o, err := ownerOf(r.Key)
	if err != nil || o.kind < ofCustomer {
		return relay.Errorf(relay.CodeInvalid, "The row %q belongs to no customer.", r.Key)
	}
	is := t.ownerOfID(idKey{r.Key[0], o.name})
	taken := is != "" && is != customer
	switch r.Key[0] {
	case tableLive:
		if err := checkLive(r.Key, r.Value); err != nil {
			return &relay.Error{Code: relay.CodeInvalid, Text: "The row of a conversation cannot be read.", Err: err}
		}
	}
	if taken || o.kind == ofCustomer && o.name != customer {
		return relay.Errorf(relay.CodeConflict, "The name %q is another customer's here.", o.name)
	}
	return nil
}

func (t *txn) settle(c Settle) error {
	m, moves := t.moves[c.Customer]
	switch {
	case t.customers[c.Customer].Moves == c.Move && c.Move != 0 && !moves:
		return nil
	case !moves || m.Phase != Arriving || m.Number != c.Move:
		return errOtherMove(c.Customer)
	}
	var row Customer
	if !t.get(t.key(tableCustomer).name(c.Customer), &row) || row.Moves != c.Move {
		return relay.Errorf(relay.CodeInvalid, "Not all of the customer %q has arrived.", c.Customer)
	}
	t.now(c.At)
	t.disconnect(c.Customer, c.Started)
	t.unsetAll(t.key(tableArrival).name(c.Customer))
	t.endMove(c.Customer)
	t.anew = true
	return nil
}

// disconnect takes out of a customer's rows who was connected at nodes that have
// started anew since, or were removed. An offer to an agent who was expires by
// itself.
func (t *txn) disconnect(customer string, started map[string]int64) {
	anew := func(node string) bool {
		n, there := t.nodes[node]
		return n.StartedAt > started[node] || !there && started[node] != 0
	}
	one := newOneCustomer(customer)
	t.rowsOf(t.key(tableAgent), func(k, value []byte) { _ = one.learn(k[len(t.prefix):], value) }) // they were read when they were written
	agents, sessions := map[string]desk.Agent{}, map[relay.ID]session{}
	t.rowsOf(t.key(tableWork), func(_, value []byte) {
		var a desk.Agent
		if decoder.Unmarshal(value, &a) == nil && one.has[owner{kind: ofAgent, name: a.ID}] && slices.ContainsFunc(a.Nodes, anew) {
			agents[a.ID] = a
		}
	})
	t.rowsOf(t.key(tableLive), func(_, value []byte) {
		var s session
		if decoder.Unmarshal(value, &s) == nil && s.Customer == customer && slices.ContainsFunc(s.Work.Nodes, anew) {
			sessions[s.Row.ID] = s
		}
	})
	for id, a := range agents { // in any order: distinct rows
		last := a.Nodes[len(a.Nodes)-1]
		if a.Nodes = slices.DeleteFunc(a.Nodes, anew); len(a.Nodes) == 0 {
			a.LostAt, a.LostWith = t.clock, last
		}
		t.set(t.key(tableWork).name(id), a)
	}
	for id, s := range sessions { // likewise
		if s.Work.Nodes = slices.DeleteFunc(s.Work.Nodes, anew); len(s.Work.Nodes) == 0 {
			s.Work.AwaySince, s.Row.AwaySince = t.clock, t.clock
		}
		t.set(t.key(tableLive).id(id), s)
	}
}

// rowsOf calls f with the rows whose keys start with k, in order.
func (t *txn) rowsOf(k key, f func(k, value []byte)) {
	err := walk(t.read(), k, k.end(), func(k, value []byte) (bool, error) {
		f(k, value)
		return true, nil
	})
	if err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
}

// reread commits what t did so far and reads what is in memory anew, as the
// moves say that it is now. It returns what goes on in place of t.
func (s *State) reread(t *txn) *txn {
	t.change(Change{Reloaded: true})
	t.commit()
	if s.Err() == nil {
		if err := s.load(); err != nil {
			_ = s.fail(err) // noted
		}
	}
	next := s.begin()
	next.changes = t.changes
	return next
}
