package main

import (
	"reflect"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"kohe/edge/api"
)

func TestEveryFlagOfAddNamesAMemberOfItsOwn(t *testing.T) {
	add := func(c *cobra.Command) *cobra.Command {
		i := slices.IndexFunc(c.Commands(), func(c *cobra.Command) bool { return c.Name() == "add" })
		return c.Commands()[i]
	}
	for what, c := range map[string]struct {
		cmd     *cobra.Command
		flags   map[string]string
		of      reflect.Type
		besides []string // members that no flag sets
	}{
		"site":  {add(siteCommand()), siteFlags, reflect.TypeFor[api.LocalSite](), []string{"ID", "Node"}},
		"agent": {add(agentCommand()), agentFlags, reflect.TypeFor[api.LocalAgent](), []string{"ID", "Password"}},
	} {
		var members []string
		c.cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if member, ok := c.flags[f.Name]; ok {
				members = append(members, member)
			} else {
				t.Errorf("%s add --%s would be forgotten when something else is changed", what, f.Name)
			}
		})
		for i := range c.of.NumField() {
			name := c.of.Field(i).Name
			if !slices.Contains(members, name) && !slices.Contains(c.besides, name) {
				t.Errorf("%s.%s has no flag", what, name)
			}
		}
	}
}

func TestWhatNoFlagNamesStays(t *testing.T) {
	var s api.LocalSite
	cmd := &cobra.Command{}
	cmd.Flags().StringVar(&s.Color, "color", "", "")
	cmd.Flags().IntVar(&s.Record, "record", 0, "")
	cmd.Flags().StringSliceVar(&s.Departments, "department", []string{"help"}, "")
	if err := cmd.ParseFlags([]string{"--color", "#aa0000"}); err != nil {
		t.Fatal(err)
	}
	keepRest(cmd, siteFlags, &s, &api.LocalSite{Name: "The shop", Departments: []string{"sales"}, Record: 30, Color: "#00aa00", Visitors: true})
	want := api.LocalSite{Name: "The shop", Departments: []string{"sales"}, Record: 30, Color: "#aa0000", Visitors: true}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v, want %+v", s, want)
	}
}
