package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"kohe/edge/api"
	"kohe/raft/state"
)

// reportFor is how long a node that is asked has to say what it knows.
const reportFor = time.Second

// figuresNow returns what this node says of itself.
func (n *node) figuresNow() api.Figures {
	c := n.edge.Census()
	f := api.Figures{
		Version: version, StartedAt: n.started.UnixMilli(), Draining: n.edge.Draining(),
		Quiet: c.Quiet, Visitors: c.Visitors, Agents: c.Agents, Sessions: c.Sessions,
	}
	if n.cell != nil {
		f.Applied = n.cell.Applied()
	}
	if err := n.cellErr(); err != nil {
		f.Problem = err.Error()
	}
	if usage, err := n.fs.GetDiskUsage(n.config.Data); err == nil {
		f.DiskFree, f.DiskSize = usage.AvailBytes, usage.TotalBytes
	}
	return f
}

// report returns what this node says of itself and of its connections.
func (n *node) report() api.Report {
	r := api.Report{Figures: n.figuresNow()}
	if n.cluster == nil {
		return r
	}
	for _, l := range n.cluster.peers.Links() {
		if l.Conn == nil {
			continue
		}
		s := l.Conn.Stats()
		packets, lost := n.cluster.recentLoss(l, s)
		r.Halves = append(r.Halves, api.LinkHalf{
			Node: l.Node, Since: s.Began.UnixMilli(), RTT: ms(s.RTT), Heard: s.BytesIn,
			Sent: api.Traffic{Bytes: s.BytesOut, Packets: packets, Lost: lost},
		})
	}
	return r
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// clusterStatus is what this node knows without asking another.
func (n *node) clusterStatus() api.ClusterStatus {
	s := api.ClusterStatus{At: n.now().UnixMilli(), Problems: []api.Problem{}, Nodes: []api.NodeStatus{}, Links: []api.LinkStatus{}}
	if err := n.cellErr(); err != nil {
		s.Problem = err.Error()
	}
	voters := map[string]bool{}
	if n.cell != nil {
		s.Leader, _ = n.cell.Node().Leader()
		s.Term, s.Applied = n.cell.Node().Term(), n.cell.Applied()
		s.Cells = n.cellStatus()
		s.LeaderChanges, s.LeaderLately = n.reigns.count(reignsFor, n.now()), n.reigns.count(api.Lately, n.now())
		if since := n.reigns.leading(); s.Leader != "" && !since.IsZero() {
			s.LeaderSince = since.UnixMilli()
		}
		for _, m := range n.cell.Node().Members() {
			voters[m.ID] = m.Voter
		}
	} else {
		s.Asked = n.remote.Core()
	}
	if n.cluster == nil {
		s.Nodes = []api.NodeStatus{{Node: n.config.Node, Role: state.CoreNode, Public: n.public, Self: true, Leader: s.Leader != "", Voter: true, Up: true}}
		return s
	}
	c, isEdge := n.cluster, n.remote != nil
	rtt := map[string]time.Duration{}
	for _, l := range c.peers.Links() {
		if l.Conn != nil && !c.isDead(l.Node) {
			rtt[l.Node] = l.Conn.RTT()
		}
	}
	for _, m := range c.view().Nodes() {
		d, up := rtt[m.ID]
		line := api.NodeStatus{
			Node: m.ID, Role: m.Role, Region: m.Region, Address: m.Addr, Public: m.Public, Self: m.ID == c.name(), Leader: m.ID == s.Leader,
			Voter: voters[m.ID] || isEdge && m.Role == state.CoreNode, Up: up || m.ID == c.name(), RTT: ms(d),
		}
		if !line.Up {
			line.Why, line.Since = c.lostNode(m.ID)
		}
		s.Nodes = append(s.Nodes, line)
	}
	return s
}

// lostNode says why there is no connection to a node, and since when.
func (c *cluster) lostNode(id string) (why string, since int64) {
	c.mu.Lock()
	at, dead := c.lostAt[id], c.dead[id]
	c.mu.Unlock()
	if !at.IsZero() {
		since = at.UnixMilli()
	}
	if dead {
		return "its process has ended", since
	}
	for _, l := range c.peers.Links() {
		if l.Node == id && l.Err != nil {
			return l.Err.Error(), since
		}
	}
	return "there is no connection to it", since
}

// Status implements api.Cluster: it asks all other nodes at once. A node that is
// an edge only is told nothing of others and knows its own half.
func (n *node) Status(ctx context.Context) api.ClusterStatus {
	s := n.clusterStatus()
	reports := map[string]api.Report{}
	if n.remote == nil {
		reports = n.ask(ctx, s.Nodes)
	}
	own := n.report()
	for i := range s.Nodes {
		line := &s.Nodes[i]
		if line.Self {
			line.Figures = own.Figures
		} else if r, ok := reports[line.Node]; ok {
			line.Figures = r.Figures
		}
	}
	if n.remote == nil {
		if n.cluster != nil {
			reports[n.cluster.name()] = own
		}
		s.Join(reports)
	} else if s.Problem != "" {
		s.Problems = append(s.Problems, api.Problem{Code: api.Unsettled, Node: n.config.Node, Text: s.Problem})
	}
	return s
}

// ask has every node that is connected report within reportFor. Those that do
// not are Silent, which is no sign that they are gone.
func (n *node) ask(ctx context.Context, lines []api.NodeStatus) map[string]api.Report {
	ctx, cancel := context.WithTimeout(ctx, reportFor)
	defer cancel()
	var mu sync.Mutex // guards reports
	reports := map[string]api.Report{}
	var asking sync.WaitGroup
	for i := range lines {
		line := &lines[i]
		if line.Self || !line.Up {
			continue
		}
		asking.Go(func() {
			r, err := n.cluster.tell(ctx, line.Node, operateAsk{Do: doReport})
			if err != nil {
				line.Silent, line.Why = true, notHeard(err)
				return
			}
			mu.Lock()
			reports[line.Node] = r
			mu.Unlock()
		})
	}
	asking.Wait()
	return reports
}

// notHeard says why a node did not report.
func notHeard(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "it does not answer"
	}
	return strings.TrimSuffix(api.OperatorText(err), ".") // in brackets
}
