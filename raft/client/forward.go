package client

import (
	"bufio"
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
// One stream carries all proposals of one node to another, in frames: 4 bytes
// of length (big-endian, of what follows), 8 bytes of a number that the asking
// node chooses, and the command. Each is answered, in any order, by a frame with
// the same number, one byte, and if that is answered the index that the
// leader's state stands at (8 bytes) and the result.
const (
	answered  = 0
	notLeader = 1 // or not to be reached from here: ask again

	lengthSize = 4
	numberSize = 8
	indexSize  = 8
)

// maxAnswer bounds an answer in bytes: a claim's session is the longest.
const maxAnswer = 256 << 10

// catchUp is how long an answer waits for this node's own state. After it the
// answer is given all the same: the command is committed.
const catchUp = 2 * time.Second

// Forward opens a stream that the core node of that name gives to Serve. Close
// ends the writing direction.
type Forward func(ctx context.Context, node string) (io.ReadWriteCloser, error)

// appendFrame appends a frame to out.
func appendFrame(out []byte, number uint64, parts ...[]byte) []byte {
	at := len(out)
	out = binary.BigEndian.AppendUint64(append(out, 0, 0, 0, 0), number)
	for _, p := range parts {
		out = append(out, p...)
	}
	binary.BigEndian.PutUint32(out[at:], uint32(len(out)-at-lengthSize))
	return out
}

// readFrame reads a frame with at most so many bytes behind its number.
func readFrame(r io.Reader, most int) (number uint64, data []byte, err error) {
	var head [lengthSize + numberSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < numberSize || length > numberSize+uint32(most) {
		return 0, nil, fmt.Errorf("a frame of %d bytes", length)
	}
	data = make([]byte, length-numberSize)
	_, err = io.ReadFull(r, data)
	return binary.BigEndian.Uint64(head[lengthSize:]), data, err
}

// outbox is what waits to be written to a stream. What many goroutines add
// while one writes goes out together.
type outbox struct {
	some chan struct{} // of one: frames is not empty

	mu     sync.Mutex // guards frames
	frames []byte
}

func newOutbox() *outbox { return &outbox{some: make(chan struct{}, 1)} }

func (o *outbox) add(number uint64, parts ...[]byte) {
	o.mu.Lock()
	o.frames = appendFrame(o.frames, number, parts...)
	o.mu.Unlock()
	select {
	case o.some <- struct{}{}:
	default:
	}
}

// size is how many bytes wait.
func (o *outbox) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.frames)
}

// write writes until stop is closed and then what is left.
func (o *outbox) write(w io.Writer, stop <-chan struct{}) error {
	var last []byte
	for more := true; more; {
		select {
		case <-o.some:
		case <-stop:
			more = false
		}
		o.mu.Lock()
		frames := o.frames
		o.frames = last[:0]
		o.mu.Unlock()
		if len(frames) > 0 {
			if _, err := w.Write(frames); err != nil {
				return err
			}
		}
		if last = frames; cap(last) > maxAnswer {
			last = nil // do not keep what one large frame took
		}
	}
	return nil
}

// Serve answers the proposals of another node until the stream ends or this
// client is closed, and closes the stream.
func (c *Client) Serve(s io.ReadWriteCloser) {
	out, stop := newOutbox(), make(chan struct{})
	var writing, proposals sync.WaitGroup
	writing.Go(func() {
		_ = out.write(s, stop) // the other node asks again
		_ = s.Close()
	})
	var once sync.Once
	end := func() { // what is answered is written first
		once.Do(func() { close(stop) })
		writing.Wait()
	}
	// The other node ends its direction when this one is ended.
	defer context.AfterFunc(c.served, end)()
	in := bufio.NewReaderSize(s, 64<<10)
	for {
		number, data, err := readFrame(in, state.MaxCommand)
		if err != nil || out.size() > MaxInFlightBytes { // or it does not read its answers
			break
		}
		if c.admit(len(data)) != nil {
			out.add(number, []byte{notLeader})
			continue
		}
		proposals.Go(func() {
			defer c.release(len(data))
			out.add(number, c.answer(data))
		})
	}
	answered := make(chan struct{})
	go func() {
		proposals.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-c.closing.Done(): // an answer may wait for a full disk, and refuse waits for it besides
	}
	end()
}

// answer has a command of another node settled here.
func (c *Client) answer(data []byte) []byte {
	result, err := c.packs.apply(data)
	if err != nil {
		return []byte{notLeader}
	}
	answer := binary.BigEndian.AppendUint64([]byte{answered}, c.mark.applied())
	return append(answer, state.EncodeResult(result)...)
}

// ask has the leader settle a command.
func (c *Client) ask(ctx, reign context.Context, leader string, data []byte) (state.Result, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(reign, cancel)() // a leader that is cut off never answers
	answer, err := c.link(leader).ask(asking, data)
	if err != nil {
		return state.Result{}, fmt.Errorf("ask %s: %w", leader, err)
	}
	if len(answer) < 1+indexSize || answer[0] != answered {
		return state.Result{}, &node.NotLeader{}
	}
	result, err := state.DecodeResult(answer[1+indexSize:])
	if err == nil {
		c.mark.await(ctx, binary.BigEndian.Uint64(answer[1:]), catchUp)
	}
	return result, err
}

// apply settles a command here, or at the leader.
func (c *Client) apply(ctx, reign context.Context, data []byte) (state.Result, error) {
	result, err := c.packs.apply(data)
	if other, ok := errors.AsType[*node.NotLeader](err); ok && other.ID != "" && c.forward != nil {
		return c.ask(ctx, reign, other.ID, data)
	}
	return result, err
}

// malformed answers do not become better by asking again.
func hopeless(err error) bool {
	return errors.Is(err, node.ErrClosed) || relay.CodeOf(err) == relay.CodeMalformed
}
