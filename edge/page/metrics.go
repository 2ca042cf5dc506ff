package page

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the counters of a node's pages.
type Metrics struct {
	open      prometheus.Gauge
	held      prometheus.Gauge
	messages  prometheus.Counter
	bytes     prometheus.Counter
	filtered  prometheus.Counter
	snapshots prometheus.Counter
	deltas    prometheus.Counter
	excerpts  prometheus.Counter
	diverged  prometheus.Counter
	refused   *prometheus.CounterVec
}

// NewMetrics registers the counters, unless the registerer is nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "kohe_page_" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "kohe_page_" + name, Help: help})
	}
	m := &Metrics{
		open:      gauge("open", "Pages that are shared now."),
		held:      gauge("held_bytes", "Bytes that the trees of all pages hold, by their own count."),
		messages:  counter("messages_total", "Page messages applied."),
		bytes:     counter("received_bytes_total", "Bytes of the page messages applied."),
		filtered:  counter("filtered_total", "Page messages that were not forwarded as they came."),
		snapshots: counter("snapshots_total", "Snapshots given to viewers."),
		deltas:    counter("deltas_total", "Deltas given to viewers that fell behind."),
		excerpts:  counter("excerpts_total", "Snapshots that had to go without their longest strings."),
		diverged:  counter("diverged_total", "Viewers that found their page to be another one."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kohe_page_refused_total", Help: "Page messages refused, by code.",
		}, []string{"code"}),
	}
	if reg != nil {
		reg.MustRegister(m.open, m.held, m.messages, m.bytes, m.filtered, m.snapshots, m.deltas, m.excerpts, m.diverged, m.refused)
	}
	return m
}
