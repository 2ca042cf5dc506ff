package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"kohe/relay"
)

var update = flag.Bool("update", false, "write testdata/golden.json anew")

const goldenFile = "testdata/golden.json"

// golden is what both codecs are held to.
type golden struct {
	Frames []goldenFrame `json:"frames"`
	Bad    []goldenBad   `json:"bad"`
}

// goldenFrame is a frame and its bytes. A payload too long to write down is
// Repeat copies of it.
type goldenFrame struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Seq     uint64 `json:"seq"`
	Payload string `json:"payload"` // hex
	Repeat  int    `json:"repeat,omitempty"`
	Header  string `json:"header"` // hex; the payload follows
	Lane    string `json:"lane"`
	Doubled bool   `json:"doubled"`
}

// goldenBad is bytes that are no frame. Code "" means: cut short.
type goldenBad struct {
	Name string     `json:"name"`
	Hex  string     `json:"hex"`
	Code relay.Code `json:"code"`
}

func (g goldenFrame) payload(t *testing.T) []byte {
	t.Helper()
	b, err := hex.DecodeString(g.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b, max(1, g.Repeat))
}

func frame(name string, k Kind, seq uint64, payload []byte, repeat int) goldenFrame {
	return goldenFrame{
		Name: name, Kind: k, Seq: seq, Payload: hex.EncodeToString(payload), Repeat: repeat,
		Header: hex.EncodeToString(AppendHeader(nil, k, len(payload)*max(1, repeat), seq)),
		Lane:   k.Lane().String(), Doubled: k.Doubled(),
	}
}

// vectors are the golden vectors as the Go codec writes them. Sequences stay
// within 2^53, which is what a browser's numbers hold exactly.
func vectors() golden {
	id, _ := relay.ParseID("abcdefghijklmnopqrstuvwxy4")
	session := AppendSession(nil, id)
	g := golden{Frames: []goldenFrame{
		frame("an empty payload", End, 1, nil, 0),
		frame("a hello", Hello, 1, Encode(HelloPayload{Version: Version, Role: relay.RoleVisitor, Quiet: true, Site: "shop"}), 0),
		frame("a ping", Ping, 127, Encode(PingPayload{T: 1234}), 0),
		frame("the first sequence of two bytes", Pong, 128, Encode(PingPayload{T: 1234}), 0),
		frame("text beyond ASCII", Say, 300, Encode(SayPayload{Session: id, ID: "m1", Text: "Kohe! 😀 õ"}), 0),
		frame("the largest exact sequence", Message, 1<<53-1, []byte("{}"), 0),
		frame("the largest length of one byte", Mark, 2, []byte("x"), 127),
		frame("the smallest length of two bytes", Mark, 3, []byte("x"), 128),
		frame("the largest control payload", Session, 4, []byte("x"), MaxControl),
		frame("the largest hello", Hello, 1, []byte("x"), MaxHello),
		frame("a page message", PageDiff, 2, append(session, 1, 2, 3), 0),
		frame("the largest page payload", PageDiff, 3, []byte{0xff}, MaxPage),
		frame("a pointer", Pointer, 9, append(session, 0xfe), 0),
		frame("the largest cursor payload", Pointer, 10, []byte{0}, MaxCursor),
	}, Bad: []goldenBad{
		{"nothing", "", ""},
		{"a kind alone", "04", ""},
		{"no sequence", "0402", ""},
		{"a payload cut short", "0402017b", ""},
		{"a length cut short", "0480", ""},
		{"kind 0", "000001", relay.CodeMalformed},
		{"an unknown kind", "7f0001", relay.CodeMalformed},
		{"a length in long form", "04800001", relay.CodeMalformed},
		{"a sequence in long form", "04008100", relay.CodeMalformed},
		{"a length of more than 64 bits", "04ffffffffffffffffff0201", relay.CodeMalformed},
		{"a length that does not end in ten bytes", "04809f9f9f9f9f9f9f9faf", relay.CodeMalformed},
		{"a length of eleven bytes", "0480808080808080808080800101", relay.CodeMalformed},
		{"a sequence of more than 64 bits", "0400ffffffffffffffffff02", relay.CodeMalformed},
		{"a control payload over its limit", hex.EncodeToString(AppendHeader(nil, Say, MaxControl+1, 1)), relay.CodeTooLarge},
		{"a hello over its limit", hex.EncodeToString(AppendHeader(nil, Hello, MaxHello+1, 1)), relay.CodeTooLarge},
		{"a page payload over its limit", hex.EncodeToString(AppendHeader(nil, PageDiff, MaxPage+1, 1)), relay.CodeTooLarge},
		{"a cursor payload over its limit", hex.EncodeToString(AppendHeader(nil, Pointer, MaxCursor+1, 1)), relay.CodeTooLarge},
		{"an attach over its limit", hex.EncodeToString(AppendHeader(nil, Attach, MaxHello+1, 1)), relay.CodeTooLarge},
		{"the largest length there is", "04ffffffffffffffffff01", relay.CodeTooLarge},
	}}
	for k := range 256 { // every kind, so that both sides know the same and put them on the same lanes
		if Kind(k).Known() {
			g.Frames = append(g.Frames, frame("kind "+Kind(k).String(), Kind(k), 5, []byte("{}"), 0))
		}
	}
	return g
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGoldenFileIsWhatTheCodecWrites(t *testing.T) {
	want, err := json.MarshalIndent(vectors(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(goldenFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s differs from the codec: a change of the protocol; go test ./relay/wire -run Golden -update", goldenFile)
	}
}

func TestGoldenFramesAreReadAsWritten(t *testing.T) {
	for _, g := range readGolden(t).Frames {
		header, err := hex.DecodeString(g.Header)
		if err != nil {
			t.Fatal(err)
		}
		payload := g.payload(t)
		whole := append(header, payload...)
		f, rest, err := Split(append(bytes.Clone(whole), 0xaa))
		if err != nil || f.Kind != g.Kind || f.Seq != g.Seq || !bytes.Equal(f.Payload, payload) || !bytes.Equal(rest, []byte{0xaa}) {
			t.Errorf("Split of %s: %v, rest %x, %v", g.Name, f.Kind, rest, err)
		}
		f, err = Read(bytes.NewReader(whole), MaxPage)
		if err != nil || f.Kind != g.Kind || f.Seq != g.Seq || !bytes.Equal(f.Payload, payload) {
			t.Errorf("Read of %s: %v, %v", g.Name, f.Kind, err)
		}
		if b := Append(nil, f); !bytes.Equal(b, whole) {
			t.Errorf("Append of %s differs", g.Name)
		}
		if g.Kind.Lane().String() != g.Lane || g.Kind.Doubled() != g.Doubled {
			t.Errorf("%s: lane %s, doubled %v", g.Name, g.Kind.Lane(), g.Kind.Doubled())
		}
	}
}

func TestGoldenBadBytesAreRefusedWithTheirCode(t *testing.T) {
	for _, g := range readGolden(t).Bad {
		b, err := hex.DecodeString(g.Hex)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Split(b)
		check(t, "Split", g, err)
		_, err = Read(bytes.NewReader(b), MaxPage)
		check(t, "Read", g, err)
	}
}

func check(t *testing.T, what string, g goldenBad, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s of %s: no error", what, g.Name)
	case g.Code == "":
		if !strings.HasSuffix(err.Error(), "EOF") {
			t.Errorf("%s of %s: %v, want the end of input", what, g.Name, err)
		}
	case relay.CodeOf(err) != g.Code:
		t.Errorf("%s of %s: %v, want %s", what, g.Name, err, g.Code)
	}
}
