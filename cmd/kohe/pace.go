package main

import (
	"context"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
)

// pace is how fast the machine is, where a slow one costs the cell its leader.
type pace struct {
	syncs prometheus.Histogram
	late  prometheus.Histogram
}

// newPace counts from 0.1 ms to the 10 s after which a node ends itself
// (logstore.DefaultSlow).
func newPace() pace {
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBucketsRange(0.0001, 10, 16)})
	}
	return pace{
		syncs: histogram("kohe_disk_sync_seconds", "How long the disk took for a durable write of the cell's log."),
		late:  histogram("kohe_late_seconds", "How much later than it asked the node was woken: the processor had no time for it."),
	}
}

// wakeEvery is how often the node asks to be woken to see how late that is: the
// lease of a leader within a region.
const wakeEvery = 100 * time.Millisecond

// watch measures how late the node is woken until ctx ends.
func (p pace) watch(ctx context.Context) {
	timer := time.NewTimer(wakeEvery)
	defer timer.Stop()
	for {
		asked := time.Now()
		timer.Reset(wakeEvery)
		select {
		case <-timer.C:
			p.late.Observe(max(0, time.Since(asked)-wakeEvery).Seconds())
		case <-ctx.Done():
			return
		}
	}
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
