package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"kohe/edge/api"
	"kohe/raft/state"
)

// writeStatus prints a cluster for an operator: what is wrong and what to do
// about it, the cell, the nodes, the links.
func writeStatus(w io.Writer, s api.ClusterStatus) error {
	for _, p := range s.Problems {
		fmt.Fprintf(w, "! %s\n", problemText(s, p))
	}
	if len(s.Problems) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s\n\n", cellText(s))
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tROLE\tREGION\tSTATE\tROUND TRIP\tUP FOR\tVERSION\tVISITORS\tQUIET\tAGENTS\tSESSIONS\tAPPLIED\tDISK FREE\tADDRESS")
	for _, n := range s.Nodes {
		fmt.Fprintln(t, strings.Join(statusCells(s.At, n), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(s.Cells) > 1 {
		fmt.Fprintln(t, "\n"+cellHead)
		for _, c := range s.Cells {
			fmt.Fprintln(t, strings.Join(cellCells(c), "\t"))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(s.Links) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nWhat is live between the nodes: packets lost within the last minute, bytes since they are connected. Raft has connections of its own.\n")
	fmt.Fprintln(t, "LINK\tROUND TRIP\tLOST →\tLOST ←\tBYTES →\tBYTES ←\tFOR")
	for _, l := range s.Links {
		fmt.Fprintln(t, strings.Join(linkCells(s.At, l), "\t"))
	}
	return t.Flush()
}

// cellText says how the cell is, or what an edge knows of it.
func cellText(s api.ClusterStatus) string {
	if slices.ContainsFunc(s.Nodes, func(n api.NodeStatus) bool { return n.Self && n.Role == state.EdgeNode }) {
		return fmt.Sprintf("This node is an edge and knows only its own connections; it asks %s. At a core node this command shows everything.", cmp.Or(s.Asked, "nobody now"))
	}
	voters, up := 0, 0
	for _, n := range s.Nodes {
		if n.Voter {
			voters++
		}
		if n.Voter && n.Up {
			up++
		}
	}
	leader := "nobody leads"
	if s.Leader != "" {
		leader = s.Leader + " leads"
	}
	leader += fmt.Sprintf(" in term %d", s.Term)
	if s.LeaderSince != 0 {
		leader += " for " + span(s.At-s.LeaderSince)
	}
	return fmt.Sprintf("Cell: %s; changes of leader in the last hour: %d; %d of %d voting nodes are there, %d are needed.", leader, s.LeaderChanges, up, voters, voters/2+1)
}

// problemText says what is wrong and what to do.
func problemText(s api.ClusterStatus, p api.Problem) string {
	switch p.Code {
	case api.Unsteady:
		return fmt.Sprintf("The leader changed %d times within %.0f minutes, and nothing is stored meanwhile: a core node's disk or processor is too slow at times. "+
			"Look at /metrics of the core nodes (kohe_disk_sync_seconds for the disk, kohe_late_seconds for the processor) and give the slow one a machine with less to do.", s.LeaderLately, api.Lately.Minutes())
	case api.NoLeader:
		return "Nothing can be stored: nobody leads the cell. Start the core nodes that are missing; more than half of them are needed." + said(p)
	case api.NobodyIn:
		return "Nobody can connect: every node that is there is draining. Let people in again in the console, or restart a node."
	case api.NodeGone:
		if slices.ContainsFunc(s.Nodes, func(n api.NodeStatus) bool { return n.Node == p.Node && n.Address == "" }) {
			return fmt.Sprintf("%s has joined and was not started yet. Start it; if it is not to be: kohe cluster leave %s", p.Node, p.Node)
		}
		since := "since before this node started"
		if p.Since != 0 {
			since = "for " + span(s.At-p.Since)
		}
		return fmt.Sprintf("%s cannot be reached %s%s. Look at its machine and start it; if it never comes back: kohe cluster leave %s", p.Node, since, said(p), p.Node)
	case api.Fragile:
		return "If one more core node fails, nothing can be stored. Bring the missing one back, or add another: kohe cluster token"
	case api.NodeSilent:
		return fmt.Sprintf("%s is connected and did not report%s. Look at its load and its log; if it is of an older version, update it.", p.Node, said(p))
	case api.Unsettled:
		return fmt.Sprintf("%s can store nothing%s. People there are sent to other nodes. Look at its log and its network.", p.Node, said(p))
	case api.LinkDown:
		return fmt.Sprintf("%s and %s do not reach each other. Look at the network between them: UDP and TCP on the addresses below.", p.Node, p.Other)
	case api.DiskFull:
		return fmt.Sprintf("The disk of %s is nearly full. Make room, or give its data folder a larger one.", p.Node)
	case api.LinkLossy:
		return fmt.Sprintf("Packets between %s and %s get lost. Look at the network between them.", p.Node, p.Other)
	case api.CatchingUp:
		return fmt.Sprintf("%s does not vote yet. It is being sent what it lacks; if that does not end, look at its log.", p.Node)
	}
	return strings.TrimSpace(p.Code + " " + p.Node) // of a newer node
}

func said(p api.Problem) string {
	if p.Text == "" {
		return ""
	}
	return " (" + p.Text + ")"
}

func statusCells(at int64, n api.NodeStatus) []string {
	is := "up"
	switch {
	case !n.Up:
		is = "cannot be reached"
	case n.Role == state.CoreNode && !n.Voter:
		is = "catching up"
	case n.Leader:
		is = "leads"
	}
	if n.Silent {
		is += ", did not report"
	}
	if n.Draining {
		is += ", draining"
	}
	rtt := ""
	switch {
	case n.Self:
		rtt = "this node"
	case n.Up:
		rtt = millis(n.RTT)
	}
	cells := []string{n.Node, n.Role, cmp.Or(n.Region, "–"), is, rtt}
	if n.StartedAt == 0 { // it did not say
		return append(cells, "", "", "", "", "", "", "", "", n.Address)
	}
	applied := ""
	if n.Role == state.CoreNode {
		applied = strconv.FormatUint(n.Applied, 10)
	}
	return append(cells, span(at-n.StartedAt), n.Version, strconv.Itoa(n.Visitors), strconv.Itoa(n.Quiet), strconv.Itoa(n.Agents),
		strconv.Itoa(n.Sessions), applied, size(n.DiskFree), n.Address)
}

func linkCells(at int64, l api.LinkStatus) []string {
	name := l.A + " → " + l.B
	if !l.Up {
		return []string{name, "not connected", "", "", "", "", ""}
	}
	return []string{name, millis(l.RTT), percent(l.AtoB.Loss()), percent(l.BtoA.Loss()), size(l.AtoB.Bytes), size(l.BtoA.Bytes), span(at - l.Since)}
}

func millis(v float64) string {
	return time.Duration(v * float64(time.Millisecond)).Round(10 * time.Microsecond).String()
}

func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1000)/10, 'f', -1, 64) + " %"
}

// span returns a time in ms in its two largest units.
func span(of int64) string {
	s := max(of, 0) / 1000
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min", s/60)
	case s < 24*3600:
		return fmt.Sprintf("%d h %d min", s/3600, s/60%60)
	}
	return fmt.Sprintf("%d d %d h", s/(24*3600), s/3600%24)
}

// size returns bytes with a binary prefix.
func size(bytes uint64) string {
	if bytes < 1<<10 {
		return fmt.Sprintf("%d B", bytes)
	}
	v, i := float64(bytes)/1024, 0
	for ; v >= 1024 && i < 4; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.*f %ciB", map[bool]int{true: 1}[v < 10], v, "KMGTP"[i])
}
