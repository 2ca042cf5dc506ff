package listen

import (
	"bytes"
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
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Self-made certificates follow each other: each is used for usedFor and is
// valid a little before and much longer, so that a page that learnt its hash
// and the next one's can connect for usedFor at least without asking again.
// serverCertificateHashes demands ECDSA P-256 and at most 14 days.
const (
	usedFor    = 6 * 24 * time.Hour
	clockSkew  = time.Hour
	validAfter = 13 * 24 * time.Hour
)

// selfMadeFile holds both certificates with their keys, PEM, mode 0600.
const selfMadeFile = "self-made.pem"

// selfMade keeps a self-made certificate in use and the next one ready.
type selfMade struct {
	path string // "": in memory only

	mu            sync.RWMutex // guards what follows
	current, next *tls.Certificate
}

// openSelfMade reads the certificates in dir, or makes them. A file that cannot
// be read is replaced: browsers learn the new hashes by themselves.
func openSelfMade(dir string, now time.Time, log *slog.Logger) (*selfMade, error) {
	s := &selfMade{}
	if dir != "" {
		s.path = filepath.Join(dir, selfMadeFile)
		switch err := s.read(); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			log.Warn("the self-made certificate cannot be read and is made anew", "file", s.path, "err", err)
		}
	}
	return s, s.renew(now)
}

func (s *selfMade) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current, nil
}

func (s *selfMade) hashes() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return []string{hash(s.current), hash(s.next)}
}

func hash(c *tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return base64.StdEncoding.EncodeToString(sum[:])
}

// start returns when a certificate comes into use.
func start(c *tls.Certificate) time.Time { return c.Leaf.NotBefore.Add(clockSkew) }

// renew moves on to the next certificate when it is time, and writes down what
// changed.
func (s *selfMade) renew(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.upToDate(now) {
		return nil
	}
	var err error
	current, from := s.next, now
	if current != nil && !now.Before(start(current)) && now.Before(start(current).Add(usedFor)) {
		from = start(current)
	} else if current, err = newCertificate(now); err != nil {
		return err
	}
	next, err := newCertificate(from.Add(usedFor))
	if err != nil {
		return err
	}
	s.current, s.next = current, next
	if s.path == "" {
		return nil
	}
	return s.write()
}

// upToDate reports whether the current certificate is the one for now.
func (s *selfMade) upToDate(now time.Time) bool {
	return s.current != nil && s.next != nil && !now.Before(start(s.current)) && now.Before(start(s.next))
}

// keep renews the certificate in time until ctx is done.
func (s *selfMade) keep(ctx context.Context, log *slog.Logger) {
	for {
		s.mu.RLock()
		wait := time.Until(start(s.next))
		s.mu.RUnlock()
		timer := time.NewTimer(max(wait, time.Second)) // a failed renewal is tried again
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if err := s.renew(time.Now()); err != nil {
			log.Error("the self-made certificate cannot be renewed", "err", err)
		}
	}
}

func newCertificate(from time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Kohe development node"},
		NotBefore:    from.Add(-clockSkew),
		NotAfter:     from.Add(validAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func (s *selfMade) write() error {
	var out bytes.Buffer
	for _, c := range []*tls.Certificate{s.current, s.next} {
		key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
		if err != nil {
			return err
		}
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}) // a Buffer takes everything
		_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
	}
	if err := os.WriteFile(s.path+".new", out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("keep the self-made certificate: %w", err)
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return fmt.Errorf("keep the self-made certificate: %w", err)
	}
	return nil
}

func (s *selfMade) read() error {
	rest, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	for _, to := range []**tls.Certificate{&s.current, &s.next} {
		cert, after := pem.Decode(rest)
		if cert == nil {
			return errors.New("a certificate is missing")
		}
		key, after := pem.Decode(after)
		if key == nil {
			return errors.New("a key is missing")
		}
		rest = after
		pair, err := tls.X509KeyPair(pem.EncodeToMemory(cert), pem.EncodeToMemory(key))
		if err != nil {
			return err
		}
		*to = &pair
	}
	return nil
}
