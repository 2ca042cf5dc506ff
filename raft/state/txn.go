package state

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
	"kohe/relay/desk"
)

// txn is one ApplyBatch under way. A command checks everything before it
// changes anything, so a refused one leaves no trace but the clock.
type txn struct {
	*State
	rows    *pebble.Batch // indexed from the first read on (read)
	indexed bool
	words   *pebble.Batch // the search index, which no command reads
	changes []Change
	tokens  tokenizer
	seen    map[string]bool // words of the message at hand
	k       key             // of the row at hand: Pebble copies it
	v       form            // likewise

	dirty       map[relay.ID]bool // live sessions to write at the end
	dirtyAgents map[string]bool   // agents at work to write at the end

	// What the command under way changed; emptied by flush.
	index    uint64 // the last one applied
	anew     bool   // what is in memory is to be read anew (reread)
	sessions []*session
	touched  map[*session]bool // those in sessions
	facts    *relay.Facts      // of the one session whose facts changed
	factsOf  relay.ID
	rest     []Change
	offers   []Change
	atWork   []string
	queues   []string
}

func (s *State) begin() *txn {
	return &txn{
		State:       s,
		rows:        s.db.NewBatch(),
		words:       s.db.NewBatch(),
		tokens:      newTokenizer(),
		seen:        map[string]bool{},
		dirty:       map[relay.ID]bool{},
		dirtyAgents: map[string]bool{},
		index:       s.applied.Load(),
		touched:     map[*session]bool{},
	}
}

func (t *txn) apply(e Entry) Result {
	repeated := e.Index <= t.index
	t.index = max(t.index, e.Index)
	if len(e.Data) > 0 && e.Data[0] == kindPack {
		return t.applyPack(e.Data, repeated)
	}
	return t.applyOne(e.Data, repeated)
}

func (t *txn) applyOne(data []byte, repeated bool) Result {
	cmd, err := Decode(data)
	if errors.Is(err, errNewer) {
		err = t.stop(err)
	}
	if err != nil {
		return Result{Err: err}
	}
	if repeated {
		return t.again(cmd)
	}
	value, err := any(nil), t.settled(cmd)
	if err == nil {
		value, err = t.do(cmd)
	}
	if _, partly := errors.AsType[*Refused](err); partly || err == nil {
		t.form = max(t.form, Since(cmd))
	}
	t.flush()
	return Result{Value: value, Err: err}
}

func (t *txn) do(cmd Command) (any, error) {
	switch c := cmd.(type) {
	case Put:
		return nil, t.put(c)
	case StartEdge:
		return nil, t.startEdge(c)
	case OpenSession:
		return t.openSession(c)
	case Claim:
		return t.claim(c)
	case Append:
		return t.append(c)
	case SetMarks:
		return nil, t.setMarks(c)
	case SetConsent:
		return nil, t.setConsent(c)
	case SetLevel:
		return nil, t.setLevel(c)
	case SetPage:
		return nil, t.setPage(c)
	case AddSegment:
		return nil, t.addSegment(c.Segment, c.At)
	case Forget:
		return t.forgetSegments(c.At), nil
	case Depart:
		return nil, t.depart(c)
	case Arrive:
		return nil, t.arrive(c)
	case Settle:
		return nil, t.settle(c)
	case Leave:
		return nil, t.leave(c)
	case Stay:
		return nil, t.stay(c)
	case PutCell:
		return nil, t.putCell(c)
	case SeatCell:
		return nil, t.seatCell(c)
	case Reserve:
		return nil, t.reserve(c)
	case SetOnline:
		return nil, t.setOnline(c)
	case EndSession:
		return nil, t.endSession(c)
	case SetAgentState:
		return nil, t.setAgentState(c)
	case SetAgentOnline:
		return nil, t.setAgentOnline(c)
	case Answer:
		return nil, t.answer(c)
	case Block:
		return nil, t.block(c)
	case SetPassword:
		return nil, t.setPassword(c)
	case PutNode:
		return nil, t.putNode(c)
	case RemoveNode:
		return nil, t.removeNode(c)
	case LoseEdge:
		return nil, t.loseEdge(c)
	case PutToken:
		return nil, t.putToken(c)
	case RedeemToken:
		return nil, t.redeemToken(c)
	case Tick:
		t.did(t.work.Tick(t.now(c.At)))
		t.indexPending()
		return nil, nil
	default:
		return nil, relay.Errorf(relay.CodeInternal, "No rule for a command %T.", cmd)
	}
}

// again answers a command that the state contains.
func (t *txn) again(cmd Command) Result {
	var id relay.ID
	switch c := cmd.(type) {
	case OpenSession:
		id = c.Session
		if t.session(id) == nil && t.liveOf[c.Visitor] != nil {
			id = t.liveOf[c.Visitor].ID
		}
	case Claim:
		id = c.Session
	case Append:
		if s := t.session(c.Session); s != nil {
			return Result{Value: Appended{Seq: s.Stored}}
		}
		return Result{Err: errNoSession}
	default:
		return Result{}
	}
	s := t.session(id)
	if s == nil {
		return Result{Err: errNoSession}
	}
	return Result{Value: t.claimed(s)}
}

// now moves the state's clock to at, unless it is past that, and returns it.
func (t *txn) now(at int64) int64 {
	t.clock = max(t.clock, at)
	return t.clock
}

// read returns a reader of the rows as the commands so far leave them. Most
// batches are Appends, which read nothing: it is not worth its price to index
// what they write.
func (t *txn) read() pebble.Reader {
	switch {
	case t.indexed:
		return t.rows
	case t.rows.Empty():
		return t.db
	}
	rows := t.db.NewIndexedBatch()
	if err := errors.Join(rows.Apply(t.rows, nil), t.rows.Close()); err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
	t.rows, t.indexed = rows, true
	return t.rows
}

// inTable begins a key in t.k.
func (t *txn) inTable(table byte) key {
	return append(append(t.k[:0], t.prefix...), table)
}

func (t *txn) get(k key, v any) bool {
	ok, err := get(t.read(), k, v)
	if err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
	return ok
}

// set writes a row. Writing to a batch in memory cannot fail.
func (t *txn) set(k key, v any) { t.setBytes(k, marshal(v)) }

func (t *txn) setBytes(k key, v []byte) {
	if err := t.rows.Set(k, v, nil); err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
}

func (t *txn) unset(k key) {
	if err := t.rows.Delete(k, nil); err != nil {
		_ = t.fail(err) // noted; the batch is not committed
	}
}

// session returns a session, live or ended, nil if there is none.
func (t *txn) session(id relay.ID) *session {
	if s := t.live[id]; s != nil {
		return s
	}
	s, err := t.readSession(t.read(), id)
	if err != nil {
		_ = t.fail(err) // noted; the batch is not committed
		return nil
	}
	return s
}

// touch notes that a session changed. One that came from a cell with a longer
// log has a later version than this one's index.
func (t *txn) touch(s *session) {
	if !t.touched[s] {
		s.Version = max(t.index, s.Version+1)
		t.touched[s] = true
		t.sessions = append(t.sessions, s)
	}
}

// view returns a session as its readers get it.
func (s *State) view(row *session) relay.Session {
	v := row.Session
	v.Place = s.work.Place(row.ID)
	return v
}

// flush turns what the command changed into rows to write and Changes: first
// sessions, then what is said of them, then offers, agents and queues.
func (t *txn) flush() {
	for _, s := range t.sessions {
		if s.State == relay.Ended {
			t.set(t.key(tableEnded).id(s.ID), s.saved(nil))
		} else {
			t.dirty[s.ID] = true
		}
		v := t.view(s)
		if s.ID == t.factsOf {
			v.Facts = t.facts
		}
		t.change(Change{Session: &v})
	}
	for _, c := range t.rest {
		t.change(c)
	}
	for _, c := range t.offers {
		t.change(c)
	}
	for _, id := range unique(t.atWork) {
		t.dirtyAgents[id] = true
		row := t.agentDesk(id)
		t.change(Change{Agent: &row})
	}
	if len(t.queues) > 0 {
		t.change(Change{Queues: unique(t.queues)})
	}
	clear(t.touched)
	clear(t.rest)
	t.rest = t.rest[:0]
	t.sessions, t.offers, t.atWork, t.queues = nil, nil, nil, nil
	t.facts, t.factsOf = nil, relay.ID{}
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *txn) change(c Change) {
	c.Index = t.index
	t.changes = append(t.changes, c)
}

// commit writes everything in one batch with the applied index.
func (t *txn) commit() {
	for id := range maps.Keys(t.dirty) { // in any order: distinct rows
		if s := t.live[id]; s != nil {
			work, _ := t.work.Session(id)
			t.set(t.key(tableLive).id(id), s.saved(&work))
		}
	}
	for id := range maps.Keys(t.dirtyAgents) {
		row, _ := t.work.Agent(id)
		t.set(t.key(tableWork).name(id), row)
	}
	t.set(t.key(tableMeta), meta{Version: t.form, Applied: t.index, Clock: t.clock})
	defer func() { _ = errors.Join(t.rows.Close(), t.words.Close()) }()
	if t.Err() != nil {
		return
	}
	batch, err := t.rows, error(nil)
	if !t.words.Empty() {
		batch, err = t.words, t.words.Apply(t.rows, nil)
	}
	if err == nil {
		err = batch.Commit(pebble.NoSync)
	}
	if err != nil {
		_ = t.fail(fmt.Errorf("commit state: %w", err))
		return
	}
	t.applied.Store(t.index)
}

// did takes over what the desk brought about.
func (t *txn) did(events []desk.Event) {
	for _, e := range events {
		switch e := e.(type) {
		case desk.Offered:
			t.offers = append(t.offers, Change{Offer: &Offer{Session: e.Session, Agent: e.Agent, Assignment: e.Assignment, ExpiresAt: e.Until}})
		case desk.OfferOver:
			t.offers = append(t.offers, Change{Offer: &Offer{Session: e.Session, Agent: e.Agent, Assignment: e.Assignment, Over: e.Why}})
		case desk.Accepted:
			t.accepted(t.live[e.Session], e.Agent)
		case desk.Returned:
			s := t.live[e.Session]
			s.State, s.Agent, s.AgentName = relay.Waiting, "", ""
			s.Granted, s.Refused = nil, nil
		case desk.Ended:
			t.ended(t.live[e.Session], e.By)
		case desk.SessionChanged:
			s := t.live[e.Session]
			work, _ := t.work.Session(e.Session)
			s.Assignment, s.AwaySince = work.Assignment, work.AwaySince
			t.touch(s)
		case desk.AgentChanged:
			t.atWork = append(t.atWork, e.Agent)
		case desk.QueueChanged:
			t.queues = append(t.queues, e.Department)
		}
	}
}

func (t *txn) accepted(s *session, agent string) {
	row := t.agents[agent]
	s.State, s.Agent, s.AgentName = relay.Active, agent, row.Alias
	if s.AgentName == "" {
		s.AgentName = row.Name
	}
	if s.AcceptedAt == 0 {
		s.AcceptedAt = t.clock
	}
	t.setBytes(t.key(tableByAgent).name(agent).newest(s.OpenedAt).id(s.ID), nil)
}

func (t *txn) ended(s *session, by string) {
	s.State, s.EndedAt, s.EndedBy = relay.Ended, t.clock, by
	delete(t.live, s.ID)
	delete(t.liveOf, s.Visitor)
	t.forget(s)
	t.unset(t.key(tableLive).id(s.ID))
	t.touch(s)
	var v Visitor
	if k := t.visitorKey(s.Site, s.Visitor); t.get(k, &v) {
		v.LastSeen = t.clock
		t.set(k, v)
	}
}

// agentDesk returns an agent at work, or as they would come to work.
func (s *State) agentDesk(id string) AgentDesk {
	if a, ok := s.work.Agent(id); ok {
		return AgentDesk{
			Agent: id, State: a.State, Departments: a.Departments, Capacity: a.Capacity,
			Load: s.work.Load(id), Online: a.Reachable(), Missed: a.Missed, RestUntil: a.RestUntil,
		}
	}
	row := s.agents[id]
	return AgentDesk{Agent: id, State: relay.SignedOut, Departments: row.Departments, Capacity: row.places()}
}
