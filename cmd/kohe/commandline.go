package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// What a command ends with. A node that cannot go on ends with 2, too.
const (
	exitDone   = 0
	exitFailed = 1 // what was asked could not be done
	exitUsage  = 2 // it cannot be asked like that: the usage is on standard error
)

// execute runs a command line and returns what to end the process with.
func execute(ctx context.Context, c *cobra.Command) int {
	c.InitDefaultCompletionCmd() // so that it is as strict as the others
	var begun bool
	strict(c, &begun)
	at, err := c.ExecuteContextC(ctx)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return exitDone
	case begun:
		fmt.Fprintln(c.ErrOrStderr(), "kohe:", plain(err))
		return exitFailed
	}
	fmt.Fprintf(c.ErrOrStderr(), "kohe: %s\n\n%s", plainUse(at, err), at.UsageString())
	return exitUsage
}

// strict has a group of commands refuse words that name none of them, which
// cobra answers with help as if all were well, and notes when a command begins:
// what goes wrong before is in how it was given.
func strict(c *cobra.Command, begun *bool) {
	for _, sub := range c.Commands() {
		strict(sub, begun)
	}
	run := c.RunE
	switch {
	case c.HasSubCommands():
		c.Args = noSuchCommand
	case c.Args != nil && !strings.Contains(c.Use, "["):
		c.Args = words
	}
	switch {
	case run != nil:
		c.RunE = func(cmd *cobra.Command, args []string) error {
			*begun = true
			return run(cmd, args)
		}
	case c.Run == nil:
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("there is no command %q in %q", args[0], c.CommandPath())
	c.SuggestionsMinimumDistance = 2 // letters; cobra's own default
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		err = fmt.Errorf("%w; did you mean %q?", err, like[0])
	}
	return err
}
