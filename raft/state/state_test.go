package state

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/relay"
)

func TestEntriesThatAreAppliedAreAnsweredAgain(t *testing.T) {
	w := newWorld(t)
	open := OpenSession{Session: sid(1), Site: "shop", Visitor: vid(1), Node: "n1", At: w.now}
	say := Append{Session: sid(1), Epoch: 1, Messages: []relay.Message{text(1, 1, visitor(1), "a", "x")}, At: w.now}
	claim := Claim{Session: sid(1), Node: "n2", Nonce: relay.ID{1}, At: w.now}
	var entries []Entry
	for i, c := range []Command{open, say, claim, Tick{At: w.now}} {
		entries = append(entries, Entry{w.index + uint64(i) + 1, Encode(c)})
	}
	entries = append(entries, Entry{w.index + 5, []byte{byte(kindTick), 'x'}})
	w.state.ApplyBatch(entries)
	before := dump(t, w.db, w.state)
	results, changes := w.state.ApplyBatch(entries)
	if len(changes) != 0 || dump(t, w.db, w.state) != before {
		t.Errorf("changed: %+v", changes)
	}
	for i, want := range []string{"state.Claimed 2 1", "state.Appended 1", "state.Claimed 2 1", "<nil>"} {
		got := fmt.Sprintf("%T", results[i].Value)
		switch v := results[i].Value.(type) {
		case Claimed:
			got = fmt.Sprintf("%T %d %d", v, v.Epoch, v.Seq)
		case Appended:
			got = fmt.Sprintf("%T %d", v, v.Seq)
		}
		if got != want || results[i].Err != nil {
			t.Errorf("entry %d: %s, %v; want %s", i, got, results[i].Err, want)
		}
	}
	if relay.CodeOf(results[4].Err) != relay.CodeMalformed {
		t.Errorf("%v", results[4].Err)
	}
}

func TestSeveralStatesShareADatabase(t *testing.T) {
	db := openDB(t, vfs.NewMem())
	defer db.Close()
	var states []*State
	for _, prefix := range []string{"a", "b", "\xff"} {
		s, err := Open(db, []byte(prefix))
		if err != nil {
			t.Fatal(err)
		}
		s.ApplyBatch([]Entry{{7, Encode(Put{Customer: &Customer{ID: "of-" + fmt.Sprintf("%x", prefix)}})}})
		states = append(states, s)
	}
	for _, s := range states {
		again, err := Open(db, s.prefix)
		if err != nil {
			t.Fatal(err)
		}
		if list := again.Read().Customers(); len(list) != 1 || list[0].ID != fmt.Sprintf("of-%x", s.prefix) || again.Applied() != 7 {
			t.Errorf("under %q: %+v", s.prefix, list)
		}
	}
}

// TestAFailedDatabaseLosesNothing: what could not be committed is answered as
// such, no index moves on, and the log restores it.
func TestAFailedDatabaseLosesNothing(t *testing.T) {
	fs := vfs.NewMem()
	db := openDB(t, fs)
	s := openState(t, db)
	s.ApplyBatch([]Entry{{1, Encode(Put{Customer: &Customer{ID: "acme"}})}})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	second := []Entry{{2, Encode(Put{Customer: &Customer{ID: "other"}})}, {3, Encode(Tick{At: noon})}}

	db, err := pebble.Open("db", &pebble.Options{FS: fs, ReadOnly: true, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	s = openState(t, db)
	for range 2 { // it stays so
		results, changes := s.ApplyBatch(second)
		if relay.CodeOf(results[0].Err) != relay.CodeUnavailable || relay.CodeOf(results[1].Err) != relay.CodeUnavailable || changes != nil {
			t.Errorf("%+v %+v", results, changes)
		}
	}
	if s.Err() == nil || s.Applied() != 1 {
		t.Errorf("applied %d, %v", s.Applied(), s.Err())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = openDB(t, fs)
	defer db.Close()
	s = openState(t, db)
	if results, _ := s.ApplyBatch(second); results[0].Err != nil || s.Applied() != 3 || len(s.Read().Customers()) != 2 {
		t.Errorf("%+v", results)
	}
}

func TestARowThatCannotBeReadStopsTheState(t *testing.T) {
	w := newWorld(t)
	w.open(1, "sales")
	w.must(EndSession{Session: sid(1), By: "visitor", At: w.now})
	k := w.state.visitorKey("shop", vid(1))
	if err := w.db.Set(k, []byte("nonsense"), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	applied := w.state.Applied()
	if _, err := w.do(OpenSession{Session: sid(2), Site: "shop", Visitor: vid(1), Node: "n1", At: w.now}); relay.CodeOf(err) != relay.CodeUnavailable {
		t.Errorf("%v", err)
	}
	if err := w.state.Err(); err == nil || !strings.Contains(err.Error(), "read row") || w.state.Applied() != applied {
		t.Errorf("applied %d, %v", w.state.Applied(), err)
	}
	for _, table := range []byte{tableSite, tableLive, tableMeta} {
		k := w.state.key(table).name("x")
		if table == tableMeta {
			k = w.state.key(table)
		}
		if err := w.db.Set(k, []byte("nonsense"), pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.db, w.state.prefix); err == nil {
			t.Errorf("opened with nonsense in table %c", table)
		}
		if err := w.db.Delete(k, pebble.NoSync); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.db.Set(w.state.key(tableMeta), marshal(meta{Version: Version + 1}), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(w.db, w.state.prefix); err == nil {
		t.Error("opened rows of another version")
	}
}

// TestReadersSeeOneMoment reads while messages are appended: the transcript is
// never shorter than the session says.
func TestReadersSeeOneMoment(t *testing.T) {
	w := newWorld(t)
	w.work("ann")
	w.talk(1, "ann")
	r := w.state.Read()
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				s, _ := r.Session(sid(1))
				list, err := r.Messages(sid(1), 0, 0)
				if err != nil || uint64(len(list)) < s.Stored {
					t.Errorf("%d messages of %d, %v", len(list), s.Stored, err)
					return
				}
				hits, err := r.Search(SearchQuery{Customer: "acme", Sites: []string{"shop"}, Departments: []string{"sales"}, Text: "tere", Limit: MaxPage})
				if err != nil || len(hits) > 0 && hits[0].Session.Stored < hits[0].Message.Seq {
					t.Errorf("%d hits, %v", len(hits), err)
					return
				}
				r.Live()
				r.Queue("sales")
				r.Desk("ann")
				w.state.Deadline()
			}
		})
	}
	for seq := uint64(1); seq <= 200; seq++ {
		if _, err := w.append(1, 1, text(1, seq, visitor(1), fmt.Sprint(seq), "tere")); err != nil {
			t.Error(err)
			break
		}
		if seq%20 == 0 {
			w.must(SetMarks{Session: sid(1), By: relay.RoleAgent, Marks: relay.Marks{Read: seq}, At: w.now})
		}
	}
	w.must(EndSession{Session: sid(1), By: "agent", At: w.now})
	close(done)
	wg.Wait()
}

// BenchmarkAppend stores messages of 200 bytes in 100 sessions, as many in one
// batch as 1, 16 or 256 writers give, on a disk that forgets. It reports the
// processor time of the process, Pebble's compactions included, of that and of
// entering the messages in the search index afterwards.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			w := newWorld(b)
			const sessions = 100
			for n := range sessions {
				w.open(n+1, "sales")
			}
			body := "Tere, mul on küsimus teie järelmaksu kohta: kui tellin täna uue pesumasina, siis millal ta kohale jõuab, " +
				"kas vana võetakse kaasa ja mitu kuud tuleb maksta enne kui leping läbi saab? Aitäh!"
			body += strings.Repeat(".", 200-len(body))
			var entries []Entry
			for i := range b.N {
				n, seq := i%sessions+1, uint64(i/sessions+1)
				if seq > MaxMessages {
					b.Fatal("too many messages")
				}
				w.index++
				entries = append(entries, Entry{w.index, Encode(Append{
					Session: sid(n), Epoch: 1, Messages: []relay.Message{text(n, seq, visitor(n), fmt.Sprint(seq), body)}, At: noon,
				})})
			}
			b.ResetTimer()
			cpu := cpuTime(b)
			for len(entries) > 0 {
				batch := entries[:min(writers, len(entries))]
				entries = entries[len(batch):]
				results, _ := w.state.ApplyBatch(batch)
				if results[0].Err != nil {
					b.Fatal(results[0].Err)
				}
			}
			b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/message")
			b.StopTimer()
			cpu = cpuTime(b)
			for _, waits := w.state.Deadline(); waits; _, waits = w.state.Deadline() {
				w.must(Tick{At: noon})
			}
			b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "index-cpu-µs/message")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
