// Command kohe runs a Kohe node and speaks to a running one.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	metrics "github.com/hashicorp/go-metrics"
	"github.com/spf13/cobra"
)

// version is set by the linker (see the Makefile).
var version = "development"

// minProcs: fsyncs block a thread each; with fewer, commits wait for each other
// (DESIGN.md of raft has the measurement).
const minProcs = 8

func main() {
	if runtime.GOMAXPROCS(0) < minProcs && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(minProcs)
	}
	// hashicorp/raft measures itself into a process-wide sink; nobody reads it.
	_, _ = metrics.NewGlobal(&metrics.Config{FilterDefault: false}, &metrics.BlackholeSink{}) // fails on a bad host name only
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, root())
	stop()
	os.Exit(code)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "kohe",
		Short: "Help people on your web pages, at once",
		Long: "Kohe lets a person who is stuck on a web page be helped by a person at once: chat, and the\n" +
			"agent sees the page live. `kohe demo` shows it; `kohe serve` runs a node.",
		SilenceUsage: true, SilenceErrors: true,
	}
	c.AddCommand(serveCommand(), demoCommand(), configCommand(), agentCommand(), siteCommand(), customerCommand(), clusterCommand(), cellCommand(), backupCommand(), restoreCommand(), benchCommand(), versionCommand())
	return c
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			revision := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						revision = " " + s.Value[:min(12, len(s.Value))]
					}
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "kohe %s%s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
