package bench

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kohe/bench/netem"
)

// reach is how far the browser is from the nodes of a region, there and back.
var reach = map[string]time.Duration{"near": 5 * time.Millisecond, "middle": 40 * time.Millisecond, "far": 150 * time.Millisecond}

// inland is how much further a region's core node is from the browser than its
// edge, so that there is one nearest edge.
const inland = 20 * time.Millisecond

// regional are a core node and an edge in each region.
func regional() []seat {
	return []seat{
		{"n1", coreRole, "near"}, {"n2", coreRole, "middle"}, {"n3", coreRole, "far"},
		{"e1", edgeRole, "near"}, {"e2", edgeRole, "middle"}, {"e3", edgeRole, "far"},
	}
}

// spreadOut puts the regions at their distances: between two of them it is as
// far as from the browser to the further one.
func spreadOut(n *netem.Namespaces) {
	for i, a := range regional() {
		trip := reach[a.region]
		if a.role == coreRole {
			trip += inland
		}
		n.SetBoth(clients, a.name, netem.Shape{Delay: trip / 2})
		for _, b := range regional()[:i] {
			if a.region != b.region {
				n.SetBoth(a.name, b.name, netem.Shape{Delay: max(reach[a.region], reach[b.region]) / 2})
			}
		}
	}
}

// nearby are what can happen to the edge that both are at.
var nearby = []browserFault{
	{"nearest_edge_kill", "e1", killed},
	{"nearest_edge_drain", "e1", drained},
	{"nearest_edge_udp_cut", "e1", cutUDP},
}

// TestBrowsersInThreeRegionsAreAtTheNearestEdge has a visitor and an agent come
// to the furthest of three regions, which are 5, 40 and 150 ms away: both move
// to the nearest edge and outlive its death, its drain and a cut of its UDP.
func TestBrowsersInThreeRegionsAreAtTheNearestEdge(t *testing.T) {
	if *browserRounds == 0 {
		t.Skip("minutes: make netns-regions")
	}
	ctx := t.Context()
	began := time.Now()
	s, met := openGale(ctx, t, regional(), stay{"e3", "e3"}, spreadOut, map[string]any{"near": true})
	for i, who := range []string{"visitor", "agent"} {
		if len(met.Near[i]) == 0 || met.Near[i][0] != publicBase("e1") {
			t.Fatalf("the %s's nearest edge is the first of %v", who, met.Near[i])
		}
	}
	s.homes = stay{"e1", "e1"}
	if err := s.atHome(ctx, converge); err != nil {
		t.Fatalf("both began at e3 and know that e1 is nearest: %v", err)
	}
	const where = "three regions"
	for _, f := range nearby {
		for range *browserRounds {
			if err := s.round(ctx, f, where); err != nil {
				t.Fatal(errors.Join(fmt.Errorf("%s: %w", f.name, err), fmt.Errorf("the nodes' logs are in %s", s.cell.keepLogs(t))))
			}
		}
	}
	var figures []string
	for _, what := range []string{"calm", "calm_gap", "nearest_edge_kill", "nearest_edge_drain_gap", "nearest_edge_udp_cut"} {
		figures = append(figures, what+": "+spread(s.took[what+", "+where]))
	}
	fmt.Printf("netns-regions: faults %d, messages %d, lost 0, doubled 0, rounds begun again %d, ms to know the nearest edge: visitor %.0f, agent %.0f; ms (median/p95/max): %s; seconds %.0f, load %s\n",
		s.faults, s.talked, s.strayed, met.Took[0], met.Took[1], strings.Join(figures, "; "), time.Since(began).Seconds(), load())
}
