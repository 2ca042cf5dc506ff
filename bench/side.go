package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// side is what one participant of a session has said and knows of it, by the
// rules of relay/wire/PROTOCOL.md "Messages and ticks", as the browser's does.
type side struct {
	session relay.ID
	role    relay.Role
	other   *side
	active  chan struct{} // closed when the session is accepted

	mu       sync.Mutex // guards what follows
	accepted bool
	said     []utterance // by id
	acked    int         // those before it are acknowledged on this link
	seen     map[identity]*entry
	loose    map[identity]*entry // of them, those that are not known to be stored
	last     step                // what was last said to be stored
	refusals map[string]int      // what a node would not take, and why
}

// utterance is a message: the times are zero until it has come so far.
type utterance struct {
	said, sent  time.Time // first, and on the present link
	acked       bool      // on the present link
	heard, kept time.Time // by the other side; stored, as its author was told
}

// identity is what names a message in its session.
type identity struct {
	role relay.Role // of its author
	id   string
}

// step is a place in the order.
type step struct {
	epoch uint32
	seq   uint64
}

// entry is a message as this participant was last told of it.
type entry struct {
	identity
	step
}

// newTalk returns the two sides of a new session.
func newTalk() (visitor, agent *side) {
	id := relay.NewID()
	visitor, agent = newSide(id, relay.RoleVisitor), newSide(id, relay.RoleAgent)
	visitor.other, agent.other = agent, visitor
	return visitor, agent
}

func newSide(id relay.ID, role relay.Role) *side {
	return &side{
		session: id, role: role, refusals: map[string]int{}, active: make(chan struct{}),
		seen: map[identity]*entry{}, loose: map[identity]*entry{},
	}
}

const filler = " a message of the length that people write when they are helped"

func (s *side) payload(n int) wire.SayPayload {
	return wire.SayPayload{Session: s.session, ID: strconv.Itoa(n), Text: strconv.Itoa(n) + filler}
}

// say adds a message and returns what to send.
func (s *side) say(now time.Time) wire.SayPayload {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, utterance{said: now, sent: now})
	return s.payload(len(s.said) - 1)
}

// again returns what is to be said on a new link.
func (s *side) again() (list []wire.SayPayload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.acked = len(s.said)
	for n := range s.said {
		u := &s.said[n]
		if u.kept.IsZero() {
			u.sent, u.acked = now, false
			s.acked = min(s.acked, n)
			list = append(list, s.payload(n))
		}
	}
	return list
}

// waiting returns for how long the oldest message that is not acknowledged on
// this link has been.
func (s *side) waiting(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.acked < len(s.said) && (s.said[s.acked].acked || !s.said[s.acked].kept.IsZero()) {
		s.acked++
	}
	if s.acked == len(s.said) {
		return 0
	}
	return now.Sub(s.said[s.acked].sent)
}

// resume is what a hello says of the session: the unbroken stored prefix.
func (s *side) resume() wire.Resume {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := wire.Resume{Session: s.session}
	if prefix := s.prefix(); len(prefix) > 0 {
		last := prefix[len(prefix)-1]
		r.Epoch, r.Seq = last.epoch, last.seq
	}
	return r
}

// prefix returns what is known to be stored, from the first on up to the first
// gap. mu is held.
func (s *side) prefix() (list []*entry) {
	for id, e := range s.seen {
		if s.loose[id] == nil {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	for i, e := range list {
		if e.seq != uint64(i)+1 {
			return list[:i]
		}
	}
	return list
}

// take handles a frame of the session. took is how long an acknowledgement
// took, if it is one.
func (s *side) take(f wire.Frame, now time.Time) (took time.Duration, err error) {
	switch f.Kind {
	case wire.Session:
		var v relay.Session
		if err = wire.Decode(f, &v); err == nil && v.ID == s.session {
			s.accept(v)
			s.keep(step{v.Epoch, v.Stored}, now)
		}
	case wire.Message:
		var m relay.Message
		if err = wire.Decode(f, &m); err != nil || m.Session != s.session {
			return 0, err
		}
		took = s.place(identity{m.Author.Role, m.ID}, step{m.Epoch, m.Seq}, m.Stored, now)
		if m.Kind == relay.KindText && m.Author.Role != s.role {
			s.other.reached(m.ID, now)
		}
	case wire.Sent:
		var v wire.SentPayload
		if err = wire.Decode(f, &v); err == nil && v.Session == s.session {
			took = s.place(identity{s.role, v.ID}, step{v.Epoch, v.Seq}, false, now)
		}
	case wire.Stored:
		var v wire.StoredPayload
		if err = wire.Decode(f, &v); err == nil && v.Session == s.session {
			s.keep(step{v.Epoch, v.Seq}, now)
		}
	}
	return took, err
}

func (s *side) accept(v relay.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.State == relay.Active && !s.accepted {
		s.accepted = true
		close(s.active)
	}
}

// utterance returns an own message by its id, nil if there is none. mu is held.
func (s *side) utterance(id string) *utterance {
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 || n >= len(s.said) {
		return nil
	}
	return &s.said[n]
}

// place notes where a message is among the others, in the stead of an older
// place.
func (s *side) place(what identity, at step, stored bool, now time.Time) (took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.utterance(what.id); u != nil && what.role == s.role && !u.acked {
		u.acked, took = true, now.Sub(u.sent)
	}
	e, loose := s.seen[what], s.loose[what] != nil
	if e != nil && (!loose || !stored && e.epoch > at.epoch) {
		return took
	}
	e = &entry{what, at}
	s.seen[what], s.loose[what] = e, e
	if stored || s.reaches(e) {
		s.settle(e, now)
	}
	return took
}

// reaches says whether what was last said to be stored holds an entry: another
// epoch's word says nothing of it, as its place may be another message's.
func (s *side) reaches(e *entry) bool {
	return e.seq != 0 && e.epoch == s.last.epoch && e.seq <= s.last.seq
}

// settle notes that a message is stored. mu is held.
func (s *side) settle(e *entry, now time.Time) {
	delete(s.loose, e.identity)
	if u := s.utterance(e.id); u != nil && e.role == s.role && u.kept.IsZero() {
		u.kept = now
	}
}

// keep notes that everything of an epoch up to a place is stored.
func (s *side) keep(at step, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = at
	for _, e := range s.loose {
		if s.reaches(e) {
			s.settle(e, now)
		}
	}
}

// differs says how what the participant sees as stored differs from the
// transcript, nil if it does not.
func (s *side) differs(transcript []relay.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := s.prefix()
	if len(prefix) != len(transcript) {
		return fmt.Errorf("the %s in %s sees %d stored messages of %d", s.role, s.session, len(prefix), len(transcript))
	}
	for i, m := range transcript {
		if want := (entry{identity{m.Author.Role, m.ID}, step{m.Epoch, m.Seq}}); *prefix[i] != want {
			return fmt.Errorf("the %s in %s sees %v, stored is %v", s.role, s.session, *prefix[i], want)
		}
	}
	return nil
}

// reached notes that the other side has a message of this one.
func (s *side) reached(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.utterance(id); u != nil && u.heard.IsZero() {
		u.heard = now
	}
}

func (s *side) refused(e wire.ErrorPayload) {
	if e.Code == relay.CodeUnavailable || e.Code == relay.CodeDraining || strings.TrimSpace(e.Text) == "" {
		return // said again over the next link
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[string(e.Code)+": "+e.Text]++
}

// since returns a copy of what was said at or after a moment.
func (s *side) since(moment time.Time) (list []utterance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.said {
		if !u.said.Before(moment) {
			list = append(list, u)
		}
	}
	return list
}

// settled reports whether everything said is stored and heard.
func (s *side) settled() bool {
	for _, u := range s.since(time.Time{}) {
		if u.kept.IsZero() || u.heard.IsZero() {
			return false
		}
	}
	return true
}
