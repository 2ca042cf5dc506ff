package api

import (
	"net/http"
	"slices"

	"kohe/raft/state"
	"kohe/relay"
)

// pages answers with the pages that a site's agents send visitors to, and the
// origins that their links may lead to.
func (a *API) pages(r *http.Request, agent state.Agent) (any, error) {
	id := r.PathValue("id")
	site, ok := a.Store.Site(id)
	if !ok || !slices.Contains(agent.Sites, id) {
		return nil, relay.Errorf(relay.CodeNotFound, "There is no such site, or it is not one of yours.")
	}
	return struct {
		Pages   []state.Page `json:"pages"`
		Origins []string     `json:"origins"` // the site's own
		Links   []string     `json:"links"`
	}{site.Pages, site.Origins, site.Links}, nil
}
