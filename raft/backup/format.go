// Package backup is the form of a backup of a cell: the rows of its state, the
// files of its recordings and perhaps its key, in one stream. FORMAT.md says
// what is where. The package knows neither disk nor network, and does not
// encrypt: who writes a stream decides where it goes.
//
// Read answers nil only for a stream that is whole: it checks every chunk when
// it is reached and everything at the end. Whoever must not act on half a backup
// reads it twice. Neither side holds more than a few chunks in memory. Values
// are not safe for use by several goroutines.
package backup

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/fxamacker/cbor/v2"
)

// Magic begins every backup; its last character but one is the format's version.
const Magic = "kohe backup 1\n"

// Bounds, in bytes.
const (
	MaxKey   = 64 << 10 // of a row
	MaxValue = 16 << 20 // likewise
	MaxPiece = 1 << 20  // of a file, at once
	MaxHead  = 4 << 10  // of what the header, the end or the cell's key takes

	maxChunk = MaxKey + MaxValue + 2*binary.MaxVarintLen32
	fullRows = 256 << 10 // rows are written when they take so much
)

// Errors of Read. ErrCut and ErrDamaged are wrapped with the place.
var (
	ErrNotBackup = errors.New("this is no backup of Kohe")
	ErrVersion   = errors.New("this backup was made by another version of Kohe, in a form that this one does not read")
	ErrCut       = errors.New("the backup is cut off: its end is missing")
	ErrDamaged   = errors.New("the backup is damaged")
)

// Header says what a backup is of.
type Header struct {
	Cluster  string `cbor:"1,keyasint,omitempty"` // its id; "": of a node that is alone
	Node     string `cbor:"2,keyasint"`           // that wrote it
	At       int64  `cbor:"3,keyasint"`           // ms since 1970
	Applied  uint64 `cbor:"4,keyasint"`           // the index of the last entry in the rows
	Schema   int    `cbor:"5,keyasint"`           // the form of the rows
	Customer string `cbor:"6,keyasint,omitempty"` // the only one in it; "": everything
	Program  string `cbor:"7,keyasint,omitempty"` // the version that wrote it
	Behind   string `cbor:"8,keyasint,omitempty"` // why it may lack what other nodes had acknowledged; "": it does not
}

// Totals are what is in a whole backup.
type Totals struct {
	Rows      uint64 `cbor:"1,keyasint"`
	Files     uint64 `cbor:"2,keyasint"`
	FileBytes uint64 `cbor:"3,keyasint"`
	Missing   uint64 `cbor:"4,keyasint"` // files that could not be read when it was made
}

// end is the last chunk.
type end struct {
	Totals Totals `cbor:"1,keyasint"`
	Sum    []byte `cbor:"2,keyasint"` // SHA-256 of all before this chunk
}

// The kinds of chunks, in the order in which they come.
const (
	kindHeader = 1 // one
	kindRows   = 2
	kindPiece  = 3
	kindKey    = 4 // at most one
	kindEnd    = 5 // one, and nothing behind it
)

// How a chunk's payload is stored.
const (
	plain      = 0
	compressed = 1 // zstd
)

// A chunk's head: kind and encoding (a byte each), the payload's length, its
// length as stored, and the CRC-32C of these and of what is stored (4 bytes
// each, big-endian).
const (
	headSize = 1 + 1 + 4 + 4 + 4
	sumAt    = headSize - 4
)

// limit returns how long a chunk's payload may be, 0 for an unknown kind.
func limit(kind byte) int {
	switch kind {
	case kindHeader, kindKey, kindEnd:
		return MaxHead
	case kindRows:
		return maxChunk
	case kindPiece:
		return pieceHead + MaxPiece
	}
	return 0
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(head, stored []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:sumAt], castagnoli), castagnoli, stored)
}

var (
	encoder = must(cbor.CoreDetEncOptions().EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return v
}
