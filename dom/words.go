package dom

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

// Words of a short message (FORMAT.md).
const (
	shortWords = 240                // words whose code is one byte
	maxWords   = shortWords + 16<<8 // words that have a code
	minWord    = 2                  // bytes of a word that is counted
	maxWord    = 64                 // the same, at most
	maxCounted = 16384              // different words that are counted
	minUntold  = 2                  // how often a word comes before it has a code untold

	verbatim     = 2    // in an outline: the bytes from here to the next one stand for themselves
	otherCase    = 3    // the next word begins with the other case
	firstWords   = 0x80 // one word; with a higher one so many more
	firstFigures = 0xc0 // one figure; the same
	endFigures   = 0xe0 // bytes from here on stand for nothing
)

// vocabulary counts words.
type vocabulary struct {
	place map[string]int // in words
	words []wordCount    // in the order in which they came first
	list  []string       // those that have codes, nil if they have to be looked for
	bytes int            // of the words, roughly as they lie in memory
}

type wordCount struct {
	word string
	n    int
}

const wordCost = 80 // bytes in memory besides a word's own

// count counts the words of a piece of what both ends have.
func (v *vocabulary) count(piece []byte) {
	if v.place == nil {
		v.place = map[string]int{}
	}
	v.list = nil
	var low [maxWord]byte
	for at := 0; ; {
		word, end := nextWord(piece, at)
		if word == nil {
			return
		}
		at = end
		if len(word) < minWord || len(word) > maxWord {
			continue
		}
		key := low[:copy(low[:], word)]
		if isUpper(key[0]) {
			key[0] += 'a' - 'A'
		}
		i, ok := v.place[string(key)]
		if !ok && len(v.words) == maxCounted {
			continue
		}
		if !ok {
			i = len(v.words)
			w := string(key)
			v.place[w] = i
			v.words = append(v.words, wordCount{word: w})
			v.bytes += len(w) + wordCost
		}
		v.words[i].n++
	}
}

// common returns the words that have codes, the most frequent first.
func (v *vocabulary) common() []string {
	if v.list != nil {
		return v.list
	}
	often := make([]wordCount, 0, len(v.words))
	for _, w := range v.words {
		if w.n >= minUntold {
			often = append(often, w)
		}
	}
	slices.SortStableFunc(often, func(a, b wordCount) int { return b.n - a.n })
	often = often[:min(len(often), maxWords)]
	v.list = make([]string, len(often))
	for i, w := range often {
		v.list[i] = w.word
	}
	return v.list
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func inWord(c byte) bool {
	return isLower(c) || isUpper(c) || '0' <= c && c <= '9' || c == '_' || c >= utf8.RuneSelf
}

// nextWord returns the next word at or behind a place, and where it ends; nil
// if there is none.
func nextWord(b []byte, at int) (word []byte, end int) {
	for at < len(b) && !inWord(b[at]) {
		at++
	}
	if at == len(b) {
		return nil, at
	}
	if n := addressLength(b[at:]); n > 0 {
		return b[at : at+n], at + n
	}
	end = at + 1
	for end < len(b) && inWord(b[end]) {
		end++
	}
	return b[at:end], end
}

// addressLength returns how long the address is that bytes begin with, as far
// as its last slash; 0 if they do not.
func addressLength(b []byte) int {
	start := 0
	for _, scheme := range [...]string{"http://", "https://"} {
		if bytes.HasPrefix(b, []byte(scheme)) {
			start = len(scheme)
		}
	}
	last := 0
	for i := start; start > 0 && i < len(b) && b[i] > ' ' && bytes.IndexByte([]byte(`"'()<>?#`), b[i]) < 0; i++ {
		if b[i] == '/' {
			last = i + 1
		}
	}
	return last
}

// outlined is a text as a message has it: its outline, and what belongs in it.
type outlined struct {
	outline []byte
	codes   []byte // of words
	figures []byte
	words   []string
}

// wordList returns the words that codes stand for: those that the message
// tells, with spaces between, and those that are known.
func wordList(told []byte, known []string) []string {
	var words []string
	if len(told) > 0 {
		words = strings.SplitN(string(told), " ", maxWords+1)
	}
	words = append(words, known...)
	return words[:min(len(words), maxWords)]
}

// text returns the text. It returns false if a code stands for nothing, if
// codes or figures are missing or left over, or if it has over `most` bytes.
func (o outlined) text(most int) ([]byte, bool) {
	out := make([]byte, 0, min(most, 2*(len(o.outline)+4*len(o.codes))))
	afterWord, other := false, false
	for at := 0; at < len(o.outline); at++ {
		switch c := o.outline[at]; {
		case c == otherCase:
			other = true
			continue
		case c == verbatim:
			n := bytes.IndexByte(o.outline[at+1:], verbatim)
			if n < 0 {
				n = len(o.outline) - at - 1
			}
			if n == 0 {
				out = append(out, verbatim)
			}
			out = append(out, o.outline[at+1:at+1+n]...)
			at += n + 1
		case c < firstWords:
			out = append(out, c)
		case c < firstFigures:
			for range c - firstWords + 1 {
				word := o.word()
				if word == "" {
					return nil, false
				}
				out = spell(out, word, afterWord, other)
				afterWord, other = word[len(word)-1] != '/', false
				if len(out) > most {
					return nil, false
				}
			}
			continue
		case c < endFigures:
			n := int(c-firstFigures) + 1
			if n > len(o.figures) {
				return nil, false
			}
			out = append(out, o.figures[:n]...)
			o.figures = o.figures[n:]
		default:
			return nil, false
		}
		afterWord = false
	}
	return out, len(out) <= most && len(o.codes) == 0 && len(o.figures) == 0
}

// word takes a code and returns its word, "" if it stands for none.
func (o *outlined) word() string {
	if len(o.codes) == 0 {
		return ""
	}
	code, n := int(o.codes[0]), 1
	if code >= shortWords {
		if len(o.codes) < 2 {
			return ""
		}
		code, n = shortWords+(code-shortWords)<<8+int(o.codes[1]), 2
	}
	if o.codes = o.codes[n:]; code >= len(o.words) {
		return ""
	}
	return o.words[code]
}

// spell appends a word: behind another one after a space, and with a capital
// letter where a string begins, if it does not say otherwise.
func spell(out []byte, word string, afterWord, other bool) []byte {
	if afterWord {
		out = append(out, ' ')
	}
	begins := len(out) == 0 || out[len(out)-1] == 0
	out = append(out, word...)
	if isLower(word[0]) && word[len(word)-1] != '/' && begins != other {
		out[len(out)-len(word)] -= 'a' - 'A'
	}
	return out
}
