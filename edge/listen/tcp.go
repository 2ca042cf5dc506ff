package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// TCPProtocol takes the TLS connections of one ALPN on TCP. Serve closes what
// it takes; when the port closes, its connections are closed and waited for.
type TCPProtocol struct {
	TLS   *tls.Config // its NextProtos are set here
	Serve func(*tls.Conn)
}

// recordHandshake is the first byte of a TLS connection (RFC 8446 §5.1) and of
// no HTTP request.
const recordHandshake = 0x16

// acceptPause is how long accepting rests after an error, such as too many open
// files.
const acceptPause = 50 * time.Millisecond

var errNoProtocol = errors.New("TLS on this port is for other protocols")

// tcpTLS answers each ALPN with its own configuration, everything else as
// HTTPS or, without a configured certificate, not at all.
func (l *Listener) tcpTLS(certificate getCertificate) *tls.Config {
	others := map[string]*tls.Config{}
	for alpn, p := range l.config.TCPProtocols {
		others[alpn] = p.TLS
	}
	choose := byALPN(others)
	config := &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: choose}
	if l.TLS() {
		config.GetCertificate = certificate
		config.NextProtos = []string{"h2", "http/1.1"}
		return config
	}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := choose(hello)
		if c == nil && err == nil {
			err = errNoProtocol
		}
		return c, err
	}
	return config
}

// sorter is one TCP socket whose connections are sorted by their first byte and
// their ALPN; as a net.Listener it gives those that are HTTP.
type sorter struct {
	net.Listener // gated
	port         *Listener
	tls          *tls.Config
	http         chan net.Conn
	closed       chan struct{} // when run returns
}

// Accept returns the next connection that is for HTTP.
func (s *sorter) Accept() (net.Conn, error) {
	select {
	case conn := <-s.http:
		return conn, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

// run accepts until the socket is closed.
func (s *sorter) run() {
	defer close(s.closed)
	for {
		conn, err := s.Listener.Accept()
		switch {
		case err == nil:
			s.port.sorting.Go(func() { s.sort(conn) })
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		s.port.log.Warn("a connection could not be accepted", "addr", s.Addr().String(), "err", err)
		select {
		case <-time.After(acceptPause):
		case <-s.port.ctx.Done():
			return
		}
	}
}

// sort finds out what a connection is for, within readHeaderTimeout, and gives
// it there.
func (s *sorter) sort(conn net.Conn) {
	stop := context.AfterFunc(s.port.ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(readHeaderTimeout))
	begun := &begunConn{Conn: conn}
	if _, err := conn.Read(begun.first[:]); err != nil {
		_ = conn.Close()
		return
	}
	switch secure := begun.first[0] == recordHandshake; {
	case secure:
		s.handshake(begun, stop)
	case s.port.TLS():
		_ = conn.Close()
	default:
		s.give(begun, stop)
	}
}

// handshake proves a TLS connection and serves it by its ALPN.
func (s *sorter) handshake(begun net.Conn, stop func() bool) {
	conn := tls.Server(begun, s.tls)
	if err := conn.HandshakeContext(s.port.ctx); err != nil {
		s.port.log.Debug("no TLS on TCP", "remote", conn.RemoteAddr().String(), "err", err)
		_ = conn.Close()
		return
	}
	p, ok := s.port.config.TCPProtocols[conn.ConnectionState().NegotiatedProtocol]
	if !ok {
		s.give(conn, stop)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	p.Serve(conn)
	_ = conn.Close()
}

// give gives a connection to the HTTP server, which closes it from then on.
func (s *sorter) give(conn net.Conn, stop func() bool) {
	_ = conn.SetDeadline(time.Time{})
	if !stop() {
		_ = conn.Close()
		return
	}
	select {
	case s.http <- conn:
	case <-s.port.ctx.Done():
		_ = conn.Close()
	}
}

// begunConn is a connection whose first byte has been read.
type begunConn struct {
	net.Conn
	first [1]byte
	read  bool // first was handed over; owned by who reads
}

func (c *begunConn) Read(b []byte) (int, error) {
	if !c.read && len(b) > 0 {
		c.read = true
		return copy(b, c.first[:]), nil
	}
	return c.Conn.Read(b)
}
