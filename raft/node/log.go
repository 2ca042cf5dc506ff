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
// and becomes Debug; elections and failures are Warn and Error.
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

// Accept implements hclog.SinkAdapter.
func (s slogSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	switch {
	case level >= hclog.Error:
		to = slog.LevelError
	case msg == electing && s.started.CompareAndSwap(false, true):
	case level == hclog.Warn:
		to = slog.LevelWarn
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
