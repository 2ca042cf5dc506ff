package edge

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// supervisor adds a colleague who may see every session, and lets them watch one.
func (w *world) supervisor(t *testing.T, name string, id relay.ID) *person {
	t.Helper()
	_, err := w.cell.Propose(context.Background(), state.Put{At: 1, Agent: &state.Agent{
		ID: name, Customer: "c", Name: name, Alias: name, Role: relay.RoleSupervisor,
		Sites: []string{testSite}, Departments: []string{"help"}, Capacity: 4, Generation: 1,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := w.agent(name)
	await(p, wire.Session, func(s relay.Session) bool { return s.ID == id })
	p.send(wire.Watch, wire.WatchPayload{Session: id, On: true})
	await(p, wire.Mirror, whatever[wire.MirrorPayload])
	return p
}

// grants has the visitor set a level, and waits until the agent hears it.
func grants(t *testing.T, visitor, agent *person, id relay.ID, level relay.Level, on bool) {
	t.Helper()
	visitor.send(wire.Grant, wire.GrantPayload{Session: id, Level: level, On: on})
	await(agent, wire.Session, func(s relay.Session) bool { return slices.Contains(s.Granted, level) == on })
}

func arrow(id relay.ID, name string) wire.DrawPayload {
	return wire.DrawPayload{Session: id, ID: name, Node: nodeEmail, Shape: wire.ShapeArrow, Points: []int32{-2000, -2000, 5000, 5000}}
}

func TestADrawingReachesThePageWithTheLevelAndWithinItsBounds(t *testing.T) {
	w := newWorld(t)
	visitor, agent, id := w.shared(t)
	outcome := func(what string, p wire.DrawPayload, want relay.Code) {
		t.Helper()
		if got := agent.outcome(wire.Draw, p); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	outcome("before it is granted", arrow(id, "d0"), relay.CodeForbidden)
	grants(t, visitor, agent, id, relay.LevelDraw, true)
	outcome("with the level", arrow(id, "d1"), "")
	if d := await(visitor, wire.Draw, whatever[wire.DrawPayload]); d.ID != "d1" || d.By != "ANN" || d.Colour != 0 || !slices.Equal(d.Points, arrow(id, "").Points) {
		t.Errorf("the page is to show %+v", d)
	}
	agent.send(wire.Hand, append(wire.AppendSession(nil, id), 1))
	handFrom(t, visitor, "ANN") // who may draw shows where
	for what, change := range map[string]func(*wire.DrawPayload){
		"no shape":              func(p *wire.DrawPayload) { p.Shape = "star" },
		"a point without a y":   func(p *wire.DrawPayload) { p.Points = p.Points[:3] },
		"an arrow of one point": func(p *wire.DrawPayload) { p.Points = p.Points[:2] },
		"a stroke too long":     func(p *wire.DrawPayload) { p.Shape, p.Points = wire.ShapePen, make([]int32, 2*maxPoints+2) },
		"a point far away":      func(p *wire.DrawPayload) { p.Points[2] = farthest + 1 },
		"clear with points":     func(p *wire.DrawPayload) { p.Shape = wire.ShapeClear },
	} {
		p := arrow(id, "bad")
		change(&p)
		outcome(what, p, relay.CodeInvalid)
	}
	for what, node := range map[string]uint32{"a password": nodePassword, "what is masked": nodeSecret, "nothing": 99} {
		p := arrow(id, "bad")
		p.Node = node
		outcome("on "+what, p, relay.CodeForbidden)
	}
	grants(t, visitor, agent, id, relay.LevelDraw, false)
	outcome("after it was taken back", arrow(id, "d2"), relay.CodeForbidden)
	var told []string
	for until := time.Now().Add(wait); len(told) < 3 && time.Now().Before(until); time.Sleep(time.Millisecond) {
		all, err := w.cell.Read().Messages(id, 0, state.MaxPage)
		if err != nil {
			t.Fatal(err)
		}
		told = nil
		for _, m := range all {
			if m.Kind == relay.KindLevel || m.Kind == relay.KindAct {
				told = append(told, string(m.Kind)+" "+m.Text)
			}
		}
	}
	if want := []string{"level draw on", "act draw e-mail", "level draw off"}; !slices.Equal(told, want) {
		t.Errorf("the transcript says %q", told)
	}
}

func TestDrawingsThatStayAreShownToWhoComesLaterAndGoWithTheLevel(t *testing.T) {
	w := newWorld(t)
	visitor, agent, id := w.shared(t)
	grants(t, visitor, agent, id, relay.LevelDraw, true)
	stays := arrow(id, "stays")
	stays.Stay = true
	for _, p := range []wire.DrawPayload{arrow(id, "fades"), stays} {
		if code := agent.outcome(wire.Draw, p); code != "" {
			t.Fatalf("drawing: %q", code)
		}
	}
	late := w.supervisor(t, "sue", id)
	if d := await(late, wire.Draw, whatever[wire.DrawPayload]); d.ID != "stays" {
		t.Errorf("who comes later sees %q", d.ID)
	}
	if code := agent.outcome(wire.Draw, wire.DrawPayload{Session: id, ID: "none", Shape: wire.ShapeClear}); code != "" {
		t.Fatalf("clear: %q", code)
	}
	await(visitor, wire.Draw, func(d wire.DrawPayload) bool { return d.Shape == wire.ShapeClear })
	await(late, wire.Draw, func(d wire.DrawPayload) bool { return d.Shape == wire.ShapeClear })

	l := w.edge.loaded(id)
	kept := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.drawn.stay)
	}
	if kept() != 0 {
		t.Error("a drawing is kept that was taken away")
	}
	refused := false
	for i := range 2 * keptDrawn {
		stays.ID = "s" + strconv.Itoa(i)
		switch code := agent.outcome(wire.Draw, stays); code {
		case relay.CodeRate:
			refused = true
			l.mu.Lock()
			l.drawn.pace = rate.NewLimiter(rate.Inf, 0) // for the rest of the test
			l.mu.Unlock()
		case "":
		default:
			t.Fatalf("drawing %d: %q", i, code)
		}
	}
	if !refused || kept() != keptDrawn {
		t.Errorf("refused for the rate: %v; %d drawings are kept", refused, kept())
	}
	grants(t, visitor, agent, id, relay.LevelDraw, false)
	if kept() != 0 {
		t.Error("drawings are kept after the level was taken back")
	}
}

// handFrom returns the colour and the record of the next hand with a name.
func handFrom(t *testing.T, p *person, name string) (byte, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		f, err := p.Recv(ctx)
		if err != nil {
			t.Fatalf("waiting for the hand of %s: %v", name, err)
		}
		if f.Kind != wire.Hand {
			continue
		}
		_, b, err := wire.SplitSession(f)
		if err != nil {
			t.Fatal(err)
		}
		if length := int(b[1]); string(b[2:2+length]) == name {
			return b[0], string(b[2+length:])
		}
	}
}

func TestColleaguesPointAndDrawInColoursOfTheirOwnAndDoNothingElse(t *testing.T) {
	w := newWorld(t)
	visitor, agent, id := w.shared(t)
	sue, tom := w.supervisor(t, "sue", id), w.supervisor(t, "tom", id)
	stranger := w.agent("bob")
	point := func(p *person, x byte) { p.send(wire.Hand, append(wire.AppendSession(nil, id), x)) }
	point(sue, 1) // not granted: nobody sees it
	if code := sue.outcome(wire.Draw, arrow(id, "early")); code != relay.CodeForbidden {
		t.Errorf("a colleague draws before it is granted: %q", code)
	}
	for _, level := range []relay.Level{relay.LevelPoint, relay.LevelDraw, relay.LevelFill} {
		grants(t, visitor, agent, id, level, true)
	}
	colours := map[string]byte{}
	for i, p := range []*person{agent, sue, tom} {
		name := []string{"ANN", "sue", "tom"}[i]
		point(p, 2)
		colour, record := handFrom(t, visitor, name)
		if colours[name] = colour; record != "\x02" {
			t.Errorf("the hand of %s says %q", name, record)
		}
	}
	if colours["ANN"] != 0 || colours["sue"] == 0 || colours["tom"] == 0 || colours["sue"] == colours["tom"] {
		t.Errorf("the colours are %v", colours)
	}
	if colour, _ := handFrom(t, sue, "tom"); colour != colours["tom"] {
		t.Errorf("a colleague sees colour %d", colour)
	}
	point(sue, 3)
	if colour, _ := handFrom(t, visitor, "sue"); colour != colours["sue"] {
		t.Errorf("a colour has become %d", colour)
	}
	if code := sue.outcome(wire.Draw, arrow(id, "of-sue")); code != "" {
		t.Errorf("a colleague draws: %q", code)
	}
	if d := await(visitor, wire.Draw, whatever[wire.DrawPayload]); d.By != "sue" || d.Colour != colours["sue"] {
		t.Errorf("the page is to show %+v", d)
	}
	await(agent, wire.Draw, func(d wire.DrawPayload) bool { return d.ID == "of-sue" })
	for _, do := range []wire.Deed{wire.DeedPoint, wire.DeedFill} {
		if code := sue.outcome(wire.Act, wire.ActPayload{Session: id, ID: "a", Do: do, Node: nodeEmail, Text: "x"}); code != relay.CodeForbidden {
			t.Errorf("a colleague acts (%s): %q", do, code)
		}
	}
	if code := stranger.outcome(wire.Draw, arrow(id, "no")); code != relay.CodeNotFound {
		t.Errorf("who is no part of it draws: %q", code)
	}
	l := w.edge.loaded(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range 2 * maxHands {
		c := &client{edge: w.edge, who: relay.Principal{Role: relay.RoleSupervisor, Agent: "s" + strconv.Itoa(i)}}
		l.clients[c] = true
		if _, ok := l.handOf(c); ok != (i < maxHands-3) {
			t.Errorf("hand %d is given a colour: %v", i+3, ok)
		}
		defer delete(l.clients, c)
	}
}

func TestDrawingsAndHandsCrossEdges(t *testing.T) {
	ts := newTowns(t, 2, link.Path{Latency: time.Millisecond})
	visitor, agent, id := ts.across("n1", "n2")
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for _, p := range []*person{visitor, agent} {
		if err := p.OpenPage(ctx); err != nil {
			t.Fatal(err)
		}
	}
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true})
	await(visitor, wire.OK, whatever[wire.OKPayload])
	agent.send(wire.Watch, wire.WatchPayload{Session: id, On: true})
	await(visitor, wire.Mirror, func(m wire.MirrorPayload) bool { return m.On && m.Full })
	visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), form...))
	sue := ts.edges["n2"].supervisor(t, "sue", id) // she watches by the agent's link
	grants(t, visitor, agent, id, relay.LevelDraw, true)
	for agent.outcome(wire.Draw, arrow(id, "far")) != "" {
		if ctx.Err() != nil {
			t.Fatal("nothing can be drawn from another edge")
		}
	}
	far := func(d wire.DrawPayload) bool { return d.ID == "far" && d.By == "ANN" }
	await(visitor, wire.Draw, far)
	await(sue, wire.Draw, far)
	for seen := false; !seen && ctx.Err() == nil; {
		sue.send(wire.Hand, append(wire.AppendSession(nil, id), 7))
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		f, err := visitor.Recv(soon)
		cancel()
		seen = err == nil && f.Kind == wire.Hand && string(f.Payload[len(id):]) == "\x01\x03sue\x07"
	}
	handFrom(t, agent, "sue")
}
