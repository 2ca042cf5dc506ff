package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"kohe/edge/api"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
)

// What one node asks of another for an operator. A report is read only; it and
// all the rest is for core nodes, which hold every key anyway: a node that is an
// edge only is told nothing.
const (
	doReport   = "report"
	doDrain    = "drain"
	doUndrain  = "undrain"
	doTransfer = "transfer"
	doRemove   = "remove"
)

// Bounds of such a request.
const (
	maxOperate = 64 << 10        // bytes of the answer: 100 nodes' links
	operateFor = 5 * time.Second // of what changes something
	maxAsk     = 4 << 10         // bytes
)

// operateAsk is a request on a kindOperate stream.
type operateAsk struct {
	Do     string `json:"do"`
	By     string `json:"by,omitempty"`      // who asked, for the log
	Node   string `json:"node,omitempty"`    // to remove
	OverMS int64  `json:"over_ms,omitempty"` // of a drain
}

// operateAnswer is the answer; Text is empty if it was done.
type operateAnswer struct {
	Report api.Report `json:"report,omitzero"`
	Code   relay.Code `json:"code,omitempty"`
	Text   string     `json:"text,omitempty"`
}

// tell asks another node. What the node refused is a relay.Error with its text.
func (c *cluster) tell(ctx context.Context, node string, ask operateAsk) (api.Report, error) {
	s, err := c.open(ctx, node, kindOperate)
	if err != nil {
		return api.Report{}, cmp.Or(ctx.Err(), noWay(node, err))
	}
	stop := context.AfterFunc(ctx, s.Reset)
	defer stop()
	defer s.CancelRead(0)
	if err := errors.Join(json.NewEncoder(s).Encode(ask), s.Close()); err != nil {
		return api.Report{}, cmp.Or(ctx.Err(), err)
	}
	var answer operateAnswer
	if err := json.NewDecoder(io.LimitReader(s, maxOperate)).Decode(&answer); err != nil {
		err = &relay.Error{Code: relay.CodeUnavailable, Text: "It gave no answer: it is starting or ending, or of an older version. Ask again in a moment; update it if that does not help.", Err: err}
		return api.Report{}, cmp.Or(ctx.Err(), err)
	}
	if answer.Text != "" {
		return api.Report{}, &relay.Error{Code: answer.Code, Text: answer.Text}
	}
	return answer.Report, nil
}

var errStarting = relay.Errorf(relay.CodeUnavailable, "It is just starting. Ask again in a moment.")

// noWay tells an operator that a node cannot be asked. That err is the sentence
// for whoever is in a chat says nothing; why is in it.
func noWay(node string, err error) error {
	told := relay.Errorf(relay.CodeUnavailable, "There is no connection to %s. Look at its machine, its log, and the network between the nodes.", node)
	told.Err = relay.AsError(err).Err
	return told
}

// serveOperate answers another node.
func (c *cluster) serveOperate(ctx context.Context, conn *peer.Conn, s peer.Stream) {
	defer s.Close()
	do := c.operate.Load()
	if conn.Peer().Role != peer.RoleCore {
		halfStream{s.Stream}.Reset()
		return
	}
	if do == nil {
		_ = json.NewEncoder(s).Encode(operateAnswer{Code: errStarting.Code, Text: errStarting.Text})
		return
	}
	var ask operateAsk
	_ = s.SetReadDeadline(time.Now().Add(reportFor))
	err := json.NewDecoder(io.LimitReader(s, maxAsk)).Decode(&ask)
	var answer operateAnswer
	if err != nil {
		err = relay.Errorf(relay.CodeMalformed, "The request cannot be read.")
	} else {
		ctx, cancel := context.WithTimeout(ctx, operateFor)
		defer cancel()
		answer.Report, err = (*do)(ctx, ask)
	}
	if err != nil {
		answer.Code, answer.Text = relay.CodeOf(err), api.OperatorText(err)
	}
	_ = json.NewEncoder(s).Encode(answer) // whoever asked has gone
}

// do does here what an operator asks.
func (n *node) do(ctx context.Context, ask operateAsk) (r api.Report, err error) {
	switch ask.Do {
	case doReport:
		return n.report(), nil
	case doDrain:
		n.edge.Evacuate(time.Duration(ask.OverMS) * time.Millisecond)
	case doUndrain:
		n.edge.Undrain()
	case doTransfer:
		err = n.leaders(func(c *cluster) error { return c.transfer(ctx) })
	case doRemove:
		err = n.leaders(func(c *cluster) error { return c.removeGone(ctx, ask.Node) })
	default:
		err = relay.Errorf(relay.CodeInvalid, "This node cannot do %q.", ask.Do)
	}
	log := n.log.With("agent", ask.By, "do", ask.Do, "node", cmp.Or(ask.Node, n.config.Node))
	if err != nil {
		log.Warn("what an operator wanted here failed", "err", err)
		return r, err
	}
	log.Info("an operator wanted this")
	return r, nil
}

// leaders does what only a core node can.
func (n *node) leaders(f func(*cluster) error) error {
	if n.cell == nil || n.cluster == nil {
		return errEdgeOnly
	}
	return f(n.cluster)
}

// at has a node, which may be this one, do something.
func (n *node) at(ctx context.Context, node string, ask operateAsk) error {
	if node == n.config.Node {
		_, err := n.do(ctx, ask)
		return err
	}
	if n.cluster == nil {
		return errAlone
	}
	ctx, cancel := context.WithTimeout(ctx, operateFor)
	defer cancel()
	_, err := n.cluster.tell(ctx, node, ask)
	if errors.Is(err, context.DeadlineExceeded) {
		return &relay.Error{Code: relay.CodeUnavailable, Text: "That node does not answer. Look at its load, and at whether it was done, before you try again.", Err: err}
	}
	return err
}

// Drain implements api.Cluster.
func (n *node) Drain(ctx context.Context, node, by string, over time.Duration) error {
	lines := n.Status(ctx).Nodes
	i := slices.IndexFunc(lines, func(l api.NodeStatus) bool { return l.Node == node })
	switch {
	case i < 0:
		return noNode(node)
	case !lines[i].Up:
		return noWay(node, errUnreached)
	}
	if !slices.ContainsFunc(lines, func(l api.NodeStatus) bool { return l.Node != node && l.Up && !l.Silent && !l.Draining }) {
		return relay.Errorf(relay.CodeConflict, "No other node takes people now, so those at %s would have nowhere to go.", node)
	}
	return n.at(ctx, node, operateAsk{Do: doDrain, By: by, OverMS: over.Milliseconds()})
}

// Undrain implements api.Cluster.
func (n *node) Undrain(ctx context.Context, node, by string) error {
	if node != n.config.Node && (n.cluster == nil || !n.isMember(node)) {
		return noNode(node)
	}
	return n.at(ctx, node, operateAsk{Do: doUndrain, By: by})
}

func (n *node) isMember(node string) bool {
	return slices.ContainsFunc(n.cluster.view().Nodes(), func(m state.Node) bool { return m.ID == node })
}

func noNode(node string) error {
	return relay.Errorf(relay.CodeNotFound, "There is no node %q in the cluster.", node)
}

var errNoLeader = relay.Errorf(relay.CodeUnavailable, "Nobody leads the cell now. Wait until somebody does; if that does not come, start the core nodes that are missing.")

// atLeader has the leader do something.
func (n *node) atLeader(ctx context.Context, ask operateAsk) error {
	if n.cluster == nil {
		return errAlone
	}
	leader, _ := n.cell.Node().Leader()
	if leader == "" {
		return errNoLeader
	}
	return n.at(ctx, leader, ask)
}

// HandOver implements api.Cluster.
func (n *node) HandOver(ctx context.Context, by string) error {
	return n.atLeader(ctx, operateAsk{Do: doTransfer, By: by})
}

// Invite implements api.Cluster.
func (n *node) Invite(ctx context.Context, role, by string) (api.Invitation, error) {
	if n.cluster == nil {
		return api.Invitation{}, errAlone
	}
	until := n.now().Add(joinTokenFor)
	text, err := n.cluster.token(ctx, role)
	if err != nil {
		return api.Invitation{}, err
	}
	n.log.Info("an operator made a join token", "agent", by, "role", role)
	return api.Invitation{Token: text, Role: role, ExpiresAt: until.UnixMilli()}, nil
}

// RemoveGone implements api.Cluster.
func (n *node) RemoveGone(ctx context.Context, node, by string) error {
	lines := n.Status(ctx).Nodes
	i := slices.IndexFunc(lines, func(l api.NodeStatus) bool { return l.Node == node })
	switch {
	case i < 0:
		return noNode(node)
	case lines[i].Up:
		return errThere(node)
	}
	return n.atLeader(ctx, operateAsk{Do: doRemove, By: by, Node: node})
}
