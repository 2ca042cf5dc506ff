package node

import (
	"fmt"
	"io"

	"github.com/hashicorp/raft"

	"kohe/raft/logstore"
)

// fsm is what hashicorp/raft drives; its goroutine calls every method.
type fsm struct {
	disk    *logstore.Disk
	store   *logstore.Store
	machine Machine
	wire    *wire
	wake    chan<- struct{} // of one: the deadline may have changed
	members chan<- struct{} // of one: the members may have changed
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
		switch {
		case l.Type == raft.LogConfiguration:
			signal(f.members)
		case l.Type == raft.LogCommand && l.Index > applied:
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
	signal(f.wake)
	f.wire.committed(entries[len(entries)-1].Index)
	return responses
}

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// here is a snapshot of the state in this database: nothing but its metadata.
type here struct{}

// Snapshot implements raft.FSM.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) { return here{}, nil }

// Persist implements raft.FSMSnapshot; Raft closes the sink.
func (here) Persist(sink raft.SnapshotSink) error {
	sink.(*logstore.Sink).Local()
	return nil
}

// Release implements raft.FSMSnapshot.
func (here) Release() {}

// Restore implements raft.FSM: the snapshot that another member sent is with
// the store. At start nobody calls it (raft.Config.NoSnapshotRestoreOnStart).
func (f *fsm) Restore(io.ReadCloser) error {
	if err := reload(f.store, f.machine); err != nil {
		f.disk.Fail(err)
		return err
	}
	signal(f.wake)
	signal(f.members)
	return nil
}

// reload lets a state that was received take the machine's place, if there is
// one.
func reload(store *logstore.Store, m Machine) error {
	if !store.Pending() {
		return nil
	}
	if err := m.Reload(store.Ingest); err != nil {
		return fmt.Errorf("take over another member's state: %w", err)
	}
	return nil
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
