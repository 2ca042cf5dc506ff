package client

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/raft/state"
)

func TestARestoredCellGoesOnWhereTheBackupWasTaken(t *testing.T) {
	old, _ := openCell(t, vfs.NewMem(), quick)
	session := openSession(t, old)
	mustPropose(t, old, say(session, 1))
	e, behind, err := old.Export(t.Context(), "")
	if err != nil || behind != nil {
		t.Fatal(err, behind)
	}
	mustPropose(t, old, say(session, 2)) // after the backup
	plan := &state.Plan{Node: "n1"}
	if err := e.Each(t.Context(), plan.Learn); err != nil {
		t.Fatal(err)
	}
	fs := vfs.NewCrashableMem()
	r, err := OpenRestore(RestoreConfig{Dir: "db", NodeID: "n1", FS: fs, Logger: quiet, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Each(t.Context(), r.Row); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	closeCell(t, old)
	if err := r.Finish(10); err != nil {
		t.Fatal(err)
	}

	c, _ := openCell(t, fs.CrashClone(vfs.CrashCloneCfg{}), quick) // the power went
	defer closeCell(t, c)
	<-c.Ready()
	if seqs := transcript(t, c, session); len(seqs) != 1 {
		t.Errorf("the transcript is %v", seqs)
	}
	row, ok := c.Read().Session(session)
	if !ok {
		t.Fatal("the session is not there")
	}
	if _, err := c.Propose(t.Context(), say(session, 2)); err == nil {
		t.Error("an epoch of the old cell still stores")
	}
	cmd := say(session, 2).(state.Append)
	cmd.Epoch, cmd.Messages[0].Epoch = row.Epoch, row.Epoch
	mustPropose(t, c, cmd)
	if seqs := transcript(t, c, session); len(seqs) != 2 {
		t.Errorf("the transcript went on to %v", seqs)
	}
}

func TestARestoreThatWasCutOffIsNoCell(t *testing.T) {
	old, _ := openCell(t, vfs.NewMem(), quick)
	defer closeCell(t, old)
	openSession(t, old)
	e, _, err := old.Export(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	fs := vfs.NewMem()
	plan := &state.Plan{Node: "n1"}
	r, err := OpenRestore(RestoreConfig{Dir: "db", NodeID: "n1", FS: fs, Logger: quiet, Plan: plan})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Each(t.Context(), r.Row); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Import.Finish(10); err != nil { // all rows, and nothing that says so
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := Open(Config{Dir: "db", NodeID: "n1", FS: fs, Timing: quick, Logger: quiet}); err == nil {
		closeCell(t, c)
		t.Error("it starts")
	}
}
