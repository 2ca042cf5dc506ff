package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// ledger is what agents saw of their desks and did there. When all is over it is
// held against a model of one agent's desk: is there an order in which all of it
// happened, each within the time in which it must have? simulation.mu guards it.
//
// What nobody saw may have happened at any time: an answer of which nothing was
// heard, and whatever takes a session or an offer away.
//
// Times are numbers of entries: much happens at one time of the bubble's clock.
type ledger struct {
	times  []time.Time // of the entries
	deeds  []deed
	asked  map[relay.ID]int64   // when a visitor asked for the session
	ending map[relay.ID]int64   // when somebody first asked for its end
	ended  map[relay.ID]int64   // when somebody first heard that it is over
	over   map[assignment]int64 // when somebody first heard that it is over, but for a newer one's sake
	known  map[assignment]int64 // when somebody first heard of it
	seen   map[deed]bool        // what is noted once; without times
}

// assignment is one offer of a session, and what comes of it.
type assignment struct {
	session relay.ID
	number  uint64
}

// deed is something that took place at an agent's desk at some time from one to
// another.
type deed struct {
	agent string
	what  deedKind
	assignment
	from, to int64
}

type deedKind string

const (
	offered  deedKind = "was offered"
	accepted deedKind = "accepted"
	declined deedKind = "declined"
	had      deedKind = "was told to have"
	wrote    deedKind = "stored a message in" // of whatever assignment
)

func newLedger() *ledger {
	return &ledger{
		asked: map[relay.ID]int64{}, ending: map[relay.ID]int64{}, ended: map[relay.ID]int64{},
		over: map[assignment]int64{}, known: map[assignment]int64{}, seen: map[deed]bool{},
	}
}

// book makes an entry.
func (s *simulation) book(f func(l *ledger, now int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.ledger, s.ledger.now())
}

func (l *ledger) now() int64 {
	l.times = append(l.times, time.Now())
	return int64(len(l.times)) - 1
}

// first notes a time unless an earlier one is known.
func first[K comparable](m map[K]int64, k K, at int64) {
	if _, ok := m[k]; !ok {
		m[k] = at
	}
}

// once notes a deed that is seen again and again.
func (l *ledger) once(d deed) {
	key := d
	key.from, key.to = 0, 0
	if !l.seen[key] {
		l.seen[key] = true
		l.deeds = append(l.deeds, d)
	}
}

// saw notes a session's row as somebody was shown it.
func (p *someone) saw(row relay.Session) {
	p.sim.book(func(l *ledger, now int64) {
		a := assignment{row.ID, row.Assignment}
		if row.State == relay.Ended {
			first(l.ended, row.ID, now)
		}
		if a.number == 0 {
			return // a visitor is not told
		}
		first(l.known, a, now)
		if row.State == relay.Active && row.Agent == p.me.ID {
			l.once(deed{p.me.ID, had, a, l.asked[row.ID], now})
		}
	})
}

// sawOffer notes an offer.
func (p *someone) sawOffer(o wire.OfferPayload) {
	p.sim.book(func(l *ledger, now int64) {
		a := assignment{o.Session.ID, o.Assignment}
		first(l.known, a, now)
		l.once(deed{p.me.ID, offered, a, l.asked[a.session], now})
	})
}

// sawOver notes that an offer was withdrawn.
func (p *someone) sawOver(o wire.OfferEndPayload) {
	if o.Why != "accepted" {
		p.sim.book(func(l *ledger, now int64) { first(l.over, assignment{o.Session, o.Assignment}, now) })
	}
}

// answer accepts or declines an offer.
func (p *someone) answer(c *link.Client, a wire.AnswerPayload) {
	d := deed{agent: p.me.ID, what: declined, assignment: assignment{a.Session, a.Assignment}}
	if a.Accept {
		d.what = accepted
	}
	p.sim.book(func(_ *ledger, now int64) { d.from = now })
	p.waits[p.send(c, wire.Answer, a)] = func(code relay.Code) {
		p.sim.book(func(l *ledger, now int64) {
			if code == "" {
				d.to = now
				l.deeds = append(l.deeds, d)
			}
			// Who declines what they have accepted hears "gone" too, and it is not over.
			if code == "" && !a.Accept || code == relay.CodeStale || code == relay.CodeGone && a.Accept {
				first(l.over, d.assignment, now)
			}
		})
	}
}

// end asks for the end of a session.
func (p *someone) end(c *link.Client, id relay.ID) {
	p.sim.book(func(l *ledger, now int64) { first(l.ending, id, now) })
	p.waits[p.send(c, wire.End, wire.SessionRef{Session: id})] = func(code relay.Code) {
		if code == "" {
			p.sim.book(func(l *ledger, now int64) { first(l.ended, id, now) })
		}
	}
}

// answered takes the answer to a request; code is "" if it was done.
func (p *someone) answered(ref uint64, code relay.Code) {
	if take := p.waits[ref]; take != nil {
		delete(p.waits, ref)
		take(code)
	}
}

// stored notes that a message of an agent's is.
func (p *someone) stored(session relay.ID, message string) {
	from, ok := p.spoke[message]
	if !ok {
		return
	}
	delete(p.spoke, message)
	p.sim.book(func(l *ledger, now int64) {
		l.deeds = append(l.deeds, deed{p.me.ID, wrote, assignment{session: session}, from, now})
	})
}

// narrowed returns an agent's deeds with their times as narrow as they are known
// to be: an assignment is over when there is a newer one, and a newer one is not
// offered before all that succeeded in an older.
func (l *ledger) narrowed(agent string) (list []deed) {
	known, answers := map[relay.ID][]assignment{}, map[relay.ID][]deed{}
	for a := range l.known {
		known[a.session] = append(known[a.session], a)
	}
	for _, d := range l.deeds {
		if d.what == accepted || d.what == declined {
			answers[d.session] = append(answers[d.session], d)
		}
	}
	for _, d := range l.deeds {
		if d.agent != agent {
			continue
		}
		if end, ok := l.ending[d.session]; d.what == wrote && ok && end <= d.to {
			continue // an agent's last words are stored after the end too
		}
		if end, ok := l.ended[d.session]; ok {
			d.to = min(d.to, end)
		}
		if d.what != wrote {
			if end, ok := l.over[d.assignment]; ok {
				d.to = min(d.to, end)
			}
			for _, a := range known[d.session] {
				if a.number > d.number {
					d.to = min(d.to, l.known[a])
				}
			}
			for _, o := range answers[d.session] {
				if o.number < d.number {
					d.from = max(d.from, o.from)
				}
			}
		}
		list = append(list, d)
	}
	return list
}

func (l *ledger) tell(d deed) string {
	when := func(entry int64) string {
		if entry < 0 || entry >= int64(len(l.times)) {
			return "?"
		}
		return l.times[entry].UTC().Format("15:04:05.000")
	}
	return fmt.Sprintf("%s %s (%s, %d) between %s and %s", d.agent, d.what, d.session, d.number, when(d.from), when(d.to))
}

// held is a place that is taken.
type held struct {
	assignment
	active bool // else it is an offer
}

// atDesk is what an agent has, in order of session; what is empty comes first.
// Some of it may have been taken away already.
type atDesk [places]held

func (d atDesk) without(i int) atDesk {
	d[i] = held{}
	return d.sorted()
}

func (d atDesk) with(i int, h held) atDesk {
	d[i] = h
	return d.sorted()
}

func (d atDesk) sorted() atDesk {
	slices.SortFunc(d[:], func(a, b held) int {
		return cmp.Or(bytes.Compare(a.session[:], b.session[:]), cmp.Compare(a.number, b.number))
	})
	return d
}

// step returns how the desk may be after a deed, nothing if it is impossible.
func (d atDesk) step(what deed) (after []any) {
	at := slices.IndexFunc(d[:], func(h held) bool { return h.number != 0 && h.session == what.session })
	if what.what == offered {
		switch h := (held{assignment: what.assignment}); {
		case at >= 0 && d[at].number >= what.number:
		case at >= 0: // the older one was taken away
			after = append(after, d.with(at, h))
		case d[0].number == 0:
			after = append(after, d.with(0, h))
		default: // one was
			for i := range d {
				after = append(after, d.with(i, h))
			}
		}
		return after
	}
	if at < 0 || what.what != wrote && d[at].number != what.number {
		return nil
	}
	if what.what != declined {
		return []any{d.with(at, held{d[at].assignment, true})}
	}
	if d[at].active {
		return nil
	}
	return []any{d.without(at)}
}

var deskModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{atDesk{}} },
	Step: func(state, input, _ any) []any { return state.(atDesk).step(input.(deed)) },
}).ToModel()

// modelFor is the time for the histories of all agents.
const modelFor = time.Minute

// unfit is how a history that has no order is told.
const unfit = "no order of what happened at the desk of"

// judge says which agents' deeds the model cannot explain.
func (l *ledger) judge() (wrong []string) {
	until := time.Now().Add(modelFor)
	for i := range agents {
		agent := fmt.Sprint("a", i+1)
		list := l.narrowed(agent)
		if i := slices.IndexFunc(list, func(d deed) bool { return d.from > d.to }); i >= 0 {
			wrong = append(wrong, fmt.Sprintf("%s %s: it was over before it began that %s", unfit, agent, l.tell(list[i])))
			continue
		}
		var history []porcupine.Operation
		for _, d := range list {
			history = append(history, porcupine.Operation{Input: d, Call: d.from, Return: d.to})
		}
		result, info := porcupine.CheckOperationsVerbose(deskModel, history, max(time.Until(until), time.Millisecond))
		switch result {
		case porcupine.Illegal:
			wrong = append(wrong, fmt.Sprintf("%s %s; of %d deeds after\n%s", unfit, agent, len(list), l.longest(info, list)))
		case porcupine.Unknown:
			wrong = append(wrong, fmt.Sprintf("%v were not enough for %d deeds of %s", modelFor, len(list), agent))
		}
	}
	return wrong
}

// longest returns the end of the longest order of a part of the deeds, and what
// was to come next.
func (l *ledger) longest(info porcupine.LinearizationInfo, list []deed) string {
	var most []porcupine.Operation
	for _, some := range info.PartialLinearizationsOperations()[0] {
		if len(some) > len(most) {
			most = some
		}
	}
	done := map[deed]int{}
	var lines []string
	for _, o := range most {
		d := o.Input.(deed)
		done[d]++
		lines = append(lines, "\t"+l.tell(d))
	}
	lines = append(lines[max(0, len(lines)-2*keptFaults):], "there is no place for")
	next, end := []deed{}, int64(math.MaxInt64)
	for _, d := range list {
		if done[d]--; done[d] < 0 {
			next = append(next, d)
			end = min(end, d.to)
		}
	}
	for _, d := range next {
		if d.from <= end {
			lines = append(lines, "\t"+l.tell(d))
		}
	}
	return strings.Join(lines, "\n")
}

func TestTheModelOfADeskKnowsWhatCannotBe(t *testing.T) {
	one, two, three := relay.NewID(), relay.NewID(), relay.NewID()
	at := func(what deedKind, id relay.ID, number uint64, from, to int64) deed {
		return deed{"a1", what, assignment{id, number}, from, to}
	}
	for name, c := range map[string]struct {
		deeds []deed
		fits  bool
	}{
		"two places": {[]deed{at(offered, one, 1, 0, 1), at(offered, two, 1, 0, 2), at(accepted, one, 1, 3, 4), at(accepted, two, 1, 3, 4)}, true},
		"a third while both are taken": {[]deed{
			at(offered, one, 1, 0, 1), at(offered, two, 1, 0, 2), at(offered, three, 1, 3, 4), at(accepted, one, 1, 5, 6), at(accepted, two, 1, 5, 6),
		}, false},
		"a third after one was taken away unseen": {[]deed{
			at(offered, one, 1, 0, 1), at(offered, two, 1, 0, 2), at(offered, three, 1, 3, 4), at(accepted, one, 1, 5, 6), at(wrote, three, 0, 5, 7),
		}, true},
		"a third while one who writes later has both": {[]deed{
			at(offered, one, 1, 0, 1), at(offered, two, 1, 0, 2), at(offered, three, 1, 3, 4), at(wrote, one, 0, 5, 6), at(wrote, two, 0, 7, 8),
		}, false},
		"an older assignment": {[]deed{at(offered, one, 1, 0, 1), at(offered, one, 2, 2, 3), at(accepted, one, 1, 4, 5)}, false},
		"nothing was offered": {[]deed{at(accepted, one, 1, 4, 5)}, false},
		"declined, and then":  {[]deed{at(offered, one, 1, 0, 1), at(declined, one, 1, 2, 3), at(wrote, one, 0, 4, 5)}, false},
		"late answers":        {[]deed{at(offered, one, 1, 0, 9), at(accepted, one, 1, 2, 3), at(wrote, one, 0, 1, 5)}, true},
	} {
		l := newLedger()
		l.deeds = c.deeds
		if wrong := l.judge(); (len(wrong) == 0) != c.fits {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}
