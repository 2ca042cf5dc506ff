package session

import "kohe/relay"

// Span is a piece of the transcript: After < seq ≤ Until.
type Span struct{ After, Until uint64 }

// Empty reports whether nothing is in the span.
func (p Span) Empty() bool { return p.Until <= p.After }

// Resume returns what a client lacks that has everything up to (epoch, seq):
// first the span that must be read from the store, because it is not in memory
// any more, then messages, the unnumbered ones last.
//
// Of what the client has, the prefix is trusted that cannot have changed:
//
//   - In the origin's own epoch, while it holds it: all of it, because a place
//     of an epoch is never given twice.
//   - Else up to the last place stored in the client's epoch or before: beyond
//     it places were given anew.
func (s *Session) Resume(epoch uint32, seq uint64) (older Span, messages []relay.Message) {
	trusted := min(seq, s.trusted(epoch))
	first := s.stored - uint64(len(s.window)) + 1
	if trusted+1 < first {
		older = Span{trusted, first - 1}
	}
	for _, m := range s.window {
		if m.Seq > trusted {
			messages = append(messages, m)
		}
	}
	for _, m := range s.pending {
		if m.Seq == 0 || m.Seq > trusted {
			messages = append(messages, m)
		}
	}
	return older, messages
}

// trusted returns the last place of which a client of that epoch cannot have
// another idea than the transcript.
func (s *Session) trusted(epoch uint32) uint64 {
	if epoch == s.epoch && !s.lost {
		return s.end()
	}
	end := s.stored
	for i := len(s.steps) - 1; i >= 0; i-- {
		if s.steps[i].epoch <= epoch {
			return end
		}
		end = s.steps[i].seq - 1
	}
	return 0 // older than anything remembered, or nothing is stored
}
