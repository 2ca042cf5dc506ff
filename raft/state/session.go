package state

import (
	"slices"
	"time"

	"kohe/relay"
)

func (s *State) visitorKey(site string, id relay.ID) key {
	return s.key(tableVisitor).name(site).id(id)
}

func (t *txn) claimed(s *session) Claimed {
	return Claimed{Session: t.view(s), Epoch: s.Epoch, Seq: s.Stored}
}

func (t *txn) openSession(c OpenSession) (any, error) {
	site, ok := t.sites[c.Site]
	if !ok {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no site %q.", clip(c.Site, MaxKey))
	}
	if c.Department == "" && len(site.Departments) > 0 {
		c.Department = site.Departments[0]
	}
	if !slices.Contains(site.Departments, c.Department) {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no department %q on this site.", clip(c.Department, MaxKey))
	}
	if c.Session.IsZero() || c.Visitor.IsZero() {
		return nil, relay.Errorf(relay.CodeInvalid, "A conversation needs an id and a visitor.")
	}
	if err := checkKey("node", c.Node); err != nil {
		return nil, err
	}
	if err := checkLabel("name", c.Name, relay.MaxName, true); err != nil {
		return nil, err
	}
	var v Visitor
	t.get(t.visitorKey(c.Site, c.Visitor), &v)
	if v.Blocked {
		return nil, relay.Errorf(relay.CodeForbidden, "This chat is not available to you.")
	}
	same := t.session(c.Session)
	if same == nil {
		same = t.liveOf[c.Visitor]
	}
	switch {
	case same != nil && (same.Visitor != c.Visitor || same.Site != c.Site):
		return nil, relay.Errorf(relay.CodeForbidden, "That conversation belongs to somebody else.")
	case same != nil:
		return t.claimed(same), nil
	case len(t.live) >= MaxLive:
		return nil, &relay.Error{Code: relay.CodeUnavailable, Text: "Too many people are waiting. Please try again soon.", Retry: 30 * time.Second}
	}
	t.now(c.At)
	return t.claimed(t.open(c, site, v)), nil
}

func (t *txn) open(c OpenSession, site Site, v Visitor) *session {
	view := clipView(relay.PageView{URL: c.URL, Title: c.Title, At: t.clock})
	facts := clipFacts(c.Facts)
	if len(facts.Pages) == 0 && view.URL != "" {
		facts.Pages = []relay.PageView{view}
	}
	s := &session{
		Session: relay.Session{
			ID: c.Session, Site: c.Site, Department: c.Department, State: relay.Waiting, Visitor: c.Visitor,
			Name: c.Name, Lang: clip(c.Lang, MaxLang), Epoch: 1, OpenedAt: t.clock, URL: view.URL, Title: view.Title,
		},
		Customer: site.Customer,
		Origin:   c.Node,
	}
	t.live[s.ID], t.liveOf[s.Visitor] = s, s
	t.saveFacts(s, facts)
	t.saveVisitor(s, v, facts.Visits)
	t.setBytes(t.key(tableByCustomer).name(s.Customer).newest(s.OpenedAt).id(s.ID), nil)
	t.setBytes(t.key(tableByVisitor).id(s.Visitor).newest(s.OpenedAt).id(s.ID), nil)
	t.did(t.work.Open(t.clock, s.ID, s.Department, c.Node))
	return s
}

func (t *txn) saveVisitor(s *session, v Visitor, visits int) {
	if v.FirstSeen == 0 {
		v = Visitor{ID: s.Visitor, Site: s.Site, FirstSeen: t.clock}
	}
	v.Name, v.Lang, v.LastSeen = s.Name, s.Lang, t.clock
	v.Visits = max(v.Visits, visits, 1)
	t.set(t.visitorKey(s.Site, s.Visitor), v)
}

func (t *txn) saveFacts(s *session, f relay.Facts) {
	t.set(t.key(tableFacts).id(s.ID), f)
	t.factsOf, t.facts = s.ID, &f
}

// storing returns a session that messages may still be stored in.
func (t *txn) storing(id relay.ID) (*session, error) {
	s := t.session(id)
	switch {
	case s == nil:
		return nil, errNoSession
	case s.State == relay.Ended && t.clock-s.EndedAt > AppendGrace:
		return nil, relay.Errorf(relay.CodeGone, "The conversation has ended.")
	}
	return s, nil
}

// talking returns a session that is live.
func (t *txn) talking(id relay.ID) (*session, error) {
	s := t.live[id]
	if s != nil {
		return s, nil
	}
	if t.session(id) == nil {
		return nil, errNoSession
	}
	return nil, relay.Errorf(relay.CodeGone, "The conversation has ended.")
}

func (t *txn) claim(c Claim) (any, error) {
	if err := checkKey("node", c.Node); err != nil {
		return nil, err
	}
	if c.Nonce.IsZero() {
		return nil, relay.Errorf(relay.CodeInvalid, "A claim needs a nonce.")
	}
	t.now(c.At)
	s, err := t.storing(c.Session)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(s.Claims, func(k claim) bool { return k.Nonce == c.Nonce }); i >= 0 {
		if s.Claims[i].Epoch != s.Epoch {
			return nil, ErrStale
		}
		return t.claimed(s), nil
	}
	if c.Since != 0 && c.Since != s.Epoch {
		return nil, ErrStale
	}
	s.Epoch++
	s.Origin = c.Node
	s.Claims = append(s.Claims[max(0, len(s.Claims)-keptClaims+1):], claim{Nonce: c.Nonce, Epoch: s.Epoch})
	t.touch(s)
	return t.claimed(s), nil
}

func (t *txn) setMarks(c SetMarks) error {
	t.now(c.At)
	s, err := t.storing(c.Session)
	if err != nil {
		return err
	}
	marks := &s.Agented
	switch c.By {
	case relay.RoleVisitor:
		marks = &s.Visited
	case relay.RoleAgent, relay.RoleSupervisor:
	default:
		return relay.Errorf(relay.CodeInvalid, "Marks belong to the visitor or the agents, not to %q.", clip(string(c.By), MaxKey))
	}
	to := relay.Marks{
		Delivered: max(marks.Delivered, min(max(c.Marks.Delivered, c.Marks.Read), s.Stored)), // what was read was drawn
		Read:      max(marks.Read, min(c.Marks.Read, s.Stored)),
	}
	if to != *marks {
		*marks = to
		t.touch(s)
	}
	return nil
}

func (t *txn) setConsent(c SetConsent) error {
	s, err := t.talking(c.Session)
	if err != nil {
		return err
	}
	if c.On && !t.sites[s.Site].CoBrowse {
		return relay.Errorf(relay.CodeForbidden, "This site does not share pages.")
	}
	t.now(c.At)
	record := c.On && c.Record && t.sites[s.Site].Record > 0
	if s.Consent != c.On || s.Declined == c.On || s.Record != record {
		s.Consent, s.Declined, s.Record = c.On, !c.On, record
		if !c.On {
			s.Granted = nil
		}
		t.touch(s)
	}
	return nil
}

func (t *txn) setLevel(c SetLevel) error {
	if err := checkLevels([]relay.Level{c.Level}); err != nil {
		return err
	}
	s, err := t.talking(c.Session)
	if err != nil {
		return err
	}
	if c.On && (!s.Consent || s.State != relay.Active || slices.Contains(t.sites[s.Site].Without, c.Level)) {
		return relay.Errorf(relay.CodeForbidden, "That is not possible on this page.")
	}
	t.now(c.At)
	granted, refused := without(s.Granted, c.Level), without(s.Refused, c.Level)
	if c.On {
		granted = append(granted, c.Level)
	} else {
		refused = append(refused, c.Level)
	}
	if !slices.Equal(granted, s.Granted) || !slices.Equal(refused, s.Refused) {
		s.Granted, s.Refused = granted, refused
		t.touch(s)
	}
	return nil
}

// without returns a copy of a list that lacks one level.
func without(list []relay.Level, level relay.Level) []relay.Level {
	return slices.DeleteFunc(slices.Clone(list), func(l relay.Level) bool { return l == level })
}

func checkLevels(list []relay.Level) error {
	for _, l := range list {
		if !slices.Contains(relay.Levels, l) {
			return relay.Errorf(relay.CodeInvalid, "There is no level %q.", clip(string(l), MaxKey))
		}
	}
	return nil
}

func (t *txn) setPage(c SetPage) error {
	s, err := t.talking(c.Session)
	if err != nil {
		return err
	}
	view := clipView(c.View)
	var f relay.Facts
	t.get(t.key(tableFacts).id(s.ID), &f)
	if n := len(f.Pages); n > 0 && f.Pages[n-1].URL == view.URL {
		if view.Title == f.Pages[n-1].Title {
			return nil
		}
		f.Pages[n-1].Title = view.Title
	} else {
		f.Pages = append(f.Pages[max(0, n-relay.MaxPages+1):], view)
	}
	s.URL, s.Title = view.URL, view.Title
	t.saveFacts(s, f)
	t.touch(s)
	return nil
}

func (t *txn) endSession(c EndSession) error {
	switch c.By {
	case "visitor", "agent", "timeout":
	default:
		return relay.Errorf(relay.CodeInvalid, "A conversation is ended by visitor, agent or timeout, not %q.", clip(c.By, MaxKey))
	}
	if t.session(c.Session) == nil {
		return errNoSession
	}
	t.did(t.work.End(t.now(c.At), c.Session, c.By))
	return nil
}

func (t *txn) block(c Block) error {
	if _, ok := t.sites[c.Site]; !ok || c.Visitor.IsZero() {
		return relay.Errorf(relay.CodeNotFound, "There is no such site or visitor.")
	}
	now := t.now(c.At)
	var v Visitor
	k := t.visitorKey(c.Site, c.Visitor)
	if !t.get(k, &v) {
		v = Visitor{ID: c.Visitor, Site: c.Site, FirstSeen: now, LastSeen: now}
	}
	if v.Blocked == c.On {
		return nil
	}
	v.Blocked = c.On
	t.set(k, v)
	if !c.On {
		return nil
	}
	t.rest = append(t.rest, Change{Blocked: c.Visitor})
	if s := t.liveOf[c.Visitor]; s != nil && s.Site == c.Site {
		t.did(t.work.End(now, s.ID, "agent"))
	}
	return nil
}
