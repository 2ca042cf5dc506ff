package state

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// Bounds of a search.
const (
	MaxQuery      = 200    // bytes of what is searched for
	MaxQueryWords = 8      // words in it
	MinPrefix     = 2      // bytes of a last word that is found by its beginning; a shorter one must be the whole word
	MaxExpand     = 64     // different words that such a beginning stands for, the first by alphabet
	MaxSteps      = 20_000 // places looked at; past that, what was found is the answer
	MaxFresh      = 2_000  // messages not indexed yet that are looked through
	SnippetRunes  = 160    // characters of a hit's snippet
)

// SearchQuery asks for messages that contain all words of Text, the last of
// them by its beginning.
type SearchQuery struct {
	Customer    string
	Sites       []string // that the asker may see; none: nothing is found
	Departments []string // likewise
	Text        string
	Before      int64 // ms; 0: from the newest on
	Limit       int   // 0: DefaultPage; at most MaxPage
}

// Hit is a message found, newest first.
type Hit struct {
	Session relay.Session // as in History
	Message relay.Message
	Snippet string // of its text, around the first word found
}

// place is where a word occurs: the time, newest first, session and number at
// the end of a key of the index.
type place [32]byte

// Search returns messages that contain all words of a text.
func (r *Reader) Search(q SearchQuery) (hits []Hit, err error) {
	words, err := queryWords(q.Text)
	if err != nil {
		return nil, err
	}
	snap := r.snapshot()
	defer func() { err = cmp.Or(err, snap.Close()) }()
	s := search{state: r.state, snap: snap, query: q, words: words, sessions: map[relay.ID]*session{}}
	defer func() { err = cmp.Or(err, s.close()) }()
	if err := s.open(); err != nil {
		return nil, err
	}
	return s.run()
}

// queryWords returns the folded words of a query.
func queryWords(text string) ([]string, error) {
	if len(text) > MaxQuery {
		return nil, relay.Errorf(relay.CodeInvalid, "Search for at most %d bytes of text.", MaxQuery)
	}
	var words []string
	tokens := newTokenizer()
	tokens.each(text, func(word []byte, _, _ int) bool {
		words = append(words, string(word))
		return true
	})
	if len(words) == 0 || len(words) > MaxQueryWords {
		return nil, relay.Errorf(relay.CodeInvalid, "Search for 1 to %d words.", MaxQueryWords)
	}
	return words, nil
}

// search is one search under way.
type search struct {
	state    *State
	snap     *pebble.Snapshot
	query    SearchQuery
	words    []string
	lists    []list // one for each word
	sessions map[relay.ID]*session
	steps    int
}

// list is the places of one word, or of all words with a beginning.
type list []*postings

// postings is the places of one word in the index, in order.
type postings struct {
	base key
	it   *pebble.Iterator
	at   place
	on   bool // at is a place; else the iterator has not moved yet, or end
	end  bool
}

func (s *search) open() error {
	last := len(s.words) - 1
	for i, word := range s.words {
		words := []string{word}
		if i == last && len(word) >= MinPrefix {
			var err error
			if words, err = s.expand(word); err != nil {
				return err
			}
		}
		s.lists = append(s.lists, nil)
		for _, word := range words {
			k := s.state.key(tableWord).name(s.query.Customer).name(word)
			it, err := s.snap.NewIter(&pebble.IterOptions{LowerBound: k, UpperBound: k.end()})
			if err != nil {
				return err
			}
			s.lists[i] = append(s.lists[i], &postings{base: k, it: it})
		}
	}
	return nil
}

func (s *search) close() (err error) {
	for _, p := range slices.Concat(s.lists...) {
		err = cmp.Or(err, p.it.Close())
	}
	return err
}

// expand returns the words in the index with a beginning.
func (s *search) expand(prefix string) (words []string, err error) {
	base := s.state.key(tableWord).name(s.query.Customer)
	from := append(slices.Clone(base), prefix...)
	it, err := s.snap.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: from.end()})
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, it.Close()) }()
	for ok := it.First(); ok && len(words) < MaxExpand; {
		word := it.Key()[len(base) : len(it.Key())-len(place{})-1]
		words = append(words, string(word))
		ok = it.SeekGE(slices.Clone(base).name(string(word)).end())
	}
	return words, it.Error()
}

// seek returns the first place of the list at or after to.
func (s *search) seek(l list, to place) (best place, ok bool) {
	for _, p := range l {
		if !p.end && (!p.on || bytes.Compare(p.at[:], to[:]) < 0) {
			s.steps++
			p.on = p.it.SeekGE(append(slices.Clone(p.base), to[:]...))
			p.end = !p.on
			if p.on {
				copy(p.at[:], tail(p.it.Key(), len(place{})))
			}
		}
		if p.on && (!ok || bytes.Compare(p.at[:], best[:]) < 0) {
			best, ok = p.at, true
		}
	}
	return best, ok
}

// common returns the first place at or after from that all lists have.
func (s *search) common(from place) (place, bool) {
	at, agreed := from, 0
	for i := 0; agreed < len(s.lists); i = (i + 1) % len(s.lists) {
		next, ok := s.seek(s.lists[i], at)
		switch {
		case !ok || s.steps >= MaxSteps:
			return at, false
		case next == at:
			agreed++
		default:
			at, agreed = next, 1
		}
	}
	return at, true
}

// run returns hits from the index and from what is not in it yet.
func (s *search) run() (hits []Hit, err error) {
	var at place
	if s.query.Before > 0 {
		copy(at[:], key(nil).newest(s.query.Before-1))
	}
	if hits, err = s.fresh(at); err != nil {
		return nil, err
	}
	limit := pageOf(s.query.Limit)
	for found := len(hits); len(hits) < found+limit; at.next() {
		var ok bool
		if at, ok = s.common(at); !ok {
			break
		}
		if hits, err = s.add(hits, at); err != nil {
			return nil, err
		}
	}
	for _, p := range slices.Concat(s.lists...) {
		err = cmp.Or(err, p.it.Error())
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		x, y := placeOf(a.Message), placeOf(b.Message)
		return bytes.Compare(x[:], y[:])
	})
	return hits[:min(len(hits), limit)], err
}

func placeOf(m relay.Message) (p place) {
	copy(p[:], key(nil).newest(m.At).id(m.Session).num(m.Seq))
	return p
}

// fresh returns the messages from a place on that are found but not indexed
// yet, of the MaxFresh whose sessions have waited longest.
func (s *search) fresh(from place) (hits []Hit, err error) {
	tokens, looked := newTokenizer(), 0
	err = s.state.eachWaiting(s.snap, s.state.key(tablePending), func(w waiting) (bool, error) {
		first, end := s.state.messageKey(w.session, w.First), s.state.key(tableMessage).id(w.session).end()
		err := walk(s.snap, first, end, func(k, value []byte) (bool, error) {
			looked++
			if w.Customer != s.query.Customer {
				return false, nil
			}
			var m messageRow
			if err := decoder.Unmarshal(value, &m); err != nil {
				return false, err
			}
			at := placeOf(m.message(w.session, seqAt(tail(k, 8))))
			var err error
			if m.Kind == relay.KindText && bytes.Compare(at[:], from[:]) >= 0 && s.matches(&tokens, m.Text) {
				hits, err = s.add(hits, at)
			}
			return looked < MaxFresh, err
		})
		return looked < MaxFresh, err
	})
	return hits, err
}

// matches reports whether text has all words.
func (s *search) matches(tokens *tokenizer, text string) bool {
	found := make([]bool, len(s.words))
	tokens.each(text, func(word []byte, _, _ int) bool {
		for i := range s.words {
			found[i] = found[i] || isWord(s.words, i, word)
		}
		return true
	})
	return !slices.Contains(found, false)
}

// isWord reports whether a folded word is the i-th of words, or begins with it
// if that is the last.
func isWord(words []string, i int, word []byte) bool {
	if i == len(words)-1 && len(words[i]) >= MinPrefix {
		return bytes.HasPrefix(word, []byte(words[i]))
	}
	return string(word) == words[i]
}

// next makes p the place that follows it.
func (p *place) next() {
	for i := len(p) - 1; i >= 0; i-- {
		p[i]++
		if p[i] != 0 {
			return
		}
	}
}

// add adds the message at a place, if the asker may see it.
func (s *search) add(hits []Hit, at place) ([]Hit, error) {
	id, seq := idAt(at[8:24]), seqAt(at[24:])
	row, known := s.sessions[id]
	if !known {
		var err error
		if row, err = s.state.readSession(s.snap, id); err != nil {
			return nil, err
		}
		s.sessions[id] = row
	}
	if row == nil || !slices.Contains(s.query.Sites, row.Site) || !slices.Contains(s.query.Departments, row.Department) {
		return hits, nil
	}
	var m messageRow
	if ok, err := get(s.snap, s.state.messageKey(id, seq), &m); !ok || err != nil {
		return hits, err
	}
	return append(hits, Hit{Session: row.Session, Message: m.message(id, seq), Snippet: snippet(m.Text, s.words)}), nil
}

// snippet returns the part of text around the first word that was searched for.
func snippet(text string, words []string) string {
	from := 0
	tokens := newTokenizer()
	tokens.each(text, func(word []byte, start, _ int) bool {
		for i := range words {
			if isWord(words, i, word) {
				from = start
				return false
			}
		}
		return true
	})
	for lead := SnippetRunes / 4; from > 0 && lead > 0; lead-- { // some of what came before it
		_, size := utf8.DecodeLastRuneInString(text[:from])
		from -= size
	}
	part := clipRunes(text[from:], SnippetRunes)
	out := strings.Join(strings.Fields(part), " ")
	if from > 0 {
		out = "…" + out
	}
	if from+len(part) < len(text) {
		out += "…"
	}
	return out
}
