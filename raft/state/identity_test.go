package state

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"kohe/relay"
)

// stored is what a test knows to be stored of one session, and all that it
// needs to know.
type stored struct {
	texts []string          // in order
	of    map[string]string // text by identity
}

// TestAnIdentityIsStoredOnce says few identities over and over, some with other
// texts, and compares what is stored with a plain map, while the state is
// opened again, reloaded and made to forget at random.
func TestAnIdentityIsStoredOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		db := openDB(t, vfs.NewMem())
		defer db.Close()
		s := openState(rt, db)
		index := uint64(0)
		apply := func(commands ...Command) (results []Result) {
			var entries []Entry
			for _, c := range commands {
				index++
				entries = append(entries, Entry{index, Encode(c)})
			}
			results, _ = s.ApplyBatch(entries)
			return results
		}
		apply(shop()...)
		want := map[int]*stored{}
		for n := 1; n <= 3; n++ {
			apply(OpenSession{Session: sid(n), Site: "shop", Department: "sales", Visitor: vid(n), Node: "n1", At: noon})
			want[n] = &stored{of: map[string]string{}}
		}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			n := rapid.IntRange(1, 3).Draw(rt, "session")
			switch rapid.SampledFrom([]string{"say", "say", "say", "say", "say", "open", "reload", "forget", "end"}).Draw(rt, "step") {
			case "say":
				var batch []Command
				var texts, ids []string
				for range rapid.IntRange(1, 3).Draw(rt, "messages") {
					id, body := fmt.Sprint(rapid.IntRange(1, 9).Draw(rt, "id")), fmt.Sprint("text ", rapid.IntRange(1, 2).Draw(rt, "text"))
					m := text(n, 0, visitor(n), id, body)
					m.Seq = uint64(len(want[n].texts)) + 1
					if _, again := want[n].of[id]; !again {
						want[n].texts, want[n].of[id] = append(want[n].texts, body), body
						texts = append(texts, "")
					} else {
						texts = append(texts, body)
					}
					ids = append(ids, id)
					batch = append(batch, Append{Session: sid(n), Epoch: 1, Messages: []relay.Message{m}, At: noon})
				}
				for i, r := range apply(batch...) {
					if again := texts[i] != ""; again != (relay.CodeOf(r.Err) == relay.CodeConflict) || !again && r.Err != nil {
						rt.Fatalf("session %d, message %s again is %v: %v", n, ids[i], again, r.Err)
					}
				}
			case "open":
				s = openState(rt, db)
			case "reload":
				if err := s.Reload(func() error { return nil }); err != nil {
					rt.Fatal(err)
				}
			case "forget":
				tx := s.begin()
				for _, row := range s.live {
					tx.forget(row)
				}
				if s.remembered != 0 {
					rt.Fatalf("%d remembered after all was forgotten", s.remembered)
				}
				tx.commit()
			case "end": // within AppendGrace
				apply(EndSession{Session: sid(n), By: "visitor", At: noon})
			}
			count := 0
			for _, row := range s.live {
				count += len(row.identities)
			}
			if count != s.remembered {
				rt.Fatalf("%d identities are remembered and %d counted", count, s.remembered)
			}
		}
		for n, w := range want {
			list, err := s.Read().Messages(sid(n), 0, 0)
			if err != nil || len(list) != len(w.texts) {
				rt.Fatalf("%d messages of %d, %v", len(list), len(w.texts), err)
			}
			for i, m := range list {
				if m.Text != w.texts[i] || w.of[m.ID] != m.Text {
					rt.Fatalf("message %d is %+v, not %q", i+1, m, w.texts[i])
				}
			}
		}
	})
}
