package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestFiguresAreForLoopbackAndListedNetworks(t *testing.T) {
	n := &node{config: config{Metrics: []string{"10.0.0.0/8"}}}
	for _, c := range []struct {
		remote, forwarded string
		want              bool
	}{
		{"127.0.0.1:5000", "", true},
		{"[::1]:5000", "", true},
		{"10.1.2.3:5000", "", true},
		{"192.0.2.1:5000", "", false},
		{"127.0.0.1:5000", "192.0.2.1", false}, // through a proxy on this machine
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := n.allowed(r); got != c.want {
			t.Errorf("%s for %q: %v", c.remote, c.forwarded, got)
		}
	}
}
