package peer

import (
	"time"

	"github.com/quic-go/quic-go"
)

// The application error codes that connections between nodes are closed with.
const (
	closeBye      quic.ApplicationErrorCode = iota // the node goes away
	closeRefused                                   // the node is not, or no longer, allowed
	closeReplaced                                  // another connection of the pair is used
	closeProtocol                                  // the other side breaks the protocol
)

// A dead node is noticed within 2 s. A connection that hears nothing ends after
// idleTimeout, counted from the last packet heard or from the first packet sent
// after it: 1.8 s at most, unless three probe timeouts of the path are longer
// (round trips over about 200 ms). An idle pair exchanges a ping and its
// acknowledgement, about 60 bytes together, every keepAlive.
const (
	idleTimeout = 900 * time.Millisecond
	keepAlive   = 350 * time.Millisecond
)

// What a member may open and send before we read it. A member is trusted with
// more than a stranger, not with everything.
const (
	maxStreams      = 4096
	streamWindow    = 512 << 10 // bytes
	streamWindowMax = 4 << 20
	connWindow      = 1 << 20
	connWindowMax   = 16 << 20
)

// QUIC returns the settings of a connection between nodes, for those who dial
// and for those who accept. A listener that cannot tell them from strangers may
// accept with smaller windows and fewer streams; idleTimeout and keepAlive hold
// if one side has them.
func QUIC() *quic.Config {
	return &quic.Config{
		EnableDatagrams: true, MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: -1,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: streamWindowMax,
		InitialConnectionReceiveWindow: connWindow, MaxConnectionReceiveWindow: connWindowMax,
		HandshakeIdleTimeout: 2 * time.Second, MaxIdleTimeout: idleTimeout, KeepAlivePeriod: keepAlive,
	}
}
