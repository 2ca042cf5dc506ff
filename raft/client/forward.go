package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"kohe/raft/node"
	"kohe/raft/state"
	"kohe/relay"
)

// A follower passes proposals on to the leader and answers once its own state
// has what the leader's had, so that what Propose has answered, Read shows.
//
// One stream carries one proposal: the command, then the answer: one byte, and
// if that is answered the index that the leader's state stands at (8 bytes,
// big-endian) and the result.
const (
	answered  = 0
	notLeader = 1 // or not to be reached from here: ask again
)

// maxAnswer bounds an answer in bytes: a claim's session is the longest.
const maxAnswer = 256 << 10

// catchUp is how long an answer waits for this node's own state. After it the
// answer is given all the same: the command is committed.
const catchUp = 2 * time.Second

// Forward opens a stream that the core node of that name gives to Serve. Close
// ends the writing direction.
type Forward func(ctx context.Context, node string) (io.ReadWriteCloser, error)

// Serve answers one proposal of another node and closes the stream.
func (c *Client) Serve(s io.ReadWriteCloser) {
	defer func() { _ = s.Close() }()
	data, err := io.ReadAll(io.LimitReader(s, state.MaxCommand+1))
	if err != nil || len(data) > state.MaxCommand || c.admit(len(data)) != nil {
		_, _ = s.Write([]byte{notLeader})
		return
	}
	value, err := c.member.Apply(data)
	c.release(len(data))
	if err != nil {
		_, _ = s.Write([]byte{notLeader})
		return
	}
	result, _ := value.(state.Result)
	answer := binary.BigEndian.AppendUint64([]byte{answered}, c.mark.applied())
	_, _ = s.Write(append(answer, state.EncodeResult(result)...)) // the other node asks again
}

// ask has the leader settle a command.
func (c *Client) ask(ctx context.Context, leader string, data []byte) (state.Result, error) {
	s, err := c.forward(ctx, leader)
	if err != nil {
		return state.Result{}, err
	}
	if stream, ok := s.(interface{ SetDeadline(time.Time) error }); ok {
		stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
		defer stop()
	}
	_, err = s.Write(data)
	if err = errors.Join(err, s.Close()); err != nil {
		return state.Result{}, fmt.Errorf("ask %s: %w", leader, err)
	}
	answer, err := io.ReadAll(io.LimitReader(s, maxAnswer))
	if err != nil {
		return state.Result{}, fmt.Errorf("ask %s: %w", leader, err)
	}
	if len(answer) < 9 || answer[0] != answered {
		return state.Result{}, &node.NotLeader{}
	}
	result, err := state.DecodeResult(answer[9:])
	if err == nil {
		c.mark.await(ctx, binary.BigEndian.Uint64(answer[1:]), catchUp)
	}
	return result, err
}

// mark tells who waits for the state that it has moved on.
type mark struct {
	applied func() uint64

	mu    sync.Mutex // guards moved
	moved chan struct{}
}

func newMark(applied func() uint64) *mark {
	return &mark{applied: applied, moved: make(chan struct{})}
}

func (m *mark) move() {
	m.mu.Lock()
	close(m.moved)
	m.moved = make(chan struct{})
	m.mu.Unlock()
}

// await waits until the state stands at index, ctx is done or the time is over.
func (m *mark) await(ctx context.Context, index uint64, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		m.mu.Lock()
		moved := m.moved
		m.mu.Unlock()
		if m.applied() >= index {
			return
		}
		select {
		case <-moved:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// apply settles a command here, or at the leader.
func (c *Client) apply(ctx context.Context, data []byte) (state.Result, error) {
	value, err := c.member.Apply(data)
	if other, ok := errors.AsType[*node.NotLeader](err); ok && other.ID != "" && c.forward != nil {
		return c.ask(ctx, other.ID, data)
	}
	result, _ := value.(state.Result)
	return result, err
}

// malformed answers do not become better by asking again.
func hopeless(err error) bool {
	return errors.Is(err, node.ErrClosed) || relay.CodeOf(err) == relay.CodeMalformed
}
