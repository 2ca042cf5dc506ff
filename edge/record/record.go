// Package record is the recording of what a session's agent saw: the page,
// pointers and drawings on one clock. FORMAT.md is the file. Writer and Scan are
// pure; Recorder writes a session's file while the session goes on, and never
// makes it wait.
package record

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	stateless "github.com/klauspost/compress/flate"
)

// Kind says what a record is. Numbers are never reused.
type Kind byte

// The kinds.
const (
	Page    Kind = 1
	Pointer Kind = 2
	Hand    Kind = 3
	Draw    Kind = 4
	State   Kind = 5
)

// Bounds of a part.
const (
	headLen  = 20
	maxBody  = 4 << 20 // bytes
	version  = 1
	begins   = 1       // flag: the part begins a group
	history  = 8 << 10 // bytes of a group that the next part's deflating looks back at
	maxDelta = 1 << 32 // ms between the records of a part
)

// ErrMalformed is the error of bytes that are no part of a recording.
var ErrMalformed = errors.New("not a part of a recording")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer makes parts of records. The zero value is ready; the first record is
// given to Begin.
type Writer struct {
	out     []byte // parts that are ready
	records []byte // of the part at hand
	begins  bool   // it begins a group
	first   int64  // ms, of its first record
	last    int64  // ms, of the newest record
	tail    []byte // the last bytes of the group so far
}

// Begin begins a group with the whole page, at ms since 1970.
func (w *Writer) Begin(at int64, page []byte) {
	w.seal()
	w.begins, w.tail = true, w.tail[:0]
	w.last = max(w.last, at)
	w.add(w.last, Page, page)
}

// Add adds a record to the group. Time does not run backwards in a recording.
func (w *Writer) Add(at int64, kind Kind, payload []byte) { w.add(max(at, w.last), kind, payload) }

func (w *Writer) add(at int64, kind Kind, payload []byte) {
	if len(w.records) == 0 {
		w.first = at
		if w.begins {
			w.last = at
		}
	}
	w.records = binary.AppendUvarint(w.records, uint64(at-w.last))
	w.records = binary.AppendUvarint(w.records, uint64(kind))
	w.records = binary.AppendUvarint(w.records, uint64(len(payload)))
	w.records = append(w.records, payload...)
	w.last = at
}

// Pending returns the bytes that Take would return, before they are deflated.
func (w *Writer) Pending() int { return len(w.out) + len(w.records) }

// Take returns the parts so far, which the caller owns.
func (w *Writer) Take() []byte {
	w.seal()
	out := w.out
	w.out = nil
	return out
}

// seal ends the part at hand.
func (w *Writer) seal() {
	if len(w.records) == 0 {
		return
	}
	at := len(w.out)
	w.out = append(w.out, make([]byte, headLen)...)
	w.out = deflate(w.out, w.records, w.tail, w.begins)
	part := w.out[at:]
	head := binary.BigEndian.AppendUint32(nil, uint32(len(part)-headLen))
	head = append(head, version, 0)
	if w.begins {
		head[5] = begins
	}
	head = append(head, binary.BigEndian.AppendUint64(nil, uint64(w.first))[2:]...)
	head = binary.BigEndian.AppendUint32(head, uint32(min(w.last-w.first, maxDelta-1)))
	copy(part[4:], head)
	binary.BigEndian.PutUint32(part, crc32.Checksum(part[4:], castagnoli))
	w.tail = append(w.tail, w.records...)
	w.tail = append(w.tail[:0], w.tail[max(0, len(w.tail)-history):]...)
	w.records, w.begins = w.records[:0], false
}

// deflaters are kept for the first parts of groups, which have the pages in
// them. The other parts are short and many recordings run at once: they are
// deflated without a state, with what was before them as a dictionary.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic(err) // only for a level out of range
	}
	return w
}}

func deflate(to, b, before []byte, first bool) []byte {
	buf := bytes.NewBuffer(to)
	if !first {
		if err := stateless.StatelessDeflate(buf, b, false, before); err != nil {
			panic(err) // a bytes.Buffer takes everything
		}
		return buf.Bytes()
	}
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(buf)
	// Writing to a bytes.Buffer does not fail.
	_, _ = w.Write(b)
	_ = w.Flush()
	return buf.Bytes()
}

// part is one that was read.
type part struct {
	begins   bool
	at, span int64 // ms
	body     []byte
	size     int // bytes, with its head
}

// readPart reads the part that b begins with.
func readPart(b []byte) (p part, err error) {
	if len(b) < headLen {
		return p, ErrMalformed
	}
	length := int(binary.BigEndian.Uint32(b[4:]))
	if length > maxBody || len(b) < headLen+length {
		return p, ErrMalformed
	}
	p.size = headLen + length
	if crc32.Checksum(b[4:p.size], castagnoli) != binary.BigEndian.Uint32(b) {
		return p, ErrMalformed
	}
	if b[8] != version {
		return p, fmt.Errorf("%w: version %d", ErrMalformed, b[8])
	}
	p.begins = b[9]&begins != 0
	p.at = int64(binary.BigEndian.Uint64(b[8:]) & (1<<48 - 1))
	p.span = int64(binary.BigEndian.Uint32(b[16:]))
	p.body = b[headLen:p.size]
	return p, nil
}
