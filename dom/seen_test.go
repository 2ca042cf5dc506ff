package dom

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
)

// seenGolden is testdata/seen.json: what the visitor's browser leaves out.
type seenGolden struct {
	Base     []byte `json:"base"`
	Sum      string `json:"sum"`
	Messages []struct {
		Name    string   `json:"name"`
		Before  [][]byte `json:"before"` // messages of the same snapshot
		Message []byte   `json:"message"`
		Short   []byte   `json:"short"`
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
	g, _ := readSeen(t)
	for _, m := range g.Messages {
		_, seen := readSeen(t)
		if seen.Sum() != g.Sum {
			t.Fatalf("sum %s, the browser's is %s", seen.Sum(), g.Sum)
		}
		for i, before := range m.Before {
			seen.Take(before, Applied{Snapshot: i == 0, Partial: true})
		}
		for _, short := range [][]byte{m.Short, deflatedParts(t, m.Short)} {
			whole, err := seen.Whole(short)
			if err != nil || !bytes.Equal(whole, m.Message) {
				t.Errorf("%s: %d bytes for %d, %v", m.Name, len(whole), len(m.Message), err)
			}
		}
		for n := range m.Short {
			if whole, err := seen.Whole(m.Short[:n]); err == nil && n > 0 && bytes.Equal(whole, m.Message) && len(m.Message) > 0 {
				t.Errorf("%s: %d of %d bytes are enough", m.Name, n, len(m.Short))
			}
		}
		if _, err := new(Seen).Whole(m.Short); !errors.Is(err, ErrGap) {
			t.Errorf("%s: where nothing was seen: %v", m.Name, err)
		}
	}
}

// deflatedParts deflates the parts of a short message.
func deflatedParts(t *testing.T, msg []byte) []byte {
	t.Helper()
	r := &reader{b: msg, at: 1 + seenSumBytes}
	r.uint()
	out := bytes.Clone(msg[:r.at])
	for !r.done() {
		part := r.part()
		whole := Deflate(part)
		_, used := binary.Uvarint(whole[1:])
		deflated := whole[1+used:]
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = binary.AppendUvarint(out, uint64(len(deflated)))
		out = append(out, deflated...)
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	return out
}

func TestAShortMessageRefersToOneThingDuringASnapshot(t *testing.T) {
	g, seen := readSeen(t)
	refers := map[bool][]byte{} // to the last whole snapshot as well, or not
	for _, m := range g.Messages {
		if len(m.Before) > 0 {
			refers[refers[true] == nil] = m.Short
			seen.Take(m.Before[0], Applied{Snapshot: true, Partial: true})
		}
	}
	for _, first := range []bool{true, false} {
		seen.Take(nil, Applied{Snapshot: true, Partial: true})
		seen.Take(g.Messages[7].Before[0], Applied{Partial: true})
		if _, err := seen.Whole(refers[first]); err != nil {
			t.Fatal(err)
		}
		if _, err := seen.Whole(refers[!first]); !errors.Is(err, ErrGap) {
			t.Fatalf("words are counted twice: %v", err)
		}
	}
}

func TestASnapshotCanBeginAnewWhileAnotherIsUnderWay(t *testing.T) {
	for _, refers := range []string{"other text of the same words", "words alone"} {
		g, seen := readSeen(t)
		short := map[string][]byte{"words alone": nothingSeen}
		for _, m := range g.Messages {
			short[m.Name] = m.Short
			if len(m.Before) > 0 { // a snapshot is under way, and words are counted
				if _, err := seen.Whole(short["other text of the same words"]); err != nil {
					t.Fatal(err)
				}
				seen.Take(m.Before[0], Applied{Snapshot: true, Partial: true})
				if _, err := seen.Whole(m.Short); err != nil {
					t.Fatal(err)
				}
			}
		}
		whole, err := seen.Whole(short[refers])
		if err != nil {
			t.Fatalf("%s: %v", refers, err)
		}
		seen.Take(whole, Applied{Snapshot: true, Partial: true})
		if len(seen.bytes) != len(g.Base)+len(whole) {
			t.Fatalf("%s: %d bytes are kept", refers, len(seen.bytes))
		}
	}
}

// nothingSeen is a short message that refers to nothing: two bytes that are new.
var nothingSeen = append(append([]byte{headSeen}, seenSum{}.append(nil)...), 2, 8, 0, 3, 2, 0, 0, 2, 1, 4, 0, 0, 0, 0, 0)

func TestWordsAreBounded(t *testing.T) {
	var v vocabulary
	for i := range maxCounted + 100 {
		v.count(fmt.Appendf(nil, "w%d w%d", i, i))
	}
	if len(v.words) != maxCounted || len(v.common()) != maxWords {
		t.Fatalf("%d words are counted, %d have codes", len(v.words), len(v.common()))
	}
	o := outlined{outline: bytes.Repeat([]byte{firstFigures - 1}, 2), codes: make([]byte, 128), words: []string{"word"}}
	if text, ok := o.text(5*128 - 2); ok {
		t.Fatalf("%d bytes of at most %d", len(text), 5*128-2)
	}
	if text, ok := o.text(5*128 - 1); !ok || len(text) != 5*128-1 {
		t.Fatalf("%d bytes, %v", len(text), ok)
	}
	if n := len(wordList(bytes.Repeat([]byte(" "), 1<<20), nil)); n != maxWords {
		t.Fatalf("a message tells %d words", n)
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
	g, _ := readSeen(f)
	for _, m := range g.Messages {
		f.Add(m.Short)
	}
	first := g.Messages[len(g.Messages)-3].Before[0] // a partial snapshot
	f.Fuzz(func(t *testing.T, msg []byte) {
		var seen Seen
		seen.Take(g.Base, Applied{Snapshot: true})
		for range 2 {
			whole, err := seen.Whole(msg)
			if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrGap) {
				t.Fatal(err)
			}
			if err == nil && len(msg) > 0 && msg[0] == headSeen && len(whole) > MaxMessage {
				t.Fatalf("%d bytes", len(whole))
			}
			seen.Take(first, Applied{Snapshot: true, Partial: true})
		}
	})
}

func TestWordsThatAreCountedAgainAreSaid(t *testing.T) {
	g, seen := readSeen(t)
	var short []byte
	for _, m := range g.Messages {
		if len(m.Before) == 0 && len(m.Message) > 0 {
			short = m.Short
		}
	}
	if seen.Counted() != 0 {
		t.Error("something was counted before anybody asked")
	}
	for range 3 { // each is a snapshot that begins anew
		whole, err := seen.Whole(short)
		if err != nil {
			t.Fatal(err)
		}
		if n := seen.Counted(); n != len(g.Base) {
			t.Errorf("%d bytes were counted; %d are there", n, len(g.Base))
		}
		seen.Take(whole, Applied{Snapshot: true, Partial: true})
	}
}
