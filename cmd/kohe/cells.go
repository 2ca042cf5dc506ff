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
	tendEvery   = time.Second      // how often who leads a cell looks after it
	seatFor     = 5 * time.Second  // for a core node to become a member of one
	spreadAfter = 20 * time.Second // of leading, before another node is to
	foundFor    = 30 * time.Second // until a new cell works
	moveFor     = 10 * time.Minute
)

// openFirst opens the database and the first cell's member.
func (n *node) openFirst() (err error) {
	n.disk, err = logstore.Open(logstore.Config{
		Dir: filepath.Join(n.config.Data, "cell"), FS: timedFS{n.fs, n.pace.syncs}, Logger: n.log,
		Fatal: func(err error) {
			n.log.Error("the node ends itself", "err", err)
			n.fatal(err)
		},
	})
	if errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("another node is running on the folder %s; stop it, or give this one a folder of its own with --data", n.config.Data)
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
// agreed on; wait: until each does.
func (n *node) openOthers(ctx context.Context, wait bool) error {
	for _, row := range n.cell.Read().Cells() {
		if _, open := n.cells.Cell(row.Number); open {
			continue
		}
		c := n.joining[row.Number]
		if c == nil {
			var err error
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
	}
	return nil
}

// founds reports whether a cell begins here. A node of the founder's name that
// joined later is another one.
func (n *node) founds(c state.Cell) bool {
	own, _ := n.cell.Read().Node(n.config.Node)
	return c.Founder == n.config.Node && own.JoinedAt <= c.At
}

// tend looks after the cells that this node leads, until ctx is done.
func (n *node) tend(ctx context.Context) {
	wake := make(chan struct{}, 1)
	defer n.cells.Watch(func(changes []state.Change) {
		if slices.ContainsFunc(changes, func(c state.Change) bool { return c.Cell != 0 || c.Reloaded }) {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	})()
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	led := map[uint64]time.Time{} // since when this node leads
	for {
		select {
		case <-tick.C:
		case <-wake:
		case <-ctx.Done():
			return
		}
		if err := n.openOthers(ctx, false); err != nil {
			n.log.Error("a cell is not open here", "err", err)
		}
		numbers, all := n.cells.Cells()
		for i, c := range all {
			if leader, _ := c.Node().Leader(); leader != n.config.Node {
				delete(led, numbers[i])
				continue
			}
			led[numbers[i]] = cmp.Or(led[numbers[i]], time.Now())
			if err := n.tendCell(ctx, numbers[i], c, led[numbers[i]]); err != nil && ctx.Err() == nil {
				n.log.Warn("a cell is not looked after", "cell", numbers[i], "err", err)
			}
		}
	}
}

// tendCell has a cell that this node leads know the cluster's nodes, consist of
// the core nodes, and be led by the node whose turn it is; and it goes on with
// the moves of its customers.
func (n *node) tendCell(ctx context.Context, number uint64, c *client.Cell, since time.Time) error {
	var errs []error
	for _, m := range c.Read().Moves() {
		if m.Phase == state.Departed || m.Phase == state.Leaving {
			errs = append(errs, n.move(ctx, m.Customer))
		}
	}
	if number == firstCell || n.cluster == nil {
		return errors.Join(errs...)
	}
	errs = append(errs, n.tellNodes(ctx, c), n.cluster.seat(ctx, n.cell.Read().Nodes(), c))
	if time.Since(since) > spreadAfter {
		errs = append(errs, n.cluster.handOn(ctx, number, n.cell.Read().Nodes(), c))
	}
	return errors.Join(errs...)
}

// move brings a customer who has departed to their cell.
func (n *node) move(ctx context.Context, customer string) error {
	ctx, cancel := context.WithTimeout(ctx, moveFor)
	defer cancel()
	began := time.Now()
	if err := n.cells.Move(ctx, customer, func() int64 { return n.now().UnixMilli() }); err != nil {
		return err
	}
	n.log.Info("a customer has moved", "customer", customer, "cell", n.cells.CellOf(customer), "after", time.Since(began).String())
	return nil
}

// tellNodes tells a cell of the nodes as the first one has them.
func (n *node) tellNodes(ctx context.Context, c *client.Cell) error {
	var errs []error
	tell := func(cmd state.Command) {
		_, err := c.Propose(ctx, cmd)
		errs = append(errs, err)
	}
	at := n.now().UnixMilli()
	nodes := n.cell.Read().Nodes()
	for _, is := range nodes {
		was, known := c.Read().Node(is.ID)
		if !known || was.Addr != is.Addr || was.Role != is.Role || was.Region != is.Region || was.Public != is.Public {
			if is.Addr != "" {
				tell(state.PutNode{Node: is, At: at})
			}
		}
		if is.StartedAt > was.StartedAt { // the first cell may hear of a start later than this one
			tell(state.StartEdge{Node: is.ID, At: is.StartedAt, Version: is.Version})
		}
	}
	for _, was := range c.Read().Nodes() {
		if !slices.ContainsFunc(nodes, func(is state.Node) bool { return is.ID == was.ID }) {
			tell(state.RemoveNode{Node: was.ID, At: at})
		}
	}
	return errors.Join(errs...)
}

// seat makes the core nodes the members of a cell that this node leads.
func (c *cluster) seat(ctx context.Context, nodes []state.Node, cell *client.Cell) error {
	ctx, cancel := context.WithTimeout(ctx, seatFor)
	defer cancel()
	var errs []error
	up := c.linked()
	cores := map[string]bool{}
	for _, n := range nodes {
		if n.Role != state.CoreNode || n.Addr == "" {
			continue
		}
		cores[n.ID] = true
		if !votes(cell, n) && (up[n.ID] || n.ID == c.name()) {
			errs = append(errs, cell.Node().Add(ctx, n.ID, n.Addr))
		}
	}
	for _, m := range cell.Node().Members() {
		if !cores[m.ID] && m.ID != c.name() {
			errs = append(errs, cell.Node().Remove(ctx, m.ID))
		}
	}
	return errors.Join(errs...)
}

// handOn has a cell led by the core node whose turn it is: the cells take turns,
// so that each node leads as many.
func (c *cluster) handOn(ctx context.Context, number uint64, nodes []state.Node, cell *client.Cell) error {
	cores := slices.DeleteFunc(slices.Clone(nodes), func(n state.Node) bool { return n.Role != state.CoreNode || !votes(cell, n) })
	if len(cores) == 0 {
		return nil
	}
	turn := cores[int(number-1)%len(cores)]
	if turn.ID == c.name() || !c.linked()[turn.ID] {
		return nil
	}
	return cell.Node().TransferTo(ctx, turn.ID)
}

// foundCell adds a cell to the cluster and waits until it works.
func (n *node) foundCell(ctx context.Context) (number uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, foundFor)
	defer cancel()
	number = uint64(len(n.cell.Read().Cells())) + 2
	row := state.Cell{Number: number, Founder: n.config.Node}
	if _, err := n.cell.Propose(ctx, state.PutCell{Cell: row, At: n.now().UnixMilli()}); err != nil {
		return 0, err
	}
	return number, n.awaitCell(ctx, number)
}

// awaitCell waits until a cell that the first one names keeps what it is given
// as safely as that does.
func (n *node) awaitCell(ctx context.Context, number uint64) error {
	if !slices.ContainsFunc(n.cell.Read().Cells(), func(c state.Cell) bool { return c.Number == number }) {
		return nil // what is asked of it will be refused
	}
	ctx, cancel := context.WithTimeout(ctx, foundFor)
	defer cancel()
	return wait(ctx, func() error {
		c, open := n.cells.Cell(number)
		if !open {
			return fmt.Errorf("the cell %d is not open here yet", number)
		}
		if has, wants := votersOf(c), votersOf(n.cell); has < wants {
			return fmt.Errorf("%d of %d core nodes vote in the cell %d so far", has, wants, number)
		}
		return c.Err()
	})
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
			gaveUp = relay.Errorf(relay.CodeConflict, "The customer stays in the cell %d. The log of the node that leads it says why.", at)
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
