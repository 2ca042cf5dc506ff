package beat

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// A message is a version, the sender's id and address, which are one node's for
// all groups, and a term for each group; its answer has, in the same order, what
// each group says. Numbers are big-endian.
//
//	ask     1  len id  len addr  count×4  { group×8 term×8 protocol×1 }
//	answer  count×4  { verdict×1 term×8 last×8 }
const (
	version = 1
	maxName = 255 // bytes of an id or an address
)

// verdicts of a group.
const (
	refused byte = iota // raft's answer is no
	agreed              // yes
	foreign             // there is no such group
)

// errRefused says that the other node does not serve such a stream.
var errRefused = errors.New("the node does not take such a stream")

// stream is one between two nodes. One goroutine uses it.
type stream struct {
	conn net.Conn
	in   *bufio.Reader
	used bool // an answer has come
}

func newStream(conn net.Conn) *stream { return &stream{conn: conn, in: bufio.NewReader(conn)} }

func (s *stream) close() {
	if s != nil {
		_ = s.conn.Close()
	}
}

// exchange sends heartbeats and passes on their answers.
func (s *stream) exchange(list []pending) error {
	_ = s.conn.SetDeadline(time.Now().Add(answerIn)) // an error is the next call's, too
	head := list[0].ask.RPCHeader
	b := appendName(appendName([]byte{version}, head.ID), head.Addr)
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	for _, h := range list {
		b = binary.BigEndian.AppendUint64(b, h.group)
		b = binary.BigEndian.AppendUint64(b, h.ask.Term)
		b = append(b, byte(h.ask.ProtocolVersion))
	}
	if _, err := s.conn.Write(b); err != nil {
		return err
	}
	var count [4]byte
	if _, err := io.ReadFull(s.in, count[:]); err != nil {
		if ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); !s.used && !ended && !errors.Is(err, net.ErrClosed) && !timedOut(err) {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return err
	}
	s.used = true
	if n := binary.BigEndian.Uint32(count[:]); n != uint32(len(list)) {
		return fmt.Errorf("%d answers to %d heartbeats", n, len(list))
	}
	answers := make([]byte, len(list)*17)
	if _, err := io.ReadFull(s.in, answers); err != nil {
		return err
	}
	for i, h := range list {
		a := answers[i*17:]
		if a[0] == foreign {
			h.done <- errForeign
			continue
		}
		*h.answer = raft.AppendEntriesResponse{
			RPCHeader: raft.RPCHeader{ProtocolVersion: h.ask.ProtocolVersion},
			Term:      binary.BigEndian.Uint64(a[1:]), LastLog: binary.BigEndian.Uint64(a[9:]), Success: a[0] == agreed,
		}
		h.done <- nil
	}
	return nil
}

func timedOut(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// serve answers messages until the stream ends, and says why it did.
func (s *stream) serve(handle func(group uint64, a *raft.AppendEntriesRequest) (*raft.AppendEntriesResponse, error)) error {
	for {
		v, err := s.in.ReadByte()
		if err != nil {
			return err
		}
		if v != version {
			return fmt.Errorf("heartbeats of version %d; this node knows %d", v, version)
		}
		id, err1 := s.name()
		addr, err2 := s.name()
		var count [4]byte
		_, err3 := io.ReadFull(s.in, count[:])
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(count[:])
		if n > MaxGroups {
			return fmt.Errorf("%d heartbeats in one message; at most %d", n, MaxGroups)
		}
		asks := make([]byte, n*17)
		if _, err := io.ReadFull(s.in, asks); err != nil {
			return err
		}
		out := binary.BigEndian.AppendUint32(nil, n)
		for ; len(asks) > 0; asks = asks[17:] {
			out = appendAnswer(out, handle, binary.BigEndian.Uint64(asks), &raft.AppendEntriesRequest{
				RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(asks[16]), ID: id, Addr: addr},
				Term:      binary.BigEndian.Uint64(asks[8:]),
			})
		}
		if _, err := s.conn.Write(out); err != nil {
			return err
		}
	}
}

func appendAnswer(out []byte, handle func(uint64, *raft.AppendEntriesRequest) (*raft.AppendEntriesResponse, error), group uint64, a *raft.AppendEntriesRequest) []byte {
	verdict, r := foreign, &raft.AppendEntriesResponse{}
	if answer, err := handle(group, a); err == nil {
		r, verdict = answer, refused
		if r.Success {
			verdict = agreed
		}
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append(out, verdict), r.Term), r.LastLog)
}

func (s *stream) name() ([]byte, error) {
	n, err := s.in.ReadByte()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(s.in, b)
	return b, err
}

func appendName(b, name []byte) []byte {
	name = name[:min(len(name), maxName)]
	return append(append(b, byte(len(name))), name...)
}
