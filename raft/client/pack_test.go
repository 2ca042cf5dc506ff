package client

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kohe/raft/state"
	"kohe/relay"
)

// TestAppendsThatWaitShareAnEntry has more Appends proposed than may be under
// way: the first are entries of their own, those that wait go together, none
// into a larger pack than is allowed, and each has its own answer.
func TestAppendsThatWaitShareAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var alone, packs int
		answer := func(command []byte) state.Result {
			c, err := state.Decode(command)
			if err != nil {
				return state.Result{Err: err}
			}
			return state.Result{Value: state.Appended{Seq: c.(state.Append).Messages[0].Seq}}
		}
		p := packer{member: memberFunc(func(entry []byte) (any, error) {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			if state.Packs(entry) {
				alone++
				return answer(entry), nil
			}
			packs++
			commands := unpack(t, entry)
			var results []state.Result
			for _, c := range commands {
				results = append(results, answer(c))
			}
			if len(entry) > maxPackSize+1<<10 {
				t.Errorf("a pack of %d bytes", len(entry))
			}
			return state.Result{Value: results}, nil
		})}
		began := time.Now()
		const proposals = 200
		var all sync.WaitGroup
		for seq := range uint64(proposals) {
			all.Go(func() {
				r, err := p.apply(state.Encode(say(relay.ID{2}, seq+1)))
				if r.Value != any(state.Appended{Seq: seq + 1}) || err != nil {
					t.Errorf("message %d is answered %+v, %v", seq+1, r, err)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if alone > maxPacks || packs == 0 || time.Since(began) > 2*time.Second || p.packs != 0 || len(p.queue) != 0 {
			t.Errorf("%d alone, %d packs in %v; %d under way and %d waiting after it", alone, packs, time.Since(began), p.packs, len(p.queue))
		}
	})
}

// unpack takes a pack of Appends of one size class apart by its lengths.
func unpack(t *testing.T, entry []byte) (commands [][]byte) {
	t.Helper()
	for entry = entry[1:]; len(entry) > 0; {
		n, size := int(entry[0]), 1
		if n >= 0x80 { // two bytes of length
			n, size = n&0x7f|int(entry[1])<<7, 2
		}
		commands, entry = append(commands, entry[size:size+n]), entry[size+n:]
	}
	return commands
}

func TestAPackThatFailsFailsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("leadership lost")
		p := packer{member: memberFunc(func([]byte) (any, error) {
			time.Sleep(time.Second)
			return nil, lost
		})}
		var all sync.WaitGroup
		for seq := range uint64(50) {
			all.Go(func() {
				if _, err := p.apply(state.Encode(say(relay.ID{2}, seq+1))); !errors.Is(err, lost) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}
