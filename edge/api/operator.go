package api

import (
	"context"
	"net/http"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

// Cluster is what operators see and change of the nodes. by is who asked, for
// the log of the node that does it.
type Cluster interface {
	// Status asks all nodes; it takes about a second at most.
	Status(ctx context.Context) ClusterStatus
	// Drain has everybody at a node leave for another one, spread over a time;
	// nobody is let in there until Undrain or the node's next start.
	Drain(ctx context.Context, node, by string, over time.Duration) error
	Undrain(ctx context.Context, node, by string) error
	// HandOver has another core node lead.
	HandOver(ctx context.Context, by string) error
	// Invite makes a token with which one node can join.
	Invite(ctx context.Context, role, by string) (Invitation, error)
	// RemoveGone takes a node out of the cluster to which neither the node that
	// is asked nor the leader is connected. To any other it is a conflict.
	RemoveGone(ctx context.Context, node, by string) error
}

// Invitation is a join token, which is shown once and never logged.
type Invitation struct {
	Token     string `json:"token"`
	Role      string `json:"role"`
	ExpiresAt int64  `json:"expires_at"` // Unix ms
}

// maxDrain is the longest time over which a node's clients leave.
const maxDrain = time.Hour

// operate registers what operators ask for.
func (a *API) operate() {
	a.operators("GET /api/v1/nodes", a.nodes)
	a.operators("POST /api/v1/nodes/{node}/drain", a.drain)
	a.operators("POST /api/v1/nodes/{node}/undrain", a.undrain)
	a.operators("POST /api/v1/nodes/{node}/remove", a.removeNode)
	a.operators("POST /api/v1/cell/hand-over", a.handOver)
	a.operators("POST /api/v1/join-tokens", a.invite)
}

var errNoOperator = relay.Errorf(relay.CodeForbidden, "This is for operators only. Whoever runs the nodes can make you one.")

// operators registers what is for operators only, as agents does. What changes
// something is logged with who asked for it and how it ended, and why it was not
// done is said in full.
func (a *API) operators(pattern string, h func(*http.Request, state.Agent) (any, error)) {
	a.agents(pattern, func(r *http.Request, agent state.Agent) (v any, err error) {
		log := a.Log.With("agent", agent.ID, "path", clip(r.URL.Path), "remote", remote(r))
		if !agent.Operator {
			log.Warn("refused to one who is no operator")
			return nil, errNoOperator
		}
		if borne(r) && r.Method != http.MethodGet {
			log.Warn("refused to a console of another node")
			return nil, errBorne
		}
		v, err = h(r, agent)
		switch {
		case r.Method == http.MethodGet:
		case err != nil:
			log.Warn("an operator's wish was not done", "err", err)
			return nil, &relay.Error{Code: relay.CodeOf(err), Text: OperatorText(err), Retry: relay.AsError(err).Retry, Err: err}
		default:
			log.Info("an operator's wish was done")
		}
		return v, err
	})
}

func (a *API) nodes(r *http.Request, _ state.Agent) (any, error) {
	s := a.Cluster.Status(r.Context())
	s.Through, _ = r.Context().Value(throughKey{}).(string)
	return s, nil
}

type throughKey struct{}

// Through notes in a request through which edge it came.
func Through(r *http.Request, edge string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), throughKey{}, edge))
}

func (a *API) drain(r *http.Request, by state.Agent) (any, error) {
	var in struct {
		Seconds int64 `json:"seconds"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	if in.Seconds < 0 || in.Seconds > int64(maxDrain/time.Second) {
		return nil, relay.Errorf(relay.CodeInvalid, "A node is drained over 0 to %d seconds.", maxDrain/time.Second)
	}
	return struct{}{}, a.Cluster.Drain(r.Context(), r.PathValue("node"), by.ID, time.Duration(in.Seconds)*time.Second)
}

func (a *API) undrain(r *http.Request, by state.Agent) (any, error) {
	return struct{}{}, a.Cluster.Undrain(r.Context(), r.PathValue("node"), by.ID)
}

func (a *API) removeNode(r *http.Request, by state.Agent) (any, error) {
	return struct{}{}, a.Cluster.RemoveGone(r.Context(), r.PathValue("node"), by.ID)
}

func (a *API) handOver(r *http.Request, by state.Agent) (any, error) {
	return struct{}{}, a.Cluster.HandOver(r.Context(), by.ID)
}

func (a *API) invite(r *http.Request, by state.Agent) (any, error) {
	var in struct {
		Role string `json:"role"`
	}
	if err := read(r, &in); err != nil {
		return nil, err
	}
	return a.Cluster.Invite(r.Context(), in.Role, by.ID)
}
