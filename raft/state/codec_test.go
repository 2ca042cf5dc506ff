package state

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"kohe/relay"
)

var update = flag.Bool("update", false, "write testdata/commands.txt")

// commands holds one of each kind, in order of kind, with everything set.
func commands() []Command {
	id, m := sid(1), text(1, 1, visitor(1), "a", "tere")
	return []Command{
		Put{
			Customer:   &Customer{ID: "acme", Name: "Acme"},
			Site:       &Site{ID: "shop", Customer: "acme", Name: "Shop", Origins: []string{"o"}, Departments: []string{"sales"}, Color: "#fff", CoBrowse: true, Mask: []string{".m"}, Assets: []string{"a"}},
			Department: &Department{ID: "sales", Customer: "acme", Name: "Sales"},
			Agent:      &Agent{ID: "ann", Customer: "acme", Name: "Ann", Alias: "A", Role: relay.RoleAgent, Sites: []string{"shop"}, Departments: []string{"sales"}, Password: "hash", Capacity: 4, Generation: 2, Disabled: true},
			Card:       &Card{ID: "c", Site: "shop", Department: "sales", Visitor: vid(1), Name: "Mari", Contact: "m", Text: "t", At: 1, Solved: true},
			At:         noon,
		},
		StartEdge{Node: "n1", At: noon, Version: 2},
		OpenSession{Session: id, Site: "shop", Department: "sales", Visitor: vid(1), Name: "Mari", Lang: "et", URL: "u", Title: "t", Facts: relay.Facts{Visits: 1, FirstSeen: 2, Referrer: "r", UserAgent: "a", Screen: "1x2", TimeZone: "z", Pages: []relay.PageView{{URL: "u", Title: "t", At: 3}}}, Node: "n1", At: noon},
		Claim{Session: id, Node: "n1", Nonce: relay.ID{1}, At: noon},
		Append{Session: id, Epoch: 1, Messages: []relay.Message{m}, At: noon},
		SetMarks{Session: id, By: relay.RoleVisitor, Marks: relay.Marks{Delivered: 2, Read: 1}, At: noon},
		SetConsent{Session: id, On: true, At: noon},
		SetPage{Session: id, View: relay.PageView{URL: "u", Title: "t", At: 3}},
		SetOnline{Session: id, Node: "n1", On: true, At: noon},
		EndSession{Session: id, By: "visitor", At: noon},
		SetAgentState{Agent: "ann", State: relay.Service, Departments: []string{"sales"}, At: noon},
		SetAgentOnline{Agent: "ann", Node: "n1", On: true, At: noon},
		Answer{Session: id, Agent: "ann", Assignment: 3, Accept: true, At: noon},
		Block{Site: "shop", Visitor: vid(1), On: true, By: "ann", At: noon},
		SetPassword{Agent: "ann", Password: "hash", At: noon},
		Tick{At: noon},
		PutNode{Node: Node{ID: "n1", Addr: "h:1", Role: CoreNode, Region: "eu", Public: "https://h:1"}, At: noon},
		RemoveNode{Node: "n1", At: noon},
		LoseEdge{Node: "n1", StartedAt: noon, At: noon},
		PutToken{Hash: []byte("hash"), Role: EdgeNode, ExpiresAt: noon, At: noon},
		RedeemToken{Hash: []byte("hash"), Role: EdgeNode, Node: "n1", At: noon},
		SetLevel{Session: id, Level: relay.LevelFill, On: true, At: noon},
		AddSegment{Segment: Segment{ID: id, Session: id, Writer: "n1", Nodes: []string{"n1", "n2"}, At: noon}, At: noon},
		Forget{At: noon},
		Depart{Customer: "acme", Move: 1, To: 2, At: noon},
		Arrive{Customer: "acme", Move: 1, Rows: []Row{{[]byte("k"), []byte("v")}}, At: noon},
		Settle{Customer: "acme", Move: 1, Started: map[string]int64{"n1": noon}, At: noon},
		Leave{Customer: "acme", Move: 1, At: noon},
		Stay{Customer: "acme", Move: 1, At: noon},
		PutCell{Cell: Cell{Number: 2, Founder: "n1"}, At: noon},
		SeatCell{Number: 2, GivenUp: true, At: noon},
		Reserve{Customer: "acme", Cell: 2, Site: "shop", Department: "sales", Agent: "ann", At: noon},
	}
}

// TestTheLogStaysReadable keeps the bytes of every command: an old log must
// mean the same to a new program.
func TestTheLogStaysReadable(t *testing.T) {
	var now strings.Builder
	last := commandKind(0)
	for _, c := range commands() {
		if c.kind() <= last {
			t.Errorf("%T is kind %d after %d", c, c.kind(), last)
		}
		last = c.kind()
		fmt.Fprintf(&now, "%T %x\n", c, Encode(c))
	}
	const file = "testdata/commands.txt"
	if *update {
		if err := os.WriteFile(file, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if now.String() != string(old) {
		t.Errorf("commands are written otherwise now:\n%s\nwas\n%s", &now, old)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(old)), "\n") {
		data, err := hex.DecodeString(strings.Fields(line)[1])
		if err != nil {
			t.Fatal(err)
		}
		if c, err := Decode(data); err != nil || !reflect.DeepEqual(c, commands()[i]) {
			t.Errorf("%s is read as %+v, %v", line, c, err)
		}
	}
}

func TestNoDepartmentsAreNotUnsaidDepartments(t *testing.T) {
	for _, departments := range [][]string{nil, {}} {
		c, err := Decode(Encode(SetAgentState{Departments: departments}))
		if got := c.(SetAgentState).Departments; err != nil || (got == nil) != (departments == nil) {
			t.Errorf("%#v became %#v, %v", departments, got, err)
		}
	}
}

func TestMalformedCommandsAreRefused(t *testing.T) {
	tick := Encode(Tick{At: noon})
	for _, data := range [][]byte{
		nil, {0}, {99}, {byte(kindTick)}, tick[:len(tick)-1], append(tick[:len(tick):len(tick)], 0),
		{byte(kindTick), 0xbf, 0xff},                  // indefinite length
		{byte(kindTick), 0xa2, 1, 1, 1, 2},            // a member twice
		{byte(kindTick), 0xa1, 1, 0x61, 'x'},          // text for a time
		{byte(kindPut), 0xa1, 1, 0xa1, 1, 0x61, 0xff}, // not UTF-8
		make([]byte, MaxCommand+1),
	} {
		if c, err := Decode(data); relay.CodeOf(err) != relay.CodeMalformed {
			t.Errorf("%x: %+v, %v", data[:min(len(data), 20)], c, err)
		}
	}
}

func TestAMalformedEntryStopsNothing(t *testing.T) {
	w := newWorld(t)
	w.index += 3
	results, _ := w.state.ApplyBatch([]Entry{
		{w.index - 2, []byte{byte(kindTick), 'x'}},
		{w.index - 1, nil},
		{w.index, Encode(Tick{At: noon + 1})},
	})
	for i, want := range []relay.Code{relay.CodeMalformed, relay.CodeMalformed, ""} {
		if relay.CodeOf(results[i].Err) != want {
			t.Errorf("entry %d: %v", i, results[i].Err)
		}
	}
	if w.state.Applied() != w.index {
		t.Errorf("applied %d, not %d", w.state.Applied(), w.index)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range commands() {
		f.Add(Encode(c))
	}
	w := newWorld(f)
	w.work("ann")
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Decode(data)
		if err != nil {
			return
		}
		once := Encode(c)
		again, err := Decode(once)
		if err != nil || !bytes.Equal(Encode(again), once) {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
		w.index++
		results, _ := w.state.ApplyBatch([]Entry{{w.index, data}})
		if relay.CodeOf(results[0].Err) == relay.CodeUnavailable || w.state.Err() != nil {
			t.Fatalf("%+v broke the state: %v", c, results[0].Err)
		}
	})
}
