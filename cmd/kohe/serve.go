package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use: "serve", Short: "Run a node", Args: cobra.NoArgs,
		Long: "Run a node. An empty data folder works. Without a certificate it is a development node on loopback.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.load(cmd); err != nil {
				return err
			}
			n, err := openNode(cmd.Context(), c, false, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Kohe is ready.\n  console  %s/console/\n", n.public)
			if n.cells != nil && len(n.cells.Read().AllAgents()) == 0 {
				fmt.Fprint(cmd.OutOrStdout(), "  Nobody can sign in yet: see `kohe site add --help` and `kohe agent add --help`.\n")
			}
			return n.run(cmd.Context())
		},
	}
	c = defaults()
	c.flags(cmd.Flags())
	return cmd
}

func demoCommand() *cobra.Command {
	var c config
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a node with a demo shop, a demo agent and a demo supervisor", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.load(cmd); err != nil {
				return err
			}
			if c.secure() {
				return errors.New("the demo's passwords are known to everyone, so it runs on loopback only; leave out cert and key")
			}
			n, err := openNode(cmd.Context(), c, true, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if n.cell == nil {
				return errors.Join(errors.New("this node is an edge only; run the demo in a folder of its own"), n.close(cmd.Context()))
			}
			if err := seedDemo(cmd.Context(), n); err != nil {
				return errors.Join(err, n.close(cmd.Context()))
			}
			announceDemo(cmd.OutOrStdout(), n)
			return n.run(cmd.Context())
		},
	}
	c = defaults()
	c.flags(cmd.Flags())
	return cmd
}

func announceDemo(w io.Writer, n *node) {
	fmt.Fprintf(w, `
Kohe is ready. Open the shop in one window and the console in another.

  shop      %s/shop/
  console   %s/console/
  sign in   %s  %s   (agent)
            %s  %s   (supervisor)

Everything is kept in %s. Ctrl+C stops it.
`, n.shop(), n.public, demoAgent, demoPassword, demoSupervisor, demoPassword, n.config.Data)
}
