package dom

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
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
	b     []byte // as far as the operations go
	at    int
	text  string // the strings of the column that were not read yet
	rest  bool   // there is no column: a string goes on to the message's end
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

// take returns the next n bytes.
func (r *reader) take(n int) []byte {
	if n > len(r.b)-r.at {
		r.fail("%d bytes are cut off", n)
		return nil
	}
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

// count reads a number of things that take at least one byte each.
func (r *reader) count() int {
	n := int(r.uint())
	if left := len(r.b) - r.at + len(r.text); n > left {
		r.fail("%d things announced in %d bytes", n, left)
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

// column finds the strings: behind the operations, or, without a column, at
// their end.
func (r *reader) column(there bool) {
	r.rest = !there
	if !there {
		return
	}
	n := int(r.uint())
	if n > len(r.b)-r.at {
		r.fail("operations of %d bytes are cut off", n)
		return
	}
	text := r.b[r.at+n:]
	r.b = r.b[:r.at+n]
	if !utf8.Valid(text) {
		r.fail("a string is not UTF-8")
		return
	}
	r.text = string(text) + "\x00"
}

// plain reads a string: the next of the column, or all that is left.
func (r *reader) plain() string {
	if r.rest {
		b := r.b[r.at:]
		r.at, r.rest = len(r.b), false
		if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
			r.fail("a string is not UTF-8, or has a zero")
			return ""
		}
		return string(b)
	}
	s, text, ok := strings.Cut(r.text, "\x00")
	if !ok {
		r.fail("a string too few")
		return ""
	}
	r.text = text
	return strings.Clone(s)
}

// str reads a string that may stand in the static values or in the table.
func (r *reader) str() string {
	n := int(r.uint())
	if n == 0 {
		s := r.plain()
		if tabled(s) && len(r.table) < maxTable {
			r.table = append(r.table, s)
		}
		return s
	}
	i := n - 1
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
	return s != "" && len(s) <= 3*maxTabled && (len(s) <= maxTabled || utf16Len(s) <= maxTabled)
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
