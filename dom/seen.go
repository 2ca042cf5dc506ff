package dom

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// maxSeen is how many bytes of a page's last whole snapshot are kept, and of
// the one that is under way.
const maxSeen = 512 << 10

// Seen is what one visitor has sent and need not send again: the messages of
// the last whole snapshot, one behind the other, up to 512 KiB, and as much of
// the one under way. It is known by a sum of its bytes, which both ends count
// for themselves. The zero value has seen nothing.
type Seen struct {
	bytes []byte // of the last whole snapshot; behind them, those of the one under way
	whole int    // how many are of the last whole one
	ends  []int  // where the messages behind it end
	room  int    // bytes that they may still have
	open  bool   // one is under way
	sum   seenSum

	with, without seenSum // of all bytes, and of those of the one under way

	// The words of the bytes from a place on, counted when a message asks for
	// them. During a snapshot it cannot ask for others.
	words   *vocabulary
	from    int
	counted int // bytes whose words were counted since Counted was asked
}

// Sum returns the sum of the last whole snapshot, in hexadecimal; "" for none.
func (s *Seen) Sum() string {
	if s.whole == 0 {
		return ""
	}
	return hex.EncodeToString(s.sum.append(nil))
}

// Len returns how many bytes are held.
func (s *Seen) Len() int {
	if s.words == nil {
		return len(s.bytes)
	}
	return len(s.bytes) + s.words.bytes
}

// Counted returns how many bytes had their words counted since it was asked
// last. A snapshot that begins anew has them counted again, however short its
// message is: whoever takes messages from strangers holds them to a rate of it.
func (s *Seen) Counted() int {
	n := s.counted
	s.counted = 0
	return n
}

// Take looks at a message that was applied.
func (s *Seen) Take(msg []byte, a Applied) {
	if a.Snapshot {
		s.begin()
		s.room, s.open = maxSeen, true
	}
	if !s.open {
		return
	}
	if msg = msg[:min(len(msg), s.room)]; len(msg) > 0 {
		s.bytes, s.room = append(s.bytes, msg...), s.room-len(msg)
		s.ends = append(s.ends, len(s.bytes))
		s.with.add(msg)
		s.without.add(msg)
		if s.words != nil {
			s.words.count(msg)
		}
	}
	if a.Partial {
		return
	}
	s.bytes = bytes.Clone(s.bytes[s.whole:])
	s.whole, s.ends, s.open, s.words = len(s.bytes), nil, false, nil
	s.sum, s.with, s.without = s.without, s.without, seenSum{}
}

// begin forgets the snapshot that is under way.
func (s *Seen) begin() {
	s.bytes, s.ends, s.open, s.words = s.bytes[:s.whole], nil, false, nil
	s.with, s.without = s.sum, seenSum{}
}

// reference returns the bytes and the words that a message with a sum refers
// to. It reports false if they were not seen here.
func (s *Seen) reference(sum []byte) (seen []byte, words []string, ok bool) {
	from := 0
	switch string(sum) {
	case string(s.with.append(nil)):
	case string(s.without.append(nil)):
		from = s.whole
	case string(s.sum.append(nil)):
		s.begin() // a snapshot that begins anew, while another one was under way
	case string(seenSum{}.append(nil)):
		s.begin()
		from = s.whole
	default:
		return nil, nil, false
	}
	switch {
	case from == len(s.bytes):
		return nil, nil, true
	case s.words == nil:
		s.words, s.from = &vocabulary{}, from
		s.counted += len(s.bytes) - from
		for _, end := range append([]int{s.whole}, s.ends...) {
			if end > from {
				s.words.count(s.bytes[from:end])
				from = end
			}
		}
	case s.from != from:
		return nil, nil, false
	}
	return s.bytes[s.from:], s.words.common(), true
}

// Whole returns a message as it was before it was deflated and before it was
// made short. What is not seen here is ErrGap: the page has to be sent anew.
func (s *Seen) Whole(msg []byte) ([]byte, error) {
	if len(msg) == 0 || msg[0] != headSeen {
		return inflate(msg)
	}
	r := &reader{b: msg, at: 1}
	sum := r.take(seenSumBytes)
	size := int(r.uint())
	if r.err == nil && size > MaxMessage {
		r.fail("a message of %d bytes", size)
	}
	frame, codes, figures := r.part(), r.part(), r.part()
	if r.err == nil && !r.done() {
		r.fail("bytes behind its end")
	}
	if r.err != nil {
		return nil, r.err
	}
	seen, words, ok := s.reference(sum)
	if !ok {
		return nil, fmt.Errorf("%w: what is left out was not seen here", ErrGap)
	}
	r = &reader{b: frame}
	steps := r.take(int(r.uint()))
	ops := r.take(int(r.uint()))
	told := r.take(int(r.uint()))
	if r.err != nil {
		return nil, r.err
	}
	text, ok := outlined{frame[r.at:], codes, figures, wordList(told, words)}.text(size)
	if !ok {
		r.fail("its words")
		return nil, r.err
	}
	return joined(steps, append(ops[:len(ops):len(ops)], text...), seen, size)
}

// part reads a part of a short message: its length, its length deflated, or 0
// if it is not, and its bytes.
func (r *reader) part() []byte {
	n, deflated := int(r.uint()), int(r.uint())
	switch {
	case n > 2*MaxMessage:
		r.fail("a part of %d bytes", n)
		return nil
	case deflated == 0:
		return r.take(n)
	}
	part, err := inflated(r.take(deflated), n)
	if err != nil && r.err == nil {
		r.fail("%v", err)
	}
	return part
}

// joined follows the steps of a message of `size` bytes: so many of the fresh
// ones, then so many of those that were seen.
func joined(steps, fresh, seen []byte, size int) ([]byte, error) {
	r := &reader{b: steps}
	out := make([]byte, 0, size)
	for from := 0; !r.done(); {
		add, n := int(r.uint()), int(r.uint())
		if from += r.int(); n == 0 {
			from = 0
		}
		if r.err != nil {
			break
		}
		if add > len(fresh) || from < 0 || from > len(seen) || n > len(seen)-from || len(out)+add+n > size {
			r.fail("a step outside of what there is")
			break
		}
		out = append(append(out, fresh[:add]...), seen[from:from+n]...)
		fresh, from = fresh[add:], from+n
	}
	if r.err == nil && (len(out) != size || len(fresh) > 0) {
		r.fail("%d bytes instead of %d", len(out), size)
	}
	return out, r.err
}

// seenSum is two sums of FNV-1a of 32 bits, one from the usual start and one
// from its complement; the zero value is of no bytes.
type seenSum struct{ first, second uint32 }

const seenSumBytes = 8

func (s *seenSum) add(b []byte) {
	first, second := s.first^fnvOffset, s.second^^uint32(fnvOffset)
	for _, c := range b {
		first = (first ^ uint32(c)) * fnvPrime
		second = (second ^ uint32(c)) * fnvPrime
	}
	s.first, s.second = first^fnvOffset, second^^uint32(fnvOffset)
}

func (s seenSum) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, s.first^fnvOffset)
	return binary.BigEndian.AppendUint32(b, s.second^^uint32(fnvOffset))
}
