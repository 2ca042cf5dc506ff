package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// retired is an election timeout that never comes.
	retired = 24 * time.Hour
	// catchingUp and settled are how often the members are looked at, until
	// Ready and after it.
	catchingUp = 20 * time.Millisecond
	settled    = time.Second
	moment     = time.Millisecond
	// turns is into how many parts of the lease the members' elections are
	// spread when a leader is suspected: two at once would split the votes.
	turns = 8
	// stands is the same of a leader that is dead. A turn is a whole lease: there
	// is no pre-vote, a candidate has its term and its vote to sync and perhaps to
	// dial before the next hears of it, and an election that two spoil costs more.
	stands = 1
)

// watcher is what the watch goroutine knows. No other uses it.
type watcher struct {
	*Node
	leader  raft.ServerID
	last    raft.ServerID // who leads, or led last
	members []raft.Server
	target  uint64 // of Ready: what was committed when the first leader was heard; 0: not known yet
	short   bool   // the timers are
}

// watch follows the leader and the members until ctx ends. It alone reloads
// Raft's configuration.
func (n *Node) watch(ctx context.Context) {
	w := &watcher{Node: n}
	leaders := make(chan raft.Observation, 16)
	observer := raft.NewObserver(leaders, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	n.raft.RegisterObserver(observer)
	defer n.raft.DeregisterObserver(observer)
	tick := time.NewTicker(catchingUp)
	defer tick.Stop()
	election := time.NewTimer(0)
	defer election.Stop()
	ready, failed := n.ready, n.disk.Failed()
	for {
		select {
		case <-ctx.Done():
			return
		case <-failed:
			failed = nil
			w.retire()
		case <-ready:
			ready = nil
			tick.Reset(settled)
		case <-leaders:
		case <-n.configured:
		case <-n.suspicion:
		case <-election.C:
		case <-tick.C:
		}
		w.follow()
		w.catchUp()
		if failed != nil {
			election.Reset(min(w.hurry(), w.stand(ctx)))
		}
	}
}

// follow tells of a new leader and of new members.
func (w *watcher) follow() {
	address, leader := w.raft.LeaderWithID()
	members := w.servers()
	moved := leader != w.leader
	if changed := !slices.Equal(members, w.members); (changed || moved) && w.tell.members != nil {
		w.tell.members()
	}
	if moved && w.tell.leader != nil {
		w.tell.leader(string(leader), string(address))
	}
	if leader != "" {
		w.last = leader
	}
	w.leader, w.members = leader, members
}

// catchUp makes a follower ready once its state holds what was committed when
// it first heard from a leader.
func (w *watcher) catchUp() {
	if w.target == 0 && w.leader != "" && w.leader != w.id {
		if heard := w.wire.heard.Load(); w.current(heard) {
			w.target = heard
		}
	}
	if w.target != 0 && w.holds(w.target) {
		w.becomeReady()
	}
}

// current says whether index is of an entry of this term. Until its leader has
// committed one it does not know all that is committed (Raft §5.4.2).
func (n *Node) current(index uint64) bool {
	term := n.raft.CurrentTerm()
	var entry raft.Log
	if n.store.GetLog(index, &entry) == nil {
		return entry.Term == term
	}
	snapshots, err := n.store.List()
	return err == nil && len(snapshots) > 0 && snapshots[0].Index >= index && snapshots[0].Term == term
}

// holds says whether the state has every command up to index.
func (n *Node) holds(index uint64) bool {
	snapshots, err := n.store.List()
	if err != nil || n.store.Pending() {
		return false
	}
	have := n.machine.Applied()
	if len(snapshots) > 0 {
		have = max(have, snapshots[0].Index)
	}
	var entry raft.Log
	for i := index; i > have; i-- {
		if err := n.store.GetLog(i, &entry); err != nil || entry.Type == raft.LogCommand {
			return false
		}
	}
	return true
}

func (n *Node) becomeReady() { n.readyOnce.Do(func() { close(n.ready) }) }

// hurry shortens the timers once a leader that is suspected has been silent for
// the lease, and restores them when another leads or it is trusted again. So a
// suspicion without a reason changes nothing: heartbeats go on arriving. It
// returns when to look again.
func (w *watcher) hurry() time.Duration {
	switch {
	case w.leader == "":
		if w.suspected(w.last) {
			w.setTimers(true) // votes that are split are cast again soon
		}
		return settled // the election is under way
	case w.leader == w.id || !w.suspected(w.leader):
		w.setTimers(false)
		return settled
	case w.short:
		return settled
	}
	patience := w.timing.Lease + w.turn(turns, "")
	if silence := time.Since(w.raft.LastContact()); silence < patience {
		return patience - silence
	}
	w.setTimers(true)
	return settled
}

// stand stands for election without a pre-vote or a wait, in this member's turn,
// once the process of the leader has ended: it cannot be disturbed. Where another
// stood whose log is shorter, the turns begin anew without it. It returns when to
// look again.
func (w *watcher) stand(ctx context.Context) time.Duration {
	s, ok := w.suspicionOf(w.last)
	if !ok || s.ended.IsZero() || w.disk.Err() != nil || !w.mayStand() {
		return settled
	}
	since, but := s.ended, raft.ServerID("")
	if w.leader == "" { // somebody stood: whose request for a vote Raft takes makes it forget the leader
		w.mu.Lock()
		other := w.hopeless
		w.mu.Unlock()
		switch term := w.raft.CurrentTerm(); {
		case other.term > term && time.Since(other.since) < maxStand:
			return moment // Raft forgets the leader before it takes the term
		case other.term != term:
			return settled
		}
		since, but = other.since, other.id
	}
	if wait := w.turn(stands, but) - time.Since(since); wait > 0 {
		return wait
	}
	if w.raft.State() == raft.Follower {
		w.wire.timeoutNow(ctx, w.id)
	}
	return settled
}

// mayStand reports whether this member has a vote.
func (w *watcher) mayStand() bool {
	return slices.ContainsFunc(w.members, func(m raft.Server) bool { return m.ID == w.id && m.Suffrage == raft.Voter })
}

// candidacy is that of a member whose log is shorter than this one's.
type candidacy struct {
	id    raft.ServerID
	term  uint64
	since time.Time
}

// judge notes who stands for election and cannot have this member's vote.
func (n *Node) judge(a *raft.RequestVoteRequest) {
	last := n.raft.LastIndex()
	var entry raft.Log
	if n.store.GetLog(last, &entry) != nil || entry.Term < a.LastLogTerm || entry.Term == a.LastLogTerm && last <= a.LastLogIndex {
		return // a log that is cut up to a snapshot is not compared
	}
	n.mu.Lock()
	n.hopeless = candidacy{raft.ServerID(a.ID), a.Term, time.Now()}
	n.mu.Unlock()
	signal(n.suspicion)
}

// turn is this member's time among those who may stand for election, if each
// has a part of the lease.
func (w *watcher) turn(part time.Duration, but raft.ServerID) time.Duration {
	before := 0
	for _, m := range w.members {
		if m.Suffrage == raft.Voter && m.ID != w.last && m.ID != but && m.ID < w.id {
			before++
		}
	}
	return time.Duration(before) * w.timing.Lease / part
}

// setTimers makes the timers short, which lets Raft look at once how long the
// leader has been silent, or normal.
func (w *watcher) setTimers(short bool) {
	if short == w.short {
		return
	}
	w.short = short
	c := w.raft.ReloadableConfig()
	c.HeartbeatTimeout = w.timing.Heartbeat
	if short {
		c.HeartbeatTimeout = w.timing.Lease // Raft takes no less
	}
	c.ElectionTimeout = c.HeartbeatTimeout
	_ = w.raft.ReloadConfig(c) // refused only if the lease were longer
}

// retire keeps a node whose disk has failed from standing for election until
// the process ends: hashicorp/raft panics if it cannot store a new term.
func (w *watcher) retire() {
	c := w.raft.ReloadableConfig()
	c.HeartbeatTimeout, c.ElectionTimeout = retired, retired
	_ = w.raft.ReloadConfig(c) // refused only if the lease were longer
}

// suspicion is what is held against a member.
type suspicion struct {
	ended time.Time // when its process was known to have ended; zero: that is not certain
}

// Suspect says that the process of a member seems to have ended. If it leads
// and is silent for Timing.Lease, another stands for election. Trust takes it
// back.
func (n *Node) Suspect(id string) { n.suspect(id, suspicion{}) }

// Dead says that the process of a member has ended for certain. If it leads,
// another stands for election at once. An error in that costs an election, and
// nothing else. Trust says that it is there again.
func (n *Node) Dead(id string) {
	n.suspect(id, suspicion{ended: time.Now()})
}

// Trust says that a member which was suspected is there.
func (n *Node) Trust(id string) {
	n.mu.Lock()
	delete(n.suspects, raft.ServerID(id))
	n.mu.Unlock()
	signal(n.suspicion)
}

func (n *Node) suspect(id string, s suspicion) {
	n.mu.Lock()
	n.suspects[raft.ServerID(id)] = s
	n.mu.Unlock()
	signal(n.suspicion)
}

func (n *Node) suspected(id raft.ServerID) bool {
	_, ok := n.suspicionOf(id)
	return ok
}

func (n *Node) suspicionOf(id raft.ServerID) (s suspicion, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok = n.suspects[id]
	return s, ok
}

// Admits returns nil if the core node called id may take part: if it is a
// member or leads. While this node knows no leader or does not find itself among
// the members, any is admitted, because its own view of the members may be old
// or, before it has joined, empty; who may be a core node at all is for the
// certificates to say.
func (n *Node) Admits(id string) error {
	_, leader := n.raft.LeaderWithID()
	self, other := false, raft.ServerID(id) == leader
	for _, m := range n.servers() {
		self = self || m.ID == n.id
		other = other || m.ID == raft.ServerID(id)
	}
	if leader != "" && self && !other {
		return fmt.Errorf("%s is no member of the cell", id)
	}
	return nil
}
