package bench

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"kohe/dom"
	"kohe/edge/page"
)

// DOM measures the edge's tree, masks and sanitiser included: what applying a
// snapshot and small changes costs, what a node takes in memory, and what a
// delta of one change costs in trees of several sizes.
type DOM struct {
	Runs     int   // of each figure
	Sizes    []int // of the trees that deltas are taken from, in nodes
	Progress io.Writer
}

// DefaultDOM is what `kohe bench dom` runs.
var DefaultDOM = DOM{Runs: 5, Sizes: []int{1_000, 10_000, 100_000}}

// What DOM repeats within a run, so that a run takes some tens of ms.
const (
	domSnapshots = 4
	domChanges   = 50_000
	domDeltas    = 100_000
	domNodes     = 100_000
	domPerRow    = 9                // nodes of a row of the page
	domFirst     = dom.Document + 1 // id of the html element
	domRow       = domFirst + 3     // id of the first row: html, body, table come before
)

// Run adds the figures to the report.
func (s DOM) Run(report *Report) error {
	var apply, op, bytes []float64
	deltas := make([][]float64, len(s.Sizes))
	for run := range s.Runs {
		fmt.Fprintf(s.Progress, "dom: run %d of %d …\n", run+1, s.Runs)
		msg := snapshotOf(domNodes)
		mbs, held, err := applied(msg)
		if err != nil {
			return err
		}
		ns, err := changed()
		if err != nil {
			return err
		}
		apply, bytes, op = append(apply, mbs), append(bytes, held), append(op, ns)
		for i, n := range s.Sizes {
			us, err := delta(n)
			if err != nil {
				return err
			}
			deltas[i] = append(deltas[i], us)
		}
	}
	report.Add("dom.apply_mb_s", "MB/s", apply...)
	report.Add("dom.op_ns", "ns", op...)
	report.Add("dom.node_bytes", "bytes", bytes...)
	for i, n := range s.Sizes {
		report.Add("dom.delta_us.n"+strconv.Itoa(n), "µs", deltas[i]...)
	}
	return nil
}

// applied returns how many MB of snapshot a second of processor time takes in,
// and the bytes of heap that a node takes.
func applied(msg []byte) (mbs, held float64, err error) {
	trees := make([]*dom.Tree, domSnapshots)
	before := heap()
	start := processorTime()
	for i := range trees {
		if trees[i], err = treeOf(msg); err != nil {
			return 0, 0, err
		}
	}
	spent := processorTime() - start
	held = float64(heap()-before) / float64(domSnapshots*trees[0].Nodes())
	runtime.KeepAlive(trees)
	return float64(domSnapshots*len(msg)) / 1e6 / spent.Seconds(), held, nil
}

// changed returns the ns of processor time that one small change takes, a
// message each: a text, an attribute, a move, in turn.
func changed() (float64, error) {
	t, err := treeOf(snapshotOf(10_000))
	if err != nil {
		return 0, err
	}
	rows := uint32(10_000 / domPerRow)
	messages := make([][]byte, domChanges)
	for i := range messages {
		b := dom.NewDiff(uint64(i + 2))
		row := domRow + domPerRow*(uint32(i)%rows)
		switch i % 3 {
		case 0:
			b.Text(row+2, fmt.Sprintf("cell %d", i))
		case 1:
			b.Attr(row, "class", fmt.Sprintf("row odd-%d", i%7))
		case 2:
			b.Move(domRow-1, 0, row)
		}
		messages[i] = b.Bytes()
	}
	start := processorTime()
	for _, m := range messages {
		if _, err := t.Apply(m); err != nil {
			return 0, err
		}
	}
	return float64((processorTime() - start).Nanoseconds()) / domChanges, nil
}

// delta returns the µs of processor time that the delta of one changed text
// takes in a tree of n nodes.
func delta(n int) (float64, error) {
	t, err := treeOf(snapshotOf(n))
	if err != nil {
		return 0, err
	}
	since := t.Version()
	if _, err := t.Apply(dom.NewDiff(2).Text(domRow+2, "changed").Bytes()); err != nil {
		return 0, err
	}
	start := processorTime()
	for range domDeltas {
		if d := t.Delta(since); len(d) == 0 || len(d) > 64 {
			return 0, fmt.Errorf("the delta of one text has %d bytes", len(d))
		}
	}
	return float64((processorTime() - start).Nanoseconds()) / 1000 / domDeltas, nil
}

// snapshotOf returns the snapshot of a page with a long table.
func snapshotOf(nodes int) []byte {
	text := func(s string) []dom.Branch { return []dom.Branch{{Text: s}} }
	rows := make([]dom.Branch, nodes/domPerRow)
	for i := range rows {
		rows[i] = dom.Branch{Tag: "tr", Attrs: []string{"class", "row"}, Nodes: []dom.Branch{
			{Tag: "td", Nodes: text(fmt.Sprintf("cell %d", i))},
			{Tag: "td", Attrs: []string{"data-price", strconv.Itoa(i * 7)}, Nodes: text(fmt.Sprintf("%d.%02d €", i, i%100))},
			{Tag: "td", Nodes: []dom.Branch{{Tag: "a", Attrs: []string{"href", fmt.Sprintf("https://shop.example/item/%d", i)}, Nodes: text("Details")}}},
		}}
		rows[i].Nodes = append(rows[i].Nodes, dom.Branch{Text: "\n"})
	}
	return dom.NewSnapshot(1, "https://shop.example/list", "List").
		Insert(dom.Document, 0, domFirst, dom.Branch{Tag: "html", Nodes: []dom.Branch{{Tag: "body", Nodes: []dom.Branch{{Tag: "table", Nodes: rows}}}}}).
		Bytes()
}

func treeOf(snapshot []byte) (*dom.Tree, error) {
	t, err := page.NewTree(page.Rules{Mask: []string{".secret"}})
	if err == nil {
		_, err = t.Apply(snapshot)
	}
	return t, err
}

// heap returns the bytes of live objects.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// processorTime is what this process has used. A busy machine leaves it alone.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only for a bad argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
