package edge

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// journal is a log that a test reads.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// reached says what acts a visitor was asked to do until now.
func (p *person) reached(until func() wire.ActPayload) (acts []wire.ActPayload) {
	p.t.Helper()
	last := until()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		f, err := p.Recv(ctx)
		if err != nil {
			p.t.Fatal(err)
		}
		var a wire.ActPayload
		if f.Kind != wire.Act {
			continue
		}
		if err := wire.Decode(f, &a); err != nil {
			p.t.Fatal(err)
		}
		if a.ID == last.ID {
			return acts
		}
		acts = append(acts, a)
	}
}

func TestWhatAHostileAgentTriesReachesNobodyAndIsAudited(t *testing.T) {
	w := newWorld(t)
	logged := &journal{}
	w.closeEdge()
	w.log = slog.New(slog.NewTextHandler(logged, nil))
	w.startEdge("n1", nil)
	visitor, agent, id := w.shared(t)
	grant := func(level relay.Level, on bool) {
		t.Helper()
		visitor.send(wire.Grant, wire.GrantPayload{Session: id, Level: level, On: on})
		await(agent, wire.Session, func(s relay.Session) bool { return slices.Contains(s.Granted, level) == on })
	}
	grant(relay.LevelFill, true)
	grant(relay.LevelPoint, true)
	grant(relay.LevelPoint, false)

	const content = "4111 1111 1111 1111"
	act := func(do wire.Deed, node uint32) wire.ActPayload {
		return wire.ActPayload{Session: id, ID: "foul", Do: do, Node: node, Text: content}
	}
	with := func(p wire.ActPayload, change func(*wire.ActPayload)) wire.ActPayload { change(&p); return p }
	fill := act(wire.DeedFill, nodeEmail)
	tries := []struct {
		what string
		act  wire.ActPayload
		code relay.Code
	}{
		{"a click without the level", act(wire.DeedClick, nodeButton), relay.CodeForbidden},
		{"scrolling without the level", act(wire.DeedScroll, nodeEmail), relay.CodeForbidden},
		{"pointing after it was taken back", act(wire.DeedPoint, nodeEmail), relay.CodeForbidden},
		{"a deed that there is none of", act("format", nodeEmail), relay.CodeInvalid},
		{"no deed", act("", nodeEmail), relay.CodeInvalid},
		{"a password", act(wire.DeedFill, nodePassword), relay.CodeForbidden},
		{"what is masked", act(wire.DeedFill, nodeSecret), relay.CodeForbidden},
		{"a button's text", act(wire.DeedFill, nodeButton), relay.CodeForbidden},
		{"no node", act(wire.DeedFill, 0), relay.CodeForbidden},
		{"the document", act(wire.DeedFill, 1), relay.CodeForbidden},
		{"what is not there", act(wire.DeedFill, 1<<31), relay.CodeForbidden},
		{"another session", with(fill, func(p *wire.ActPayload) { p.Session = relay.NewID() }), relay.CodeNotFound},
		{"no session", with(fill, func(p *wire.ActPayload) { p.Session = relay.ID{} }), relay.CodeNotFound},
		{"no id", with(fill, func(p *wire.ActPayload) { p.ID = "" }), relay.CodeInvalid},
		{"an id with a line break", with(fill, func(p *wire.ActPayload) { p.ID = "a\nb" }), relay.CodeInvalid},
		{"an endless id", with(fill, func(p *wire.ActPayload) { p.ID = strings.Repeat("x", 1000) }), relay.CodeInvalid},
		{"an endless text", with(fill, func(p *wire.ActPayload) { p.Text = strings.Repeat("x", relay.MaxText+1) }), relay.CodeInvalid},
		{"an endless base", with(fill, func(p *wire.ActPayload) { p.Base = strings.Repeat("x", wire.MaxSum+1) }), relay.CodeInvalid},
	}
	for _, try := range tries {
		if got := agent.outcome(wire.Act, try.act); got != try.code {
			t.Errorf("%s: %q, want %q", try.what, got, try.code)
		}
	}
	if n := w.edge.Count.ActsRefused.Load(); n != uint64(len(tries)) {
		t.Errorf("%d refused acts are counted, want %d", n, len(tries))
	}

	other := w.agent("bob") // a colleague who has no part in it
	if got := other.outcome(wire.Act, fill); got != relay.CodeNotFound {
		t.Errorf("another agent's act: %q", got)
	}
	good := with(fill, func(p *wire.ActPayload) { p.ID, p.By = "good", "the bank" })
	if acts := visitor.reached(func() wire.ActPayload {
		if got := agent.outcome(wire.Act, good); got != "" {
			t.Errorf("what is allowed: %q", got)
		}
		return good
	}); len(acts) > 0 {
		t.Errorf("the visitor's page was to do %+v", acts)
	}

	visitor.send(wire.Tab, wire.TabPayload{URL: "https://shop.example/", Visible: false})
	await(agent, wire.Mirror, func(m wire.MirrorPayload) bool { return m.Frozen })
	if got := agent.outcome(wire.Act, fill); got != relay.CodeUnavailable {
		t.Errorf("on a hidden page: %q", got)
	}
	if _, err := w.cell.Propose(context.Background(), state.EndSession{Session: id, By: "visitor", At: w.edge.at()}); err != nil {
		t.Fatal(err)
	}
	await(agent, wire.Session, func(s relay.Session) bool { return s.State == relay.Ended })
	if got := agent.outcome(wire.Act, fill); got != relay.CodeForbidden && got != relay.CodeNotFound && got != relay.CodeUnavailable {
		t.Errorf("after the end: %q", got)
	}

	text := logged.String()
	if n := strings.Count(text, `level=WARN msg="act refused"`); n < len(tries)+1 {
		t.Errorf("%d of %d refused acts are in the log:\n%s", n, len(tries)+1, text)
	}
	for _, want := range []string{"agent=ann", "agent=bob", "session=" + id.String(), "do=click", "code=forbidden"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if strings.Contains(text, "4111") {
		t.Error("the log holds what would have been filled in")
	}
}
