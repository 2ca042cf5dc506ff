package session

import "kohe/relay"

// MarksEvery is how often a participant's watermarks are saved at most, in ms.
const MarksEvery = 1000

// Watermark is how far one side has got: relay.RoleVisitor, or relay.RoleAgent
// for agents and supervisors.
type Watermark struct {
	By    relay.Role
	Marks relay.Marks
}

// watermark is what is known of one side. A client draws a message before it
// is stored, so its wish may run ahead of the stored prefix and takes effect
// as that grows.
type watermark struct {
	wish  relay.Marks // at most the last seq given
	told  relay.Marks // returned by Raised
	saved relay.Marks // returned by DueMarks
	at    int64       // when
}

func (w *watermark) now(stored uint64) relay.Marks { return limit(w.wish, stored) }

func (w *watermark) clamp(most uint64) { w.wish = limit(w.wish, most) }

// load takes what is saved.
func (w *watermark) load(m relay.Marks) {
	w.wish, w.told, w.saved = raise(w.wish, m), raise(w.told, m), raise(w.saved, m)
}

func limit(m relay.Marks, most uint64) relay.Marks {
	return relay.Marks{Delivered: min(m.Delivered, most), Read: min(m.Read, most)}
}

func raise(a, b relay.Marks) relay.Marks {
	return relay.Marks{Delivered: max(a.Delivered, b.Delivered), Read: max(a.Read, b.Read)}
}

// sides calls f for both sides.
func (s *Session) sides(f func(by relay.Role, w *watermark)) {
	f(relay.RoleVisitor, &s.visitor)
	f(relay.RoleAgent, &s.agent)
}

// Mark takes what a participant's client says of itself: everything up to
// delivered was drawn, up to read was read. What was read was drawn. Watermarks
// never fall and never pass the stored prefix; Raised tells what came of it.
func (s *Session) Mark(by relay.Role, delivered, read uint64) {
	w := &s.agent
	switch by {
	case relay.RoleVisitor:
		w = &s.visitor
	case relay.RoleAgent, relay.RoleSupervisor:
	default:
		return
	}
	w.wish = raise(w.wish, limit(relay.Marks{Delivered: max(delivered, read), Read: read}, s.end()))
}

// Marks returns a side's watermarks.
func (s *Session) Marks(by relay.Role) relay.Marks {
	if by == relay.RoleVisitor {
		return s.visitor.now(s.stored)
	}
	return s.agent.now(s.stored)
}

// Raised returns the watermarks that rose since it was last asked, for the
// participants to be told. Ask after Mark and whenever the stored prefix grew.
func (s *Session) Raised() (raised []Watermark) {
	s.sides(func(by relay.Role, w *watermark) {
		if m := w.now(s.stored); m != w.told {
			w.told = m
			raised = append(raised, Watermark{by, m})
		}
	})
	return raised
}

// DueMarks returns the watermarks to be saved now (ms since 1970), each side
// at most once in MarksEvery, and when to ask again, 0 if only after a change.
// They count as saved, unless Unsaved says otherwise.
func (s *Session) DueMarks(now int64) (due []Watermark, again int64) {
	s.sides(func(by relay.Role, w *watermark) {
		m := w.now(s.stored)
		if m == w.saved {
			return
		}
		if next := w.at + MarksEvery; w.at > 0 && now < next {
			if again == 0 || next < again {
				again = next
			}
			return
		}
		w.saved, w.at = m, now
		due = append(due, Watermark{by, m})
	})
	return due, again
}

// Unsaved says that a side's watermarks could not be saved after all.
func (s *Session) Unsaved(by relay.Role) {
	s.sides(func(side relay.Role, w *watermark) {
		if side == by {
			w.saved = relay.Marks{}
		}
	})
}
