package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"kohe/relay"
	"kohe/relay/desk"
)

// Bounds of the state. Times in ms by the state's clock.
const (
	AppendGrace int64 = 2 * 60_000 // after a session's end, messages said before it was seen are still stored
	MaxLive           = 100_000    // live sessions
	MaxMessages       = 100_000    // of one session; its events are stored past it

	keptClaims = 8 // claims of a session that are remembered, so that a repeated one raises no epoch
)

// State is the replicated state of a cell. The rows are in Pebble; in memory
// are the settings (customers, sites, departments, agents) and what is live
// (the desk, the sessions that have not ended), never transcripts.
//
// ApplyBatch belongs to one goroutine; everything else may be called from any.
type State struct {
	db     *pebble.DB
	prefix []byte

	applied  atomic.Uint64
	deadline atomic.Int64 // 0: none
	failure  atomic.Pointer[error]

	mu          lock  // held by ApplyBatch until its batch is committed, and by readers
	form        int   // the version of the rows
	clock       int64 // ms
	customers   map[string]Customer
	sites       map[string]Site
	departments map[string]Department
	agents      map[string]Agent
	nodes       map[string]Node      // when each edge last started
	joins       map[string]joinToken // by hash
	moves       map[string]Move      // of customers who are on the way, or gone
	cells       map[string]Cell      // besides this one, by number in decimal
	reserved    map[idKey]reserved   // of customers in other cells
	work        *desk.Desk
	live        map[relay.ID]*session
	liveOf      map[relay.ID]*session // by visitor

	remembered   int               // identities of live sessions (identity.go)
	pending      map[relay.ID]bool // sessions with messages that wait for the search index
	pendingFrom  key               // their rows are not before it
	pendingSince int64             // since when the first of them waits, ms; 0: none does
}

// Entry is a committed command and its place in the log.
type Entry struct {
	Index uint64
	Data  []byte // Encode's, or Pack's
}

// Result is a command's answer. Err is a *relay.Error, *Gap or *Refused.
type Result struct {
	Value any // Claimed, Appended or nil; of a Pack []Result
	Err   error
}

// meta is the row that names what the others came from. It is written in the
// same batch as they are.
type meta struct {
	Version int    `cbor:"1,keyasint"`
	Applied uint64 `cbor:"2,keyasint"`
	Clock   int64  `cbor:"3,keyasint"`
}

// session is a session's row. While it is live the desk's part is in State.work
// and the stored prefix's length is not in the row: the transcript says it.
type session struct {
	relay.Session `cbor:"-"`

	Row      relay.Session `cbor:"1,keyasint"` // set by saved only
	Customer string        `cbor:"2,keyasint"`
	Origin   string        `cbor:"3,keyasint"`
	Claims   []claim       `cbor:"4,keyasint,omitempty"` // oldest first
	Work     *desk.Session `cbor:"5,keyasint,omitempty"` // set by saved only

	identities map[uint64]struct{} // of what is stored, while live (identity.go); nil: not read yet
}

type claim struct {
	Nonce relay.ID `cbor:"1,keyasint"`
	Epoch uint32   `cbor:"2,keyasint"`
}

// Open returns the state kept under prefix in db, which may be empty. No other
// State may write there while this one is in use. There is nothing to close.
func Open(db *pebble.DB, prefix []byte) (*State, error) {
	s := &State{db: db, prefix: bytes.Clone(prefix)}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	return s, nil
}

// load reads what is in memory from the rows.
func (s *State) load() error {
	s.customers, s.sites = map[string]Customer{}, map[string]Site{}
	s.departments, s.agents = map[string]Department{}, map[string]Agent{}
	s.nodes, s.joins = map[string]Node{}, map[string]joinToken{}
	s.live, s.liveOf = map[relay.ID]*session{}, map[relay.ID]*session{}
	s.remembered, s.pending, s.pendingSince = 0, map[relay.ID]bool{}, 0
	s.moves, s.cells, s.reserved = map[string]Move{}, map[string]Cell{}, map[idKey]reserved{}
	var m meta
	if ok, err := get(s.db, s.key(tableMeta), &m); err != nil {
		return err
	} else if !ok {
		m.Version = first
	}
	if err := Readable(m.Version); err != nil {
		return err
	}
	var agents []desk.Agent
	var sessions []desk.Session
	err := errors.Join(
		scan(s, tableMove, func(m Move) { s.moves[m.Customer] = m }),
		scan(s, tableCell, func(c Cell) { s.cells[c.name()] = c }),
		scan(s, tableReserved, func(r reserved) { s.reserved[r.key()] = r }),
		scan(s, tableCustomer, func(c Customer) { keep(s, s.customers, c.ID, c, c.ID) }),
		scan(s, tableSite, func(c Site) { keep(s, s.sites, c.ID, c, c.Customer) }),
		scan(s, tableDepartment, func(c Department) { keep(s, s.departments, c.ID, c, c.Customer) }),
		scan(s, tableAgent, func(c Agent) { keep(s, s.agents, c.ID, c, c.Customer) }),
		scan(s, tableNode, func(n Node) { s.nodes[n.ID] = n }),
		scan(s, tableToken, func(j joinToken) { s.joins[string(j.Hash)] = j }),
		scan(s, tableWork, func(a desk.Agent) {
			if c, ok := s.agents[a.ID]; ok && !s.moving(c.Customer) {
				agents = append(agents, a)
			}
		}),
		scan(s, tableLive, func(row session) {
			if s.moves[row.Customer].hidden() {
				return
			}
			row.Session = row.Row
			s.live[row.ID], s.liveOf[row.Visitor] = &row, &row
			if !s.moving(row.Customer) {
				sessions = append(sessions, *row.Work)
			}
			row.Work = nil
		}),
	)
	if err != nil {
		return err
	}
	for _, row := range s.live {
		if row.Stored, err = s.lastSeq(s.db, row.ID); err != nil {
			return err
		}
	}
	s.work = desk.Restore(m.Clock, agents, sessions)
	s.form, s.clock = m.Version, m.Clock
	if err := s.loadPending(); err != nil {
		return err
	}
	s.applied.Store(m.Applied)
	s.setDeadline()
	return nil
}

// keep reads a setting, unless it stands for nothing here.
func keep[V any](s *State, m map[string]V, id string, v V, customer string) {
	if !s.moves[customer].hidden() {
		m[id] = v
	}
}

// moving reports whether a customer is on the way: what is theirs stays as it
// is, and nobody is at their desk.
func (s *State) moving(customer string) bool {
	_, moves := s.moves[customer]
	return moves
}

// Applied returns the index of the last entry that the state contains.
func (s *State) Applied() uint64 { return s.applied.Load() }

// Deadline returns when the next Tick has something to do, in ms by the
// proposers' clock, and whether there is such a time.
func (s *State) Deadline() (int64, bool) {
	at := s.deadline.Load()
	return at, at != 0
}

// Err returns why the state can no longer be used, nil while it can: the
// database failed. What was not committed is lost from memory only; opening the
// state again and applying the log from Applied on restores it.
func (s *State) Err() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *State) fail(err error) error {
	s.failure.CompareAndSwap(nil, &err)
	return err
}

func (s *State) setDeadline() {
	at, ok := s.work.Deadline()
	if s.pendingSince != 0 {
		if index := s.pendingSince + IndexDelay; !ok || index < at {
			at = index
		}
	}
	s.deadline.Store(at)
}

// ApplyBatch applies committed entries in order, in one database batch that is
// not synced: the log restores what a crash takes. There is one result for each
// entry; an entry that the state contains already changes nothing and is
// answered as its repetition would be. After a failure of the database every
// result is that error and nothing was applied (Err).
func (s *State) ApplyBatch(entries []Entry) ([]Result, []Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]Result, len(entries))
	t := s.begin()
	if s.Err() == nil {
		for i, e := range entries {
			results[i] = t.apply(e)
			if t.anew {
				t = s.reread(t)
			}
		}
		t.commit()
	}
	if err := s.Err(); err != nil {
		for i := range results {
			results[i] = Result{Err: &relay.Error{
				Code: relay.CodeUnavailable, Text: "This cannot be stored now. Please try again.", Retry: time.Second, Err: err,
			}}
		}
		return results, nil
	}
	s.setDeadline()
	return results, t.changes
}

// get reads a row into v and reports whether there is one.
func get(r pebble.Reader, k key, v any) (bool, error) {
	value, closer, err := r.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read row %q: %w", k, err)
	}
	defer closer.Close()
	if err := decoder.Unmarshal(value, v); err != nil {
		return false, fmt.Errorf("read row %q: %w", k, err)
	}
	return true, nil
}

// scan reads all rows of a small table in order of key.
func scan[R any](s *State, table byte, f func(R)) (err error) {
	k := s.key(table)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: k, UpperBound: k.end()})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, it.Close()) }()
	for it.First(); it.Valid(); it.Next() {
		var row R
		if err := decoder.Unmarshal(it.Value(), &row); err != nil {
			return fmt.Errorf("read row %q: %w", it.Key(), err)
		}
		f(row)
	}
	return it.Error()
}

// lastSeq returns the number of a session's last stored message.
func (s *State) lastSeq(r pebble.Reader, id relay.ID) (seq uint64, err error) {
	k := s.key(tableMessage).id(id)
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: k, UpperBound: k.end()})
	if err != nil {
		return 0, err
	}
	defer func() { err = cmp.Or(err, it.Close()) }()
	if it.Last() {
		seq = seqAt(tail(it.Key(), 8))
	}
	return seq, it.Error()
}

// readSession reads a session's row from the database, nil if there is none.
func (s *State) readSession(r pebble.Reader, id relay.ID) (*session, error) {
	var row session
	ok, err := get(r, s.key(tableLive).id(id), &row)
	if !ok && err == nil {
		ok, err = get(r, s.key(tableEnded).id(id), &row)
	}
	if !ok || err != nil {
		return nil, err
	}
	row.Session, row.Row = row.Row, relay.Session{}
	if row.State != relay.Ended {
		row.Stored, err = s.lastSeq(r, id)
	}
	return &row, err
}

// saved returns the session's row as it is written.
func (s *session) saved(work *desk.Session) session {
	row := session{Row: s.Session, Customer: s.Customer, Origin: s.Origin, Claims: s.Claims, Work: work}
	if work != nil {
		row.Row.Stored = 0
	}
	return row
}

// sortSessions orders sessions by opening.
func sortSessions(list []relay.Session) {
	slices.SortFunc(list, func(a, b relay.Session) int {
		return cmp.Or(cmp.Compare(a.OpenedAt, b.OpenedAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
}
