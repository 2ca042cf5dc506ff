package client

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/raft/state"
)

func TestWatchersAreToldOfAStateThatWasSent(t *testing.T) {
	c, _ := openCell(t, vfs.NewMem(), quick)
	defer closeCell(t, c)
	<-c.Ready()
	openSession(t, c)
	told := make(chan state.Change, 100)
	defer c.Watch(func(changes []state.Change) {
		for _, change := range changes {
			told <- change
		}
	})()
	if err := (machine{c.state, c.disk, c.feed, c.mark}).Reload(func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	for change := range told {
		if change.Reloaded {
			if change.Index != c.Applied() {
				t.Errorf("index %d, want %d", change.Index, c.Applied())
			}
			break
		}
	}
	if got := len(c.Read().Live()); got != 1 {
		t.Errorf("%d live sessions after it", got)
	}
}
