package edge

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"kohe/dom"
	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

func TestAVisitorAndAnAgentOnTwoEdgesTalkAsOnOne(t *testing.T) {
	ts := newTowns(t, 2, link.Path{Latency: time.Millisecond, Loss: 0.1, Seed: 3})
	visitor, agent, id := ts.across("n1", "n2")
	if node, _, _ := ts.cell.Read().Origin(id); node != "n1" {
		t.Fatalf("the origin is %s, not the visitor's edge", node)
	}
	visitor.say(id, "m1", "hello")
	m := await(agent, wire.Message, text("hello"))
	agent.say(id, "a1", "welcome")
	sent := await(agent, wire.Sent, func(s wire.SentPayload) bool { return s.ID == "a1" })
	await(visitor, wire.Message, text("welcome"))
	await(agent, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= sent.Seq && s.Index > 0 })
	agent.send(wire.Mark, wire.MarkPayload{Session: id, Delivered: m.Seq, Read: m.Seq})
	await(visitor, wire.Mark, func(k wire.MarkPayload) bool { return k.By == relay.RoleAgent && k.Read >= m.Seq })
	agent.send(wire.Typing, wire.TypingPayload{Session: id, On: true})
	if who := await(visitor, wire.Typing, whatever[wire.TypingPayload]); who.By.ID != "" || who.By.Name != "ANN" {
		t.Errorf("a visitor sees %+v", who.By)
	}
	ref := agent.send(wire.End, wire.SessionRef{Session: id})
	await(agent, wire.OK, func(o wire.OKPayload) bool { return o.Ref == ref })
	await(agent, wire.Session, func(s relay.Session) bool { return s.State == relay.Ended })
	await(visitor, wire.Session, func(s relay.Session) bool { return s.State == relay.Ended })
}

func TestWhenTheOriginDiesTheVisitorGoesOnThroughAnotherEdge(t *testing.T) {
	ts := newTowns(t, 3, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	var want []string
	for i := range 20 {
		name := fmt.Sprint("v", i)
		visitor.say(id, name, name)
		want = append(want, name)
	}
	token := visitor.Welcome().Token
	ts.kill("n1")
	for i := range 5 { // said while there is no origin
		name := fmt.Sprint("a", i)
		agent.say(id, name, name)
		want = append(want, name)
	}
	again := ts.edges["n3"].visitor(token, wire.Resume{Session: id})
	for _, name := range want[:20] { // what was not acknowledged is said again
		again.say(id, name, name)
	}
	again.say(id, "after", "after")
	want = append(want, "after")
	heard := await(agent, wire.Message, text("after"))
	if node, epoch, _ := ts.cell.Read().Origin(id); node == "n1" || epoch < 2 {
		t.Errorf("the origin is %s in epoch %d", node, epoch)
	}
	await(again, wire.Message, text("a4"))
	have := ts.transcript(id, len(want))
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("stored %q, said %q", have, want)
	}
	await(agent, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= heard.Seq })
}

func TestAnEdgeThatIsNoLongerTheOriginFollowsTheOneThatIs(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	visitor.say(id, "v1", "before")
	await(agent, wire.Message, text("before"))
	// Another edge claims the session: n1 has to let go.
	first := ts.epoch(id)
	if err := ts.edges["n2"].edge.takeOver(context.Background(), id, first); err != nil {
		t.Fatal(err)
	}
	ts.origin(id, func(node string, _ uint32) bool { return node == "n2" })
	for i := range 10 {
		visitor.say(id, fmt.Sprint("x", i), fmt.Sprint("x", i))
		agent.say(id, fmt.Sprint("y", i), fmt.Sprint("y", i))
		await(agent, wire.Message, text(fmt.Sprint("x", i)))
		await(visitor, wire.Message, text(fmt.Sprint("y", i)))
	}
	if have := ts.transcript(id, 21); len(have) != 21 {
		t.Errorf("stored %q", have)
	}
	if err := ts.edges["n1"].edge.takeOver(context.Background(), id, first); relay.CodeOf(err) != relay.CodeStale {
		t.Errorf("a claim since an epoch that is over: %v", err)
	}
}

func TestASessionThatIsSlowToLoadSettles(t *testing.T) {
	ts := newTowns(t, 3, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	visitor.say(id, "v", "hello")
	await(agent, wire.Message, text("hello"))
	token := visitor.Welcome().Token
	for _, e := range ts.edges {
		e.slow.Store(int64(visitFor + visitFor/4)) // longer than a guest waits for the origin
	}
	before := ts.epoch(id)
	ts.kill("n1")
	again := ts.edges["n3"].visitor(token, wire.Resume{Session: id})
	time.Sleep(2 * visitFor)
	agent.say(id, "a", "are you there")
	await(again, wire.Message, text("are you there"))
	again.say(id, "v2", "yes")
	await(agent, wire.Message, text("yes"))
	time.Sleep(4 * visitFor)
	if after := ts.epoch(id); after > before+2 {
		t.Errorf("%d claims, one for each edge at most", after-before)
	}
}

func TestNothingIsRefusedThatIsSaidWhileASessionMoves(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	const each = 100
	var said sync.WaitGroup
	said.Go(func() {
		for i := range each {
			visitor.say(id, fmt.Sprint("v", i), "words")
			agent.say(id, fmt.Sprint("a", i), "words")
			time.Sleep(time.Millisecond)
		}
	})
	for i := range 10 {
		time.Sleep(20 * time.Millisecond)
		node, epoch, _ := ts.cell.Read().Origin(id)
		other := map[string]string{"n1": "n2", "n2": "n1"}[node]
		if err := ts.edges[other].edge.takeOver(context.Background(), id, epoch); err != nil && relay.CodeOf(err) != relay.CodeStale {
			t.Errorf("move %d to %s: %v", i, other, err)
		}
	}
	said.Wait()
	ts.transcript(id, 2*each) // is all there with nobody saying anything twice
}

func TestAPageIsSeenAcrossEdgesAndGoesOnWhereTheOriginGoes(t *testing.T) {
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
	show := func(version uint64, word string) {
		t.Helper()
		msg := dom.NewSnapshot(version, "https://shop.example/", "Shop").Insert(dom.Document, 0, 2,
			dom.Branch{Tag: "html", Nodes: []dom.Branch{{Tag: "body", Nodes: []dom.Branch{{Text: word}}}}}).Bytes()
		for ctx.Err() == nil { // a tab sends a snapshot whenever it is asked to
			visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), msg...))
			soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			f, err := agent.Recv(soon)
			cancel()
			if err != nil || f.Kind != wire.PageDiff {
				continue
			}
			tree := dom.NewTree(dom.Open{})
			if _, err := tree.Apply(f.Payload[len(id):]); err == nil && bytes.Contains(tree.Snapshot(), []byte(word)) {
				return
			}
		}
		t.Fatalf("%q is not seen", word)
	}
	on := func(m wire.MirrorPayload) bool { return m.On }
	agent.send(wire.Watch, wire.WatchPayload{Session: id, On: true})
	await(visitor, wire.Mirror, on)
	show(1, "first words")

	// The new origin asks the visitor for the page by itself: who watches, watches on.
	if err := ts.edges["n2"].edge.takeOver(ctx, id, ts.epoch(id)); err != nil {
		t.Fatal(err)
	}
	await(visitor, wire.Mirror, on)
	show(1, "second words")
}

func TestTheAgentsEdgeTakesOverWhenTheVisitorsDiedAndNobodyCame(t *testing.T) {
	ts := newTowns(t, 3, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	visitor.say(id, "v", "hello")
	m := await(agent, wire.Message, text("hello"))
	token := visitor.Welcome().Token
	ts.kill("n1")
	agent.say(id, "a", "are you still there")
	ts.origin(id, func(node string, _ uint32) bool { return node == "n2" })
	again := ts.edges["n3"].visitor(token, wire.Resume{Session: id, Epoch: m.Epoch, Seq: m.Seq})
	await(again, wire.Message, text("are you still there"))
	again.say(id, "v2", "yes")
	await(agent, wire.Message, text("yes"))
}

func TestWhatWasMissedBecauseTheCellWasSentWholeIsMadeUpFor(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	visitor.say(id, "m1", "before")
	await(ann, wire.Stored, func(s wire.StoredPayload) bool { return s.Index > 0 })
	w.edge.unwatch() // what happens now nobody here is told
	w.edge.unwatch = func() {}
	visitor.say(id, "m2", "unheard of")
	w.sent(visitor, "m2")
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true})
	await(visitor, wire.OK, whatever[wire.OKPayload])
	w.edge.changed([]state.Change{{Index: w.cell.Applied(), Reloaded: true}})
	await(ann, wire.Session, func(s relay.Session) bool { return s.Consent })
	await(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= 3 && s.Index > 0 })
	if _, err := w.cell.Propose(context.Background(), state.SetPassword{Agent: "ann", Password: "new", At: 1}); err != nil {
		t.Fatal(err)
	}
	w.edge.changed([]state.Change{{Reloaded: true}})
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		if _, err := ann.Recv(ctx); err != nil {
			if relay.CodeOf(err) != relay.CodeRevoked {
				t.Errorf("signed out elsewhere: %v", err)
			}
			return
		}
	}
}

func TestTheChatDoesNotWaitForATranscriptThatIsRead(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	visitor.say(id, "m1", "before")
	stored := await(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= 2 && s.Index > 0 })
	w.edge.unwatch()
	w.edge.unwatch = func() {}
	ctx := context.Background()
	claimed, err := w.cell.Propose(ctx, state.Claim{Session: id, Node: "n1", Nonce: relay.NewID(), At: 1})
	if err != nil {
		t.Fatal(err)
	}
	row := claimed.(state.Claimed).Session
	epoch := row.Epoch
	if _, err := w.cell.Propose(ctx, state.Append{Session: id, Epoch: epoch, At: 1, Messages: []relay.Message{{
		Session: id, ID: "elsewhere", Seq: stored.Seq + 1, Epoch: epoch, Kind: relay.KindText, Text: "unheard of", At: 1,
		Author: relay.Author{Role: relay.RoleVisitor, ID: row.Visitor.String()},
	}}}); err != nil {
		t.Fatal(err)
	}
	w.mute.Store(true)
	defer w.mute.Store(false)
	visitor.say(id, "m2", "needs a new epoch") // the edge reads what it missed
	await(ann, wire.Message, text("needs a new epoch"))
	for w.unheard.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	ann.say(id, "a1", "and this is heard at once")
	await(visitor, wire.Message, text("and this is heard at once"))
	w.mute.Store(false)
	await(ann, wire.Message, text("unheard of"))
	for until := time.Now().Add(wait); ; time.Sleep(time.Millisecond) {
		list, err := w.cell.Read().Messages(id, stored.Seq+1, 10)
		if err == nil && slices.ContainsFunc(list, text("needs a new epoch")) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("not stored after all: %+v, %v", list, err)
		}
	}
}

// sent waits until a message has its place in the transcript.
func (w *world) sent(p *person, msg string) {
	w.t.Helper()
	s := await(p, wire.Sent, func(s wire.SentPayload) bool { return s.ID == msg })
	for until := time.Now().Add(wait); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if row, _ := w.cell.Read().Session(s.Session); row.Stored >= s.Seq {
			return
		}
	}
	w.t.Fatalf("%s is not stored", msg)
}

func TestAnEdgeThatIsCutOffSendsItsClientsAwayOnce(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	ts.sick.Store(true)
	began := time.Now()
	away := await(visitor, wire.GoAway, whatever[wire.ErrorPayload])
	if took := time.Since(began); took > 2*time.Second || away.RetryMS > cutOffSpread.Milliseconds() {
		t.Errorf("told after %v to go within %d ms", took, away.RetryMS)
	}
	visitor.say(id, "m", "still relayed")
	await(agent, wire.Message, text("still relayed"))
}

func TestAVisitorWhoArrivesElsewhereBringsTheSessionAlong(t *testing.T) {
	ts := newTowns(t, 3, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	visitor.say(id, "v1", "from one edge")
	m := await(agent, wire.Message, text("from one edge"))
	again := ts.edges["n3"].visitor(visitor.Welcome().Token, wire.Resume{Session: id, Epoch: m.Epoch, Seq: m.Seq})
	ts.origin(id, func(node string, _ uint32) bool { return node == "n3" })
	again.say(id, "v2", "from another")
	await(agent, wire.Message, text("from another"))
	agent.say(id, "a1", "to both")
	await(again, wire.Message, text("to both"))
	await(visitor, wire.Message, text("to both")) // the first tab goes on as a guest
	visitor.say(id, "v3", "still here")
	await(agent, wire.Message, text("still here"))
	if node, _, _ := ts.cell.Read().Origin(id); node != "n3" {
		t.Errorf("the origin went back to %s", node)
	}
}

func TestAVisitorsTabAtAnotherEdgeIsInTheSessionFromItsOpening(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	first := ts.edges["n1"].visitor("")
	second, id := ts.edges["n2"].visitor(first.Welcome().Token), relay.NewID()
	first.send(wire.Open, wire.OpenPayload{Session: id, Name: "Liis"})
	await(second, wire.Session, func(s relay.Session) bool { return s.ID == id && s.State == relay.Waiting })
	second.say(id, "v1", "hello")
	await(first, wire.Message, text("hello"))
}

func TestAPageCrossesBetweenTwoEdgesOnceHoweverManyWatch(t *testing.T) {
	ts := newTowns(t, 2, link.Path{Latency: time.Millisecond})
	visitor, first, id := ts.across("n1", "n2")
	second := ts.edges["n2"].agent("ann")
	await(second, wire.Session, func(s relay.Session) bool { return s.ID == id })
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for _, p := range []*person{visitor, first, second} {
		if err := p.OpenPage(ctx); err != nil {
			t.Fatal(err)
		}
	}
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true})
	await(visitor, wire.OK, whatever[wire.OKPayload])
	first.send(wire.Watch, wire.WatchPayload{Session: id, On: true})
	await(visitor, wire.Mirror, func(m wire.MirrorPayload) bool { return m.On && m.Full })
	page := func(msg []byte) { visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), msg...)) }
	page(dom.NewSnapshot(1, "https://shop.example/", "Shop").Insert(dom.Document, 0, 2,
		dom.Branch{Tag: "html", Nodes: []dom.Branch{{Tag: "body", Nodes: []dom.Branch{{Text: "word 1"}}}}}).Bytes())
	trees := map[*person]*dom.Tree{first: dom.NewTree(dom.Open{}), second: dom.NewTree(dom.Open{})}
	sees := func(p *person, word string) {
		t.Helper()
		for tree := trees[p]; !bytes.Contains(tree.Snapshot(), []byte(word)); {
			f, err := p.Recv(ctx)
			if err != nil {
				t.Fatalf("%q is not seen: %v", word, err)
			}
			if f.Kind != wire.PageDiff {
				continue
			}
			if _, err := tree.Apply(f.Payload[len(id):]); err != nil {
				t.Fatal(err)
			}
		}
	}
	sees(first, "word 1")
	second.send(wire.Watch, wire.WatchPayload{Session: id, On: true}) // late: from the copy
	sees(second, "word 1")

	origin := ts.edges["n1"].edge.loaded(id)
	watching := func() int {
		origin.mu.Lock()
		defer origin.mu.Unlock()
		return len(origin.mirror.watchers)
	}
	if n := watching(); n != 1 {
		t.Errorf("%d watch at the origin", n)
	}
	page(dom.NewDiff(2).Text(4, "word 2").Bytes())
	sees(first, "word 2")
	sees(second, "word 2")

	// The one that watches for both leaves; a viewer that went wrong is served here.
	first.Close()
	second.send(wire.Watch, wire.WatchPayload{Session: id, On: true, Diverged: true})
	trees[second] = dom.NewTree(dom.Open{})
	sees(second, "word 2")
	page(dom.NewDiff(3).Text(4, "word 3").Bytes())
	sees(second, "word 3")
	second.send(wire.Watch, wire.WatchPayload{Session: id})
	over := func() bool { return watching() == 0 && ts.edges["n2"].edge.copyOf(id, false) == nil }
	for until := time.Now().Add(wait); !over(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("somebody still watches at the origin, or the copy is still there")
		}
	}
}

func TestWhatAnotherEdgeSaysOfAPageIsFilteredAgain(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	_, agent, id := ts.across("n1", "n2")
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := agent.OpenPage(ctx); err != nil {
		t.Fatal(err)
	}
	agent.send(wire.Watch, wire.WatchPayload{Session: id, On: true})
	await(agent, wire.OK, whatever[wire.OKPayload])
	e := ts.edges["n2"].edge
	k := e.copyOf(id, false)
	k.mu.Lock()
	feeder := k.feeder
	k.mu.Unlock()
	msg := dom.NewSnapshot(1, "https://shop.example/", "Shop").Insert(dom.Document, 0, 2, dom.Branch{Tag: "html", Nodes: []dom.Branch{
		{Tag: "body", Nodes: []dom.Branch{
			{Tag: "a", Attrs: []string{"href", "javascript:evil()", "onclick", "evil()"}},
			{Tag: "iframe", Attrs: []string{"src", "https://evil.example/"}}, {Text: "harmless"},
		}},
	}}).Bytes()
	k.take(feeder, wire.Frame{Kind: wire.PageDiff, Payload: append(wire.AppendSession(nil, id), msg...)})
	k.take(feeder, wire.Frame{Kind: wire.PageDiff, Payload: []byte("nonsense")})
	for {
		f, err := agent.Recv(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.Kind != wire.PageDiff {
			continue
		}
		if bytes.Contains(f.Payload, []byte("evil")) || !bytes.Contains(f.Payload, []byte("harmless")) {
			t.Errorf("the agent was sent %q", f.Payload)
		}
		return
	}
}

func TestWhatIsNotStoredGoesAlongEvenIfTheClientIsAGuestAlready(t *testing.T) {
	ts := newTowns(t, 2, link.Path{})
	visitor, agent, id := ts.across("n1", "n2")
	e := ts.edges["n1"].edge
	l := e.loaded(id)
	var tab *client
	for c := range l.clients {
		if c.who.Role == relay.RoleVisitor {
			tab = c
		}
	}
	// Another edge claims the session; before this one has moved out, a change of
	// the row makes its client a guest with nothing to say.
	if err := ts.edges["n2"].edge.takeOver(context.Background(), id, ts.epoch(id)); err != nil {
		t.Fatal(err)
	}
	unsaid := []unsaid{{say: wire.SayPayload{Session: id, ID: "late", Text: "said to the old origin"}}}
	ts.origin(id, func(node string, _ uint32) bool { return node == "n2" })
	for until := time.Now().Add(wait); tab.guest(id) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the visitor's tab is no guest")
		}
	}
	e.invite(tab, &guest{resume: wire.Resume{Session: id}, unsaid: unsaid})()
	await(agent, wire.Message, text("said to the old origin"))
	visitor.say(id, "v", "and on")
	await(agent, wire.Message, text("and on"))
}

func TestAGuestForgetsWhatItSaidOnlyWhenThatIsStored(t *testing.T) {
	g := &guest{client: &client{who: relay.Principal{Role: relay.RoleAgent}}}
	frame := func(k wire.Kind, payload any) wire.Frame { return wire.Frame{Kind: k, Payload: wire.Encode(payload)} }
	waits := func(when string, want ...string) {
		t.Helper()
		var have []string
		for _, u := range g.unsaid {
			have = append(have, u.say.ID)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: %q wait, want %q", when, have, want)
		}
	}
	message := func(id string, epoch uint32, seq uint64, stored bool) wire.Frame {
		return frame(wire.Message, relay.Message{ID: id, Epoch: epoch, Seq: seq, Author: relay.Author{Role: relay.RoleAgent}, Stored: stored})
	}
	for i, id := range []string{"a", "b", "c", "d"} {
		if err := g.keep(wire.SayPayload{ID: id}); err != nil {
			t.Fatal(err)
		}
		g.placed(frame(wire.Sent, wire.SentPayload{ID: id, Epoch: 1, Seq: uint64(5 + i)}))
	}
	g.stored(frame(wire.Stored, wire.StoredPayload{Epoch: 1, Seq: 5}))
	waits("one is stored", "b", "c", "d")
	g.stored(frame(wire.Stored, wire.StoredPayload{Epoch: 2, Seq: 9}))
	waits("others stand at their places now", "b", "c", "d")
	g.placed(message("b", 2, 10, false))
	g.placed(message("c", 1, 6, true))
	waits("one was stored in the old epoch after all", "b", "d")
	g.stored(frame(wire.Stored, wire.StoredPayload{Epoch: 2, Seq: 10}))
	waits("one has a new place", "d")
}
