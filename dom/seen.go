package dom

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// maxSeen is how many bytes of a page's last whole snapshot are kept.
const maxSeen = 512 << 10

// Seen is what one visitor has sent and need not send again: the messages of
// the last whole snapshot, one behind the other, up to 512 KiB. It is known by
// a sum of its bytes, which both ends count for themselves. The zero value has
// seen nothing.
type Seen struct {
	bytes []byte // of the last whole snapshot
	sum   []byte
	next  []byte // of the one that is under way
	open  bool
}

// Sum returns the sum of what was seen, in hexadecimal; "" for nothing.
func (s *Seen) Sum() string { return hex.EncodeToString(s.sum) }

// Len returns how many bytes are held.
func (s *Seen) Len() int { return len(s.bytes) + len(s.next) }

// Take looks at a message that was applied.
func (s *Seen) Take(msg []byte, a Applied) {
	if a.Snapshot {
		s.next, s.open = nil, true
	}
	if !s.open {
		return
	}
	s.next = append(s.next, msg[:min(len(msg), maxSeen-len(s.next))]...)
	if a.Partial {
		return
	}
	s.bytes, s.next, s.open = s.next, nil, false
	s.sum = sumOf(s.bytes)
}

// sumOf returns two sums of FNV-1a of 32 bits, one from the usual start and
// one from its complement.
func sumOf(b []byte) []byte {
	first, second := uint32(fnvOffset), ^uint32(fnvOffset)
	for _, c := range b {
		first = (first ^ uint32(c)) * fnvPrime
		second = (second ^ uint32(c)) * fnvPrime
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, first), second)
}

// Whole returns a message as it was before it was deflated and before what was
// seen was left out. What is not seen here is ErrGap: the page has to be sent
// anew.
func (s *Seen) Whole(msg []byte) ([]byte, error) {
	msg, err := inflate(msg)
	if err != nil || len(msg) == 0 || msg[0] != headSeen {
		return msg, err
	}
	r := &reader{b: msg, at: 1}
	sum := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, r.word()), r.word())
	size, steps := int(r.uint()), int(r.uint())
	switch {
	case r.err != nil:
		return nil, r.err
	case string(sum) != string(s.sum):
		return nil, fmt.Errorf("%w: what is left out was not seen here", ErrGap)
	case size > MaxMessage || steps > len(msg)-r.at:
		return nil, fmt.Errorf("%w: a message of %d bytes with %d of steps", ErrMalformed, size, steps)
	}
	fresh := msg[r.at+steps:]
	r.b = msg[:r.at+steps]
	out := make([]byte, 0, size)
	for from := 0; !r.done(); {
		add, n := int(r.uint()), int(r.uint())
		if from += r.int(); n == 0 {
			from = 0
		}
		if r.err != nil {
			break
		}
		if add > len(fresh) || from < 0 || from > len(s.bytes) || n > len(s.bytes)-from || len(out)+add+n > size {
			r.fail("a step outside of what there is")
			break
		}
		out = append(append(out, fresh[:add]...), s.bytes[from:from+n]...)
		fresh, from = fresh[add:], from+n
	}
	if r.err == nil && (len(out) != size || len(fresh) > 0) {
		r.fail("%d bytes instead of %d", len(out), size)
	}
	return out, r.err
}
