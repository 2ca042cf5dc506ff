// Package cells has the cells of a cluster stand for one: what is about a
// customer goes to the cell that has them, and what is of the whole cluster to
// the first one. It moves customers from cell to cell.
//
// Every core node is a member of every cell, so each has all rows and asks
// nobody where a customer is. DESIGN.md says what that gives and what it does not.
package cells

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
)

// lookAgain is how long a proposal waits that found its customer on the way.
const lookAgain = 20 * time.Millisecond

// Set is the cells of a node. Its methods may be called from any goroutine.
type Set struct {
	mu       sync.RWMutex // guards what follows
	cells    []*client.Cell
	numbers  []uint64 // of the cells, likewise
	watchers map[*watcher]bool

	telling sync.Mutex // held while watchers are told: the cells have a goroutine each
}

// watcher is told of the changes of all cells.
type watcher struct {
	f       func([]state.Change)
	cancels map[*client.Cell]func()
}

// New returns the set of one cell, the first, which has what is of the cluster:
// its nodes, tokens and cells.
func New(number uint64, first *client.Cell) *Set {
	return &Set{cells: []*client.Cell{first}, numbers: []uint64{number}, watchers: map[*watcher]bool{}}
}

// Add adds a cell. Whoever watches the set is told of its changes from now on.
func (s *Set) Add(number uint64, c *client.Cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := slices.BinarySearch(s.numbers, number)
	s.cells, s.numbers = slices.Insert(slices.Clone(s.cells), at, c), slices.Insert(slices.Clone(s.numbers), at, number)
	for w := range s.watchers {
		w.cancels[c] = s.watch(c, w.f)
	}
}

// Remove takes a cell out in which nobody is, and returns it for the caller to
// close; nil: there is none.
func (s *Set) Remove(number uint64) *client.Cell {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.Index(s.numbers, number)
	if at < 0 {
		return nil
	}
	c := s.cells[at]
	s.cells, s.numbers = slices.Delete(slices.Clone(s.cells), at, at+1), slices.Delete(slices.Clone(s.numbers), at, at+1)
	for w := range s.watchers {
		w.cancels[c]()
		delete(w.cancels, c)
	}
	return c
}

// watch has f called with a cell's changes, by one cell at a time.
func (s *Set) watch(c *client.Cell, f func([]state.Change)) (cancel func()) {
	return c.Watch(func(changes []state.Change) {
		s.telling.Lock()
		defer s.telling.Unlock()
		f(changes)
	})
}

// Cells returns the cells in order of number, the first one first.
func (s *Set) Cells() (numbers []uint64, cells []*client.Cell) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.numbers, s.cells
}

func (s *Set) all() []*client.Cell {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cells
}

// Cell returns a cell by its number.
func (s *Set) Cell(number uint64) (*client.Cell, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.Index(s.numbers, number)
	if i < 0 {
		return nil, false
	}
	return s.cells[i], true
}

// has returns the cell that has a customer: where they depart from until they
// have settled elsewhere. nil: none. This node's state of a cell may be behind, so
// the latest of their moves counts.
func (s *Set) has(customer string) (home *client.Cell) {
	var latest uint64
	for _, c := range s.all() {
		row, here := c.Read().Customer(customer)
		_, moves := c.Read().Move(customer)
		if here && (home == nil || row.Moves > latest || row.Moves == latest && !moves) {
			home, latest = c, row.Moves
		}
	}
	return home
}

// of returns the cell that a command is for, the first if it is about nobody.
func (s *Set) of(cmd state.Command) *client.Cell {
	all := s.all()
	if len(all) == 1 {
		return all[0]
	}
	for _, c := range all {
		for _, customer := range c.Read().About(cmd) {
			if home := s.has(customer); home != nil {
				return home
			}
		}
	}
	return all[0]
}

// Propose has a command committed by the cell that it is for, as client.Propose
// does. While the customer is on the way it waits, for as long as ctx.
func (s *Set) Propose(ctx context.Context, cmd state.Command) (any, error) {
	if _, all := cmd.(state.StartEdge); all {
		return s.everywhere(ctx, cmd)
	}
	for {
		c := s.of(cmd)
		v, err := s.proposeTo(ctx, c, cmd)
		if err == nil || s.single() || isFinal(err) || s.of(cmd) == c && !s.onTheWay(c, cmd) && !s.between() {
			return v, err
		}
		select { // it went to where the customer is no longer, or is about to leave
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return v, err
		}
	}
}

// onTheWay reports whether a command is about somebody who departs from a cell.
func (s *Set) onTheWay(c *client.Cell, cmd state.Command) bool {
	return slices.ContainsFunc(c.Read().About(cmd), func(customer string) bool {
		_, moves := c.Read().Move(customer)
		return moves
	})
}

// isFinal reports whether an error says something of the customer's rows, so that
// the cell had them.
func isFinal(err error) bool {
	return slices.Contains([]relay.Code{relay.CodeStale, relay.CodeConflict, relay.CodeInvalid, relay.CodeForbidden}, relay.CodeOf(err))
}

// proposeTo has a command committed by a cell that has its customer.
func (s *Set) proposeTo(ctx context.Context, c *client.Cell, cmd state.Command) (any, error) {
	if put, ok := cmd.(state.Put); ok && c != s.all()[0] {
		if err := s.reserve(ctx, c, put); err != nil {
			return nil, err
		}
	}
	return c.Propose(ctx, cmd)
}

// reserve has the first cell keep the ids of what is new in another one.
func (s *Set) reserve(ctx context.Context, c *client.Cell, p state.Put) error {
	r, ids := c.Read(), state.Reserve{At: p.At}
	if n := p.Site; n != nil {
		if _, known := r.Site(n.ID); !known {
			ids.Customer, ids.Site = n.Customer, n.ID
		}
	}
	if n := p.Department; n != nil {
		if _, known := r.Department(n.ID); !known {
			ids.Customer, ids.Department = n.Customer, n.ID
		}
	}
	if n := p.Agent; n != nil {
		if _, known := r.Agent(n.ID); !known {
			ids.Customer, ids.Agent = n.Customer, n.ID
		}
	}
	if ids.Customer == "" {
		return nil
	}
	_, err := s.all()[0].Propose(ctx, ids)
	return err
}

// single reports whether the cluster has one cell.
func (s *Set) single() bool {
	all := s.all()
	return len(all) == 1 && len(all[0].Read().Cells()) == 0
}

// between reports whether a customer has left a cell and, as far as this node has
// heard, has not settled in another, or a cell with customers is not open here
// yet: then nobody can say what there is not.
func (s *Set) between() bool {
	for _, row := range s.all()[0].Read().Cells() {
		if _, open := s.Cell(row.Number); !open && row.Phase == state.Seated {
			return true
		}
	}
	for _, c := range s.all() {
		for _, m := range c.Read().Moves() {
			if (m.Phase == state.Leaving || m.Phase == state.Gone) && s.has(m.Customer) == nil {
				return true
			}
		}
	}
	return false
}

// everywhere proposes what every cell is to know, and returns what the first one
// answers. Another that does not answer is told by its leader (cmd/kohe).
func (s *Set) everywhere(ctx context.Context, cmd state.Command) (any, error) {
	all := s.all()
	var others sync.WaitGroup
	for _, c := range all[1:] {
		others.Go(func() { _, _ = c.Propose(ctx, cmd) })
	}
	v, err := all[0].Propose(ctx, cmd)
	others.Wait()
	return v, err
}

// Found makes a customer in a cell, or gives one another name. Refused: one that
// is in another cell (conflict), no such cell (not_found).
func (s *Set) Found(ctx context.Context, customer state.Customer, number uint64, at int64) error {
	c, err := s.open(number)
	if err != nil {
		return err
	}
	if home := s.has(customer.ID); home == nil && c != s.all()[0] {
		_, err = s.all()[0].Propose(ctx, state.Reserve{Customer: customer.ID, Cell: number, At: at})
	} else if home != nil && home != c {
		err = state.ErrInOtherCell(customer.ID)
	}
	if err == nil {
		_, err = c.Propose(ctx, state.Put{Customer: &customer, At: at})
	}
	return err
}

// open returns a cell that customers can be in.
func (s *Set) open(number uint64) (*client.Cell, error) {
	for _, row := range s.all()[0].Read().Cells() {
		if row.Number == number && row.Phase != state.Seated {
			return nil, relay.Errorf(relay.CodeUnavailable, "The cell %d is %s. `kohe cell list` names those that can be used.", number, row.Phase)
		}
	}
	c, ok := s.Cell(number)
	if !ok {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no cell %d. `kohe cell list` names those that there are.", number)
	}
	return c, nil
}

// CellOf returns the number of the cell that has a customer, 0 for none.
func (s *Set) CellOf(customer string) uint64 {
	home := s.has(customer)
	numbers, cells := s.Cells()
	if i := slices.Index(cells, home); i >= 0 {
		return numbers[i]
	}
	return 0
}

// Watch has f called with every change of every cell, those of one cell in the
// order of its log, and never twice at a time; see client.Watch.
func (s *Set) Watch(f func([]state.Change)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher{f: f, cancels: map[*client.Cell]func(){}}
	for _, c := range s.cells {
		w.cancels[c] = s.watch(c, f)
	}
	s.watchers[w] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
		for _, cancel := range w.cancels {
			cancel()
		}
	}
}

// AfterChanges has f called once the watchers were told of every change that was
// applied before in any cell.
func (s *Set) AfterChanges(f func()) {
	all := s.all()
	for _, c := range all[1:] {
		then := f
		f = func() { c.AfterChanges(then) }
	}
	all[0].AfterChanges(f)
}

// Ready is closed once every cell is (client.Cell.Ready).
func (s *Set) Ready() <-chan struct{} {
	all := s.all()
	if len(all) == 1 {
		return all[0].Ready()
	}
	ready := make(chan struct{})
	go func() {
		for _, c := range all {
			<-c.Ready()
		}
		close(ready)
	}()
	return ready
}

// Err returns nil while every cell settles commands, or why one does not.
func (s *Set) Err() error {
	for _, c := range s.all() {
		if err := c.Err(); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the cells, the last one first.
func (s *Set) Close() (err error) {
	for _, c := range slices.Backward(s.all()) {
		err = errors.Join(err, c.Close())
	}
	return err
}

// Read returns a reader of all cells.
func (s *Set) Read() *Reader { return &Reader{s} }
