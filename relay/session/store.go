package session

import (
	"slices"

	"kohe/relay"
)

// Propose returns the next batch to be stored, nil if there is none now. One
// batch is out at a time; its answer is told with Appended, Gap or Refused, and
// the epoch of its messages. Without an answer (a timeout, say) it is Refused
// with an error of code unavailable, and the next Propose repeats it.
func (s *Session) Propose() []relay.Message {
	if s.asking || s.lost || s.ended || len(s.pending) == 0 {
		return nil
	}
	n, bytes := 0, 0
	for n < len(s.pending) && n < MaxBatch && !(s.narrow && n == 1) {
		bytes += size(s.pending[n])
		if n > 0 && bytes > MaxBatchBytes {
			break
		}
		n++
	}
	s.asking, s.first, s.last = true, s.pending[0].Seq, s.pending[n-1].Seq
	return slices.Clone(s.pending[:n])
}

// answered reports whether an answer is to the batch that is out.
func (s *Session) answered(epoch uint32) bool {
	if !s.asking || epoch != s.epoch {
		return false
	}
	s.asking = false
	return !s.lost && !s.ended
}

// Appended says that the batch was accepted and seq is the last stored now. It
// reports whether the stored prefix grew.
func (s *Session) Appended(epoch uint32, seq uint64) bool {
	if !s.answered(epoch) {
		return false
	}
	before := s.stored
	for len(s.pending) > 0 && s.pending[0].Seq <= min(seq, s.last) {
		m := s.take(0)
		s.keep(m)
	}
	s.narrow = false
	return s.stored > before
}

// Gap says that the batch was refused because it begins behind what is stored,
// which ends at have. If it does not, by what is known here, it is repeated;
// else the cell and this origin disagree, and only a claim tells what is true.
func (s *Session) Gap(epoch uint32, have uint64) {
	if s.answered(epoch) && have+1 < s.first {
		s.lose()
	}
}

// Refused says that the batch was refused, perhaps after some of it was stored.
// The error's code decides: stale loses the epoch, gone and not_found end the
// session, what may pass is repeated, and a message that can never be stored is
// found and named in NotSaved.
func (s *Session) Refused(epoch uint32, err error) {
	if !s.answered(epoch) {
		return
	}
	switch relay.CodeOf(err) {
	case relay.CodeStale:
		s.lose()
	case relay.CodeGone, relay.CodeNotFound:
		s.finish()
	case relay.CodeConflict, relay.CodeInvalid, relay.CodeTooLarge, relay.CodeMalformed, relay.CodeForbidden:
		s.stuck()
	}
}

// stuck finds the message that keeps the batch from being stored, by proposing
// one at a time, and gives it up. Its place stays empty, so the rest need
// another epoch.
func (s *Session) stuck() {
	if s.last > s.first {
		s.narrow = true
		return
	}
	s.narrow = false
	if len(s.pending) > 0 && s.pending[0].Seq == s.first {
		s.giveUp(s.take(0))
		s.lose()
	}
}

// Committed tells what the cell's log stored in this session, in order,
// whoever proposed it; repeats are harmless. It returns the messages that were
// not announced here at that place and must be relayed.
func (s *Session) Committed(messages []relay.Message) (news []relay.Message) {
	for _, m := range messages {
		if m.Seq <= s.stored {
			continue
		}
		if m.Seq > s.stored+1 { // some were missed
			s.lose()
			break
		}
		if !s.commit(m) {
			news = append(news, m)
		}
	}
	return news
}

// commit takes the next stored message and reports whether it stands where it
// was announced.
func (s *Session) commit(m relay.Message) (ours bool) {
	at := s.find(m)
	ours = at == 0 && s.pending[0].Seq == m.Seq && s.pending[0].Epoch == m.Epoch
	if !ours && len(s.pending) > 0 || m.Epoch > s.epoch {
		s.lose() // it stands where another message was announced
	}
	if at >= 0 {
		if said := s.take(at); body(said) != body(m) {
			s.notSaved = append(s.notSaved, said)
		}
	}
	s.keep(m)
	return ours
}

// keep appends m to the stored prefix.
func (s *Session) keep(m relay.Message) {
	s.stored = m.Seq
	s.latest = max(s.latest, m.At)
	s.known[identity(m.Author, m.ID)] = entry{body(m), m.Epoch, m.Seq, m.At}
	if n := len(s.steps); n == 0 || s.steps[n-1].epoch < m.Epoch {
		s.steps = append(s.steps, step{m.Epoch, m.Seq})
	}
	s.window = append(s.window, m)
	s.heavy += size(m)
	old := 0
	for len(s.window)-old > Window || s.heavy > WindowBytes && len(s.window)-old > 1 {
		s.heavy -= size(s.window[old])
		old++
	}
	if old > 0 {
		s.window = slices.Delete(s.window, 0, old)
	}
	s.over = s.over || m.Kind == relay.KindEnded
}

// find returns where in pending a message with m's identity is, -1 if nowhere.
func (s *Session) find(m relay.Message) int {
	return slices.IndexFunc(s.pending, func(p relay.Message) bool { return p.ID == m.ID && p.Author.Same(m.Author) })
}

// take removes a pending message.
func (s *Session) take(at int) relay.Message {
	m := s.pending[at]
	s.pending = slices.Delete(s.pending, at, at+1)
	s.weight -= size(m)
	return m
}

// giveUp names a message that nobody can store.
func (s *Session) giveUp(m relay.Message) {
	delete(s.known, identity(m.Author, m.ID))
	s.notSaved = append(s.notSaved, m)
}

// lose voids the places of what is not stored.
func (s *Session) lose() {
	if s.lost {
		return
	}
	s.lost = true
	s.visitor.clamp(s.stored)
	s.agent.clamp(s.stored)
	s.place()
}

// place gives the pending messages their places, or none while lost.
func (s *Session) place() {
	for i := range s.pending {
		m := &s.pending[i]
		m.Epoch, m.Seq = 0, 0
		if !s.lost {
			m.Epoch, m.Seq = s.epoch, s.stored+uint64(i)+1
		}
		key := identity(m.Author, m.ID)
		e := s.known[key]
		e.epoch, e.seq = m.Epoch, m.Seq
		s.known[key] = e
	}
}

// finish ends the session: what is not stored never will be.
func (s *Session) finish() {
	s.ended = true
	for len(s.pending) > 0 {
		s.giveUp(s.take(0))
	}
}

// Reclaim takes a new epoch and what is stored by now; of the tail only what
// follows Stored is needed. Unstored messages that turn out to be stored are
// merged with those, the rest get new places in their old order. It returns
// what clients have to be told, in order: the messages that were stored
// meanwhile and those with new places. An epoch that is not newer is ignored.
func (s *Session) Reclaim(claimed State) (moved []relay.Message) {
	if claimed.Epoch <= s.epoch && s.epoch > 0 {
		return nil
	}
	s.lose()
	s.epoch, s.asking, s.narrow = claimed.Epoch, false, false
	for _, m := range claimed.Tail {
		if m.Seq > s.stored {
			if m.Seq > s.stored+1 {
				s.forget()
			}
			s.commit(m)
			moved = append(moved, m)
		}
	}
	if claimed.Stored > s.stored {
		s.forget()
		s.stored = claimed.Stored
	}
	s.lost = claimed.Epoch == 0
	s.place()
	s.visitor.load(claimed.Visitor)
	s.agent.load(claimed.Agent)
	return append(moved, s.pending...)
}

// Unclaimed says that a claim was refused. Gone and not_found end the session;
// after any other error claim again, later.
func (s *Session) Unclaimed(err error) {
	switch relay.CodeOf(err) {
	case relay.CodeGone, relay.CodeNotFound:
		s.finish()
	}
}

// forget empties the window, because what follows it is not known.
func (s *Session) forget() { s.window, s.heavy, s.steps = nil, 0, nil }

// Orphans hands over the unstored messages in their old order, for the new
// origin to say again, and forgets them.
func (s *Session) Orphans() []relay.Message {
	out := s.pending
	for _, m := range out {
		delete(s.known, identity(m.Author, m.ID))
	}
	s.pending, s.weight = nil, 0
	s.lose()
	return out
}

// NotSaved returns the messages that nobody can store, each once.
func (s *Session) NotSaved() []relay.Message {
	out := s.notSaved
	s.notSaved = nil
	return out
}
