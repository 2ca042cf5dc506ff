package remote

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kohe/edge/auth"
	"kohe/raft/state"
	"kohe/relay"
)

// Cell is the cell as a core node knows it; raft/client is one.
type Cell interface {
	Propose(ctx context.Context, cmd state.Command) (any, error)
	Watch(f func([]state.Change)) (cancel func())
	// AfterChanges has f called once the watchers were told of all that was
	// applied before.
	AfterChanges(f func())
}

// Store is what a core node reads for edges; state.Reader is one.
type Store interface {
	Agent(id string) (state.Agent, bool)
	AllSites() []state.Site
	Customers() []state.Customer
	Departments(customer string) []state.Department
	Desk(agent string) (state.AgentDesk, bool)
	LastOrigin(session relay.ID) (node string, ok bool)
	Live() []relay.Session
	LiveOf(visitor relay.ID) (relay.Session, bool)
	Messages(session relay.ID, after uint64, limit int) ([]relay.Message, error)
	Nodes() []state.Node
	Offers(agent string) []state.Offer
	Origin(session relay.ID) (node string, epoch uint32, ok bool)
	Place(session relay.ID) int
	Queue(department string) relay.Queue
	Session(id relay.ID) (relay.Session, bool)
	Site(id string) (state.Site, bool)
	Department(id string) (state.Department, bool)
	Visitor(site string, id relay.ID) (state.Visitor, bool)
}

// ServerConfig is what a core node needs to serve edges. All members are required.
type ServerConfig struct {
	Cell    Cell
	Store   Store
	Key     *auth.Key
	Tickets *auth.Tickets
	Log     *slog.Logger
	Now     func() time.Time
	Health  func() error // nil while this node can have commands settled
}

// Server serves nodes that are edges only, until Close.
type Server struct {
	ServerConfig

	serving sync.WaitGroup // lines; added to under mu

	mu     sync.Mutex // guards what follows
	lines  map[string]*line
	closed bool
}

// What ends the stream of an edge that has opened another, or of all.
var (
	errReplaced = relay.Errorf(relay.CodeStale, "The edge has opened another stream.")
	errClosed   = relay.Errorf(relay.CodeDraining, "This core node is going away.")
)

// Close ends the edges' streams, so that they ask another core node, and waits
// until nothing more is read of the cell for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, l := range s.lines {
		l.stop(errClosed)
	}
	s.mu.Unlock()
	s.serving.Wait()
}

// take makes a line the one of its edge: each has one stream at a core node.
func (s *Server) take(l *line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	if s.lines == nil {
		s.lines = map[string]*line{}
	}
	if old := s.lines[l.node]; old != nil {
		old.stop(errReplaced)
	}
	s.lines[l.node] = l
	s.serving.Add(1)
	return nil
}

func (s *Server) drop(l *line) {
	defer s.serving.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines[l.node] == l {
		delete(s.lines, l.node)
	}
}

// cutOffAfter is how long this node may be cut off from the cell before its
// edges are to ask another.
const (
	cutOffAfter = 500 * time.Millisecond
	lookEvery   = 100 * time.Millisecond
)

// settleFor is how long a proposal waits for the cell; the edge asks again.
const settleFor = 5 * time.Second

// Serve serves one edge on a stream that it opened, until that ends or ctx is done.
func (s *Server) Serve(ctx context.Context, node string, stream Stream) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer stream.Reset()
	context.AfterFunc(ctx, stream.Reset)
	l := &line{
		Server: s, node: node, out: newOutbox(), stop: stop, asking: make(chan struct{}, maxAsking),
		gate:     &auth.Gate{Key: s.Key, Tickets: s.Tickets, Node: node, Now: s.Now},
		interest: newInterest(node), has: map[relay.ID]bool{},
	}
	if err := s.take(l); err != nil {
		return err
	}
	defer s.drop(l)
	var first request
	if err := readFrame(stream, maxReply, &first); err != nil {
		return err
	}
	if first.Hold == nil {
		return relay.Errorf(relay.CodeProtocol, "The first request of an edge says what it holds.")
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer stop(nil)
	running.Go(func() {
		if err := l.out.run(stream, ctx.Done()); err != nil {
			stop(err)
		}
	})
	running.Go(func() { l.watchCell(ctx) })
	unwatch := s.Cell.Watch(l.changed)
	defer unwatch()
	l.begin(first)
	for {
		var r request
		if err := readFrame(stream, maxRequest, &r); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return err
		}
		if err := l.serve(ctx, r, &running); err != nil {
			return err
		}
	}
}

// line is one edge's stream at this core node.
type line struct {
	*Server
	node   string
	gate   *auth.Gate
	out    *outbox
	stop   context.CancelCauseFunc
	asking chan struct{} // holds one for each request that waits for the cell

	mu       sync.Mutex // guards what follows, and the order of news
	began    bool
	interest *interest
	has      map[relay.ID]bool // live sessions that the edge was told of
	warned   time.Time
}

// watchCell ends the stream when this node is cut off from the cell.
func (l *line) watchCell(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for bad := time.Duration(0); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := l.Health(); err == nil {
			bad = 0
		} else if bad += lookEvery; bad > cutOffAfter {
			l.stop(err)
			return
		}
	}
}

// send queues a frame. An edge that does not read is cut off: it begins anew.
func (l *line) send(r reply) {
	if !l.out.put(r) {
		l.stop(relay.Errorf(relay.CodeBusy, "The edge %s does not read its news.", l.node))
	}
}

// serve handles one request. An error ends the stream.
func (l *line) serve(ctx context.Context, r request, running *sync.WaitGroup) error {
	switch {
	case r.Hold != nil:
		l.holdAll(r.ID, *r.Hold)
	case r.Show != nil:
		l.answer(r.ID, l.show(ctx, r.ID, *r.Show))
	case r.Leave != 0:
		l.mu.Lock()
		l.interest.remove(r.Leave)
		l.mu.Unlock()
	case r.Carry != nil && r.Carry.Site != "":
		l.look(r.ID, *r.Carry)
	case r.Carry != nil:
		l.carry(r.ID, *r.Carry)
	case r.Look != nil:
		l.looked(ctx, r.ID, *r.Look)
	case r.Propose != nil, r.Messages != nil:
		select {
		case l.asking <- struct{}{}:
		default:
			l.answer(r.ID, &relay.Error{Code: relay.CodeBusy, Text: "Too much waits to be saved. Please try again in a moment.", Retry: time.Second})
			return nil
		}
		running.Go(func() {
			defer func() { <-l.asking }()
			if r.Messages != nil {
				l.messages(r.ID, *r.Messages)
			} else {
				l.propose(ctx, r.ID, r.Propose)
			}
		})
	default:
		return relay.Errorf(relay.CodeProtocol, "A request between nodes that asks nothing.")
	}
	return nil
}

// answer says that a request failed; nil has been answered.
func (l *line) answer(id uint64, err error) {
	if err != nil {
		l.send(reply{ID: id, Result: state.EncodeResult(state.Result{Err: err})})
	}
}

func (l *line) propose(ctx context.Context, id uint64, data []byte) {
	cmd, err := state.Decode(data)
	if err == nil {
		err = l.permit(cmd)
	}
	if err != nil {
		l.answer(id, err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	value, err := l.Cell.Propose(ctx, cmd)
	result := state.EncodeResult(state.Result{Value: value, Err: err})
	l.Cell.AfterChanges(func() { l.send(reply{ID: id, Result: result}) })
}

// messages answers with a piece of a transcript that concerns the edge.
func (l *line) messages(id uint64, m messages) {
	row, ok := l.Store.Session(m.Session)
	if !ok || !l.concerns(row) {
		l.answer(id, errNoSession)
		return
	}
	list, err := l.Store.Messages(m.Session, m.After, min(m.Limit, maxMessages))
	if err != nil {
		l.answer(id, err)
		return
	}
	l.send(reply{ID: id, Messages: list, Result: state.EncodeResult(state.Result{})})
}

var errNoSession = relay.Errorf(relay.CodeNotFound, "There is no such session, or it is not yours.")

func (l *line) concerns(row relay.Session) bool {
	origin, _ := l.Store.LastOrigin(row.ID)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.interest.wants(row, origin)
}

// carry signs the grant for a link to another node.
func (l *line) carry(id uint64, c carry) {
	l.mu.Lock()
	held, ok := l.interest.showings[c.Showing]
	l.mu.Unlock()
	if !ok || held.From != "" || !held.In(c.Session) {
		l.answer(id, errNoSession)
		return
	}
	l.send(reply{ID: id, Carry: l.gate.Carry(held, c.Session, c.To), Result: state.EncodeResult(state.Result{})})
}

// look signs the grant to look at the visitors of a site at another node, on
// behalf of an agent whom the edge speaks for and whose site it is.
func (l *line) look(id uint64, c carry) {
	l.mu.Lock()
	held, ok := l.interest.showings[c.Showing]
	l.mu.Unlock()
	row, known := l.Store.Agent(held.Agent)
	if !ok || !known || held.From != "" || held.Role != relay.RoleAgent || row.Disabled || row.Generation != held.Generation ||
		!slices.Contains(row.Sites, c.Site) {
		l.answer(id, errForbidden)
		return
	}
	l.send(reply{ID: id, Carry: l.gate.LookAt(held, c.Site, row.Alias, c.To), Result: state.EncodeResult(state.Result{})})
}

// looked says for whom another node looks at the edge's visitors. The edge
// holds nothing by that: it does not speak for the agent.
func (l *line) looked(ctx context.Context, id uint64, q look) {
	g, err := l.gate.Look(ctx, q.From, q.Token)
	if row, ok := l.Store.Agent(g.Agent); err == nil && (!ok || row.Disabled || row.Generation != g.Generation || !slices.Contains(row.Sites, g.Site)) {
		err = errForbidden
	}
	if err != nil {
		l.answer(id, err)
		return
	}
	l.send(reply{ID: id, Admitted: &admitted{Grant: g}, Result: state.EncodeResult(state.Result{})})
}

// show admits somebody and tells what concerns them.
func (l *line) show(ctx context.Context, id uint64, s show) error {
	var in auth.Admission
	var err error
	switch s.Role {
	case relay.RoleVisitor:
		in, err = l.gate.Visitor(ctx, s.Site, s.Token, nil)
	case relay.RoleAgent:
		in, err = l.gate.Agent(ctx, s.Ticket, s.Token)
	case "":
		in, err = l.gate.Guest(ctx, s.From, s.Token)
	default:
		err = relay.Errorf(relay.CodeProtocol, "There is no role %q.", s.Role)
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &news{}
	if err := l.hold(id, in.Grant, n); err != nil {
		return err
	}
	for _, recalled := range s.Recalls[:min(len(s.Recalls), maxRecalls)] {
		if row, ok := l.Store.Session(recalled); ok && in.Role == relay.RoleVisitor && row.Visitor == in.Visitor {
			l.tell(n, row)
		}
	}
	l.send(reply{
		ID: id, News: n, Result: state.EncodeResult(state.Result{}),
		Admitted: &admitted{Grant: in.Grant, Held: l.Key.SignGrant(in.Grant), Token: in.Token},
	})
	return nil
}

// hold lets the edge speak for somebody, and collects what concerns them. mu is held.
func (l *line) hold(showing uint64, g auth.Grant, n *news) error {
	if len(l.interest.showings) >= maxHeld {
		return relay.Errorf(relay.CodeBusy, "This server is full. Please try again soon.")
	}
	if g.Role == relay.RoleVisitor {
		row, _ := l.Store.Visitor(g.Site, g.Visitor)
		n.Visitors = append(n.Visitors, visitor{g.Site, row})
		if row.Blocked {
			return nil // the edge turns them away
		}
		l.interest.add(showing, g)
		if row, ok := l.Store.LiveOf(g.Visitor); ok && g.In(row.ID) {
			l.tellLive(n, row.ID)
		}
		return nil
	}
	row, ok := l.Store.Agent(g.Agent)
	if !ok || row.Disabled || row.Generation != g.Generation {
		return relay.Errorf(relay.CodeRevoked, "You are signed out. Please sign in again.")
	}
	l.interest.add(showing, g)
	l.interest.who[g.Agent] = row.Principal()
	l.tellAgent(n, row)
	if !g.Session.IsZero() {
		l.tellLive(n, g.Session)
		return nil
	}
	for _, s := range l.Store.Live() {
		if l.interest.who[g.Agent].Sees(s) {
			l.tellLive(n, s.ID)
		}
	}
	return nil
}

// begin tells the edge all that concerns it, besides what it holds. News may
// come in between: rows say how new they are.
func (l *line) begin(r request) {
	l.mu.Lock()
	l.began = true
	l.send(reply{News: l.settings(&news{Anew: true})})
	l.mu.Unlock()
	for _, row := range l.Store.Live() {
		if origin, _, _ := l.Store.Origin(row.ID); origin == l.node {
			_ = l.inform(func(n *news) error { l.tellLive(n, row.ID); return nil })
		}
	}
	l.holdAll(r.ID, *r.Hold)
}

// holdAll takes what the edge was given by another stream.
func (l *line) holdAll(id uint64, all hold) {
	var refused []uint64
	for _, h := range all.Held[:min(len(all.Held), maxHeld)] {
		g, err := l.Key.Grant(h.Grant, l.node, l.Now())
		if err == nil {
			err = l.inform(func(n *news) error { return l.hold(h.Showing, g, n) })
		}
		if err != nil {
			refused = append(refused, h.Showing)
		}
	}
	l.send(reply{ID: id, Refused: refused, Result: state.EncodeResult(state.Result{})})
}

// inform sends the news that f collects.
func (l *line) inform(f func(n *news) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &news{}
	err := f(n)
	l.send(reply{News: n})
	return err
}

// settings collects what concerns every edge and is nobody's secret.
func (l *line) settings(n *news) *news {
	n.Sites, n.Nodes = l.Store.AllSites(), l.Store.Nodes()
	for _, c := range l.Store.Customers() {
		for _, d := range l.Store.Departments(c.ID) {
			n.Departments = append(n.Departments, d)
			n.Queues = append(n.Queues, l.Store.Queue(d.ID))
		}
	}
	return n
}

// tellAgent adds an agent's rows. mu is held.
func (l *line) tellAgent(n *news, row state.Agent) {
	row.Password = ""
	n.Agents = append(n.Agents, row)
	if desk, ok := l.Store.Desk(row.ID); ok {
		n.Desks = append(n.Desks, desk)
	}
	l.tellOffers(n, row.ID)
}

// tellOffers adds an agent's offers and the sessions that they are of. mu is held.
func (l *line) tellOffers(n *news, agent string) {
	if n.Offers == nil {
		n.Offers = map[string][]offer{}
	}
	n.Offers[agent] = l.Store.Offers(agent)
	for _, o := range n.Offers[agent] {
		l.tellLive(n, o.Session)
	}
}

// tellLive adds the row of a live session that the edge may not have. mu is held.
func (l *line) tellLive(n *news, id relay.ID) {
	if l.has[id] {
		return
	}
	if row, ok := l.Store.Session(id); ok {
		l.tell(n, row)
	}
}

// tell adds a session's row. mu is held.
func (l *line) tell(n *news, row relay.Session) {
	origin, _, _ := l.Store.Origin(row.ID)
	if row.State == relay.Ended {
		delete(l.has, row.ID)
	} else {
		l.has[row.ID] = true
	}
	n.Sessions = append(n.Sessions, session{Row: row, Origin: origin, Place: l.Store.Place(row.ID)})
}
