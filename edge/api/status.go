package api

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// ClusterStatus is a cluster at one moment, as one node knows it and as the
// others said of themselves. The console and `kohe cluster status` show it.
// Times are Unix ms.
type ClusterStatus struct {
	At      int64  `json:"at"`
	Leader  string `json:"leader"`  // "": none, or an edge answers
	Term    uint64 `json:"term"`    // of the cell, as this node knows it
	Asked   string `json:"asked"`   // by an edge: its core node
	Through string `json:"through"` // of a console: the edge that its requests go through
	Applied uint64 `json:"applied"` // log index in the state of the node that answers
	Problem string `json:"problem"` // why the node that answers settles nothing now

	// What the node that answers has heard of the leaders since its own start.
	LeaderSince   int64 `json:"leader_since"`          // when this one began; 0: nobody leads, or an edge answers
	LeaderChanges int   `json:"leader_changes"`        // within the last hour
	LeaderLately  int   `json:"leader_changes_lately"` // of these, within Lately

	Cells []CellStatus `json:"cells"` // in order of number; empty where an edge answers

	Problems []Problem    `json:"problems"`
	Nodes    []NodeStatus `json:"nodes"` // in order of name
	Links    []LinkStatus `json:"links"` // empty where an edge answers, which knows only itself
}

// CellStatus is a cell of a cluster.
type CellStatus struct {
	Number    uint64 `json:"number"` // 1: the first, which knows of the nodes and of the others
	Leader    string `json:"leader"` // "": none
	Customers int    `json:"customers"`
	Sessions  int    `json:"sessions"` // live
	Moving    int    `json:"moving"`   // customers who are on the way to another cell
	Applied   uint64 `json:"applied"`  // log index in the state of the node that answers
}

// NodeStatus is a node of a cluster.
type NodeStatus struct {
	Node    string  `json:"node"`
	Role    string  `json:"role"` // core or edge
	Region  string  `json:"region"`
	Address string  `json:"address"`
	Public  string  `json:"public"`
	Self    bool    `json:"self"` // it answers
	Leader  bool    `json:"leader"`
	Voter   bool    `json:"voter"`  // an edge takes every core node for one
	Up      bool    `json:"up"`     // it answers, or is connected to the node that does
	Silent  bool    `json:"silent"` // Up, but it did not report when it was asked
	RTT     float64 `json:"rtt_ms"` // between it and the node that answers
	Why     string  `json:"why"`    // not Up, or Silent: why, for an operator
	Since   int64   `json:"since"`  // not Up: since when; 0: since the node that answers started
	Figures
}

// Figures are what a node says of itself. They are zero where it did not.
type Figures struct {
	Version   string `json:"version"`
	StartedAt int64  `json:"started_at"`
	Applied   uint64 `json:"applied"`  // log index in its state; 0 at an edge
	Problem   string `json:"problem"`  // why it settles nothing now
	Quiet     int    `json:"quiet"`    // visitors' pages that only show the button
	Visitors  int    `json:"visitors"` // with a full connection
	Agents    int    `json:"agents"`
	Sessions  int    `json:"sessions"` // whose origin it is
	Draining  bool   `json:"draining"`
	DiskFree  uint64 `json:"disk_free"` // bytes, of DiskSize
	DiskSize  uint64 `json:"disk_size"`
}

// Report is what one node says to another: itself and its half of each link.
type Report struct {
	Figures
	Halves []LinkHalf `json:"halves"`
}

// LinkHalf is one end of a connection between two nodes, as its node counts.
type LinkHalf struct {
	Node  string  `json:"node"` // at the other end
	Since int64   `json:"since"`
	RTT   float64 `json:"rtt_ms"` // smoothed (RFC 9002 §5.3)
	Sent  Traffic `json:"sent"`
	Heard uint64  `json:"heard"` // bytes that came
}

// Traffic is what one node sent to another: bytes since they are connected,
// packets within the last minute or so.
type Traffic struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
	Lost    uint64 `json:"lost"` // of Packets, as the sender takes them for (RFC 9002 §6)
}

// Loss returns the share of packets that got lost, 0 to 1.
func (t Traffic) Loss() float64 {
	return float64(t.Lost) / float64(max(t.Packets, 1))
}

// LinkStatus is the connection between two nodes for all that is live; Raft has
// one of its own. A is the node whose name comes first.
type LinkStatus struct {
	A     string  `json:"a"`
	B     string  `json:"b"`
	Up    bool    `json:"up"`
	Since int64   `json:"since"`
	RTT   float64 `json:"rtt_ms"`
	AtoB  Traffic `json:"a_to_b"`
	BtoA  Traffic `json:"b_to_a"`
}

// Problem is something that an operator should look at.
type Problem struct {
	Code  string `json:"code"`
	Node  string `json:"node"`  // "": the whole cell
	Other string `json:"other"` // of a link: its other end
	Since int64  `json:"since"` // 0: not known
	Text  string `json:"text"`  // what the node itself said
}

// The codes of problems, the worst first.
const (
	Unsteady   = "unsteady"    // the leader changes again and again
	NoLeader   = "no_leader"   // nothing can be stored
	NobodyIn   = "nobody_in"   // every node that is there is draining: nobody can connect
	NodeGone   = "node_gone"   // it is not connected
	Fragile    = "fragile"     // one more core node, and nothing can be stored
	NodeSilent = "node_silent" // it is connected and did not report: it may be slow, or older
	Unsettled  = "unsettled"   // the node cannot store
	LinkDown   = "link_down"   // two nodes that are there do not reach each other
	DiskFull   = "disk_full"   // its disk is nearly full
	LinkLossy  = "link_lossy"  // a link loses packets
	CatchingUp = "catching_up" // a core node that does not vote yet
)

// When a disk is nearly full and a link is lossy. A disk's last GiB or 20th is
// where recordings stop.
const (
	diskPart    = 10      // of the disk, and
	diskFree    = 5 << 30 // bytes
	lossyFrom   = 0.02    // of the packets
	lossyMin    = 5       // packets lost: fewer are chance
	maxProblems = 100
)

// More than steadyUpTo changes of leader within Lately are a problem. Three core
// nodes that are restarted one after the other make at most so many.
const (
	Lately     = 10 * time.Minute
	steadyUpTo = 3
)

// Join makes the links of reports, by the node that gave them, and says what is
// wrong.
func (s *ClusterStatus) Join(reports map[string]Report) {
	s.Links = []LinkStatus{}
	for i, a := range s.Nodes {
		for _, b := range s.Nodes[i+1:] {
			_, heardA := reports[a.Node]
			_, heardB := reports[b.Node]
			if heardA || heardB {
				s.Links = append(s.Links, joinLink(a.Node, b.Node, reports))
			}
		}
	}
	s.Problems = s.problems()
}

// joinLink makes a link of its halves; of one, where the other is not known.
func joinLink(a, b string, reports map[string]Report) LinkStatus {
	l := LinkStatus{A: a, B: b}
	if h, ok := reports[b].half(a); ok {
		l.Up, l.Since, l.RTT, l.BtoA, l.AtoB.Bytes = true, h.Since, h.RTT, h.Sent, h.Heard
	}
	if h, ok := reports[a].half(b); ok {
		l.Up, l.Since, l.RTT, l.AtoB = true, h.Since, h.RTT, h.Sent
		l.BtoA.Bytes = max(l.BtoA.Bytes, h.Heard)
	}
	return l
}

func (r Report) half(node string) (LinkHalf, bool) {
	i := slices.IndexFunc(r.Halves, func(h LinkHalf) bool { return h.Node == node })
	if i < 0 {
		return LinkHalf{}, false
	}
	return r.Halves[i], true
}

// problems returns what an operator should look at, the worst first, at most
// maxProblems.
func (s *ClusterStatus) problems() []Problem {
	list := []Problem{}
	voters, voting, open, up := 0, 0, 0, map[string]bool{}
	for _, n := range s.Nodes {
		up[n.Node] = n.Up
		if n.Voter {
			voters++
		}
		if n.Up && n.Voter {
			voting++
		}
		if n.Up && !n.Draining {
			open++
		}
		list = append(list, n.problems(s.Leader != "")...)
	}
	if s.LeaderLately > steadyUpTo {
		list = append(list, Problem{Code: Unsteady})
	}
	if s.Leader == "" {
		list = append(list, Problem{Code: NoLeader, Text: s.Problem})
	} else if voters > 1 && voting <= voters/2+1 {
		list = append(list, Problem{Code: Fragile})
	}
	for _, c := range s.Cells {
		if c.Number > 1 && c.Leader == "" {
			list = append(list, Problem{Code: NoLeader, Text: fmt.Sprintf("cell %d", c.Number)})
		}
	}
	if open == 0 && len(s.Nodes) > 0 {
		list = append(list, Problem{Code: NobodyIn})
	}
	for _, l := range s.Links {
		switch {
		case !up[l.A] || !up[l.B]:
		case !l.Up:
			list = append(list, Problem{Code: LinkDown, Node: l.A, Other: l.B})
		case l.AtoB.lossy() || l.BtoA.lossy():
			list = append(list, Problem{Code: LinkLossy, Node: l.A, Other: l.B})
		}
	}
	order := []string{Unsteady, NoLeader, NobodyIn, NodeGone, Fragile, NodeSilent, Unsettled, LinkDown, DiskFull, LinkLossy, CatchingUp}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Compare(slices.Index(order, a.Code), slices.Index(order, b.Code))
	})
	return list[:min(len(list), maxProblems)]
}

// problems returns what is wrong with one node. That it cannot store says
// nothing of it while nobody leads.
func (n NodeStatus) problems(led bool) (list []Problem) {
	if !n.Up {
		return []Problem{{Code: NodeGone, Node: n.Node, Since: n.Since, Text: n.Why}}
	}
	if n.Silent {
		list = append(list, Problem{Code: NodeSilent, Node: n.Node, Text: n.Why})
	}
	if n.Figures.Problem != "" && led {
		list = append(list, Problem{Code: Unsettled, Node: n.Node, Text: n.Figures.Problem})
	}
	if n.DiskFree < min(diskFree, n.DiskSize/diskPart) {
		list = append(list, Problem{Code: DiskFull, Node: n.Node})
	}
	if n.Role == "core" && !n.Voter {
		list = append(list, Problem{Code: CatchingUp, Node: n.Node})
	}
	return list
}

func (t Traffic) lossy() bool { return t.Lost >= lossyMin && t.Loss() >= lossyFrom }
