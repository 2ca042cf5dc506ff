package peer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"kohe/relay"
)

// How long certificates are valid, and how much earlier than made they begin,
// for nodes whose clocks differ.
const (
	caLife    = 20 * 365 * 24 * time.Hour
	nodeLife  = 365 * 24 * time.Hour
	clockSkew = time.Hour
)

// maxRequest bounds a certificate request, DER, in bytes.
const maxRequest = 2 << 10

// Fingerprint is the SHA-256 of a certificate's DER.
type Fingerprint [sha256.Size]byte

// CA signs the certificates of one cluster's nodes. It is immutable. Core nodes
// hold it; its key never leaves them but inside Join's answer to another.
type CA struct {
	cluster relay.ID
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
}

// NewCA makes the CA of a new cluster, ECDSA P-256, valid for 20 years.
func NewCA(cluster relay.ID, now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Kohe cluster " + cluster.String()},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(caLife),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		URIs: []*url.URL{clusterURI(cluster)},
	}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	return &CA{cluster, key, cert}, nil
}

func clusterURI(cluster relay.ID) *url.URL {
	return &url.URL{Scheme: "kohe", Host: cluster.String()}
}

// clusterOf returns whose CA a certificate is.
func clusterOf(ca *x509.Certificate) (relay.ID, error) {
	if !ca.IsCA || len(ca.URIs) != 1 {
		return relay.ID{}, errors.New("this is not the certificate of a cluster's CA")
	}
	cluster, err := relay.ParseID(ca.URIs[0].Host)
	if err == nil && ca.URIs[0].String() != clusterURI(cluster).String() {
		err = errors.New("this is not the certificate of a cluster's CA")
	}
	return cluster, err
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Cluster returns whose CA it is.
func (ca *CA) Cluster() relay.ID { return ca.cluster }

// Certificate returns the CA's own certificate.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// Fingerprint returns the SHA-256 of the CA's certificate.
func (ca *CA) Fingerprint() Fingerprint { return sha256.Sum256(ca.cert.Raw) }

// Sign answers a certificate request (PKCS #10, DER) with a certificate for
// that identity, valid for a year from now. What the request says of itself
// does not count but its key, which it proves to hold. Errors: relay.CodeInvalid.
func (ca *CA) Sign(request []byte, id Identity, now time.Time) (*x509.Certificate, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if id.Cluster != ca.cluster {
		return nil, relay.Errorf(relay.CodeInvalid, "The node %s belongs to another cluster.", id.Node)
	}
	if len(request) > maxRequest {
		return nil, relay.Errorf(relay.CodeInvalid, "The certificate request is over %d bytes.", maxRequest)
	}
	csr, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, relay.Errorf(relay.CodeInvalid, "The certificate request cannot be read: %w", err)
	}
	if key, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		return nil, relay.Errorf(relay.CodeInvalid, "The certificate request's key is not ECDSA P-256.")
	}
	return sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: id.Node},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(nodeLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{id.uri()},
	}, ca.cert, csr.PublicKey, ca.key)
}

// Issue makes a key and a certificate for it: the first node of a cluster signs
// itself in.
func (ca *CA) Issue(id Identity, now time.Time) (*Credentials, error) {
	key, request, err := newRequest()
	if err != nil {
		return nil, err
	}
	cert, err := ca.Sign(request, id, now)
	if err != nil {
		return nil, err
	}
	return newCredentials(key, cert, ca.cert, now)
}

// newRequest makes a key and a request for a certificate.
func newRequest() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a node's key: %w", err)
	}
	request, err := requestFor(key)
	return key, request, err
}

func requestFor(key *ecdsa.PrivateKey) ([]byte, error) {
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate request: %w", err)
	}
	return request, nil
}

// MarshalPEM returns the CA's key and certificate. It is a secret.
func (ca *CA) MarshalPEM() ([]byte, error) { return marshalPEM(ca.key, ca.cert) }

// ParseCA reads what MarshalPEM returned.
func ParseCA(b []byte) (*CA, error) {
	key, certs, err := parsePEM(b, 1)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	cluster, err := clusterOf(certs[0])
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	return &CA{cluster, key, certs[0]}, nil
}

// The types of PEM blocks.
const (
	pemKey  = "PRIVATE KEY"
	pemCert = "CERTIFICATE"
)

func marshalPEM(key *ecdsa.PrivateKey, certs ...*x509.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der})
	for _, c := range certs {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: pemCert, Bytes: c.Raw})...)
	}
	return out, nil
}

// parsePEM reads a key and n certificates, the first of which is the key's.
func parsePEM(b []byte, n int) (*ecdsa.PrivateKey, []*x509.Certificate, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != pemKey {
		return nil, nil, errors.New("the private key is missing")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("the private key is broken: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("the private key is not ECDSA")
	}
	var certs []*x509.Certificate
	for len(certs) < n {
		if block, rest = pem.Decode(rest); block == nil || block.Type != pemCert {
			return nil, nil, errors.New("a certificate is missing")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("a certificate is broken: %w", err)
		}
		certs = append(certs, c)
	}
	if !key.PublicKey.Equal(certs[0].PublicKey) {
		return nil, nil, errors.New("the key is not the certificate's")
	}
	return key, certs, nil
}
