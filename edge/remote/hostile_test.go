package remote

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"kohe/edge/auth"
	"kohe/raft/state"
	"kohe/relay"
)

// hostile is an edge that says whatever it likes.
type hostile struct {
	*world
	s    Stream
	next uint64
	news []byte // all that it was told, as JSON
}

func (w *world) hostile(node string) *hostile {
	h := &hostile{world: w, s: w.serve(node)}
	h.ask(request{Hold: &hold{}})
	return h
}

// ask sends a request and returns its answer.
func (h *hostile) ask(q request) (reply, error) {
	h.t.Helper()
	h.next++
	q.ID = h.next
	body, err := encoder.Marshal(q)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.s.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		return reply{}, err
	}
	for {
		var p reply
		if err := readFrame(h.s, maxReply, &p); err != nil {
			return reply{}, err
		}
		if p.News != nil {
			text, err := json.Marshal(p.News)
			if err != nil {
				h.t.Fatal(err)
			}
			h.news = append(h.news, text...)
		}
		if p.ID != q.ID {
			continue
		}
		result, err := state.DecodeResult(p.Result)
		if err == nil {
			err = result.Err
		}
		return p, err
	}
}

func (h *hostile) propose(cmd state.Command) error {
	_, err := h.ask(request{Propose: state.Encode(cmd)})
	return err
}

func (h *hostile) show(s show) (*admitted, error) {
	p, err := h.ask(request{Show: &s})
	return p.Admitted, err
}

func TestAHostileEdgeGetsNothing(t *testing.T) {
	w := newWorld(t)
	foreign, stranger := w.open("core") // a session of people elsewhere
	w.give(foreign, "ann")
	w.must(state.Append{Session: foreign, Epoch: 1, Messages: []relay.Message{message(foreign, 1, visitorAuthor(stranger), "private")}, At: now()})
	h := w.hostile("bad")
	own, err := h.show(show{Role: relay.RoleVisitor, Site: "shop"}) // somebody did connect here
	if err != nil {
		t.Fatal(err)
	}
	showing := h.next
	mine := relay.NewID()
	if err := h.propose(state.OpenSession{Session: mine, Site: "shop", Department: "help", Visitor: own.Grant.Visitor, Name: "Mati", Node: "bad", At: now()}); err != nil {
		t.Fatal(err)
	}
	before := w.cell.Applied()
	ann := relay.Author{Role: relay.RoleAgent, ID: "ann", Name: "ann"}
	appends := func(session relay.ID, m relay.Message) state.Append {
		return state.Append{Session: session, Epoch: m.Epoch, Messages: []relay.Message{m}, At: now()}
	}
	event := message(foreign, 2, relay.Author{Role: relay.RoleSystem}, "ended-0")
	event.Kind = relay.KindEnded
	for what, cmd := range map[string]state.Command{
		"claim a foreign session":                  state.Claim{Session: foreign, Node: "bad", Nonce: relay.NewID(), At: now()},
		"claim its own for another node":           state.Claim{Session: mine, Node: "core", Nonce: relay.NewID(), At: now()},
		"claim one that is not there":              state.Claim{Session: relay.NewID(), Node: "bad", Nonce: relay.NewID(), At: now()},
		"write in a foreign session":               appends(foreign, message(foreign, 2, visitorAuthor(stranger), "forged")),
		"write an event there":                     appends(foreign, event),
		"write as an agent elsewhere":              appends(mine, message(mine, 1, ann, "forged")),
		"write as a visitor elsewhere":             appends(mine, message(mine, 1, visitorAuthor(stranger), "forged")),
		"open a session for somebody else":         state.OpenSession{Session: relay.NewID(), Site: "shop", Department: "help", Visitor: stranger, Name: "X", Node: "bad", At: now()},
		"open one at another node":                 state.OpenSession{Session: relay.NewID(), Site: "shop", Department: "help", Visitor: own.Grant.Visitor, Name: "X", Node: "core", At: now()},
		"open one on another site":                 state.OpenSession{Session: relay.NewID(), Site: "bank", Department: "help", Visitor: own.Grant.Visitor, Name: "X", Node: "bad", At: now()},
		"answer an agent's offer":                  state.Answer{Session: mine, Agent: "ann", Assignment: 1, Accept: true, At: now()},
		"set an agent's state":                     state.SetAgentState{Agent: "bob", State: relay.Service, Departments: []string{"help"}, At: now()},
		"say that an agent is here":                state.SetAgentOnline{Agent: "bob", Node: "bad", On: true, At: now()},
		"say that an agent has left another node":  state.SetAgentOnline{Agent: "ann", Node: "core", On: false, At: now()},
		"say that a visitor has left another node": state.SetOnline{Session: foreign, Node: "core", On: false, At: now()},
		"say that a foreign visitor is here":       state.SetOnline{Session: foreign, Node: "bad", On: true, At: now()},
		"end a foreign session":                    state.EndSession{Session: foreign, By: "visitor", At: now()},
		"end its own as the agent":                 state.EndSession{Session: mine, By: "agent", At: now()},
		"end its own as a timeout":                 state.EndSession{Session: mine, By: "timeout", At: now()},
		"consent for a foreign visitor":            state.SetConsent{Session: foreign, On: true, At: now()},
		"a level of a foreign visitor":             state.SetLevel{Session: foreign, Level: relay.LevelFill, On: true, At: now()},
		"tell a foreign page":                      state.SetPage{Session: foreign, View: relay.PageView{URL: "https://evil.example", At: now()}},
		"raise foreign marks":                      state.SetMarks{Session: foreign, By: relay.RoleVisitor, Marks: relay.Marks{Delivered: 1}, At: now()},
		"block a visitor":                          state.Block{Site: "shop", Visitor: stranger, On: true, By: "ann", At: now()},
		"make an agent":                            state.Put{Agent: &state.Agent{ID: "eve", Customer: "c", Role: relay.RoleSupervisor}, At: now()},
		"change a site":                            state.Put{Site: &state.Site{ID: "shop", Customer: "c", Name: "Evil"}, At: now()},
		"hide a site behind a card": state.Put{
			Card: &state.Card{ID: own.Grant.Visitor.String() + "-1", Site: "shop", Visitor: own.Grant.Visitor}, Site: &state.Site{ID: "shop"}, At: now(),
		},
		"overwrite a stranger's card": state.Put{Card: &state.Card{ID: stranger.String() + "-1", Site: "shop", Visitor: own.Grant.Visitor}, At: now()},
		"set a password":              state.SetPassword{Agent: "ann", Password: "x", At: now()},
		"start another node's edge":   state.StartEdge{Node: "core", At: now()},
		"lose another node's edge":    state.LoseEdge{Node: "core", At: now()},
		"add a core node":             state.PutNode{Node: state.Node{ID: "evil", Addr: "h:1", Role: state.CoreNode}, At: now()},
		"make itself a core node":     state.PutNode{Node: state.Node{ID: "bad", Addr: "h:1", Role: state.CoreNode}, At: now()},
		"remove a node":               state.RemoveNode{Node: "core", At: now()},
		"make a join token":           state.PutToken{Hash: bytes.Repeat([]byte{1}, 32), Role: state.CoreNode, ExpiresAt: now() + 1e6, At: now()},
		"redeem one":                  state.RedeemToken{Hash: bytes.Repeat([]byte{1}, 32), Role: state.CoreNode, Node: "evil", At: now()},
		"let time pass":               state.Tick{At: now()},
	} {
		if err := h.propose(cmd); relay.CodeOf(err) != relay.CodeForbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	late := now() + 2*maxSkew.Milliseconds()
	for what, cmd := range map[string]state.Command{
		"let time pass": state.Tick{At: late}, "in a message": state.Append{Session: mine, Epoch: 1, At: late},
		"in a page": state.SetPage{Session: mine, View: relay.PageView{URL: "x", At: late}},
	} {
		if err := h.propose(cmd); relay.CodeOf(err) != relay.CodeInvalid {
			t.Errorf("%s, tomorrow: %v", what, err)
		}
	}
	if w.cell.Applied() != before {
		t.Errorf("the state moved from %d to %d", before, w.cell.Applied())
	}

	grants := auth.Gate{Key: w.key, Tickets: w.tickets, Node: "core", Now: time.Now}
	forged, _ := auth.OpenKey(t.TempDir())
	annAtCore := auth.Grant{Node: "core", Role: relay.RoleAgent, Agent: "ann", Generation: 1, Issued: now()}
	spent := w.ticket("bob")
	if _, err := w.tickets.Redeem(spent, time.Now()); err != nil {
		t.Fatal(err)
	}
	carriedToCore := grants.Carry(auth.Grant{Node: "other", Role: relay.RoleAgent, Agent: "ann", Generation: 1}, foreign, "core")
	carriedToBad := grants.Carry(annAtCore, foreign, "bad")
	for what, s := range map[string]show{
		"a visitor's token of its own key":     {Role: relay.RoleVisitor, Site: "shop", Token: forged.SignVisitor("shop", stranger, time.Now())},
		"a visitor's token of another site":    {Role: relay.RoleVisitor, Site: "shop", Token: w.key.SignVisitor("bank", stranger, time.Now())},
		"an agent without anything":            {Role: relay.RoleAgent},
		"a pass of its own key":                {Role: relay.RoleAgent, Token: forged.SignPass(auth.ConsoleSession{Agent: "ann", Generation: 1, Issued: now()})},
		"a visitor's token as a pass":          {Role: relay.RoleAgent, Token: own.Token},
		"a ticket again":                       {Role: relay.RoleAgent, Ticket: spent},
		"a pass of a former sign-in":           {Role: relay.RoleAgent, Token: w.key.SignPass(auth.ConsoleSession{Agent: "ann", Generation: 0, Issued: now()})},
		"a core node's own grant":              {From: "core", Token: w.key.SignGrant(annAtCore)},
		"a carried link to another node":       {From: "other", Token: carriedToCore},
		"a carried link from another node":     {From: "other", Token: carriedToBad},
		"a role that there is not":             {Role: "core", Token: own.Token},
		"its own grant to be somebody's guest": {From: "bad", Token: own.Held},
	} {
		if _, err := h.show(s); err == nil {
			t.Errorf("%s was admitted", what)
		}
	}
	for what, g := range map[string]string{
		"another node's grant": w.key.SignGrant(annAtCore), "a carried link's": carriedToBad, "one of its own key": forged.SignGrant(auth.Grant{Node: "bad", Role: relay.RoleAgent, Agent: "ann", Generation: 1, Issued: now()}),
		"a former sign-in's": w.key.SignGrant(auth.Grant{Node: "bad", Role: relay.RoleAgent, Agent: "ann", Issued: now()}),
	} {
		if p, err := h.ask(request{Hold: &hold{Held: []held{{99, g}}}}); err != nil || len(p.Refused) != 1 {
			t.Errorf("%s was held: %v", what, err)
		}
	}
	for what, q := range map[string]request{
		"read a foreign transcript":               {Messages: &messages{Session: foreign, Limit: 10}},
		"be somebody else's guest":                {Carry: &carry{Showing: 12345, Session: foreign, To: "core"}},
		"a session that is over the top":          {Messages: &messages{Session: relay.NewID(), Limit: 1 << 30}},
		"a command that cannot be read":           {Propose: []byte{200, 1, 2}},
		"a command without an end":                {Propose: append([]byte{5}, 0x9b, 0xff)},
		"what a visitor recalls of somebody else": {Show: &show{Role: relay.RoleAgent, Recalls: []relay.ID{foreign}}},
	} {
		if _, err := h.ask(q); err == nil {
			t.Errorf("%s was answered", what)
		}
	}
	if _, err := h.show(show{Role: relay.RoleVisitor, Site: "shop", Token: own.Token, Recalls: []relay.ID{foreign}}); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{"private", "Liis", foreign.String(), "secret hash"} {
		if bytes.Contains(h.news, []byte(secret)) {
			t.Errorf("it was told %q", secret)
		}
	}
	if !bytes.Contains(h.news, []byte("Mati")) {
		t.Error("it was not told of its own visitor either")
	}
	if w.cell.Applied() != before {
		t.Errorf("the state moved from %d to %d", before, w.cell.Applied())
	}
	// The grant that it may have leads into one session, as the visitor.
	p, err := h.ask(request{Carry: &carry{Showing: showing, Session: foreign, To: "core"}})
	if err != nil {
		t.Fatal(err)
	}
	in, err := grants.Guest(t.Context(), "bad", p.Carry)
	if err != nil || in.Visitor != own.Grant.Visitor || in.Agent != "" {
		t.Errorf("the carried link is %+v's, %v", in, err)
	}
	if _, err := grants.Guest(t.Context(), "core", p.Carry); err == nil {
		t.Error("another node used it")
	}
}

func TestAnEdgeHasOneStreamAtACoreNode(t *testing.T) {
	w := newWorld(t)
	first := w.hostile("bad")
	second := w.hostile("bad")
	if _, err := first.show(show{Role: relay.RoleVisitor, Site: "shop"}); err == nil {
		t.Error("the first stream is served beside the second")
	}
	if _, err := second.show(show{Role: relay.RoleVisitor, Site: "shop"}); err != nil {
		t.Error(err)
	}
	other := w.hostile("other")
	if _, err := other.show(show{Role: relay.RoleVisitor, Site: "shop"}); err != nil {
		t.Error(err)
	}
	if _, err := second.show(show{Role: relay.RoleVisitor, Site: "shop"}); err != nil {
		t.Errorf("another edge's stream ended it: %v", err)
	}
}

func TestBadFramesEndTheStreamOnly(t *testing.T) {
	w := newWorld(t)
	for what, b := range map[string][]byte{
		"too long":     {0xff, 0xff, 0xff, 0xff},
		"no CBOR":      {0, 0, 0, 2, 0xff, 0xff},
		"not a hold":   frame(t, request{ID: 1, Leave: 3}),
		"nothing said": append(frame(t, request{ID: 1, Hold: &hold{}}), frame(t, request{ID: 2})...),
	} {
		s := w.serve("bad").(pipe)
		go func() { _, _ = s.Write(b) }()
		_ = s.SetReadDeadline(time.Now().Add(soon))
		for {
			var p reply
			if err := readFrame(s, maxReply, &p); err != nil {
				if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
					t.Errorf("%s: the stream goes on", what)
				}
				break
			}
		}
	}
	if w.edge("e1").Err() != nil {
		t.Error("an honest edge is not served")
	}
}

func frame(t *testing.T, q request) []byte {
	t.Helper()
	body, err := encoder.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func FuzzRequest(f *testing.F) {
	for _, q := range []request{
		{ID: 1, Hold: &hold{Held: []held{{1, "x"}}}}, {ID: 2, Show: &show{Role: relay.RoleVisitor, Site: "shop"}},
		{ID: 3, Carry: &carry{Showing: 1, To: "core"}}, {ID: 4, Propose: []byte{1}}, {ID: 5, Messages: &messages{Limit: 1}}, {Leave: 1},
	} {
		body, err := encoder.Marshal(q)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q request
		b := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
		if readFrame(bytes.NewReader(b), maxRequest, &q) != nil {
			return
		}
		if again, err := encoder.Marshal(q); err != nil {
			t.Fatalf("%+v: %v (%d bytes)", q, err, len(again))
		}
	})
}
