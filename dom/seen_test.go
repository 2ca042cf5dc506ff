package dom

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

// seenGolden is testdata/seen.json: what the visitor's browser leaves out.
type seenGolden struct {
	Base     []byte `json:"base"`
	Sum      string `json:"sum"`
	Messages []struct {
		Name    string `json:"name"`
		Message []byte `json:"message"`
		Short   []byte `json:"short"`
	} `json:"messages"`
}

func readSeen(t testing.TB) (g seenGolden, s *Seen) {
	t.Helper()
	text, err := os.ReadFile("testdata/seen.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = &Seen{}
	s.Take(g.Base, Applied{Snapshot: true})
	return g, s
}

func TestWhatWasSeenIsPutBack(t *testing.T) {
	g, seen := readSeen(t)
	if seen.Sum() != g.Sum {
		t.Fatalf("sum %s, the browser's is %s", seen.Sum(), g.Sum)
	}
	for _, m := range g.Messages {
		for _, short := range [][]byte{m.Short, Deflate(m.Short)} {
			whole, err := seen.Whole(short)
			if err != nil || !bytes.Equal(whole, m.Message) {
				t.Errorf("%s: %d bytes for %d, %v", m.Name, len(whole), len(m.Message), err)
			}
		}
		if _, err := new(Seen).Whole(m.Short); !errors.Is(err, ErrGap) {
			t.Errorf("%s: where nothing was seen: %v", m.Name, err)
		}
	}
}

func TestOnlyWholeSnapshotsAreSeen(t *testing.T) {
	var s Seen
	s.Take([]byte("one"), Applied{Snapshot: true, Partial: true})
	s.Take([]byte("two"), Applied{Partial: true})
	if s.Sum() != "" || s.Len() != 6 {
		t.Fatalf("half a snapshot has the sum %q and %d bytes", s.Sum(), s.Len())
	}
	s.Take([]byte("three"), Applied{})
	whole := s.Sum()
	s.Take([]byte("a difference"), Applied{})
	if string(s.bytes) != "onetwothree" || s.Sum() != whole {
		t.Fatalf("seen: %q", s.bytes)
	}
	s.Take(make([]byte, maxSeen+100), Applied{Snapshot: true})
	if s.Len() != maxSeen {
		t.Fatalf("%d bytes are kept", s.Len())
	}
}

func FuzzSeen(f *testing.F) {
	g, seen := readSeen(f)
	for _, m := range g.Messages {
		f.Add(m.Short)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		whole, err := seen.Whole(msg)
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrGap) {
			t.Fatal(err)
		}
		if err == nil && len(msg) > 0 && msg[0] == headSeen && len(whole) > MaxMessage {
			t.Fatalf("%d bytes", len(whole))
		}
	})
}
