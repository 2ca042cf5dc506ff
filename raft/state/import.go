package state

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
)

// What is added at a restore, so that nothing that the new cluster gives out is
// taken for what the old one gave out after the backup: it is more than that
// can have been.
const (
	indexGap      = 1 << 32 // to the applied index: clients order what they hear by it
	epochGap      = 1 << 16 // to the epochs of live sessions: a place of an epoch is given once
	generationGap = 1 << 16 // to the agents' sign-ins: those of the old cluster are void
)

// importBatch is how many bytes of rows are written at once.
const importBatch = 4 << 20

// Plan is what an Import has to know of a backup before it writes: it is read
// twice. The zero value is for nothing but Learn.
type Plan struct {
	Customer string // the only one to be restored; "": all
	Node     string // keeps the recordings from now on

	one   *oneCustomer
	files map[[2]relay.ID]bool // sessions' segments whose files are there
}

// Learn reads a row, in any order.
func (p *Plan) Learn(k, value []byte) error {
	if p.Customer == "" {
		_, err := ownerOf(k)
		return err
	}
	if p.one == nil {
		p.one = newOneCustomer(p.Customer)
	}
	return p.one.learn(k, value)
}

// LearnFile notes that the backup has a file.
func (p *Plan) LearnFile(session, segment relay.ID) {
	if p.files == nil {
		p.files = map[[2]relay.ID]bool{}
	}
	p.files[[2]relay.ID{session, segment}] = true
}

// Ready says whether there is something to restore.
func (p *Plan) Ready() error {
	if p.Customer != "" && (p.one == nil || !p.one.seen) {
		return fmt.Errorf("there is no customer %q in the backup", p.Customer)
	}
	return nil
}

// Wants reports whether a session's files are restored.
func (p *Plan) Wants(session relay.ID) bool {
	if p.Customer == "" {
		return true
	}
	is, _ := p.one.of(owner{kind: ofSession, id: session}) // never fails
	return is != ""
}

// Import writes the rows of a backup under prefix in db, where nothing is. They
// are not synced. One goroutine uses it.
type Import struct {
	db     *pebble.DB
	prefix []byte
	plan   *Plan
	batch  *pebble.Batch
}

// NewImport begins an import. Finish or Close ends it.
func NewImport(db *pebble.DB, prefix []byte, plan *Plan) *Import {
	return &Import{db: db, prefix: slices.Clip(bytes.Clone(prefix)), plan: plan, batch: db.NewBatch()}
}

// Row writes a row, if it is to be restored.
func (i *Import) Row(k, value []byte) error {
	in, err := selects(k, i.plan.Customer, i.plan.one)
	if err != nil || !in {
		return err
	}
	switch k[0] {
	case tableLive:
		if err := checkLive(k, value); err != nil {
			return err
		}
	case tableSegment:
		if in, value, err = i.segment(k, value); err != nil {
			return err
		}
	case tableByAge:
		ids := tail(k, 2*len(relay.ID{}))
		in = i.plan.files[[2]relay.ID{idAt(ids), idAt(ids[len(relay.ID{}):])}]
	}
	if !in {
		return nil
	}
	if err := i.batch.Set(append(i.prefix, k...), value, nil); err != nil {
		return err
	}
	if i.batch.Len() < importBatch {
		return nil
	}
	return i.flush()
}

// segment returns the row of a segment whose file is kept here from now on, and
// whether there is a file.
func (i *Import) segment(k, value []byte) (in bool, _ []byte, _ error) {
	var g Segment
	if err := decoder.Unmarshal(value, &g); err != nil {
		return false, nil, fmt.Errorf("read row %q: %w", k, err)
	}
	g.Nodes = []string{i.plan.Node}
	return i.plan.files[[2]relay.ID{g.Session, g.ID}], marshal(g), nil
}

// checkLive refuses the row of a live session that nobody could go on with.
func checkLive(k, value []byte) error {
	var row session
	if err := decoder.Unmarshal(value, &row); err != nil {
		return fmt.Errorf("read row %q: %w", k, err)
	}
	if id := idAt(k[1:]); row.Work == nil || row.Work.ID != id || row.Row.ID != id || row.Row.State == relay.Ended {
		return fmt.Errorf("the row %q is of no live session", k)
	}
	return nil
}

func (i *Import) flush() error {
	err := i.batch.Commit(pebble.NoSync)
	i.batch = i.db.NewBatch()
	return err
}

// Close ends an import that is not finished.
func (i *Import) Close() error { return i.batch.Close() }

// Finish makes the rows those of a new cluster (Resettle) at a time in ms, and
// returns their applied index.
func (i *Import) Finish(at int64) (applied uint64, err error) {
	if err := i.flush(); err != nil {
		return 0, err
	}
	s, err := Open(i.db, i.prefix)
	if err != nil {
		return 0, err
	}
	if err := s.resettle(at); err != nil {
		return 0, err
	}
	return s.Applied(), nil
}

// resettle ends what belonged to the life of the cluster that a backup was
// taken of: nobody is connected, all agents are signed out, and what they had
// waits at the front of its queue. Their visitors have AwayTime from now on to
// come back. What was signed or numbered after the backup is void.
func (s *State) resettle(at int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.begin()
	t.index += indexGap
	now := t.now(at)
	for _, node := range s.connectedAt() {
		t.did(t.work.NodeStarted(now, node))
	}
	for _, id := range slices.Sorted(maps.Keys(t.agents)) {
		a := t.agents[id]
		a.Generation += generationGap
		t.saveAgent(a)
		t.did(t.work.Dismiss(now, id))
	}
	for _, row := range t.live {
		row.Epoch += epochGap
		row.Claims = nil // they are of epochs that are over
		t.touch(row)
	}
	t.flush()
	t.commit()
	return s.Err()
}

// connectedAt returns the nodes at which anybody is connected, in order.
func (s *State) connectedAt() []string {
	at := map[string]bool{}
	for id := range s.agents {
		if a, ok := s.work.Agent(id); ok {
			for _, node := range a.Nodes {
				at[node] = true
			}
		}
	}
	for id := range s.live {
		row, _ := s.work.Session(id)
		for _, node := range row.Nodes {
			at[node] = true
		}
	}
	return slices.Sorted(maps.Keys(at))
}
