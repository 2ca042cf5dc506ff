package edge

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"kohe/edge/roster"
	"kohe/relay"
	"kohe/relay/wire"
)

// Spans of a view's life.
const (
	viewEvery  = 200 * time.Millisecond // consoles are told what changed this often at most, and
	lookEvery  = 300 * time.Millisecond // other edges
	boardEvery = time.Second            // the board, and who is in a chat, are read anew
	awayAfter  = 2 * time.Second        // an edge that has not answered for so long is named as away
)

// maxViews bounds the views that one node has open for its own consoles and
// for other nodes, and maxLooks the connections that watch one for another node.
const (
	maxViews = 1000
	maxLooks = 200
)

// views are what is watched of the visitors of sites: by consoles here, those of
// all edges; by other edges, for consoles there, those of this one. However many
// watch the same, it is looked up once.
type views struct {
	edge    *Edge
	ctx     context.Context // ends with the edge
	stop    context.CancelFunc
	running sync.WaitGroup

	mu  sync.Mutex // guards what follows, and all views
	all map[viewKey]*view
	of  map[*client]*view // what a client watches
}

// viewKey is what is the same for all that watch a view.
type viewKey struct {
	roster.Query
	board string // the departments of a supervisor's board, joined; "": none
	local bool   // for another edge: visitors of this one only
}

// view is one view while somebody watches it. Its goroutine tells the watchers.
type view struct {
	*views
	key  viewKey
	stop context.CancelFunc
	// watchers; true: it has not been told anything yet
	watchers map[*client]bool
	parts    map[string]*part // by node

	// Owned by the view's goroutine.
	version uint64 // of the roster
	readAt  time.Time
	local   []wire.Visit // this edge's rows
	visits  int          // of this edge
	board   *wire.BoardPayload
	told    wire.VisitsPayload // what everybody has been told
}

// part is what another edge has told, and the link to it.
type part struct {
	roster.Part
	since time.Time // it has been waited for
}

func newViews(e *Edge) *views {
	vs := &views{edge: e, all: make(map[viewKey]*view), of: make(map[*client]*view)}
	vs.ctx, vs.stop = context.WithCancel(context.Background())
	return vs
}

func (vs *views) close() {
	vs.stop()
	vs.running.Wait()
}

// watch has a client watch a view, and no other any more. Where there is no room
// it goes on with the one that it has.
func (vs *views) watch(c *client, key viewKey) error {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	v := vs.all[key]
	if v != nil && vs.of[c] == v {
		v.watchers[c] = true // as a new one
		return nil
	}
	if full := v == nil && len(vs.all) >= maxViews; full || vs.ctx.Err() != nil || vs.of[c] == nil && vs.looksFrom(c.peer.Node) >= maxLooks {
		return &relay.Error{Code: relay.CodeUnavailable, Text: "Too many lists of visitors are open. Please try again soon.", Retry: lookRenew}
	}
	vs.drop(c)
	if v == nil {
		v = &view{views: vs, key: key, watchers: make(map[*client]bool), parts: make(map[string]*part)}
		ctx, stop := context.WithCancel(vs.ctx)
		v.stop = stop
		vs.all[key] = v
		vs.running.Go(func() { v.run(ctx) })
	}
	v.watchers[c] = true
	vs.of[c] = v
	return nil
}

// looksFrom returns how many connections of another node watch something; none
// for this node's own. mu is held.
func (vs *views) looksFrom(node string) (n int) {
	if node == "" {
		return 0
	}
	for c := range vs.of {
		if c.peer.Node == node {
			n++
		}
	}
	return n
}

// leave ends what a client watches.
func (vs *views) leave(c *client) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.drop(c)
}

// drop ends what a client watches. A view that nobody watches ends. mu is held.
func (vs *views) drop(c *client) {
	v := vs.of[c]
	if v == nil {
		return
	}
	delete(vs.of, c)
	delete(v.watchers, c)
	if len(v.watchers) == 0 {
		v.stop()
		delete(vs.all, v.key)
	}
}

func (v *view) run(ctx context.Context) {
	every := viewEvery
	if v.key.local {
		every = lookEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		v.look(ctx)
		v.tell()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// tell reads what changed and tells it to everybody who watches.
func (v *view) tell() {
	now := v.read()
	v.mu.Lock()
	defer v.mu.Unlock()
	parts := [][]wire.Visit{v.local}
	for _, node := range slices.Sorted(maps.Keys(v.parts)) {
		p := v.parts[node]
		parts = append(parts, p.Rows())
		now.Visits += p.Visits
		if now.Board == nil && v.edge.Core != nil && v.edge.Core(node) { // another edge could say anything
			now.Board = p.Board
		}
		if !p.Whole && time.Since(p.since) > awayAfter {
			now.Away++
		}
	}
	now.Rows = v.key.Merge(parts...)
	changed, gone := roster.Diff(v.told.Rows, now.Rows)
	delta := wire.VisitsPayload{Rows: changed, Gone: gone, Visits: now.Visits, Board: now.Board, Away: now.Away}
	news := len(changed)+len(gone) > 0 || now.Visits != v.told.Visits || now.Away != v.told.Away || !reflect.DeepEqual(now.Board, v.told.Board)
	v.told = now
	now.Anew = true
	if news {
		v.push(delta, false)
	}
	v.push(now, true)
}

// push tells those who are new, or those who are not. mu is held.
func (v *view) push(p wire.VisitsPayload, fresh bool) {
	var frames []wire.Outgoing
	for c, new := range v.watchers {
		if new != fresh {
			continue
		}
		if c.queue.Holds(wire.Visits) { // a slow reader gets it whole when it has taken the last: what is said does not wait behind lists
			v.watchers[c] = true
			continue
		}
		if frames == nil {
			for _, f := range roster.Frames(p) {
				frames = append(frames, wire.Outgoing{Kind: wire.Visits, Payload: wire.Encode(f)})
			}
		}
		for _, f := range frames {
			c.queue.Push(f)
		}
		v.watchers[c] = false
	}
}

// read brings this edge's own rows up to date.
func (v *view) read() wire.VisitsPayload {
	e, at := v.edge, v.edge.at()
	version := e.roster.Version(v.key.Site, at)
	again := time.Since(v.readAt) >= boardEvery
	if again || version != v.version {
		v.version = version
		v.local, v.visits = e.roster.Top(v.key.Query, at)
		if site, ok := e.Store.Site(v.key.Site); !ok || !site.Visitors {
			v.local = nil
		}
		for i := range v.local {
			v.local[i].Node = e.Node
			if v.local[i].Known {
				v.chats(&v.local[i])
			}
		}
	}
	if again {
		v.readAt = time.Now()
		v.expel()
		if v.key.board != "" && e.Desks != nil {
			v.board = e.board(v.key.Site, strings.Split(v.key.board, " "))
		}
	}
	return wire.VisitsPayload{Visits: v.visits, Board: v.board}
}

// chats adds the chat that a visitor is in. Whose it is only those supervisors
// are told who may see it anyway.
func (v *view) chats(row *wire.Visit) {
	s, ok := v.edge.Store.LiveOf(row.ID)
	row.Chat = ok
	if ok && slices.Contains(strings.Fields(v.key.board), s.Department) {
		row.Session, row.Name = s.ID, s.Name
	}
}

// expel ends the look of another node for an agent who is signed out, as far as
// this node knows.
func (v *view) expel() {
	if !v.key.local || v.edge.Desks == nil {
		return
	}
	v.mu.Lock()
	watchers := slices.Collect(maps.Keys(v.watchers))
	v.mu.Unlock()
	for _, c := range watchers {
		if !v.edge.mayLook(c.in.Grant) {
			c.revoke()
		}
	}
}

// board counts for a supervisor of a site, in the departments of theirs.
func (e *Edge) board(site string, departments []string) *wire.BoardPayload {
	row, ok := e.Store.Site(site)
	if !ok {
		return nil
	}
	b := &wire.BoardPayload{Agents: map[relay.AgentState]int{}}
	for _, a := range e.Desks.Agents(row.Customer) {
		desk, ok := e.Desks.Desk(a.ID)
		if ok && desk.Online && desk.State != relay.SignedOut && slices.ContainsFunc(a.Departments, func(d string) bool { return slices.Contains(departments, d) }) {
			b.Agents[desk.State]++
		}
	}
	for _, d := range departments {
		q := e.Desks.Queue(d)
		b.Waiting += q.Waiting
		if q.OldestAt != 0 && (b.OldestAt == 0 || q.OldestAt < b.OldestAt) {
			b.OldestAt = q.OldestAt
		}
	}
	for _, s := range e.Desks.Live() {
		if s.State == relay.Active && slices.Contains(departments, s.Department) {
			b.Chats++
		}
	}
	return b
}
