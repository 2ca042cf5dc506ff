package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdpio "github.com/chromedp/cdproto/io"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

// browser is a Chromium of its own, with a fresh profile.
type browser struct {
	ctx    context.Context // of the browser's first tab
	cancel context.CancelFunc
}

// browserTime bounds what a scenario may take in a browser.
const browserTime = 2 * time.Minute

// openBrowser starts Chromium without a screen. It reaches loopback only.
func openBrowser(ctx context.Context) (*browser, error) {
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return nil, errors.New("this benchmark needs Chromium: install it so that `chromium` is on the PATH")
	}
	ctx, stop := context.WithTimeout(ctx, browserTime)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"))
	ctx, stopProcess := chromedp.NewExecAllocator(ctx, options...)
	ctx, stopTab := chromedp.NewContext(ctx)
	b := &browser{ctx: ctx, cancel: func() { stopTab(); stopProcess(); stop() }}
	if err := b.do(call(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})); err != nil {
		b.cancel()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

func (b *browser) close() { b.cancel() }

// window opens another window of the browser, which is seen and has the focus
// as the others do.
func (b *browser) window() (*browser, error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	w := &browser{ctx: ctx, cancel: cancel}
	if err := w.do(chromedp.EmulateViewport(1440, 900), call(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})); err != nil {
		cancel()
		return nil, fmt.Errorf("open a window: %w", err)
	}
	return w, nil
}

// do runs actions in the tab.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) error {
	return chromedp.Do(b.ctx, actions...)
}

// call makes an action of a protocol command whose answer does not matter.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// evaluate runs a script whose value does not matter.
func evaluate(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}

// await runs a script and returns the value of its promise.
func await[T any](b *browser, script string) (T, error) {
	return chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// taskTime returns the processor time that the page's main thread has spent in
// tasks.
func (b *browser) taskTime() (time.Duration, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (time.Duration, error) {
		all, err := cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
		if err != nil {
			return 0, err
		}
		for _, m := range all.Metrics {
			if m.Name == "TaskDuration" {
				return time.Duration(m.Value * float64(time.Second)), nil
			}
		}
		return 0, errors.New("no TaskDuration among the figures of Chromium")
	})
}

// longestTask returns how long the longest task of the page's main thread took
// while f ran, by tracing.
func (b *browser) longestTask(f func() error) (time.Duration, error) {
	categories := []string{"toplevel", "devtools.timeline", "__metadata"}
	begin := tracing.StartParams{TransferMode: tracing.StartTransferModeReturnAsStream, TraceConfig: &tracing.TraceConfig{IncludedCategories: categories}}
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (time.Duration, error) {
		complete := cdp.Events(ctx, t, tracing.TracingComplete)
		if _, err := cdp.Call(ctx, t, tracing.Start, begin); err != nil {
			return 0, fmt.Errorf("start tracing: %w", err)
		}
		failed := f()
		if _, err := cdp.Call(ctx, t, tracing.End, cdp.Empty{}); err != nil {
			return 0, errors.Join(failed, fmt.Errorf("end tracing: %w", err))
		}
		for done, err := range complete {
			if err != nil || failed != nil {
				return 0, errors.Join(failed, err)
			}
			return readTrace(ctx, t, done.Stream)
		}
		return 0, errors.New("the browser ended before its trace")
	})
}

// readTrace reads a trace and returns its longest task.
func readTrace(ctx context.Context, t *chromedp.Target, stream cdpio.StreamHandle) (time.Duration, error) {
	var text bytes.Buffer
	for {
		part, err := cdp.Call(ctx, t, cdpio.Read, cdpio.ReadParams{Handle: stream})
		if err != nil {
			return 0, fmt.Errorf("read the trace: %w", err)
		}
		text.Write(part.Data)
		if part.EOF {
			break
		}
	}
	var trace struct {
		Events []traceEvent `json:"traceEvents"`
	}
	if err := json.Unmarshal(text.Bytes(), &trace); err != nil {
		return 0, fmt.Errorf("read the trace: %w", err)
	}
	return longestOf(trace.Events)
}

// traceEvent is what is read of an event of Chromium's trace format.
type traceEvent struct {
	Name     string  `json:"name"`
	Phase    string  `json:"ph"`
	Process  int     `json:"pid"`
	Thread   int     `json:"tid"`
	Duration float64 `json:"dur"` // µs
	Args     struct {
		Name any `json:"name"` // a text where the event names a thread
	} `json:"args"`
}

// longestOf returns the longest task of the renderers' main threads.
func longestOf(events []traceEvent) (time.Duration, error) {
	type thread struct{ process, thread int }
	main := map[thread]bool{}
	for _, e := range events {
		if e.Phase == "M" && e.Name == "thread_name" && e.Args.Name == "CrRendererMain" {
			main[thread{e.Process, e.Thread}] = true
		}
	}
	longest := -1.0
	for _, e := range events {
		if e.Phase == "X" && strings.HasSuffix(e.Name, "RunTask") && main[thread{e.Process, e.Thread}] {
			longest = max(longest, e.Duration)
		}
	}
	if longest < 0 {
		return 0, fmt.Errorf("the trace of %d events has no task of a page", len(events))
	}
	return time.Duration(longest * float64(time.Microsecond)), nil
}

// script wraps a library that would otherwise look for a module loader.
func script(source []byte) string {
	var b bytes.Buffer
	b.WriteString("(function(){var define,exports,module;")
	b.Write(source)
	b.WriteString("\n}).call(window);0")
	return b.String()
}
