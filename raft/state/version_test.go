package state

import (
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// later is a command of the version after this one.
type later struct{ Tick }

func (later) Since() int { return Version + 1 }

func TestWhatALaterVersionWroteStopsTheStateAndIsNotSkipped(t *testing.T) {
	unknown := map[string][]byte{
		"a kind":            {200, 0xa0},
		"a member":          {byte(kindTick), 0xa2, 1, 1, 24, 99, 1},
		"a member's member": {byte(kindPutNode), 0xa1, 1, 0xa2, 1, 0x62, 'n', '1', 24, 99, 1},
		"a message's":       append(Encode(Append{})[:1:1], 0xa1, 3, 0x81, 0xa1, 24, 99, 1),
	}
	unknown["one of a pack"] = Pack([][]byte{Encode(Append{}), unknown["a message's"]})
	for name, data := range unknown {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.t = t
			before := w.index
			results, changes := w.state.ApplyBatch([]Entry{
				{w.index + 1, Encode(StartEdge{Node: "n1", At: noon})}, {w.index + 2, data}, {w.index + 3, Encode(StartEdge{Node: "n2", At: noon})},
			})
			for i, r := range results {
				if relay.CodeOf(r.Err) != relay.CodeUnavailable {
					t.Errorf("entry %d: %+v", i, r)
				}
			}
			if err := w.state.Err(); err == nil || !strings.Contains(err.Error(), "upgrade this node") || len(changes) > 0 {
				t.Errorf("%v, %d changes", err, len(changes))
			}
			w.reopen()
			if _, ok := w.state.Read().Node("n1"); ok || w.state.Applied() != before {
				t.Errorf("applied up to %d of %d", w.state.Applied(), before)
			}
			w.must(StartEdge{Node: "n1", At: noon}) // a program that knows it goes on from there
		})
	}
}

func TestTheRowsSayTheLatestVersionOfWhatIsInThem(t *testing.T) {
	w := newWorld(t)
	w.reopen()
	if e, err := w.state.Export(""); err != nil || e.Version != first {
		t.Errorf("a backup of version %d, %v", e.Version, err)
	} else if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	operator := Agent{ID: "op", Customer: "nobody's", Name: "Op", Alias: "Op", Role: relay.RoleAgent, Operator: true}
	if _, err := w.do(Put{Agent: &operator, At: w.now}); err == nil || w.state.form != first {
		t.Errorf("after a refused command, %v, the rows are of version %d", err, w.state.form)
	}
	w.must(Put{Customer: &Customer{ID: "nobody's", Name: "Nobody"}, At: w.now})
	w.must(Put{Agent: &operator, At: w.now})
	w.reopen()
	if w.state.form != third {
		t.Errorf("after a command of version %d the rows are of version %d", third, w.state.form)
	}
	for _, form := range []int{first - 1, Version + 1} {
		if err := w.db.Set(w.state.key(tableMeta), marshal(meta{Version: form}), pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.db, w.state.prefix); err == nil || !strings.Contains(err.Error(), "version of Kohe") {
			t.Errorf("rows of version %d: %v", form, err)
		}
	}
}

func TestACommandWaitsForTheLastCoreNodeThatDoesNotKnowIt(t *testing.T) {
	w := newWorld(t)
	if level := Level(w.state.Read().Nodes()); level != Version {
		t.Errorf("a node alone speaks %d", level)
	}
	for _, id := range []string{"n1", "n2"} {
		w.must(PutNode{Node: member(id), At: w.now})
	}
	edge := member("e1")
	edge.Role = EdgeNode
	w.must(PutNode{Node: edge, At: w.now})
	nodes := w.state.Read().Nodes
	w.must(StartEdge{Node: "n1", At: w.now, Version: Version + 1})
	err := Known(later{}, nodes)
	if relay.CodeOf(err) != relay.CodeUnavailable || !strings.Contains(relay.AsError(err).Err.Error(), "node n2 ") {
		t.Errorf("n2 has said nothing: %v", err)
	}
	if err := Known(Tick{}, nodes); err != nil {
		t.Error(err)
	}
	w.must(StartEdge{Node: "n2", At: w.now + 1, Version: Version + 1})
	w.must(PutNode{Node: member("n2"), At: w.now + 2}) // of an address: it says nothing of versions
	w.reopen()
	if err := Known(later{}, w.state.Read().Nodes); err != nil {
		t.Errorf("all core nodes know it: %v", err)
	}
	nodes = w.state.Read().Nodes
	w.must(StartEdge{Node: "n2", At: w.now + 3}) // back to one that does not say what it speaks
	if err := Known(later{}, nodes); err == nil || Level(nodes()) != first {
		t.Errorf("n2 went back: %v, %d", err, Level(nodes()))
	}
}

func TestNewMembersWaitUntilEveryCoreNodeKnowsThem(t *testing.T) {
	nodes := []Node{{ID: "n1", Role: CoreNode, Version: third}, {ID: "n2", Role: CoreNode, Version: first}, {ID: "e1", Role: EdgeNode}}
	for _, c := range []struct {
		put Put
		is  int
	}{
		{Put{Agent: &Agent{}}, first}, {Put{Agent: &Agent{Operator: true}}, third},
		{Put{Site: &Site{}}, first}, {Put{Site: &Site{Visitors: true}}, third}, {Put{Site: &Site{Visitors: true, Images: []string{"img"}}}, sixth},
	} {
		if Since(c.put) != c.is {
			t.Errorf("%+v came with version %d", c.put, Since(c.put))
		}
		if err := Known(c.put, func() []Node { return nodes }); (err != nil) != (c.is > first) {
			t.Errorf("%+v, beside a node of the first version: %v", c.put, err)
		}
	}
}
