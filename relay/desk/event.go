package desk

import (
	"bytes"
	"maps"
	"slices"

	"kohe/relay"
)

// Why an offer is over.
const (
	Accept  = "accepted"
	Decline = "declined"
	Expire  = "expired"
	Gone    = "gone" // the session ended, or the agent is no longer free for it
)

// ByTimeout is who ended a session that its visitor stayed away from.
const ByTimeout = "timeout"

// Event is something that a command brought about. Events come in the order
// in which they happened, then AgentChanged, SessionChanged and QueueChanged
// once for each that a reader of the desk may now see otherwise, in order of
// name.
type Event interface{ event() }

// The events.
type (
	// Offered says that a session is offered to an agent until a time in ms.
	Offered struct {
		Session    relay.ID
		Agent      string
		Assignment uint64
		Until      int64
	}
	// OfferOver says that an offer is over, and why.
	OfferOver struct {
		Session    relay.ID
		Agent      string
		Assignment uint64
		Why        string
	}
	// Accepted says that an agent has the session now.
	Accepted struct {
		Session    relay.ID
		Agent      string
		Assignment uint64
	}
	// Returned says that a session is at the front of its queue again because
	// its agent vanished.
	Returned struct {
		Session    relay.ID
		Agent      string
		Assignment uint64
	}
	// Ended says that a session is no longer at the desk.
	Ended struct {
		Session relay.ID
		By      string
	}
	// AgentChanged names an agent whose row or load changed.
	AgentChanged struct{ Agent string }
	// SessionChanged names a live session whose row changed.
	SessionChanged struct{ Session relay.ID }
	// QueueChanged names a department whose queue, places or agents changed.
	QueueChanged struct{ Department string }
)

func (Offered) event()        {}
func (OfferOver) event()      {}
func (Accepted) event()       {}
func (Returned) event()       {}
func (Ended) event()          {}
func (AgentChanged) event()   {}
func (SessionChanged) event() {}
func (QueueChanged) event()   {}

func (d *Desk) event(e Event) { d.events = append(d.events, e) }

// begin starts a command at a time, which never runs backwards.
func (d *Desk) begin(now int64) { d.now = max(d.now, now) }

// finish offers what can be offered now, sets the timers of what was touched
// and returns the command's events.
func (d *Desk) finish() []Event {
	d.match()
	for _, id := range sortedKeys(d.touched.agents) {
		a := d.agents[id]
		d.arm(&a.armed, agentDue(a), entry{agent: id})
		d.event(AgentChanged{id})
	}
	for _, id := range sortedIDs(d.touched.sessions) {
		if s := d.sessions[id]; s != nil { // not ended meanwhile
			d.arm(&s.armed, sessionDue(s), entry{session: id})
			d.event(SessionChanged{id})
		}
	}
	for _, id := range sortedKeys(d.touched.departments) {
		d.event(QueueChanged{id})
		if dep := d.departments[id]; dep != nil && len(dep.queue) == 0 && len(dep.agents) == 0 {
			delete(d.departments, id)
		}
	}
	clear(d.touched.agents)
	clear(d.touched.sessions)
	clear(d.touched.departments)
	d.prune()
	events := d.events
	d.events = nil
	return events
}

func (d *Desk) touchAgent(a *agent) {
	d.touched.agents[a.ID] = true
	for _, dep := range a.Departments {
		d.touched.departments[dep] = true
	}
}

func (d *Desk) touchSession(s *session) {
	d.touched.sessions[s.ID] = true
	if s.Waiting() {
		d.touched.departments[s.Department] = true
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func sortedIDs[V any](m map[relay.ID]V) []relay.ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b relay.ID) int { return bytes.Compare(a[:], b[:]) })
}
