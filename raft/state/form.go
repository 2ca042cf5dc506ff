package state

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"kohe/relay"
)

// Every message passes through two forms, the Append in the log and the row of
// the transcript, and through the one on every member. They are written and
// read here without reflection, in the same bytes as encoder writes; what is not
// in these bytes is left to decoder. (RFC 8949 §3: a head is three bits of major
// type and an argument.)
const (
	majorUint     = 0 << 5
	majorNegative = 1 << 5
	majorBytes    = 2 << 5
	majorText     = 3 << 5
	majorArray    = 4 << 5
	majorMap      = 5 << 5
	null          = 7<<5 | 22
)

// form is what was written so far.
type form []byte

func (f form) head(major byte, n uint64) form {
	switch {
	case n < 24:
		return append(f, major|byte(n))
	case n <= math.MaxUint8:
		return append(f, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(f, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(f, major|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(f, major|27), n)
	}
}

func (f form) key(n byte) form { return append(f, n) } // below 24
func (f form) uint(n uint64) form {
	return f.head(majorUint, n)
}

func (f form) int(n int64) form {
	if n < 0 {
		return f.head(majorNegative, uint64(-1-n))
	}
	return f.uint(uint64(n))
}

func (f form) text(s string) form    { return append(f.head(majorText, uint64(len(s))), s...) }
func (f form) id(id relay.ID) form   { return append(f.head(majorBytes, uint64(len(id))), id[:]...) }
func (f form) members(n uint64) form { return f.head(majorMap, n) }

func one(present bool) uint64 {
	if present {
		return 1
	}
	return 0
}

func (f form) author(a relay.Author) form {
	f = f.members(1 + one(a.ID != "") + one(a.Name != "")).key(1).text(string(a.Role))
	if a.ID != "" {
		f = f.key(2).text(a.ID)
	}
	if a.Name != "" {
		f = f.key(3).text(a.Name)
	}
	return f
}

func (f form) message(m relay.Message) form {
	f = f.members(7 + one(m.Text != "")).key(1).id(m.Session).key(2).uint(uint64(m.Epoch)).key(3).uint(m.Seq)
	f = f.key(4).author(m.Author).key(5).text(m.ID).key(6).text(string(m.Kind))
	if m.Text != "" {
		f = f.key(7).text(m.Text)
	}
	return f.key(8).int(m.At)
}

// row writes m as a messageRow.
func (f form) row(m relay.Message) form {
	f = f.members(5 + one(m.Text != "")).key(1).uint(uint64(m.Epoch)).key(2).author(m.Author)
	f = f.key(3).text(m.ID).key(4).text(string(m.Kind))
	if m.Text != "" {
		f = f.key(5).text(m.Text)
	}
	return f.key(6).int(m.At)
}

// size is about what append writes, in bytes.
func (c Append) size() int {
	n := 64
	for _, m := range c.Messages {
		n += 128 + len(m.Author.Name) + len(m.ID) + len(m.Text)
	}
	return n
}

func (f form) append(c Append) form {
	f = f.members(4).key(1).id(c.Session).key(2).uint(uint64(c.Epoch)).key(3)
	if c.Messages == nil {
		f = append(f, null)
	} else {
		f = f.head(majorArray, uint64(len(c.Messages)))
	}
	for _, m := range c.Messages {
		f = f.message(m)
	}
	return f.key(4).int(c.At)
}

// formReader reads what form writes. The first thing that is otherwise sets
// other, and what is returned from then on means nothing.
type formReader struct {
	left  string
	other bool
}

// readAppend reads an Append; false: it is to be read by decoder.
func readAppend(body []byte) (c Append, ok bool) {
	r := formReader{left: string(body)} // one copy, which the messages share
	r.each(func(key uint64) {
		switch key {
		case 1:
			c.Session = r.id()
		case 2:
			c.Epoch = r.uint32()
		case 3:
			c.Messages = r.messages()
		case 4:
			c.At = r.int()
		default:
			r.other = true
		}
	})
	return c, !r.other && r.left == ""
}

// each calls f with the key of each member of a map, which are in order.
func (r *formReader) each(f func(key uint64)) {
	last := uint64(0)
	for n := r.head(majorMap); n > 0 && !r.other; n-- {
		key := r.head(majorUint)
		if key <= last {
			r.other = true
			return
		}
		last = key
		f(key)
	}
}

// head returns the argument of a head of this major type.
func (r *formReader) head(major byte) (n uint64) {
	if r.other || r.left == "" || r.left[0]&^31 != major {
		r.other = true
		return 0
	}
	info := r.left[0] & 31
	r.left = r.left[1:]
	if info < 24 {
		return uint64(info)
	}
	size := 1 << (info - 24)
	if info > 27 || size > len(r.left) {
		r.other = true
		return 0
	}
	for i := range size {
		n = n<<8 | uint64(r.left[i])
	}
	r.left = r.left[size:]
	return n
}

func (r *formReader) take(n uint64) (s string) {
	if n > uint64(len(r.left)) {
		r.other = true
		return ""
	}
	s, r.left = r.left[:n], r.left[n:]
	return s
}

func (r *formReader) text() string {
	s := r.take(r.head(majorText))
	if !utf8.ValidString(s) {
		r.other = true
	}
	return s
}

func (r *formReader) id() (id relay.ID) {
	s := r.take(r.head(majorBytes))
	if len(s) != len(id) {
		r.other = true
	}
	copy(id[:], s)
	return id
}

func (r *formReader) uint32() uint32 {
	n := r.head(majorUint)
	if n > math.MaxUint32 {
		r.other = true
	}
	return uint32(n)
}

func (r *formReader) int() int64 {
	n := r.head(majorUint)
	if n > math.MaxInt64 {
		r.other = true
	}
	return int64(n)
}

func (r *formReader) messages() []relay.Message {
	n := r.head(majorArray)
	if n > MaxAppend {
		r.other = true
		return nil
	}
	list := make([]relay.Message, n)
	for i := range list {
		r.message(&list[i])
	}
	return list
}

func (r *formReader) message(m *relay.Message) {
	r.each(func(key uint64) {
		switch key {
		case 1:
			m.Session = r.id()
		case 2:
			m.Epoch = r.uint32()
		case 3:
			m.Seq = r.head(majorUint)
		case 4:
			r.author(&m.Author)
		case 5:
			m.ID = r.text()
		case 6:
			m.Kind = relay.MessageKind(r.text())
		case 7:
			m.Text = r.text()
		case 8:
			m.At = r.int()
		default:
			r.other = true
		}
	})
}

func (r *formReader) author(a *relay.Author) {
	r.each(func(key uint64) {
		switch key {
		case 1:
			a.Role = relay.Role(r.text())
		case 2:
			a.ID = r.text()
		case 3:
			a.Name = r.text()
		default:
			r.other = true
		}
	})
}

// readAppended reads the result of an Append that was not refused.
func readAppended(b []byte) (v Appended, ok bool) {
	r := formReader{left: string(b)}
	r.each(func(key uint64) {
		r.other = r.other || key != 2 || r.head(majorMap) != 1 || r.text() != "Seq"
		v.Seq = r.head(majorUint)
	})
	return v, !r.other && r.left == "" && len(b) > 1
}
