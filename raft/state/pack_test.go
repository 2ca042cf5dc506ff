package state

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"kohe/relay"
)

// TestAPackIsAppliedAsItsCommandsAre puts the Appends that follow each other in a
// random log into packs, with restarts and repetitions, and compares answers and
// rows with the straight run's.
func TestAPackIsAppliedAsItsCommandsAre(t *testing.T) {
	// Where a session began to wait for the search index is the pack's index, and
	// of those that wait since one index the first by id says since when.
	waits := regexp.MustCompile(`(?m)^("p|deadline ).*\n?`)
	rapid.Check(t, func(rt *rapid.T) {
		h := drawHistory(rt, t)
		db := openDB(t, vfs.NewMem())
		defer db.Close()
		s := openState(rt, db)
		for next := 0; next < len(h.entries); {
			var commands [][]byte
			for len(commands) < 5 && next+len(commands) < len(h.entries) && Packs(h.entries[next+len(commands)].Data) {
				commands = append(commands, h.entries[next+len(commands)].Data)
			}
			from := next
			next += max(1, len(commands))
			e, list := h.entries[next-1], []Result(nil)
			if len(commands) > 0 {
				e.Data = Pack(commands)
			}
			results, _ := s.ApplyBatch([]Entry{e})
			if list = results; len(commands) > 0 {
				list = results[0].Value.([]Result)
			}
			for i, r := range list {
				if got, want := fmt.Sprintf("%+v", r), h.results[from+i]; got != want {
					rt.Fatalf("command %d: %s; want %s", from+i, got, want)
				}
			}
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				s = openState(rt, db)
				s.ApplyBatch([]Entry{e}) // which it has
			}
		}
		if got, want := waits.ReplaceAllString(dump(t, db, s), ""), waits.ReplaceAllString(h.dump, ""); got != want {
			rt.Fatalf("state\n%s\nwant\n%s", got, want)
		}
	})
}

func TestAMalformedPackChangesNothing(t *testing.T) {
	w := newWorld(t)
	tick := Encode(Tick{At: noon + 1})
	whole := Pack([][]byte{tick, tick})
	for _, data := range [][]byte{whole[:len(whole)-1], append(bytes.Clone(whole), 9), {kindPack, 0xff}, Pack(make([][]byte, MaxPack+1))} {
		w.index++
		results, _ := w.state.ApplyBatch([]Entry{{w.index, data}})
		if relay.CodeOf(results[0].Err) != relay.CodeMalformed || w.state.Applied() != w.index {
			t.Errorf("%x: %+v, applied %d of %d", data[:min(len(data), 20)], results[0], w.state.Applied(), w.index)
		}
	}
	w.index++
	gone := Encode(Append{Session: sid(9), At: noon})
	results, _ := w.state.ApplyBatch([]Entry{{w.index, Pack([][]byte{nil, tick, whole, gone[:3], gone})}})
	list := results[0].Value.([]Result)
	for i, want := range []relay.Code{relay.CodeMalformed, relay.CodeMalformed, relay.CodeMalformed, relay.CodeMalformed, relay.CodeNotFound} {
		if relay.CodeOf(list[i].Err) != want {
			t.Errorf("command %d: %+v", i, list[i])
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(Pack([][]byte{Encode(Tick{At: noon}), nil})[1:])
	f.Fuzz(func(t *testing.T, data []byte) {
		commands, err := unpack(append([]byte{kindPack}, data...))
		if err != nil {
			return
		}
		again, err := unpack(Pack(commands))
		if err != nil || len(again) != len(commands) {
			t.Fatalf("%d commands became %d, %v", len(commands), len(again), err)
		}
		for i := range commands {
			if !bytes.Equal(commands[i], again[i]) {
				t.Fatalf("command %d", i)
			}
		}
	})
}
