package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// link is the stream to another node, over which it is asked. It owns two
// goroutines, which end with the first error of the stream or with the client;
// then whoever waits is told, and the next who asks makes a new one.
type link struct {
	out    *outbox
	failed chan struct{} // closed when err is set

	mu      sync.Mutex // guards what follows
	err     error
	last    uint64                 // number given
	waiting map[uint64]chan []byte // for the answer, by number; of one
}

var errLinkFull = errors.New("too much is being asked")

// link returns the link to a node.
func (c *Client) link(to string) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.links[to]; l != nil && !l.ended() {
		return l
	}
	l := &link{out: newOutbox(), failed: make(chan struct{}), waiting: map[uint64]chan []byte{}}
	c.links[to] = l
	c.linked.Go(func() { l.run(c.served, c.forward, to) })
	return l
}

// run opens the stream and carries frames until it fails or ctx ends.
func (l *link) run(ctx context.Context, open Forward, to string) {
	s, err := open(ctx, to)
	if err != nil {
		l.fail(err)
		return
	}
	end := func(err error) {
		l.fail(err)
		// A stream without deadlines ends when Serve ends it.
		if d, ok := s.(interface{ SetDeadline(time.Time) error }); ok {
			_ = d.SetDeadline(time.Unix(1, 0))
		}
	}
	var reading sync.WaitGroup
	reading.Go(func() { end(l.read(s)) })
	defer context.AfterFunc(ctx, func() { end(ctx.Err()) })()
	if err := l.out.write(s, l.failed); err != nil {
		end(err)
	}
	_ = s.Close()
	reading.Wait()
}

// read gives answers to those who wait for them until the stream ends.
func (l *link) read(s io.Reader) error {
	in := bufio.NewReaderSize(s, 64<<10)
	for {
		number, answer, err := readFrame(in, maxAnswer)
		if err != nil {
			return err
		}
		l.mu.Lock()
		if waits := l.waiting[number]; waits != nil {
			waits <- answer
			delete(l.waiting, number)
		}
		l.mu.Unlock()
	}
}

// ask sends a command and waits for the answer, for ctx or for the stream to
// fail. A place is taken until the answer comes: who no longer waits for it must
// not let another fill this node's memory.
func (l *link) ask(ctx context.Context, data []byte) ([]byte, error) {
	answer := make(chan []byte, 1)
	if err := l.send(data, answer); err != nil {
		return nil, err
	}
	select {
	case a := <-answer:
		return a, nil
	case <-l.failed:
		return nil, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *link) send(data []byte, answer chan []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return l.err
	case len(l.waiting) >= MaxInFlight || l.out.size()+len(data) > MaxInFlightBytes:
		return errLinkFull
	}
	l.last++
	l.waiting[l.last] = answer
	l.out.add(l.last, data)
	return nil
}

func (l *link) ended() bool {
	select {
	case <-l.failed:
		return true
	default:
		return false
	}
}

func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
		close(l.failed)
	}
}
