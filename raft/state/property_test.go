package state

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"kohe/relay"
)

// drawCommand draws a command that has a chance to do something in the state
// as it is, and the same chance to come at the wrong time.
func drawCommand(t *rapid.T, s *State, now int64) Command {
	n := rapid.IntRange(1, 5).Draw(t, "session")
	who := rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "agent")
	node := rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node")
	on := rapid.IntRange(0, 2).Draw(t, "on") > 0
	row, _ := s.Read().Session(sid(n))
	switch rapid.SampledFrom([]string{
		"open", "open", "claim", "append", "append", "append", "marks", "consent", "level", "page", "online", "end",
		"state", "state", "agent", "answer", "answer", "tick", "start", "block", "put", "password", "member", "lose", "remove", "segment", "forget",
	}).Draw(t, "command") {
	case "open":
		return OpenSession{Session: sid(n), Site: "shop", Department: rapid.SampledFrom([]string{"", "service"}).Draw(t, "department"),
			Visitor: vid(1 + n%3), Name: "Mari", URL: "/", Node: node, At: now}
	case "claim":
		return Claim{Session: sid(n), Node: node, Nonce: relay.ID{byte(rapid.IntRange(1, 12).Draw(t, "nonce"))}, At: now}
	case "append":
		return drawAppend(t, n, row, now)
	case "marks":
		return SetMarks{Session: sid(n), By: relay.RoleVisitor, Marks: relay.Marks{Read: rapid.Uint64Range(0, 9).Draw(t, "read")}, At: now}
	case "consent":
		return SetConsent{Session: sid(n), On: on, Record: on, At: now}
	case "segment":
		return AddSegment{Segment: Segment{ID: vid(n), Session: sid(n), Writer: node, Nodes: []string{node}, At: now}, At: now}
	case "forget":
		return Forget{At: now + 29*day}
	case "level":
		return SetLevel{Session: sid(n), Level: rapid.SampledFrom(relay.Levels).Draw(t, "level"), On: on, At: now}
	case "page":
		return SetPage{Session: sid(n), View: relay.PageView{URL: "/" + node, At: now}}
	case "online":
		return SetOnline{Session: sid(n), Node: node, On: on, At: now}
	case "end":
		return EndSession{Session: sid(n), By: "visitor", At: now}
	case "state":
		return SetAgentState{Agent: who, State: rapid.SampledFrom([]relay.AgentState{relay.Service, relay.Service, relay.Break}).Draw(t, "state"), At: now}
	case "agent":
		return SetAgentOnline{Agent: who, Node: node, On: on, At: now}
	case "answer":
		if offers := s.Read().Offers(who); len(offers) > 0 && on {
			return Answer{Session: offers[0].Session, Agent: who, Assignment: offers[0].Assignment, Accept: n > 1, At: now}
		}
		return Answer{Session: sid(n), Agent: who, Assignment: row.Assignment, Accept: on, At: now}
	case "start":
		return StartEdge{Node: node, At: now}
	case "block":
		return Block{Site: "shop", Visitor: vid(1 + n%3), On: n == 1, At: now}
	case "member":
		return PutNode{Node: Node{ID: node, Addr: "h:1", Role: CoreNode}, At: now}
	case "lose":
		return LoseEdge{Node: node, StartedAt: s.nodes[node].StartedAt, At: now}
	case "remove":
		return RemoveNode{Node: node, At: now}
	case "put":
		a, _ := s.Read().Agent(who)
		a.Capacity, a.Disabled = n, n == 5
		return Put{Agent: &a, Card: &Card{ID: fmt.Sprint(n), Site: "shop", Department: "sales", Text: "tere", At: now}, At: now}
	case "password":
		return SetPassword{Agent: who, Password: fmt.Sprint("p", n), At: now}
	default:
		return Tick{At: now}
	}
}

func drawAppend(t *rapid.T, n int, row relay.Session, now int64) Command {
	c := Append{Session: sid(n), Epoch: row.Epoch, At: now}
	from := row.Stored + 1 - min(row.Stored, rapid.Uint64Range(0, 2).Draw(t, "again"))
	for i := range rapid.Uint64Range(1, 4).Draw(t, "messages") {
		seq := from + i + rapid.SampledFrom([]uint64{0, 0, 0, 0, 0, 0, 0, 1}).Draw(t, "skip")
		by := relay.Author{Role: relay.RoleVisitor, ID: row.Visitor.String()}
		if row.Agent != "" && seq%2 == 0 {
			by = agent(row.Agent)
		}
		m := text(n, seq, by, fmt.Sprint("m", seq), "sõna nr "+fmt.Sprint(seq))
		m.Epoch = row.Epoch
		c.Messages = append(c.Messages, m)
	}
	return c
}

// history is a random log with what applying it one by one gave.
type history struct {
	entries []Entry
	results []string
	changes string
	dump    string
}

func drawHistory(t *rapid.T, tb testing.TB) history {
	var h history
	db := openDB(tb, vfs.NewMem())
	defer db.Close()
	s := openState(t, db)
	add := func(c Command) {
		e := Entry{Index: uint64(len(h.entries)+1) * 2, Data: Encode(c)}
		results, changes := s.ApplyBatch([]Entry{e})
		h.entries = append(h.entries, e)
		h.results = append(h.results, fmt.Sprintf("%+v", results[0]))
		h.changes += printed(changes)
	}
	for _, c := range shop() {
		add(c)
	}
	now := noon
	for range rapid.IntRange(1, 60).Draw(t, "commands") {
		now += rapid.SampledFrom([]int64{-1000, 0, 1, 1000, 20_000, 30_000, 700_000}).Draw(t, "passes")
		add(drawCommand(t, s, now))
	}
	h.dump = dump(tb, db, s)
	return h
}

func printed(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		line, _ := json.Marshal(c)
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// TestRestartsAndRepetitionsChangeNothing applies a random log in batches of
// random size, opening the state again or reloading it, and handing it entries that it has
// already at random, and compares answers, changes and every row with the
// straight run's.
func TestRestartsAndRepetitionsChangeNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, t)
		db := openDB(t, vfs.NewMem())
		defer db.Close()
		s := openState(rt, db)
		var changes string
		for next := 0; next < len(h.entries); {
			from := max(0, next-rapid.IntRange(0, 5).Draw(rt, "repeated"))
			to := min(len(h.entries), next+rapid.IntRange(1, 9).Draw(rt, "batch"))
			results, changed := s.ApplyBatch(h.entries[from:to])
			changes += printed(changed)
			for i, r := range results[next-from:] {
				if got := fmt.Sprintf("%+v", r); got != h.results[next+i] {
					rt.Fatalf("entry %d: %s; want %s", next+i, got, h.results[next+i])
				}
			}
			next = to
			if applied := s.Applied(); applied != h.entries[next-1].Index {
				rt.Fatalf("applied %d, not %d", applied, h.entries[next-1].Index)
			}
			switch rapid.IntRange(0, 3).Draw(rt, "restart") {
			case 0, 1:
				s = openState(rt, db)
			case 2:
				if err := s.Reload(func() error { return nil }); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if changes != h.changes {
			rt.Fatalf("changes\n%s\nwant\n%s", changes, h.changes)
		}
		if got := dump(t, db, s); got != h.dump {
			rt.Fatalf("state\n%s\nwant\n%s", got, h.dump)
		}
	})
}

// TestEveryCommandIsIdempotent commits every command of a random log twice.
func TestEveryCommandIsIdempotent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, t)
		db := openDB(t, vfs.NewMem())
		defer db.Close()
		s := openState(rt, db)
		for i, e := range h.entries {
			results, _ := s.ApplyBatch([]Entry{e})
			if got := fmt.Sprintf("%+v", results[0]); got != h.results[i] {
				rt.Fatalf("entry %d: %s; want %s", i, got, h.results[i])
			}
			s.ApplyBatch([]Entry{{Index: e.Index + 1, Data: e.Data}})
		}
		if got := dump(t, db, s); got != h.dump {
			rt.Fatalf("state\n%s\nwant\n%s", got, h.dump)
		}
	})
}
