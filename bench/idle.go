package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// The mesh whose idle cost is measured: three core nodes and three that are
// edges only, which have no part in Raft's heartbeats. What a core node costs
// more than an edge is Raft.
const (
	meshCores = 3
	meshEdges = 3
	meshCalm  = 5 * time.Second // after the last node has joined
)

// idle adds what each of six nodes costs that does nothing, in percent of a core.
func (s Failover) idle(ctx context.Context, dir string, report *Report) error {
	fmt.Fprintf(s.Progress, "starting a mesh of %d nodes, idle for %s …\n", meshCores+meshEdges, s.Idle)
	seats := cores(meshCores)
	for i := range meshEdges {
		seats = append(seats, seat{fmt.Sprintf("e%d", i+1), edgeRole, "loopback"})
	}
	g, err := loopback()
	if err != nil {
		return err
	}
	c, err := g.openCell(ctx, filepath.Join(dir, "mesh"), seats)
	if err != nil {
		return err
	}
	defer c.close()
	if err := sleepUntil(ctx, time.Now().Add(meshCalm)); err != nil {
		return err
	}
	before, err := c.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := sleepUntil(ctx, began.Add(s.Idle)); err != nil {
		return err
	}
	after, err := c.cpu()
	if err != nil {
		return err
	}
	span := time.Since(began)
	leader, err := c.settledLeader(ctx)
	if err != nil {
		return err
	}
	var followers, edges []float64
	for i, m := range c.nodes {
		percent := 100 * float64(after[i]-before[i]) / float64(span)
		switch {
		case m == leader:
			report.Add("failover.idle.leader_cpu", "%", percent)
		case m.role == edgeRole:
			edges = append(edges, percent)
		default:
			followers = append(followers, percent)
		}
	}
	report.Add("failover.idle.edge_cpu", "%", edges...)
	report.Add("failover.idle.follower_cpu", "%", followers...)
	return nil
}

// cpu returns the processor time of each node.
func (c *cell) cpu() (list []time.Duration, err error) {
	for _, m := range c.nodes {
		used, err := m.CPU()
		if err != nil {
			return nil, err
		}
		list = append(list, used)
	}
	return list, nil
}
