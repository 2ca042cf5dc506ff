// Package link is the edge's end of a client's connection, over WebTransport,
// over WebSocket or in memory, as relay/wire/PROTOCOL.md specifies it; and the
// same connection seen from the client, for tests and benchmarks.
//
// It knows lanes, frames, sequence, doubling and heartbeats, and nothing of
// what frames mean: an Accept proves who the client is and gives a Handler,
// whose Source says what to write. A client that breaks the protocol gets a
// coded Error frame and is closed; nobody else notices. DESIGN.md says why it
// is built as it is.
package link

import (
	"context"
	"net/netip"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// Transports, as Peer names them.
const (
	WebTransport = "webtransport"
	WebSocket    = "websocket"
	Memory       = "memory"
	Carried      = "carried" // by another node
)

// CloseCode is the code that WebTransport sessions and WebSockets are closed
// with after an Error frame.
const CloseCode = 4000

// Source is what a link writes. Next blocks until there is something for the
// lane, ctx is done, or the source has ended; its error is told to the client
// before the connection closes, io.EOF is not. Frames of the cursor lane come with
// those of the control lane. One goroutine a lane calls it.
type Source interface {
	Next(ctx context.Context, lane relay.Lane) ([]wire.Outgoing, error)
}

// Notifier is a Source that need not be waited for: with one, a link with
// nothing to write has no goroutine for writing.
type Notifier interface {
	Source
	// Take is Next without waiting: nothing and nil if there is nothing now.
	Take(lane relay.Lane) ([]wire.Outgoing, error)
	// Notify sets what is called when the lane may have something to take, or
	// has ended; at once if it has already. ready does not block and may be
	// called from any goroutine, any number of times.
	Notify(lane relay.Lane, ready func())
}

// Handler is the edge's side of one authenticated connection.
type Handler interface {
	// Source returns what the link writes. Its first frame is the Welcome.
	Source() Source
	// Frame takes one frame; doubled ones come once, pings and the frames that
	// open lanes never. One goroutine at a time calls it for a lane. The
	// payload belongs to the handler. A *relay.Error is sent to the client with
	// the frame's sequence; a fatal code or any other error closes the link.
	Frame(lane relay.Lane, f wire.Frame) error
	// Closed is called once, after the last Frame. err says why, nil if the
	// client left.
	Closed(err error)
}

// Peer is what is known of a client before it has proved anything.
type Peer struct {
	Link      relay.ID // names the connection; goes into the Welcome
	Key       string   // proves it on a second socket; goes into the Welcome
	Transport string
	Remote    netip.Addr
	Origin    string // of the page, as its browser says; "" from other clients
	Node      string // that carries the link; "" if the client is connected here
	Version   int    // of the protocol, that is spoken
}

// Accept authenticates a client; hello.Version is the one that is spoken. An error is told to the client, whatever its
// code, and the connection closes. ctx ends with the connection.
type Accept func(ctx context.Context, peer Peer, hello wire.HelloPayload) (Handler, error)

// Config is what a Server needs. Zero fields take the defaults named here.
type Config struct {
	Accept  Accept
	Carried Accept        // of links that another node carries; nil: there are none
	Ping    time.Duration // what Welcome's ping_ms says; DefaultPing
	Limits  Limits
	Metrics *Metrics // nil: counted but not shown
}

// DefaultPing is how long a client stays silent before it pings. Every ping of
// an idle client costs the edge a wake-up; 2.5 of them are what it takes to
// notice a client that is gone.
const DefaultPing = 15 * time.Second

// Limits bound what one client and all unproved clients may cost. Zero fields
// take the default.
type Limits struct {
	Links   int // connections in all; then busy
	Pending int // connections before Welcome in all; then busy

	Control Rate // over it a frame is refused (rate), MaxRefused of them close
	Cursor  Rate // over it frames are dropped
	Page    Rate // over it the link reads more slowly
}

// Rate is a token bucket of frames and one of bytes; each holds Burst seconds.
type Rate struct {
	Frames, Bytes float64 // per second
	Burst         float64 // seconds
}

// The defaults of Limits.
const (
	DefaultLinks   = 100_000
	DefaultPending = 4_096
)

// The default rates: a person types and points; a page is drawn 60 times a second.
var (
	DefaultControl = Rate{Frames: 100, Bytes: 128 << 10, Burst: 4}
	DefaultCursor  = Rate{Frames: 120, Bytes: 64 << 10, Burst: 2}
	DefaultPage    = Rate{Frames: 240, Bytes: 2 << 20, Burst: 4}
)

// Bounds that are part of the protocol or follow from it.
const (
	HelloTimeout = 5 * time.Second      // from connection to hello
	doubleGap    = 2 * time.Millisecond // from a datagram to its copy on the stream
	patience     = 4 * time.Millisecond // what a patient frame waits for others at most
	seenAhead    = 1024                 // sequences above the stream's that are remembered
)

// Bounds of our own.
const (
	MaxRefused    = 100              // frames refused for their rate before the link closes
	replyBacklog  = 64 << 10         // bytes of pongs and errors a client may leave unread
	closeGrace    = 1 * time.Second  // for an Error frame to arrive before the close
	readBuffer    = 512              // bytes; a link mostly idles, and large reads pass it by
	acceptTimeout = 10 * time.Second // for authenticating
)

func (l Limits) withDefaults() Limits {
	if l.Links == 0 {
		l.Links = DefaultLinks
	}
	if l.Pending == 0 {
		l.Pending = DefaultPending
	}
	for _, r := range []struct {
		rate *Rate
		def  Rate
	}{{&l.Control, DefaultControl}, {&l.Cursor, DefaultCursor}, {&l.Page, DefaultPage}} {
		if *r.rate == (Rate{}) {
			*r.rate = r.def
		}
	}
	return l
}
