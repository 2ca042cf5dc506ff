package peer

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"kohe/relay"
)

// Credentials is what a node proves itself with: its key, its certificate, and
// the certificate of its cluster's CA. Several goroutines may use it; Renew
// replaces the certificate under running listeners.
type Credentials struct {
	id   Identity
	key  *ecdsa.PrivateKey
	ca   *x509.Certificate
	pool *x509.CertPool
	pair atomic.Pointer[tls.Certificate] // its Leaf is set
}

// newCredentials verifies that the certificates belong together.
func newCredentials(key *ecdsa.PrivateKey, cert, ca *x509.Certificate, now time.Time) (*Credentials, error) {
	c := &Credentials{key: key, ca: ca, pool: x509.NewCertPool()}
	c.pool.AddCert(ca)
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the certificate is for another key")
	}
	id, err := c.verify(cert, now)
	if err != nil {
		return nil, err
	}
	c.id = id
	c.pair.Store(&tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert})
	return c, nil
}

// Identity returns who the node is.
func (c *Credentials) Identity() Identity { return c.id }

// Certificate returns the node's certificate in use.
func (c *Credentials) Certificate() *x509.Certificate { return c.pair.Load().Leaf }

// CA returns the certificate of the cluster's CA.
func (c *Credentials) CA() *x509.Certificate { return c.ca }

// Due reports whether the certificate has entered the last third of its life
// and has to be renewed.
func (c *Credentials) Due(now time.Time) bool {
	cert := c.Certificate()
	return now.After(cert.NotAfter.Add(-cert.NotAfter.Sub(cert.NotBefore) / 3))
}

// Request returns a request (PKCS #10, DER) for another certificate of the same
// key, for CA.Sign.
func (c *Credentials) Request() ([]byte, error) { return requestFor(c.key) }

// Renew puts another certificate (DER) of the same key and identity to use; the
// caller saves it.
func (c *Credentials) Renew(der []byte, now time.Time) error {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("renew the node's certificate: %w", err)
	}
	fresh, err := newCredentials(c.key, cert, c.ca, now)
	if err != nil {
		return fmt.Errorf("renew the node's certificate: %w", err)
	}
	if fresh.id != c.id {
		return fmt.Errorf("renew the node's certificate: it is for %s, the node is %s", fresh.id, c.id)
	}
	c.pair.Store(fresh.pair.Load())
	return nil
}

// verify proves that a certificate was signed by this cluster's CA for a node
// of this cluster, and returns which.
func (c *Credentials) verify(cert *x509.Certificate, now time.Time) (Identity, error) {
	_, err := cert.Verify(x509.VerifyOptions{
		Roots: c.pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return Identity{}, fmt.Errorf("certificate of %q: %w", clip(cert.Subject.CommonName), err)
	}
	id, err := IdentityOf(cert)
	if err != nil {
		return Identity{}, err
	}
	if cluster, err := clusterOf(c.ca); err != nil || id.Cluster != cluster {
		return Identity{}, fmt.Errorf("certificate of %q: it belongs to another cluster", id.Node)
	}
	return id, nil
}

// ServerTLS returns how the node answers nodes of its cluster: TLS 1.3, both
// sides prove themselves.
func (c *Credentials) ServerTLS(alpn string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		ClientAuth:             tls.RequireAnyClientCert, // VerifyConnection verifies it
		SessionTicketsDisabled: true,                     // every connection proves itself afresh
		GetCertificate:         func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
		VerifyConnection:       c.verifyConnection(""),
	}
}

// ClientTLS returns how the node calls the node of that name. Names and
// addresses of hosts do not count.
func (c *Credentials) ClientTLS(alpn, node string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{alpn},
		InsecureSkipVerify:   true, // VerifyConnection verifies what replaces the host's name
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
		VerifyConnection:     c.verifyConnection(node),
	}
}

func (c *Credentials) verifyConnection(node string) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return relay.Errorf(relay.CodeAuth, "The other node shows no certificate.")
		}
		id, err := c.verify(s.PeerCertificates[0], time.Now())
		if err != nil {
			return err
		}
		if node != "" && id.Node != node {
			return relay.Errorf(relay.CodeAuth, "The node that answers is %s, not %s.", id.Node, node)
		}
		return nil
	}
}
