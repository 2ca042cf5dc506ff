package edge

import (
	"testing"

	"kohe/relay"
	"kohe/relay/wire"
)

func TestAChatThatHasEndedIsNotCounted(t *testing.T) {
	w := newWorld(t)
	ann := w.agent("ann")
	visitor, id := w.talk(ann)
	if n := w.edge.Census().Sessions; n != 1 {
		t.Errorf("%d sessions while one is on", n)
	}
	visitor.send(wire.End, wire.SessionRef{Session: id})
	for _, p := range []*person{visitor, ann} {
		await(p, wire.Session, func(s relay.Session) bool { return s.ID == id && s.State == relay.Ended })
	}
	if n := w.edge.Census().Sessions; n != 0 {
		t.Errorf("%d sessions after its end, with both still there", n)
	}
}
