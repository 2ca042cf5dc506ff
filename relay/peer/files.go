package peer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/quic-go/quic-go"
)

// The files in a node's folder, each mode 0600.
const (
	credentialsFile = "node.pem"  // key, certificate, the CA's certificate
	caFile          = "ca.pem"    // core nodes: the CA's key and certificate
	resetFile       = "reset.key" // 32 bytes, see ResetKey
)

// Save writes the credentials into dir; after a crash the old or the new are
// there, whole.
func (c *Credentials) Save(dir string) error {
	b, err := marshalPEM(c.key, c.Certificate(), c.ca)
	if err != nil {
		return fmt.Errorf("save the node's credentials: %w", err)
	}
	return writeFile(filepath.Join(dir, credentialsFile), b)
}

// LoadCredentials reads what Save wrote. A node that never joined gets
// fs.ErrNotExist.
func LoadCredentials(dir string, now time.Time) (*Credentials, error) {
	path := filepath.Join(dir, credentialsFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the node's credentials: %w", err)
	}
	key, certs, err := parsePEM(b, 2)
	if err == nil {
		var c *Credentials
		if c, err = newCredentials(key, certs[0], certs[1], now); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("read the node's credentials: %s: %w; restore the file from a backup, or remove the node from the cluster and join it again with a new token", path, err)
}

// Save writes the CA into dir as Credentials.Save does.
func (ca *CA) Save(dir string) error {
	b, err := ca.MarshalPEM()
	if err != nil {
		return fmt.Errorf("save the CA: %w", err)
	}
	return writeFile(filepath.Join(dir, caFile), b)
}

// LoadCA reads what Save wrote. A node that holds no CA gets fs.ErrNotExist.
func LoadCA(dir string) (*CA, error) {
	path := filepath.Join(dir, caFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	ca, err := ParseCA(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; copy the file from another core node of the cluster", path, err)
	}
	return ca, nil
}

// ResetKey returns the key of the node's stateless resets (RFC 9000 §10.3),
// which is made once and kept in dir: a node that restarted tells its peers so
// with the first packet that it does not know, not after their idle timeout.
func ResetKey(dir string) (*quic.StatelessResetKey, error) {
	var key quic.StatelessResetKey
	path := filepath.Join(dir, resetFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, _ = rand.Read(key[:]) // never fails since Go 1.24
		return &key, writeFile(path, key[:])
	case err != nil:
		return nil, fmt.Errorf("read the key of stateless resets: %w", err)
	case len(b) != len(key):
		return nil, fmt.Errorf("read the key of stateless resets: %s has %d bytes, not %d; delete it and a new one is made", path, len(b), len(key))
	}
	return (*quic.StatelessResetKey)(b), nil
}

// writeFile replaces a file so that after a crash the old or the new is there,
// whole.
func writeFile(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; check that the node may write into %s and that the disk is not full", err, dir)
		}
	}()
	if err := writeSynced(path+".new", b); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
}
