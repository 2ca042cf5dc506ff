package peer

import (
	"encoding/binary"
	"errors"
)

var errFields = errors.New("the message is malformed")

// appendFields writes each field as its length (uvarint) and its bytes.
func appendFields[T string | []byte](b []byte, fields ...T) []byte {
	for _, f := range fields {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	return b
}

// readFields reads exactly n fields; they alias b.
func readFields(b []byte, n int) ([][]byte, error) {
	fields := make([][]byte, 0, n)
	for len(fields) < n {
		size, k := binary.Uvarint(b)
		if k <= 0 || size > uint64(len(b)-k) {
			return nil, errFields
		}
		end := k + int(size)
		fields = append(fields, b[k:end:end])
		b = b[end:]
	}
	if len(b) > 0 {
		return nil, errFields
	}
	return fields, nil
}
