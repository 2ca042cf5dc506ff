package listen

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how often, at most, a handshake looks whether the files changed.
const recheck = 5 * time.Second

// files is a configured certificate. Whoever renews it replaces the files; a
// pair that cannot be read leaves the old one in use.
type files struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex // guards what follows
	pair    *tls.Certificate
	stamp   [2]stamp
	checked time.Time
}

// stamp tells one state of a file from another.
type stamp struct {
	at   time.Time
	size int64
}

func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.checked) >= recheck {
		if err := f.reload(now); err != nil {
			f.log.Error("the certificate cannot be read; the old one stays", "cert", f.cert, "key", f.key, "err", err)
		}
	}
	return f.pair, nil
}

// load reads the files for the first time.
func (f *files) load(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reload(now)
}

// reload reads the files if they changed. The caller holds mu.
func (f *files) reload(now time.Time) error {
	f.checked = now
	var stamps [2]stamp
	for i, path := range []string{f.cert, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	if stamps == f.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	f.pair, f.stamp = &pair, stamps
	return nil
}
