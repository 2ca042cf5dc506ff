package dom

import (
	"encoding/binary"
	"strings"
	"time"
)

// writer builds a message.
type writer struct {
	start   []byte // the head, as far as the operations
	b       []byte // operations
	text    []byte // their strings, with zero bytes between
	strings int
	sole    int // where the operations were when the first string came

	last  uint32
	table map[string]int
	next  int64 // id that the next new node would have without saying so

	since   uint64        // what a reader of this version has is not written
	longest int           // strings of more bytes are left out
	now     time.Duration // by the tree's clock

	above []*Node // open above the page: their states are written last, the highest at the end

	existing bool // a node was written that the reader has already
}

func (w *writer) clip(s string) string {
	if len(s) > w.longest {
		return ""
	}
	return s
}

func (w *writer) uint(n uint32) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *writer) int(n int) { w.uint(uint32(n)<<1 ^ uint32(n>>31)) }

func (w *writer) op(c Code, k uint8) { w.b = append(w.b, byte(c)|k<<5) }

func (w *writer) ref(id uint32) {
	if w.last == 0 {
		w.uint(id)
	} else {
		w.int(int(id) - int(w.last))
	}
	w.last = id
}

// plain adds a string to the column.
func (w *writer) plain(s string) {
	if w.strings == 0 {
		w.sole = len(w.b)
	} else {
		w.text = append(w.text, 0)
	}
	w.strings++
	w.text = append(w.text, strings.ReplaceAll(s, "\x00", "\x01")...)
}

// finish returns the message. A string that ends it needs no column.
func (w *writer) finish() []byte {
	msg := make([]byte, 0, len(w.start)+binary.MaxVarintLen32+len(w.b)+len(w.text))
	msg = append(msg, w.start...)
	if w.strings > 1 || w.strings == 1 && w.sole < len(w.b) {
		msg[0] |= headColumn
		msg = binary.AppendUvarint(msg, uint64(len(w.b)))
	}
	msg = append(msg, w.b...)
	return append(msg, w.text...)
}

func (w *writer) str(s string) {
	if i, ok := valueCodes[s]; ok {
		w.uint(uint32(i) + 1)
		return
	}
	if i, ok := w.table[s]; ok {
		w.uint(uint32(len(valueTexts)+i) + 1)
		return
	}
	w.uint(0)
	w.plain(s)
	if tabled(s) && len(w.table) < maxTable {
		if w.table == nil {
			w.table = map[string]int{}
		}
		w.table[s] = len(w.table)
	}
}

// tag writes the head of an element whose id is the next one.
func (w *writer) tag(tag string, kind uint32) {
	if i, ok := tagCodes[tag]; ok {
		w.uint(uint32(i+1)<<2 | kind)
		return
	}
	w.uint(kind)
	w.str(tag)
}

func (w *writer) attrName(name string) {
	if i, ok := attrCodes[name]; ok {
		w.uint(uint32(i) + 1)
		return
	}
	w.uint(0)
	w.str(name)
}

// set writes ascending ids as runs of a constant stride.
func (w *writer) set(ids []uint32) {
	type run struct{ first, n, stride uint32 }
	var runs []run
	for i := 0; i < len(ids); {
		r := run{first: ids[i], n: 1}
		if i+1 < len(ids) {
			r.stride = ids[i+1] - ids[i]
		}
		for i+int(r.n) < len(ids) && ids[i+int(r.n)]-ids[i+int(r.n)-1] == r.stride {
			r.n++
		}
		if r.n == 2 { // a run of two is longer than two alone
			r.n = 1
		}
		runs = append(runs, r)
		i += int(r.n)
	}
	w.uint(uint32(len(runs)))
	for _, r := range runs {
		w.ref(r.first)
		w.uint(r.n - 1)
		if r.n > 1 {
			w.uint(r.stride)
			w.last = r.first + r.stride*(r.n-1)
		}
	}
}

func (w *writer) refs(ids []uint32) {
	w.uint(uint32(len(ids)))
	for _, id := range ids {
		w.ref(id)
	}
}

func (w *writer) head(bits byte, from, to uint64) {
	w.start = append(w.start[:0], bits|headSpan)
	w.start = binary.AppendUvarint(w.start, from)
	w.start = binary.AppendUvarint(w.start, to)
	if bits&headSnapshot != 0 {
		w.start = append(w.start, Format)
	}
}
