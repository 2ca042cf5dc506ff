package node

import "github.com/hashicorp/raft"

// hashicorp/raft tells a follower what is committed with the next entries, or
// 50 to 100 ms later if there are none (Config.CommitTimeout). Who proposed
// through a follower would wait for that, because the answer is given when the
// follower's own state has it. So when a follower has agreed to the whole log
// and does not know that it is committed, the wire of the leader tells it at
// once, with an AppendEntries that has no entries.
//
// It says what any of the leader's own would say: that the follower's log agrees
// with the leader's up to where it said so itself in this term, and that no more
// than that is committed. A follower that has heard of another term since refuses it.

// follower is one as the leader's wire knows it; guarded by wire.mu.
type follower struct {
	to      raft.ServerAddress
	agreed  raft.AppendEntriesRequest // to all up to its PrevLogEntry; without entries
	told    uint64                    // the commit index in the newest request
	telling bool                      // a goroutine is
}

// isHeartbeat reports whether a request says nothing of the log.
func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.PrevLogEntry == 0 && len(a.Entries) == 0
}

// sends notes what a follower is told.
func (w *wire) sends(id raft.ServerID, to raft.ServerAddress, a *raft.AppendEntriesRequest) {
	if isHeartbeat(a) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.followers[id]
	if f == nil {
		f = &follower{}
		w.followers[id] = f
	}
	if a.Term > f.agreed.Term {
		f.agreed, f.told = raft.AppendEntriesRequest{Term: a.Term}, 0
	}
	f.to, f.told = to, max(f.told, a.LeaderCommitIndex)
}

// agrees notes that a follower agreed.
func (w *wire) agrees(id raft.ServerID, a *raft.AppendEntriesRequest) {
	if isHeartbeat(a) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.followers[id]
	if f == nil || a.Term < f.agreed.Term {
		return
	}
	agreed := *a
	agreed.Entries = nil
	if n := len(a.Entries); n > 0 {
		agreed.PrevLogEntry, agreed.PrevLogTerm = a.Entries[n-1].Index, a.Entries[n-1].Term
	}
	if agreed.PrevLogEntry >= f.agreed.PrevLogEntry {
		f.agreed = agreed
	}
	w.update(id, f)
}

// unfollowed forgets the followers: another leads.
func (w *wire) unfollowed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.followers)
}

// committed notes that all up to index is committed.
func (w *wire) committed(index uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commit = max(w.commit, index)
	for id, f := range w.followers {
		w.update(id, f)
	}
}

// update has a follower told if it does not know what is committed and no more
// entries will tell it. The caller holds mu.
func (w *wire) update(id raft.ServerID, f *follower) {
	if !f.telling && w.next(id, f) != nil {
		f.telling = true
		w.telling.Go(func() { w.tell(id, f) })
	}
}

// next returns what to tell a follower; nil: nothing. The caller holds mu.
func (w *wire) next(id raft.ServerID, f *follower) *raft.AppendEntriesRequest {
	end, commit := f.agreed.PrevLogEntry, min(w.commit, f.agreed.PrevLogEntry)
	if w.closed || w.followers[id] != f || f.told >= commit || w.last() != end {
		return nil
	}
	a := f.agreed
	a.LeaderCommitIndex = commit
	return &a
}

// tell tells a follower until it knows.
func (w *wire) tell(id raft.ServerID, f *follower) {
	for {
		w.mu.Lock()
		a, to := w.next(id, f), f.to
		if a == nil {
			f.telling = false
			w.mu.Unlock()
			return
		}
		f.told = a.LeaderCommitIndex
		w.mu.Unlock()
		if w.silent() == nil {
			_ = w.Transport.AppendEntries(id, to, a, new(raft.AppendEntriesResponse)) // failed: it is told in Raft's own time
		}
	}
}

// stop ends the telling and the handling of heartbeats; the transport is closed.
func (w *wire) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.telling.Wait()
	w.beats.Wait()
}
