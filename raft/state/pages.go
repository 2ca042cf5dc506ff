package state

import (
	"slices"

	"kohe/relay"
)

// MayLink says whether agents of the site may send its visitors to an address:
// to the site's own pages, and to origins that it lists.
func (s Site) MayLink(address string) error {
	origin, err := relay.OriginOf(address)
	if err != nil {
		return err
	}
	if !slices.Contains(s.Origins, origin) && !slices.Contains(s.Links, origin) {
		return relay.Errorf(relay.CodeForbidden, "Site %q does not let agents send its visitors to %s.", s.ID, origin)
	}
	return nil
}

// checkPages says whether the pages of a site are pages, and where its links
// may lead to.
func (s Site) checkPages() error {
	if len(s.Pages) > MaxPages || len(s.Links) > MaxLinks {
		return relay.Errorf(relay.CodeInvalid, "A site lists at most %d pages, and %d origins for links.", MaxPages, MaxLinks)
	}
	for _, origin := range s.Links {
		if is, err := relay.OriginOf(origin); err != nil || is != origin {
			return relay.Errorf(relay.CodeInvalid, "%q is not an origin; write it like https://help.example.", clip(origin, MaxKey))
		}
	}
	for _, p := range s.Pages {
		if err := checkLabel("page's title", p.Title, relay.MaxTitle, false); err != nil {
			return err
		}
		if err := s.MayLink(p.URL); err != nil {
			return err
		}
	}
	return nil
}
