package state

import (
	"bytes"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"kohe/relay"
)

// Bounds of the search index.
const (
	MaxWords   = 128 // distinct words of a message that can be found
	MaxWordLen = 40  // bytes of a word, folded; what is longer is found by its beginning

	IndexPerTick       = 50    // messages that one Tick enters
	IndexDelay   int64 = 1_000 // ms that a message waits for that at least

	maxFold = 3 // a character grows at most so many times by case folding (UAX #21)
)

// tokenizer splits text into words and folds them: NFKD, without marks, case
// folded, so that "Õun", "õun" and "oun" are one word. For one goroutine.
type tokenizer struct {
	fold  cases.Caser
	buf   []byte // the folded word
	parts []byte // the word taken apart
}

func newTokenizer() tokenizer { return tokenizer{fold: cases.Fold()} }

// each calls f with every word, folded and valid until f returns, and where it
// is in text, until f returns false. Letters, digits and marks make words.
func (t *tokenizer) each(text string, f func(word []byte, start, end int) bool) {
	start := -1
	for i, r := range text {
		in := unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
		if in && start < 0 {
			start = i
		} else if !in && start >= 0 {
			if !t.one(text, start, i, f) {
				return
			}
			start = -1
		}
	}
	if start >= 0 {
		t.one(text, start, len(text), f)
	}
}

func (t *tokenizer) one(text string, start, end int, f func([]byte, int, int) bool) bool {
	word := t.folded(text[start:end])
	return len(word) == 0 || f(word, start, end)
}

// folded returns a word in the form in which it is compared.
func (t *tokenizer) folded(word string) []byte {
	t.buf = t.buf[:0]
	for i := range len(word) {
		c := word[i]
		if c >= utf8.RuneSelf {
			return t.foldedUnicode(word)
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		t.buf = append(t.buf, c)
	}
	return cut(t.buf)
}

func (t *tokenizer) foldedUnicode(word string) []byte {
	t.parts = norm.NFKD.AppendString(t.parts[:0], word)
	letters := t.parts[:0]
	for i := 0; i < len(t.parts); {
		r, size := utf8.DecodeRune(t.parts[i:])
		if !unicode.IsMark(r) {
			letters = append(letters, t.parts[i:i+size]...)
		}
		i += size
	}
	t.buf = slices.Grow(t.buf[:0], maxFold*len(letters))
	n, _, _ := t.fold.Transform(t.buf[:cap(t.buf)], letters, true) // cannot fail: there is room, and it is UTF-8
	return cut(t.buf[:n])
}

// cut shortens a word to MaxWordLen bytes of whole characters.
func cut(word []byte) []byte {
	if len(word) <= MaxWordLen {
		return word
	}
	n := MaxWordLen
	for !utf8.RuneStart(word[n]) {
		n--
	}
	return word[:n]
}

// pendingRow is a session with messages that are not in the search index yet:
// all from First on. Its key is where it began to wait, the Raft index, and the
// session.
type pendingRow struct {
	Customer string `cbor:"1,keyasint"`
	Since    int64  `cbor:"2,keyasint"` // ms by the state's clock
	First    uint64 `cbor:"3,keyasint"`
}

// postpone leaves a message to be indexed by a Tick to come: entering 30 words
// costs ten times what storing the message does.
func (t *txn) postpone(s *session, m relay.Message) {
	if t.pending[s.ID] {
		return
	}
	t.pending[s.ID] = true
	t.set(t.key(tablePending).num(t.index).id(s.ID), pendingRow{Customer: s.Customer, Since: t.clock, First: m.Seq})
	if t.pendingSince == 0 {
		t.pendingSince = t.clock
	}
}

// waiting is a session's row among those that wait.
type waiting struct {
	key     key
	session relay.ID
	pendingRow
}

// eachWaiting calls f with the sessions that wait, the longest first, until f
// returns false.
func (s *State) eachWaiting(r pebble.Reader, from key, f func(waiting) (bool, error)) error {
	return walk(r, from, s.key(tablePending).end(), func(k, value []byte) (bool, error) {
		w := waiting{key: bytes.Clone(k), session: idAt(tail(k, 16))}
		if err := decoder.Unmarshal(value, &w.pendingRow); err != nil {
			return false, fmt.Errorf("read row %q: %w", k, err)
		}
		return f(w)
	})
}

// indexPending enters the messages of the sessions that wait longest in the
// search index, at most IndexPerTick.
func (t *txn) indexPending() {
	if t.pendingSince == 0 {
		return
	}
	room := IndexPerTick
	var done []waiting // the last one perhaps in part
	var next int64
	r := t.read()
	err := t.eachWaiting(r, t.pendingFrom, func(w waiting) (more bool, err error) {
		if t.moving(w.Customer) {
			return true, nil
		}
		if room == 0 {
			next = w.Since
			return false, nil
		}
		if w.First, room, err = t.indexSession(r, w, room); err == nil {
			done = append(done, w)
		}
		return true, err
	})
	if err != nil {
		_ = t.fail(err)
	}
	t.pendingSince = next
	for _, w := range done {
		t.pendingFrom = w.key
		if w.First == 0 {
			t.unset(w.key)
			delete(t.pending, w.session)
		} else {
			t.set(w.key, w.pendingRow)
			t.pendingSince = w.Since
		}
	}
}

// indexSession enters the messages of a session that wait, at most so many as
// there is room for. It returns the first one left, 0 if none is, and what is
// left of the room.
func (t *txn) indexSession(r pebble.Reader, w waiting, room int) (first uint64, left int, err error) {
	err = walk(r, t.messageKey(w.session, w.First), t.key(tableMessage).id(w.session).end(), func(k, value []byte) (bool, error) {
		seq := seqAt(tail(k, 8))
		if room == 0 {
			first = seq
			return false, nil
		}
		room--
		var m messageRow
		if err := decoder.Unmarshal(value, &m); err != nil {
			return false, fmt.Errorf("read row %q: %w", k, err)
		}
		if m.Kind == relay.KindText {
			t.addWords(w.Customer, m.message(w.session, seq))
		}
		return true, nil
	})
	return first, room, err
}

// loadPending finds the sessions that wait to be indexed.
func (s *State) loadPending() error {
	s.pendingFrom = s.key(tablePending)
	return s.eachWaiting(s.db, s.pendingFrom, func(w waiting) (bool, error) {
		if s.moving(w.Customer) {
			return true, nil
		}
		s.pending[w.session] = true
		if s.pendingSince == 0 {
			s.pendingSince = w.Since
		}
		return true, nil
	})
}

// addWords enters a message's words in the search index.
func (t *txn) addWords(customer string, m relay.Message) {
	clear(t.seen)
	base := t.key(tableWord).name(customer)
	t.tokens.each(m.Text, func(word []byte, _, _ int) bool {
		if t.seen[string(word)] {
			return true
		}
		t.seen[string(word)] = true
		k := append(append(base, word...), 0).newest(m.At).id(m.Session).num(m.Seq)
		if err := t.words.Set(k, nil, nil); err != nil {
			_ = t.fail(err)
		}
		return len(t.seen) < MaxWords
	})
}
