package bench

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// cell is a cluster of processes.
type cell struct {
	*ground
	nodes []*node
}

// seat is a node to be.
type seat struct {
	name, role string
	region     string
}

// The roles of nodes, as join tokens name them.
const (
	coreRole = "core"
	edgeRole = "edge"
)

// cores are n core nodes in one region.
func cores(n int) (list []seat) {
	for i := range n {
		list = append(list, seat{fmt.Sprintf("n%d", i+1), coreRole, "loopback"})
	}
	return list
}

// node is a process that is ended and started again.
type node struct {
	*Process // the present one, or the last
	seat
	ground  *ground
	dir     string
	address string
	args    []string
	dialer  *link.Dialer // for its certificate
	reader  *console
}

// membership is what `GET /cluster` of a node's socket says.
type membership struct {
	Leader string `json:"leader"`
	Nodes  []struct {
		Node  string `json:"node"`
		Role  string `json:"role"`
		Voter bool   `json:"voter"`
		Up    bool   `json:"up"`
	} `json:"nodes"`
}

// healthy bounds the time until a node that was started is one of the others'.
const healthy = 20 * time.Second

// openCell starts a cluster in dir with further arguments for `kohe serve`. The
// first node is a core node. The caller closes it.
func (g *ground) openCell(ctx context.Context, dir string, seats []seat, args ...string) (c *cell, err error) {
	c = &cell{ground: g}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, s := range seats {
		m := &node{seat: s, ground: g, dir: filepath.Join(dir, s.name), dialer: g.dialer()}
		m.reader = &console{at: m, name: reader}
		if m.address, err = g.address(s.name); err != nil {
			return c, err
		}
		m.args = append([]string{"serve", "--data", m.data(), "--log-level", cmp.Or(os.Getenv("KOHE_BENCH_LOG"), "info"), "--log-format", "json"}, args...)
		if err := c.enlist(ctx, m); err != nil {
			return c, err
		}
		if err := m.start(ctx); err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, m)
		if err := c.settle(ctx); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (m *node) data() string { return filepath.Join(m.dir, "data") }

// enlist makes an empty folder the first node, or one more of the others'.
func (c *cell) enlist(ctx context.Context, m *node) error {
	where := []string{"--data", m.data(), "--node", m.name, "--address", m.address, "--region", m.region}
	if len(c.nodes) == 0 {
		_, err := c.command(ctx, m.name, append([]string{"cluster", "init"}, where...)...)
		return err
	}
	first := c.nodes[0]
	token, err := c.command(ctx, first.name, "cluster", "token", "--data", first.data(), "--role", m.role)
	if err != nil {
		return err
	}
	_, err = c.command(ctx, m.name, append([]string{"cluster", "join", token}, where...)...)
	return err
}

// start starts the node's process at its address.
func (m *node) start(ctx context.Context) (err error) {
	m.Process, err = m.ground.serve(ctx, m.name, m.address, m.dir, m.args...)
	return err
}

// status asks the node what it knows of the cluster.
func (m *node) status(ctx context.Context) (s membership, err error) {
	err = m.call(ctx, http.MethodGet, "/cluster", nil, &s)
	return s, err
}

// settle waits until every node sees every other one up and led, and the core
// nodes voting.
func (c *cell) settle(ctx context.Context) error {
	_, err := c.settledLeader(ctx)
	return err
}

// settledLeader is leader, but waits while an election is under way.
func (c *cell) settledLeader(ctx context.Context) (*node, error) {
	ctx, cancel := context.WithTimeout(ctx, healthy)
	defer cancel()
	for {
		m, err := c.leader(ctx)
		if err == nil {
			return m, nil
		}
		if sleepUntil(ctx, time.Now().Add(20*time.Millisecond)) != nil {
			return nil, fmt.Errorf("the nodes do not settle: %w", err)
		}
	}
}

// leader returns the node that all agree leads; it is an error if any of them
// cannot be reached or should vote and does not.
func (c *cell) leader(ctx context.Context) (*node, error) {
	var leads *node
	for _, m := range c.nodes {
		s, err := m.status(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if m.role == coreRole { // an edge does not know
			i := slices.IndexFunc(c.nodes, func(o *node) bool { return o.name == s.Leader })
			if i < 0 || leads != nil && leads != c.nodes[i] {
				return nil, fmt.Errorf("%s: %q leads", m.name, s.Leader)
			}
			leads = c.nodes[i]
		}
		if len(s.Nodes) != len(c.nodes) {
			return nil, fmt.Errorf("%s sees %d nodes of %d", m.name, len(s.Nodes), len(c.nodes))
		}
		for _, o := range s.Nodes {
			if !o.Up || o.Role == coreRole && !o.Voter {
				return nil, fmt.Errorf("%s: %s is up: %t, votes: %t", m.name, o.Node, o.Up, o.Voter)
			}
		}
	}
	if leads == nil {
		return nil, errors.New("there is no node")
	}
	return leads, nil
}

// learn asks every node for the hashes of its certificate.
func (c *cell) learn(ctx context.Context) error {
	for _, m := range c.nodes {
		hello := wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: benchSite, Quiet: true}
		l, err := m.dialer.WebSocket(ctx, m.webSocket(), hello)
		if err != nil {
			return err
		}
		m.dialer.Hashes = l.Welcome().Hashes
		l.Close()
	}
	return nil
}

// webSocket returns the node's address for WebSockets: http becomes ws, https wss.
func (m *node) webSocket() string {
	return "ws" + strings.TrimPrefix(m.ground.scheme, "http") + "://" + m.address + "/kohe/ws"
}

// close ends every node.
func (c *cell) close() {
	for _, m := range c.nodes {
		_ = m.dialer.Close() // its clients are gone
		if m.Process != nil {
			m.Kill()
		}
	}
}

// logged returns when the node's present process first wrote a message to its
// log at or after a moment; ok is false if it did not.
func (m *node) logged(since time.Time, message string) (at time.Time, ok bool) {
	for line := range bytes.Lines([]byte(m.log.String())) {
		var l struct {
			Time time.Time `json:"time"`
			Msg  string    `json:"msg"`
		}
		if json.Unmarshal(line, &l) == nil && l.Msg == message && !l.Time.Before(since) {
			return l.Time, true
		}
	}
	return time.Time{}, false
}
