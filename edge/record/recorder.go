package record

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// When what is written.
const (
	flushEvery = time.Second
	flushAt    = 64 << 10 // bytes that wait
	keySoonest = 5 * time.Second
	keyLatest  = time.Minute
	keyAfter   = 32 << 10 // bytes of changes at least, until the page is recorded whole again
	maxQueue   = 8 << 20  // bytes that wait for a slow disk; past it the recording has a gap
	maxSegment = 16 << 20 // bytes; the next group begins another one
	appendFor  = 5 * time.Second
	retryAfter = 2 * time.Second
	retryMost  = time.Minute
)

// File is where a segment goes.
type File interface {
	// Append adds to the file at an offset, which is where it ends. An error
	// for which Worn is true says that the bytes are kept, but that another file
	// is to be begun soon.
	Append(ctx context.Context, offset int64, b []byte) error
}

// ErrWorn is the error of an Append that was kept by fewer nodes than it should.
var ErrWorn = errors.New("kept by too few nodes")

// Config is what a recorder needs. All members are required.
type Config struct {
	// Open begins a segment whose first record happened at a time (ms).
	Open func(ctx context.Context, at int64) (File, error)
	// Page asks for Begin to be called with the whole page, now or when there is one.
	Page func()
	Log  *slog.Logger
}

// Recorder writes a session's recording. Its methods never wait for a disk or
// for another node, and may be called from any goroutine.
type Recorder struct {
	config Config
	wake   chan struct{} // of one
	done   chan struct{} // closed when all is written
	cancel context.CancelFunc

	mu      sync.Mutex // guards what follows
	queue   []queued
	bytes   int   // in queue
	gap     bool  // until the next whole page nothing is recorded
	keyAt   int64 // ms, of the last whole page
	keySize int
	since   int // bytes of changes since
	closed  bool
}

type queued struct {
	begins  bool
	at      int64
	kind    Kind
	payload []byte
}

// Start starts a recorder, which goes on until Close.
func Start(c Config) *Recorder {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Recorder{config: c, wake: make(chan struct{}, 1), done: make(chan struct{}), cancel: cancel, gap: true}
	go r.run(ctx) // ends with Close
	return r
}

// Begin records the whole page, at ms since 1970. The recorder owns page.
func (r *Recorder) Begin(at int64, page []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gap = false
	r.keyAt, r.keySize, r.since = at, len(page), 0
	r.push(queued{true, at, Page, page})
}

// Add records something, which nobody changes any more. It reports whether the
// whole page should be recorded again.
func (r *Recorder) Add(at int64, kind Kind, payload []byte) (due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gap {
		return kind == Page
	}
	r.push(queued{false, at, kind, payload})
	if kind == Page {
		r.since += len(payload)
	}
	passed := time.Duration(at-r.keyAt) * time.Millisecond
	return r.gap || passed > keySoonest && r.since > max(keyAfter, r.keySize) || passed > keyLatest && r.since > 0
}

// push queues a record, or gives up until the next whole page. mu is held.
func (r *Recorder) push(q queued) {
	if r.closed {
		return
	}
	if r.bytes += len(q.payload); r.bytes > maxQueue {
		r.config.Log.Warn("the recording has a gap: the disks that keep it are too slow")
		r.queue, r.bytes, r.gap = nil, 0, true
		return
	}
	r.queue = append(r.queue, q)
	if r.bytes > flushAt || len(r.queue) == 1 {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Close ends the recording. What was recorded is written still, for a few
// seconds; Done is closed then.
func (r *Recorder) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	time.AfterFunc(appendFor, r.cancel)
}

// Done is closed when a closed recorder has written what it could.
func (r *Recorder) Done() <-chan struct{} { return r.done }

// take returns what is queued and whether more may come.
func (r *Recorder) take() (list []queued, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list = r.queue
	r.queue, r.bytes = nil, 0
	return list, !r.closed
}

// full reports whether so much waits that it should be written now.
func (r *Recorder) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes > flushAt || r.closed
}

// run writes what is queued, about once a second.
func (r *Recorder) run(ctx context.Context) {
	defer close(r.done)
	defer r.cancel()
	var s segment
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		r.linger(ctx)
		list, more := r.take()
		s.write(ctx, r, list)
		if !more {
			return
		}
	}
}

// linger waits for more to come, so that what is written together is worth it.
func (r *Recorder) linger(ctx context.Context) {
	wait := time.NewTimer(flushEvery)
	defer wait.Stop()
	for !r.full() {
		select {
		case <-r.wake:
		case <-wait.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// segment is the file that is written now. It belongs to run's goroutine.
type segment struct {
	writer Writer
	file   File // nil: the next whole page begins one
	size   int64
	worn   bool
	failed int       // times in a row
	not    time.Time // before then none is begun
}

// write writes what was queued, each group into the segment it belongs to.
func (s *segment) write(ctx context.Context, r *Recorder, list []queued) {
	for _, q := range list {
		if q.begins {
			s.flush(ctx, r)
			if s.file == nil || s.worn || s.size > maxSegment {
				s.open(ctx, r, q.at)
			}
			if s.file != nil {
				s.writer.Begin(q.at, q.payload)
			}
		} else if s.file != nil {
			s.writer.Add(q.at, q.kind, q.payload)
		}
	}
	s.flush(ctx, r)
	if s.file == nil || s.worn {
		r.config.Page() // to go on in another segment; write waits while that is too soon
	}
}

// open begins another segment.
func (s *segment) open(ctx context.Context, r *Recorder, at int64) {
	s.writer, s.size, s.worn = Writer{}, 0, false
	wait := time.NewTimer(time.Until(s.not))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return
	}
	file, err := r.config.Open(ctx, at)
	if s.file = file; err != nil {
		s.file = nil
		s.judge(r, err)
	}
}

// flush writes what the writer has.
func (s *segment) flush(ctx context.Context, r *Recorder) {
	if s.file == nil || s.writer.Pending() == 0 {
		return
	}
	b := s.writer.Take()
	ctx, cancel := context.WithTimeout(ctx, appendFor)
	defer cancel()
	err := s.file.Append(ctx, s.size, b)
	switch {
	case errors.Is(err, ErrWorn):
		s.worn = true
	case err != nil:
		s.file = nil
	}
	s.judge(r, err)
	s.size += int64(len(b))
}

// judge says how long to wait until the next segment is begun: longer each time
// in a row that one was not kept as it should.
func (s *segment) judge(r *Recorder, err error) {
	if err == nil {
		s.failed = 0
		return
	}
	s.not = time.Now().Add(min(retryAfter<<min(s.failed, 10), retryMost))
	if s.failed++; s.failed == 1 {
		r.config.Log.Warn("a recording goes on in another file", "err", err)
	}
}
