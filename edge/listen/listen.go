// Package listen is the node's one port number, UDP and TCP: QUIC on UDP with
// what the ALPN says, HTTP on TCP and beside it TLS with what the ALPN says,
// dialling from the same port, certificates, and the limits on those who have
// not proved anything. DESIGN decision 4.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// Config says what to listen on and who takes what comes.
type Config struct {
	Addrs   []string     // "127.0.0.1:8080", "[::1]:8080": one port for all; port 0 finds a free one
	Handler http.Handler // HTTP/1.1, HTTP/2 and HTTP/3

	// WebTransport takes the sessions opened at WebTransportPath.
	WebTransportPath string
	WebTransport     func(*webtransport.Session, *http.Request)

	// CertFile and KeyFile (PEM) make the TCP side HTTPS; they are read again
	// when they change. Without them this is a development node: TCP is plain
	// HTTP, UDP uses self-made certificates kept in Dir ("" keeps them in
	// memory), whose Hashes browsers are given.
	CertFile, KeyFile string
	Dir               string

	Protocols    map[string]Protocol    // on UDP, by ALPN, besides h3
	TCPProtocols map[string]TCPProtocol // on TCP, by ALPN, besides HTTP; with TLS also where HTTP is plain

	// Known returns the QUIC settings for who calls from an address that is
	// known, nil for a stranger. quic-go chooses settings by address, before
	// the ALPN is there; nodes call from their port, so theirs can be known.
	Known    func(netip.AddrPort) *quic.Config
	ResetKey *quic.StatelessResetKey // nil: no stateless resets

	Limits Limits
	Log    *slog.Logger // nil: none
}

// Protocol takes the QUIC connections of one ALPN.
type Protocol struct {
	TLS   *tls.Config // its NextProtos are set here
	Serve func(*quic.Conn)
}

// Bounds that protect the port from those who have not proved anything.
const (
	readHeaderTimeout = 5 * time.Second
	idleTimeout       = time.Minute
	maxHeaderBytes    = 16 << 10
	maxStreams        = 64 // of a QUIC connection: HTTP/3 requests and a session's two
	maxUniStreams     = 8  // HTTP/3 needs three
)

// A page is one upload after the other, and a link reads at once: small windows
// cost nobody anything and bound what a stranger can make us hold.
const (
	streamWindow    = 128 << 10
	streamWindowMax = 1 << 20
	connWindow      = 192 << 10
	connWindowMax   = 2 << 20
)

// Listener is an open port. Its goroutines: two that accept on each TCP socket,
// one on each UDP socket; one each connection; one that renews the self-made
// certificate.
type Listener struct {
	config   Config
	log      *slog.Logger
	port     int
	self     *selfMade // nil with a configured certificate
	gate     *gate
	http     *http.Server
	wt       *webtransport.Server
	tcp      []net.Listener
	udp      []*quic.Transport
	quic     []*quic.EarlyListener
	ctx      context.Context // ends when Close begins
	cancel   context.CancelFunc
	running  sync.WaitGroup // accepting and renewing
	sorting  sync.WaitGroup // TCP connections that are not HTTP's
	sessions sync.WaitGroup // QUIC connections
}

// Open listens on every address; it listens on all or on none.
func Open(c Config) (_ *Listener, err error) {
	if len(c.Addrs) == 0 {
		return nil, errors.New("listen: no address")
	}
	l := &Listener{config: c, log: c.Log, gate: newGate(c.Limits)}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	certificate, err := l.certificate()
	if err != nil {
		return nil, err
	}
	sockets, err := bind(c.Addrs)
	if err != nil {
		return nil, err
	}
	l.port = sockets[0].tcp.Addr().(*net.TCPAddr).Port
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.serveHTTP(sockets, certificate)
	if err := l.serveQUIC(sockets, certificate); err != nil {
		return nil, errors.Join(err, l.Close(l.ctx))
	}
	if l.self != nil {
		l.running.Go(func() { l.self.keep(l.ctx, l.log) })
	}
	return l, nil
}

// Port returns the port number, the same on UDP and TCP.
func (l *Listener) Port() int { return l.port }

// Addr returns the first address, host and port.
func (l *Listener) Addr() string { return l.tcp[0].Addr().String() }

// Hashes returns the base64 SHA-256 of the self-made certificates in use now
// and next, for serverCertificateHashes; nil with a configured certificate.
func (l *Listener) Hashes() []string {
	if l.self == nil {
		return nil
	}
	return l.self.hashes()
}

// TLS reports whether the TCP side is HTTPS.
func (l *Listener) TLS() bool { return l.self == nil }

// lastWords is how long a QUIC connection whose session is over may stay for
// what is still under way. A browser keeps it open for later use.
const lastWords = 500 * time.Millisecond

// Close accepts nothing more, waits for requests until ctx is done and for
// connections until lastWords, and then closes what is left. Links are to be
// closed before.
func (l *Listener) Close(ctx context.Context) error {
	l.cancel()
	for _, q := range l.quic {
		_ = q.Close()
	}
	err := l.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = l.http.Close()
	}
	l.running.Wait() // nothing more is accepted
	l.sorting.Wait()
	l.drain(ctx)
	errs := []error{err, l.wt.Close()}
	for _, t := range l.udp {
		errs = append(errs, t.Close(), t.Conn.Close())
	}
	l.sessions.Wait()
	return errors.Join(errs...)
}

// drain waits for the QUIC connections to end, until lastWords or ctx is over.
func (l *Listener) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	done := make(chan struct{})
	go func() {
		l.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// certificate returns what answers a TLS handshake.
func (l *Listener) certificate() (getCertificate, error) {
	if l.config.CertFile != "" || l.config.KeyFile != "" {
		files := &files{cert: l.config.CertFile, key: l.config.KeyFile, log: l.log}
		if err := files.load(time.Now()); err != nil {
			return nil, fmt.Errorf("listen: certificate: %w", err)
		}
		return files.get, nil
	}
	self, err := openSelfMade(l.config.Dir, time.Now(), l.log)
	if err != nil {
		return nil, err
	}
	l.self = self
	return self.get, nil
}

type getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// socket is one address's pair.
type socket struct {
	tcp net.Listener
	udp *net.UDPConn
}

// bindTries is how many free TCP ports are tried for one whose UDP port, and
// the other addresses' ports, are free too.
const bindTries = 32

func bind(addrs []string) ([]socket, error) {
	for try := 1; ; try++ {
		sockets, free, err := bindOnce(addrs)
		if err == nil {
			return sockets, nil
		}
		for _, s := range sockets {
			s.close()
		}
		if !free || try == bindTries {
			return nil, err
		}
	}
}

// bindOnce binds all addresses. free says that the port was ours to choose, so
// that another try may succeed.
func bindOnce(addrs []string) (sockets []socket, free bool, err error) {
	port := ""
	for _, addr := range addrs {
		host, p, err := net.SplitHostPort(addr)
		if err != nil {
			return sockets, false, fmt.Errorf("listen on %s: %w", addr, err)
		}
		free = free || p == "0"
		if port == "" {
			port = p
		} else if p != "0" && p != port {
			return sockets, false, fmt.Errorf("listen on %s: the other addresses have port %s", addr, port)
		}
		s, err := bindPair(net.JoinHostPort(host, port))
		if err != nil {
			return sockets, free, err
		}
		sockets = append(sockets, s)
		port = strconv.Itoa(s.tcp.Addr().(*net.TCPAddr).Port)
	}
	return sockets, free, nil
}

func bindPair(addr string) (socket, error) {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return socket{}, fmt.Errorf("listen on %s: %w", addr, err)
	}
	at := tcp.Addr().(*net.TCPAddr)
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
	if err != nil {
		_ = tcp.Close()
		return socket{}, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return socket{tcp, udp}, nil
}

func (s socket) close() {
	_ = s.tcp.Close()
	_ = s.udp.Close()
}

func (l *Listener) serveHTTP(sockets []socket, certificate getCertificate) {
	handler := l.config.Handler
	if l.TLS() {
		handler = l.announce(handler)
	}
	config := l.tcpTLS(certificate)
	l.http = &http.Server{
		Handler: handler, TLSConfig: config, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(l.log.Handler(), slog.LevelDebug),
	}
	for _, s := range sockets {
		sorted := &sorter{Listener: &gatedListener{s.tcp, l.gate}, port: l, tls: config, http: make(chan net.Conn), closed: make(chan struct{})}
		l.tcp = append(l.tcp, sorted)
		l.running.Go(sorted.run)
		l.running.Go(func() {
			if err := l.http.Serve(sorted); !errors.Is(err, http.ErrServerClosed) {
				l.log.Error("the TCP side of the port ended", "addr", sorted.Addr().String(), "err", err)
			}
		})
	}
}

// announce tells browsers that came by TCP of HTTP/3 (RFC 7838).
func (l *Listener) announce(next http.Handler) http.Handler {
	value := fmt.Sprintf(`h3=":%d"; ma=86400`, l.port)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Alt-Svc", value)
		next.ServeHTTP(w, r)
	})
}

func (l *Listener) serveQUIC(sockets []socket, certificate getCertificate) error {
	l.wt = &webtransport.Server{
		H3: &http3.Server{Handler: http.HandlerFunc(l.handleH3), MaxHeaderBytes: maxHeaderBytes, IdleTimeout: idleTimeout, Logger: l.log},
		// All three, or iOS refuses. A link has two streams.
		Config:      &webtransport.Config{MaxIncomingStreams: 4, MaxIncomingUniStreams: 1, MaxIncomingData: connWindowMax},
		CheckOrigin: func(*http.Request) bool { return true }, // the link's Accept checks it, once the site is known
	}
	config := l.quicTLS(certificate)
	var failed error
	for _, s := range sockets {
		transport := &quic.Transport{Conn: s.udp, StatelessResetKey: l.config.ResetKey, VerifySourceAddress: l.gate.verify, ConnContext: l.gate.enter}
		l.udp = append(l.udp, transport)
		listener, err := transport.ListenEarly(config, l.quicConfig())
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("listen on %s: %w", s.udp.LocalAddr(), err))
			continue
		}
		l.quic = append(l.quic, listener)
		l.running.Go(func() { l.accept(listener) })
	}
	return failed
}

// quicConfig holds strangers to their bounds and gives those who are known
// theirs.
func (l *Listener) quicConfig() *quic.Config {
	strangers := &quic.Config{
		EnableDatagrams: true, EnableStreamResetPartialDelivery: true,
		InitialStreamReceiveWindow: streamWindow, MaxStreamReceiveWindow: streamWindowMax,
		InitialConnectionReceiveWindow: connWindow, MaxConnectionReceiveWindow: connWindowMax,
		MaxIncomingStreams: maxStreams, MaxIncomingUniStreams: maxUniStreams,
		HandshakeIdleTimeout: readHeaderTimeout, MaxIdleTimeout: idleTimeout,
	}
	if l.config.Known == nil {
		return strangers
	}
	config := strangers.Clone()
	config.GetConfigForClient = func(client *quic.ClientInfo) (*quic.Config, error) {
		if a, ok := client.RemoteAddr.(*net.UDPAddr); ok {
			at := a.AddrPort()
			if known := l.config.Known(netip.AddrPortFrom(at.Addr().Unmap(), at.Port())); known != nil {
				return known, nil
			}
		}
		return strangers, nil
	}
	return config
}

// quicTLS answers each ALPN with its own configuration.
func (l *Listener) quicTLS(certificate getCertificate) *tls.Config {
	others := map[string]*tls.Config{}
	for alpn, p := range l.config.Protocols {
		others[alpn] = p.TLS
	}
	h3 := &tls.Config{GetCertificate: certificate, NextProtos: []string{http3.NextProtoH3}, MinVersion: tls.VersionTLS13}
	h3.GetConfigForClient = byALPN(others)
	return h3
}

// byALPN chooses a TLS configuration by what the client offers; nil: none of
// these.
func byALPN(configs map[string]*tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	chosen := map[string]*tls.Config{}
	for alpn, c := range configs {
		c = c.Clone()
		c.NextProtos = []string{alpn}
		chosen[alpn] = c
	}
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, alpn := range hello.SupportedProtos {
			if c := chosen[alpn]; c != nil {
				return c, nil
			}
		}
		return nil, nil
	}
}

func (l *Listener) accept(from *quic.EarlyListener) {
	for {
		conn, err := from.Accept(context.Background())
		if err != nil {
			return
		}
		l.sessions.Go(func() {
			l.gate.await(conn)
		})
		l.sessions.Go(func() {
			serve := l.serveH3
			if p, ok := l.config.Protocols[conn.ConnectionState().TLS.NegotiatedProtocol]; ok {
				serve = p.Serve
			}
			serve(conn)
		})
	}
}

func (l *Listener) serveH3(conn *quic.Conn) {
	if err := l.wt.ServeQUICConn(conn); err != nil && !errors.Is(err, http.ErrServerClosed) {
		l.log.Debug("an HTTP/3 connection ended", "remote", conn.RemoteAddr().String(), "err", err)
	}
}

func (l *Listener) handleH3(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		l.config.Handler.ServeHTTP(w, r)
		return
	}
	if l.config.WebTransport == nil || r.URL.Path != l.config.WebTransportPath {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	session, err := l.wt.Upgrade(w, r)
	if err != nil {
		l.log.Debug("no WebTransport session", "remote", r.RemoteAddr, "err", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	l.config.WebTransport(session, r)
}
