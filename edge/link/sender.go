package link

import (
	"context"
	"sync"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// sender numbers and writes the frames of one lane. Doubled frames go out as
// datagrams at once and hold up the stream for doubleGap, so that one lost
// packet never takes both copies; all stream frames keep their order.
//
// Several goroutines may add frames; whoever finds nobody writing writes. mu
// is never held during I/O.
type sender struct {
	write    func([]byte) error // whole frames to the ordered lane; one call at a time
	datagram func([]byte) error // nil: no doubling; may block
	failed   func(error)        // called once, when write fails
	metrics  *Metrics

	mu      sync.Mutex // guards what follows
	seq     uint64     // of the lane
	pointed uint64     // of the cursor lane, which goes with control
	queue   []segment  // in order of sequence
	size    int        // bytes in queue
	held    time.Time  // before it the stream may not go beyond the copies in queue
	writing bool
	dead    bool          // write has failed
	idle    chan struct{} // made by whoever waits, closed when writing ends
	timer   *time.Timer   // fires when the first segment is due
}

// segment is a run of frames that may be written from due on.
type segment struct {
	bytes   []byte
	due     time.Time // zero: at once
	patient bool      // may be written before it is due
}

// add numbers frames and queues them; the caller then calls flush. It returns
// the sequence of the last, 0 when the lane is dead. It blocks only where the
// datagram queue is full.
func (s *sender) add(frames ...wire.Outgoing) uint64 {
	var few [4][]byte // no allocation for the usual few
	datagrams := few[:0]
	var seq uint64
	s.mu.Lock()
	if s.dead {
		s.mu.Unlock()
		return 0
	}
	for _, f := range frames {
		var frame []byte
		frame, seq = s.number(f)
		next := segment{bytes: frame, patient: f.Kind.Patient()}
		if next.patient {
			next.due = time.Now().Add(patience)
		}
		if s.datagram != nil && len(frame) <= wire.MaxDatagram {
			if f.Kind.Lane() == relay.Cursor {
				datagrams = append(datagrams, frame)
				continue
			}
			if f.Kind.Doubled() {
				datagrams = append(datagrams, frame)
				next.due = time.Now().Add(doubleGap)
				s.held = next.due
			}
		}
		s.append(next)
	}
	s.mu.Unlock()
	for _, d := range datagrams {
		_ = s.datagram(d) // what is lost here comes again on the stream, or is out of date soon
	}
	return seq
}

// number encodes a frame with the next sequence of its lane.
func (s *sender) number(f wire.Outgoing) ([]byte, uint64) {
	lane := f.Kind.Lane()
	seq := &s.seq
	if lane == relay.Cursor {
		seq = &s.pointed
	}
	*seq++
	s.metrics.FramesOut[lane].Add(1)
	s.metrics.BytesOut[lane].Add(uint64(len(f.Payload)))
	frame := make([]byte, 0, wire.MaxHeader+len(f.Payload))
	return wire.Append(frame, wire.Frame{Kind: f.Kind, Seq: *seq, Payload: f.Payload}), *seq
}

// append queues a segment behind the others. It waits for the copies before it;
// the patient frames before it no longer wait.
func (s *sender) append(next segment) {
	s.size += len(next.bytes)
	if len(s.queue) == 0 {
		s.queue = append(s.queue, next)
		return
	}
	if next.due.Before(s.held) {
		next.due = s.held
	}
	last := len(s.queue) - 1
	for i := last; i >= 0 && s.queue[i].due.After(next.due); i-- {
		s.queue[i].due = next.due
	}
	if before := &s.queue[last]; before.due.Equal(next.due) {
		before.bytes = append(before.bytes, next.bytes...)
		before.patient = before.patient && next.patient
		return
	}
	s.queue = append(s.queue, next)
}

// flush writes what is due, unless somebody is writing already, and sees to it
// that the rest is written in time. It blocks as long as the lane does.
func (s *sender) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		return
	}
	s.writing = true
	for !s.dead {
		b := s.take(time.Now())
		if b == nil {
			break
		}
		s.mu.Unlock()
		err := s.write(b)
		s.mu.Lock()
		if err != nil {
			s.die(err)
		}
	}
	s.writing = false
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	if len(s.queue) > 0 {
		s.arm(time.Until(s.queue[0].due))
	}
}

// take removes and returns the bytes that are due, and the patient ones behind.
func (s *sender) take(now time.Time) []byte {
	n := 0
	for n < len(s.queue) && !s.queue[n].due.After(now) {
		n++
	}
	if n == 0 {
		return nil
	}
	for n < len(s.queue) && s.queue[n].patient {
		n++
	}
	b := s.queue[0].bytes
	for _, more := range s.queue[1:n] {
		b = append(b, more.bytes...)
	}
	s.size -= len(b)
	if n == len(s.queue) {
		s.queue = nil // an idle lane holds no buffer
	} else {
		s.queue = s.queue[n:]
	}
	return b
}

func (s *sender) arm(wait time.Duration) {
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.flush)
		return
	}
	s.timer.Reset(wait)
}

func (s *sender) die(err error) {
	s.dead = true
	s.queue, s.size = nil, 0
	go s.failed(err)
}

// stop ends the lane: nothing more is queued or written.
func (s *sender) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	s.queue, s.size = nil, 0
	if s.timer != nil {
		s.timer.Stop()
	}
}

// settle waits until nobody is writing: then everything added is written, or
// waits for its time only.
func (s *sender) settle(ctx context.Context) error {
	for {
		s.mu.Lock()
		if !s.writing {
			s.mu.Unlock()
			return nil
		}
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle := s.idle
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// drain waits until everything added is written, at most until ctx is done.
func (s *sender) drain(ctx context.Context) {
	for s.settle(ctx) == nil {
		s.mu.Lock()
		empty := len(s.queue) == 0
		for i := range s.queue { // the copies that wait need wait no longer
			s.queue[i].due = time.Time{}
		}
		s.mu.Unlock()
		if empty {
			return
		}
		s.flush()
	}
}

// reply adds frames of the link's own (pong, error) from a goroutine that must
// not wait for the client.
func (s *sender) reply(f wire.Outgoing) error {
	s.mu.Lock()
	full := s.size > replyBacklog
	s.mu.Unlock()
	if full {
		return relay.Errorf(relay.CodeOverflow, "The client asks but does not read the answers.")
	}
	if s.add(f) != 0 {
		go s.flush()
	}
	return nil
}
