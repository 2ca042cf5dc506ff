package desk

import (
	"slices"

	"kohe/relay"
)

// Times in ms.
const (
	OfferTime  int64 = 30_000      // an offer waits this long for an answer
	PassPause  int64 = 30_000      // before an agent is asked again for what they passed by
	RestTime   int64 = 2 * 60_000  // without offers, after MissesToRest misses
	VanishTime int64 = 20_000      // an agent out of reach this long gives their sessions back
	AwayTime   int64 = 30 * 60_000 // a session without its visitor this long ends
)

// Bounds.
const (
	MissesToRest = 2   // offers in a row that an agent let expire, one after the other
	MaxPasses    = 64  // agents that a session remembers to have passed it by; the oldest is forgotten
	MaxNodes     = 16  // nodes that one agent or visitor is connected to; the oldest is forgotten
	MaxCapacity  = 100 // sessions and offers of one agent
)

// Agent is an agent at work, as it is kept between commands.
type Agent struct {
	ID          string           `cbor:"1,keyasint"`
	State       relay.AgentState `cbor:"2,keyasint"`
	Departments []string         `cbor:"3,keyasint"`            // ticked on
	Capacity    int              `cbor:"4,keyasint"`            // places
	Nodes       []string         `cbor:"5,keyasint"`            // where they are connected; empty: out of reach
	LostAt      int64            `cbor:"6,keyasint,omitempty"`  // since when out of reach; 0 while connected
	Since       int64            `cbor:"7,keyasint"`            // last came into service, took or finished a session
	Missed      int              `cbor:"8,keyasint,omitempty"`  // offers in a row that expired; those made together count once
	MissedAt    int64            `cbor:"9,keyasint,omitempty"`  // when the last of these expired
	RestUntil   int64            `cbor:"10,keyasint,omitempty"` // 0: not resting
	LostWith    string           `cbor:"11,keyasint,omitempty"` // the node whose connection was the last; set with LostAt
}

// Session is a live session, as it is kept between commands. It is queued
// while Agent is "", offered while OfferUntil is set, else in conversation.
type Session struct {
	ID         relay.ID `cbor:"1,keyasint"`
	Department string   `cbor:"2,keyasint"`
	OpenedAt   int64    `cbor:"3,keyasint"`
	Front      bool     `cbor:"4,keyasint,omitempty"` // given back by an agent who vanished
	Agent      string   `cbor:"5,keyasint,omitempty"` // offered to, or in conversation with
	OfferUntil int64    `cbor:"6,keyasint,omitempty"`
	Assignment uint64   `cbor:"7,keyasint,omitempty"` // number of the latest offer, accepted or not
	Passes     []Pass   `cbor:"8,keyasint,omitempty"` // oldest first
	Nodes      []string `cbor:"9,keyasint,omitempty"` // where the visitor is connected
	AwaySince  int64    `cbor:"10,keyasint,omitempty"`
}

// Pass says that an agent declined a session or let its offer expire.
type Pass struct {
	Agent string `cbor:"1,keyasint"`
	Until int64  `cbor:"2,keyasint,omitempty"` // not to be asked before; 0: the pause is over
}

// Waiting reports whether nobody has accepted the session.
func (s *Session) Waiting() bool { return s.Agent == "" || s.OfferUntil != 0 }

// Reachable reports whether the agent has a connection.
func (a *Agent) Reachable() bool { return len(a.Nodes) > 0 }

// Desk is all agents at work and all live sessions of a cell.
type Desk struct {
	now         int64
	agents      map[string]*agent
	sessions    map[relay.ID]*session
	departments map[string]*department
	timers      timers

	// What the command under way did; emptied by finish.
	events  []Event
	touched touched
}

type agent struct {
	Agent
	has   map[relay.ID]*session // offers and conversations
	armed int64                 // due time of its valid timer, 0: none
}

type session struct {
	Session
	armed int64
}

type department struct {
	queue  []*session        // waiting, offered ones included, in order of before
	agents map[string]*agent // who has it ticked on
}

type touched struct {
	agents      map[string]bool
	sessions    map[relay.ID]bool
	departments map[string]bool
}

// New returns an empty desk.
func New() *Desk {
	return &Desk{
		agents:      map[string]*agent{},
		sessions:    map[relay.ID]*session{},
		departments: map[string]*department{},
		touched:     touched{map[string]bool{}, map[relay.ID]bool{}, map[string]bool{}},
	}
}

// Restore returns a desk as it was when its agents and sessions were read from
// it. A session with an agent who is not among them is queued.
func Restore(now int64, agents []Agent, sessions []Session) *Desk {
	d := New()
	d.now = now
	for _, row := range agents {
		a := &agent{Agent: row, has: map[relay.ID]*session{}}
		d.agents[row.ID] = a
		d.tick(a)
	}
	for _, row := range sessions {
		s := &session{Session: row}
		d.sessions[row.ID] = s
		if a := d.agents[row.Agent]; a != nil {
			a.has[row.ID] = s
		} else {
			s.Agent, s.OfferUntil = "", 0
		}
		if s.Waiting() {
			d.enqueue(s)
		}
		d.arm(&s.armed, sessionDue(s), entry{session: row.ID})
	}
	for id, a := range d.agents { // once their load is known; a heap has no order of arming
		d.arm(&a.armed, agentDue(a), entry{agent: id})
	}
	return d
}

// Now returns the desk's time in ms.
func (d *Desk) Now() int64 { return d.now }

// Agent returns a copy of an agent's row.
func (d *Desk) Agent(id string) (Agent, bool) {
	a := d.agents[id]
	if a == nil {
		return Agent{}, false
	}
	row := a.Agent
	row.Departments, row.Nodes = slices.Clone(row.Departments), slices.Clone(row.Nodes)
	return row, true
}

// Session returns a copy of a session's row.
func (d *Desk) Session(id relay.ID) (Session, bool) {
	s := d.sessions[id]
	if s == nil {
		return Session{}, false
	}
	row := s.Session
	row.Passes, row.Nodes = slices.Clone(row.Passes), slices.Clone(row.Nodes)
	return row, true
}

// Load returns how many places of an agent are taken, by sessions and offers.
func (d *Desk) Load(agent string) int {
	if a := d.agents[agent]; a != nil {
		return len(a.has)
	}
	return 0
}

// Has returns what an agent has, offers and conversations, in order of id.
func (d *Desk) Has(agent string) []relay.ID {
	a := d.agents[agent]
	if a == nil {
		return nil
	}
	return sortedIDs(a.has)
}

// Place returns a session's place in its queue: 1 is next, 0 does not wait.
func (d *Desk) Place(id relay.ID) int {
	s := d.sessions[id]
	if s == nil || !s.Waiting() {
		return 0
	}
	i, _ := slices.BinarySearchFunc(d.departments[s.Department].queue, s, compare)
	return i + 1
}

// Queue returns a department's queue; its name is left to the caller.
func (d *Desk) Queue(id string) relay.Queue {
	q := relay.Queue{Department: id}
	dep := d.departments[id]
	if dep == nil {
		return q
	}
	q.Waiting = len(dep.queue)
	for _, s := range dep.queue { // those given back come first, then the oldest of the rest
		if q.OldestAt == 0 || s.OpenedAt < q.OldestAt {
			q.OldestAt = s.OpenedAt
		}
		if !s.Front {
			break
		}
	}
	for _, a := range dep.agents {
		if a.State == relay.Service && a.Reachable() {
			q.Agents++
			q.Free += a.places()
		}
	}
	return q
}

// places returns how many more offers the agent may get.
func (a *agent) places() int {
	if a.State != relay.Service || !a.Reachable() || a.RestUntil != 0 {
		return 0
	}
	return max(0, a.Capacity-len(a.has))
}
