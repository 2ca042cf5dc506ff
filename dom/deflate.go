package dom

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"io"
)

// Deflate returns a message in its deflated form.
func Deflate(msg []byte) []byte {
	var b bytes.Buffer
	b.WriteByte(headDeflated)
	b.Write(binary.AppendUvarint(nil, uint64(len(msg))))
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		panic("dom: " + err.Error()) // only for a level out of range
	}
	// Writing to a bytes.Buffer does not fail.
	_, _ = w.Write(msg)
	_ = w.Close()
	return b.Bytes()
}

// inflate undoes Deflate; other messages it returns as they are.
func inflate(msg []byte) ([]byte, error) {
	if len(msg) == 0 || msg[0] != headDeflated {
		return msg, nil
	}
	n, used := binary.Uvarint(msg[1:])
	if used <= 0 || n > MaxInflated {
		return nil, fmt.Errorf("%w: its inflated length", ErrMalformed)
	}
	return inflated(msg[1+used:], int(n))
}

// inflated inflates to so many bytes.
func inflated(b []byte, n int) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, min(n, 64*len(b))))
	r := flate.NewReader(bytes.NewReader(b))
	if got, err := io.Copy(buf, io.LimitReader(r, int64(n)+1)); err != nil || got != int64(n) {
		return nil, fmt.Errorf("%w: it does not inflate to %d bytes", ErrMalformed, n)
	}
	return buf.Bytes(), nil
}
