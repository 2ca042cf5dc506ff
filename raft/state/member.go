package state

import (
	"bytes"
	"maps"
	"slices"

	"kohe/relay"
)

// Bounds of a cluster.
const (
	MaxNodes  = 100
	MaxTokens = 100 // join tokens that are good at one time
	MaxAddr   = 260 // bytes of host:port
)

// The roles of a node.
const (
	CoreNode = "core" // votes and keeps the state
	EdgeNode = "edge" // faces people only
)

// Node is a member of the cluster.
type Node struct {
	ID        string `cbor:"1,keyasint"`
	StartedAt int64  `cbor:"2,keyasint"` // of its edge; 0: never
	Addr      string `cbor:"3,keyasint,omitempty"`
	Role      string `cbor:"4,keyasint,omitempty"`
	Region    string `cbor:"5,keyasint,omitempty"`
	JoinedAt  int64  `cbor:"6,keyasint,omitempty"`
	Public    string `cbor:"7,keyasint,omitempty"` // how browsers reach it, "https://edge1.example:8443"
	Version   int    `cbor:"8,keyasint,omitempty"` // of the state (Version), which it said when it started
}

// Member reports whether the node belongs to a cluster; one that runs alone
// does not.
func (n Node) Member() bool { return n.Role != "" }

// joinToken is a row of the tokens that admit new nodes.
type joinToken struct {
	Hash      []byte `cbor:"1,keyasint"`
	Role      string `cbor:"2,keyasint"`
	ExpiresAt int64  `cbor:"3,keyasint"`
	Node      string `cbor:"4,keyasint,omitempty"` // that it was spent for
}

// putNode makes a node a member, or changes what is known of it.
func (t *txn) putNode(c PutNode) error {
	n := c.Node
	if err := checkKey("node", n.ID); err != nil {
		return err
	}
	if n.Role != CoreNode && n.Role != EdgeNode {
		return relay.Errorf(relay.CodeInvalid, "A node's role is %s or %s.", CoreNode, EdgeNode)
	}
	if n.Addr == "" || len(n.Addr) > MaxAddr || !printable(n.Addr) || len(n.Region) > MaxKey || len(n.Public) > relay.MaxURL {
		return relay.Errorf(relay.CodeInvalid, "A node has an address, host:port, of at most %d bytes.", MaxAddr)
	}
	old, known := t.nodes[n.ID]
	if !known && len(t.nodes) >= MaxNodes {
		return relay.Errorf(relay.CodeInvalid, "A cluster has at most %d nodes.", MaxNodes)
	}
	n.StartedAt, n.JoinedAt, n.Version = old.StartedAt, old.JoinedAt, old.Version
	t.now(c.At)
	if n.JoinedAt == 0 {
		n.JoinedAt = t.clock
	}
	t.saveNode(n)
	return nil
}

func (t *txn) saveNode(n Node) {
	t.nodes[n.ID] = n
	t.set(t.key(tableNode).name(n.ID), n)
	t.rest = append(t.rest, Change{Node: n.ID})
}

// removeNode forgets a member: whoever was connected there is no longer.
func (t *txn) removeNode(c RemoveNode) error {
	t.now(c.At)
	if _, ok := t.nodes[c.Node]; !ok {
		return nil
	}
	delete(t.nodes, c.Node)
	t.unset(t.key(tableNode).name(c.Node))
	t.rest = append(t.rest, Change{Node: c.Node})
	t.did(t.work.NodeStarted(t.clock, c.Node))
	return nil
}

// loseEdge forgets the connections of an edge that cannot be reached, if it is
// still the one that started then.
func (t *txn) loseEdge(c LoseEdge) error {
	t.now(c.At)
	if n, ok := t.nodes[c.Node]; ok && n.StartedAt == c.StartedAt {
		t.did(t.work.NodeStarted(t.clock, c.Node))
	}
	return nil
}

func (t *txn) tokenKey(hash []byte) key { return append(t.key(tableToken), hash...) }

// putToken stores the hash of a join token. Those that are over make room.
func (t *txn) putToken(c PutToken) error {
	if len(c.Hash) != 32 || c.Role != CoreNode && c.Role != EdgeNode {
		return relay.Errorf(relay.CodeInvalid, "A join token has a hash of 32 bytes and the role %s or %s.", CoreNode, EdgeNode)
	}
	t.now(c.At)
	for _, hash := range slices.Sorted(maps.Keys(t.joins)) {
		if t.joins[hash].ExpiresAt <= t.clock {
			delete(t.joins, hash)
			t.unset(t.tokenKey([]byte(hash)))
		}
	}
	if len(t.joins) >= MaxTokens {
		return relay.Errorf(relay.CodeInvalid, "There are %d join tokens already. They are good for an hour.", MaxTokens)
	}
	t.saveToken(joinToken{Hash: bytes.Clone(c.Hash), Role: c.Role, ExpiresAt: c.ExpiresAt})
	return nil
}

func (t *txn) saveToken(j joinToken) {
	t.joins[string(j.Hash)] = j
	t.set(t.tokenKey(j.Hash), j)
}

// redeemToken spends a token for one node; again for the same node is harmless
// until that has started: then it is another one that calls itself so.
func (t *txn) redeemToken(c RedeemToken) error {
	if err := checkKey("node", c.Node); err != nil {
		return err
	}
	t.now(c.At)
	j, ok := t.joins[string(c.Hash)]
	if !ok || j.ExpiresAt <= t.clock || j.Role != c.Role || j.Node != "" && j.Node != c.Node {
		return relay.Errorf(relay.CodeAuth, "This join token is unknown, used or older than an hour. Make another with: kohe cluster token")
	}
	if n, taken := t.nodes[c.Node]; taken && n.Member() && j.Node != c.Node {
		return relay.Errorf(relay.CodeConflict, "There is a node %q in the cluster already. Give the new one another name with --node, or let the old one leave first.", c.Node)
	}
	if n := t.nodes[c.Node]; j.Node == c.Node && n.StartedAt != 0 {
		return relay.Errorf(relay.CodeConflict, "The node %q has joined with this token and has started since. Make another token for another node, with another --node.", c.Node)
	}
	j.Node = c.Node
	t.saveToken(j)
	if n := t.nodes[c.Node]; !n.Member() {
		n.ID, n.Role, n.Region, n.JoinedAt = c.Node, c.Role, c.Region, t.clock
		t.saveNode(n)
	}
	return nil
}

// Nodes returns the members of the cluster in order of id; none where a node
// runs alone.
func (r *Reader) Nodes() []Node { return all(r, &r.state.nodes, Node.Member) }

// Node returns a node.
func (r *Reader) Node(id string) (Node, bool) { return lookup(r, &r.state.nodes, id) }
