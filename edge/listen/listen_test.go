package listen

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var hi = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, r.Proto) // the client has gone: nothing to tell it
})

func open(t *testing.T, c Config) *Listener {
	t.Helper()
	if c.Addrs == nil {
		c.Addrs = []string{"127.0.0.1:0"}
	}
	if c.Handler == nil {
		c.Handler = hi
	}
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeListener(t *testing.T, l *Listener) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := l.Close(ctx); err != nil {
		t.Error(err)
	}
}

// trusting accepts exactly the certificates with these hashes.
func trusting(hashes []string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			sum := sha256.Sum256(raw[0])
			if !slices.Contains(hashes, base64.StdEncoding.EncodeToString(sum[:])) {
				return x509.UnknownAuthorityError{}
			}
			return nil
		},
	}
}

func get(t *testing.T, rt http.RoundTripper, url string) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Transport: rt, Timeout: 5 * time.Second}
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
	return r, string(body)
}

func TestOnePortServesAllAddressesOnTCPAndUDP(t *testing.T) {
	l := open(t, Config{Addrs: []string{"127.0.0.1:0", "[::1]:0"}})
	defer closeListener(t, l)
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		at := host + ":" + strconv.Itoa(l.Port())
		r, body := get(t, &http.Transport{}, "http://"+at)
		if body != "HTTP/1.1" || r.Header.Get("Alt-Svc") != "" {
			t.Errorf("TCP at %s: %q, Alt-Svc %q", at, body, r.Header.Get("Alt-Svc"))
		}
		h3 := &http3.Transport{TLSClientConfig: trusting(l.Hashes())}
		if _, body := get(t, h3, "https://"+at); body != "HTTP/3.0" {
			t.Errorf("UDP at %s: %q", at, body)
		}
		if err := h3.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestABusyPortIsAnErrorThatLeavesNothingOpen(t *testing.T) {
	l := open(t, Config{})
	defer closeListener(t, l)
	addr := "[::1]:" + strconv.Itoa(l.Port())
	if _, err := Open(Config{Addrs: []string{addr, l.Addr()}, Handler: hi}); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Fatalf("a port in use: %v", err)
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the first address stayed bound: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]string{nil, {"nowhere"}, {"127.0.0.1:99999"}, {"127.0.0.1:0", "127.0.0.1:7"}} {
		if _, err := Open(Config{Addrs: bad, Handler: hi}); err == nil {
			t.Errorf("%v: no error", bad)
		}
	}
}

func TestAWebTransportSessionOpensAtItsPathOnly(t *testing.T) {
	sessions := make(chan *webtransport.Session, 1)
	l := open(t, Config{WebTransportPath: "/kohe/wt", WebTransport: func(s *webtransport.Session, _ *http.Request) { sessions <- s }})
	defer closeListener(t, l)
	dialer := &webtransport.Transport{TLSClientConfig: trusting(l.Hashes()), QUICConfig: &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true}}
	_, session, err := dialer.Dial(t.Context(), "https://"+l.Addr()+"/kohe/wt", http.Header{"Origin": {"https://elsewhere.example"}})
	if err != nil {
		t.Fatal(err)
	}
	<-sessions
	if err := session.CloseWithError(0, ""); err != nil {
		t.Error(err)
	}
	if _, _, err := dialer.Dial(t.Context(), "https://"+l.Addr()+"/kohe/other", nil); err == nil {
		t.Error("another path: no error")
	}
	dialer.TLSClientConfig = trusting(nil)
	if _, _, err := dialer.Dial(t.Context(), "https://"+l.Addr()+"/kohe/wt", nil); err == nil {
		t.Error("with another hash: no error")
	}
}

func TestOtherProtocolsShareThePortByALPN(t *testing.T) {
	certificate, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l := open(t, Config{Protocols: map[string]Protocol{"kohe-echo": {
		TLS: &tls.Config{Certificates: []tls.Certificate{*certificate}},
		Serve: func(conn *quic.Conn) {
			b, err := conn.ReceiveDatagram(context.Background())
			if err == nil {
				err = conn.SendDatagram(b)
			}
			if err != nil {
				t.Error(err)
			}
			<-conn.Context().Done()
		},
	}}})
	defer closeListener(t, l)
	config := trusting([]string{hash(certificate)})
	config.NextProtos = []string{"kohe-echo"}
	conn, err := quic.DialAddr(t.Context(), l.Addr(), config, &quic.Config{EnableDatagrams: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SendDatagram([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if b, err := conn.ReceiveDatagram(t.Context()); err != nil || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	if err := conn.CloseWithError(0, ""); err != nil {
		t.Error(err)
	}
	config.NextProtos = []string{"unheard-of"}
	if _, err := quic.DialAddr(t.Context(), l.Addr(), config, nil); err == nil {
		t.Error("an unknown ALPN: no error")
	}
}

func TestAConfiguredCertificateMakesHTTPSAndIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	c := Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	first := writePair(t, c)
	l := open(t, c)
	defer closeListener(t, l)
	if l.Hashes() != nil {
		t.Errorf("hashes of a configured certificate: %v", l.Hashes())
	}
	h2 := &http.Transport{TLSClientConfig: trusting([]string{first}), ForceAttemptHTTP2: true}
	r, body := get(t, h2, "https://"+l.Addr())
	if want := `h3=":` + strconv.Itoa(l.Port()) + `"; ma=86400`; body != "HTTP/2.0" || r.Header.Get("Alt-Svc") != want {
		t.Errorf("%q, Alt-Svc %q, want %q", body, r.Header.Get("Alt-Svc"), want)
	}
	h3 := &http3.Transport{TLSClientConfig: trusting([]string{first})}
	if _, body := get(t, h3, "https://"+l.Addr()); body != "HTTP/3.0" {
		t.Errorf("%q", body)
	}
	if err := h3.Close(); err != nil {
		t.Error(err)
	}
}

func TestChangedFilesAreReadAndBrokenOnesAreNot(t *testing.T) {
	dir := t.TempDir()
	c := Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	first := writePair(t, c)
	f := &files{cert: c.CertFile, key: c.KeyFile, log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	if err := f.load(now); err != nil {
		t.Fatal(err)
	}
	second := writePair(t, c)
	if have, _ := f.get(nil); hash(have) != first {
		t.Error("the files were looked at too soon")
	}
	f.checked = now.Add(-recheck)
	if have, _ := f.get(nil); hash(have) != second {
		t.Error("the new certificate is not used")
	}
	if err := os.WriteFile(c.CertFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.checked = now.Add(-recheck)
	if have, err := f.get(nil); err != nil || hash(have) != second {
		t.Errorf("with a broken file: %v", err)
	}
	if _, err := Open(Config{Addrs: []string{"127.0.0.1:0"}, Handler: hi, CertFile: c.CertFile, KeyFile: c.KeyFile}); err == nil {
		t.Error("a broken certificate at the start: no error")
	}
}

// writePair writes a certificate and returns its hash.
func writePair(t *testing.T, c Config) string {
	t.Helper()
	pair, err := newCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		c.CertFile: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, c.KeyFile: {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return hash(pair)
}

func TestTheSelfMadeCertificateIsWhatBrowsersDemand(t *testing.T) {
	now := time.Now()
	s, err := openSelfMade("", now, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*tls.Certificate{s.current, s.next} {
		if span := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore); span > 14*24*time.Hour {
			t.Errorf("valid for %v", span)
		}
		if c.Leaf.PublicKeyAlgorithm != x509.ECDSA || c.Leaf.SignatureAlgorithm != x509.ECDSAWithSHA256 {
			t.Errorf("%v, %v", c.Leaf.PublicKeyAlgorithm, c.Leaf.SignatureAlgorithm)
		}
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			if err := c.Leaf.VerifyHostname(name); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTheSelfMadeCertificateIsRenewedByItselfBeforeHalfItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := openSelfMade("", time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go s.keep(ctx, slog.New(slog.DiscardHandler))
		for range 4 {
			known := s.hashes() // what a page loaded now learns
			for range 24 {
				time.Sleep(usedFor / 24)
				synctest.Wait()
				c, _ := s.get(nil)
				if !slices.Contains(known, hash(c)) {
					t.Fatal("a page does not know the certificate within the time one is used")
				}
				now, half := time.Now(), c.Leaf.NotBefore.Add(c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)/2)
				if now.Before(c.Leaf.NotBefore) || now.After(half) {
					t.Fatalf("in use at %v, half life at %v", now, half)
				}
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestTheSelfMadeCertificateOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	at := func(when time.Time) *selfMade {
		t.Helper()
		s, err := openSelfMade(dir, when, log)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := time.Now()
	first := at(now).hashes()
	info, err := os.Stat(filepath.Join(dir, selfMadeFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if again := at(now.Add(time.Hour)).hashes(); !slices.Equal(again, first) {
		t.Errorf("after an hour %v, before %v", again, first)
	}
	second := at(now.Add(usedFor + time.Hour)).hashes()
	if second[0] != first[1] || second[1] == first[1] {
		t.Errorf("after a week %v, before %v", second, first)
	}
	if late := at(now.Add(60 * 24 * time.Hour)).hashes(); slices.Contains(second, late[0]) {
		t.Error("after two months the old certificate is used")
	}
	if err := os.WriteFile(filepath.Join(dir, selfMadeFile), []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := at(now); s.current == nil || s.next == nil {
		t.Error("a broken file is not replaced")
	}
	if _, err := openSelfMade(filepath.Join(dir, "missing"), now, log); err == nil {
		t.Error("a folder that does not exist: no error")
	}
}

func TestAnAddressHasItsShareOfConnectionsOnly(t *testing.T) {
	g := newGate(Limits{ConnsPerAddr: 2})
	addr := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	leave, err := g.admit(addr("[2001:db8:0:1::1]:1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.admit(net.UDPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8:0:1:ffff::2]:2"))); err != nil {
		t.Fatal(err)
	}
	if _, err := g.admit(addr("[2001:db8:0:1::3]:3")); err == nil {
		t.Error("a third of the same /64 got in")
	}
	if _, err := g.admit(addr("[2001:db8:0:2::3]:3")); err != nil {
		t.Error("another network is kept out")
	}
	leave()
	leave()
	if _, err := g.admit(addr("[2001:db8:0:1::3]:3")); err != nil {
		t.Error("the place that was left is not free")
	}
	if _, err := g.admit(addr("[2001:db8:0:1::3]:4")); err == nil {
		t.Error("leaving twice freed two places")
	}
	if prefix(addr("[::ffff:192.0.2.1]:1")) != prefix(addr("192.0.2.1:2")) {
		t.Error("an IPv4 address is two")
	}
}

func TestTooManyTCPConnectionsAreClosed(t *testing.T) {
	l := open(t, Config{Limits: Limits{ConnsPerAddr: 1}})
	defer closeListener(t, l)
	first, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	// The first is counted once it is answered.
	if _, err := io.WriteString(first, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	second, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := second.Read(make([]byte, 1)); err == nil {
		t.Errorf("the second was served %d bytes", n)
	}
	for _, c := range []net.Conn{first, second} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestAManyHandshakesMakeAddressesProveThemselves(t *testing.T) {
	g := newGate(Limits{HandshakesPerAddr: 3, Handshakes: 5})
	addr := func(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	g.second = time.Now().Unix()
	proved := 0
	for range 10 {
		if g.verify(addr("192.0.2.1:1")) {
			proved++
		}
	}
	if proved < 4 { // seven, unless the second changed once
		t.Errorf("of ten handshakes from one address %d had to prove it", proved)
	}
	if g.verify(addr("192.0.2.2:1")) {
		t.Error("another address has to prove itself")
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 5 {
		if _, err := g.enter(ctx, &quic.ClientInfo{RemoteAddr: addr("192.0.2.3:1")}); err != nil {
			t.Fatal(err)
		}
	}
	if !g.verify(addr("192.0.2.4:1")) {
		t.Error("with five unfinished handshakes nobody has to prove anything")
	}
	cancel()
	for { // the functions after a context run beside us
		g.mu.Lock()
		n := g.unfinished
		g.mu.Unlock()
		if n == 0 {
			break
		}
		<-time.After(time.Millisecond)
	}
	if g.verify(addr("192.0.2.5:1")) {
		t.Error("finished handshakes count")
	}
}

func TestAHandshakeThatMustProveItsAddressSucceeds(t *testing.T) {
	l := open(t, Config{Limits: Limits{HandshakesPerAddr: 0.001}}) // every one gets a Retry
	defer closeListener(t, l)
	h3 := &http3.Transport{TLSClientConfig: trusting(l.Hashes())}
	if _, body := get(t, h3, "https://"+l.Addr()); body != "HTTP/3.0" {
		t.Errorf("%q", body)
	}
	if err := h3.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseLetsRequestsFinishAndIsBounded(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	l := open(t, Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		select {
		case <-release:
		case <-r.Context().Done():
		}
		hi(w, r)
	})})
	answered := make(chan string, 1)
	go func() {
		_, body := get(t, &http.Transport{}, "http://"+l.Addr())
		answered <- body
	}()
	<-entered
	closed := make(chan struct{})
	go func() {
		closeListener(t, l)
		close(closed)
	}()
	close(release)
	if body := <-answered; body != "HTTP/1.1" {
		t.Errorf("%q", body)
	}
	<-closed

	stuck := open(t, Config{})
	conn, err := quic.DialAddr(t.Context(), stuck.Addr(), func() *tls.Config {
		c := trusting(stuck.Hashes())
		c.NextProtos = []string{"h3"}
		return c
	}(), &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	closeListener(t, stuck) // a browser that keeps its connection does not hold it up
	if took := time.Since(began); took > 4*lastWords {
		t.Errorf("closing took %v", took)
	}
	<-conn.Context().Done() // it was told
}
