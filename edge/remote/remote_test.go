package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

func TestAnEdgeServesAVisitorThroughACoreNode(t *testing.T) {
	w := newWorld(t)
	r := w.edge("e1")
	var mu sync.Mutex
	var stored []relay.Message
	r.Watch(func(changes []state.Change) {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range changes {
			if c.Stored != nil {
				stored = append(stored, c.Stored.Messages...)
			}
		}
	})
	if q := r.Queue("help"); q.Name != "Help" {
		t.Errorf("the queue is %+v", q)
	}
	in, err := r.Gate().Visitor(t.Context(), "shop", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.Gate().Visitor(t.Context(), "shop", in.Token, nil)
	if err != nil || again.Visitor != in.Visitor {
		t.Errorf("the token is %s's, not %s's: %v", again.Visitor, in.Visitor, err)
	}
	session := relay.NewID()
	v, err := r.Propose(t.Context(), state.OpenSession{Session: session, Site: "shop", Department: "help", Visitor: in.Visitor, Name: "Liis", Node: "e1", At: now()})
	if _, ok := v.(state.Claimed); !ok || err != nil {
		t.Fatalf("opened: %v, %v", v, err)
	}
	row, ok := r.Session(session) // what was answered, the store shows
	if origin, epoch, live := r.Origin(session); !ok || row.Name != "Liis" || row.Facts == nil || origin != "e1" || epoch != 1 || !live || r.Place(session) != 1 {
		t.Errorf("the row is %+v, origin %s %d, place %d", row, origin, epoch, r.Place(session))
	}
	if of, ok := r.LiveOf(in.Visitor); !ok || of.ID != session {
		t.Errorf("the visitor's session is %v", of.ID)
	}
	for seq := uint64(1); seq <= 3; seq++ {
		m := message(session, seq, visitorAuthor(in.Visitor), fmt.Sprint("m", seq))
		if _, err := r.Propose(t.Context(), state.Append{Session: session, Epoch: 1, Messages: []relay.Message{m}, At: now()}); err != nil {
			t.Fatal(err)
		}
	}
	w.await("three are told", func() bool { mu.Lock(); defer mu.Unlock(); return len(stored) == 3 })
	list, err := r.Messages(session, 1, 10)
	if err != nil || len(list) != 2 || list[1].ID != "m3" {
		t.Errorf("read %v, %v", list, err)
	}
	_, err = r.Propose(t.Context(), state.Append{Session: session, Epoch: 1, Messages: []relay.Message{message(session, 9, visitorAuthor(in.Visitor), "m9")}, At: now()})
	if gap, ok := errors.AsType[*state.Gap](err); !ok || gap.Have != 3 {
		t.Errorf("a gap: %v", err)
	}
}

func TestAnEdgeIsToldWhatConcernsItsAgent(t *testing.T) {
	w := newWorld(t)
	r := w.edge("e1")
	in, err := r.Gate().Agent(t.Context(), w.ticket("ann"), "")
	if err != nil {
		t.Fatal(err)
	}
	if row, ok := r.Agent("ann"); !ok || row.Password != "" {
		t.Errorf("the agent's row is %+v", row)
	}
	first, _ := w.open("core")
	w.give(first, "ann")
	w.await("the session is ann's", func() bool { s, ok := r.Session(first); return ok && s.Agent == "ann" && s.Facts != nil })
	second, _ := w.open("core")
	w.await("it is offered", func() bool { o := r.Offers("ann"); return len(o) == 1 && o[0].Session == second })
	if _, ok := r.Session(second); !ok {
		t.Error("the offered session is not known")
	}
	pass, err := r.Gate().Agent(t.Context(), "", in.Token)
	if err != nil || pass.Agent != "ann" {
		t.Errorf("the pass: %+v, %v", pass, err)
	}
	var revoked sync.WaitGroup
	revoked.Add(1)
	var once sync.Once
	r.Watch(func(changes []state.Change) {
		for _, c := range changes {
			if c.Revoked == "ann" {
				once.Do(revoked.Done)
			}
		}
	})
	w.must(state.SetPassword{Agent: "ann", Password: "new", At: now()})
	revoked.Wait()
	_, err = r.Propose(t.Context(), state.SetAgentState{Agent: "ann", State: relay.Break, At: now()})
	if relay.CodeOf(err) != relay.CodeForbidden {
		t.Errorf("after the sign-in was revoked: %v", err)
	}
}

func TestNothingIsLostWhenCoreNodesGo(t *testing.T) {
	w := newWorld(t)
	r := w.edge("e1")
	in, err := r.Gate().Visitor(t.Context(), "shop", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	session := relay.NewID()
	if _, err := r.Propose(t.Context(), state.OpenSession{Session: session, Site: "shop", Department: "help", Visitor: in.Visitor, Name: "Liis", Node: "e1", At: now()}); err != nil {
		t.Fatal(err)
	}
	reloads := make(chan struct{}, 1000)
	r.Watch(func(changes []state.Change) {
		for _, c := range changes {
			if c.Reloaded {
				reloads <- struct{}{}
			}
		}
	})
	const messages = 300
	for seq := uint64(1); seq <= messages; seq++ {
		if seq%10 == 0 {
			go w.cut()
		}
		m := message(session, seq, visitorAuthor(in.Visitor), fmt.Sprint("m", seq))
		if _, err := r.Propose(t.Context(), state.Append{Session: session, Epoch: 1, Messages: []relay.Message{m}, At: now()}); err != nil {
			t.Fatalf("message %d: %v", seq, err)
		}
	}
	list, err := w.cell.Read().Messages(session, 0, messages+1)
	if err != nil || len(list) != messages {
		t.Fatalf("%d messages are stored, %v", len(list), err)
	}
	<-reloads
	w.await("the row is new", func() bool { s, ok := r.Session(session); return ok && s.Stored == messages })
	// Who left is not spoken for any more, by whatever stream.
	in.Leave()
	w.cut()
	w.await("another stream", func() bool { return r.Err() == nil })
	_, err = r.Propose(t.Context(), state.SetConsent{Session: session, On: true, At: now()})
	if relay.CodeOf(err) != relay.CodeForbidden {
		t.Errorf("for a visitor who left: %v", err)
	}
}

func TestAnEdgeLeavesACoreNodeThatIsCutOff(t *testing.T) {
	w := newWorld(t)
	r := w.edge("e1")
	w.mu.Lock()
	w.sick = errors.New("no quorum")
	w.mu.Unlock()
	w.await("it is noticed", func() bool { return r.Err() != nil })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Gate().Visitor(ctx, "shop", "", nil); relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("without a core node: %v", err)
	}
	w.mu.Lock()
	w.sick = nil
	w.mu.Unlock()
	w.await("it is back", func() bool { return r.Err() == nil })
}

// slowCell takes its time over proposals that nobody waits for any more.
type slowCell struct {
	Cell
	asked, over chan struct{}
}

func (c slowCell) Propose(ctx context.Context, _ state.Command) (any, error) {
	close(c.asked)
	<-ctx.Done()
	time.Sleep(50 * time.Millisecond) // as long as a row may take to be read
	close(c.over)
	return nil, ctx.Err()
}

func TestACoreNodeThatGoesAwayReadsNothingForItsEdgesAfterwards(t *testing.T) {
	w := newWorld(t)
	cell := slowCell{w.cell, make(chan struct{}), make(chan struct{})}
	w.server.Cell = cell
	r := w.edge("e1")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	asking := make(chan error, 1)
	go func() {
		_, err := r.Propose(ctx, state.StartEdge{Node: "e1", At: now()})
		asking <- err
	}()
	<-cell.asked
	w.server.Close()
	select {
	case <-cell.over:
	default:
		t.Error("closed while a proposal is under way")
	}
	here, there := net.Pipe()
	defer here.Close()
	if err := w.server.Serve(t.Context(), "e2", pipe{there}); relay.CodeOf(err) != relay.CodeDraining {
		t.Errorf("an edge that comes later is told %v", err)
	}
	cancel()
	if err := <-asking; relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("the edge is told %v", err)
	}
}
