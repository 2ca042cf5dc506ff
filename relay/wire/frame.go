// Package wire is the frame codec and the payloads of Kohe's protocol, which
// PROTOCOL.md specifies. It is pure: bytes in, values out. The browser has the
// same codec in widget/wire; testdata/golden.json is read by the tests of both.
package wire

import (
	"encoding/binary"
	"io"

	"kohe/relay"
)

// Version is the newest version of the protocol that this code speaks; it
// speaks the one before, too.
const Version = 1

// Common returns the version that is spoken with a peer whose newest is theirs:
// the lower of both. There is none if they are further apart than one.
func Common(theirs int) (version int, ok bool) { return common(Version, theirs) }

func common(a, b int) (version int, ok bool) {
	version = min(a, b)
	return version, version >= 1 && max(a, b)-version <= 1
}

// Limits of a frame's payload, in bytes.
const (
	MaxHello    = 4 << 10  // everything before authentication
	MaxControl  = 64 << 10 // control lane
	MaxPage     = 1 << 20  // page lane; larger page messages are split by their sender
	MaxCursor   = 512      // cursor lane
	MaxDatagram = 1200     // a whole frame in a datagram, unless the path says less
	MaxHeader   = 1 + binary.MaxVarintLen32 + binary.MaxVarintLen64
)

// Frame is one unit of the protocol: kind, length, sequence, payload.
type Frame struct {
	Kind    Kind
	Seq     uint64 // per connection, lane and direction, from 1
	Payload []byte
}

// MaxPayload returns the limit of a payload of this kind in bytes.
func (k Kind) MaxPayload() int {
	if k.Before() {
		return MaxHello
	}
	switch k.Lane() {
	case relay.Page:
		return MaxPage
	case relay.Cursor:
		return MaxCursor
	}
	return MaxControl
}

// AppendHeader appends what precedes a payload of n bytes.
func AppendHeader(b []byte, k Kind, n int, seq uint64) []byte {
	b = append(b, byte(k))
	b = binary.AppendUvarint(b, uint64(n))
	return binary.AppendUvarint(b, seq)
}

// Append appends the whole frame.
func Append(b []byte, f Frame) []byte {
	return append(AppendHeader(b, f.Kind, len(f.Payload), f.Seq), f.Payload...)
}

// Split takes the first frame off b. The payload shares b's memory. It returns
// io.ErrUnexpectedEOF if b ends within the frame.
func Split(b []byte) (f Frame, rest []byte, err error) {
	if len(b) == 0 {
		return f, b, io.ErrUnexpectedEOF
	}
	f.Kind = Kind(b[0])
	if !f.Kind.Known() {
		return f, b, relay.Errorf(relay.CodeMalformed, "Unknown frame kind 0x%02x.", b[0])
	}
	n, used, err := uvarint(b[1:])
	if err != nil {
		return f, b, err
	}
	if n > uint64(f.Kind.MaxPayload()) {
		return f, b, tooLarge(f.Kind, n)
	}
	at := 1 + used
	f.Seq, used, err = uvarint(b[at:])
	if err != nil {
		return f, b, err
	}
	at += used
	if uint64(len(b)-at) < n {
		return f, b, io.ErrUnexpectedEOF
	}
	end := at + int(n)
	f.Payload = b[at:end:end]
	return f, b[end:], nil
}

// ByteReader is what Read needs: a bufio.Reader, say.
type ByteReader interface {
	io.Reader
	io.ByteReader
}

// Read reads one frame from a stream. most caps the payload below the kind's
// own limit (before authentication). io.EOF means the stream ended between
// frames.
func Read(r ByteReader, most int) (Frame, error) {
	var f Frame
	k, err := r.ReadByte()
	if err != nil {
		return f, err
	}
	f.Kind = Kind(k)
	if !f.Kind.Known() {
		return f, relay.Errorf(relay.CodeMalformed, "Unknown frame kind 0x%02x.", k)
	}
	n, err := readUvarint(r)
	if err != nil {
		return f, err
	}
	if n > uint64(min(most, f.Kind.MaxPayload())) {
		return f, tooLarge(f.Kind, n)
	}
	if f.Seq, err = readUvarint(r); err != nil {
		return f, err
	}
	f.Payload = make([]byte, n)
	if _, err = io.ReadFull(r, f.Payload); err != nil {
		return f, unexpected(err)
	}
	return f, nil
}

func tooLarge(k Kind, n uint64) error {
	return relay.Errorf(relay.CodeTooLarge, "A %s frame of %d bytes is over its limit of %d.", k, n, k.MaxPayload())
}

// uvarint reads a canonical uvarint: the shortest form, at most 64 bits.
func uvarint(b []byte) (v uint64, used int, err error) {
	v, used = binary.Uvarint(b)
	switch {
	case used == 0 && len(b) < binary.MaxVarintLen64:
		return 0, 0, io.ErrUnexpectedEOF
	case used == 0:
		return 0, 0, relay.Errorf(relay.CodeMalformed, "A number in a frame header is too long.")
	case used < 0, used > 1 && b[used-1] == 0:
		return 0, 0, relay.Errorf(relay.CodeMalformed, "A number in a frame header is not a shortest uvarint.")
	}
	return v, used, nil
}

func readUvarint(r io.ByteReader) (uint64, error) {
	var buf [binary.MaxVarintLen64]byte
	for i := range buf {
		c, err := r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		buf[i] = c
		if c < 0x80 {
			v, _, err := uvarint(buf[:i+1])
			return v, err
		}
	}
	return 0, relay.Errorf(relay.CodeMalformed, "A number in a frame header is too long.")
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Outgoing is a frame on its way to a client: encoded once, shared by every
// queue that it stands in, numbered by the connection that writes it.
type Outgoing struct {
	Kind    Kind
	Key     string // within relay.ClassCursor the newest of a key replaces the older
	Payload []byte // not changed after this
}
