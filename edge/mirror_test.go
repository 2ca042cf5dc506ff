package edge

import (
	"testing"

	"kohe/relay/wire"
)

func TestATabIsCapturedOverTheLinkThatItHasNow(t *testing.T) {
	w := newWorld(t)
	visitor, _, id := w.shared(t)
	again := w.visitor(visitor.Welcome().Token, wire.Resume{Session: id})
	again.send(wire.Tab, wire.TabPayload{URL: "https://shop.example/", Visible: true, Focused: true})
	await(again, wire.Mirror, func(m wire.MirrorPayload) bool { return m.On && m.Full })
	visitor.Close()
	again.say(id, "v2", "still here")
	await(again, wire.Stored, whatever[wire.StoredPayload])
}
