package edge

import (
	"net/url"
	"slices"

	"kohe/relay"
	"kohe/relay/wire"
)

// mayPush says whether a client may send a page as a message now. mu is held.
func (l *live) mayPush(c *client, p wire.SayPayload) error {
	if p.Kind != relay.KindLink {
		return relay.Errorf(relay.CodeInvalid, "There is no message of kind %q.", clip(string(p.Kind)))
	}
	if c.who.Role == relay.RoleVisitor {
		return relay.Errorf(relay.CodeForbidden, "Only agents send pages.")
	}
	link, err := relay.ParseLink(p.Text)
	if err != nil {
		return err
	}
	site, _ := l.edge.Store.Site(l.row.Site)
	return site.MayLink(link.URL)
}

// mayOpen says whether the visitor's tab may be taken to an address: to a page
// of the site itself. Returns what the transcript calls it: nothing of its query.
// mu is held.
func (l *live) mayOpen(address string) (string, error) {
	origin, err := relay.OriginOf(address)
	if err != nil {
		return "", err
	}
	site, _ := l.edge.Store.Site(l.row.Site)
	if !slices.Contains(site.Origins, origin) {
		return "", relay.Errorf(relay.CodeForbidden, "%s is not this site. Send the visitor a link instead.", origin)
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return clip(u.Host + u.Path), nil
}
