package main

import (
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kohe/edge/api"
)

// Which member of a site or an agent a flag of `add` sets.
var (
	siteFlags = map[string]string{
		"customer": "Customer", "name": "Name", "origin": "Origins", "department": "Departments", "mask": "Mask", "mask-all": "MaskAll", "unmask": "Unmask",
		"canvas": "Canvas", "images": "Images", "visitors": "Visitors", "link-origin": "Links", "page": "Pages", "without": "Without", "assets": "Assets",
		"record": "Record", "color": "Color", "cobrowse": "CoBrowse",
	}
	agentFlags = map[string]string{
		"name": "Name", "alias": "Alias", "role": "Role", "operator": "Operator", "site": "Sites", "department": "Departments", "capacity": "Capacity",
	}
)

// keepSite gives a site that is there already all that no flag names.
func (l *local) keepSite(cmd *cobra.Command, s *api.LocalSite) error {
	var all []api.LocalSite
	if err := l.call(cmd.Context(), http.MethodGet, "/sites", nil, &all); err != nil {
		return err
	}
	if i := slices.IndexFunc(all, func(o api.LocalSite) bool { return o.ID == s.ID }); i >= 0 {
		keepRest(cmd, siteFlags, s, &all[i])
	} else if len(s.Departments) == 0 {
		s.Departments = []string{helpOf(s.Customer, all)}
	}
	return nil
}

// helpOf returns the department of a customer's new site for which none is named.
func helpOf(customer string, all []api.LocalSite) string {
	const help = "help"
	if customer != "" && slices.ContainsFunc(all, func(s api.LocalSite) bool { return s.Customer != customer && slices.Contains(s.Departments, help) }) {
		return customer + "-" + help
	}
	return help
}

// keepAgent is keepSite for an agent.
func (l *local) keepAgent(cmd *cobra.Command, a *api.LocalAgent) error {
	var all []api.LocalAgent
	if err := l.call(cmd.Context(), http.MethodGet, "/agents", nil, &all); err != nil {
		return err
	}
	if i := slices.IndexFunc(all, func(o api.LocalAgent) bool { return strings.EqualFold(o.ID, a.ID) }); i >= 0 {
		keepRest(cmd, agentFlags, a, &all[i])
	}
	return nil
}

// keepRest copies the members whose flags were not given from what there was.
func keepRest[T any](cmd *cobra.Command, flags map[string]string, to, from *T) {
	for flag, member := range flags {
		if !cmd.Flags().Changed(flag) {
			reflect.ValueOf(to).Elem().FieldByName(member).Set(reflect.ValueOf(from).Elem().FieldByName(member))
		}
	}
}
