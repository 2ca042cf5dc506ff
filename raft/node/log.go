package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// raftLog makes hashicorp/raft log to log. Its Info is about its own workings
// and becomes Debug, but for an election that is won; so does what is said again
// and again of another member that is away, or ends: who connects the nodes says
// that once. What is left are lost elections, Warn, and failures, Error.
func raftLog(log *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard, Level: hclog.Off})
	l.RegisterSink(slogSink{log.With("part", "raft"), new(atomic.Bool)})
	return l
}

// slogSink writes to a slog.Logger.
type slogSink struct {
	log     *slog.Logger
	started *atomic.Bool // a first election was begun
}

// electing is what raft says when it has heard no leader for a while. At a
// start that is how a member always begins, so it is no warning there.
const electing = "heartbeat timeout reached, starting election"

// levels are those of messages that are not as serious, or more so, as raft
// thinks.
var levels = map[string]slog.Level{
	"election won": slog.LevelInfo,

	// Another member is away, or its connection or this node ends.
	"failed to accept connection":             slog.LevelDebug,
	"failed to decode incoming command":       slog.LevelDebug,
	"failed to flush response":                slog.LevelDebug,
	"failed to make requestVote RPC":          slog.LevelDebug,
	"failed to start pipeline replication to": slog.LevelDebug,
	"failed to pipeline appendEntries":        slog.LevelDebug,
	"failed to appendEntries to":              slog.LevelDebug,
	"failed to heartbeat to":                  slog.LevelDebug,
	"failed to contact":                       slog.LevelDebug,

	// It was away, or is new, and is sent what it lacks.
	"appendEntries rejected, sending older logs": slog.LevelDebug,
	"failed to get previous log":                 slog.LevelDebug,
	"previous log term mis-match":                slog.LevelDebug,
	"clearing log suffix":                        slog.LevelDebug,
	"skipping application of old log":            slog.LevelDebug,
	"peer has newer term, stopping replication":  slog.LevelDebug,

	// It asks for votes that it need not have; who won says so.
	"rejecting vote request since we have a leader":                 slog.LevelDebug,
	"rejecting vote request since our last term is greater":         slog.LevelDebug,
	"rejecting vote request since our last index is greater":        slog.LevelDebug,
	"rejecting vote request since node is not a voter":              slog.LevelDebug,
	"rejecting vote request since node is not in configuration":     slog.LevelDebug,
	"rejecting pre-vote request since we have a leader":             slog.LevelDebug,
	"rejecting pre-vote request since our last term is greater":     slog.LevelDebug,
	"rejecting pre-vote request since our last index is greater":    slog.LevelDebug,
	"rejecting pre-vote request since node is not a voter":          slog.LevelDebug,
	"rejecting pre-vote request since node is not in configuration": slog.LevelDebug,
	"duplicate requestVote from":                                    slog.LevelDebug,
}

// Accept implements hclog.SinkAdapter.
func (s slogSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	to, known := levels[msg]
	switch {
	case known:
	case level >= hclog.Error:
		to = slog.LevelError
	case msg == electing && s.started.CompareAndSwap(false, true):
		to = slog.LevelDebug
	case level == hclog.Warn:
		to = slog.LevelWarn
	default:
		to = slog.LevelDebug
	}
	if !s.log.Enabled(context.Background(), to) {
		return
	}
	plain := make([]any, len(args))
	for i, arg := range args {
		if f, ok := arg.(hclog.Format); ok && len(f) > 0 {
			arg = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
		plain[i] = arg
	}
	s.log.Log(context.Background(), to, msg, plain...)
}
