package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"kohe/raft/cells"
	"kohe/raft/client"
	"kohe/raft/logstore"
	"kohe/raft/state"
	"kohe/relay"
)

// Spans of the life of cells.
const (
	seatFor  = 5 * time.Second  // for a core node to become a member of one
	foundFor = 30 * time.Second // until a new cell works
	moveFor  = 10 * time.Minute
)

// openFirst opens the database and the first cell's member.
func (n *node) openFirst() (err error) {
	n.disk, err = logstore.Open(logstore.Config{
		Dir: filepath.Join(n.config.Data, "cell"), FS: timedFS{n.fs, n.pace.syncs}, Delay: n.delay, Reclaim: n.reclaim, Logger: n.log,
		Fatal: func(err error) {
			n.log.Error("the node ends itself", "err", err)
			n.fatal(err)
		},
	})
	if errors.Is(err, syscall.EAGAIN) {
		return errFolderTaken(n.config.Data)
	} else if err != nil {
		return fmt.Errorf("open %s: %w", n.config.Data, err)
	}
	if n.cell, err = n.openMember(firstCell, n.cluster != nil && n.cluster.own.Joined); err != nil {
		return err
	}
	n.cells = cells.New(firstCell, n.cell)
	if n.cluster != nil {
		n.cluster.beginCore(n.cell, n.cells)
	}
	return nil
}

// openMember opens a cell's member here. join: an empty one waits to be added.
func (n *node) openMember(number uint64, join bool) (*client.Cell, error) {
	config := client.Config{
		Disk: n.disk, Number: number, NodeID: n.config.Node, Logger: n.log.With("cell", number), Trailing: n.trailing, Now: n.now, Join: join,
	}
	if number == firstCell {
		config.LeaderChanged = func(id, _ string) { n.reigns.changed(id, n.now()) }
	}
	if n.cluster != nil {
		n.cluster.member(number, &config)
	}
	c, err := client.Open(config)
	if err != nil {
		return nil, fmt.Errorf("open cell %d of %s: %w", number, n.config.Data, err)
	}
	return c, nil
}

// openOthers opens the members of the cells that the first one names and that
// are not open yet. A cell counts from when its member here has what the others
// agreed on; wait: until each does that customers can be in.
func (n *node) openOthers(ctx context.Context, wait bool) error {
	var errs []error
	for _, row := range n.cell.Read().Cells() {
		if err := n.openOther(ctx, row, wait && row.Phase == state.Seated); err != nil {
			errs = append(errs, fmt.Errorf("cell %d: %w", row.Number, err))
		}
	}
	return errors.Join(errs...)
}

func (n *node) openOther(ctx context.Context, row state.Cell, wait bool) (err error) {
	c := n.joining[row.Number]
	if row.Phase == state.GivenUp {
		delete(n.joining, row.Number)
		if c = cmp.Or(c, n.cells.Remove(row.Number)); c != nil {
			return c.Close()
		}
		return nil
	}
	if _, open := n.cells.Cell(row.Number); open {
		return nil
	}
	if c == nil {
		if c, err = n.openMember(row.Number, !n.founds(row)); err != nil {
			return err
		}
		n.joining[row.Number] = c
	}
	if wait {
		select {
		case <-c.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-c.Ready():
		delete(n.joining, row.Number)
		n.cells.Add(row.Number, c)
	default:
	}
	return nil
}

// founds reports whether a cell begins here. A node of the founder's name that
// joined later is another one.
func (n *node) founds(c state.Cell) bool {
	own, _ := n.cell.Read().Node(n.config.Node)
	return c.Founder == n.config.Node && own.JoinedAt <= c.At
}

// foundCell adds a cell to the cluster and waits until it works. One that does
// not is given up: nobody is in it.
func (n *node) foundCell(ctx context.Context) (number uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, foundFor)
	defer cancel()
	if n.cluster != nil {
		up := n.cluster.linked()
		for _, m := range n.cell.Read().Nodes() {
			if m.Role == state.CoreNode && m.ID != n.config.Node && !up[m.ID] {
				return 0, relay.Errorf(relay.CodeUnavailable, "All core nodes have to be up for that, and there is no connection to %s.", m.ID)
			}
		}
	}
	number = uint64(len(n.cell.Read().Cells())) + 2
	row := state.Cell{Number: number, Founder: n.config.Node}
	if _, err := n.cell.Propose(ctx, state.PutCell{Cell: row, At: n.now().UnixMilli()}); err != nil {
		return 0, err
	}
	err = wait(ctx, func() error { return n.works(number) })
	if err != nil {
		if end := n.endSeating(number, true); end != nil { // whoever leads the first cell does it later
			return 0, errors.Join(err, end)
		}
		return 0, relay.Errorf(relay.CodeTimeout, "The cell %d was given up: %v. All core nodes have to be up; `kohe cluster status` shows them.", number, n.works(number))
	}
	return number, n.endSeating(number, false)
}

// endSeating says what became of a cell that was being seated.
func (n *node) endSeating(number uint64, givenUp bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), seatFor)
	defer cancel()
	_, err := n.cell.Propose(ctx, state.SeatCell{Number: number, GivenUp: givenUp, At: n.now().UnixMilli()})
	return err
}

// works returns nil if a cell keeps what it is given as safely as the first one
// does.
func (n *node) works(number uint64) error {
	c, open := n.cells.Cell(number)
	if !open {
		return fmt.Errorf("the cell %d is not open on this node yet", number)
	}
	if has, wants := votersOf(c), votersOf(n.cell); has < wants {
		return fmt.Errorf("%d of %d core nodes vote in the cell %d so far", has, wants, number)
	}
	return c.Err()
}

// awaitCell waits until a cell that customers can be in works.
func (n *node) awaitCell(ctx context.Context, number uint64) error {
	if !slices.ContainsFunc(n.cell.Read().Cells(), func(c state.Cell) bool { return c.Number == number && c.Phase == state.Seated }) {
		return nil // what is asked of it will be refused
	}
	ctx, cancel := context.WithTimeout(ctx, foundFor)
	defer cancel()
	return wait(ctx, func() error { return n.works(number) })
}

// votersOf counts the members of a cell that vote.
func votersOf(c *client.Cell) (n int) {
	for _, m := range c.Node().Members() {
		if m.Voter {
			n++
		}
	}
	return n
}

// moveCustomer has a customer moved and waits until that is done.
func (n *node) moveCustomer(ctx context.Context, customer string, to uint64) error {
	ctx, cancel := context.WithTimeout(ctx, moveFor)
	defer cancel()
	if err := n.awaitCell(ctx, to); err != nil {
		return err
	}
	if err := n.cells.Depart(ctx, customer, to, n.now().UnixMilli()); err != nil {
		return err
	}
	var gaveUp error
	err := wait(ctx, func() error {
		at := n.cells.CellOf(customer)
		if c, ok := n.cells.Cell(at); ok && at != to {
			if _, moves := c.Read().Move(customer); moves {
				return fmt.Errorf("the customer is still in the cell %d; whoever leads it goes on with the move", at)
			}
			leader, _ := c.Node().Leader()
			gaveUp = relay.Errorf(relay.CodeConflict, "The customer stays in the cell %d. The log of the node %s, which leads it, says why.", at, leader)
		}
		return nil
	})
	return cmp.Or(err, gaveUp)
}

// wait asks again and again until there is no error, or no time.
func wait(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return &relay.Error{Code: relay.CodeTimeout, Text: "That takes longer than it should.", Err: err}
		}
	}
}

// closeCells closes the cells and the database, or gives up: what a full disk
// keeps waiting would keep the process from ending until there is space. What was
// acknowledged is stored, as if the power had gone.
func (n *node) closeCells(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() { // outlives the node only to die with the process
		var errs []error
		for _, c := range n.joining {
			errs = append(errs, c.Close())
		}
		if n.cells != nil {
			errs = append(errs, n.cells.Close())
		}
		closed <- errors.Join(append(errs, n.disk.Close())...)
	}()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("close the cells: %w", errors.Join(ctx.Err(), n.disk.Err()))
	}
}
