package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kohe/bench"
	"kohe/edge/api"
	"kohe/widget"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure this build on this machine"}
	c.AddCommand(benchChat(), benchDOM(), benchSnapshot(), benchPage(), benchGuide(), benchFailover(), benchRaft(), benchCells(), benchPresence(), baselineCommand())
	return c
}

func benchChat() *cobra.Command {
	var file string
	s := bench.DefaultChat
	c := &cobra.Command{
		Use: "chat", Short: "How long a chat message takes and what it costs (at most 60 s)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := bench.NewReport("chat", version)
			s.Progress = cmd.ErrOrStderr()
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().StringSliceVar(&s.Over, "over", s.Over, "what to run: wt, ws, baseline")
	c.Flags().IntVar(&s.Pairs, "pairs", s.Pairs, "visitors, each with an agent")
	c.Flags().IntVar(&s.Idle, "idle", s.Idle, "connections of each kind that do nothing")
	c.Flags().IntVar(&s.Rate, "rate", s.Rate, "messages a second, each way of each pair")
	return c
}

func benchDOM() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "dom", Short: "What the edge's copy of a page costs (at most 30 s)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := bench.NewReport("dom", version)
			s := bench.DefaultDOM
			s.Progress = cmd.ErrOrStderr()
			if err := s.Run(report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	return c
}

func benchSnapshot() *cobra.Command {
	var file string
	s := bench.DefaultSnapshot
	c := &cobra.Command{
		Use: "snapshot", Short: "What the first picture of a page costs, beside rrweb, in Chromium (at most 60 s)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bundle, err := widget.Open()
			if err != nil {
				return err
			}
			if s.Capture, err = readAll(bundle.Assets, "capture.js", "shorten.js"); err != nil {
				return err
			}
			s.Progress = cmd.ErrOrStderr()
			report := bench.NewReport("snapshot", version)
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().StringVar(&s.RRWeb, "rrweb", s.RRWeb, "rrweb's recorder")
	return c
}

// readAll returns files of the bundle, one behind the other.
func readAll(bundle fs.FS, names ...string) ([]byte, error) {
	var all []byte
	for _, name := range names {
		text, err := fs.ReadFile(bundle, name)
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), ';')
	}
	return all, nil
}

func benchPage() *cobra.Command {
	var file string
	s := bench.DefaultPage
	c := &cobra.Command{
		Use: "page", Short: "How long a change takes from the visitor's page to the agent's screen, beside rrweb, in Chromium (at most 60 s)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := bench.NewReport("page", version)
			s.Progress = cmd.ErrOrStderr()
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().StringVar(&s.Record, "rrweb-record", s.Record, "rrweb's recorder")
	c.Flags().StringVar(&s.Replay, "rrweb-replay", s.Replay, "rrweb's player")
	return c
}

func benchGuide() *cobra.Command {
	var file string
	s := bench.DefaultGuide
	c := &cobra.Command{
		Use: "guide", Short: "How soon a visitor sees what an agent does, and what a recording costs, in Chromium (at most 60 s)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := bench.NewReport("guide", version)
			s.Progress = cmd.ErrOrStderr()
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	return c
}

func benchFailover() *cobra.Command {
	var file string
	s := bench.DefaultFailover
	c := &cobra.Command{
		Use: "failover", Short: "How long the chat is interrupted when a node of three dies or is stopped (at most 5 minutes)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := bench.NewReport("failover", version)
			s.Progress = cmd.ErrOrStderr()
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().StringVar(&s.Over, "over", s.Over, "how the clients connect: wt or ws")
	c.Flags().DurationVar(&s.Span, "span", s.Span, "how long to cause faults")
	c.Flags().DurationVar(&s.Idle, "idle", s.Idle, "how long to watch six nodes that do nothing; 0: not at all")
	return c
}

func jsonFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "json", "", "write the results to this file")
}

// finish prints a report and writes it to a file, if one is named.
func finish(cmd *cobra.Command, report *bench.Report, file string) error {
	if err := report.Table(cmd.OutOrStdout()); err != nil || file == "" {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if err := report.Write(f); err != nil {
		return err
	}
	return f.Close()
}

// baselineCommand runs the minimal relay that bench compares with.
func baselineCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use: "baseline-relay", Short: "The minimal relay that the benchmarks compare with", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
			mux.HandleFunc("GET /memory", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(api.Memory()) })
			mux.Handle("/", bench.NewBaseline())
			s := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
			go func() { // ends with the process
				<-cmd.Context().Done()
				_ = s.Close()
			}()
			if err := s.ListenAndServe(); err != http.ErrServerClosed {
				return err
			}
			return nil
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "host:port")
	return c
}
