// Package edge is one node facing people. It joins their connections
// (edge/link), the sessions whose origin it is (relay/session), what they see
// of each other's pages (edge/page) and the cell that keeps what must not be
// lost, which it knows by the small interfaces below only.
//
// A message goes link → live session → topic → links at once and, beside that,
// live session → cell; the tick comes back from the cell's log by Watch.
//
// Goroutines: one per edge (desk, which Open starts and Close waits for), and
// one per live session while it has something to store. Links bring their own.
// Locks are taken in the order Edge.mu, live.mu; neither is held while the cell
// is asked.
package edge

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/page"
	"kohe/edge/roster"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/wire"
)

// Cell keeps what must not be lost. raft/client is one.
type Cell interface {
	// Propose returns when the command is stored, or was refused. An error does
	// not mean that it was not stored; commands may be repeated.
	Propose(ctx context.Context, cmd state.Command) (any, error)
	// Watch calls f with what changed, in the order of the log, from one goroutine.
	Watch(f func([]state.Change)) (cancel func())
}

// Store is what the edge reads of the state; state.Reader is one.
type Store interface {
	Site(id string) (state.Site, bool)
	Department(id string) (state.Department, bool)
	Agent(id string) (state.Agent, bool)
	Visitor(site string, id relay.ID) (state.Visitor, bool)
	Session(id relay.ID) (relay.Session, bool)
	Live() []relay.Session
	LiveOf(visitor relay.ID) (relay.Session, bool)
	Origin(session relay.ID) (node string, epoch uint32, ok bool)
	Messages(session relay.ID, after uint64, limit int) ([]relay.Message, error)
	Desk(agent string) (state.AgentDesk, bool)
	Queue(department string) relay.Queue
	Place(session relay.ID) int
	Offers(agent string) []state.Offer
	AllSites() []state.Site
}

// Gate says who people are. auth.Gate is one where the core nodes' key is; an
// edge without it asks a core node.
type Gate interface {
	// Visitor admits who a token of the site proves; without one, a new visitor.
	// Of the sessions that their browser remembers the Store has the rows then.
	Visitor(ctx context.Context, site, token string, recalls []relay.ID) (auth.Admission, error)
	// Agent admits who a ticket of the HTTP side proves, or the pass of a Welcome.
	Agent(ctx context.Context, ticket, pass string) (auth.Admission, error)
	// Guest admits a client of another node to the one session of a carried link.
	Guest(ctx context.Context, from, carry string) (auth.Admission, error)
	// Look says for which agent another node looks at this one's visitors.
	Look(ctx context.Context, from, look string) (auth.Grant, error)
}

// Config is what an edge needs. All members but Mesh, Nodes, Desks, Keeper,
// Others, Health, CutOffAfter and Now are required.
type Config struct {
	Node  string // this node's name
	Cell  Cell
	Store Store
	Gate  Gate
	Pages *page.Pages
	Mesh  Mesh // nil: this node is alone
	// Nodes returns the names of the other nodes that Mesh reaches; nil: none.
	Nodes func() []string
	// Core reports whether another node is a core node: a supervisors' board is
	// taken from those only. Nil: none is.
	Core func(node string) bool
	// Desks is read for the supervisors' board; nil: another node has it.
	Desks Desks
	// Keeper keeps recordings; nil: none are made.
	Keeper Keeper
	Log    *slog.Logger
	Now    func() time.Time
	// Reach returns this node's WebTransport address and the certificate hashes
	// to accept, if it made its certificate itself.
	Reach func() (wt string, hashes []string)
	// Others returns the public addresses of the other edges, in the order in
	// which a client should try them; nil: there are none.
	Others func() []string
	// Health returns nil while the cell can settle commands for this node, or
	// why it cannot; nil: it always can.
	Health func() error
	// CutOffAfter is how long Health may say that the cell is away until clients
	// are told to go to other nodes; 0: a second.
	CutOffAfter time.Duration
	Ping        time.Duration // after how much silence a client pings
	// OpensPerMinute bounds how many sessions one address may open a minute.
	OpensPerMinute int
	// AsksPerSecond bounds the control frames of one connection, besides the
	// link's own limits on frames and bytes.
	AsksPerSecond int
}

// DefaultAsks is enough for a person who types, points and reads.
const DefaultAsks = 20

// Spans of an edge's life.
const (
	proposeFor   = 5 * time.Second  // how long a person waits for the cell
	lingerLive   = time.Minute      // a session without clients stays loaded
	lingerMirror = 30 * time.Second // capture goes on without viewers: a console reloads
	cutOffAfter  = time.Second      // Config.CutOffAfter, where that is 0
	cutOffSpread = 500 * time.Millisecond
)

// Bounds of what one node holds.
const (
	maxTabs     = 16      // links of one visitor
	maxConsoles = 16      // links of one agent
	historyMost = 300     // messages sent when a client joins a session; older ones by the API
	chatBytes   = 8 << 20 // queued for one reader: a supervisor joins many sessions at once
	maxLive     = 50_000  // sessions loaded
)

// Edge is one node facing people.
type Edge struct {
	Config
	hub     *hub.Hub
	opens   *auth.Limiter
	quiets  *admission // quiet sockets
	chats   *admission // visitors' full connections
	desk    *desk
	roster  *roster.Roster // who is on the sites' pages here
	views   *views
	stop    context.CancelFunc
	closing <-chan struct{} // closed by Close
	running sync.WaitGroup
	unwatch func()

	mu         sync.Mutex // guards what follows
	visitors   map[relay.ID]map[*client]bool
	agents     map[string]map[*client]bool
	lives      map[relay.ID]*live
	copies     map[relay.ID]*copied
	quiet      map[*client]bool // pages that only show the button
	draining   bool
	evacuation context.CancelFunc // of a drain that Undrain ends; nil: none
	Count      Counters
}

// Open starts an edge: it tells the cell that whoever was connected through
// its former self is no longer, and follows the cell's log.
func Open(ctx context.Context, c Config) (*Edge, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.CutOffAfter == 0 {
		c.CutOffAfter = cutOffAfter
	}
	if c.Others == nil {
		c.Others = func() []string { return nil }
	}
	if c.Nodes == nil || c.Mesh == nil {
		c.Nodes = func() []string { return nil }
	}
	if c.Health == nil {
		c.Health = func() error { return nil }
	}
	e := &Edge{
		Config: c, hub: hub.New(), roster: roster.New(),
		quiets:   newAdmission(quietPerSecond, quietAtOnce),
		chats:    newAdmission(chatsPerSecond, chatsAtOnce),
		opens:    auth.NewLimiter(time.Minute/time.Duration(c.OpensPerMinute), c.OpensPerMinute),
		visitors: make(map[relay.ID]map[*client]bool),
		agents:   make(map[string]map[*client]bool),
		lives:    make(map[relay.ID]*live),
		copies:   make(map[relay.ID]*copied),
		quiet:    make(map[*client]bool),
	}
	e.hub.Limits.Chat = chatBytes
	e.views = newViews(e)
	if _, err := c.Cell.Propose(ctx, state.StartEdge{Node: c.Node, At: e.at(), Version: state.Version}); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.Background())
	e.stop, e.closing, e.desk = stop, run.Done(), newDesk(e)
	e.running.Go(func() { e.desk.run(run) })
	e.running.Go(func() { e.watchCell(run) })
	e.unwatch = c.Cell.Watch(e.changed)
	return e, nil
}

// Drain tells every client to connect elsewhere, spread over the given time. The
// process is ending: nothing undoes it.
func (e *Edge) Drain(over time.Duration) {
	e.mu.Lock()
	if e.evacuation != nil {
		e.evacuation()
		e.evacuation = nil
	}
	e.draining = true
	e.mu.Unlock()
	e.sendAway(over, "This server is being restarted.")
}

// sendAway tells every client to connect elsewhere, spread over a time.
func (e *Edge) sendAway(over time.Duration, why string) {
	e.mu.Lock()
	var all []*client
	for _, set := range e.visitors {
		all = slices.AppendSeq(all, maps.Keys(set))
	}
	for _, set := range e.agents {
		all = slices.AppendSeq(all, maps.Keys(set))
	}
	e.mu.Unlock()
	for i, c := range all {
		retry := over * time.Duration(i) / time.Duration(len(all))
		c.push(wire.GoAway, wire.ErrorPayload{Code: relay.CodeDraining, Text: why, RetryMS: retry.Milliseconds()})
	}
}

// watchCell sends the clients of an edge that is cut off from the cell away,
// once each time: what they say here is relayed and cannot be stored.
func (e *Edge) watchCell(ctx context.Context) {
	tick := time.NewTicker(e.CutOffAfter / 4)
	defer tick.Stop()
	var since time.Time
	told := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := e.Health()
		switch {
		case err == nil:
			since, told = time.Time{}, false
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > e.CutOffAfter && !told && len(e.Others()) > 0:
			told = true
			e.Log.Warn("nothing can be stored here; clients are sent to other nodes", "err", err)
			e.sendAway(cutOffSpread, "This server is cut off.")
		}
	}
}

// Draining reports whether the node lets nobody in.
func (e *Edge) Draining() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.draining
}

// Drops returns how many frames did not reach a reader, by class and reason.
func (e *Edge) Drops() iter.Seq2[hub.Drop, uint64] { return e.hub.Drops.All() }

// WaitEmpty returns when every client has left, after the given time at most.
func (e *Edge) WaitEmpty(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for ctx.Err() == nil {
		if c := e.Census(); c.Visitors+c.Agents == 0 {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// Close ends the edge; its links must be closed already.
func (e *Edge) Close() {
	e.unwatch()
	e.stop()
	e.mu.Lock()
	lives := slices.Collect(maps.Values(e.lives))
	e.mu.Unlock()
	for _, l := range lives {
		l.close()
	}
	e.views.close()
	e.running.Wait()
}

// wait pauses a goroutine of the edge's, at most until Close.
func (e *Edge) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-e.closing:
	}
}

func (e *Edge) at() int64 { return e.Now().UnixMilli() }

// propose asks the cell on behalf of a person who waits.
func (e *Edge) propose(cmd state.Command) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), proposeFor)
	defer cancel()
	return e.Cell.Propose(ctx, cmd)
}

// Accept authenticates a new connection and returns who handles its frames.
func (e *Edge) Accept(ctx context.Context, peer link.Peer, hello wire.HelloPayload) (link.Handler, error) {
	if e.Draining() {
		return nil, &relay.Error{Code: relay.CodeDraining, Text: "This server is being restarted.", Retry: time.Second}
	}
	switch hello.Role {
	case relay.RoleVisitor:
		return e.acceptVisitor(ctx, peer, hello)
	case relay.RoleAgent:
		return e.acceptAgent(ctx, peer, hello)
	}
	return nil, relay.Errorf(relay.CodeProtocol, "A connection is a visitor's or an agent's.")
}

// changed hears of every change in the cell, in the order of its log.
func (e *Edge) changed(changes []state.Change) {
	for _, c := range changes {
		switch {
		case c.Reloaded:
			e.reloaded(c.Index)
		case c.Session != nil:
			e.sessionChanged(*c.Session)
		case c.Stored != nil:
			if l := e.loaded(c.Stored.Session); l != nil {
				l.stored(c.Index, *c.Stored)
			}
		case c.Offer != nil:
			e.offerChanged(*c.Offer)
		case c.Agent != nil:
			e.desk.touchAgent(c.Agent.Agent)
		case c.Revoked != "":
			e.revoke(c.Revoked)
		case !c.Blocked.IsZero():
			e.blocked(c.Blocked)
		case c.Site != "":
			e.siteChanged(c.Site)
		}
		for _, d := range c.Queues {
			e.desk.touchQueue(d)
		}
	}
}

// reloaded makes up for changes that this node's cell was sent in one piece, so
// that nobody heard of them one by one.
func (e *Edge) reloaded(index uint64) {
	e.mu.Lock()
	lives := slices.Collect(maps.Values(e.lives))
	agents := slices.Collect(maps.Keys(e.agents))
	e.mu.Unlock()
	for _, l := range lives {
		if l.isReady() {
			l.catchUp(index)
		}
		if row, ok := e.Store.Session(l.id); ok {
			e.sessionChanged(row)
		}
	}
	for _, row := range e.Store.Live() {
		e.sessionChanged(row)
	}
	for _, id := range agents {
		row, ok := e.Store.Agent(id)
		for _, c := range e.clientsOf(id) {
			if !ok || row.Disabled || row.Generation != c.in.Generation {
				c.revoke()
			}
		}
		for _, o := range e.Store.Offers(id) {
			e.offerChanged(o)
		}
		e.desk.touchAgent(id)
	}
	for _, site := range e.Store.AllSites() {
		e.siteChanged(site.ID)
	}
}

// loaded returns a session that is ready here, or nil.
func (e *Edge) loaded(id relay.ID) *live {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.lives[id]
	if l == nil || !l.isReady() {
		return nil
	}
	return l
}

// clientsOf returns the links of an agent here.
func (e *Edge) clientsOf(agent string) []*client {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.agents[agent]))
}

// consoles returns the agents' links here that have a live session on their list.
func (e *Edge) consoles(row relay.Session) (list []*client) {
	if row.State == relay.Ended {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, set := range e.agents {
		for c := range set {
			if c.who.Sees(row) {
				list = append(list, c)
			}
		}
	}
	return list
}

// tabsOf returns the links of a visitor here.
func (e *Edge) tabsOf(visitor relay.ID) []*client {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.visitors[visitor]))
}
