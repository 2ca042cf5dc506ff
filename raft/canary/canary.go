// Package canary notices at once that a peer's process has ended. A Flock keeps
// one idle TCP connection to each peer; when the process at the other end dies
// its kernel closes the connection, long before a timeout would notice. A link
// that breaks and cannot be dialled again at once makes its peer suspect; the
// next one that can be dialled makes it trusted again. Where the peer's kernel
// refuses the dial, its process has ended for certain.
//
// A peer whose machine loses power or its network is not noticed here: nothing
// closes the link. That is left to Raft's own timers.
//
// Each end dials the other, so a pair has two links and neither end needs to
// know who dialled it. Watch starts one goroutine a peer; Close waits for all.
package canary

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Times of a link.
const (
	redialWithin = 100 * time.Millisecond // a broken link that takes longer makes its peer suspect
	closing      = 20 * time.Millisecond  // after a break, a dial that is not refused is tried again
	moment       = time.Millisecond       // after this
	dialWithin   = 2 * time.Second        // later attempts
	firstPause   = 50 * time.Millisecond
	lastPause    = time.Second // also what a link has to last to be dialled again without a pause
)

// MaxHeld is how many incoming links a Flock holds; more are closed.
const MaxHeld = 64

// Config says how peers are reached and who is told of their end.
type Config struct {
	// Dial opens a link to a peer, whose end gives it to Hold.
	Dial func(ctx context.Context, id, address string) (net.Conn, error)
	// Lost is called when the process of a peer seems to have ended, for certain
	// or not, and Found when the first link to it stands, or one after Lost. One
	// goroutine a peer calls them; they must return soon and must not call the
	// Flock.
	Lost  func(id string, certain bool)
	Found func(id string)
}

// Flock watches peers. Its methods may be called from any goroutine.
type Flock struct {
	config  Config
	running sync.WaitGroup // one for each peer, and Hold

	mu      sync.Mutex // guards what follows
	closed  bool
	watched map[string]bird
	held    map[net.Conn]struct{}
}

// bird is a peer that is watched.
type bird struct {
	address string
	stop    context.CancelFunc
}

// New returns a Flock that watches nobody.
func New(c Config) *Flock {
	return &Flock{config: c, watched: map[string]bird{}, held: map[net.Conn]struct{}{}}
}

// Watch watches these peers, by id and address, and no others any more.
func (f *Flock) Watch(peers map[string]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	for id, b := range f.watched {
		if peers[id] != b.address {
			b.stop()
			delete(f.watched, id)
		}
	}
	for id, address := range peers {
		if _, ok := f.watched[id]; ok {
			continue
		}
		ctx, stop := context.WithCancel(context.Background())
		f.watched[id] = bird{address, stop}
		f.running.Go(func() { f.watch(ctx, id, address) })
	}
}

// watch keeps a link to a peer until ctx ends.
func (f *Flock) watch(ctx context.Context, id, address string) {
	known, suspect := false, false // nobody is suspected who was never there
	limit, pause := dialWithin, firstPause
	var broken time.Time // when a link did that had lasted
	for ctx.Err() == nil {
		conn, err := f.dial(ctx, id, address, limit)
		if err == nil {
			if suspect || !known {
				f.config.Found(id)
			}
			known, suspect = true, false
			began := time.Now()
			listen(ctx, conn)
			if time.Since(began) >= lastPause {
				limit, pause, broken = redialWithin, firstPause, time.Now()
				continue
			}
		} else if !refused(err) && time.Since(broken) < closing {
			sleep(ctx, moment) // the kernel is still closing the sockets of that process, one by one
			continue
		} else if known && !suspect && ctx.Err() == nil {
			suspect = true
			f.config.Lost(id, refused(err))
		}
		limit = dialWithin
		sleep(ctx, pause)
		pause = min(2*pause, lastPause)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// refused reports whether nobody listens at a peer's address any more.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func (f *Flock) dial(ctx context.Context, id, address string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f.config.Dial(ctx, id, address)
}

// listen returns when the link breaks or ctx ends. Nothing is ever said on it.
func listen(ctx context.Context, conn net.Conn) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// Hold keeps a peer's link open until that peer or this Flock ends.
func (f *Flock) Hold(conn net.Conn) {
	defer conn.Close()
	f.mu.Lock()
	if f.closed || len(f.held) >= MaxHeld {
		f.mu.Unlock()
		return
	}
	f.held[conn] = struct{}{}
	f.running.Add(1)
	f.mu.Unlock()
	defer f.running.Done()
	_, _ = io.Copy(io.Discard, conn)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, conn)
}

// Close ends all links and waits for the goroutines.
func (f *Flock) Close() error {
	f.mu.Lock()
	f.closed = true
	for _, b := range f.watched {
		b.stop()
	}
	for conn := range f.held {
		_ = conn.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
	return nil
}
