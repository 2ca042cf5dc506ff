package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"kohe/edge/api"
	raftnode "kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

// clusterAsk is what the commands that change a cluster send.
type clusterAsk struct {
	Role string `json:"role,omitempty"`
	Node string `json:"node,omitempty"`
	Text string `json:"text,omitempty"` // of the answer
}

// registerCluster adds the cluster's commands to the node's socket.
func (n *node) registerCluster(mux *http.ServeMux) {
	mux.HandleFunc("GET /cluster", n.inCluster(func(r *http.Request, _ clusterAsk) (any, error) { return n.Status(r.Context()), nil }))
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

var errAlone = relay.Errorf(relay.CodeInvalid, "This node is alone. Stop it, make it the first of a cluster with `kohe cluster init`, and start it again.")

// inCluster answers a command, unless the node is alone.
func (n *node) inCluster(h func(*http.Request, clusterAsk) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.cluster == nil {
			api.AnswerLocal(w, nil, errAlone)
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

// transfer hands leadership to another core node.
func (c *cluster) transfer(ctx context.Context) error {
	return c.cell.Load().Node().Transfer(ctx)
}

// removeGone is remove for a node that this one is not connected to. That another
// node hears nothing of it is no proof that it is gone.
func (c *cluster) removeGone(ctx context.Context, id string) error {
	if c.isConnected(id) {
		return errThere(id)
	}
	return c.remove(ctx, id)
}

func errThere(node string) error {
	return relay.Errorf(relay.CodeConflict, "%s is connected. Stop it first; then it can be removed.", node)
}

// remove takes a node out of the cell and of the cluster, whether it is there or
// not. The leader does it.
func (c *cluster) remove(ctx context.Context, id string) error {
	cell := c.cell.Load()
	members := cell.Node().Members()
	if len(members) == 1 && members[0].ID == id {
		return relay.Errorf(relay.CodeInvalid, "%s is the last core node: without it the cluster would lose everything.", id)
	}
	if _, ok := cell.Read().Node(id); !ok {
		return relay.Errorf(relay.CodeNotFound, "There is no node %q in the cluster.", id)
	}
	if leader, _ := cell.Node().Leader(); leader == "" {
		return relay.Errorf(relay.CodeUnavailable, "Nobody leads the cell now. Give the command again when somebody does; `kohe cluster status` says who.")
	} else if leader != c.name() {
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
