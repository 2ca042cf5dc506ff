package state

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

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

// pendingRow is a message that is not in the search index yet. Its key is its
// place in the log: the Raft index and the message's number.
type pendingRow struct {
	Session  relay.ID `cbor:"1,keyasint"`
	Customer string   `cbor:"2,keyasint"`
	Since    int64    `cbor:"3,keyasint"` // ms by the state's clock
}

// postpone leaves a message to be indexed by a Tick to come: entering 30 words
// costs ten times what storing the message does.
func (t *txn) postpone(s *session, m relay.Message) {
	t.set(t.key(tablePending).num(t.index).num(m.Seq), pendingRow{Session: m.Session, Customer: s.Customer, Since: t.clock})
	if t.pendingSince == 0 {
		t.pendingSince = t.clock
	}
}

// indexPending enters the longest waiting messages, at most IndexPerTick, in
// the search index.
func (t *txn) indexPending() {
	if t.pendingSince == 0 {
		return
	}
	done := 0
	var keys []key
	var since int64
	err := walk(t.rows, t.pendingFrom, t.key(tablePending).end(), func(k, value []byte) (bool, error) {
		var row pendingRow
		if err := decoder.Unmarshal(value, &row); err != nil {
			return false, err
		}
		if done == IndexPerTick {
			since = row.Since
			return false, nil
		}
		done++
		keys = append(keys, bytes.Clone(k))
		seq := seqAt(tail(k, 8))
		if m, ok := t.message(row.Session, seq); ok {
			t.addWords(row.Customer, m.message(row.Session, seq))
		}
		return true, nil
	})
	if err != nil {
		_ = t.fail(err)
	}
	for _, k := range keys {
		t.unset(k)
		t.pendingFrom = k
	}
	t.pendingSince = since
}

// loadPending finds the message that has waited longest to be indexed.
func (s *State) loadPending() error {
	s.pendingFrom = s.key(tablePending)
	return walk(s.db, s.pendingFrom, s.pendingFrom.end(), func(_, value []byte) (bool, error) {
		var row pendingRow
		err := decoder.Unmarshal(value, &row)
		s.pendingSince = row.Since
		return false, err
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
