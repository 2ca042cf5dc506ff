package main

import (
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kohe/edge/link"
)

func now() int64 { return time.Now().UnixMilli() }

// operations serves what an operator's machines ask for.
func (n *node) operations(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if n.edge.Draining() {
			http.Error(w, "the node is draining", http.StatusServiceUnavailable)
			return
		}
		if err := n.cellErr(); err != nil {
			http.Error(w, "the cell cannot store: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	n.registry.MustRegister(collectors.NewGoCollector(), n.pace.syncs, n.pace.late, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), figures{n})
	metrics := promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{})
	mux.Handle("GET /metrics", n.private(metrics))
	mux.Handle("GET /debug/pprof/", n.private(http.HandlerFunc(pprof.Index)))
	mux.Handle("GET /debug/pprof/profile", n.private(http.HandlerFunc(pprof.Profile)))
	mux.Handle("GET /debug/pprof/trace", n.private(http.HandlerFunc(pprof.Trace)))
}

// private serves loopback and the networks that the configuration lists only.
func (n *node) private(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !n.allowed(r) {
			http.Error(w, "this page is for loopback and the networks that the configuration lists under metrics", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// figures reads the node's counters when Prometheus asks.
type figures struct{ n *node }

var (
	descLinks    = prometheus.NewDesc("kohe_links", "Connections now.", []string{"transport"}, nil)
	descOpened   = prometheus.NewDesc("kohe_links_opened_total", "Connections since the start.", []string{"transport"}, nil)
	descRefused  = prometheus.NewDesc("kohe_refused_total", "Errors that clients were told, by code.", []string{"code"}, nil)
	descVisitors = prometheus.NewDesc("kohe_visitors", "Visitors with a full connection now.", nil, nil)
	descAgents   = prometheus.NewDesc("kohe_agents", "Agents connected now.", nil, nil)
	descSessions = prometheus.NewDesc("kohe_sessions", "Sessions whose origin this node is now.", nil, nil)
	descMessages = prometheus.NewDesc("kohe_messages_total", "Messages numbered and relayed.", nil, nil)
	descNotSaved = prometheus.NewDesc("kohe_messages_not_saved_total", "Messages that nobody could store.", nil, nil)
	descBarred   = prometheus.NewDesc("kohe_acts_refused_total", "Things that agents tried on visitors' pages and may not do.", nil, nil)
	descCellOK   = prometheus.NewDesc("kohe_cell_up", "1 while the cell settles what this node asks of it.", nil, nil)
	descLeading  = prometheus.NewDesc("kohe_cell_leading", "1 while this node leads the cell.", nil, nil)
	descReigns   = prometheus.NewDesc("kohe_cell_leader_changes_total", "Leaders of the cell that began since this node's start, the first one not counted.", nil, nil)
	descApplied  = prometheus.NewDesc("kohe_cell_applied_index", "Log index of the last command in this node's state.", nil, nil)
	descInFlight = prometheus.NewDesc("kohe_cell_proposals", "Proposals of this node that are not settled yet.", nil, nil)
	descTooMany  = prometheus.NewDesc("kohe_cell_proposals_refused_total", "Proposals turned away because too many were under way.", nil, nil)
	descNodeUp   = prometheus.NewDesc("kohe_node_up", "1 while this node has a connection to another one of the cluster.", []string{"node", "role", "region"}, nil)
	descNodeRTT  = prometheus.NewDesc("kohe_node_rtt_seconds", "Round trip to another node of the cluster.", []string{"node", "role", "region"}, nil)
	descDropped  = prometheus.NewDesc("kohe_frames_dropped_total", "Frames that did not reach a reader, by class and reason.", []string{"class", "reason"}, nil)
)

// Describe implements prometheus.Collector; the descriptions come with Collect.
func (figures) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for _, t := range []string{link.WebTransport, link.WebSocket, link.Carried} {
		gauge(descLinks, float64(f.n.metrics.Open(t)), t)
		counter(descOpened, float64(f.n.metrics.Opened(t)), t)
	}
	for code, count := range f.n.metrics.Refused() {
		counter(descRefused, float64(count), string(code))
	}
	f.cell(gauge, counter)
	f.nodes(gauge)
	c := f.n.edge.Census()
	gauge(descVisitors, float64(c.Visitors))
	gauge(descAgents, float64(c.Agents))
	gauge(descSessions, float64(c.Sessions))
	counter(descMessages, float64(c.Messages))
	counter(descNotSaved, float64(c.NotSaved))
	counter(descBarred, float64(c.ActsRefused))
	for drop, count := range f.n.edge.Drops() {
		counter(descDropped, float64(count), drop.Class.String(), drop.Reason.String())
	}
}

// cell adds what the node knows of the cell.
func (f figures) cell(gauge, counter func(*prometheus.Desc, float64, ...string)) {
	gauge(descCellOK, truth(f.n.cellErr() == nil))
	if f.n.cell == nil {
		return
	}
	leader, _ := f.n.cell.Node().Leader()
	gauge(descLeading, truth(leader == f.n.config.Node))
	counter(descReigns, float64(f.n.reigns.changes()))
	gauge(descApplied, float64(f.n.cell.Applied()))
	s := f.n.cell.Stats()
	gauge(descInFlight, float64(s.InFlight))
	counter(descTooMany, float64(s.Refused))
}

// nodes adds what the node knows of the others.
func (f figures) nodes(gauge func(*prometheus.Desc, float64, ...string)) {
	if f.n.cluster == nil {
		return
	}
	for _, n := range f.n.clusterStatus().Nodes {
		if n.Self {
			continue
		}
		gauge(descNodeUp, truth(n.Up), n.Node, n.Role, n.Region)
		if n.Up {
			gauge(descNodeRTT, n.RTT/1000, n.Node, n.Role, n.Region)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
