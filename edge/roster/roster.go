// Package roster knows who is on the pages of which site, at one edge: each
// browser's visit with the page that it is on, since when, from where, and what
// it looked at before. It is asked for the first few in some order, so visits
// are kept in the order in which they came to their page.
//
// It is pure but for its lock: times come as parameters, in ms since 1970.
package roster

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"kohe/relay"
	"kohe/relay/wire"
)

// Bounds of what one edge knows.
const (
	MaxVisits = 100_000          // listed at one edge; who comes after that is counted only
	maxTabs   = 16               // of one visit that are listed
	maxText   = 200              // bytes of a title, a name or an address looked at before
	maxURL    = 400              // bytes
	maxHost   = 100              // bytes of a referrer
	maxLang   = 16               // bytes
	maxSpan   = 24 * 3600 * 1000 // ms of a span that a page tells
)

// Spans of a visit, in ms.
const (
	linger      = 2_000     // a visit without a connection stays listed: a page loads
	InviteAgain = 3_600_000 // before the same visit may be invited again
)

// Roster is who is at one edge. The zero Roster is not usable; see New.
type Roster struct {
	mu      sync.Mutex // guards what follows, and all sites, visits and tabs
	sites   map[string]*site
	size    int      // visits listed
	leaving []*visit // have no tab; in the order in which they lost it
}

// site is the visits of one site.
type site struct {
	ids     map[relay.ID]*visit
	order   []*visit // by At, then ID
	untold  int      // tabs that are counted only
	version uint64   // rises with every change
}

// visit is one browser's stay on a site.
type visit struct {
	wire.Visit
	known   bool // the id is a visitor's, which was proved; else the browser's own
	site    *site
	tabs    []*Tab
	shown   *Tab   // whose page the row has
	text    string // what a filter looks in
	left    int64  // when the last tab went; 0: there is one
	invited int64  // when; 0: not
}

// Tab is one connection of a visitor.
type Tab struct {
	roster *Roster
	site   *site
	who    Visitor
	visit  *visit // nil: it has told nothing, or is not listed
	page   wire.PresencePayload
	at     int64 // when it told that
	closed bool
}

// Visitor is what a connection has proved, and what it says in its hello.
type Visitor struct {
	ID   relay.ID // zero: nobody knows yet
	Lang string
	// Invite shows an invitation on the tab; nil: the chat is open there.
	Invite func(wire.InvitationPayload)
}

// New returns an empty roster.
func New() *Roster { return &Roster{sites: make(map[string]*site)} }

// Open counts a connection of a visitor to a site.
func (r *Roster) Open(name string, who Visitor) *Tab {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sites[name]
	if s == nil {
		s = &site{ids: make(map[relay.ID]*visit)}
		r.sites[name] = s
	}
	s.untold++
	s.version++
	who.Lang = clip(who.Lang, maxLang)
	return &Tab{roster: r, site: s, who: who}
}

// Tell says where a tab is. Its page has been cleaned of what the site masks.
func (t *Tab) Tell(p wire.PresencePayload, now int64) {
	r := t.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.closed || p.Visit.IsZero() {
		return
	}
	r.sweep(now)
	t.page, t.at = bounded(p), now
	id, known := p.Visit, !t.who.ID.IsZero()
	if known {
		id = t.who.ID
		r.rename(t.site, p.Visit, id)
	}
	v := t.site.ids[id]
	if v != nil && v.known != known {
		return // who says another's id is nobody
	}
	if v != t.visit {
		t.leave(now)
	}
	if v == nil {
		if r.size >= MaxVisits {
			return
		}
		v = &visit{Visit: wire.Visit{ID: id, At: -1}, known: known, site: t.site}
		t.site.ids[id] = v
		r.size++
	}
	if t.visit == nil {
		if len(v.tabs) >= maxTabs {
			return
		}
		t.visit = v
		v.tabs = append(v.tabs, t)
		t.site.untold--
	}
	if t.who.Invite != nil && v.invited == 0 {
		v.Invited = "" // the chat that they were invited to is over
	}
	v.left, v.shown = 0, t
	v.show(now)
}

// rename gives a visit that nobody knew until now its visitor's id: they have
// opened a chat.
func (r *Roster) rename(s *site, from, to relay.ID) {
	v := s.ids[from]
	if v == nil || v.known || len(v.tabs) > 0 || s.ids[to] != nil {
		return
	}
	s.take(v)
	delete(s.ids, from)
	v.ID, v.Was, v.known = to, from, true
	s.ids[to] = v
	s.put(v)
}

// Close ends a tab.
func (t *Tab) Close(now int64) {
	r := t.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.closed {
		return
	}
	t.closed = true
	t.leave(now)
	t.site.untold--
	t.site.version++
	r.sweep(now)
}

// leave takes a tab off its visit: it is counted only. mu is held.
func (t *Tab) leave(now int64) {
	v := t.visit
	if v == nil {
		return
	}
	t.visit = nil
	t.site.untold++
	v.tabs = slices.DeleteFunc(v.tabs, func(o *Tab) bool { return o == t })
	switch {
	case len(v.tabs) == 0:
		v.left = now
		t.roster.leaving = append(t.roster.leaving, v)
		t.site.version++
	case v.shown == t:
		v.shown = slices.MaxFunc(v.tabs, func(a, b *Tab) int { return cmp.Compare(a.at, b.at) })
		v.show(now)
	default:
		v.show(now)
	}
}

// show makes the row that of the tab that told something last. mu is held.
func (v *visit) show(now int64) {
	p := v.shown.page
	v.site.take(v)
	id, was, invited := v.ID, v.Was, v.Invited
	v.Visit = wire.Visit{
		ID: id, Was: was, Known: v.known, Lang: v.shown.who.Lang, URL: p.URL, Title: p.Title, Referrer: p.Referrer, Pages: p.Pages,
		At: v.shown.at - p.PageMS, Since: v.shown.at - p.VisitMS, Invited: invited,
	}
	if n := len(v.tabs); n > 1 {
		v.Tabs = n
	}
	if at := now - p.InvitedMS; p.InvitedMS > 0 && at > v.invited {
		v.invited = at
	}
	v.text = strings.ToLower(strings.Join([]string{v.URL, v.Title, v.Referrer}, "\n"))
	v.site.put(v)
}

// take and put keep the order. mu is held.
func (s *site) take(v *visit) {
	if v.At < 0 {
		return // new
	}
	if i, ok := slices.BinarySearchFunc(s.order, v, compare); ok {
		s.order = slices.Delete(s.order, i, i+1)
	}
}

func (s *site) put(v *visit) {
	i, _ := slices.BinarySearchFunc(s.order, v, compare)
	s.order = slices.Insert(s.order, i, v)
	s.version++
}

func compare(a, b *visit) int { return Compare(a.Visit, b.Visit) }

// Compare orders visits by when they came to their page.
func Compare(a, b wire.Visit) int {
	return cmp.Or(cmp.Compare(a.At, b.At), slices.Compare(a.ID[:], b.ID[:]))
}

// sweep takes visits off the list that have been without a tab for some time.
// mu is held.
func (r *Roster) sweep(now int64) {
	for len(r.leaving) > 0 && now-r.leaving[0].left >= linger {
		v := r.leaving[0]
		r.leaving = r.leaving[1:]
		if v.left == 0 || now-v.left < linger || v.site.ids[v.ID] != v {
			continue // back, and perhaps gone again since
		}
		v.site.take(v)
		delete(v.site.ids, v.ID)
		v.site.version++
		r.size--
	}
}

// Version rises with every change of a site's visits.
func (r *Roster) Version(name string, now int64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	if s := r.sites[name]; s != nil {
		return s.version
	}
	return 0
}

// scanStep is how many visits Top looks at while it holds the lock: pages that
// come and go wait no longer than that for somebody's filter.
const scanStep = 1000

// Top returns the first visits of a view, in its order, and how many there are
// on its site in all.
func (r *Roster) Top(q Query, now int64) (rows []wire.Visit, all int) {
	q.Filter = strings.ToLower(q.Filter)
	c := cursor{Query: q}
	for r.scan(&c, now) {
	}
	return c.rows, c.all
}

// cursor is how far a view has been looked up.
type cursor struct {
	Query
	last *wire.Visit // that was looked at; its place is known by it though others come and go
	rows []wire.Visit
	all  int
}

// scan looks at the next scanStep visits and reports whether there are more. One
// that moved meanwhile is there once; if it was missed, the version has risen.
func (r *Roster) scan(c *cursor, now int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(now)
	s := r.sites[c.Site]
	if s == nil {
		return false
	}
	c.all = len(s.order) + s.untold
	i, step := s.after(c.last, c.Sort)
	for range scanStep {
		if i < 0 || i >= len(s.order) || len(c.rows) == c.Limit {
			return false
		}
		v := s.order[i]
		c.last = &wire.Visit{ID: v.ID, At: v.At}
		if strings.Contains(v.text, c.Filter) && !slices.ContainsFunc(c.rows, func(o wire.Visit) bool { return o.ID == v.ID }) {
			row := v.Visit
			if v.invited != 0 && now-v.invited >= InviteAgain {
				row.Invited = ""
			}
			c.rows = append(c.rows, row)
		}
		i += step
	}
	return true
}

// after returns the place of the visit that comes after another in a view's order,
// nil for the first, and the way on from there. mu is held.
func (s *site) after(last *wire.Visit, order wire.Sort) (i, step int) {
	longest := order == wire.SortLongest
	switch {
	case last == nil && longest:
		return 0, 1
	case last == nil:
		return len(s.order) - 1, -1
	}
	i, found := slices.BinarySearchFunc(s.order, *last, func(v *visit, w wire.Visit) int { return Compare(v.Visit, w) })
	switch {
	case !longest:
		return i - 1, -1
	case found:
		i++
	}
	return i, 1
}

func bounded(p wire.PresencePayload) wire.PresencePayload {
	p.URL, p.Title, p.Referrer = clip(p.URL, maxURL), clip(p.Title, maxText), clip(p.Referrer, maxHost)
	p.PageMS = min(max(p.PageMS, 0), maxSpan)
	p.VisitMS = min(max(p.VisitMS, p.PageMS), maxSpan)
	p.InvitedMS = min(max(p.InvitedMS, 0), maxSpan)
	p.Pages = clipAll(p.Pages)
	return p
}

// clipAll returns the newest of some addresses, each within its bound.
func clipAll(pages []string) []string {
	pages = slices.Clone(pages[max(0, len(pages)-wire.MaxSeen):])
	for i := range pages {
		pages[i] = clip(pages[i], maxText)
	}
	return pages
}

// clip returns s cut to at most n bytes of valid UTF-8, in memory of its own.
func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.Clone(strings.ToValidUTF8(s, ""))
}
