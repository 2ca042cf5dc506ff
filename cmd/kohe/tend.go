package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"kohe/raft/client"
	"kohe/raft/state"
)

// Spans of how cells are looked after.
const (
	tendEvery   = time.Second      // how often
	spreadAfter = 20 * time.Second // of leading one, before another node is to
	giveUpAfter = time.Minute      // of seating one: who asked for it has gone
)

// tender looks after the cells that this node leads. One goroutine uses it.
type tender struct {
	*node
	led   map[uint64]time.Time // by number of the cell: since when this node leads it
	moves map[string]*going    // by customer
}

// going is a move that goes on, on a goroutine of its own.
type going struct {
	cell   *client.Cell // that the customer departs from, or has left
	cancel context.CancelFunc
	done   chan struct{}
}

func (g *going) over() bool {
	select {
	case <-g.done:
		return true
	default:
		return false
	}
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
	t := &tender{node: n, led: map[uint64]time.Time{}, moves: map[string]*going{}}
	defer t.stopMoves(func(*going) bool { return true })
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-wake:
		case <-ctx.Done():
			return
		}
		t.all(ctx)
	}
}

func (t *tender) all(ctx context.Context) {
	if err := t.openOthers(ctx, false); err != nil {
		t.log.Error("not all cells are open here", "err", err)
	}
	numbers, all := t.cells.Cells()
	led := map[*client.Cell]bool{}
	for i, c := range all {
		if leader, _ := c.Node().Leader(); leader == t.config.Node {
			led[c] = true
			t.led[numbers[i]] = cmp.Or(t.led[numbers[i]], time.Now())
		} else {
			delete(t.led, numbers[i])
		}
	}
	t.stopMoves(func(g *going) bool { return !led[g.cell] || g.over() })
	for i, c := range all {
		if !led[c] {
			continue
		}
		if err := t.one(ctx, numbers[i], c); err != nil && ctx.Err() == nil {
			t.log.Warn("a cell is not looked after", "cell", numbers[i], "err", err)
		}
	}
}

// one has a cell that this node leads know the cluster's nodes, consist of the
// core nodes, and be led by the node whose turn it is; and it goes on with the
// moves of its customers.
func (t *tender) one(ctx context.Context, number uint64, c *client.Cell) error {
	for _, m := range c.Read().Moves() {
		if m.Phase == state.Departed || m.Phase == state.Leaving {
			t.goOn(ctx, c, m.Customer)
		}
	}
	if number == firstCell {
		return t.giveUpSeating()
	}
	if t.cluster == nil {
		return nil
	}
	errs := []error{t.tellNodes(ctx, c), t.seat(ctx, c)}
	if time.Since(t.led[number]) > spreadAfter {
		errs = append(errs, t.cluster.handOn(ctx, number, t.cell.Read().Nodes(), c))
	}
	return errors.Join(errs...)
}

// goOn has a customer's move go on, unless it does.
func (t *tender) goOn(ctx context.Context, c *client.Cell, customer string) {
	if t.moves[customer] != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, moveFor)
	g := &going{c, cancel, make(chan struct{})}
	t.moves[customer] = g
	go func() { // until stopMoves, at the latest
		defer close(g.done)
		began := time.Now()
		if err := t.cells.Move(ctx, customer, func() int64 { return t.now().UnixMilli() }); err != nil {
			t.log.Warn("a customer has not moved", "customer", customer, "err", err)
			return
		}
		t.log.Info("a customer has moved", "customer", customer, "cell", t.cells.CellOf(customer), "after", time.Since(began).String())
	}()
}

// stopMoves ends the moves that f says, and waits for them.
func (t *tender) stopMoves(f func(*going) bool) {
	var ended sync.WaitGroup
	for customer, g := range t.moves {
		if f(g) {
			delete(t.moves, customer)
			g.cancel()
			ended.Go(func() { <-g.done })
		}
	}
	ended.Wait()
}

// giveUpSeating gives up the cells that nobody waits for any more.
func (t *tender) giveUpSeating() error {
	var errs []error
	for _, row := range t.cell.Read().Cells() {
		if row.Phase == state.BeingSeated && t.now().UnixMilli()-row.At > giveUpAfter.Milliseconds() {
			errs = append(errs, t.endSeating(row.Number, true))
		}
	}
	return errors.Join(errs...)
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

// seat makes the core nodes the members of a cell that this node leads: as the
// first cell has them, not as this node last heard.
func (t *tender) seat(ctx context.Context, c *client.Cell) error {
	ctx, cancel := context.WithTimeout(ctx, seatFor)
	defer cancel()
	if add, remove := t.cluster.seats(t.cell.Read().Nodes(), c); len(add)+len(remove) == 0 {
		return nil
	}
	if _, err := t.cell.Propose(ctx, state.Tick{At: t.now().UnixMilli()}); err != nil {
		return err
	}
	var errs []error
	add, remove := t.cluster.seats(t.cell.Read().Nodes(), c)
	for _, n := range add {
		errs = append(errs, c.Node().Add(ctx, n.ID, n.Addr))
	}
	for _, id := range remove {
		errs = append(errs, c.Node().Remove(ctx, id))
	}
	return errors.Join(errs...)
}

// seats returns which nodes are to become members of a cell, and which members
// are not to be any more.
func (c *cluster) seats(nodes []state.Node, cell *client.Cell) (add []state.Node, remove []string) {
	up := c.linked()
	cores := map[string]bool{}
	for _, n := range nodes {
		if n.Role != state.CoreNode || n.Addr == "" {
			continue
		}
		cores[n.ID] = true
		if !votes(cell, n) && (up[n.ID] || n.ID == c.name()) {
			add = append(add, n)
		}
	}
	for _, m := range cell.Node().Members() {
		if !cores[m.ID] && m.ID != c.name() {
			remove = append(remove, m.ID)
		}
	}
	return add, remove
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
