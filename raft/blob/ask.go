package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/fxamacker/cbor/v2"
)

// Request is what one node asks of another's files: to append what follows it,
// or to read Size bytes. One request goes over one stream: its length in four
// bytes, itself in CBOR, and to append, Bytes as they are.
type Request struct {
	Name   Name   `cbor:"1,keyasint"`
	Offset int64  `cbor:"2,keyasint"`
	Size   int    `cbor:"3,keyasint,omitempty"` // bytes to read; 0: append
	Length int    `cbor:"4,keyasint,omitempty"` // of Bytes; set by Ask
	Bytes  []byte `cbor:"-"`
}

type answer struct {
	Bytes []byte `cbor:"1,keyasint,omitempty"`
	Error string `cbor:"2,keyasint,omitempty"`
	Have  int64  `cbor:"3,keyasint,omitempty"` // of a gap
}

const (
	maxHead   = 1 << 10 // bytes of a request without what is appended
	maxAnswer = MaxAppend + 1<<10
	maxServed = 32 // requests with their bytes in memory; others wait
)

// The errors that travel by name.
var named = map[string]error{"full": ErrFull, "too large": ErrTooLarge, "conflict": ErrConflict, "absent": fs.ErrNotExist, "gap": nil}

var decoder = func() cbor.DecMode {
	d, err := cbor.DecOptions{MaxNestedLevels: 4, DupMapKey: cbor.DupMapKeyEnforcedAPF}.DecMode()
	if err != nil {
		panic(err) // only for options that contradict each other
	}
	return d
}()

// Serve answers one request, if may does not refuse it; nothing is read for one
// that is refused. The caller closes the stream.
func (s *Store) Serve(stream io.ReadWriter, may func(Request) error) error {
	var q Request
	if err := read(stream, maxHead, &q); err != nil {
		return err
	}
	a, err := s.serve(stream, q, may)
	if err != nil {
		a = failed(err)
	}
	return errors.Join(err, write(stream, a))
}

func (s *Store) serve(stream io.Reader, q Request, may func(Request) error) (a answer, err error) {
	if q.Length < 0 || q.Length > MaxAppend {
		return a, ErrTooLarge
	}
	if err := may(q); err != nil {
		return a, err
	}
	s.serving <- struct{}{}
	defer func() { <-s.serving }()
	if q.Size > 0 {
		a.Bytes, err = s.Read(q.Name, q.Offset, q.Size)
		return a, err
	}
	q.Bytes = make([]byte, q.Length)
	if _, err := io.ReadFull(stream, q.Bytes); err != nil {
		return a, err
	}
	return a, s.Append(q.Name, q.Offset, q.Bytes)
}

// Ask asks another node over a stream, which the caller closes, and returns what
// was read.
func Ask(stream io.ReadWriter, q Request) ([]byte, error) {
	q.Length = len(q.Bytes)
	err := write(stream, q)
	if err == nil && q.Length > 0 {
		_, err = stream.Write(q.Bytes)
	}
	var a answer
	if answered := read(stream, maxAnswer, &a); answered != nil { // also one that did not read all
		return nil, errors.Join(err, answered)
	}
	if a.Error == "gap" {
		return nil, Gap{a.Have}
	}
	if a.Error != "" {
		if err := named[a.Error]; err != nil {
			return nil, err
		}
		return nil, errors.New(a.Error)
	}
	return a.Bytes, nil
}

func failed(err error) answer {
	if gap, ok := errors.AsType[Gap](err); ok {
		return answer{Error: "gap", Have: gap.Have}
	}
	for name, known := range named {
		if known != nil && errors.Is(err, known) {
			return answer{Error: name}
		}
	}
	return answer{Error: err.Error()}
}

func write(w io.Writer, v any) error {
	body, err := cbor.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}

func read(r io.Reader, most uint32, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > most {
		return fmt.Errorf("a request or answer of %d bytes: at most %d", n, most)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return decoder.Unmarshal(body, v)
}
