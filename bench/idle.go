package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// The mesh whose idle cost is measured. All of its nodes vote: this version has
// core nodes only, so Raft's heartbeats are in every figure. The leader's
// include those to all others.
const (
	meshNodes = 6
	meshCalm  = 5 * time.Second // after the last node has joined
)

// idle adds what each of six nodes costs that does nothing, in percent of a core.
func (s Failover) idle(ctx context.Context, dir string, report *Report) error {
	fmt.Fprintf(s.Progress, "starting a mesh of %d nodes, idle for %s …\n", meshNodes, s.Idle)
	g, err := loopback()
	if err != nil {
		return err
	}
	c, err := g.openCell(ctx, filepath.Join(dir, "mesh"), cores(meshNodes))
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
	var followers []float64
	for i, m := range c.nodes {
		percent := 100 * float64(after[i]-before[i]) / float64(span)
		if m == leader {
			report.Add("failover.idle.leader_cpu", "%", percent)
		} else {
			followers = append(followers, percent)
		}
	}
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
