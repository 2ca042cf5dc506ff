package edge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/page"
	raft "kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
	rules "kohe/relay/desk"
	"kohe/relay/wire"
)

const (
	testSite   = "shop"
	testOrigin = "https://shop.example"
	wait       = 20 * time.Second
)

// world is an edge on a real cell, reached over memory.
type world struct {
	t       *testing.T
	dir     string
	cell    *raft.Cell
	edge    *Edge
	links   *link.Server
	tickets *auth.Tickets
	guest   bool         // the cell is another world's
	others  []string     // names of the other edges
	log     *slog.Logger // nil: testLog
	sick    atomic.Bool  // the cell cannot be reached
	mute    atomic.Bool  // the cell does not answer who reads a transcript
	unheard atomic.Int32 // how often it did not
	slow    atomic.Int64 // how long a transcript takes to read, in nanoseconds
}

// Messages reads the world's cell for its edge.
func (s muted) Messages(session relay.ID, after uint64, limit int) ([]relay.Message, error) {
	for s.w.mute.Load() {
		s.w.unheard.Add(1)
		time.Sleep(time.Millisecond)
	}
	time.Sleep(time.Duration(s.w.slow.Load()))
	return s.Store.Messages(session, after, limit)
}

type muted struct {
	Store
	w *world
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.start()
	ctx := context.Background()
	rows := []state.Put{
		{Customer: &state.Customer{ID: "c", Name: "C"}},
		{Department: &state.Department{ID: "help", Customer: "c", Name: "Help"}},
		{Site: &state.Site{ID: testSite, Customer: "c", Name: "Shop", Origins: []string{testOrigin}, Departments: []string{"help"}, CoBrowse: true, Record: 30}},
	}
	for _, id := range []string{"ann", "bob"} {
		rows = append(rows, state.Put{Agent: &state.Agent{ID: id, Customer: "c", Name: id, Alias: strings.ToUpper(id), Role: relay.RoleAgent,
			Sites: []string{testSite}, Departments: []string{"help"}, Capacity: 4, Generation: 1}})
	}
	for _, put := range rows {
		put.At = 1
		if _, err := w.cell.Propose(ctx, put); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.cell, err = raft.Open(raft.Config{Dir: w.dir + "/cell", NodeID: "n1", Logger: testLog}); err != nil {
		w.t.Fatal(err)
	}
	<-w.cell.Ready()
	w.startEdge("n1", nil)
}

var testLog = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))

// startEdge starts an edge on the world's cell.
func (w *world) startEdge(node string, mesh Mesh) {
	w.t.Helper()
	key, err := auth.OpenKey(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.tickets = &auth.Tickets{}
	if w.edge, err = Open(context.Background(), Config{
		Node: node, Cell: w.cell, Store: muted{w.cell.Read(), w}, Gate: &auth.Gate{Key: key, Tickets: w.tickets, Node: node, Now: time.Now}, Log: cmp.Or(w.log, testLog), Pages: page.New(0, nil), Mesh: mesh, Desks: w.cell.Read(),
		Nodes: func() []string { return w.others },
		Others: func() []string {
			if mesh == nil {
				return nil
			}
			return []string{"https://other.example"}
		},
		Health: func() error {
			if w.sick.Load() {
				return errors.New("the cell has no leader")
			}
			return nil
		},
		Ping: link.DefaultPing, OpensPerMinute: 1_000_000, AsksPerSecond: 10_000, Reach: func() (string, []string) { return "", nil },
	}); err != nil {
		w.t.Fatal(err)
	}
	w.links = link.NewServer(link.Config{
		Accept: w.edge.Accept, Carried: w.edge.Carried, Limits: link.Limits{Control: link.Rate{Frames: 1e6, Bytes: 1e9, Burst: 4}},
	})
	w.t.Cleanup(w.stop)
}

func (w *world) stop() {
	if w.edge == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := w.links.Close(ctx); err != nil {
		w.t.Error(err)
	}
	w.edge.Close()
	w.edge = nil
	if w.guest {
		return
	}
	if err := w.cell.Close(); err != nil {
		w.t.Error(err)
	}
}

// person is a client with what it heard.
type person struct {
	*link.Client
	t *testing.T
}

func (w *world) dial(hello wire.HelloPayload) (*person, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	hello.Version = wire.Version
	d := &link.Dialer{Origin: testOrigin}
	c, err := d.Memory(ctx, w.links, link.Path{}, hello)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(c.Close)
	return &person{c, w.t}, nil
}

func (w *world) visitor(token string, resume ...wire.Resume) *person {
	w.t.Helper()
	p, err := w.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Token: token, Tab: "t1", Resume: resume})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) agent(id string) *person {
	w.t.Helper()
	row, _ := w.cell.Read().Agent(id)
	ticket, err := w.tickets.Issue(auth.ConsoleSession{Agent: id, Generation: row.Generation}, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.dial(wire.HelloPayload{Role: relay.RoleAgent, Ticket: ticket})
	if err != nil {
		w.t.Fatal(err)
	}
	p.send(wire.State, wire.StatePayload{State: relay.Service, Departments: []string{"help"}})
	return p
}

func (p *person) send(k wire.Kind, payload any) uint64 {
	p.t.Helper()
	seq, err := p.Send(k, payload)
	if err != nil {
		p.t.Fatalf("send %s: %v", k, err)
	}
	return seq
}

// await returns the first frame of a kind that ok accepts.
func await[P any](p *person, k wire.Kind, ok func(P) bool) P {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	for {
		f, err := p.Recv(ctx)
		if err != nil {
			p.t.Fatalf("waiting for %s: %v", k, err)
		}
		var v P
		if f.Kind == k && wire.Decode(f, &v) == nil && ok(v) {
			return v
		}
	}
}

func whatever[P any](P) bool { return true }

// talk opens a session between a new visitor and an agent who waits for offers.
func (w *world) talk(agent *person) (visitor *person, id relay.ID) {
	w.t.Helper()
	visitor, id = w.visitor(""), relay.NewID()
	visitor.send(wire.Open, wire.OpenPayload{Session: id, Name: "Liis"})
	o := await(agent, wire.Offer, func(o wire.OfferPayload) bool { return o.Session.ID == id })
	agent.send(wire.Answer, wire.AnswerPayload{Session: id, Assignment: o.Assignment, Accept: true})
	active := func(s relay.Session) bool { return s.ID == id && s.State == relay.Active }
	await(visitor, wire.Session, active)
	await(agent, wire.Session, active)
	return visitor, id
}

func text(s string) func(relay.Message) bool {
	return func(m relay.Message) bool { return m.Text == s }
}

func TestAMessageIsHeardStoredAndReadByTheOtherSide(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	visitor.send(wire.Say, wire.SayPayload{Session: id, ID: "m1", Text: "hello"})
	m := await(ann, wire.Message, text("hello"))
	if m.Author.Role != relay.RoleVisitor || m.Author.Name != "Liis" {
		t.Fatalf("author %+v", m.Author)
	}
	await(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= m.Seq && s.Index > 0 })
	ann.send(wire.Mark, wire.MarkPayload{Session: id, Delivered: m.Seq, Read: m.Seq})
	await(visitor, wire.Mark, func(k wire.MarkPayload) bool { return k.By == relay.RoleAgent && k.Read >= m.Seq })
	ann.send(wire.Say, wire.SayPayload{Session: id, ID: "a1", Text: "welcome"})
	back := await(visitor, wire.Message, text("welcome"))
	if back.Author.ID != "" || back.Author.Name != "ANN" {
		t.Fatalf("a visitor sees the alias only, not %+v", back.Author)
	}
}

func TestAPageOfTheNextVersionIsServedInThisOne(t *testing.T) {
	w := newWorld(t)
	d := &link.Dialer{Origin: testOrigin}
	for v, ok := range map[int]bool{wire.Version: true, wire.Version + 1: true, wire.Version + 2: false, wire.Version - 2: false} {
		c, err := d.Memory(t.Context(), w.links, link.Path{}, wire.HelloPayload{Version: v, Role: relay.RoleVisitor, Site: "shop"})
		if ok != (err == nil) {
			t.Errorf("version %d: %v", v, err)
		}
		if err == nil {
			if said := c.Welcome().Version; said != wire.Version {
				t.Errorf("version %d: %d is spoken", v, said)
			}
			c.Close()
		}
	}
}

func TestSayingAgainIsHarmlessAndAnotherTextIsRefused(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	say := func(text string) { visitor.send(wire.Say, wire.SayPayload{Session: id, ID: "m1", Text: text}) }
	say("hello")
	first := await(visitor, wire.Sent, func(s wire.SentPayload) bool { return s.ID == "m1" })
	say("hello")
	again := await(visitor, wire.Message, text("hello"))
	if first.Seq != again.Seq || first.Epoch != again.Epoch {
		t.Fatalf("places %d/%d and %d/%d", first.Epoch, first.Seq, again.Epoch, again.Seq)
	}
	say("goodbye")
	e := await(visitor, wire.Error, whatever[wire.ErrorPayload])
	if e.Code != relay.CodeConflict || e.ID != "m1" {
		t.Fatalf("error %+v", e)
	}
}

func TestARestartedNodeGoesOnWithTheSession(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	for i := range 20 {
		visitor.send(wire.Say, wire.SayPayload{Session: id, ID: fmt.Sprint("m", i), Text: fmt.Sprint("line ", i)})
	}
	last := await(visitor, wire.Sent, func(s wire.SentPayload) bool { return s.ID == "m19" })
	await(visitor, wire.Stored, func(s wire.StoredPayload) bool { return s.Seq >= last.Seq })
	token := visitor.Welcome().Token
	w.stop()
	w.start()

	again := w.visitor(token, wire.Resume{Session: id, Epoch: last.Epoch, Seq: last.Seq - 5})
	s := await(again, wire.Session, whatever[relay.Session])
	if s.ID != id || s.Epoch <= last.Epoch {
		t.Fatalf("session %s epoch %d after epoch %d", s.ID, s.Epoch, last.Epoch)
	}
	for i := range 5 {
		m := await(again, wire.Message, whatever[relay.Message])
		if want := fmt.Sprint("line ", 15+i); m.Text != want || m.Seq != last.Seq-4+uint64(i) {
			t.Fatalf("resumed %q at %d, want %q", m.Text, m.Seq, want)
		}
	}
	again.send(wire.Say, wire.SayPayload{Session: id, ID: "m19", Text: "line 19"}) // was never acknowledged to its author
	if m := await(again, wire.Message, text("line 19")); m.Seq != last.Seq {
		t.Fatalf("said again at %d, stored at %d", m.Seq, last.Seq)
	}
	ann = w.agent("ann")
	await(ann, wire.Message, text("line 19"))
	ann.send(wire.Say, wire.SayPayload{Session: id, ID: "a1", Text: "still here"})
	await(again, wire.Message, text("still here"))
}

func TestBadInputEndsInACodedErrorToThatClientOnly(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.agent("ann"), w.agent("bob")
	visitor, id := w.talk(ann)
	other, otherID := w.talk(bob)
	stranger := w.visitor("")

	asks := map[string]struct {
		who     *person
		kind    wire.Kind
		payload any
		want    relay.Code
	}{
		"a session of somebody else's": {stranger, wire.Say, wire.SayPayload{Session: id, ID: "x", Text: "hi"}, relay.CodeNotFound},
		"another agent's session":      {bob, wire.Say, wire.SayPayload{Session: id, ID: "x", Text: "hi"}, relay.CodeNotFound},
		"watching another's page":      {bob, wire.Watch, wire.WatchPayload{Session: id, On: true}, relay.CodeNotFound},
		"ending another's session":     {bob, wire.End, wire.SessionRef{Session: id}, relay.CodeNotFound},
		"a stale assignment":           {bob, wire.Answer, wire.AnswerPayload{Session: id, Assignment: 99, Accept: true}, ""},
		"a nameless visitor":           {stranger, wire.Open, wire.OpenPayload{Session: relay.NewID(), Name: "  "}, relay.CodeInvalid},
		"a name too long":              {stranger, wire.Open, wire.OpenPayload{Session: relay.NewID(), Name: strings.Repeat("x", 81)}, relay.CodeInvalid},
		"an unknown department":        {stranger, wire.Open, wire.OpenPayload{Session: relay.NewID(), Name: "x", Department: "gold"}, relay.CodeNotFound},
		"somebody else's session id":   {stranger, wire.Open, wire.OpenPayload{Session: id, Name: "x"}, relay.CodeForbidden},
		"an empty message":             {visitor, wire.Say, wire.SayPayload{Session: id, ID: "e", Text: ""}, relay.CodeInvalid},
		"a message too long":           {visitor, wire.Say, wire.SayPayload{Session: id, ID: "e", Text: strings.Repeat("x", 4001)}, relay.CodeInvalid},
		"a message id with spaces":     {visitor, wire.Say, wire.SayPayload{Session: id, ID: "a b", Text: "x"}, relay.CodeInvalid},
		"an unknown state":             {bob, wire.State, wire.StatePayload{State: "asleep"}, relay.CodeInvalid},
		"a foreign site's visitor":     {bob, wire.Block, wire.BlockPayload{Site: "bank", Visitor: relay.NewID(), On: true}, relay.CodeForbidden},
		"a card without a contact":     {stranger, wire.Card, wire.CardPayload{ID: "c", Name: "x", Text: "y"}, relay.CodeInvalid},
	}
	for name, c := range asks {
		c.who.send(c.kind, c.payload)
		if e := await(c.who, wire.Error, whatever[wire.ErrorPayload]); c.want != "" && e.Code != c.want || e.Text == "" {
			t.Errorf("%s: want %s, have %s (%s)", name, c.want, e.Code, e.Text)
		}
	}

	fatal := map[string]struct {
		kind    wire.Kind
		payload any
		want    relay.Code
	}{
		"an agent's frame from a visitor": {wire.State, wire.StatePayload{State: relay.Service}, relay.CodeProtocol},
		"an edge's frame from a client":   {wire.Stored, wire.StoredPayload{Session: id, Seq: 99}, relay.CodeProtocol},
		"a payload that is no JSON":       {wire.Say, []byte("{"), relay.CodeMalformed},
		"a payload that is no UTF-8":      {wire.Say, []byte("{\"text\":\"\xff\"}"), relay.CodeMalformed},
		"a page frame without a session":  {wire.PageDiff, []byte("short"), relay.CodeMalformed},
	}
	for name, c := range fatal {
		p := w.visitor("")
		if c.kind.Lane() == relay.Page {
			if err := p.OpenPage(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		p.send(c.kind, c.payload)
		<-p.Done()
		if code := relay.CodeOf(p.Err()); code != c.want {
			t.Errorf("%s: want %s, have %v", name, c.want, p.Err())
		}
	}

	hellos := map[string]struct {
		hello wire.HelloPayload
		want  relay.Code
	}{
		"no such site":    {wire.HelloPayload{Role: relay.RoleVisitor, Site: "bank"}, relay.CodeNotFound},
		"a forged token":  {wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Token: "eyJ9.AAAA"}, relay.CodeAuth},
		"a forged ticket": {wire.HelloPayload{Role: relay.RoleAgent, Ticket: "open sesame"}, relay.CodeAuth},
		"no role":         {wire.HelloPayload{}, relay.CodeProtocol},
	}
	for name, c := range hellos {
		if _, err := w.dial(c.hello); relay.CodeOf(err) != c.want {
			t.Errorf("hello with %s: want %s, have %v", name, c.want, err)
		}
	}

	// Nobody else noticed.
	visitor.send(wire.Say, wire.SayPayload{Session: id, ID: "ok", Text: "still talking"})
	await(ann, wire.Message, text("still talking"))
	other.send(wire.Say, wire.SayPayload{Session: otherID, ID: "ok", Text: "us too"})
	await(bob, wire.Message, text("us too"))
}

func TestWhereAllIsMaskedAPageIsKnownByItsPath(t *testing.T) {
	f := &relay.Facts{Referrer: "https://a.example/b?c", Pages: []relay.PageView{{URL: "https://shop.example/d?e#f", Title: "Mari"}}}
	if out := cleanFacts(f, false); out.Referrer != f.Referrer || out.Pages[0] != f.Pages[0] {
		t.Errorf("without the setting: %+v", out)
	}
	if out := cleanFacts(f, true); out.Referrer != "https://a.example/b" || out.Pages[0] != (relay.PageView{URL: "https://shop.example/d"}) {
		t.Errorf("with it: %+v", out)
	}
	if url, title := cleanView("https://shop.example/#f", "Mari", true); url != "https://shop.example/" || title != "" {
		t.Errorf("a tab: %s, %s", url, title)
	}
}

func TestAnAgentWhoMissedOffersIsToldUntilWhenTheyRest(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	var last int64
	for range rules.MissesToRest {
		w.visitor("").send(wire.Open, wire.OpenPayload{Session: relay.NewID(), Name: "Liis"})
		last = await(ann, wire.Offer, whatever[wire.OfferPayload]).ExpiresAt
		if _, err := w.cell.Propose(context.Background(), state.Tick{At: last}); err != nil {
			t.Fatal(err)
		}
	}
	resting := await(ann, wire.Desk, func(d wire.DeskPayload) bool { return d.RestingUntil != 0 })
	if resting.RestingUntil != last+rules.RestTime || resting.Missed != rules.MissesToRest {
		t.Fatalf("after %d missed until %d: %+v", rules.MissesToRest, last, resting)
	}
	ann.send(wire.State, wire.StatePayload{State: relay.Service})
	await(ann, wire.Desk, func(d wire.DeskPayload) bool { return d.RestingUntil == 0 && d.Missed == 0 })
}

func TestAnAgentIsToldThatASessionIsNoLongerTheirs(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	_, id := w.talk(ann)
	lost := time.Now().UnixMilli()
	for _, command := range []state.Command{
		state.SetAgentOnline{Agent: "ann", Node: "n1", At: lost}, state.Tick{At: lost + rules.VanishTime},
	} {
		if _, err := w.cell.Propose(context.Background(), command); err != nil {
			t.Fatal(err)
		}
	}
	await(ann, wire.Session, func(s relay.Session) bool { return s.ID == id && s.State == relay.Waiting && s.Agent == "" })
}

func TestAnAgentSeesThatTheVisitorDeclinedToShowThePage(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id})
	await(ann, wire.Session, func(s relay.Session) bool { return s.Declined && !s.Consent })
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true})
	await(ann, wire.Session, func(s relay.Session) bool { return s.Consent && !s.Declined })
}

func TestAnAgentWhoIsSignedOutEverywhereIsCutOff(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	if _, err := w.cell.Propose(context.Background(), state.SetPassword{Agent: "ann", Password: auth.HashPassword("another one"), At: time.Now().UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ann.Done():
	case <-time.After(time.Second): // DESIGN 14: within a second
		t.Fatal("still connected after a second")
	}
	if code := relay.CodeOf(ann.Err()); code != relay.CodeRevoked {
		t.Fatalf("closed with %v", ann.Err())
	}
}

func TestABlockedVisitorIsCutOffAndCannotComeBack(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, _ := w.talk(ann)
	ann.send(wire.Block, wire.BlockPayload{Site: testSite, Visitor: visitor.Welcome().Visitor, On: true})
	<-visitor.Done()
	if _, err := w.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Token: visitor.Welcome().Token}); relay.CodeOf(err) != relay.CodeRevoked {
		t.Fatalf("came back: %v", err)
	}
	// The page's quiet connection is not refused: a button that finds its token useless would come as somebody else.
	quiet, err := w.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite, Token: visitor.Welcome().Token, Quiet: true})
	if err != nil || quiet.Welcome().Button != nil || quiet.Welcome().Visitor != visitor.Welcome().Visitor {
		t.Fatalf("quiet: %v, %+v", err, quiet.Welcome())
	}
}

func TestADrainingEdgeTakesNobodyIn(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	w.edge.Drain(0)
	await(ann, wire.GoAway, whatever[wire.ErrorPayload])
	if _, err := w.dial(wire.HelloPayload{Role: relay.RoleVisitor, Site: testSite}); relay.CodeOf(err) != relay.CodeDraining || !w.edge.Draining() {
		t.Fatalf("taken in: %v", err)
	}
}

func TestAThousandSessionsLeaveNothingBehind(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann) // warms up what starts once
	visitor.send(wire.End, wire.SessionRef{Session: id})
	await(ann, wire.Session, func(s relay.Session) bool { return s.State == relay.Ended })
	visitor.Close()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for range 1000 {
		visitor, id := w.talk(ann)
		visitor.send(wire.Say, wire.SayPayload{Session: id, ID: "m", Text: "hello"})
		await(ann, wire.Message, func(m relay.Message) bool { return m.Session == id && m.Text == "hello" })
		visitor.send(wire.End, wire.SessionRef{Session: id})
		await(ann, wire.Session, func(s relay.Session) bool { return s.ID == id && s.State == relay.Ended })
		visitor.Close()
	}
	settled := func() bool {
		return w.edge.Census().Visitors == 0 && runtime.NumGoroutine() <= goroutines+5 && descriptors(t) <= files+2
	}
	for end := time.Now().Add(wait); !settled(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("goroutines %d → %d, descriptors %d → %d, %d visitors listed",
				goroutines, runtime.NumGoroutine(), files, descriptors(t), w.edge.Census().Visitors)
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc") // Linux only; the promise is the same elsewhere
	}
	return len(list)
}
