package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// beating is a transport that heartbeats come through.
type beating struct {
	Transport
	handle func(raft.RPC)
}

func (b *beating) SetHeartbeatHandler(handle func(raft.RPC)) { b.handle = handle }

func TestTheEndWaitsForAHeartbeatThatIsBeingHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, handled := &beating{}, 0
		w := newWire(b, nil)
		w.SetHeartbeatHandler(func(raft.RPC) {
			time.Sleep(time.Second)
			handled++
		})
		go b.handle(raft.RPC{})
		synctest.Wait()
		w.stop()
		if handled != 1 {
			t.Error("the end came while a heartbeat was being handled")
		}
		if b.handle(raft.RPC{}); handled != 1 {
			t.Error("a heartbeat was handled after the end")
		}
	})
}
