package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/relay"
)

// world is a state with a shop in it and a log's index.
type world struct {
	t       testing.TB
	db      *pebble.DB
	state   *State
	index   uint64
	now     int64 // ms
	changes []Change
}

const noon int64 = 1_700_000_000_000

func openDB(t testing.TB, fs vfs.FS) *pebble.DB {
	t.Helper()
	o := &pebble.Options{FS: fs, Logger: quiet{}, MemTableSize: 16 << 20}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // as raft/logstore has it
	}
	db, err := pebble.Open("db", o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

func openState(t interface{ Fatal(...any) }, db *pebble.DB) *State {
	s, err := Open(db, []byte("state/"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := openDB(t, vfs.NewMem())
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, db: db, state: openState(t, db), now: noon}
	for _, c := range shop() {
		w.must(c)
	}
	return w
}

// shop is the settings that most tests start from: one customer with a site,
// two departments, two agents and a supervisor, and another customer.
func shop() []Command {
	agent := func(id string, role relay.Role, sites, departments []string, customer string) Put {
		return Put{Agent: &Agent{
			ID: id, Customer: customer, Name: strings.ToUpper(id), Alias: "Alias of " + id, Role: role,
			Sites: sites, Departments: departments, Password: "hash", Capacity: 2,
		}, At: noon}
	}
	return []Command{
		Put{Customer: &Customer{ID: "acme", Name: "Acme"}, At: noon},
		Put{Department: &Department{ID: "sales", Customer: "acme", Name: "Sales"}, At: noon},
		Put{Department: &Department{ID: "service", Customer: "acme", Name: "Service"}, At: noon},
		Put{Site: &Site{ID: "shop", Customer: "acme", Origins: []string{"https://shop.example"}, Departments: []string{"sales", "service"}, CoBrowse: true, Record: 30}, At: noon},
		agent("ann", relay.RoleAgent, []string{"shop"}, []string{"sales", "service"}, "acme"),
		agent("bob", relay.RoleAgent, []string{"shop"}, []string{"sales"}, "acme"),
		agent("sue", relay.RoleSupervisor, []string{"shop"}, []string{"sales", "service"}, "acme"),
		Put{Customer: &Customer{ID: "other"}, Department: &Department{ID: "desk", Customer: "other"}, Site: &Site{ID: "blog", Customer: "other", Departments: []string{"desk"}}, At: noon},
		agent("oto", relay.RoleSupervisor, []string{"blog"}, []string{"desk"}, "other"),
	}
}

// do applies one command in a batch of its own. changes are those of it.
func (w *world) do(c Command) (any, error) {
	w.t.Helper()
	w.index++
	results, changes := w.state.ApplyBatch([]Entry{{w.index, Encode(c)}})
	w.changes = changes
	for _, c := range changes {
		if c.Index != w.index {
			w.t.Fatalf("a change of index %d from entry %d", c.Index, w.index)
		}
	}
	return results[0].Value, results[0].Err
}

func (w *world) must(c Command) any {
	w.t.Helper()
	v, err := w.do(c)
	if err != nil {
		w.t.Fatalf("%+v: %v", c, err)
	}
	return v
}

// refuse expects an error with a code, and that nothing changed.
func (w *world) refuse(c Command, code relay.Code) {
	w.t.Helper()
	before := dump(w.t, w.db, w.state)
	_, err := w.do(c)
	if relay.CodeOf(err) != code {
		w.t.Fatalf("%+v: %v; want code %s", c, err, code)
	}
	if after := dump(w.t, w.db, w.state); after != before {
		w.t.Errorf("%+v was refused and changed\n%s\nto\n%s", c, before, after)
	}
}

// reopen reads the state from its rows again.
func (w *world) reopen() {
	w.t.Helper()
	w.state = openState(w.t, w.db)
}

func sid(n int) relay.ID { return relay.ID{0: 's', 15: byte(n)} }
func vid(n int) relay.ID { return relay.ID{0: 'v', 15: byte(n)} }

// open opens session n of visitor n at the shop.
func (w *world) open(n int, department string) Claimed {
	w.t.Helper()
	return w.must(OpenSession{
		Session: sid(n), Site: "shop", Department: department, Visitor: vid(n), Name: "Mari", Lang: "et",
		URL: "https://shop.example/", Title: "Shop", Facts: relay.Facts{Visits: 3, Screen: "390x844"}, Node: "n1", At: w.now,
	}).(Claimed)
}

// work brings an agent into service.
func (w *world) work(agent string) {
	w.t.Helper()
	w.must(SetAgentOnline{Agent: agent, Node: "n1", On: true, At: w.now})
	w.must(SetAgentState{Agent: agent, State: relay.Service, At: w.now})
}

// talk opens session n and lets an agent accept it.
func (w *world) talk(n int, agent string) {
	w.t.Helper()
	w.open(n, "sales")
	w.must(Answer{Session: sid(n), Agent: agent, Assignment: w.session(n).Assignment, Accept: true, At: w.now})
}

func (w *world) session(n int) relay.Session {
	w.t.Helper()
	s, ok := w.state.Read().Session(sid(n))
	if !ok {
		w.t.Fatalf("no session %d", n)
	}
	return s
}

func visitor(n int) relay.Author {
	return relay.Author{Role: relay.RoleVisitor, ID: vid(n).String(), Name: "Mari"}
}
func agent(id string) relay.Author {
	return relay.Author{Role: relay.RoleAgent, ID: id, Name: "Alias of " + id}
}

// text is a message of session n in epoch 1.
func text(n int, seq uint64, by relay.Author, id, body string) relay.Message {
	return relay.Message{Session: sid(n), Epoch: 1, Seq: seq, Author: by, ID: id, Kind: relay.KindText, Text: body, At: noon + int64(seq)}
}

func (w *world) append(n int, epoch uint32, messages ...relay.Message) (uint64, error) {
	w.t.Helper()
	v, err := w.do(Append{Session: sid(n), Epoch: epoch, Messages: messages, At: w.now})
	if err != nil {
		return 0, err
	}
	return v.(Appended).Seq, nil
}

func (w *world) transcript(n int) string {
	w.t.Helper()
	list, err := w.state.Read().Messages(sid(n), 0, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var lines []string
	for i, m := range list {
		if m.Seq != uint64(i+1) || m.Session != sid(n) {
			w.t.Fatalf("message %d is %+v", i+1, m)
		}
		lines = append(lines, m.Text)
	}
	return strings.Join(lines, "|")
}

// dump prints every row under the state's prefix but the meta row, and what can
// be seen of what is in memory: live sessions, queues, desks and the deadline.
func dump(t testing.TB, db *pebble.DB, s *State) string {
	t.Helper()
	var b strings.Builder
	from := key(s.prefix)
	err := walk(db, from, from.end(), func(k, value []byte) (bool, error) {
		if k[len(s.prefix)] == tableMeta {
			return true, nil
		}
		fmt.Fprintf(&b, "%q = %x\n", k[len(s.prefix):], value)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Read()
	for _, row := range r.Live() {
		fmt.Fprintf(&b, "live %+v\n", row)
	}
	for _, id := range []string{"sales", "service", "desk"} {
		fmt.Fprintf(&b, "queue %+v\n", r.Queue(id))
	}
	for _, a := range r.AllAgents() {
		desk, _ := r.Desk(a.ID)
		fmt.Fprintf(&b, "desk %+v offers %+v\n", desk, r.Offers(a.ID))
	}
	due, ok := s.Deadline()
	fmt.Fprintln(&b, "deadline", due, ok)
	return b.String()
}

func gapOf(t testing.TB, err error) uint64 {
	t.Helper()
	var gap *Gap
	if !errors.As(err, &gap) {
		t.Fatalf("%v; want a gap", err)
	}
	return gap.Have
}
