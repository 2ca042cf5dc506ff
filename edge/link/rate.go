package link

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"kohe/relay/wire"
)

// buckets hold one lane of one client to its Rate.
type buckets struct {
	frames, bytes *rate.Limiter
}

// newBuckets returns full buckets; the one of bytes holds at least one frame
// of most bytes.
func newBuckets(r Rate, most int) buckets {
	return buckets{
		frames: rate.NewLimiter(rate.Limit(r.Frames), max(1, int(r.Frames*r.Burst))),
		bytes:  rate.NewLimiter(rate.Limit(r.Bytes), max(most, int(r.Bytes*r.Burst))),
	}
}

// allow takes the frame's tokens if they are there.
func (b buckets) allow(f wire.Frame) bool {
	return b.frames.Allow() && b.bytes.AllowN(time.Now(), len(f.Payload))
}

// wait takes the frame's tokens when they are there.
func (b buckets) wait(ctx context.Context, f wire.Frame) error {
	if err := b.frames.Wait(ctx); err != nil {
		return err
	}
	return b.bytes.WaitN(ctx, len(f.Payload))
}
