package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"kohe/raft/client"
	raftnode "kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
)

// maxEnrol bounds what a node says when it enrols, in bytes.
const maxEnrol = 4 << 10

func (c *cluster) members() []state.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes
}

// nearFirst is how many edges of this region come first in others.
const nearFirst = 2

// others returns where else clients find an edge: some of this region, then one
// of each other region, because a browser looks for the nearest among the first
// few, then the rest. They are in no order otherwise, so that the clients of a
// dead node are spread.
func (c *cluster) others() (public []string) {
	nodes := slices.DeleteFunc(slices.Clone(c.members()), func(n state.Node) bool {
		return n.ID == c.name() || n.Public == "" || c.isDead(n.ID)
	})
	rand.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	return inOrder(nodes, c.own.Region)
}

// hasConsole reports whether a node of the cluster, be it dead, serves its
// console at an origin.
func (c *cluster) hasConsole(origin string) bool {
	return slices.ContainsFunc(c.members(), func(n state.Node) bool { return n.Public != "" && originOf(n.Public) == origin })
}

// originOf returns the origin of an address as browsers say it: without the
// port that goes without saying (RFC 6454, 6.2).
func originOf(public string) string {
	u, err := url.Parse(public)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host
}

// otherNames returns the names of the other nodes, each of which faces people; but
// for those that are known to be dead.
func (c *cluster) otherNames() (names []string) {
	for _, n := range c.members() {
		if n.ID != c.name() && !c.isDead(n.ID) {
			names = append(names, n.ID)
		}
	}
	return names
}

// isCoreNode reports whether a node of the cluster is a core node.
func (c *cluster) isCoreNode(node string) bool {
	return slices.ContainsFunc(c.members(), func(n state.Node) bool { return n.ID == node && n.Role == state.CoreNode })
}

func inOrder(nodes []state.Node, region string) (public []string) {
	seen := map[string]int{}
	rank := func(n state.Node) int {
		seen[n.Region]++
		switch {
		case n.Region == region && seen[n.Region] <= nearFirst:
			return 0
		case n.Region != region && seen[n.Region] == 1:
			return 1
		}
		return 2
	}
	var ranks [3][]string
	for _, n := range nodes {
		r := rank(n)
		ranks[r] = append(ranks[r], n.Public)
	}
	return slices.Concat(ranks[:]...)
}

func (c *cluster) nodeAt(addr string) string {
	for _, n := range c.members() {
		if n.Addr == addr {
			return n.ID
		}
	}
	return "" // any of the cluster's: the certificate says who it is
}

// setNodes takes the current membership.
func (c *cluster) setNodes(nodes []state.Node) {
	if len(nodes) == 0 {
		return // the state has not arrived yet
	}
	c.mu.Lock()
	c.nodes = nodes
	c.mu.Unlock()
	list := make([]peer.Node, len(nodes))
	for i, n := range nodes {
		list[i] = peer.Node{ID: n.ID, Addr: n.Addr, Role: peer.Role(n.Role), Region: n.Region}
	}
	c.peers.Set(list)
	watched := map[string]string{}
	for _, n := range nodes {
		if n.ID != c.name() && n.Addr != "" {
			watched[n.ID] = n.Addr
		}
	}
	c.flock.Watch(watched)
}

// changed hears of the cell's changes. While the state catches up it names
// members of the past: the node goes on with those it was told of.
func (c *cluster) changed(changes []state.Change) {
	if c.ready() && slices.ContainsFunc(changes, func(ch state.Change) bool { return ch.Node != "" || ch.Reloaded }) {
		c.takeNodes()
		if c.isCore() && c.timing() != c.started {
			c.log.Warn("core nodes are in several regions now; restart this one, so that it is as patient as that needs")
		}
	}
}

// catchUp takes the members once the state here has all of them.
func (c *cluster) catchUp(ctx context.Context) {
	select {
	case <-c.view().Ready():
		c.takeNodes()
	case <-ctx.Done():
	}
}

// takeNodes goes on with the members that the state names, and keeps them for
// the next start.
func (c *cluster) takeNodes() {
	nodes := c.view().Nodes()
	c.setNodes(nodes)
	c.keeping.Lock()
	defer c.keeping.Unlock()
	c.own.Nodes = nodes
	if err := c.own.save(c.data); err != nil {
		c.log.Warn("the membership is not kept", "err", err)
	}
}

// ready reports whether the state here holds what the cluster agreed on before
// this node began.
func (c *cluster) ready() bool {
	if k := c.view(); k != nil {
		select {
		case <-k.Ready():
			return true
		default:
		}
	}
	return false
}

// view returns where the members are read, nil before begin.
func (c *cluster) view() known {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// enrol makes the node known to the cluster under its address, as a member of
// the cell.
func (c *cluster) enrol(ctx context.Context) {
	for {
		err := c.enrolOnce(ctx)
		if err == nil {
			break
		}
		c.log.Debug("not enrolled yet", "err", err)
		select {
		case <-time.After(enrolAgain):
		case <-ctx.Done():
			return
		}
	}
	c.takeNodes()
}

func (c *cluster) enrolOnce(ctx context.Context) error {
	row := state.Node{ID: c.name(), Addr: c.own.Address, Role: string(c.creds.Identity().Role), Region: c.own.Region, Public: c.reach()}
	if c.ready() {
		listed := slices.ContainsFunc(c.view().Nodes(), func(n state.Node) bool {
			return n.ID == row.ID && n.Addr == row.Addr && n.Region == row.Region && n.Public == row.Public && n.Member()
		})
		cell := c.cell.Load()
		if cell != nil && !listed {
			if _, err := cell.Propose(ctx, state.PutNode{Node: row, At: c.now().UnixMilli()}); err != nil {
				return err
			}
		}
		if cell != nil && votes(cell, row) || cell == nil && listed {
			return nil
		}
	}
	var errs []error
	for _, n := range c.members() {
		if n.ID == row.ID || n.Role != state.CoreNode {
			continue
		}
		errs = append(errs, c.enrolAt(ctx, n.ID, row))
	}
	return errors.Join(append(errs, errors.New("the cluster does not list it yet"))...)
}

// votes reports whether a node is a voter of the cell at its address.
func votes(cell *client.Cell, n state.Node) bool {
	return slices.ContainsFunc(cell.Node().Members(), func(m raftnode.Member) bool {
		return m.ID == n.ID && m.Address == n.Addr && m.Voter
	})
}

// enrolAt asks another core node to make this one a member.
func (c *cluster) enrolAt(ctx context.Context, node string, row state.Node) error {
	ctx, cancel := context.WithTimeout(ctx, enrolFor)
	defer cancel()
	s, err := c.open(ctx, node, kindEnrol)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, s.Reset)
	defer stop()
	if err := json.NewEncoder(s).Encode(row); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(s, maxEnrol))
	if err == nil && len(text) > 0 {
		err = fmt.Errorf("%s: %s", node, text)
	}
	return err
}

// serveEnrol makes another node a member, if this one leads. It answers with
// nothing, or with what is wrong.
func (c *cluster) serveEnrol(ctx context.Context, conn *peer.Conn, s peer.Stream) {
	defer func() { _ = s.Close() }()
	if err := c.admit(ctx, conn.Peer(), s); err != nil {
		_, _ = io.WriteString(s, err.Error())
	}
}

func (c *cluster) admit(ctx context.Context, id peer.Identity, s io.Reader) error {
	var row state.Node
	if err := json.NewDecoder(io.LimitReader(s, maxEnrol)).Decode(&row); err != nil {
		return errors.New("the request cannot be read")
	}
	row.ID, row.Role, row.Region = id.Node, string(id.Role), id.Region
	cell := c.cell.Load()
	if cell == nil {
		return errors.New("not ready")
	}
	if leader, _ := cell.Node().Leader(); leader != c.name() {
		return fmt.Errorf("%q leads, not this node", leader)
	}
	if _, err := cell.Propose(ctx, state.PutNode{Node: row, At: c.now().UnixMilli()}); err != nil {
		return err
	}
	if id.Role != peer.RoleCore {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, enrolFor)
	defer cancel()
	return cell.Node().Add(ctx, row.ID, row.Addr)
}

// lookAround keeps a connection to every other node and, where this one leads,
// says of those without one for a while that nobody is connected there.
func (c *cluster) lookAround(ctx context.Context) {
	since := map[string]time.Time{} // absent nodes
	said := map[lostNode]bool{}
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		up := map[string]bool{c.name(): true}
		links := c.peers.Links()
		c.sampleLinks(links)
		for _, l := range links {
			up[l.Node] = l.Conn != nil
		}
		for _, n := range c.members() {
			switch {
			case up[n.ID]:
				delete(since, n.ID)
				maps.DeleteFunc(said, func(l lostNode, _ bool) bool { return l.node == n.ID })
				continue
			case since[n.ID].IsZero():
				since[n.ID] = time.Now()
			case time.Since(since[n.ID]) > lostAfter:
				c.lost(ctx, n.ID, said)
			}
			c.running.Go(func() error { c.try(ctx, n.ID); return nil })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keepCertificate has another core node renew this one's certificate before its
// last third.
func (c *cluster) keepCertificate(ctx context.Context) {
	tick := time.NewTicker(renewCheck)
	defer tick.Stop()
	for {
		if c.creds.Due(time.Now()) {
			if err := c.renew(ctx); err != nil {
				c.log.Error("the node's certificate is not renewed; it is good until "+c.creds.Certificate().NotAfter.Format(time.DateOnly), "err", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *cluster) renew(ctx context.Context) error {
	errs := []error{errors.New("no other core node can be reached")}
	for _, n := range c.members() {
		if n.ID == c.name() || n.Role != state.CoreNode {
			continue
		}
		err := c.peers.Renew(ctx, n.ID)
		if err == nil {
			return c.creds.Save(clusterDir(c.data))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// try connects to a node that is absent, unless it is being tried already.
func (c *cluster) try(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, lookAround)
	defer cancel()
	_, _ = c.peers.Conn(ctx, id) // the connection comes to be, or the next look tries again
}

// lostNode is a node that a cell has heard of that nobody is connected there.
type lostNode struct {
	node string
	cell *client.Cell
}

// lost says of a node that cannot be reached that nobody is connected there, to
// the cells that this one leads and that have not heard it.
func (c *cluster) lost(ctx context.Context, id string, said map[lostNode]bool) {
	for _, cell := range c.allCells() {
		what := lostNode{id, cell}
		if leader, _ := cell.Node().Leader(); leader != c.name() || said[what] {
			continue
		}
		row, ok := cell.Read().Node(id)
		if !ok {
			continue
		}
		c.log.Warn("a node cannot be reached; its clients count as gone", "node", id)
		_, err := cell.Propose(ctx, state.LoseEdge{Node: id, StartedAt: row.StartedAt, At: c.now().UnixMilli()})
		said[what] = err == nil
	}
}

// Redeem implements peer.Tokens.
func (c *cluster) Redeem(ctx context.Context, token peer.TokenHash, id peer.Identity) error {
	if err := c.mayInvite(); err != nil {
		return err
	}
	for _, row := range c.cell.Load().Read().Cells() {
		if _, open := c.cells.Load().Cell(row.Number); !open && row.Phase == state.Seated {
			return relay.Errorf(relay.CodeUnavailable, "This node has not opened the cell %d yet. Please try again in a moment.", row.Number)
		}
	}
	for _, cell := range c.allCells() {
		if slices.ContainsFunc(cell.Node().Members(), func(m raftnode.Member) bool { return m.ID == id.Node }) && !c.listed(id.Node) {
			// A member that comes back without what it has promised would break the cell.
			return &relay.Error{Code: relay.CodeUnavailable, Text: "The former node of that name is still being taken out of the cluster. Please try again in a moment.", Retry: time.Second}
		}
	}
	now := c.now().UnixMilli()
	_, err := c.cell.Load().Propose(ctx, state.RedeemToken{Hash: token[:], Role: string(id.Role), Node: id.Node, Region: id.Region, At: now})
	return err
}

// listed reports whether the cluster has a node.
func (c *cluster) listed(id string) bool {
	return slices.ContainsFunc(c.members(), func(n state.Node) bool { return n.ID == id })
}

// mayInvite refuses newcomers while they could not be told of this node.
func (c *cluster) mayInvite() error {
	if !c.ready() || !c.enrolled() {
		return relay.Errorf(relay.CodeUnavailable, "This node is not ready yet. Please try again in a moment.")
	}
	return nil
}

// awaitInvite is mayInvite once a node that has just begun has had some time.
func (c *cluster) awaitInvite(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, operateFor)
	defer cancel()
	tick := time.NewTicker(enrolAgain)
	defer tick.Stop()
	for {
		err := c.mayInvite()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// enrolled reports whether the cluster knows this node.
func (c *cluster) enrolled() bool {
	row, ok := c.cell.Load().Read().Node(c.name())
	return ok && row.Member() && row.Addr == c.own.Address
}

// answer is what a newcomer is told.
func (c *cluster) answer(_ context.Context, id peer.Identity) ([]byte, error) {
	told := answer{Nodes: c.members()}
	if id.Role == peer.RoleCore {
		var err error
		told.Key = c.key.PEM()
		if told.CA, err = c.ca.MarshalPEM(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(told)
}

// token makes a join token that is good for an hour, and at once.
func (c *cluster) token(ctx context.Context, role string) (string, error) {
	if err := c.awaitInvite(ctx); err != nil {
		return "", err
	}
	addrs := []string{c.own.Address}
	for _, n := range c.members() {
		if n.ID != c.name() && n.Role == state.CoreNode && n.Addr != "" && len(addrs) < 4 {
			addrs = append(addrs, n.Addr)
		}
	}
	t, err := peer.NewToken(peer.Role(role), c.ca.Fingerprint(), addrs...)
	if err != nil {
		return "", err
	}
	hash, now := t.Hash(), c.now()
	_, err = c.cell.Load().Propose(ctx, state.PutToken{
		Hash: hash[:], Role: role, ExpiresAt: now.Add(joinTokenFor).UnixMilli(), At: now.UnixMilli(),
	})
	return t.Text(), err
}
