package state

import (
	"bytes"
	"fmt"
	"testing"

	"kohe/relay"
)

func member(id string) Node {
	return Node{ID: id, Addr: id + ".example:8443", Role: CoreNode, Region: "eu"}
}

func TestMembersComeChangeAndGo(t *testing.T) {
	w := newWorld(t)
	w.must(StartEdge{Node: "n1", At: w.now})
	if list := w.state.Read().Nodes(); len(list) != 0 {
		t.Errorf("a node alone is a member: %+v", list)
	}
	w.must(PutNode{Node: member("n2"), At: w.now})
	w.must(PutNode{Node: member("n1"), At: w.now + 1})
	moved := member("n1")
	moved.Addr = "elsewhere:1"
	w.must(PutNode{Node: moved, At: w.now + 2})
	if w.changes[0].Node != "n1" {
		t.Errorf("%+v", w.changes)
	}
	w.reopen()
	n1, _ := w.state.Read().Node("n1")
	if list := w.state.Read().Nodes(); len(list) != 2 || list[0] != n1 || n1.Addr != "elsewhere:1" || n1.JoinedAt != w.now+1 || n1.StartedAt != w.now {
		t.Errorf("%+v", list)
	}
	w.work("ann") // connected at n1
	for range 2 {
		w.must(RemoveNode{Node: "n1", At: w.now + 3})
		if d, _ := w.state.Read().Desk("ann"); d.Online || len(w.state.Read().Nodes()) != 1 {
			t.Errorf("%+v", d)
		}
	}
	for name, bad := range map[string]Node{
		"no id": {Addr: "h:1", Role: CoreNode}, "no address": {ID: "n3", Role: CoreNode}, "no role": {ID: "n3", Addr: "h:1"},
		"a space": {ID: "n3", Addr: "h :1", Role: EdgeNode},
	} {
		t.Run(name, func(*testing.T) { w.refuse(PutNode{Node: bad, At: w.now}, relay.CodeInvalid) })
	}
	for i := range MaxNodes {
		_, _ = w.do(PutNode{Node: member(fmt.Sprint("m", i)), At: w.now})
	}
	w.refuse(PutNode{Node: member("one-too-many"), At: w.now}, relay.CodeInvalid)
}

func TestALostEdgeHasNobodyConnectedUnlessItStartedAnew(t *testing.T) {
	w := newWorld(t)
	w.must(StartEdge{Node: "n1", At: w.now})
	w.work("ann")
	w.must(LoseEdge{Node: "n1", StartedAt: w.now - 1, At: w.now})
	if d, _ := w.state.Read().Desk("ann"); !d.Online {
		t.Errorf("lost although it has started since: %+v", d)
	}
	w.must(LoseEdge{Node: "n1", StartedAt: w.now, At: w.now})
	if d, _ := w.state.Read().Desk("ann"); d.Online {
		t.Errorf("%+v", d)
	}
}

func TestAJoinTokenAdmitsOneNodeWithinItsTime(t *testing.T) {
	w := newWorld(t)
	hash := func(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }
	w.must(PutToken{Hash: hash(1), Role: EdgeNode, ExpiresAt: w.now + 10, At: w.now})
	w.refuse(RedeemToken{Hash: hash(1), Role: CoreNode, Node: "n2", At: w.now}, relay.CodeAuth)
	w.refuse(RedeemToken{Hash: hash(2), Role: EdgeNode, Node: "n2", At: w.now}, relay.CodeAuth)
	w.reopen()
	for range 2 { // the answer may have been lost
		w.must(RedeemToken{Hash: hash(1), Role: EdgeNode, Node: "n2", At: w.now})
	}
	if n, _ := w.state.Read().Node("n2"); n.Role != EdgeNode || n.Addr != "" {
		t.Errorf("%+v", n)
	}
	w.refuse(RedeemToken{Hash: hash(1), Role: EdgeNode, Node: "n3", At: w.now}, relay.CodeAuth)
	w.must(StartEdge{Node: "n2", At: w.now})
	w.refuse(RedeemToken{Hash: hash(1), Role: EdgeNode, Node: "n2", At: w.now}, relay.CodeConflict) // a second n2
	w.must(PutNode{Node: member("n4"), At: w.now})
	w.must(PutToken{Hash: hash(3), Role: CoreNode, ExpiresAt: w.now + 10, At: w.now})
	w.refuse(RedeemToken{Hash: hash(3), Role: CoreNode, Node: "n4", At: w.now}, relay.CodeConflict)
	w.refuse(RedeemToken{Hash: hash(3), Role: CoreNode, Node: "n5", At: w.now + 10}, relay.CodeAuth)
	for i := range MaxTokens { // those before are over
		w.must(PutToken{Hash: hash(byte(10 + i)), Role: CoreNode, ExpiresAt: w.now + 100, At: w.now + 10})
	}
	w.refuse(PutToken{Hash: hash(9), Role: CoreNode, ExpiresAt: w.now + 100, At: w.now + 10}, relay.CodeInvalid)
	w.must(PutToken{Hash: hash(9), Role: CoreNode, ExpiresAt: w.now + 200, At: w.now + 100})
	w.refuse(PutToken{Hash: hash(9)[1:], Role: CoreNode, At: w.now}, relay.CodeInvalid)
}
