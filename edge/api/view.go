package api

import (
	"kohe/raft/state"
	"kohe/relay/wire"
)

// Names is what a view reads; state.Reader is one.
type Names interface {
	Site(id string) (state.Site, bool)
	Department(id string) (state.Department, bool)
}

// AgentView returns what an agent's console may know of its agent.
func AgentView(store Names, agent state.Agent) wire.AgentView {
	v := wire.AgentView{ID: agent.ID, Name: agent.Name, Alias: agent.Alias, Role: agent.Role, Operator: agent.Operator,
		Departments: departments(store, agent.Departments), Sites: []wire.SiteView{}}
	for _, id := range agent.Sites {
		if site, ok := store.Site(id); ok {
			v.Sites = append(v.Sites, SiteView(store, site))
		}
	}
	return v
}

// SiteView returns what a visitor may know of a site.
func SiteView(store Names, site state.Site) wire.SiteView {
	return wire.SiteView{ID: site.ID, Name: site.Name, Color: site.Color, CoBrowse: site.CoBrowse, Record: site.Record,
		Mask: site.Mask, MaskAll: site.MaskAll, Unmask: site.Unmask, Canvas: site.Canvas, Images: site.Images, Without: site.Without, Visitors: site.Visitors,
		Departments: departments(store, site.Departments)}
}

func departments(store Names, ids []string) []wire.DepartmentView {
	list := make([]wire.DepartmentView, 0, len(ids))
	for _, id := range ids {
		if d, ok := store.Department(id); ok {
			list = append(list, wire.DepartmentView{ID: d.ID, Name: d.Name})
		}
	}
	return list
}
