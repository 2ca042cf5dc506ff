package bench

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// side is what one participant of a session has said and knows of it, by the
// rules of relay/wire/PROTOCOL.md "Messages and ticks".
type side struct {
	session relay.ID
	role    relay.Role
	other   *side
	active  chan struct{} // closed when the session is accepted

	mu       sync.Mutex // guards what follows
	accepted bool
	said     []utterance    // by id
	acked    int            // those before it are acknowledged on this link
	epoch    uint32         // the newest known
	stored   uint64         // last stored number known
	refusals map[string]int // what a node would not take, and why
}

// utterance is a message: the times are zero until it has come so far.
type utterance struct {
	said, sent  time.Time // first, and on the present link
	acked       bool      // on the present link
	heard, kept time.Time // by the other side; stored, as its author was told
	seq         uint64
	under       uint32 // the newest epoch known when its place came
}

// newTalk returns the two sides of a new session.
func newTalk() (visitor, agent *side) {
	id := relay.NewID()
	visitor = &side{session: id, role: relay.RoleVisitor, refusals: map[string]int{}, active: make(chan struct{})}
	agent = &side{session: id, role: relay.RoleAgent, refusals: map[string]int{}, active: make(chan struct{}), other: visitor}
	visitor.other = agent
	return visitor, agent
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

// resume is what a hello says of the session. All that is stored is known.
func (s *side) resume() wire.Resume {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wire.Resume{Session: s.session, Epoch: s.epoch, Seq: s.stored}
}

// take handles a frame of the session. took is how long an acknowledgement
// took, if it is one.
func (s *side) take(f wire.Frame, now time.Time) (took time.Duration, err error) {
	switch f.Kind {
	case wire.Session:
		var v relay.Session
		if err = wire.Decode(f, &v); err == nil && v.ID == s.session {
			s.accept(v)
		}
	case wire.Message:
		var m relay.Message
		if err = wire.Decode(f, &m); err != nil || m.Session != s.session || m.Kind != relay.KindText {
			return 0, err
		}
		if m.Author.Role == s.role {
			return s.place(m.ID, m.Epoch, m.Seq, now), nil
		}
		s.other.reached(m.ID, now)
	case wire.Sent:
		var v wire.SentPayload
		if err = wire.Decode(f, &v); err == nil && v.Session == s.session {
			took = s.place(v.ID, v.Epoch, v.Seq, now)
		}
	case wire.Stored:
		var v wire.StoredPayload
		if err = wire.Decode(f, &v); err == nil && v.Session == s.session {
			s.keep(v.Epoch, v.Seq, now)
		}
	}
	return took, err
}

func (s *side) accept(v relay.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = max(s.epoch, v.Epoch)
	if v.State == relay.Active && !s.accepted {
		s.accepted = true
		close(s.active)
	}
}

// utterance returns a message by its id, nil if there is none. mu is held.
func (s *side) utterance(id string) *utterance {
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 || n >= len(s.said) {
		return nil
	}
	return &s.said[n]
}

// place notes where a message is among the others.
func (s *side) place(id string, epoch uint32, seq uint64, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = max(s.epoch, epoch)
	u := s.utterance(id)
	if u == nil {
		return 0
	}
	first := !u.acked
	u.acked = true
	if u.kept.IsZero() {
		u.seq, u.under = seq, s.epoch
		if s.stored >= seq {
			u.kept = now
		}
	}
	if !first {
		return 0
	}
	return now.Sub(u.sent)
}

// keep notes that everything up to seq is stored. What an older origin numbered
// counts only if it was heard of since the newer one claimed.
func (s *side) keep(epoch uint32, seq uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.stored = max(s.epoch, epoch), max(s.stored, seq)
	for n := range s.said {
		if u := &s.said[n]; u.kept.IsZero() && u.seq != 0 && u.seq <= seq && u.under >= epoch {
			u.kept = now
		}
	}
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
