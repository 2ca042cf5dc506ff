package edge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kohe/relay"
)

// How many visitors' connections a node takes a second, and at once. All those
// of a node that died come to the others: the pages on which nobody has asked
// for help yet, for which nobody waits, come in more slowly than conversations.
const (
	quietPerSecond, quietAtOnce = 500, 1000
	chatsPerSecond, chatsAtOnce = 1000, 2000
	longestTurn                 = time.Minute // in which a client that was sent away is to come back
)

// admission lets clients in at a bounded rate. Who comes too soon is told when
// it is their turn: one after the other, so that they do not come back together.
type admission struct {
	bucket *rate.Limiter
	pause  time.Duration // between two turns

	mu   sync.Mutex
	turn time.Time // the last one given; guarded by mu
}

func newAdmission(perSecond, atOnce int) *admission {
	return &admission{bucket: rate.NewLimiter(rate.Limit(perSecond), atOnce), pause: time.Second / time.Duration(perSecond)}
}

// enter lets a client in, or answers CodeBusy with the time to its turn. A turn
// is no promise: somebody new may take it, and then there is another one.
func (a *admission) enter(now time.Time) error {
	if a.bucket.AllowN(now, 1) {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.turn = a.turn.Add(a.pause); a.turn.Before(now) {
		a.turn = now.Add(a.pause)
	}
	wait := a.turn.Sub(now)
	if wait > longestTurn {
		a.turn = now // the line is full: it begins again, and the last come back among the first
		wait = longestTurn
	}
	return &relay.Error{Code: relay.CodeBusy, Text: "Many people come to this server just now. Please wait a moment.", Retry: wait}
}
