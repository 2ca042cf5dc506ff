package edge

import (
	"net/url"

	"kohe/dom/mask"
	"kohe/edge/roster"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// Desks is what the board is read from; state.Reader is one.
type Desks interface {
	Agents(customer string) []state.Agent
	Desk(agent string) (state.AgentDesk, bool)
	Queue(department string) relay.Queue
	Live() []relay.Session
}

// present counts a visitor's connection. The page says where it is once it has
// heard that the site shows its visitors.
func (c *client) present() {
	who := roster.Visitor{ID: c.who.Visitor, Lang: c.lang}
	if c.quiet {
		who.Invite = func(p wire.InvitationPayload) { c.push(wire.Invitation, p) }
	}
	c.place = c.edge.roster.Open(c.who.Site, who)
}

func (c *client) absent() { c.place.Close(c.edge.at()) }

// presence takes where a tab is. Where the site does not show its visitors,
// what an old page tells is forgotten.
func (c *client) presence(p wire.PresencePayload, _ uint64) error {
	site, ok := c.edge.Store.Site(c.who.Site)
	if !ok || !site.Visitors || c.place == nil {
		return nil
	}
	// Agents see this before anybody has asked them for help: what is searched for,
	// and whatever secrets addresses have, is not in it.
	p.URL, p.Title = cleanView(mask.Path(p.URL), p.Title, site.MaskAll)
	p.Referrer = hostOf(p.Referrer)
	if len(p.Pages) > wire.MaxSeen {
		p.Pages = p.Pages[len(p.Pages)-wire.MaxSeen:]
	}
	for i := range p.Pages {
		p.Pages[i] = mask.Path(p.Pages[i])
	}
	c.place.Tell(p, c.edge.at())
	return nil
}

// invitation takes the visitor's answer to one.
func (c *client) invitation(p wire.InvitationPayload, _ uint64) error {
	if c.place != nil {
		c.place.Answer(p.Accept)
	}
	return nil
}

// hostOf returns a host as it is, and the host of an address.
func hostOf(text string) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		return u.Host
	}
	if u, err := url.Parse("//" + text); err == nil {
		return u.Host
	}
	return ""
}
