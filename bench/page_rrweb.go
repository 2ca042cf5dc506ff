package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"github.com/coder/websocket"
)

// rrwebScreens joins rrweb's two halves through a relay at address. Each page
// that is shown is recorded and replayed anew.
func (s Page) rrwebScreens(b *browser, relay *eventRelay, address, site string) (*screens, error) {
	record, err1 := os.ReadFile(s.Record)
	replay, err2 := os.ReadFile(s.Replay)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("rrweb is compared with from the development tree (`make build` installs it): %w", err)
	}
	e, err := openScreens(b, "rrweb_ws")
	if err != nil {
		return nil, err
	}
	address = strings.Replace(address, "http:", "ws:", 1)
	e.show = func(page string) error {
		if err := e.agent.visit(site + "/"); err != nil {
			return err
		}
		if err := e.agent.steps(script(replay), fmt.Sprintf("bench.replay(%q)", address+"/agent")); err != nil {
			return err
		}
		if err := e.visitor.visit(site + "/" + page); err != nil {
			return err
		}
		if err := e.visitor.steps(script(record), fmt.Sprintf("bench.record(%q)", address+"/visitor")); err != nil {
			return err
		}
		return e.agent.steps(fmt.Sprintf("bench.watch(%q)", page))
	}
	e.sent = func() (float64, error) { return float64(relay.heard.Load()), nil }
	return e, nil
}

// eventRelay is the least that a relay of a page can be: one WebSocket a side,
// with permessage-deflate that keeps its window; what the visitor sends is
// handed to the agent as it came.
type eventRelay struct {
	agent atomic.Pointer[websocket.Conn]
	heard atomic.Int64 // bytes read from visitors' sockets
}

// ServeHTTP takes the agent at /agent, who is to come first, and the visitor.
func (e *eventRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	visitor := r.URL.Path == "/visitor"
	if visitor {
		w = &counted{w, &e.heard}
	}
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return // the library has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	if !visitor {
		e.agent.Store(c)
	}
	ctx := context.Background()
	for {
		kind, event, err := c.Read(ctx)
		if err != nil {
			return
		}
		if agent := e.agent.Load(); visitor && (agent == nil || agent.Write(ctx, kind, event) != nil) {
			return
		}
	}
}

// counted counts what is read from a connection once it is hijacked.
type counted struct {
	http.ResponseWriter
	read *atomic.Int64
}

// Hijack implements http.Hijacker.
func (c *counted) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(c.ResponseWriter).Hijack()
	return &countedConn{conn, c.read}, rw, err
}

type countedConn struct {
	net.Conn
	read *atomic.Int64
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}
