package bench

import (
	"context"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestPageIDsAreStable(t *testing.T) {
	report := &Report{}
	for _, page := range livePages() {
		for _, engine := range []string{"kohe", "rrweb_ws"} {
			(&pageCost{paint: []float64{3, 1, 2}, frame: []float64{4}, bytes: []float64{10}}).add(report, "page."+engine+"."+page.name)
		}
	}
	var ids []string
	for _, r := range report.Results {
		ids = append(ids, r.ID)
	}
	want := strings.Fields(`
		page.kohe.light.paint_ms.p50 page.kohe.light.paint_ms.p95 page.kohe.light.next_frame_ms.p50 page.kohe.light.next_frame_ms.p95 page.kohe.light.bytes_per_change
		page.rrweb_ws.light.paint_ms.p50 page.rrweb_ws.light.paint_ms.p95 page.rrweb_ws.light.next_frame_ms.p50 page.rrweb_ws.light.next_frame_ms.p95 page.rrweb_ws.light.bytes_per_change
		page.kohe.heavy.paint_ms.p50 page.kohe.heavy.paint_ms.p95 page.kohe.heavy.next_frame_ms.p50 page.kohe.heavy.next_frame_ms.p95 page.kohe.heavy.bytes_per_change
		page.rrweb_ws.heavy.paint_ms.p50 page.rrweb_ws.heavy.paint_ms.p95 page.rrweb_ws.heavy.next_frame_ms.p50 page.rrweb_ws.heavy.next_frame_ms.p95 page.rrweb_ws.heavy.bytes_per_change`)
	if !slices.Equal(ids, want) {
		t.Errorf("have %q, want %q", ids, want)
	}
	if r := report.Results; r[0].Value != 2 || r[1].Value != 3 {
		t.Errorf("p50 %v and p95 %v of 1, 2, 3", r[0].Value, r[1].Value)
	}
}

func TestEventRelayHandsOnAndCountsWhatWasSent(t *testing.T) {
	relay := &eventRelay{}
	server := httptest.NewServer(relay)
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	dial := func(side string) *websocket.Conn {
		c, _, err := websocket.Dial(ctx, strings.Replace(server.URL, "http:", "ws:", 1)+"/"+side,
			&websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	agent := dial("agent")
	defer agent.CloseNow()
	for relay.agent.Load() == nil {
		runtime.Gosched()
	}
	visitor := dial("visitor")
	defer visitor.CloseNow()
	text := strings.Repeat(`{"type":3}`, 500)
	if err := visitor.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
	kind, got, err := agent.Read(ctx)
	if err != nil || kind != websocket.MessageText || string(got) != text {
		t.Fatalf("%v, %d bytes, %v; want the text of %d bytes", kind, len(got), err, len(text))
	}
	if n := relay.heard.Load(); n < 10 || n > 200 {
		t.Errorf("%d bytes counted, want those of the compressed message", n)
	}
}
