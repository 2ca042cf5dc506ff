package dom

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Errors of Decode and Apply; test with errors.Is.
var (
	ErrMalformed = errors.New("malformed page message")
	ErrTooLarge  = errors.New("page over a limit")
	ErrGap       = errors.New("page messages are missing")
)

// reader takes values off a message. The first error sticks; after it every
// read gives zero.
type reader struct {
	b     []byte
	at    int
	last  uint32 // references are relative to it
	table []string
	err   error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrMalformed, r.at, fmt.Sprintf(format, args...))
		r.at = len(r.b)
	}
}

func (r *reader) done() bool { return r.at >= len(r.b) }

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.fail("it ends too early")
		return 0
	}
	c := r.b[r.at]
	r.at++
	return c
}

// uint reads an unsigned varint below 2³².
func (r *reader) uint() uint32 {
	var n uint64
	for shift := 0; shift <= 28; shift += 7 {
		c := r.byte()
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if n > 0xffffffff {
				break
			}
			return uint32(n)
		}
	}
	r.fail("a number over 32 bits")
	return 0
}

// int reads a zigzag varint.
func (r *reader) int() int {
	n := int64(r.uint())
	return int(n>>1 ^ -(n & 1))
}

// word reads four bytes, big-endian.
func (r *reader) word() uint32 {
	return uint32(r.byte())<<24 | uint32(r.byte())<<16 | uint32(r.byte())<<8 | uint32(r.byte())
}

// count reads a number of things that take at least one byte each.
func (r *reader) count() int {
	n := int(r.uint())
	if n > len(r.b)-r.at {
		r.fail("%d things announced in %d bytes", n, len(r.b)-r.at)
		return 0
	}
	return n
}

// id checks an id.
func (r *reader) id(n int) uint32 {
	if n < 0 || n >= MaxID {
		r.fail("id %d is out of range", n)
		return 0
	}
	return uint32(n)
}

func (r *reader) ref() uint32 {
	if r.last == 0 {
		r.last = r.id(int(r.uint()))
	} else {
		r.last = r.id(int(r.last) + r.int())
	}
	return r.last
}

// take copies n bytes out as text; what is not UTF-8 becomes U+FFFD.
func (r *reader) take(n uint32) string {
	if int(n) > len(r.b)-r.at {
		r.fail("a string of %d bytes is cut off", n)
		return ""
	}
	b := r.b[r.at : r.at+int(n)]
	r.at += int(n)
	if !utf8.Valid(b) {
		r.fail("a string is not UTF-8")
		return ""
	}
	return string(b)
}

func (r *reader) plain() string { return r.take(r.uint()) }

// str reads a string that may stand in the static values or in the table.
func (r *reader) str() string {
	n := r.uint()
	if n&1 == 0 {
		s := r.take(n >> 1)
		if tabled(s) && len(r.table) < maxTable {
			r.table = append(r.table, s)
		}
		return s
	}
	i := int(n >> 1)
	if i < len(valueTexts) {
		return valueTexts[i]
	}
	if i -= len(valueTexts); i < len(r.table) {
		return r.table[i]
	}
	r.fail("string %d is not in the table", i)
	return ""
}

// tabled reports whether a string joins the table when it is written out.
func tabled(s string) bool {
	n := len(s) + 1
	if len(s) >= 64 {
		n++
	}
	return s != "" && n <= maxTabled
}

func (r *reader) name(code uint32, names []string) string {
	if code == 0 {
		return r.str()
	}
	if int(code) > len(names) {
		r.fail("name %d is unknown", code)
		return ""
	}
	return names[code-1]
}

func (r *reader) attrName() string { return r.name(r.uint(), attrNames) }

// set reads ids written as runs of a constant stride.
func (r *reader) set() []uint32 {
	var ids []uint32
	for range r.count() {
		first, more := r.ref(), r.uint()
		var stride uint32
		if more > 0 {
			stride = r.uint()
		}
		if len(ids)+int(more) >= MaxNodes {
			r.fail("over %d ids", MaxNodes)
			return nil
		}
		for i := range uint64(more) + 1 {
			ids = append(ids, r.id(int(uint64(first)+i*uint64(stride))))
			if r.err != nil {
				return nil
			}
		}
		r.last = ids[len(ids)-1]
	}
	return ids
}

func (r *reader) refs() []uint32 {
	ids := make([]uint32, r.count())
	for i := range ids {
		ids[i] = r.ref()
	}
	return ids
}

// permutation reads a set and then its order, as runs of ranks.
func (r *reader) permutation() []uint32 {
	sorted := r.set()
	ids := make([]uint32, 0, len(sorted))
	for rank := 0; len(ids) < len(sorted) && r.err == nil; {
		n := int64(r.uint())
		d := n >> 1
		rank += int(d>>1 ^ -(d & 1))
		run := 1
		if n&1 == 1 {
			run = int(r.uint()) + 2
		}
		if rank < 0 || run > len(sorted)-len(ids) || rank+run > len(sorted) {
			r.fail("not a permutation")
			break
		}
		ids = append(ids, sorted[rank:rank+run]...)
		rank += run
	}
	return ids
}
