package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Writer writes a backup. After an error all that is left is to throw away what
// was written.
type Writer struct {
	out    io.Writer
	sum    hash.Hash // of what was written
	zstd   *zstd.Encoder
	totals Totals

	last  []byte // key of a row
	rows  []byte // that are not written yet
	files sequence
	chunk []byte // for use again
	piece []byte // likewise
}

// NewWriter begins a backup. Rows come first, then pieces of files, then the
// key; Close ends it.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := &Writer{out: out, sum: sha256.New(), zstd: z}
	if err := w.write([]byte(Magic)); err != nil {
		return nil, err
	}
	return w, w.put(kindHeader, must(encoder.Marshal(h)))
}

func (w *Writer) write(b []byte) error {
	w.sum.Write(b)
	_, err := w.out.Write(b)
	return err
}

// put writes a chunk.
func (w *Writer) put(kind byte, payload []byte) error {
	if len(payload) > limit(kind) {
		return fmt.Errorf("back up: %d bytes in a chunk of kind %d: at most %d", len(payload), kind, limit(kind))
	}
	encoding, stored := byte(plain), payload
	if w.chunk = w.zstd.EncodeAll(payload, w.chunk[:0]); len(w.chunk) < len(payload) {
		encoding, stored = compressed, w.chunk
	}
	head := make([]byte, 0, headSize)
	head = append(head, kind, encoding)
	head = binary.BigEndian.AppendUint32(head, uint32(len(payload)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(stored)))
	head = head[:headSize]
	binary.BigEndian.PutUint32(head[sumAt:], checksum(head, stored))
	if err := w.write(head); err != nil {
		return err
	}
	return w.write(stored)
}

// Row adds a row. Keys come in order, each once.
func (w *Writer) Row(key, value []byte) error {
	switch {
	case len(key) == 0 || len(key) > MaxKey || len(value) > MaxValue:
		return fmt.Errorf("back up: a row of %d and %d bytes: at most %d and %d", len(key), len(value), MaxKey, MaxValue)
	case bytes.Compare(key, w.last) <= 0:
		return fmt.Errorf("back up: the row %q does not follow %q", key, w.last)
	}
	if len(w.rows) > 0 && len(w.rows)+len(key)+len(value) > fullRows {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.last = append(w.last[:0], key...)
	w.rows = append(binary.AppendUvarint(w.rows, uint64(len(key))), key...)
	w.rows = append(binary.AppendUvarint(w.rows, uint64(len(value))), value...)
	w.totals.Rows++
	return nil
}

func (w *Writer) flush() error {
	if len(w.rows) == 0 {
		return nil
	}
	err := w.put(kindRows, w.rows)
	w.rows = w.rows[:0]
	return err
}

// Piece adds a part of a file.
func (w *Writer) Piece(p Piece) error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.files.add(p, &w.totals); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	w.piece = p.append(w.piece[:0])
	return w.put(kindPiece, w.piece)
}

// Missing notes that a file could not be read.
func (w *Writer) Missing() { w.totals.Missing++ }

// Key adds the cell's key, with which visitors' and agents' sign-ins are signed.
func (w *Writer) Key(pem []byte) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.put(kindKey, pem)
}

// Close writes the end. It does not close what it writes to.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.put(kindEnd, must(encoder.Marshal(end{w.totals, w.sum.Sum(nil)})))
}
