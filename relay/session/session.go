// Package session is one conversation at its origin: the edge that numbers its
// messages (DESIGN 5). It is pure: values in, values out; time is a parameter,
// and whoever owns a Session calls it from one goroutine at a time.
//
// What it promises:
//
//   - A place (epoch, seq) names one message for ever. Unstored messages that
//     lose their places get new ones in a new epoch only, in their old order.
//   - A message's identity is (session, author, the author's id). The same
//     identity with the same body gets the same answer; with another body it is
//     refused.
//   - What is proposed follows what is stored and repeats until it is answered,
//     so what is stored is a prefix of what was said.
//   - A message that was said is stored, or handed over (Orphans), or named as
//     not saved (NotSaved); it never just vanishes.
//
// What clients do with the frames, so that all of them converge on the
// transcript: for each identity the message with the greatest (epoch, seq)
// counts. It has lost its place if a message with a greater epoch is known at
// the same seq or before it, or if a Stored frame with a greater epoch names a
// lower seq. In its resume a client names the last place with none missing
// before it.
package session

import (
	"crypto/sha256"
	"time"

	"kohe/relay"
)

// Bounds of one session. Bytes are of texts, ids and names.
const (
	Window        = 200         // stored messages kept in memory, for resume
	WindowBytes   = 256 << 10   // and their bytes
	MaxUnstored   = 200         // messages said and not yet stored
	UnstoredBytes = 256 << 10   // and their bytes
	SystemReserve = 32          // unstored messages that the system may add to these
	MaxBatch      = 64          // messages proposed at once
	MaxBatchBytes = 128 << 10   // and their bytes
	MaxMessages   = 10_000      // messages of one session
	RetryFull     = time.Second // when to say again what did not fit
)

// State is what a claim answered and what was read of the transcript after it.
type State struct {
	Session relay.ID
	Epoch   uint32 // 0: no epoch could be had; messages flow unnumbered until Reclaim
	Stored  uint64 // last stored seq
	// Tail is the end of the transcript, in order, up to Stored. An identity
	// older than it is not recognised here, only by the cell: give all of it.
	Tail    []relay.Message
	Visitor relay.Marks
	Agent   relay.Marks
}

// Session is one conversation. The zero value is of no use; see New.
type Session struct {
	id    relay.ID
	epoch uint32
	lost  bool // the epoch is gone, or is of no more use: Reclaim
	over  bool // the end was said: nothing new may follow it
	ended bool // nothing can be stored any more

	stored  uint64          // last stored seq
	window  []relay.Message // the last of the stored ones, consecutive
	heavy   int             // bytes of window
	steps   []step          // where epochs begin in what is known of the stored prefix
	known   map[sum]entry   // by identity: window, pending and all stored that were ever seen here
	latest  int64           // time of the last message; times never run backwards
	pending []relay.Message // said and not stored, in order; numbered on from stored, or not at all
	weight  int             // bytes of pending

	asking      bool   // a batch is being stored
	first, last uint64 // its places
	narrow      bool   // a batch was refused: the next holds one message, to find which

	notSaved []relay.Message
	visitor  watermark
	agent    watermark
}

// step is the first stored place of an epoch.
type step struct {
	epoch uint32
	seq   uint64 // its first place
}

// sum is a truncated SHA-256: of an identity, or of a body.
type sum [16]byte

// entry is what is remembered of a message besides its identity.
type entry struct {
	body  sum
	epoch uint32
	seq   uint64
	at    int64
}

func identity(a relay.Author, id string) sum {
	return hash(string(a.Role), a.ID, id)
}

func body(m relay.Message) sum { return hash(string(m.Kind), m.Text) }

// hash keeps parts apart by a byte that UTF-8 never has.
func hash(parts ...string) sum {
	var b []byte
	for _, p := range parts {
		b = append(append(b, p...), 0xff)
	}
	h := sha256.Sum256(b)
	return sum(h[:16])
}

func size(m relay.Message) int {
	return len(m.Text) + len(m.ID) + len(m.Author.ID) + len(m.Author.Name)
}

// New returns the session as a claim found it.
func New(claimed State) *Session {
	s := &Session{id: claimed.Session, known: make(map[sum]entry), lost: true}
	s.Reclaim(claimed)
	return s
}

// Say numbers a message at the time at (ms since 1970). A message said before
// is answered with its place and fresh false. While the session is lost the
// place is zero: relay it, Reclaim will place it. Errors: conflict, invalid,
// gone, and unavailable when too much waits to be stored.
func (s *Session) Say(a relay.Author, id string, kind relay.MessageKind, text string, at int64) (m relay.Message, fresh bool, err error) {
	m = relay.Message{Session: s.id, Author: a, ID: id, Kind: kind, Text: text}
	if err := check(m); err != nil {
		return m, false, err
	}
	key, what := identity(a, id), body(m)
	if old, ok := s.known[key]; ok {
		if old.body != what {
			return m, false, relay.Errorf(relay.CodeConflict, "Another message was sent under the same id %q.", id)
		}
		m.Epoch, m.Seq, m.At = old.epoch, old.seq, old.at
		return m, false, nil
	}
	if err := s.admit(m); err != nil {
		return m, false, err
	}
	s.latest = max(s.latest, at)
	m.At = s.latest
	if !s.lost {
		m.Epoch, m.Seq = s.epoch, s.end()+1
	}
	s.pending = append(s.pending, m)
	s.weight += size(m)
	s.known[key] = entry{what, m.Epoch, m.Seq, m.At}
	s.over = s.over || m.Kind == relay.KindEnded
	return m, true, nil
}

func check(m relay.Message) error {
	if err := relay.CheckClientID(m.ID); err != nil {
		return err
	}
	if m.Kind.Spoken() {
		return relay.CheckText(m.Text)
	}
	if m.Author.Role != relay.RoleSystem {
		return relay.Errorf(relay.CodeInvalid, "Only text can be said.")
	}
	return nil
}

// admit says whether there is room for a new message.
func (s *Session) admit(m relay.Message) error {
	most, total := MaxUnstored, MaxMessages
	if m.Author.Role == relay.RoleSystem {
		most, total = most+SystemReserve, total+SystemReserve
	}
	switch {
	case s.over, s.ended:
		return relay.Errorf(relay.CodeGone, "This conversation has ended.")
	case s.stored+uint64(len(s.pending)) >= uint64(total):
		return relay.Errorf(relay.CodeInvalid, "This conversation is full. Please end it and start another.")
	case len(s.pending) >= most, s.weight+size(m) > UnstoredBytes:
		return &relay.Error{Code: relay.CodeUnavailable, Text: "Messages cannot be stored right now. Yours will be sent again by itself.", Retry: RetryFull}
	}
	return nil
}

// end returns the last seq given, stored or not.
func (s *Session) end() uint64 {
	if s.lost {
		return s.stored
	}
	return s.stored + uint64(len(s.pending))
}

// Stored returns the place up to which everything is stored, as a Stored frame
// names it: the current epoch and the last stored seq.
func (s *Session) Stored() (epoch uint32, seq uint64) { return s.epoch, s.stored }

// Unstored returns how many messages wait to be stored.
func (s *Session) Unstored() int { return len(s.pending) }

// Lost reports whether the session needs a new epoch: claim, then Reclaim.
func (s *Session) Lost() bool { return s.lost && !s.ended }

// Ended reports whether the cell stores nothing more in this session.
func (s *Session) Ended() bool { return s.ended }
