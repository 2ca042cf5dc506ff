package link

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"kohe/relay"
	"kohe/relay/wire"
)

// Dialer connects Clients. Its WebTransport sessions share one UDP socket, so
// that a process can hold many. The zero Dialer is ready; Close it when its
// clients are closed.
type Dialer struct {
	TLS    *tls.Config // nil: the system's roots
	Hashes []string    // certificates to accept instead, as Welcome gives them
	Origin string

	// Packets opens the UDP socket of WebTransport and Dial the connections of
	// WebSocket, where clients are in another network than this process; nil:
	// the system's.
	Packets func() (net.PacketConn, error)
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)

	mu   sync.Mutex // guards what follows
	quic *quic.Transport
	wt   *webtransport.Transport
}

// The receive windows of a client: many in one process, none in a hurry.
const (
	clientStreamWindow = 256 << 10
	clientConnWindow   = 512 << 10
)

// WebTransport connects to an address such as https://localhost:8080/kohe/wt.
func (d *Dialer) WebTransport(ctx context.Context, url string, hello wire.HelloPayload) (*Client, error) {
	wt, err := d.transport()
	if err != nil {
		return nil, err
	}
	_, session, err := wt.Dial(ctx, url, d.header())
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", url, err)
	}
	return dialed(ctx, &wtTransport{session: session, client: true}, hello)
}

// WebSocket connects to an address such as ws://localhost:8080/kohe/ws.
func (d *Dialer) WebSocket(ctx context.Context, url string, hello wire.HelloPayload) (*Client, error) {
	t, err := d.webSocket(ctx, url)
	if err != nil {
		return nil, err
	}
	return dialed(ctx, t, hello)
}

func (d *Dialer) webSocket(ctx context.Context, url string) (*wsTransport, error) {
	dial := func(ctx context.Context) (*wsLane, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: d.tls(), DialContext: d.Dial}}
		conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			HTTPClient: client, HTTPHeader: d.header(), Subprotocols: []string{Subprotocol},
		})
		if err != nil {
			return nil, fmt.Errorf("dial %s: %w", url, err)
		}
		return newWSLane(conn, nil), nil
	}
	first, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return &wsTransport{first: first, dial: dial}, nil
}

// Memory connects to a server in the same process.
func (d *Dialer) Memory(ctx context.Context, s *Server, p Path, hello wire.HelloPayload) (*Client, error) {
	return dialed(ctx, d.memory(s, p), hello)
}

func (d *Dialer) memory(s *Server, p Path) *memTransport {
	client, server := memPair(p)
	s.start(server, Peer{
		Link: relay.NewID(), Key: relay.NewID().String(), Transport: Memory,
		Remote: netip.IPv6Loopback(), Origin: d.Origin,
	}, true)
	return client
}

// Close frees what the dialer's sessions shared.
func (d *Dialer) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quic == nil {
		return nil
	}
	return errors.Join(d.wt.Close(), d.quic.Close(), d.quic.Conn.Close())
}

func (d *Dialer) transport() (*webtransport.Transport, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wt != nil {
		return d.wt, nil
	}
	open := d.Packets
	if open == nil {
		open = func() (net.PacketConn, error) { return net.ListenUDP("udp", nil) }
	}
	socket, err := open()
	if err != nil {
		return nil, err
	}
	d.quic = &quic.Transport{Conn: socket}
	config := d.tls()
	config.NextProtos = []string{http3.NextProtoH3}
	d.wt = &webtransport.Transport{
		TLSClientConfig: config,
		QUICConfig: &quic.Config{
			EnableDatagrams: true, EnableStreamResetPartialDelivery: true,
			InitialStreamReceiveWindow: clientStreamWindow, InitialConnectionReceiveWindow: clientConnWindow,
			MaxIdleTimeout: time.Minute,
		},
		DialAddr: func(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
			to, err := net.ResolveUDPAddr("udp", addr)
			if err != nil {
				return nil, err
			}
			return d.quic.DialEarly(ctx, to, t, q)
		},
	}
	return d.wt, nil
}

func (d *Dialer) header() http.Header {
	h := http.Header{}
	if d.Origin != "" {
		h.Set("Origin", d.Origin)
	}
	return h
}

// tls returns the configuration for a connection; with Hashes it accepts
// exactly those certificates, as a browser does with serverCertificateHashes.
func (d *Dialer) tls() *tls.Config {
	c := &tls.Config{}
	if d.TLS != nil {
		c = d.TLS.Clone()
	}
	if len(d.Hashes) == 0 {
		return c
	}
	c.InsecureSkipVerify = true
	c.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		sum := sha256.Sum256(raw[0])
		if !slices.Contains(d.Hashes, base64.StdEncoding.EncodeToString(sum[:])) {
			return errors.New("the certificate is none of those expected")
		}
		return nil
	}
	return c
}
