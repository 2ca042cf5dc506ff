package record

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
)

// quiet is how long nothing happens until it counts as idle, ms.
const quiet = 3000

// Index says where in a file what time is.
type Index struct {
	Groups []Group    `json:"groups"`
	Active [][2]int64 `json:"active"` // when something happened: from, to, ms since 1970
}

// Group is a piece of the file that can be read for itself.
type Group struct {
	At   int64 `json:"at"` // ms since 1970
	From int64 `json:"from"`
	To   int64 `json:"to"`   // offsets in the file
	Page int64 `json:"page"` // bytes of its first part, which has the whole page
}

// End is the offset up to which the file was read.
func (x *Index) End() int64 {
	if len(x.Groups) == 0 {
		return 0
	}
	return x.Groups[len(x.Groups)-1].To
}

// Scan reads the heads of a file's parts, up to the first that cannot be read.
func Scan(b []byte) (x Index) {
	x.Extend(b)
	return x
}

// Bounds of a segment's index: what was written by a recorder has far fewer.
const (
	maxGroups = 20_000
	maxSpans  = 20_000
)

// Extend goes on where the file was read to: b is what is in it from End on.
func (x *Index) Extend(b []byte) {
	offset := x.End()
	for len(b) > 0 {
		p, err := readPart(b)
		if err != nil || len(x.Groups) == 0 && !p.begins || len(x.Groups) >= maxGroups && p.begins || len(x.Active) >= maxSpans {
			break
		}
		if p.begins {
			x.Groups = append(x.Groups, Group{At: p.at, From: offset, Page: int64(p.size)})
		}
		offset += int64(p.size)
		x.Groups[len(x.Groups)-1].To = offset
		x.active(p.at, p.at+p.span)
		b = b[p.size:]
	}
}

// active notes a span of time in which something happened.
func (x *Index) active(from, to int64) {
	if n := len(x.Active); n > 0 && from-x.Active[n-1][1] <= quiet {
		x.Active[n-1][1] = max(x.Active[n-1][1], to)
		return
	}
	x.Active = append(x.Active, [2]int64{from, to})
}

// Body returns the deflate stream of a group: b is the file from its From to
// its To.
func Body(b []byte) ([]byte, error) {
	var body []byte
	for first := true; len(b) > 0; first = false {
		p, err := readPart(b)
		if err != nil {
			return nil, err
		}
		if p.begins != first {
			return nil, fmt.Errorf("%w: not one group", ErrMalformed)
		}
		body = append(body, p.body...)
		b = b[p.size:]
	}
	return append(body, 3, 0), nil
}

// Record is one that was read.
type Record struct {
	After   int64 // ms since the group began
	Kind    Kind
	Payload []byte
}

// MaxGroup is how many bytes the records of a group have at most.
const MaxGroup = 64 << 20

// Records reads a group's records from what Body returned.
func Records(body []byte) ([]Record, error) {
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), MaxGroup+1))
	if err != nil || len(b) > MaxGroup {
		return nil, fmt.Errorf("%w: its records do not inflate", ErrMalformed)
	}
	var list []Record
	after := int64(0)
	for len(b) > 0 {
		var head [3]uint64 // ms since the last, kind, length
		for i := range head {
			v, n := binary.Uvarint(b)
			if n <= 0 || v >= 1<<32 {
				return nil, fmt.Errorf("%w: a record's head", ErrMalformed)
			}
			head[i], b = v, b[n:]
		}
		if head[2] > uint64(len(b)) || head[1] > 255 {
			return nil, fmt.Errorf("%w: a record's length", ErrMalformed)
		}
		after += int64(head[0])
		list = append(list, Record{after, Kind(head[1]), b[:head[2]]})
		b = b[head[2]:]
	}
	return list, nil
}
