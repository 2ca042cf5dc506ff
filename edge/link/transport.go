package link

import (
	"context"

	"kohe/relay"
	"kohe/relay/wire"
)

// lane is one ordered, reliable way of a connection: a stream or a socket.
type lane interface {
	// read returns the next frame; most caps its payload. A *relay.Error says
	// that the bytes are no frame, any other error that the lane has ended.
	// One goroutine at a time.
	read(most int) (wire.Frame, error)
	// write writes whole frames. One goroutine at a time.
	write(frames []byte) error
}

// transport is one connection as both its ends see it.
type transport interface {
	// open gives the first two lanes in turn: control, then page. The client
	// opens them, the server waits for them.
	open(ctx context.Context) (lane, error)
	// sendDatagram may block and may lose what it sends. Nil where there are
	// no datagrams.
	datagrams() datagrams
	// close lets what was written arrive, until ctx is done, and then closes
	// with CloseCode and the code as its reason; with no code, cleanly.
	close(ctx context.Context, code relay.Code)
}

// datagrams is the unordered, unreliable way.
type datagrams interface {
	SendDatagram(b []byte) error
	ReceiveDatagram(ctx context.Context) ([]byte, error)
}
