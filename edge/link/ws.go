package link

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"kohe/relay"
	"kohe/relay/wire"
)

// Subprotocol is the WebSocket subprotocol of this protocol version.
const Subprotocol = "kohe.1"

// wsTransport is the WebSocket of a control lane, and beside it the one of the
// page lane once there is one.
type wsTransport struct {
	first *wsLane
	dial  func(ctx context.Context) (*wsLane, error) // client: makes the second

	mu     sync.Mutex
	opened bool    // first was given out; guarded by mu
	second *wsLane // guarded by mu
}

// open gives the socket itself, then, to a client, a second one. To a server
// the second comes from outside (setSecond).
func (t *wsTransport) open(ctx context.Context) (lane, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.opened {
		t.opened = true
		return t.first, nil
	}
	second, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	t.second = second
	return second, nil
}

func (t *wsTransport) datagrams() datagrams { return nil }

// setSecond takes over the socket of another transport.
func (t *wsTransport) setSecond(other *wsTransport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.second = other.first
}

func (t *wsTransport) close(ctx context.Context, code relay.Code) {
	t.mu.Lock()
	second := t.second
	t.mu.Unlock()
	var both sync.WaitGroup
	if second != nil {
		both.Go(func() { second.close(ctx, code) })
	}
	t.first.close(ctx, code)
	both.Wait()
}

// wsLane is one WebSocket. Between messages it holds no buffer but the two
// small ones of its library.
type wsLane struct {
	conn    *websocket.Conn
	raw     net.Conn      // server: to bound the closing handshake
	message *bufio.Reader // of the message that is being read, nil between messages
}

// newWSLane has the library read messages of any size, because read takes them
// apart frame by frame.
func newWSLane(conn *websocket.Conn, raw net.Conn) *wsLane {
	conn.SetReadLimit(-1)
	return &wsLane{conn: conn, raw: raw}
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

func (l *wsLane) read(most int) (wire.Frame, error) {
	if l.message == nil {
		kind, r, err := l.conn.Reader(context.Background())
		if err != nil {
			return wire.Frame{}, wsEnd(err)
		}
		if kind != websocket.MessageBinary {
			return wire.Frame{}, relay.Errorf(relay.CodeMalformed, "A text message came where messages are binary.")
		}
		l.message = readers.Get().(*bufio.Reader)
		l.message.Reset(r)
	}
	f, err := wire.Read(l.message, most)
	if err == io.EOF || err == io.ErrUnexpectedEOF { // of the message, not of the socket
		err = relay.Errorf(relay.CodeMalformed, "A message does not consist of whole frames.")
	}
	if _, more := l.message.Peek(1); err != nil || more != nil {
		l.message.Reset(nil)
		readers.Put(l.message)
		l.message = nil
	}
	return f, err
}

func (l *wsLane) write(frames []byte) error {
	return l.conn.Write(context.Background(), websocket.MessageBinary, frames)
}

func (l *wsLane) close(ctx context.Context, code relay.Code) {
	if deadline, ok := ctx.Deadline(); ok && l.raw != nil {
		_ = l.raw.SetDeadline(deadline)
	}
	if code == "" {
		_ = l.conn.Close(websocket.StatusNormalClosure, "")
		return
	}
	_ = l.conn.Close(CloseCode, string(code))
}

// wsEnd makes the other end's clean close an io.EOF.
func wsEnd(err error) error {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return io.EOF
	}
	return err
}

// acceptWebSocket upgrades r. Origin is not checked here: the Accept does that,
// once the site is known.
func acceptWebSocket(w http.ResponseWriter, r *http.Request) (*wsTransport, error) {
	if !offers(r, Subprotocol) {
		http.Error(w, "This address speaks the WebSocket subprotocol "+Subprotocol+".", http.StatusBadRequest)
		return nil, errors.New("no common subprotocol")
	}
	h := &hijacker{ResponseWriter: w}
	conn, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols: []string{Subprotocol}, InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, err
	}
	return &wsTransport{first: newWSLane(conn, h.conn)}, nil
}

func offers(r *http.Request, protocol string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		if slices.ContainsFunc(strings.Split(line, ","), func(s string) bool { return strings.TrimSpace(s) == protocol }) {
			return true
		}
	}
	return false
}

// hijacker gives the library small buffers instead of net/http's two of 4 KiB,
// which would be most of what an idle socket costs.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = conn
	_ = conn.SetDeadline(time.Time{})                // those of the HTTP request
	early, _ := rw.Reader.Peek(rw.Reader.Buffered()) // frames that came with the request
	early = slices.Clone(early)
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(readBuffer, len(early)))
	_, _ = r.Peek(len(early)) // the library takes over what is buffered
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, readBuffer)), nil
}
