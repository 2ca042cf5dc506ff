package main

import (
	"slices"
	"testing"

	"kohe/raft/state"
)

func TestOthersBeginWithWhatABrowserIsToMeasure(t *testing.T) {
	var nodes []state.Node
	for _, at := range []string{"a1", "b1", "a2", "a3", "b2", "c1", "a4", "c2"} {
		nodes = append(nodes, state.Node{Region: at[:1], Public: at})
	}
	for region, want := range map[string][]string{
		"a": {"a1", "a2", "b1", "c1", "a3", "b2", "a4", "c2"},
		"c": {"c1", "c2", "a1", "b1", "a2", "a3", "b2", "a4"},
		"d": {"a1", "b1", "c1", "a2", "a3", "b2", "a4", "c2"},
	} {
		if got := inOrder(nodes, region); !slices.Equal(got, want) {
			t.Errorf("in region %s: %v, want %v", region, got, want)
		}
	}
}
