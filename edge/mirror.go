package edge

import (
	"fmt"
	"time"

	"kohe/edge/page"
	"kohe/edge/record"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/wire"
)

// mirror is the visitor's page in a session: which tab is captured, the tree
// that the edge holds of it, and who watches. Guarded by live.mu.
type mirror struct {
	topic    *hub.Topic
	page     *page.Page // nil before the first frame
	watchers map[*client]bool
	lead     *client   // the tab that is captured
	told     said      // what the tabs and watchers were last told
	asked    time.Time // when the tab was last asked for a whole snapshot
	linger   *time.Timer
}

// said is what tabs and watchers are told: of a tab that comes back over another
// link before the first one has ended, that one is to hear it too.
type said struct {
	lead       *client
	tab        string
	on, frozen bool
}

// snapshotAgain is how often a tab is asked for a whole snapshot at most.
const snapshotAgain = time.Second

// watch lets an agent see the page, or ends that. Someone who comes late gets
// the page from the edge's tree; the visitor's browser does nothing. Watching
// again gets the whole page anew.
func (l *live) watch(c *client, p wire.WatchPayload) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.On {
		l.unwatch(c)
		l.lead()
		return
	}
	if p.Diverged && l.mirror.watchers[c] && l.mirror.page != nil {
		l.mirror.page.Diverged()
	}
	if l.mirror.watchers == nil {
		l.mirror.watchers = make(map[*client]bool)
	}
	l.mirror.watchers[c] = true
	if l.mirror.linger != nil {
		l.mirror.linger.Stop()
		l.mirror.linger = nil
	}
	l.mirror.topic.SubscribePage(c.queue, l, 0)
	l.lead()
	c.push(wire.Mirror, l.mirrorState())
	l.showDrawn(c)
}

// unwatch takes a watcher away; without any, capture lingers. mu is held.
func (l *live) unwatch(c *client) {
	if !l.mirror.watchers[c] {
		return
	}
	delete(l.mirror.watchers, c)
	l.mirror.topic.Unsubscribe(c.queue)
	if len(l.mirror.watchers) == 0 && l.mirror.linger == nil && !l.closed {
		l.mirror.linger = time.AfterFunc(lingerMirror, l.lingered)
	}
}

// lingered ends capture when nobody came to watch again.
func (l *live) lingered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mirror.linger = nil
	if !l.wanted() {
		l.dropPage()
		l.lead()
	}
}

// wanted reports whether the page may be captured now: an accepted, consented
// session that someone watches or that is recorded. mu is held.
func (l *live) wanted() bool {
	return l.row.State == relay.Active && l.row.Consent && (len(l.mirror.watchers) > 0 || l.mirror.linger != nil || l.recorder != nil)
}

// dropPage forgets the page. mu is held.
func (l *live) dropPage() {
	if l.mirror.page != nil {
		l.mirror.page.Close()
		l.mirror.page = nil
	}
	l.mirror.lead, l.mirror.told = nil, said{}
}

// lead chooses the tab that is captured, the visible one that last had the
// focus, and tells everyone concerned if that changed. mu is held.
func (l *live) lead() {
	l.keepRecording()
	best := l.bestTab()
	if !l.wanted() {
		best = nil
	}
	l.mirror.lead = best
	l.tellTabs()
}

func (l *live) bestTab() *client {
	var best *client
	var bestAt time.Time
	bestVisible := false
	for c := range l.clients {
		if c.who.Role != relay.RoleVisitor {
			continue
		}
		tab, at := c.tabState()
		if c == l.mirror.lead && !tab.Visible && at.IsZero() {
			at = time.Unix(0, 1)
		}
		better := best == nil || tab.Visible && !bestVisible || tab.Visible == bestVisible && at.After(bestAt)
		if better {
			best, bestAt, bestVisible = c, at, tab.Visible
		}
	}
	return best
}

// tellTabs tells the visitor's tabs which of them is captured, and the
// watchers whether the page is live, where that changed. mu is held.
func (l *live) tellTabs() {
	p := l.mirrorState()
	now := said{l.mirror.lead, p.Tab, p.On, p.Frozen}
	if now == l.mirror.told {
		return
	}
	l.mirror.told = now
	l.recordState(p)
	for c := range l.clients {
		if c.who.Role != relay.RoleVisitor {
			continue
		}
		mine := p
		mine.On = p.On && c == l.mirror.lead
		mine.Full = mine.On
		mine.Seen = l.seen(mine.On)
		c.push(wire.Mirror, mine)
	}
	for c := range l.mirror.watchers {
		c.push(wire.Mirror, p)
	}
}

func (l *live) mirrorState() wire.MirrorPayload {
	p := wire.MirrorPayload{Session: l.id, On: l.mirror.lead != nil}
	if p.On {
		tab, _ := l.mirror.lead.tabState()
		p.Tab, p.Frozen = l.mirror.lead.tab, !tab.Visible
	}
	return p
}

// tabChanged follows the focus.
func (l *live) tabChanged(*client) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lead()
}

// pageView records the page that the visitor is on now.
func (l *live) pageView(tab wire.TabPayload) {
	l.mu.Lock()
	ended := l.row.State == relay.Ended
	l.mu.Unlock()
	if ended {
		return
	}
	l.edge.presence(func() error {
		_, err := l.edge.propose(state.SetPage{Session: l.id, View: relay.PageView{URL: tab.URL, Title: tab.Title, At: l.edge.at()}})
		return err
	})
}

// pageFrame takes a piece of the visitor's page.
func (c *client) pageFrame(f wire.Frame) error {
	l, body, err := c.sessionFrame(f)
	if l == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c != l.mirror.lead {
		return nil // sent before this tab heard that it does not lead
	}
	if l.mirror.page == nil {
		if err := l.openPage(); err != nil {
			return err
		}
	}
	forward, version, err := l.mirror.page.Apply(body)
	if err != nil {
		return l.pageRefused(c, err)
	}
	if len(forward) > 0 {
		l.mirror.topic.PublishPage(wire.Outgoing{Kind: wire.PageDiff, Payload: ofSession(l.id, forward)}, version)
		l.record(record.Page, forward)
	}
	return nil
}

// openPage makes the tree that the page's first frame goes into. mu is held.
func (l *live) openPage() error {
	site, ok := l.edge.Store.Site(l.row.Site)
	if !ok {
		return relay.Errorf(relay.CodeGone, "This site is not served here any more.")
	}
	var err error
	if l.mirror.page, err = l.edge.Pages.Open(l.id, rulesOf(site)); err != nil {
		return fmt.Errorf("page of a session on site %s: %w", site.ID, err)
	}
	l.mirror.topic.Renew()
	return nil
}

// rulesOf returns what a site has to say about its pages.
func rulesOf(site state.Site) page.Rules {
	return page.Rules{Mask: site.Mask, All: site.MaskAll, Unmask: site.Unmask}
}

// ofSession returns a page message as a payload of a session's.
func ofSession(id relay.ID, msg []byte) []byte {
	return append(wire.AppendSession(make([]byte, 0, len(id)+len(msg)), id), msg...)
}

// pageRefused asks the tab for a whole new snapshot, once in a while, when its
// messages do not fit the tree any more, and ends the connection of a tab that
// sends what no page of ours sends. mu is held.
func (l *live) pageRefused(c *client, err error) error {
	if !page.Lost(err) {
		return err
	}
	now := l.edge.Now()
	wait := max(snapshotAgain, relay.AsError(err).Retry)
	if now.Sub(l.mirror.asked) < wait {
		return nil
	}
	l.mirror.asked = now
	p := l.mirrorState()
	p.Full, p.Seen = true, l.seen(true)
	c.push(wire.Mirror, p)
	return nil
}

// seen returns the sum of what the captured tab need not send again. mu is
// held.
func (l *live) seen(captured bool) string {
	if !captured || l.mirror.page == nil {
		return ""
	}
	return l.mirror.page.Seen()
}

// Delta implements hub.Puller: what a watcher lacks who has version since.
func (l *live) Delta(since uint64) ([]byte, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mirror.page == nil {
		return nil, since
	}
	msg, version := l.mirror.page.Delta(since)
	if len(msg) == 0 {
		return nil, version
	}
	return ofSession(l.id, msg), version
}

// pointerFrame relays the visitor's pointer to whoever watches.
func (c *client) pointerFrame(f wire.Frame) error {
	l, body, err := c.sessionFrame(f)
	if l == nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c != l.mirror.lead {
		return nil
	}
	l.record(record.Pointer, body)
	out := wire.Outgoing{Kind: wire.Pointer, Key: "pointer/" + l.id.String(), Payload: f.Payload}
	for w := range l.mirror.watchers {
		w.queue.Push(out)
	}
	return nil
}

// sessionFrame finds the session of a page or pointer frame. Frames for a
// session that is not here any more are late, not wrong: nil and no error.
func (c *client) sessionFrame(f wire.Frame) (*live, []byte, error) {
	id, body, err := wire.SplitSession(f)
	if err != nil {
		return nil, nil, err
	}
	if c.who.Role != relay.RoleVisitor {
		return nil, nil, relay.Errorf(relay.CodeForbidden, "Only a visitor's page is shown.")
	}
	l := c.edge.loaded(id)
	if l == nil || !l.has(c) {
		return nil, nil, nil
	}
	return l, body, nil
}
