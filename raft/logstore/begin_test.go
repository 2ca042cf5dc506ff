package logstore

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

func TestAGroupBegunBehindItsStateSendsItToWhoJoins(t *testing.T) {
	const index = 7
	mem := crashable(t)
	d, s, rows := attached(t, mem)
	rows.fill(t, index, 20)
	members := raft.Configuration{Servers: []raft.Server{{ID: "n1", Address: "h:1"}}}
	if err := s.Begin(members, index); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(members, index); err == nil {
		t.Error("it is begun twice")
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{}) // the power goes at once
	closeDisk(t, d)

	d, s, rows = attached(t, left)
	defer closeDisk(t, d)
	if s.Pending() || rows.Applied() != index {
		t.Errorf("the state stands at %d", rows.Applied())
	}
	list, err := s.List()
	if err != nil || len(list) != 1 || list[0].Index != index || len(list[0].Configuration.Servers) != 1 {
		t.Fatalf("snapshots %+v, %v", list, err)
	}
	if term, err := s.GetUint64([]byte(keyCurrentTerm)); err != nil || term < list[0].Term {
		t.Errorf("term %d, %v", term, err)
	}
	if first, _ := s.FirstIndex(); first != 0 {
		t.Errorf("the log begins at %d", first)
	}
	if err := s.StoreLogs(entries(index+1, index+2)); err != nil {
		t.Errorf("the log does not go on: %v", err)
	}
	meta, r, err := s.Open(list[0].ID)
	if err != nil || meta.Index != index || meta.Size == 0 {
		t.Fatalf("to be sent: %+v, %v", meta, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
