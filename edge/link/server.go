package link

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/webtransport-go"

	"kohe/relay"
	"kohe/relay/wire"
)

// Server takes connections and runs a link for each. It owns every goroutine
// of its links; Close ends and awaits them.
type Server struct {
	config  Config
	limits  Limits
	metrics *Metrics
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup // one for each link and each socket that wants to attach

	mu      sync.Mutex // guards what follows
	closed  bool
	pending int // connections before Welcome
	links   map[relay.ID]*link
}

// NewServer returns a Server that is ready to serve.
func NewServer(c Config) *Server {
	if c.Ping == 0 {
		c.Ping = DefaultPing
	}
	if c.Metrics == nil {
		c.Metrics = new(Metrics)
	}
	s := &Server{config: c, limits: c.Limits.withDefaults(), metrics: c.Metrics, links: map[relay.ID]*link{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Ping is the span that Welcome's ping_ms has to say.
func (s *Server) Ping() time.Duration { return s.config.Ping }

// ServeHTTP takes a WebSocket. It returns as soon as the connection is its own.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	peer := newPeer(WebSocket, r)
	t, err := acceptWebSocket(w, r)
	if err != nil {
		return // the library has answered
	}
	s.start(t, peer, false)
}

// ServeWebTransport takes a WebTransport session that was just upgraded from
// r. It returns at once.
func (s *Server) ServeWebTransport(session *webtransport.Session, r *http.Request) {
	s.start(&wtTransport{session: session}, newPeer(WebTransport, r), true)
}

// Close refuses new connections and closes the links with the code draining.
// It waits for them until ctx is done.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.links {
		l.end(errDraining)
	}
	s.mu.Unlock()
	s.cancel()
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var (
	errDraining = &relay.Error{Code: relay.CodeDraining, Text: "This node is going away.", Retry: time.Second}
	errBusy     = &relay.Error{Code: relay.CodeBusy, Text: "This node is full. Please try again in a moment.", Retry: 5 * time.Second}
)

// start runs a connection in a goroutine of its own. streams says that its
// page lane is a stream of the same connection.
func (s *Server) start(t transport, peer Peer, streams bool) {
	l := newLink(s, t, peer)
	refusal := s.admit(l)
	go func() {
		defer s.running.Done()
		if refusal != nil {
			l.turnAway(refusal)
			return
		}
		defer s.forget(l)
		l.run(streams)
	}()
}

// admit counts a connection in; an error says why it may not stay.
func (s *Server) admit(l *link) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running.Add(1)
	switch {
	case s.closed:
		return errDraining
	case len(s.links) >= s.limits.Links, s.pending >= s.limits.Pending:
		return errBusy
	}
	s.links[l.peer.Link] = l
	s.pending++
	return nil
}

// welcomed takes a connection off those that have proved nothing yet.
func (s *Server) welcomed() {
	s.mu.Lock()
	s.pending--
	s.mu.Unlock()
}

func (s *Server) forget(l *link) {
	s.mu.Lock()
	delete(s.links, l.peer.Link)
	s.mu.Unlock()
}

// attach finds the link that a second socket belongs to.
func (s *Server) attach(first wire.Frame) (*link, error) {
	var want wire.AttachPayload
	if err := wire.Decode(first, &want); err != nil {
		return nil, err
	}
	s.mu.Lock()
	l := s.links[want.Link]
	s.mu.Unlock()
	if l == nil || !l.open.Load() || subtle.ConstantTimeCompare([]byte(l.peer.Key), []byte(want.Key)) != 1 {
		return nil, relay.Errorf(relay.CodeAuth, "There is no connection with this link and key.")
	}
	return l, nil
}

func newPeer(transport string, r *http.Request) Peer {
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // net/http and quic-go write it themselves
	return Peer{
		Link: relay.NewID(), Key: relay.NewID().String(), Transport: transport,
		Remote: addr.Addr().Unmap(), Origin: r.Header.Get("Origin"),
	}
}

// decodeHello reads the first frame of a control lane. Its Version becomes the
// one that is spoken.
func decodeHello(f wire.Frame) (wire.HelloPayload, error) {
	var hello wire.HelloPayload
	if f.Kind != wire.Hello {
		return hello, relay.Errorf(relay.CodeProtocol, "The first frame is %s, not hello.", f.Kind)
	}
	if err := wire.Decode(f, &hello); err != nil {
		return hello, err
	}
	spoken, ok := wire.Common(hello.Version)
	if !ok {
		return hello, relay.Errorf(relay.CodeVersion, "This page speaks version %d of the protocol, the server speaks %d. Please load the page again.", hello.Version, wire.Version)
	}
	hello.Version = spoken
	return hello, nil
}

// errorFrame returns what tells a client of an error.
func errorFrame(e *relay.Error, ref uint64) wire.Outgoing {
	return wire.Outgoing{Kind: wire.Error, Payload: wire.Encode(wire.ErrorPayload{
		Code: e.Code, Text: e.Text, RetryMS: e.Retry.Milliseconds(), Ref: ref,
	})}
}

// pong returns the answer to a ping.
func pong(f wire.Frame) (wire.Outgoing, error) {
	var ping wire.PingPayload
	if err := json.Unmarshal(f.Payload, &ping); err != nil {
		return wire.Outgoing{}, relay.Errorf(relay.CodeMalformed, "The payload of a ping frame cannot be read.")
	}
	return wire.Outgoing{Kind: wire.Pong, Payload: wire.Encode(ping)}, nil
}
