package quicnet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// authority is a CA for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// config returns the mutual TLS of the node called name.
func (a *authority) config(t testing.TB, name string) *tls.Config {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"core"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool, RootCAs: a.pool,
		ServerName: "core", NextProtos: []string{ALPN}, MinVersion: tls.VersionTLS13,
	}
}

// end is a Net on a socket of its own.
type end struct {
	*Net
	transport *quic.Transport
	listener  *quic.Listener
	running   sync.WaitGroup
	dials     atomic.Int64
	tls       *tls.Config
}

var errStranger = errors.New("a stranger")

// openEnd opens a Net on socket that allows whom allow accepts by name.
func openEnd(t testing.TB, socket net.PacketConn, config *tls.Config, allow func(name string) bool) *end {
	t.Helper()
	e := &end{transport: &quic.Transport{Conn: socket}, tls: config}
	var err error
	if e.listener, err = e.transport.Listen(config, QUICConfig()); err != nil {
		t.Fatal(err)
	}
	e.Net = New(Config{
		Addr: raft.ServerAddress(socket.LocalAddr().String()), Logger: quiet,
		Dial: func(ctx context.Context, addr raft.ServerAddress) (*quic.Conn, error) {
			e.dials.Add(1)
			to, err := net.ResolveUDPAddr("udp", string(addr))
			if err != nil {
				return nil, err
			}
			return e.transport.Dial(ctx, to, config, QUICConfig())
		},
		Allow: func(c *x509.Certificate) error {
			if !allow(c.Subject.CommonName) {
				return errStranger
			}
			return nil
		},
	})
	e.running.Go(func() {
		for {
			conn, err := e.listener.Accept(context.Background())
			if err != nil {
				return
			}
			e.running.Go(func() { e.Serve(conn) })
		}
	})
	return e
}

func (e *end) close(t testing.TB) {
	t.Helper()
	if err := e.Net.Close(); err != nil {
		t.Error(err)
	}
	e.shut()
}

// shut ends the node without a word to the others, as a kill does.
func (e *end) shut() {
	_ = e.transport.Conn.Close()
	_ = e.listener.Close()
	_ = e.transport.Close()
	_ = e.Net.Close()
	e.running.Wait()
}

func loopback(t testing.TB) net.PacketConn {
	t.Helper()
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

func everybody(string) bool { return true }
