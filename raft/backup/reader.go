package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Contents is who gets what is in a backup; nil: nobody. Slices are good until
// the function returns; its error ends Read and is returned as it is.
type Contents struct {
	Header func(Header) error
	Row    func(key, value []byte) error
	Piece  func(Piece) error
	Key    func(pem []byte) error
}

// Read reads a backup to its end. What c has got counts only if the error is
// nil: ErrNotBackup, ErrVersion, ErrCut, ErrDamaged, in's own, or c's.
func Read(in io.Reader, c Contents) (Totals, error) {
	z, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxChunk), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return Totals{}, err
	}
	defer z.Close()
	r := &reader{in: in, sum: sha256.New(), zstd: z, to: c}
	if err := r.magic(); err != nil {
		return Totals{}, err
	}
	for !r.ended {
		begins := r.at
		if err := r.chunk(); errors.Is(err, ErrCut) || errors.Is(err, ErrDamaged) {
			return Totals{}, fmt.Errorf("%w (in the chunk at byte %d)", err, begins)
		} else if err != nil {
			return Totals{}, err
		}
	}
	return r.totals, nil
}

type reader struct {
	in     io.Reader
	at     int64 // bytes read
	sum    hash.Hash
	zstd   *zstd.Decoder
	to     Contents
	totals Totals // read so far

	kind   byte // of the last chunk
	ended  bool
	last   []byte // key of a row
	files  sequence
	stored []byte // for use again
	raw    []byte // likewise
}

// fill reads all of b, and of more than b nothing.
func (r *reader) fill(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.at += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCut
	}
	return err
}

func (r *reader) magic() error {
	b := make([]byte, len(Magic))
	err := r.fill(b)
	version := strings.IndexByte(Magic, '1')
	switch {
	case errors.Is(err, ErrCut) && !strings.HasPrefix(Magic, string(b[:r.at])) || err == nil && string(b[:version]) != Magic[:version]:
		return ErrNotBackup
	case err != nil:
		return err
	case string(b) != Magic:
		return ErrVersion
	}
	r.sum.Write(b)
	return nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrDamaged, fmt.Errorf(format, args...))
}

// chunk reads the next chunk and hands on what is in it.
func (r *reader) chunk() error {
	var head [headSize]byte
	if err := r.fill(head[:]); err != nil {
		return err
	}
	kind, encoding := head[0], head[1]
	size, stored := int64(binary.BigEndian.Uint32(head[2:])), int64(binary.BigEndian.Uint32(head[6:]))
	switch {
	case limit(kind) == 0 || encoding > compressed:
		return damaged("a chunk of kind %d, encoding %d", kind, encoding)
	case size > int64(limit(kind)) || stored > size || encoding == plain && stored != size:
		return damaged("a chunk of %d bytes, stored in %d", size, stored)
	case r.kind == 0 && kind != kindHeader, kind < r.kind, kind == r.kind && kind != kindRows && kind != kindPiece:
		return damaged("a chunk of kind %d after one of kind %d", kind, r.kind)
	}
	r.stored = grow(r.stored, stored)
	if err := r.fill(r.stored); err != nil {
		return err
	}
	if binary.BigEndian.Uint32(head[sumAt:]) != checksum(head[:], r.stored) {
		return damaged("a wrong checksum")
	}
	payload := r.stored
	if encoding == compressed {
		var err error
		if r.raw, err = r.zstd.DecodeAll(r.stored, r.raw[:0]); err != nil {
			return damaged("%w", err)
		}
		payload = r.raw
	}
	if int64(len(payload)) != size {
		return damaged("%d bytes where there should be %d", len(payload), size)
	}
	r.kind = kind
	if kind == kindEnd {
		return r.end(payload)
	}
	r.sum.Write(head[:])
	r.sum.Write(r.stored)
	return r.hand(kind, payload)
}

// grow returns n bytes, of b if it has them.
func grow(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func (r *reader) hand(kind byte, payload []byte) error {
	switch kind {
	case kindHeader:
		var h Header
		if err := decoder.Unmarshal(payload, &h); err != nil {
			return damaged("the header: %w", err)
		}
		if r.to.Header != nil {
			return r.to.Header(h)
		}
	case kindRows:
		return r.rows(payload)
	case kindPiece:
		p, err := parsePiece(payload)
		if err == nil {
			err = r.files.add(p, &r.totals)
		}
		if err != nil {
			return damaged("%w", err)
		}
		if r.to.Piece != nil {
			return r.to.Piece(p)
		}
	case kindKey:
		if r.to.Key != nil {
			return r.to.Key(payload)
		}
	}
	return nil
}

func (r *reader) rows(b []byte) error {
	for len(b) > 0 {
		var key, value []byte
		var ok bool
		if key, b, ok = part(b, MaxKey); ok {
			value, b, ok = part(b, MaxValue)
		}
		if !ok || len(key) == 0 {
			return damaged("half a row")
		}
		if bytes.Compare(key, r.last) <= 0 {
			return damaged("the row %q does not follow %q", key, r.last)
		}
		r.last = append(r.last[:0], key...)
		r.totals.Rows++
		if r.to.Row != nil {
			if err := r.to.Row(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// part returns the bytes whose length stands before them, and the rest.
func part(b []byte, most uint64) (_, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > most || size > uint64(len(b)-n) {
		return nil, nil, false
	}
	return b[n : n+int(size)], b[n+int(size):], true
}

func (r *reader) end(payload []byte) error {
	var e end
	if err := decoder.Unmarshal(payload, &e); err != nil {
		return damaged("the end: %w", err)
	}
	r.totals.Missing = e.Totals.Missing // which only the end says
	switch {
	case e.Totals != r.totals:
		return damaged("it has %+v, and should have %+v", r.totals, e.Totals)
	case !bytes.Equal(e.Sum, r.sum.Sum(nil)):
		return damaged("the sum of everything is wrong")
	}
	if n, err := io.ReadFull(r.in, make([]byte, 1)); n > 0 {
		return damaged("something follows its end")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	r.ended = true
	return nil
}
