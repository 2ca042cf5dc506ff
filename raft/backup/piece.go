package backup

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"kohe/relay"
)

// Piece is a part of a file: of a segment of a session's recording. A file's
// pieces come one after another, without gaps; files come in order of session
// and segment.
type Piece struct {
	Session, Segment relay.ID
	Offset           int64
	Bytes            []byte // 1 to MaxPiece
}

const pieceHead = 16 + 16 + 8 // bytes: session, segment, offset

func (p Piece) append(b []byte) []byte {
	b = append(append(b, p.Session[:]...), p.Segment[:]...)
	return append(binary.BigEndian.AppendUint64(b, uint64(p.Offset)), p.Bytes...)
}

func parsePiece(b []byte) (p Piece, err error) {
	if len(b) <= pieceHead {
		return p, fmt.Errorf("a piece of a file of %d bytes", len(b))
	}
	copy(p.Session[:], b)
	copy(p.Segment[:], b[16:])
	p.Offset, p.Bytes = int64(binary.BigEndian.Uint64(b[32:])), b[pieceHead:]
	return p, nil
}

// sequence checks that pieces come in order, and counts them.
type sequence struct {
	last Piece // without Bytes
	next int64 // offset
}

func (s *sequence) add(p Piece, t *Totals) error {
	order := bytes.Compare(p.Session[:], s.last.Session[:])
	if order == 0 {
		order = bytes.Compare(p.Segment[:], s.last.Segment[:])
	}
	switch {
	case len(p.Bytes) == 0 || len(p.Bytes) > MaxPiece:
		return fmt.Errorf("a piece of a file has 1 to %d bytes, not %d", MaxPiece, len(p.Bytes))
	case order == 0 && p.Offset == s.next && p.Offset > 0:
	case order > 0 && p.Offset == 0:
		t.Files++
		s.next = 0
	default:
		return fmt.Errorf("a piece of %s at byte %d is out of order", p.Segment, p.Offset)
	}
	t.FileBytes += uint64(len(p.Bytes))
	s.last, s.next = Piece{Session: p.Session, Segment: p.Segment}, s.next+int64(len(p.Bytes))
	return nil
}
