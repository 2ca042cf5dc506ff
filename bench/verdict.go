package bench

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"kohe/relay"
)

// reader is the supervisor who reads the transcripts in the end.
const reader = "reader"

// verdict reads every transcript at every node and adds all figures to the
// report: what was acknowledged as stored and is missing anywhere, and what is
// anywhere twice.
func (r *failover) verdict(ctx context.Context) error {
	if err := r.cell.settle(ctx); err != nil {
		return err
	}
	_, lost, doubled, err := r.judge(ctx, r.talks)
	if err != nil {
		return err
	}
	var stored, unsaved, refused int
	reasons := map[string]int{}
	for _, visitor := range r.talks {
		for _, s := range []*side{visitor, visitor.other} {
			s.mu.Lock()
			for _, u := range s.said {
				if u.kept.IsZero() {
					unsaved++
				} else {
					stored++
				}
			}
			for why, n := range s.refusals {
				refused += n
				reasons[why] += n
			}
			s.mu.Unlock()
		}
	}
	for why, n := range reasons {
		fmt.Fprintf(r.Progress, "refused %d times: %s\n", n, why)
	}
	untold := 0
	for _, c := range r.pairs {
		untold += c.untold
	}
	r.figures()
	r.chatFigures()
	for _, f := range []struct {
		id string
		n  int
	}{{"stored", stored}, {"not_stored", unsaved}, {"refused", refused}, {"lost", lost}, {"doubled", doubled}, {"untold_agents", untold}, {"late", r.late}} {
		r.report.Add("failover."+f.id, "count", float64(f.n))
	}
	r.report.Add("failover.faults", "count", float64(r.count))
	return nil
}

// judge reads the transcripts of sessions, by their visitors' sides, at every
// core node, which have to be the same.
func (r *failover) judge(ctx context.Context, talks []*side) (all map[*side][]relay.Message, lost, doubled int, err error) {
	all = map[*side][]relay.Message{}
	for _, m := range r.cell.nodes {
		if m.role != coreRole {
			continue
		}
		for _, visitor := range talks {
			list, err := m.reader.transcript(ctx, visitor.session, 0)
			if err != nil {
				return nil, 0, 0, err
			}
			l, d := compare(list, visitor, visitor.other)
			lost, doubled = lost+l, doubled+d
			if first, ok := all[visitor]; ok && !slices.Equal(first, list) {
				return nil, 0, 0, fmt.Errorf("session %s: the transcripts differ: %d messages at %s, %d at %s", visitor.session, len(first), r.cell.nodes[0].name, len(list), m.name)
			}
			all[visitor] = list
		}
	}
	return all, lost, doubled, nil
}

// figures adds median, p95 and max of every measure.
func (r *failover) figures() {
	for _, id := range slices.Sorted(maps.Keys(r.runs)) {
		sorted := slices.Sorted(slices.Values(r.runs[id]))
		name := "failover." + id
		r.report.Add(name+".median", "ms", r.runs[id]...)
		r.report.Add(name+".p95", "ms", percentile(sorted, 95))
		r.report.Add(name+".max", "ms", sorted[len(sorted)-1])
	}
}

// chatFigures adds how long messages took while the cell was well, and while it
// had no leader.
func (r *failover) chatFigures() {
	for _, while := range slices.Sorted(maps.Keys(r.chat)) {
		sorted := slices.Sorted(slices.Values(r.chat[while]))
		name := "failover.chat_ms." + while
		for _, p := range []float64{50, 95, 99} {
			r.report.Add(fmt.Sprintf("%s.p%.0f", name, p), "ms", percentile(sorted, p))
		}
		r.report.Add("failover.chat."+while, "count", float64(len(sorted)))
	}
}

// compare counts what both sides were told is stored and the transcript lacks,
// and what it holds twice.
func compare(transcript []relay.Message, sides ...*side) (lost, doubled int) {
	times := map[identity]int{}
	for _, m := range transcript {
		if m.Kind == relay.KindText {
			times[identity{m.Author.Role, m.ID}]++
		}
	}
	for _, n := range times {
		doubled += n - 1
	}
	for _, s := range sides {
		s.mu.Lock()
		for n, u := range s.said {
			if !u.kept.IsZero() && times[identity{s.role, strconv.Itoa(n)}] == 0 {
				lost++
			}
		}
		s.mu.Unlock()
	}
	return lost, doubled
}
