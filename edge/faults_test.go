package edge

import (
	"context"
	"strings"
	"testing"

	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

func TestFaultsOfAPageReachWhoWatchesItBounded(t *testing.T) {
	w := newWorld(t)
	visitor, agent, id := w.shared(t)
	tell := func(faults ...wire.Fault) {
		visitor.send(wire.Faults, wire.FaultsPayload{Session: id, Faults: faults})
	}
	tell(wire.Fault{At: 1, Text: strings.Repeat("x", 1000) + "\nsecret", URL: "https://shop.example/api?code=1#x", Status: 404}, wire.Fault{At: 2, Status: 7})
	p := await(agent, wire.Faults, whatever[wire.FaultsPayload])
	want := wire.Fault{At: 1, Text: strings.Repeat("x", wire.MaxFaultText), URL: "https://shop.example/api", Status: 404}
	if len(p.Faults) != 2 || p.Faults[0] != want || p.Faults[1].Status != 0 {
		t.Errorf("the agent hears %+v", p)
	}
	if got := visitor.outcome(wire.Faults, wire.FaultsPayload{Session: id, Faults: make([]wire.Fault, wire.MaxFaults+1)}); got != relay.CodeInvalid {
		t.Errorf("too many at once: %q", got)
	}

	site, _ := w.cell.Read().Site(testSite)
	site.MaskAll = true
	if _, err := w.cell.Propose(context.Background(), state.Put{Site: &site, At: 1}); err != nil {
		t.Fatal(err)
	}
	tell(wire.Fault{At: 3, Text: "No account of Liis Lill", URL: "https://shop.example/app.js"})
	if p := await(agent, wire.Faults, whatever[wire.FaultsPayload]); p.Faults[0].Text != "" || p.Faults[0].URL == "" {
		t.Errorf("where all is masked the agent hears %+v", p)
	}
}
