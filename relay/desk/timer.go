package desk

import (
	"bytes"
	"cmp"
	"container/heap"

	"kohe/relay"
)

// entry is a timer of an agent or of a session. It is valid while its owner's
// armed time equals its due time; others are skipped.
type entry struct {
	due     int64
	agent   string
	session relay.ID
}

// timers is a heap, earliest first; a tie is broken by owner, so that the
// order of firing does not depend on the order of arming.
type timers []entry

func (t timers) Len() int      { return len(t) }
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }
func (t timers) Less(i, j int) bool {
	a, b := t[i], t[j]
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.agent, b.agent), bytes.Compare(a.session[:], b.session[:])) < 0
}
func (t *timers) Push(x any) { *t = append(*t, x.(entry)) }
func (t *timers) Pop() any {
	last := len(*t) - 1
	e := (*t)[last]
	*t = (*t)[:last]
	return e
}

// staleTimers is how many invalid timers a desk keeps beside valid ones.
const staleTimers = 64

func (d *Desk) arm(armed *int64, due int64, e entry) {
	if due == *armed {
		return
	}
	*armed, e.due = due, due
	if due != 0 {
		heap.Push(&d.timers, e)
	}
}

func (d *Desk) armed(e entry) *int64 {
	if a := d.agents[e.agent]; a != nil {
		return &a.armed
	}
	if s := d.sessions[e.session]; s != nil {
		return &s.armed
	}
	return nil
}

// prune drops invalid timers off the top, and all of them when they are many.
func (d *Desk) prune() {
	if len(d.timers) > 2*(len(d.agents)+len(d.sessions))+staleTimers {
		valid := d.timers[:0]
		for _, e := range d.timers {
			if armed := d.armed(e); armed != nil && *armed == e.due {
				valid = append(valid, e)
			}
		}
		d.timers = valid
		heap.Init(&d.timers)
	}
	for len(d.timers) > 0 {
		if armed := d.armed(d.timers[0]); armed != nil && *armed == d.timers[0].due {
			return
		}
		heap.Pop(&d.timers)
	}
}

// dueBy takes the next valid timer that is due by now.
func (d *Desk) dueBy(now int64) (entry, bool) {
	d.prune()
	if len(d.timers) == 0 || d.timers[0].due > now {
		return entry{}, false
	}
	e := heap.Pop(&d.timers).(entry)
	*d.armed(e) = 0
	return e, true
}

// agentDue returns when time next changes something for an agent, 0: never.
func agentDue(a *agent) int64 {
	vanish := int64(0)
	if a.LostAt != 0 && len(a.has) > 0 {
		vanish = a.LostAt + VanishTime
	}
	return earliest(a.RestUntil, vanish)
}

func (d *Desk) fireAgent(a *agent) {
	d.touchAgent(a)
	if a.RestUntil != 0 && a.RestUntil <= d.now {
		a.RestUntil = 0
	}
	if a.LostAt != 0 && a.LostAt+VanishTime <= d.now {
		d.giveBack(a)
	}
}

// sessionDue returns when time next changes something for a session, 0: never.
func sessionDue(s *session) int64 {
	due := s.OfferUntil
	if s.AwaySince != 0 {
		due = earliest(due, s.AwaySince+AwayTime)
	}
	for _, p := range s.Passes {
		due = earliest(due, p.Until)
	}
	return due
}

func (d *Desk) fireSession(s *session) {
	d.touchSession(s)
	if s.AwaySince != 0 && s.AwaySince+AwayTime <= d.now {
		d.end(s, ByTimeout)
		return
	}
	for i := range s.Passes {
		if s.Passes[i].Until <= d.now {
			s.Passes[i].Until = 0
		}
	}
	if s.OfferUntil != 0 && s.OfferUntil <= d.now {
		d.expire(s)
	}
}

func (d *Desk) expire(s *session) {
	a := d.agents[s.Agent]
	if made := s.OfferUntil - OfferTime; made >= a.MissedAt {
		a.Missed++
		a.MissedAt = d.now
	}
	d.over(s, Expire)
	d.pass(s)
	d.release(s)
	if a.Missed >= MissesToRest {
		a.RestUntil = d.now + RestTime
	}
	d.touchAgent(a)
}

// earliest returns the smaller of two times of which 0 means never.
func earliest(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
