package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"kohe/edge/api"
	"kohe/raft/state"
)

func clusterCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "cluster", Short: "Several nodes as one",
		Long: "Several nodes as one: three or five core nodes keep what must not be lost, and go on when one of them fails.",
		Example: `  kohe cluster init --address kohe1.example:8443             # at the first node, while it is stopped
  kohe cluster token                                         # there, once it runs again
  kohe cluster join TOKEN --node kohe2 --address kohe2.example:8443   # at the second
  kohe serve                                                 # at both`,
	}
	var l local
	l.flag(c)
	c.AddCommand(clusterInit(&l), clusterToken(&l), clusterJoin(&l), clusterStatusCommand(&l), clusterLeave(&l), clusterTransfer(&l))
	return c
}

func clusterInit(l *local) *cobra.Command {
	var name, address, region string
	c := &cobra.Command{
		Use: "init", Short: "Make a stopped node the first of a cluster; what it keeps stays", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if running(cmd, l) {
				return errors.New("the node is running; stop it first")
			}
			if err := initCluster(l.data, name, address, region); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is the first node of a new cluster. Start it, then make a token for each other node with: kohe cluster token\n", name)
			return nil
		},
	}
	memberFlags(c, &name, &address, &region)
	return c
}

func memberFlags(c *cobra.Command, name, address, region *string) {
	c.Flags().StringVar(name, "node", defaults().Node, "this node's name, for all time")
	c.Flags().StringVar(address, "address", "", "host:port at which the other nodes reach this one")
	c.Flags().StringVar(region, "region", "", "where the node is, such as eu-north")
	_ = c.MarkFlagRequired("address") // there is such a flag
}

// running reports whether a node answers on the folder's socket.
func running(cmd *cobra.Command, l *local) bool {
	var sites []struct{}
	return l.call(cmd.Context(), http.MethodGet, "/sites", nil, &sites) == nil
}

func clusterToken(l *local) *cobra.Command {
	var role string
	c := &cobra.Command{
		Use: "token", Short: "Make a token with which one node can join within an hour", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var out clusterAsk
			if err := l.call(cmd.Context(), http.MethodPost, "/cluster/token", clusterAsk{Role: role}, &out); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), out.Text)
			return nil
		},
	}
	c.Flags().StringVar(&role, "role", state.CoreNode, "core: it votes and keeps the state; edge: it faces people and keeps nothing")
	return c
}

func clusterJoin(l *local) *cobra.Command {
	var name, address, region string
	c := &cobra.Command{
		Use: "join TOKEN", Short: "Make an empty folder a node of the cluster that made the token", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := joinCluster(cmd.Context(), l.data, name, address, region, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has joined. Start it with: kohe serve --data %s\n", name, l.data)
			return nil
		},
	}
	memberFlags(c, &name, &address, &region)
	return c
}

func clusterStatusCommand(l *local) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "What is wrong, who is there, who leads, and how the nodes reach each other", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s api.ClusterStatus
			if err := l.call(cmd.Context(), http.MethodGet, "/cluster", nil, &s); err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(s)
			}
			return writeStatus(cmd.OutOrStdout(), s)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the data, for machines")
	return c
}

func clusterLeave(l *local) *cobra.Command {
	return &cobra.Command{
		Use: "leave NODE", Short: "Take a node out of the cluster, dead or alive", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.call(cmd.Context(), http.MethodPost, "/cluster/leave", clusterAsk{Node: args[0]}, &clusterAsk{}); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is no node of the cluster any more. Stop it; its folder is of no more use.\n", args[0])
			return nil
		},
	}
}

func clusterTransfer(l *local) *cobra.Command {
	return &cobra.Command{
		Use: "transfer", Short: "Have another core node lead in this one's place", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.call(cmd.Context(), http.MethodPost, "/cluster/transfer", clusterAsk{}, &clusterAsk{}); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "Another node leads now.")
			return nil
		},
	}
}
