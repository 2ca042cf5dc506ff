package link

import (
	"testing"
	"testing/synctest"
	"time"

	"kohe/relay/wire"
)

// written is what a sender wrote to its stream, and when.
type written struct {
	at    time.Duration
	kinds []wire.Kind
}

func TestPatientFramesGoWithWhatComesAndCopiesKeepTheirDistance(t *testing.T) {
	type step struct {
		at   time.Duration
		kind wire.Kind
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name      string
		datagrams bool
		steps     []step
		want      []written
	}{
		{"a tick waits", false, []step{{0, wire.Stored}}, []written{{patience, []wire.Kind{wire.Stored}}}},
		{"ticks go together", false, []step{{0, wire.Sent}, {3 * ms, wire.Stored}}, []written{{patience, []wire.Kind{wire.Sent, wire.Stored}}}},
		{"a message takes them along", false, []step{{0, wire.Stored}, {ms, wire.Message}}, []written{{ms, []wire.Kind{wire.Stored, wire.Message}}}},
		{"a copy takes them along", true, []step{{0, wire.Stored}, {ms, wire.Message}}, []written{{ms + doubleGap, []wire.Kind{wire.Stored, wire.Message}}}},
		{"what follows a copy waits for it", true, []step{{0, wire.Message}, {ms, wire.Offer}}, []written{{doubleGap, []wire.Kind{wire.Message, wire.Offer}}}},
		{"a tick before a copy and a frame after it", true, []step{{0, wire.Sent}, {0, wire.Message}, {ms, wire.Offer}, {ms, wire.Stored}}, []written{
			{doubleGap, []wire.Kind{wire.Sent, wire.Message, wire.Offer, wire.Stored}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var got []written
				s := &sender{metrics: new(Metrics), failed: func(err error) { t.Error(err) }, write: func(b []byte) error {
					w := written{at: time.Since(start)}
					for len(b) > 0 {
						f, rest, err := wire.Split(b)
						if err != nil {
							return err
						}
						w.kinds, b = append(w.kinds, f.Kind), rest
					}
					got = append(got, w)
					return nil
				}}
				if c.datagrams {
					s.datagram = func([]byte) error { return nil }
				}
				for _, step := range c.steps {
					time.Sleep(time.Until(start.Add(step.at)))
					s.add(wire.Outgoing{Kind: step.kind, Payload: []byte("{}")})
					s.flush()
				}
				time.Sleep(20 * ms)
				synctest.Wait()
				s.stop()
				if len(got) != len(c.want) {
					t.Fatalf("written %v, want %v", got, c.want)
				}
				for i, w := range c.want {
					if got[i].at != w.at || len(got[i].kinds) != len(w.kinds) {
						t.Fatalf("written %v, want %v", got, c.want)
					}
					for j, k := range w.kinds {
						if got[i].kinds[j] != k {
							t.Fatalf("written %v, want %v", got, c.want)
						}
					}
				}
			})
		})
	}
}
