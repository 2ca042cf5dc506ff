package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"

	"kohe/raft/client"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// oracle is what a simulation has seen, to be held against the transcripts.
// simulation.mu guards it.
type oracle struct {
	said      map[string]string        // text of each message, by its author's id
	heard     map[string]place         // messages whose author heard that they are stored, and where
	places    map[place]string         // which message a place was given to
	told      map[relay.ID]relay.Error // conversations that a visitor was told are over
	broken    []string                 // promises, as they were seen to break
	lost, two int                      // messages
	stored    int
}

// place is what names a message for ever.
type place struct {
	session relay.ID
	epoch   uint32
	seq     uint64
}

func newOracle() *oracle {
	return &oracle{said: map[string]string{}, heard: map[string]place{}, places: map[place]string{}, told: map[relay.ID]relay.Error{}}
}

// note changes or reads what was seen.
func (s *simulation) note(f func(*oracle)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.oracle)
}

// maxBroken bounds what is said of one failure.
const maxBroken = 20

func (s *simulation) violated(format string, args ...any) {
	s.note(func(o *oracle) {
		if len(o.broken) < maxBroken {
			o.broken = append(o.broken, fmt.Sprintf(format, args...))
		}
	})
}

// placed notes the place of a message that somebody was told.
func (s *simulation) placed(m relay.Message, told relay.Author) {
	if m.Seq == 0 {
		return
	}
	key, name := place{m.Session, m.Epoch, m.Seq}, string(m.Author.Role)+" "+m.ID
	var had string
	s.note(func(o *oracle) {
		if had = o.places[key]; had == "" {
			o.places[key] = name
		}
	})
	if had != "" && had != name {
		s.violated("place (%d,%d) of %s names %s, and now %s for %s", m.Epoch, m.Seq, m.Session, had, name, told.ID)
	}
}

// dismissed notes that a visitor was told that a conversation is over.
func (s *simulation) dismissed(id relay.ID, e wire.ErrorPayload) {
	for _, l := range s.cores() {
		if row, ok := l.cells.Read().Session(id); ok && row.State != relay.Ended {
			s.violated("a visitor was told %q of the live conversation %s", e.Text, id)
			return
		}
	}
}

// auditor follows one member's changes and holds them against the rules.
type auditor struct {
	sim  *simulation
	at   string
	cell *client.Cell

	// Owned by the cell's goroutine for watchers.
	base  uint64 // what rows held at first
	index uint64
	rows  map[relay.ID]relay.Session
}

// audit watches what a member applies.
func (s *simulation) audit(l *life) {
	if os.Getenv(unwatchedEnv) != "" {
		return
	}
	_, all := l.cells.Cells()
	for _, c := range all { // one that comes later is audited from the next start on
		a := &auditor{sim: s, at: l.server.name, cell: c}
		c.Watch(a.changed)
	}
}

func (a *auditor) changed(changes []state.Change) {
	for _, ch := range changes {
		if a.rows == nil || ch.Reloaded {
			a.load()
		}
		if ch.Index <= a.base {
			continue
		}
		if ch.Index != a.index {
			a.capacity()
			a.index = ch.Index
		}
		switch {
		case ch.Session != nil:
			a.rows[ch.Session.ID] = *ch.Session
		case ch.Stored != nil:
			a.authors(ch.Stored)
		case ch.Agent != nil && ch.Agent.Load > ch.Agent.Capacity:
			a.sim.violated("%s: at %d %s has %d of %d places", a.at, ch.Index, ch.Agent.Agent, ch.Agent.Load, ch.Agent.Capacity)
		}
	}
	a.capacity()
}

// load reads all rows as of one index.
func (a *auditor) load() {
	for {
		before := a.cell.Applied()
		live := a.cell.Read().Live()
		if a.base = a.cell.Applied(); a.base != before {
			continue
		}
		a.rows = map[relay.ID]relay.Session{}
		for _, row := range live {
			a.rows[row.ID] = row
		}
		return
	}
}

// capacity holds what agents have, as of the last index, against their places.
func (a *auditor) capacity() {
	has := map[string]int{}
	for _, row := range a.rows {
		if row.State == relay.Active {
			has[row.Agent]++
		}
	}
	for _, agent := range slices.Sorted(maps.Keys(has)) {
		if has[agent] > places {
			a.sim.violated("%s: at %d %s has %d sessions and %d places", a.at, a.index, agent, has[agent], places)
		}
	}
}

// authors checks that only the agent whose session it is has stored.
func (a *auditor) authors(s *state.Stored) {
	row, known := a.rows[s.Session]
	for _, m := range s.Messages {
		if known && m.Author.Role == relay.RoleAgent && m.Author.ID != row.Agent {
			a.sim.violated("%s: at %d %s stored %s in a session of %q", a.at, a.index, m.Author.ID, m.ID, row.Agent)
		}
	}
}

// transcripts reads every session that anything is known of at one member.
func (s *simulation) transcripts(l *life, sessions []relay.ID) (map[relay.ID][]relay.Message, error) {
	all := map[relay.ID][]relay.Message{}
	for _, id := range sessions {
		for after := uint64(0); ; {
			some, err := l.cells.Read().Messages(id, after, state.MaxPage)
			if err != nil {
				return nil, err
			}
			if len(some) == 0 {
				break
			}
			all[id] = append(all[id], some...)
			after = some[len(some)-1].Seq
		}
	}
	return all, nil
}

// judge holds the transcripts, which are the same everywhere, against what was
// seen.
func (s *simulation) judge(all map[relay.ID][]relay.Message) {
	stored := map[string]relay.ID{}
	for id, messages := range all {
		s.judgeOne(id, messages)
		for _, m := range messages {
			if m.Kind != relay.KindText {
				continue
			}
			var text string
			s.note(func(o *oracle) { text = o.said[m.ID] })
			if text != m.Text {
				s.violated("%s: %s is stored as %q and was %q", id, m.ID, m.Text, text)
			}
			if _, twice := stored[m.ID]; twice {
				s.violated("%s is stored twice", m.ID)
				s.note(func(o *oracle) { o.two++ })
			}
			stored[m.ID] = id
		}
	}
	var lost []string
	s.note(func(o *oracle) {
		o.stored = len(stored)
		for m, at := range o.heard {
			if stored[m] != at.session {
				lost = append(lost, fmt.Sprintf("%s, at (%d,%d) of %s,", m, at.epoch, at.seq, at.session))
			}
		}
		o.lost = len(lost)
	})
	slices.Sort(lost)
	for _, m := range lost {
		s.violated("%s was acknowledged and is lost", m)
	}
}

// judgeOne checks one transcript by itself: its numbers, its order, and that
// every piece of it is what its origin said.
func (s *simulation) judgeOne(id relay.ID, messages []relay.Message) {
	seen := map[string]bool{}
	epoch := uint32(0)
	for i, m := range messages {
		key := lineOf(m.Author, m.ID)
		if seen[key] {
			s.violated("%s: %s is stored twice", id, m.ID)
			s.note(func(o *oracle) { o.two++ })
		}
		seen[key] = true
		if m.Seq != uint64(i)+1 || m.Epoch < epoch {
			s.violated("%s: (%d,%d) stands at place %d, after epoch %d", id, m.Epoch, m.Seq, i+1, epoch)
		}
		epoch = m.Epoch
		var said string
		s.note(func(o *oracle) { said = o.places[place{id, m.Epoch, m.Seq}] })
		if name := string(m.Author.Role) + " " + m.ID; said != "" && said != name {
			s.violated("%s: (%d,%d) is stored as %s; its origin said %s there", id, m.Epoch, m.Seq, name, said)
		}
	}
}

// differs says how a conversation as somebody sees it differs from its
// transcript.
func (t *chat) differs(transcript []relay.Message) error {
	if n := len(t.pending()); n > 0 {
		return fmt.Errorf("%s waits for %d messages to be stored", t.me.ID, n)
	}
	shown := t.prefix()
	if len(shown) != len(transcript) {
		return fmt.Errorf("%s sees %d stored messages of %d", t.me.ID, len(shown), len(transcript))
	}
	for i, m := range transcript {
		if shown[i].ID != m.ID || shown[i].Epoch != m.Epoch || shown[i].Text != m.Text && shown[i].Text != "" {
			return fmt.Errorf("%s sees %s in epoch %d at %d, stored is %s in %d", t.me.ID, shown[i].ID, shown[i].Epoch, m.Seq, m.ID, m.Epoch)
		}
	}
	for _, e := range t.entries {
		if !e.stored && !e.lost && e.message.Seq > 0 {
			return fmt.Errorf("%s sees %s at (%d,%d), which is not stored", t.me.ID, e.message.ID, e.message.Epoch, e.message.Seq)
		}
	}
	return nil
}

// settled says what is not as it has to be when nothing is wrong any more.
func (s *simulation) settled() error {
	if err := s.healthy(); err != nil {
		return err
	}
	up := s.cores()
	applied := up[0].applied()
	for _, l := range up {
		if now := l.applied(); !slices.Equal(now, applied) {
			return fmt.Errorf("%s stands at %d, %s at %d", l.server.name, now, up[0].server.name, applied)
		}
	}
	var live []relay.ID
	for _, row := range up[0].cells.Read().Live() {
		live = append(live, row.ID)
	}
	all, err := s.transcripts(up[0], live)
	if err != nil {
		return err
	}
	for _, p := range s.people {
		if err := s.sees(p, up[0], all); err != nil {
			return err
		}
	}
	if now := up[0].applied(); !slices.Equal(now, applied) {
		return fmt.Errorf("the log still grows, from %d to %d", applied, now)
	}
	return nil
}

// compare reads the transcripts, which have to be the same everywhere.
func (s *simulation) compare() (all map[relay.ID][]relay.Message) {
	first := ""
	for _, l := range s.cores() {
		own, err := s.transcripts(l, s.sessions())
		if err != nil {
			s.violated("%s: %v", l.server.name, err)
			continue
		}
		if all == nil {
			all, first = own, l.server.name
		}
		for _, id := range s.sessions() {
			if !slices.Equal(all[id], own[id]) {
				s.violated("%s: %s and %s keep different transcripts (%d and %d messages)", id, first, l.server.name, len(all[id]), len(own[id]))
			}
		}
	}
	return all
}

// healthy says whether every server serves and takes part in the cell.
func (s *simulation) healthy() error {
	servers := s.all()
	for _, v := range servers {
		l := v.serving()
		if l == nil {
			return fmt.Errorf("%s is not up", v.name)
		}
		if err := l.cellErr(); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		if v.edge {
			continue
		}
		numbers, all := l.cells.Cells()
		if len(all) != *cellCount {
			return fmt.Errorf("%s has the cells %v of %d", v.name, numbers, *cellCount)
		}
		for i, c := range all {
			voters := 0
			for _, m := range c.Node().Members() {
				if m.Voter {
					voters++
				}
			}
			if voters != len(servers)-edges {
				return fmt.Errorf("%s knows %d voters of the cell %d, not %d", v.name, voters, numbers[i], len(servers)-edges)
			}
			for _, m := range c.Read().Moves() {
				if m.Phase != state.Gone {
					return fmt.Errorf("the customer %s has %s from the cell %d", m.Customer, m.Phase, numbers[i])
				}
			}
		}
	}
	return nil
}

// applied returns how far each cell is.
func (l *life) applied() (list []uint64) {
	_, all := l.cells.Cells()
	for _, c := range all {
		list = append(list, c.Applied())
	}
	return list
}

// sees says whether somebody sees the live sessions that are theirs as they are
// stored.
func (s *simulation) sees(p *someone, l *life, all map[relay.ID][]relay.Message) (err error) {
	done := make(chan struct{})
	p.check <- func(p *someone) {
		defer close(done)
		for _, row := range l.cells.Read().Live() {
			theirs := row.Agent == p.me.ID && row.State == relay.Active || row.Visitor.String() == p.me.ID
			if !theirs || err != nil {
				continue
			}
			t := p.talks[row.ID]
			if t == nil {
				err = fmt.Errorf("%s does not know session %s", p.me.ID, row.ID)
			} else {
				err = t.differs(all[row.ID])
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", row.ID, err)
			}
		}
	}
	<-done
	return err
}

// sessions returns every session that anybody ever opened, in order.
func (s *simulation) sessions() []relay.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.opened)
	slices.SortFunc(list, func(a, b relay.ID) int { return cmp.Compare(a.String(), b.String()) })
	return list
}
