package roster

import (
	"reflect"
	"slices"

	"kohe/relay"
	"kohe/relay/wire"
)

// Query is what a view shows.
type Query struct {
	Site   string
	Sort   wire.Sort
	Filter string
	Limit  int // rows
}

// QueryOf returns what a console asks for, within bounds.
func QueryOf(p wire.ViewPayload) Query {
	q := Query{Site: p.Site, Sort: wire.SortNewest, Filter: clip(p.Filter, wire.MaxFilter), Limit: p.Limit}
	if p.Sort == wire.SortLongest {
		q.Sort = wire.SortLongest
	}
	if q.Limit <= 0 || q.Limit > wire.MaxVisits {
		q.Limit = wire.MaxVisits
	}
	return q
}

// Merge returns the first rows of a view over the first rows of several edges:
// whoever is among the first of all is among the first at their edge. A visitor
// at two edges is shown where they came to their page last; who only says that
// they are that visitor is left out.
func (q Query) Merge(parts ...[]wire.Visit) []wire.Visit {
	all := slices.Concat(parts...)
	slices.SortFunc(all, func(a, b wire.Visit) int { return Compare(b, a) })
	known, seen := make(map[relay.ID]bool), make(map[relay.ID]bool, len(all))
	for _, v := range all {
		known[v.ID] = known[v.ID] || v.Known
	}
	all = slices.DeleteFunc(all, func(v wire.Visit) bool {
		again := seen[v.ID] || known[v.ID] && !v.Known
		seen[v.ID] = seen[v.ID] || !again
		return again
	})
	if q.Sort == wire.SortLongest {
		slices.Reverse(all)
	}
	return q.share(all)
}

// oneNode is which part of a view one node's visitors fill at most while others
// have more to show: an edge that lies pushes no more than that off a list.
const oneNode = 2

// share returns the first rows of a view, of one node at most its part, unless
// there is room.
func (q Query) share(all []wire.Visit) []wire.Visit {
	if len(all) <= q.Limit {
		return all
	}
	most, of, spare := (q.Limit+oneNode-1)/oneNode, map[string]int{}, len(all)-q.Limit
	for _, v := range all {
		of[v.Node]++
	}
	kept := make([]wire.Visit, 0, len(all))
	for _, v := range slices.Backward(all) { // the last of a node that has too many go first
		if spare > 0 && of[v.Node] > most {
			of[v.Node]--
			spare--
			continue
		}
		kept = append(kept, v)
	}
	slices.Reverse(kept)
	return kept[:q.Limit]
}

// Part is what one edge has told of a view.
type Part struct {
	rows   map[relay.ID]wire.Visit
	Visits int
	Board  *wire.BoardPayload
	Whole  bool // it has told everything once
}

// maxCount bounds how many visitors another edge can say it has.
const maxCount = 10_000_000

// Take takes what the edge tells. What it tells of others than its own, of
// times to come, and more rows than a view has, is left out.
func (p *Part) Take(node string, told wire.VisitsPayload, now int64) {
	if told.Anew || p.rows == nil {
		p.rows = make(map[relay.ID]wire.Visit)
	}
	for _, id := range told.Gone {
		delete(p.rows, id)
	}
	for _, v := range told.Rows {
		if _, known := p.rows[v.ID]; known || len(p.rows) < wire.MaxVisits {
			p.rows[v.ID] = row(v, node, now)
		}
	}
	if !told.More {
		p.Visits, p.Whole = min(max(told.Visits, 0), maxCount), true
		p.Board = told.Board
	}
}

// row bounds what another edge says of a visitor.
func row(v wire.Visit, node string, now int64) wire.Visit {
	v.At = min(max(v.At, now-maxSpan), now)
	v.Since = min(max(v.Since, now-maxSpan), v.At)
	v.Node, v.Name, v.Lang = node, clip(v.Name, maxText), clip(v.Lang, maxLang)
	v.URL, v.Title, v.Referrer = clip(v.URL, maxURL), clip(v.Title, maxText), clip(v.Referrer, maxHost)
	v.Pages = clipAll(v.Pages)
	return v
}

// Rows returns the edge's rows, in no order.
func (p *Part) Rows() []wire.Visit {
	rows := make([]wire.Visit, 0, len(p.rows))
	for _, v := range p.rows {
		rows = append(rows, v)
	}
	return rows
}

// Diff returns which rows differ from those that were told before, and which of
// them are there no more.
func Diff(told, now []wire.Visit) (changed []wire.Visit, gone []relay.ID) {
	before := make(map[relay.ID]wire.Visit, len(told))
	for _, v := range told {
		before[v.ID] = v
	}
	for _, v := range now {
		if old, ok := before[v.ID]; !ok || !reflect.DeepEqual(old, v) {
			changed = append(changed, v)
		}
		delete(before, v.ID)
	}
	for _, v := range told {
		if _, left := before[v.ID]; left {
			gone = append(gone, v.ID)
		}
	}
	return changed, gone
}

// frameBytes bounds the rows of one frame: with the ids of as many that are
// gone it stays below the limit of a control payload.
const frameBytes = 48 << 10

// Frames returns a change in frames of bounded size.
func Frames(p wire.VisitsPayload) (frames []wire.VisitsPayload) {
	first, size := 0, 0
	for i := range p.Rows {
		n := len(wire.Encode(p.Rows[i]))
		if size += n; size > frameBytes {
			frames = append(frames, wire.VisitsPayload{Anew: p.Anew, Rows: p.Rows[first:i], More: true})
			p.Anew, first, size = false, i, n
		}
	}
	p.Rows = p.Rows[first:]
	return append(frames, p)
}
