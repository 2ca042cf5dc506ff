package bench

import (
	"context"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// Baseline is the least that a chat relay can be: one WebSocket a client, two
// clients a pair, every message handed to the other side as it came. It stores
// nothing, checks nothing and tells nobody what became of a message.
type Baseline struct {
	mu    sync.Mutex
	pairs map[string]*[2]*websocket.Conn // guarded by mu
}

// NewBaseline returns an empty relay.
func NewBaseline() *Baseline { return &Baseline{pairs: make(map[string]*[2]*websocket.Conn)} }

// ServeHTTP takes a client: ?pair=NAME&side=0 or 1.
func (b *Baseline) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	pair, side := r.URL.Query().Get("pair"), 0
	if r.URL.Query().Get("side") == "1" {
		side = 1
	}
	b.mu.Lock()
	if b.pairs[pair] == nil {
		b.pairs[pair] = new([2]*websocket.Conn)
	}
	b.pairs[pair][side] = c
	b.mu.Unlock()
	ctx := context.Background()
	for {
		kind, message, err := c.Read(ctx)
		if err != nil {
			return
		}
		b.mu.Lock()
		other := b.pairs[pair][1-side]
		b.mu.Unlock()
		if other != nil && other.Write(ctx, kind, message) != nil {
			return
		}
	}
}
