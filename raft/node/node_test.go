package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
)

func TestANodeOnAnEmptyDiskLeadsACellOfItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		for round := range 3 {
			c, _ := openCell(t, fs, Timing{})
			<-c.Ready()
			if err := c.Err(); err != nil {
				t.Error(err)
			}
			if n, err := c.Node.Apply([]byte("again")); n != any(uint64(round+1)) || err != nil {
				t.Errorf("round %d: %v, %v", round, n, err)
			}
			if got := counts(t, c.disk.DB)["again"]; got != uint64(round+1) {
				t.Errorf("round %d: state says %d", round, got)
			}
			c.close(t)
			if _, err := c.Node.Apply(nil); !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

func TestTheLeaderProposesExpiriesWhenTheyAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := openCell(t, vfs.NewMem(), Timing{})
		<-c.Ready()
		due := time.Now().Add(7 * time.Second)
		c.deadline.Store(due.UnixMilli())
		if _, err := c.Node.Apply([]byte("sets the deadline")); err != nil {
			t.Fatal(err)
		}
		if at := <-c.ticked; at != due.UnixMilli() || time.Now().UnixMilli() != at {
			t.Errorf("tick says %v and came at %v, due %v", at, time.Now(), due)
		}
		time.Sleep(time.Hour)
		if len(c.ticked) > 0 {
			t.Error("ticked again without a deadline")
		}
		c.close(t)

		// What fell due while the node was down is proposed once those who are
		// there have had the time to say so.
		const grace = 3 * time.Second
		c, _ = openCell(t, vfs.NewMem(), Timing{Grace: grace})
		c.deadline.Store(time.Now().Add(-time.Minute).UnixMilli())
		<-c.Ready()
		led := time.Now()
		if at, late := <-c.ticked, led.Add(grace+time.Second); at < led.Add(grace-time.Second).UnixMilli() || at > late.UnixMilli() {
			t.Errorf("tick says %v, led at %v", time.UnixMilli(at), led)
		}
		c.close(t)
	})
}

func TestADeadlineThatDoesNotMoveCannotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := openCell(t, vfs.NewMem(), Timing{})
		<-c.Ready()
		c.stuck.Store(true)
		c.deadline.Store(1)
		if _, err := c.Node.Apply([]byte("x")); err != nil {
			t.Fatal(err)
		}
		ticks := 0
		for end := time.Now().Add(time.Second); time.Now().Before(end); ticks++ {
			<-c.ticked
		}
		if limit := int(time.Second / tickPause); ticks > limit+1 {
			t.Errorf("%d ticks in a second, want at most %d", ticks, limit)
		}
		c.close(t)
	})
}

func TestTheLogIsTruncatedAndTheStateStays(t *testing.T) {
	fs := vfs.NewMem()
	c, _ := openCell(t, fs, quick)
	<-c.Ready()
	var n atomic.Int64
	c.write(t, 0, func() bool { return n.Add(1) <= 2*trailingLogs }, func(string) {})
	if err := c.Snapshot(); err != nil {
		t.Fatal(err)
	}
	first, _ := c.store.FirstIndex()
	last, _ := c.store.LastIndex()
	if first < 2 || last-first > trailingLogs {
		t.Errorf("log still holds %d to %d", first, last)
	}
	c.close(t)
	c, _ = openCell(t, fs, quick)
	<-c.Ready()
	if got := len(counts(t, c.disk.DB)); got != 2*trailingLogs {
		t.Errorf("%d commands in the state, want %d", got, 2*trailingLogs)
	}
	c.close(t)
}

func TestAStateWithoutItsLogIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		c, _ := openCell(t, fs, Timing{})
		<-c.Ready()
		if _, err := c.Node.Apply([]byte("x")); err != nil {
			t.Fatal(err)
		}
		c.close(t)
		disk, err := logstore.Open(logstore.Config{Dir: "db", FS: fs, Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(Config{ID: "n1", Disk: disk, Prefix: []byte("elsewhere/"), Machine: openCounter(t, disk.DB), Logger: quiet})
		if err == nil || !strings.Contains(err.Error(), "not of one database") {
			t.Errorf("opened with %v", err)
		}
		if err := disk.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAfterADiskErrorNothingIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		mem := vfs.NewMem()
		c, fatal := openCell(t, errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if broken.Load() && strings.HasSuffix(op.Path, ".log") && op.Kind == errorfs.OpFileSyncData {
				return syscall.EIO
			}
			return nil
		})), Timing{})
		<-c.Ready()
		if _, err := c.Node.Apply([]byte("before")); err != nil {
			t.Fatal(err)
		}
		broken.Store(true)
		const callers = 50
		answers := make(chan error, callers)
		for i := range callers {
			go func() {
				_, err := c.Node.Apply(fmt.Append(nil, i))
				answers <- err
			}()
		}
		for range callers {
			if <-answers == nil {
				t.Error("acknowledged on a broken disk")
			}
		}
		if err := <-fatal; !errors.Is(err, syscall.EIO) {
			t.Errorf("fatal: %v", err)
		}
		broken.Store(false)
		time.Sleep(time.Minute) // elections, if there were any, would panic
		if _, err := c.Node.Apply([]byte("later")); err == nil || !errors.Is(c.Err(), syscall.EIO) {
			t.Errorf("later: %v, Err %v", err, c.Err())
		}
		if err := c.Node.Close(); err != nil {
			t.Error(err)
		}
		_ = c.disk.Close()

		// The process has ended; the next one goes on from what is durable.
		c, _ = openCell(t, mem, Timing{})
		<-c.Ready()
		if counts(t, c.disk.DB)["before"] != 1 {
			t.Error("what was acknowledged before is lost")
		}
		c.close(t)
	})
}

func TestAFullDiskIsSaidAndSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		c, fatal := openCell(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if full.Load() && op.Kind == errorfs.OpFileWrite {
				return syscall.ENOSPC
			}
			return nil
		})), Timing{})
		<-c.Ready()
		full.Store(true)
		answered := make(chan error, 1)
		go func() {
			_, err := c.Node.Apply([]byte("x"))
			answered <- err
		}()
		time.Sleep(time.Hour)
		if !errors.Is(c.Err(), logstore.ErrFull) {
			t.Errorf("Err is %v", c.Err())
		}
		full.Store(false)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if counts(t, c.disk.DB)["x"] != 1 || c.Err() != nil || len(fatal) > 0 {
			t.Error("did not recover")
		}
		c.close(t)
	})
}

func TestRaftLogsThroughSlog(t *testing.T) {
	var out strings.Builder
	l := raftLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	l.Info("entering leader state", "term", 3)
	l.Info("election won", "term", 3)
	l.Error("failed to decode incoming command", "error", net.ErrClosed)
	l.Error("failed to heartbeat to", "peer", "b")
	l.Warn("rejecting vote request since we have a leader", "from", "b")
	l.Warn(electing)
	l.Warn(electing)
	l.Warn("Election timeout reached, restarting election")
	l.Warn("failed to contact quorum of nodes, stepping down")
	l.Error("failed to commit logs", "error", raft.ErrNotLeader, "at", hclog.Fmt("%d of %d", 1, 2))
	want := `level=DEBUG msg="entering leader state" part=raft term=3
level=INFO msg="election won" part=raft term=3
level=DEBUG msg="failed to decode incoming command" part=raft error="use of closed network connection"
level=DEBUG msg="failed to heartbeat to" part=raft peer=b
level=DEBUG msg="rejecting vote request since we have a leader" part=raft from=b
level=DEBUG msg="heartbeat timeout reached, starting election" part=raft
level=WARN msg="heartbeat timeout reached, starting election" part=raft
level=WARN msg="Election timeout reached, restarting election" part=raft
level=WARN msg="failed to contact quorum of nodes, stepping down" part=raft
level=ERROR msg="failed to commit logs" part=raft error="node is not the leader" at="1 of 2"
`
	if out.String() != want {
		t.Errorf("logged\n%s, want\n%s", out.String(), want)
	}
}
