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

// A dead node is noticed within 2 s. After a tick in which nothing came, the node
// that dialled sends a probe, and after two more the other does; a connection on which nothing came for silence,
// or two ticks and five round trips if that is longer (from 160 ms on), is
// closed: 1.6 s after the last packet at most. An idle pair exchanges a probe
// and its acknowledgement, about 120 bytes together, every 0.4 s. QUIC's own
// idle timeout is the backstop only: quic-go takes none below 5 s from the
// other side, and starts it anew with what is sent.
const (
	tick        = 200 * time.Millisecond
	silence     = 1200 * time.Millisecond
	idleTimeout = 5 * time.Second
)

// probeSize is what a probe has at least, bytes: a node that restarted answers
// smaller packets with no stateless reset.
const probeSize = 32

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
