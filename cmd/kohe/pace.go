package main

import (
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// newSyncs returns what counts how long durable writes take, from 0.1 ms to the
// 10 s after which a node ends itself (logstore.DefaultSlow).
func newSyncs() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "kohe_disk_sync_seconds", Help: "How long the disk took for a durable write of the cell's log.",
		Buckets: prometheus.ExponentialBucketsRange(0.0001, 10, 16),
	})
}

// timedFS measures the syncs of write-ahead logs.
type timedFS struct {
	vfs.FS
	syncs prometheus.Observer
}

func (t timedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return t.timed(name)(t.FS.Create(name, c))
}

func (t timedFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return t.timed(to)(t.FS.ReuseForWrite(from, to, c))
}

func (t timedFS) timed(name string) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil || !strings.HasSuffix(name, ".log") {
			return f, err
		}
		return timedFile{f, t.syncs}, nil
	}
}

type timedFile struct {
	vfs.File
	syncs prometheus.Observer
}

func (f timedFile) Sync() error     { return f.time(f.File.Sync) }
func (f timedFile) SyncData() error { return f.time(f.File.SyncData) }

func (f timedFile) time(sync func() error) error {
	began := time.Now()
	err := sync()
	f.syncs.Observe(time.Since(began).Seconds())
	return err
}
