package client

import (
	"context"
	"sync"
)

// reign ends when the cell has another leader, or none, as far as this member
// knows: whoever waits for the former one asks anew at once.
type reign struct {
	mu  sync.Mutex // guards what follows
	ctx context.Context
	end context.CancelFunc
}

func newReign() *reign {
	r := &reign{}
	r.ctx, r.end = context.WithCancel(context.Background())
	return r
}

// present returns a context that ends with the present reign.
func (r *reign) present() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ctx
}

// change ends the present reign.
func (r *reign) change() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end()
	r.ctx, r.end = context.WithCancel(context.Background())
}
