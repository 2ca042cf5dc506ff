package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"sync"
	"time"

	"kohe/edge/api"
	"kohe/edge/remote"
	"kohe/raft/state"
	"kohe/relay/peer"
)

// openRemote gives a node that is an edge only its cell, and goes on as begin.
func (c *cluster) openRemote() *remote.Remote {
	r := remote.Open(remote.Config{Node: c.name(), Connect: c.connectCore, Log: c.log})
	c.begin(r)
	return r
}

// connectCore opens a stream to a core node: in this region first, then the
// nearest, and not the one that was asked last if there is another.
func (c *cluster) connectCore(ctx context.Context) (remote.Stream, string, error) {
	c.mu.Lock()
	last := c.asked
	c.mu.Unlock()
	errs := []error{errors.New("no core node answers")}
	for _, n := range c.nearestCores(last) {
		s, err := c.open(ctx, n.ID, kindRemote)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.mu.Lock()
		c.asked = n.ID
		c.mu.Unlock()
		return s, n.ID, nil
	}
	return nil, "", errors.Join(errs...)
}

// nearestCores returns the core nodes: those of this region first, then the
// nearest; last those without a connection, and one that was named.
func (c *cluster) nearestCores(last string) []state.Node {
	rtt := map[string]time.Duration{}
	for _, l := range c.peers.Links() {
		if l.Conn != nil {
			rtt[l.Node] = l.Conn.RTT()
		}
	}
	cores := slices.DeleteFunc(slices.Clone(c.members()), func(n state.Node) bool { return n.Role != state.CoreNode || n.Addr == "" })
	far := func(n state.Node) int {
		switch d, up := rtt[n.ID]; {
		case n.ID == last, !up:
			return 3 * int(time.Hour)
		case n.Region != c.own.Region:
			return int(time.Hour + d)
		default:
			return int(d)
		}
	}
	slices.SortStableFunc(cores, func(a, b state.Node) int { return cmp.Compare(far(a), far(b)) })
	return cores
}

// linked returns the nodes that this one has a connection to.
func (c *cluster) linked() map[string]bool {
	up := map[string]bool{}
	for _, l := range c.peers.Links() {
		if l.Conn != nil && !c.isDead(l.Node) {
			up[l.Node] = true
		}
	}
	return up
}

// serveEdge serves another node's stream to the cell.
func (c *cluster) serveEdge(ctx context.Context, conn *peer.Conn, s peer.Stream) {
	server := c.edges.Load()
	if server == nil || !c.ready() {
		halfStream{s.Stream}.Reset()
		return
	}
	err := server.Serve(ctx, conn.Peer().Node, halfStream{s.Stream})
	c.log.Debug("an edge's stream ended", "node", conn.Peer().Node, "err", err)
}

// remoteHeader names the console's address to a core node. It is read from
// other nodes only.
const remoteHeader = "Kohe-Remote"

// Bounds of a console's request that goes through an edge.
const (
	apiFor      = 15 * time.Second
	maxTicket   = 16 << 10 // bytes of an answer with a ticket
	maxRequests = 64       // streams that wait to be served
)

// serveAPI serves the requests of consoles that are connected to edges.
func (c *cluster) serveAPI(h http.Handler) {
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			edge := r.RemoteAddr // as streamConn names it
			r.RemoteAddr = r.Header.Get(remoteHeader)
			h.ServeHTTP(w, api.Through(r, edge))
		}),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: apiFor, WriteTimeout: apiFor,
	}
	c.running.Go(func() error {
		if err := server.Serve(c.apis); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return server.Close()
	})
}

func (c *cluster) serveRequest(_ context.Context, conn *peer.Conn, s peer.Stream) {
	if !c.ready() || !c.apis.give(streamConn{halfStream{s.Stream}, conn.Peer().Node}) {
		halfStream{s.Stream}.Reset()
	}
}

// coreAPI has the core node that this edge asks answer the console's requests:
// a ticket is spent where it was made. How to reach the edge is the edge's to say.
func (c *cluster) coreAPI(reach func() (string, []string)) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "core", r.In.Host
			r.Out.Header.Set(remoteHeader, r.In.RemoteAddr)
		},
		Transport: &http.Transport{
			DisableKeepAlives: true, ResponseHeaderTimeout: apiFor,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				c.mu.Lock()
				core := c.asked
				c.mu.Unlock()
				s, err := c.open(ctx, core, kindAPI)
				return streamConn{s, core}, err
			},
		},
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path != "/api/v1/ticket" || r.StatusCode != http.StatusOK {
				return nil
			}
			return reachHere(r, reach)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			c.log.Warn("a console's request has no answer", "err", err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"unavailable","text":"This cannot be answered right now. Please try again in a moment.","retry_ms":1000}`)
		},
	}
	return proxy
}

// reachHere puts this edge's addresses into an answer with a ticket.
func reachHere(r *http.Response, reach func() (string, []string)) error {
	var answer map[string]any
	if err := json.NewDecoder(io.LimitReader(r.Body, maxTicket)).Decode(&answer); err != nil {
		return err
	}
	if err := r.Body.Close(); err != nil {
		return err
	}
	wt, hashes := reach()
	delete(answer, "hashes")
	answer["wt"] = wt
	if len(hashes) > 0 {
		answer["hashes"] = hashes
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

// streamConn is a stream between nodes as net/http needs it.
type streamConn struct {
	halfStream
	node string
}

func (s streamConn) LocalAddr() net.Addr  { return nodeAddr("this node") }
func (s streamConn) RemoteAddr() net.Addr { return nodeAddr(s.node) }

// Close ends both directions; what was written arrives.
func (s streamConn) Close() error {
	s.CancelRead(0)
	return s.halfStream.Close()
}

type nodeAddr string

func (nodeAddr) Network() string  { return "kohe" }
func (a nodeAddr) String() string { return string(a) }

// streamListener accepts the streams that it is given.
type streamListener struct {
	streams chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newStreamListener() *streamListener {
	return &streamListener{streams: make(chan net.Conn, maxRequests), closed: make(chan struct{})}
}

// give hands over a stream; false: it is not wanted.
func (l *streamListener) give(s net.Conn) bool {
	select {
	case l.streams <- s:
		return true
	case <-l.closed:
	default:
	}
	return false
}

// Accept implements net.Listener.
func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case s := <-l.streams:
		return s, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *streamListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *streamListener) Addr() net.Addr { return nodeAddr("this node") }
