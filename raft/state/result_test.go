package state

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"kohe/relay"
)

func TestAResultArrivesAtAnotherNodeAsItWas(t *testing.T) {
	busy := &relay.Error{Code: relay.CodeUnavailable, Text: "later", Retry: time.Second}
	for name, r := range map[string]Result{
		"nothing":  {},
		"claimed":  {Value: Claimed{Session: relay.Session{ID: sid(1), Site: "shop"}, Epoch: 3, Seq: 4}},
		"appended": {Value: Appended{Seq: 7}},
		"stale":    {Err: ErrStale},
		"gap":      {Err: &Gap{Have: 9}},
		"refused":  {Err: &Refused{Seq: 5, Have: 4, Err: busy}},
		"busy":     {Err: busy},
		"moved on": {Err: relay.Errorf(relay.CodeStale, "The offer has moved on.")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeResult(EncodeResult(r))
			if err != nil || !reflect.DeepEqual(got, r) {
				t.Errorf("%+v, %v; want %+v", got, err, r)
			}
		})
	}
	for _, seq := range []uint64{0, 1, 23, 24, 1 << 40} {
		if got, want := EncodeResult(Result{Value: Appended{seq}}), marshal(wireResult{Appended: &Appended{seq}}); !bytes.Equal(got, want) {
			t.Errorf("appended %d is %x, not %x", seq, got, want)
		}
	}
	if _, err := DecodeResult([]byte{0xff}); relay.CodeOf(err) != relay.CodeMalformed {
		t.Error(err)
	}
}
