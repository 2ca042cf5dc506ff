package edge

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"kohe/dom/mask"
	"kohe/edge/api"
	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// visitorFrames are the control frames that a visitor may send.
var visitorFrames = map[wire.Kind]func(*client, wire.Frame) error{
	wire.Open:    ask((*client).open),
	wire.Say:     ask((*client).say),
	wire.Mark:    ask((*client).mark),
	wire.Typing:  ask((*client).typing),
	wire.End:     ask((*client).end),
	wire.Consent: ask((*client).consent),
	wire.Grant:   ask((*client).grant),
	wire.Acted:   ask((*client).acted),
	wire.Faults:  ask((*client).faults),
	wire.Tab:     ask((*client).tabChanged),
	wire.Card:    ask((*client).card),

	wire.Presence:   ask((*client).presence),
	wire.Invitation: ask((*client).invitation),
}

func (e *Edge) acceptVisitor(ctx context.Context, peer link.Peer, hello wire.HelloPayload) (link.Handler, error) {
	site, ok := e.Store.Site(hello.Site)
	if !ok {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no site %q here. Check data-site in the page's script tag.", clip(hello.Site))
	}
	if !slices.Contains(site.Origins, peer.Origin) {
		return nil, relay.Errorf(relay.CodeForbidden, "Site %q does not list the origin %q. Add it to the site's origins.", site.ID, clip(peer.Origin))
	}
	line := e.chats
	if hello.Quiet {
		line = e.quiets
	}
	if err := line.enter(e.Now()); err != nil {
		return nil, err
	}
	who := relay.Principal{Role: relay.RoleVisitor, Customer: site.Customer, Site: site.ID}
	in, err := e.admitVisitor(ctx, site.ID, hello)
	if err != nil {
		return nil, err
	}
	who.Visitor = in.Visitor
	row, known := e.Store.Visitor(site.ID, who.Visitor)
	blocked := known && row.Blocked
	if hello.Quiet {
		leave(in)
		in.Leave = nil
	} else if blocked {
		leave(in)
		return nil, relay.Errorf(relay.CodeRevoked, "Help is not available here.")
	}
	who.Name = row.Name
	c := e.newClient(peer, who, hello)
	c.in = in
	if hello.Page != nil {
		c.setTab(e.clean(site.ID, *hello.Page))
	}
	view := api.SiteView(e.Store, site)
	view.Origins, view.Links = site.Origins, site.Links
	w := wire.WelcomePayload{
		Token: in.Token, Visitor: who.Visitor,
		Site: &view, Button: new(e.desk.button(site)),
	}
	if blocked { // a page without a button, and nothing that invites to come back as somebody else
		w.Button = nil
		c.welcome(w)
		c.left = func() {}
		return c, nil
	}
	if c.quiet {
		topic := e.desk.buttonTopic(site.ID)
		c.welcome(w)
		topic.Subscribe(c.queue)
		e.quietCame(c)
		c.present()
		c.left = func() { topic.Unsubscribe(c.queue); e.quietLeft(c); c.absent() }
		return c, nil
	}
	if err := e.joinVisitor(ctx, c, hello, w); err != nil {
		leave(in)
		return nil, err
	}
	return c, nil
}

// admitVisitor asks who a visitor is. Who only looks at the button and has not
// been here is nobody yet.
func (e *Edge) admitVisitor(ctx context.Context, site string, hello wire.HelloPayload) (auth.Admission, error) {
	if hello.Quiet && hello.Token == "" {
		return auth.Admission{}, nil
	}
	var recalls []relay.ID
	for _, r := range hello.Resume {
		recalls = append(recalls, r.Session)
	}
	return e.Gate.Visitor(ctx, site, hello.Token, recalls)
}

// registerVisitor puts a visitor's full connection on the list.
func (e *Edge) registerVisitor(c *client) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	set := e.visitors[c.who.Visitor]
	if len(set) >= maxTabs {
		return relay.Errorf(relay.CodeBusy, "This page is open in more than %d tabs. Please close one.", maxTabs)
	}
	if set == nil {
		set = make(map[*client]bool)
		e.visitors[c.who.Visitor] = set
	}
	set[c] = true
	return nil
}

// joinVisitor registers a full connection and attaches it to the visitor's
// live session, if there is one.
func (e *Edge) joinVisitor(ctx context.Context, c *client, hello wire.HelloPayload, w wire.WelcomePayload) error {
	row, ok := e.Store.LiveOf(c.who.Visitor)
	if ok {
		w.Sessions = []relay.ID{row.ID}
	}
	c.welcome(w) // before anything can find the client on a list
	if err := e.registerVisitor(c); err != nil {
		return err
	}
	topic := e.desk.buttonTopic(c.who.Site)
	topic.Subscribe(c.queue)
	c.present()
	c.left = func() { topic.Unsubscribe(c.queue); c.absent(); e.visitorLeft(c) }
	if !ok {
		e.lastSession(c, hello.Resume)
		return nil
	}
	if err := e.enter(ctx, c, resumeOf(hello.Resume, row.ID), true); err != nil {
		c.leave()
		return err
	}
	return nil
}

// lastSession tells a returning visitor how the session that they remember ended.
func (e *Edge) lastSession(c *client, resume []wire.Resume) {
	for _, r := range resume {
		if row, ok := e.Store.Session(r.Session); ok && row.Visitor == c.who.Visitor {
			c.push(wire.Session, e.sessionFor(relay.RoleVisitor, row))
		}
	}
}

func resumeOf(list []wire.Resume, id relay.ID) wire.Resume {
	for _, r := range list {
		if r.Session == id {
			return r
		}
	}
	return wire.Resume{Session: id}
}

// visitorLeft is called once for each full connection that ended.
func (e *Edge) visitorLeft(c *client) {
	e.mu.Lock()
	delete(e.visitors[c.who.Visitor], c)
	if len(e.visitors[c.who.Visitor]) == 0 {
		delete(e.visitors, c.who.Visitor)
	}
	e.mu.Unlock()
	for _, l := range c.sessions() {
		l.leave(c)
	}
}

func (c *client) open(p wire.OpenPayload, _ uint64) error {
	e := c.edge
	name := strings.TrimSpace(p.Name)
	switch {
	case p.Session.IsZero():
		return relay.Errorf(relay.CodeInvalid, "The session needs an id.")
	case name == "" || utf8.RuneCountInString(name) > relay.MaxName:
		return relay.Errorf(relay.CodeInvalid, "Please give a name or nickname of at most %d characters.", relay.MaxName)
	}
	if err := e.opens.Allow(c.peer.Remote.String(), e.Now()); err != nil {
		return err
	}
	site, ok := e.Store.Site(c.who.Site)
	if !ok {
		return relay.Errorf(relay.CodeNotFound, "This site is not served here any more.")
	}
	if p.Department == "" && len(site.Departments) > 0 {
		p.Department = site.Departments[0]
	}
	if !slices.Contains(site.Departments, p.Department) {
		return relay.Errorf(relay.CodeNotFound, "There is no department %q on this site.", clip(p.Department))
	}
	tab, _ := c.tabState()
	cmd := state.OpenSession{
		Session: p.Session, Site: site.ID, Department: p.Department, Visitor: c.who.Visitor, Name: name, Lang: clip(c.lang),
		URL: tab.URL, Title: tab.Title, Facts: cleanFacts(p.Facts, site.MaskAll), Node: e.Node, At: e.at(),
	}
	result, err := e.propose(cmd)
	if err != nil {
		return err
	}
	claimed, ok := result.(state.Claimed)
	if !ok {
		return relay.Errorf(relay.CodeInternal, "opening a session gave %T", result)
	}
	l, err := e.adopt(claimed)
	if err != nil {
		return err
	}
	for _, tab := range e.tabsOf(c.who.Visitor) {
		l.join(tab, wire.Resume{Session: l.id})
	}
	return nil
}

func (c *client) consent(p wire.ConsentPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err != nil {
		return err
	}
	if _, err = c.edge.propose(state.SetConsent{Session: l.id, On: p.On, Record: p.Record, At: c.edge.at()}); err == nil {
		c.ok(seq, "")
	}
	return err
}

func (c *client) tabChanged(p wire.TabPayload, _ uint64) error {
	was, _ := c.tabState()
	c.setTab(c.edge.clean(c.who.Site, p))
	for _, l := range c.sessions() {
		l.tabChanged(c)
		if p.Visible && (p.URL != was.URL || p.Title != was.Title || !was.Visible) {
			l.pageView(p)
		}
	}
	return nil
}

func (c *client) card(p wire.CardPayload, seq uint64) error {
	e := c.edge
	name, contact, text := strings.TrimSpace(p.Name), strings.TrimSpace(p.Contact), strings.TrimSpace(p.Text)
	if err := relay.CheckClientID(p.ID); err != nil {
		return err
	}
	if err := relay.CheckText(text); err != nil {
		return err
	}
	if name == "" || contact == "" || utf8.RuneCountInString(name) > relay.MaxName || utf8.RuneCountInString(contact) > relay.MaxTitle {
		return relay.Errorf(relay.CodeInvalid, "Please give a name and an e-mail address or phone number.")
	}
	site, ok := e.Store.Site(c.who.Site)
	if !ok || len(site.Departments) == 0 {
		return relay.Errorf(relay.CodeNotFound, "This site takes no messages.")
	}
	if !slices.Contains(site.Departments, p.Department) {
		p.Department = site.Departments[0]
	}
	if err := e.opens.Allow(c.peer.Remote.String(), e.Now()); err != nil {
		return err
	}
	card := state.Card{
		ID: c.who.Visitor.String() + "-" + p.ID, Site: site.ID, Department: p.Department, Visitor: c.who.Visitor,
		Name: name, Contact: contact, Text: text, At: e.at(),
	}
	if _, err := e.propose(state.Put{Card: &card, At: card.At}); err != nil {
		return err
	}
	c.ok(seq, p.ID)
	return nil
}

// clean bounds what a browser says of a tab.
func (e *Edge) clean(site string, p wire.TabPayload) wire.TabPayload {
	row, _ := e.Store.Site(site)
	p.URL, p.Title = cleanView(p.URL, p.Title, row.MaskAll)
	return p
}

// cleanView bounds a page's address and title. Where all is masked a page is
// known by its path.
func cleanView(url, title string, maskAll bool) (string, string) {
	if maskAll {
		url, title = mask.Path(url), ""
	}
	return clipTo(url, relay.MaxURL), clipTo(title, relay.MaxTitle)
}

// cleanFacts bounds what a browser says of its visitor.
func cleanFacts(f *relay.Facts, maskAll bool) relay.Facts {
	if f == nil {
		return relay.Facts{}
	}
	out := *f
	out.Referrer, _ = cleanView(f.Referrer, "", maskAll)
	out.UserAgent = clipTo(f.UserAgent, 400)
	out.Screen, out.TimeZone = clip(f.Screen), clip(f.TimeZone)
	out.Pages = slices.Clone(f.Pages[max(0, len(f.Pages)-relay.MaxPages):])
	for i, p := range out.Pages {
		out.Pages[i].URL, out.Pages[i].Title = cleanView(p.URL, p.Title, maskAll)
	}
	return out
}

func clip(s string) string { return clipTo(s, 80) }

// clipTo returns s cut to at most n bytes of valid UTF-8.
func clipTo(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}
