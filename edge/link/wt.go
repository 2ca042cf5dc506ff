package link

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"kohe/relay"
	"kohe/relay/wire"
)

// wtTransport is a WebTransport session: two streams that the client opens,
// and datagrams.
type wtTransport struct {
	session *webtransport.Session
	client  bool
}

func (t *wtTransport) open(ctx context.Context) (lane, error) {
	var stream *webtransport.Stream
	var err error
	if t.client {
		stream, err = t.session.OpenStreamSync(ctx)
	} else {
		stream, err = t.session.AcceptStream(ctx)
	}
	if err != nil {
		return nil, wtEnd(err)
	}
	return &streamLane{w: stream, r: bufio.NewReaderSize(stream, readBuffer), end: wtEnd}, nil
}

func (t *wtTransport) datagrams() datagrams { return t.session }

// close waits for the client to go first, because closing a session resets its
// streams and with them the Error frame that may still be under way.
func (t *wtTransport) close(ctx context.Context, code relay.Code) {
	if code == "" {
		_ = t.session.CloseWithError(0, "")
		return
	}
	select {
	case <-t.session.Context().Done():
	case <-ctx.Done():
	}
	_ = t.session.CloseWithError(CloseCode, string(code))
}

// wtEnd makes the other end's clean close, of the session or of the whole QUIC
// connection, an io.EOF.
func wtEnd(err error) error {
	if e, ok := errors.AsType[*webtransport.SessionError](err); ok && e.Remote && e.ErrorCode == 0 {
		return io.EOF
	}
	if e, ok := errors.AsType[*quic.ApplicationError](err); ok && e.Remote && e.ErrorCode == noError {
		return io.EOF
	}
	// webtransport-go calls the end of the stream that carries the session so.
	if e, ok := errors.AsType[*http3.Error](err); ok && !e.Remote && e.ErrorCode == http3.ErrCodeDatagramError {
		return io.EOF
	}
	return err
}

const noError = quic.ApplicationErrorCode(http3.ErrCodeNoError)

// streamLane is a lane on a byte stream.
type streamLane struct {
	r   *bufio.Reader
	w   io.Writer
	end func(error) error // names the end of the stream
}

func (s *streamLane) read(most int) (wire.Frame, error) {
	f, err := wire.Read(s.r, most)
	if err != nil {
		err = s.end(err)
	}
	return f, err
}

func (s *streamLane) write(frames []byte) error {
	_, err := s.w.Write(frames)
	if err != nil {
		err = s.end(err)
	}
	return err
}
