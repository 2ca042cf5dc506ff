package writers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWritersAreMeasuredByTheirOwnWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := Run(t.Context(), 4, 10*time.Second, func(context.Context, int) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		if err != nil || f.Writers != 4 || f.P50 != 10 || f.P99 != 10 || f.Rate < 395 || f.Rate > 400 {
			t.Errorf("%+v, %v; want 400 a second at 10 ms", f, err)
		}
	})
}

func TestAWriteThatFailsEndsTheRun(t *testing.T) {
	full := errors.New("full")
	_, err := Run(t.Context(), 3, time.Minute, func(_ context.Context, writer int) error {
		if writer == 1 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) {
		t.Error(err)
	}
}
