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
	closeSilent                                    // nothing was heard
)

// A dead node is noticed within 2 s: a connection on which nothing came for
// silence, or keepAlive and five round trips if that is longer (from 110 ms on),
// is closed within a silenceTick of it. On an idle pair the node that dialled
// sends a ping every keepAlive, which is acknowledged: about 60 bytes together. QUIC's own idle
// timeout is the backstop only: quic-go takes none below 5 s from the other
// side, and starts it anew with what is sent.
const (
	keepAlive   = 350 * time.Millisecond
	silence     = 900 * time.Millisecond
	silenceTick = 200 * time.Millisecond
	idleTimeout = 5 * time.Second
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
// accept with smaller windows and fewer streams.
func QUIC() *quic.Config {
	return &quic.Config{
		EnableDatagrams: true, MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: -1,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: streamWindowMax,
		InitialConnectionReceiveWindow: connWindow, MaxConnectionReceiveWindow: connWindowMax,
		HandshakeIdleTimeout: 2 * time.Second, MaxIdleTimeout: idleTimeout,
	}
}
