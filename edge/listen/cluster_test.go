package listen

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
)

const alpn = "kohe-echo"

// serving answers alpn with serve, and returns what trusts it.
func serving(t *testing.T, serve func(*quic.Conn)) (map[string]Protocol, *tls.Config) {
	t.Helper()
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	trust := trusting([]string{hash(certificate)})
	trust.NextProtos = []string{alpn}
	return map[string]Protocol{alpn: {TLS: &tls.Config{Certificates: []tls.Certificate{*certificate}}, Serve: serve}}, trust
}

func TestDialingGoesOutFromThePortItself(t *testing.T) {
	froms := make(chan string, 1)
	protocols, trust := serving(t, func(c *quic.Conn) {
		froms <- c.RemoteAddr().String()
		<-c.Context().Done()
	})
	b := open(t, Config{Addrs: []string{"127.0.0.1:0", "[::1]:0"}, Protocols: protocols})
	defer closeListener(t, b)
	a := open(t, Config{Addrs: []string{"[::1]:0", "127.0.0.1:0"}})
	defer closeListener(t, a)
	for _, host := range []string{"127.0.0.1", "::1", "localhost"} {
		conn, err := a.Dial(t.Context(), net.JoinHostPort(host, strconv.Itoa(b.Port())), trust, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, port, _ := net.SplitHostPort(<-froms); port != strconv.Itoa(a.Port()) {
			t.Errorf("to %s from port %s, not %d", host, port, a.Port())
		}
		_ = conn.CloseWithError(0, "")
	}
	for _, bad := range []string{"nowhere", "127.0.0.1:x", "192.0.2.1:1", "[2001:db8::1]:1"} {
		if _, err := a.Dial(t.Context(), bad, trust, nil); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestTheSocketThatFitsIsDialledFrom(t *testing.T) {
	for _, c := range []struct {
		to    string
		from  []string
		which int // -1: none
	}{
		{"192.0.2.1", []string{"127.0.0.1", "[::1]", "198.51.100.1"}, 2},
		{"192.0.2.1", []string{"127.0.0.1", "[::1]"}, -1},
		{"127.0.0.1", []string{"198.51.100.1", "127.0.0.1"}, 1},
		{"127.0.0.1", []string{"0.0.0.0"}, 0},
		{"192.0.2.1", []string{"[::]"}, 0},
		{"2001:db8::1", []string{"198.51.100.1", "[::]"}, 1},
		{"2001:db8::1", []string{"[::]", "[2001:db8::2]"}, 1},
		{"2001:db8::1", []string{"198.51.100.1"}, -1},
	} {
		l := &Listener{}
		for _, from := range c.from {
			addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from + ":1"))
			l.udp = append(l.udp, &quic.Transport{Conn: at{addr}})
		}
		have := -1
		for i, tr := range l.udp {
			if tr == l.transportTo(netip.MustParseAddr(c.to)) {
				have = i
			}
		}
		if have != c.which {
			t.Errorf("to %s from %v: %d, want %d", c.to, c.from, have, c.which)
		}
	}
}

// at is a socket that has an address only.
type at struct{ addr net.Addr }

type tlsConfig = tls.Config

func (a at) LocalAddr() net.Addr                    { return a.addr }
func (a at) ReadFrom([]byte) (int, net.Addr, error) { return 0, nil, net.ErrClosed }
func (a at) WriteTo([]byte, net.Addr) (int, error)  { return 0, net.ErrClosed }
func (a at) Close() error                           { return nil }
func (a at) SetDeadline(time.Time) error            { return nil }
func (a at) SetReadDeadline(time.Time) error        { return nil }
func (a at) SetWriteDeadline(time.Time) error       { return nil }

func TestWhoIsKnownMayOpenMoreThanAStranger(t *testing.T) {
	protocols, trust := serving(t, func(c *quic.Conn) { <-c.Context().Done() })
	a, stranger := open(t, Config{}), open(t, Config{})
	defer closeListener(t, a)
	defer closeListener(t, stranger)
	b := open(t, Config{Protocols: protocols, Known: func(from netip.AddrPort) *quic.Config {
		if from == netip.MustParseAddrPort(a.Addr()) {
			return &quic.Config{MaxIncomingStreams: 1000}
		}
		return nil
	}})
	defer closeListener(t, b)
	for from, most := range map[*Listener]int{a: 1000, stranger: maxStreams} {
		conn, err := from.Dial(t.Context(), b.Addr(), trust, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, err = conn.OpenStream()
		}
		if n-1 != most {
			t.Errorf("%d streams could be opened, want %d", n-1, most)
		}
		_ = conn.CloseWithError(0, "")
	}
}

func TestAfterARestartOldConnectionsAreReset(t *testing.T) {
	protocols, trust := serving(t, func(c *quic.Conn) { <-c.Context().Done() })
	key := &quic.StatelessResetKey{1, 2, 3}
	a := open(t, Config{})
	defer closeListener(t, a)
	b := open(t, Config{Protocols: protocols, ResetKey: key})
	conn, err := a.Dial(t.Context(), b.Addr(), trust, &quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	closeListener(t, b)
	b = open(t, Config{Addrs: []string{b.Addr()}, Protocols: protocols, ResetKey: key})
	defer closeListener(t, b)
	began := time.Now()
	if err := conn.SendDatagram(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	<-conn.Context().Done()
	var reset *quic.StatelessResetError
	if err := context.Cause(conn.Context()); !errors.As(err, &reset) || time.Since(began) > time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// echoing answers alpn on TCP.
func echoing(t *testing.T) (map[string]TCPProtocol, *tls.Config) {
	t.Helper()
	protocols, trust := serving(t, nil)
	return map[string]TCPProtocol{alpn: {TLS: protocols[alpn].TLS, Serve: func(c *tls.Conn) { _, _ = io.Copy(c, c) }}}, trust
}

func TestOtherProtocolsShareTheTCPPortByALPN(t *testing.T) {
	protocols, trust := echoing(t)
	secure := Config{TCPProtocols: protocols, CertFile: filepath.Join(t.TempDir(), "cert.pem")}
	secure.KeyFile = filepath.Join(filepath.Dir(secure.CertFile), "key.pem")
	web := writePair(t, secure)
	for name, config := range map[string]Config{"plain HTTP": {TCPProtocols: protocols}, "HTTPS": secure} {
		t.Run(name, func(t *testing.T) {
			l := open(t, config)
			conn, err := tls.Dial("tcp", l.Addr(), trust)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("there and back")); err != nil {
				t.Fatal(err)
			}
			if b := make([]byte, 14); true {
				if _, err := io.ReadFull(conn, b); err != nil || string(b) != "there and back" {
					t.Errorf("%q, %v", b, err)
				}
			}
			scheme := map[bool]string{true: "https://", false: "http://"}[l.TLS()]
			client := &http.Transport{TLSClientConfig: trusting([]string{web}), ForceAttemptHTTP2: true}
			want := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[l.TLS()]
			if _, body := get(t, client, scheme+l.Addr()); body != want {
				t.Errorf("%q, want %q", body, want)
			}
			other := trust.Clone()
			other.NextProtos = []string{"unheard-of"}
			if c, err := tls.Dial("tcp", l.Addr(), other); err == nil {
				t.Error("an unknown ALPN: no error")
				_ = c.Close()
			}
			began := time.Now()
			closeListener(t, l)
			if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(began) > time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
	}
}

func TestPlainHTTPIsNotServedWhereHTTPSIs(t *testing.T) {
	c := Config{CertFile: filepath.Join(t.TempDir(), "cert.pem")}
	c.KeyFile = filepath.Join(filepath.Dir(c.CertFile), "key.pem")
	writePair(t, c)
	l := open(t, c)
	defer closeListener(t, l)
	conn, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if r, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil && r.StatusCode == http.StatusOK {
		t.Error("a request without TLS is answered")
	}
}

func TestASilentTCPConnectionIsClosedInTime(t *testing.T) {
	for name, say := range map[string][]byte{"nothing": nil, "half a handshake": {recordHandshake, 3, 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &Listener{ctx: t.Context(), log: slog.New(slog.DiscardHandler), self: &selfMade{}}
				s := &sorter{port: l, tls: l.tcpTLS(nil), http: make(chan net.Conn)}
				here, there := net.Pipe()
				began := time.Now()
				go s.sort(there)
				if say != nil {
					_, _ = here.Write(say)
				}
				_, _ = io.Copy(io.Discard, here)
				if took := time.Since(began); took != readHeaderTimeout {
					t.Errorf("closed after %v", took)
				}
			})
		})
	}
}
