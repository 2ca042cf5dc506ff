package auth

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"kohe/relay"
)

// Limiter is a token bucket per key (an address, an agent's name). It
// remembers the most recently used keys only.
type Limiter struct {
	buckets *lru.Cache[string, *rate.Limiter]
	every   rate.Limit
	burst   int
}

// maxLimited is how many keys a Limiter remembers.
const maxLimited = 10_000

// NewLimiter allows burst at once and one more each interval.
func NewLimiter(interval time.Duration, burst int) *Limiter {
	buckets, err := lru.New[string, *rate.Limiter](maxLimited)
	if err != nil {
		panic("auth: " + err.Error()) // a constant size above zero
	}
	return &Limiter{buckets: buckets, every: rate.Every(interval), burst: burst}
}

// Allow takes one from the key's bucket. If it is empty the error is CodeRate
// with the time to wait.
func (l *Limiter) Allow(key string, now time.Time) error {
	bucket, ok := l.buckets.Get(key)
	if !ok {
		bucket = rate.NewLimiter(l.every, l.burst)
		if was, had, _ := l.buckets.PeekOrAdd(key, bucket); had {
			bucket = was
		}
	}
	r := bucket.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &relay.Error{Code: relay.CodeRate, Text: "Too many tries. Please wait a little and try again.", Retry: wait}
	}
	return nil
}
