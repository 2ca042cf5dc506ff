package logstore

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// An entry's value: version, type, term and time (ms of its append is not
// enough for Raft's metrics, so ns since 1970; 0 for none), the length of the
// extensions, the extensions, the data. Its index is in the key.
const (
	entryVersion = 1
	entryHeader  = 1 + 1 + 8 + 8 // bytes
)

func entrySize(l *raft.Log) int {
	return entryHeader + uvarintLen(uint64(len(l.Extensions))) + len(l.Extensions) + len(l.Data)
}

// putEntry fills b, which has entrySize bytes.
func putEntry(b []byte, l *raft.Log) {
	b[0], b[1] = entryVersion, byte(l.Type)
	binary.BigEndian.PutUint64(b[2:], l.Term)
	var at int64
	if !l.AppendedAt.IsZero() {
		at = l.AppendedAt.UnixNano()
	}
	binary.BigEndian.PutUint64(b[10:], uint64(at))
	n := entryHeader + binary.PutUvarint(b[entryHeader:], uint64(len(l.Extensions)))
	n += copy(b[n:], l.Extensions)
	copy(b[n:], l.Data)
}

// readEntry fills l from b and keeps parts of b.
func readEntry(b []byte, l *raft.Log) error {
	if len(b) < entryHeader {
		return fmt.Errorf("%d bytes are too short for an entry", len(b))
	}
	if b[0] != entryVersion {
		return fmt.Errorf("entry version %d, this binary reads %d", b[0], entryVersion)
	}
	ext, n := binary.Uvarint(b[entryHeader:])
	if n <= 0 || ext > uint64(len(b)-entryHeader-n) {
		return fmt.Errorf("extensions reach beyond the entry's %d bytes", len(b))
	}
	l.Type = raft.LogType(b[1])
	l.Term = binary.BigEndian.Uint64(b[2:])
	l.AppendedAt = time.Time{}
	if at := int64(binary.BigEndian.Uint64(b[10:])); at != 0 {
		l.AppendedAt = time.Unix(0, at)
	}
	rest := b[entryHeader+n:]
	l.Extensions, l.Data = nil, nil
	if ext > 0 {
		l.Extensions = rest[:ext:ext]
	}
	if uint64(len(rest)) > ext {
		l.Data = rest[ext:]
	}
	return nil
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}
