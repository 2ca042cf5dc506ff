package state

import (
	"encoding/binary"
	"math"
	"slices"

	"kohe/relay"
)

// The tables of the state's span: the byte after the prefix. DESIGN.md says
// what is in which.
const (
	tableMeta       = 'm'
	tableNode       = 'n'
	tableCustomer   = 'c'
	tableSite       = 's'
	tableDepartment = 'd'
	tableAgent      = 'a'
	tableWork       = 'w'
	tableVisitor    = 'v'
	tableLive       = 'l'
	tableEnded      = 'e'
	tableFacts      = 'f'
	tableMessage    = 't'
	tableIdentity   = 'i'
	tableWord       = 'x'
	tablePending    = 'p'
	tableByCustomer = 'h'
	tableByVisitor  = 'u'
	tableByAgent    = 'g'
	tableCard       = 'k'
	tableByCard     = 'q'
	tableToken      = 'j'
	tableSegment    = 'r'
	tableByAge      = 'y'
	tableMove       = 'z'
	tableArrival    = 'o'
	tableCell       = 'b'
	tableReserved   = 'B'
)

// key builds a key of a table. Names end with a zero byte, which none
// contains; times are stored so that the newest comes first.
type key []byte

func (s *State) key(table byte) key {
	k := make(key, 0, len(s.prefix)+96)
	return append(append(k, s.prefix...), table)
}

func (k key) name(s string) key  { return append(append(k, s...), 0) }
func (k key) id(id relay.ID) key { return append(k, id[:]...) }
func (k key) num(n uint64) key   { return binary.BigEndian.AppendUint64(k, n) }
func (k key) newest(at int64) key {
	return k.num(math.MaxUint64 - uint64(max(at, 0)))
}

// before returns where, in an index by newest time, what is older than at
// starts; for 0, where everything does.
func (k key) before(at int64) key {
	if at <= 0 {
		return k
	}
	return slices.Clone(k).newest(at - 1)
}

// end returns the first key after all that start with k.
func (k key) end() []byte {
	end := append([]byte(nil), k...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] != 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// tail returns the last n bytes of a key, where its fixed-size parts are.
func tail(k []byte, n int) []byte { return k[len(k)-n:] }

func idAt(b []byte) (id relay.ID) {
	copy(id[:], b)
	return id
}
