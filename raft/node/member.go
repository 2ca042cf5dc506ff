package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// Member is a member of the cell as this node knows it.
type Member struct {
	ID      string
	Address string
	Voter   bool // false: it is sent everything and does not vote yet
	Leader  bool
}

// NotLeader is the error of a command that this member cannot take, because it
// does not lead. It is certain that the command was not proposed.
type NotLeader struct {
	ID, Address string // of the leader; "": none is known
}

func (e *NotLeader) Error() string {
	if e.ID == "" {
		return "no leader is known"
	}
	return fmt.Sprintf("%s at %s leads, not this member", e.ID, e.Address)
}

// Unwrap returns raft.ErrNotLeader.
func (e *NotLeader) Unwrap() error { return raft.ErrNotLeader }

// Membership errors of Err.
var (
	ErrNoLeader  = errors.New("the cell has no leader")
	ErrNotMember = errors.New("this node is not a member of the cell")
)

// pollMatch is how often a member that is added is asked how far it is.
const pollMatch = 20 * time.Millisecond

// Members returns the members in order of id, as far as this node knows.
func (n *Node) Members() []Member {
	_, leader := n.raft.LeaderWithID()
	var list []Member
	for _, s := range n.servers() {
		list = append(list, Member{
			ID: string(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter, Leader: s.ID == leader,
		})
	}
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// servers returns the members as Raft has them. Its own slice is shared.
func (n *Node) servers() []raft.Server {
	return slices.Clone(n.raft.GetConfiguration().Configuration().Servers)
}

// Leader returns who leads, as far as this node knows; "", "": nobody.
func (n *Node) Leader() (id, address string) {
	a, i := n.raft.LeaderWithID()
	return string(i), string(a)
}

// Term returns the term that this node is in.
func (n *Node) Term() uint64 { return n.raft.CurrentTerm() }

func (n *Node) notLeader() *NotLeader {
	id, address := n.Leader()
	return &NotLeader{id, address}
}

// Add makes the node called id, which dials and is dialled at address, a voter,
// or tells the cell a voter's new address. A new member is sent everything
// first and votes once it has what was committed at the call; if ctx ends
// before, it stays without a vote, and Add can be called again. One member is
// added at a time. Only the leader can do it (NotLeader).
func (n *Node) Add(ctx context.Context, id, address string) error {
	return n.change(ctx, func() error {
		if i := slices.IndexFunc(n.Members(), func(m Member) bool { return m.ID == id && m.Voter }); i >= 0 {
			if n.Members()[i].Address == address {
				return nil
			}
			return n.await(ctx, n.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(address), 0, 0))
		}
		n.wire.forget(raft.ServerID(id))
		added := n.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(address), 0, 0)
		if err := n.await(ctx, added); err != nil {
			return err
		}
		if err := n.awaitMatch(ctx, raft.ServerID(id), n.raft.CommitIndex()); err != nil {
			return err
		}
		// Refused if the members have changed since.
		return n.await(ctx, n.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(address), added.Index(), 0))
	}, "add", id)
}

// Remove takes a member out of the cell. Only the leader can do it (NotLeader);
// if it removes itself it leads until that is committed.
func (n *Node) Remove(ctx context.Context, id string) error {
	return n.change(ctx, func() error {
		return n.await(ctx, n.raft.RemoveServer(raft.ServerID(id), 0, 0))
	}, "remove", id)
}

// Transfer hands leadership to another voter, the one with the longest log
// first. It returns once this node no longer leads. It fails if none takes over
// within Timing.Heartbeat each; then this one leads on.
func (n *Node) Transfer(ctx context.Context) error {
	return n.change(ctx, func() error {
		if n.raft.State() != raft.Leader {
			return raft.ErrNotLeader
		}
		return n.handOver(ctx)
	}, "hand over leadership of", string(n.id))
}

// TransferTo is Transfer to one voter, so that a node does not lead more of the
// cells that it shares with others than its part.
func (n *Node) TransferTo(ctx context.Context, id string) error {
	return n.change(ctx, func() error {
		if n.raft.State() != raft.Leader {
			return raft.ErrNotLeader
		}
		for _, m := range n.successors() {
			if string(m.ID) == id {
				return n.await(ctx, n.raft.LeadershipTransferToServer(m.ID, m.Address))
			}
		}
		return fmt.Errorf("%q is no other voter of this cell", id)
	}, "hand leadership to", id)
}

func (n *Node) handOver(ctx context.Context) error {
	err := errors.New("there is no other voter")
	for _, m := range n.successors() {
		err = n.await(ctx, n.raft.LeadershipTransferToServer(m.ID, m.Address))
		if err == nil || ctx.Err() != nil || n.raft.State() != raft.Leader {
			break
		}
	}
	return err
}

// successors returns the other voters, who is most likely to take over first.
func (n *Node) successors() []raft.Server {
	list := slices.DeleteFunc(n.servers(), func(m raft.Server) bool {
		return m.ID == n.id || m.Suffrage != raft.Voter || n.suspected(m.ID)
	})
	slices.SortFunc(list, func(a, b raft.Server) int {
		return cmp.Compare(n.wire.matched(b.ID), n.wire.matched(a.ID))
	})
	return list
}

// change makes one change of the members at a time.
func (n *Node) change(ctx context.Context, f func() error, what, id string) error {
	if !n.enter() {
		return ErrClosed
	}
	defer n.calls.Done()
	select {
	case n.changing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", what, id, ctx.Err())
	}
	defer func() { <-n.changing }()
	err := f()
	if errors.Is(err, raft.ErrNotLeader) {
		err = n.notLeader()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, id, err)
	}
	return nil
}

// await waits for Raft's answer or for ctx.
func (n *Node) await(ctx context.Context, f raft.Future) error {
	n.calls.Add(1) // the caller is one of them
	answer := make(chan error, 1)
	go func() {
		defer n.calls.Done()
		answer <- f.Error()
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitMatch waits until a member's log has what this one has up to index.
func (n *Node) awaitMatch(ctx context.Context, id raft.ServerID, index uint64) error {
	tick := time.NewTicker(pollMatch)
	defer tick.Stop()
	for n.wire.matched(id) < index {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it has %d of %d entries: %w", n.wire.matched(id), index, ctx.Err())
		}
		if n.raft.State() != raft.Leader {
			return raft.ErrNotLeader
		}
	}
	return nil
}

// settleAddress lets the cell know where this node is dialled now, if that is
// news. It leads.
func (n *Node) settleAddress() {
	for _, m := range n.servers() {
		if m.ID == n.id && m.Address != n.wire.LocalAddr() {
			// If it fails, the next election tries again.
			_ = n.raft.AddVoter(m.ID, n.wire.LocalAddr(), 0, 0).Error()
		}
	}
}
