package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kohe/bench/netem"
	"kohe/edge/link"
)

// clients is the host of everybody who is no node.
const clients = "clients"

// domain holds the nodes' names as browsers have them: a name makes a page a
// secure context, and the authority that openGround makes covers it.
const domain = ".kohe.test"

// publicBase is a node's base for browsers.
func publicBase(name string) string { return "https://" + name + domain + ":8443" }

// openGround makes a network of hosts for the nodes and their clients,
// and builds the program. It skips the test where there can be none.
func openGround(t *testing.T) (*ground, *netem.Namespaces, certificate) {
	t.Helper()
	hosts := []string{clients}
	for _, s := range seats(false) {
		hosts = append(hosts, s.name)
	}
	network, err := netem.Open(hosts...)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("network namespaces cannot be had here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(network.Close)
	dir := t.TempDir()
	var ips []net.IP
	for _, name := range hosts {
		ips = append(ips, network.Host(name).Addr.AsSlice())
	}
	paper := certify(t, dir, ips)
	from := network.Host(clients)
	dial := func(ctx context.Context, kind, addr string) (c net.Conn, err error) {
		err = from.Do(func() error { c, err = new(net.Dialer).DialContext(ctx, kind, addr); return err })
		return c, err
	}
	config := &tls.Config{RootCAs: paper.roots}
	g := &ground{
		program: build(t), scheme: "https",
		args: []string{"--cert", paper.chain, "--key", paper.key},
		address: func(name string) (string, error) {
			return net.JoinHostPort(network.Host(name).Addr.String(), "8443"), nil
		},
		public: publicBase,
		start:  func(name string, c *exec.Cmd) error { return network.Host(name).Start(c) },
		http:   &http.Client{Transport: &http.Transport{TLSClientConfig: config, DialContext: dial, IdleConnTimeout: 10 * time.Second}, Timeout: 5 * time.Second},
		dialer: func() *link.Dialer {
			return &link.Dialer{
				Origin: benchOrigin, TLS: config, Dial: dial,
				Packets: func() (c net.PacketConn, err error) {
					err = from.Do(func() error { c, err = net.ListenUDP("udp4", nil); return err })
					return c, err
				},
			}
		},
	}
	return g, network, paper
}

// program is kohe, once built.
var program string

// build builds the program as it is shipped, without the race detector: the
// figures are of it.
func build(t *testing.T) string {
	t.Helper()
	if program != "" {
		return program
	}
	dir, err := os.MkdirTemp("", "kohe-netns-")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kohe")
	c := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", path, "kohe/cmd/kohe")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build kohe: %v\n%s", err, out)
	}
	program = path
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if program != "" {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// certificate is one for every node.
type certificate struct {
	chain, key string // files, PEM
	keyHash    string // SHA-256 of its SubjectPublicKeyInfo, base64
	roots      *x509.CertPool
}

// certify makes a certificate authority and writes one certificate for all
// addresses.
func certify(t *testing.T, dir string, ips []net.IP) certificate {
	t.Helper()
	c := certificate{chain: filepath.Join(dir, "chain.pem"), key: filepath.Join(dir, "key.pem"), roots: x509.NewCertPool()}
	caKey, key := newKey(t), newKey(t)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "nodes"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		IPAddresses: ips, DNSNames: []string{"*" + domain}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	root, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string, blocks ...*pem.Block) {
		var text []byte
		for _, b := range blocks {
			text = append(text, pem.EncodeToMemory(b)...)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(c.chain, &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "CERTIFICATE", Bytes: root})
	write(c.key, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	parsed, err := x509.ParseCertificate(root)
	if err != nil {
		t.Fatal(err)
	}
	c.roots.AddCert(parsed)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(public)
	c.keyHash = base64.StdEncoding.EncodeToString(hash[:])
	return c
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
