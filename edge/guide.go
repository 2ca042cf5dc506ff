package edge

import (
	"slices"
	"time"

	"kohe/edge/page"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// Bounds of acting on a visitor's page.
const (
	deedAgain = 30 * time.Second // until the same deed on the same element is written down again
	keptDeeds = 64               // acts whose outcome an agent may still hear
)

// deeds are what agents do on the page of one session. Guarded by live.mu.
type deeds struct {
	asked map[relay.Level]time.Time // levels that the visitor is being asked for
	last  struct {
		do   wire.Deed
		node uint32
		at   time.Time
	}
	by []deed // the newest acts, for their outcome
}

type deed struct {
	id   string
	by   *client
	node uint32
}

// askAgain is how long a question for a level stands before it is asked anew.
const askAgain = 20 * time.Second

// grant records what the visitor lets the agent do.
func (c *client) grant(p wire.GrantPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	l.mu.Lock()
	delete(l.deeds.asked, p.Level)
	l.mu.Unlock()
	if _, err = c.edge.propose(state.SetLevel{Session: l.id, Level: p.Level, On: p.On, At: c.edge.at()}); err == nil {
		c.ok(seq, "")
	}
	return err
}

// askLevel asks the visitor for a level on the agent's behalf. What was granted
// or refused is not asked for again.
func (c *client) askLevel(p wire.AskPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.mayAsk(c, p.Level); err != nil {
		return err
	}
	now := c.edge.Now()
	if !slices.Contains(l.row.Granted, p.Level) && now.Sub(l.deeds.asked[p.Level]) > askAgain {
		if l.deeds.asked == nil {
			l.deeds.asked = make(map[relay.Level]time.Time)
		}
		l.deeds.asked[p.Level] = now
		l.mirror.lead.push(wire.Ask, wire.AskPayload{Session: l.id, Level: p.Level, By: c.who.Name})
	}
	c.ok(seq, "")
	return nil
}

// mayAsk says whether an agent may ask for a level now. mu is held.
func (l *live) mayAsk(c *client, level relay.Level) error {
	site, _ := l.edge.Store.Site(l.row.Site)
	switch {
	case l.row.Agent != c.who.Agent:
		return relay.Errorf(relay.CodeForbidden, "This conversation is not yours any more.")
	case !slices.Contains(relay.Levels, level):
		return relay.Errorf(relay.CodeInvalid, "There is no level %q.", clip(string(level)))
	case slices.Contains(site.Without, level):
		return relay.Errorf(relay.CodeForbidden, "This site does not allow that.")
	case slices.Contains(l.row.Refused, level):
		return relay.Errorf(relay.CodeForbidden, "The visitor said no to that.")
	case l.mirror.lead == nil || l.mirror.page == nil:
		return relay.Errorf(relay.CodeUnavailable, "The visitor's page is not shared just now.")
	}
	return nil
}

// act does something on the visitor's page, if the visitor lets the agent, on
// an element that is there and is not masked.
func (c *client) act(p wire.ActPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err == nil {
		err = checkAct(p)
	}
	if err == nil {
		l.mu.Lock()
		err = l.actNow(c, p)
		l.mu.Unlock()
	}
	if err != nil {
		c.edge.refused(c, p.Session, p.Do, p.Node, err)
		return err
	}
	l.store()
	c.ok(seq, p.ID)
	return nil
}

// checkAct says whether an act has the shape of one.
func checkAct(p wire.ActPayload) error {
	if err := relay.CheckClientID(p.ID); err != nil {
		return err
	}
	if len(p.Base) > wire.MaxSum {
		return relay.Errorf(relay.CodeInvalid, "The name of a value has at most %d bytes.", wire.MaxSum)
	}
	if p.Text == "" {
		return nil
	}
	return relay.CheckText(p.Text)
}

// actNow checks an act and passes it to the captured tab. mu is held.
func (l *live) actNow(c *client, p wire.ActPayload) error {
	level := p.Do.Level()
	if err := l.mayAsk(c, level); err != nil {
		return err
	}
	if !slices.Contains(l.row.Granted, level) {
		return relay.Errorf(relay.CodeForbidden, "The visitor has not allowed that yet.")
	}
	if tab, _ := l.mirror.lead.tabState(); !tab.Visible {
		return relay.Errorf(relay.CodeUnavailable, "The visitor does not look at the page just now.")
	}
	label, err := l.mayDo(p)
	if err != nil {
		return err
	}
	p.By = c.who.Name
	d := &l.deeds
	d.by = append(d.by[max(0, len(d.by)-keptDeeds+1):], deed{p.ID, c, p.Node})
	l.mirror.lead.push(wire.Act, p)
	l.writeDeed(c, p, label)
	return nil
}

// mayDo says whether an act can be done where it is to be, and what that is
// called. mu is held.
func (l *live) mayDo(p wire.ActPayload) (label string, err error) {
	if p.Do == wire.DeedOpen {
		return l.mayOpen(p.Text)
	}
	target, ok := l.mirror.page.Target(p.Node)
	if !ok || p.Do == wire.DeedFill && !target.Field {
		return "", relay.Errorf(relay.CodeForbidden, "Nothing can be done there.")
	}
	return target.Label, nil
}

// refused counts and logs an act that was refused: who tried what where, never
// what they would have filled in.
func (e *Edge) refused(c *client, session relay.ID, do wire.Deed, node uint32, err error) {
	code := relay.CodeOf(err)
	if code == relay.CodeUnavailable || code == relay.CodeRate || code == relay.CodeBusy {
		return // nothing that was not theirs to do
	}
	e.Count.ActsRefused.Add(1)
	e.Log.Warn("act refused", "session", session.String(), "agent", c.who.Agent, "do", clip(string(do)), "node", node, "code", code, "why", err)
}

// target is an element of the page that is held now. mu is held.
func (m *mirror) target(node uint32) (page.Target, bool) {
	if m.page == nil {
		return page.Target{}, false
	}
	return m.page.Target(node)
}

// writeDeed writes an act into the transcript, unless it is the last one again:
// text is filled in key by key. mu is held.
func (l *live) writeDeed(c *client, p wire.ActPayload, label string) {
	last, now := &l.deeds.last, c.edge.Now()
	if last.do == p.Do && last.node == p.Node && p.Do.Level() != relay.LevelClick && now.Sub(last.at) < deedAgain {
		return
	}
	last.do, last.node, last.at = p.Do, p.Node, now
	id := "act-" + relay.NewID().String()
	if _, _, err := l.number(nil, relay.Author{Role: relay.RoleSystem}, id, relay.KindAct, string(p.Do)+" "+label); err != nil {
		c.edge.Log.Warn("act not written down", "session", l.id.String(), "err", err)
	}
}

// acted tells an agent what became of an act.
func (c *client) acted(p wire.ActedPayload, _ uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c != l.mirror.lead {
		return nil
	}
	if i := slices.IndexFunc(l.deeds.by, func(d deed) bool { return d.id == p.ID }); i >= 0 {
		p.Why, p.Now = clip(p.Why), clipTo(p.Now, wire.MaxSum)
		if _, shown := l.mirror.target(l.deeds.by[i].node); p.Now != "" && !shown {
			p.Now = "" // masked meanwhile: not even whether it has changed
		}
		l.deeds.by[i].by.push(wire.Acted, p)
		l.deeds.by = slices.Delete(l.deeds.by, i, i+1)
	}
	return nil
}

// levelEvents writes what the visitor granted, refused or took back. mu is held.
func (l *live) levelEvents(was, row relay.Session, event func(relay.MessageKind, uint64, string)) {
	for i, level := range relay.Levels {
		said := ""
		switch before, now := slices.Contains(was.Granted, level), slices.Contains(row.Granted, level); {
		case now && !before:
			said = "on"
		case before && !now:
			said = "off"
		case slices.Contains(row.Refused, level) && !slices.Contains(was.Refused, level):
			said = "no"
		default:
			continue
		}
		event(relay.KindLevel, row.Version*uint64(len(relay.Levels))+uint64(i), string(level)+" "+said)
	}
}
