package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"kohe/edge/api"
	raftnode "kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

// nodeStatus is one line of `kohe cluster status`.
type nodeStatus struct {
	Node    string  `json:"node"`
	Role    string  `json:"role"`
	Region  string  `json:"region"`
	Address string  `json:"address"`
	Public  string  `json:"public"`
	Self    bool    `json:"self"`
	Leader  bool    `json:"leader"`
	Voter   bool    `json:"voter"`  // an edge takes every core node for one
	Up      bool    `json:"up"`     // connected to the node that answers, or that node
	RTT     float64 `json:"rtt_ms"` // between the two
}

// clusterStatus is what a node knows of its cluster.
type clusterStatus struct {
	Leader  string       `json:"leader"` // "": none, or an edge answers
	Asked   string       `json:"asked"`  // by an edge: its core node
	Applied uint64       `json:"applied"`
	Problem string       `json:"problem"` // why this node settles nothing now
	Nodes   []nodeStatus `json:"nodes"`
}

// clusterAsk is what the commands that change a cluster send.
type clusterAsk struct {
	Role string `json:"role,omitempty"`
	Node string `json:"node,omitempty"`
	Text string `json:"text,omitempty"` // of the answer
}

// registerCluster adds the cluster's commands to the node's socket.
func (n *node) registerCluster(mux *http.ServeMux) {
	mux.HandleFunc("GET /cluster", n.inCluster(func(r *http.Request, _ clusterAsk) (any, error) { return n.clusterStatus(), nil }))
	mux.HandleFunc("POST /cluster/token", n.atCore(func(r *http.Request, in clusterAsk) (any, error) {
		text, err := n.cluster.token(r.Context(), in.Role)
		return clusterAsk{Text: text}, err
	}))
	mux.HandleFunc("POST /cluster/transfer", n.atCore(func(r *http.Request, _ clusterAsk) (any, error) {
		return clusterAsk{}, n.cluster.transfer(r.Context())
	}))
	mux.HandleFunc("POST /cluster/leave", n.atCore(func(r *http.Request, in clusterAsk) (any, error) {
		return clusterAsk{}, n.cluster.remove(r.Context(), cmp.Or(in.Node, n.cluster.name()))
	}))
}

// inCluster answers a command, unless the node is alone.
func (n *node) inCluster(h func(*http.Request, clusterAsk) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.cluster == nil {
			api.AnswerLocal(w, nil, relay.Errorf(relay.CodeInvalid, "This node is alone. Stop it, make it the first of a cluster with `kohe cluster init`, and start it again."))
			return
		}
		var in clusterAsk
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&in); err != nil {
				api.AnswerLocal(w, nil, relay.Errorf(relay.CodeMalformed, "The request cannot be read."))
				return
			}
		}
		v, err := h(r, in)
		api.AnswerLocal(w, v, err)
	}
}

// atCore answers a command that a core node must be given.
func (n *node) atCore(h func(*http.Request, clusterAsk) (any, error)) http.HandlerFunc {
	return n.inCluster(func(r *http.Request, in clusterAsk) (any, error) {
		if n.remote != nil {
			return nil, errEdgeOnly
		}
		return h(r, in)
	})
}

func (n *node) clusterStatus() clusterStatus {
	var s clusterStatus
	if err := n.cellErr(); err != nil {
		s.Problem = err.Error()
	}
	voters := map[string]bool{}
	if n.cell != nil {
		s.Leader, _ = n.cell.Node().Leader()
		s.Applied = n.cell.Applied()
		for _, m := range n.cell.Node().Members() {
			voters[m.ID] = m.Voter
		}
	} else {
		s.Asked = n.remote.Core()
	}
	c, isEdge := n.cluster, n.remote != nil
	rtt := map[string]time.Duration{}
	for _, l := range c.peers.Links() {
		if l.Conn != nil {
			rtt[l.Node] = l.Conn.RTT()
		}
	}
	for _, n := range c.view().Nodes() {
		self := n.ID == c.name()
		d, up := rtt[n.ID]
		s.Nodes = append(s.Nodes, nodeStatus{
			Node: n.ID, Role: n.Role, Region: n.Region, Address: n.Addr, Public: n.Public, Self: self,
			Leader: n.ID == s.Leader, Voter: voters[n.ID] || isEdge && n.Role == state.CoreNode, Up: up || self, RTT: float64(d.Microseconds()) / 1000,
		})
	}
	return s
}

// transfer hands leadership to another core node.
func (c *cluster) transfer(ctx context.Context) error {
	return c.cell.Load().Node().Transfer(ctx)
}

// remove takes a node out of the cell and of the cluster. The leader does it.
func (c *cluster) remove(ctx context.Context, id string) error {
	cell := c.cell.Load()
	members := cell.Node().Members()
	if len(members) == 1 && members[0].ID == id {
		return relay.Errorf(relay.CodeInvalid, "%s is the last core node: without it the cluster would lose everything.", id)
	}
	if _, ok := cell.Read().Node(id); !ok {
		return relay.Errorf(relay.CodeNotFound, "There is no node %q in the cluster.", id)
	}
	if leader, _ := cell.Node().Leader(); leader != c.name() {
		return relay.Errorf(relay.CodeInvalid, "The node %s leads the cell. Give the command there: kohe cluster leave %s", leader, id)
	}
	if id == c.name() {
		return relay.Errorf(relay.CodeInvalid, "This node leads the cell. Hand that over first with `kohe cluster transfer`, then give the command at the new leader: kohe cluster leave %s", id)
	}
	if slices.ContainsFunc(members, func(m raftnode.Member) bool { return m.ID == id }) {
		if err := cell.Node().Remove(ctx, id); err != nil {
			return err
		}
	}
	_, err := cell.Propose(ctx, state.RemoveNode{Node: id, At: c.now().UnixMilli()})
	return err
}
