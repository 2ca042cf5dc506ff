package state

import (
	"runtime"
	"sync"
)

// lock is a sync.RWMutex whose readers wait for its writer at a channel: in a
// simulation (testing/synctest) time goes on then, as it has to for a writer who
// waits for a slow disk. It has one writer.
type lock struct {
	rw sync.RWMutex

	mu      sync.Mutex    // guards what follows
	writing bool          // rw is locked
	freed   chan struct{} // closed when it is not any more; nil: nobody waits
}

func (l *lock) Lock() {
	l.rw.Lock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = true
}

func (l *lock) Unlock() {
	l.mu.Lock()
	l.writing = false
	if l.freed != nil {
		close(l.freed)
		l.freed = nil
	}
	l.mu.Unlock()
	l.rw.Unlock()
}

func (l *lock) RLock() {
	for !l.rw.TryRLock() {
		if freed := l.wait(); freed != nil {
			<-freed
		} else {
			runtime.Gosched() // the writer is about to have it, or about to leave
		}
	}
}

// wait returns what is closed when the writer leaves, nil if there is none.
func (l *lock) wait() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing && l.freed == nil {
		l.freed = make(chan struct{})
	}
	return l.freed
}

func (l *lock) RUnlock() { l.rw.RUnlock() }
