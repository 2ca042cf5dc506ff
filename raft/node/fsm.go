package node

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
)

// fsm is what hashicorp/raft drives; its goroutine calls every method.
type fsm struct {
	disk    *logstore.Disk
	machine Machine
	wake    chan<- struct{}
}

var _ raft.BatchingFSM = (*fsm)(nil) // otherwise Raft would apply one entry at a time

// refused is the response to a command that is committed but was not applied,
// because the disk has failed and this process is about to end.
type refused struct{ error }

// ApplyBatch implements raft.BatchingFSM. What the state has already, because
// Raft reads its log from the last snapshot on at every start, is skipped.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	responses := make([]any, len(logs))
	entries := make([]Entry, 0, len(logs))
	places := make([]int, 0, len(logs))
	applied := f.machine.Applied()
	for i, l := range logs {
		if l.Type == raft.LogCommand && l.Index > applied {
			entries = append(entries, Entry{l.Index, l.Data})
			places = append(places, i)
		}
	}
	if len(entries) == 0 {
		return responses
	}
	select {
	case <-f.disk.Failed():
		for _, place := range places {
			responses[place] = refused{f.disk.Err()}
		}
		return responses
	default:
	}
	for i, result := range f.machine.Apply(entries) {
		responses[places[i]] = result
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return responses
}

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// checkpoint is all that a snapshot says: the state up to Applied is in the
// database that the snapshot is in.
type checkpoint struct {
	Applied uint64 `json:"applied"`
}

// Snapshot implements raft.FSM.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	return checkpoint{f.machine.Applied()}, nil
}

// Persist implements raft.FSMSnapshot; Raft closes the sink.
func (c checkpoint) Persist(sink raft.SnapshotSink) error {
	return json.NewEncoder(sink).Encode(c)
}

// Release implements raft.FSMSnapshot.
func (c checkpoint) Release() {}

// Restore implements raft.FSM: at start it finds the state in place. A member
// that was away for too long gets a snapshot from the leader whose state it
// does not have; it has to ingest the leader's span first.
func (f *fsm) Restore(r io.ReadCloser) error {
	var c checkpoint
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return fmt.Errorf("read snapshot: %w", err)
	}
	if applied := f.machine.Applied(); applied < c.Applied {
		return fmt.Errorf("the snapshot stands for index %d, the state at hand ends at %d", c.Applied, applied)
	}
	return nil
}
