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
	mu    sync.RWMutex // guards what follows
	cells []*client.Cell
	names []uint64 // numbers of the cells, likewise

	watching sync.Mutex // held while a watcher is told: the cells have a goroutine each
}

// New returns the set of one cell, the first, which has what is of the cluster:
// its nodes and tokens.
func New(number uint64, first *client.Cell) *Set {
	return &Set{cells: []*client.Cell{first}, names: []uint64{number}}
}

// Add adds a cell. What watches the set does not watch it: cells are added
// before anybody does.
func (s *Set) Add(number uint64, c *client.Cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cells, s.names = append(slices.Clip(s.cells), c), append(slices.Clip(s.names), number)
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
	i := slices.Index(s.names, number)
	if i < 0 {
		return nil, false
	}
	return s.cells[i], true
}

// has returns the cell that has a customer: where they depart from until they
// have settled elsewhere. nil: none.
func (s *Set) has(customer string) (home *client.Cell) {
	for _, c := range s.all() {
		if _, here := c.Read().Customer(customer); !here {
			continue
		}
		if _, moves := c.Read().Move(customer); !moves {
			return c
		}
		home = c
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
	switch cmd.(type) {
	case state.StartEdge, state.LoseEdge, state.PutNode, state.RemoveNode, state.Forget:
		return s.everywhere(ctx, cmd)
	}
	for {
		c := s.of(cmd)
		v, err := c.Propose(ctx, cmd)
		if err == nil || len(s.all()) == 1 || s.of(cmd) == c && !s.onTheWay(c, cmd) && !s.between() {
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

// between reports whether a customer has left a cell and, as far as this node has
// heard, has not settled in another: then nobody can say what there is not.
func (s *Set) between() bool {
	for _, c := range s.all() {
		for _, m := range c.Read().Moves() {
			if (m.Phase == state.Leaving || m.Phase == state.Gone) && s.has(m.Customer) == nil {
				return true
			}
		}
	}
	return false
}

// everywhere proposes what every cell is to know, to the first one last: what is
// said there is said everywhere.
func (s *Set) everywhere(ctx context.Context, cmd state.Command) (v any, err error) {
	for _, c := range slices.Backward(s.all()) {
		if v, err = c.Propose(ctx, cmd); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Watch has f called with every change of every cell, those of one cell in the
// order of its log, and never twice at a time; see client.Watch.
func (s *Set) Watch(f func([]state.Change)) (cancel func()) {
	all := s.all()
	if len(all) == 1 {
		return all[0].Watch(f)
	}
	var cancels []func()
	for _, c := range all {
		cancels = append(cancels, c.Watch(func(changes []state.Change) {
			s.watching.Lock()
			defer s.watching.Unlock()
			f(changes)
		}))
	}
	return func() {
		for _, cancel := range cancels {
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

var errMoved = relay.Errorf(relay.CodeConflict, "The customer is being moved already, to another cell.")
