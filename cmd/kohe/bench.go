package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"kohe/bench"
	"kohe/edge/api"
)

func benchCommand() *cobra.Command {
	c := &cobra.Command{Use: "bench", Short: "Measure this build on this machine"}
	var file string
	s := bench.DefaultChat
	chat := &cobra.Command{
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
	chat.Flags().StringVar(&file, "json", "", "write the results to this file")
	chat.Flags().StringSliceVar(&s.Over, "over", s.Over, "what to run: wt, ws, baseline")
	chat.Flags().IntVar(&s.Pairs, "pairs", s.Pairs, "visitors, each with an agent")
	chat.Flags().IntVar(&s.Idle, "idle", s.Idle, "connections of each kind that do nothing")
	chat.Flags().IntVar(&s.Rate, "rate", s.Rate, "messages a second, each way of each pair")
	c.AddCommand(chat, baselineCommand())
	return c
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
