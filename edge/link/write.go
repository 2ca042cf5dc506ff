package link

import (
	"errors"
	"io"
	"sync/atomic"

	"kohe/relay"
	"kohe/relay/wire"
)

// writer is the state of what writes one lane from a Notifier.
type writer struct{ state atomic.Int32 }

// The states of a writer.
const (
	asleep int32 = iota // no goroutine
	awake               // one takes and writes
	called              // and has to look once more before it sleeps
)

// startWriter begins to write a lane from the handler's source.
func (l *link) startWriter(lane relay.Lane) {
	source := l.handler.Source()
	if n, ok := source.(Notifier); ok {
		n.Notify(lane, func() { l.wake(n, lane) })
		return
	}
	l.spawn(func() {
		for {
			frames, err := source.Next(l.ctx, lane)
			if !l.write(lane, frames, err) {
				return
			}
		}
	})
}

// wake sees to it that a goroutine takes what n has.
func (l *link) wake(n Notifier, lane relay.Lane) {
	state := &l.writers[lane].state
	for {
		switch now := state.Load(); now {
		case called:
			return
		case awake:
			if state.CompareAndSwap(awake, called) {
				return
			}
		case asleep:
			if state.CompareAndSwap(asleep, awake) {
				l.spawn(func() { l.takeAll(n, lane) })
				return
			}
		}
	}
}

// takeAll writes until there is nothing to take.
func (l *link) takeAll(n Notifier, lane relay.Lane) {
	state := &l.writers[lane].state
	for {
		frames, err := n.Take(lane)
		if !l.write(lane, frames, err) {
			return
		}
		if len(frames) > 0 {
			continue
		}
		if state.CompareAndSwap(awake, asleep) {
			return
		}
		state.Store(awake)
	}
}

// write writes what a source gave and waits until the lane has taken it, so
// that whatever comes later waits in the source, where it has its bound. It
// reports whether the lane goes on.
func (l *link) write(lane relay.Lane, frames []wire.Outgoing, err error) bool {
	if len(frames) > 0 {
		out := l.sender(lane)
		out.add(frames...)
		out.flush()
		if out.settle(l.ctx) != nil {
			return false
		}
	}
	if err != nil && l.ctx.Err() == nil {
		if !errors.Is(err, io.EOF) { // a clean end
			err = relay.AsError(err)
		}
		l.end(err)
	}
	return err == nil && l.ctx.Err() == nil
}

func (l *link) sender(lane relay.Lane) *sender {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out[lane]
}
