package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"kohe/relay"
)

func anyKind() *rapid.Generator[Kind] {
	var known []Kind
	for k := range 256 {
		if Kind(k).Known() {
			known = append(known, Kind(k))
		}
	}
	return rapid.SampledFrom(known)
}

func anyFrame() *rapid.Generator[Frame] {
	return rapid.Custom(func(t *rapid.T) Frame {
		return Frame{
			Kind:    anyKind().Draw(t, "kind"),
			Seq:     rapid.Uint64().Draw(t, "seq"),
			Payload: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload"),
		}
	})
}

func TestFramesComeBackAsSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := rapid.SliceOfN(anyFrame(), 1, 5).Draw(t, "frames")
		var b []byte
		for _, f := range sent {
			b = Append(b, f)
		}
		stream := newOneByteReader(b)
		rest := b
		for _, want := range sent {
			var f Frame
			var err error
			if f, rest, err = Split(rest); err != nil {
				t.Fatal(err)
			}
			same(t, f, want)
			if f, err = Read(stream, MaxPage); err != nil {
				t.Fatal(err)
			}
			same(t, f, want)
		}
		if len(rest) != 0 {
			t.Fatalf("%d bytes are left", len(rest))
		}
		if _, err := Read(stream, MaxPage); err != io.EOF {
			t.Fatalf("after the last frame: %v, want io.EOF", err)
		}
	})
}

func TestEveryCutShortFrameIsCalledSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Append(nil, anyFrame().Draw(t, "frame"))
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, _, err := Split(b[:cut]); err != io.ErrUnexpectedEOF {
			t.Fatalf("Split of %d of %d bytes: %v", cut, len(b), err)
		}
		want := io.ErrUnexpectedEOF
		if cut == 0 {
			want = io.EOF
		}
		if _, err := Read(bytes.NewReader(b[:cut]), MaxPage); err != want {
			t.Fatalf("Read of %d of %d bytes: %v", cut, len(b), err)
		}
	})
}

func TestReadKeepsToTheCallersLimit(t *testing.T) {
	b := Append(nil, Frame{Kind: Say, Seq: 1, Payload: make([]byte, MaxHello+1)})
	if _, err := Read(bytes.NewReader(b), MaxHello); relay.CodeOf(err) != relay.CodeTooLarge {
		t.Errorf("a payload of MaxHello+1 before authentication: %v", err)
	}
	if _, err := Read(bytes.NewReader(b), MaxControl); err != nil {
		t.Errorf("the same after it: %v", err)
	}
}

func TestReadPassesOnWhatItsReaderSays(t *testing.T) {
	broken := errors.New("broken")
	for n := range 5 {
		r := io.MultiReader(bytes.NewReader(Append(nil, Frame{Kind: Ping, Seq: 1, Payload: []byte("{}")})[:n]), iotest.ErrReader(broken))
		if _, err := Read(&byteReader{r}, MaxPage); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

func TestAFrameWithoutItsSessionIsMalformed(t *testing.T) {
	id := relay.NewID()
	for n := range len(id) {
		if _, _, err := SplitSession(Frame{Kind: PageDiff, Payload: id[:n]}); relay.CodeOf(err) != relay.CodeMalformed {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	got, rest, err := SplitSession(Frame{Kind: Pointer, Payload: append(AppendSession(nil, id), 7)})
	if err != nil || got != id || !bytes.Equal(rest, []byte{7}) {
		t.Errorf("%v %x %v", got, rest, err)
	}
}

func TestDecodeRefusesWhatIsNoPayload(t *testing.T) {
	for _, bad := range []string{"", "{", "[]", `{"t":"x"}`, "{\"t\":1}\xff", "{} {}"} {
		var p PingPayload
		if err := Decode(Frame{Kind: Ping, Payload: []byte(bad)}, &p); relay.CodeOf(err) != relay.CodeMalformed {
			t.Errorf("%q: %v", bad, err)
		} else if strings.Contains(relay.AsError(err).Text, "json") {
			t.Errorf("%q: the client is told %q", bad, relay.AsError(err).Text)
		}
	}
	var p PingPayload
	if err := Decode(Frame{Kind: Ping, Payload: []byte(`{"t":7,"later":{"x":[1]}}`)}, &p); err != nil || p.T != 7 {
		t.Errorf("a member of a later version: %v, %v", p, err)
	}
}

func same(t *rapid.T, have, want Frame) {
	if have.Kind != want.Kind || have.Seq != want.Seq || !bytes.Equal(have.Payload, want.Payload) {
		t.Fatalf("have %v %d %x, want %v %d %x", have.Kind, have.Seq, have.Payload, want.Kind, want.Seq, want.Payload)
	}
}

// byteReader makes any reader a ByteReader without buffering.
type byteReader struct{ io.Reader }

func (r *byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

func newOneByteReader(b []byte) ByteReader {
	return &byteReader{iotest.OneByteReader(bytes.NewReader(b))}
}

func seed(f *testing.F) {
	for _, g := range vectors().Bad {
		b, _ := hex.DecodeString(g.Hex)
		f.Add(b)
	}
	for _, g := range vectors().Frames {
		header, _ := hex.DecodeString(g.Header)
		payload, _ := hex.DecodeString(g.Payload)
		f.Add(append(header, payload...))
	}
}

func FuzzSplit(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, rest, err := Split(b)
		if err != nil {
			return
		}
		if again := append(Append(nil, frame), rest...); !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
		if len(frame.Payload) > frame.Kind.MaxPayload() {
			t.Fatalf("a %s payload of %d bytes", frame.Kind, len(frame.Payload))
		}
	})
}

// FuzzRead holds the two decoders to each other.
func FuzzRead(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		read, err := Read(newOneByteReader(b), MaxPage)
		split, _, want := Split(b)
		if len(b) == 0 {
			want = io.EOF
		}
		if (err == nil) != (want == nil) || relay.CodeOf(err) != relay.CodeOf(want) {
			t.Fatalf("Read says %v, Split %v", err, want)
		}
		if err == nil && (read.Kind != split.Kind || read.Seq != split.Seq || !bytes.Equal(read.Payload, split.Payload)) {
			t.Fatalf("Read gives %v, Split %v", read, split)
		}
	})
}

// FuzzDecode reads every payload that a client sends from any bytes.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"role":"visitor","site":"shop","resume":[{"session":"abcdefghijklmnopqrstuvwxy4","epoch":1,"seq":2}]}`))
	f.Add([]byte(`{"session":"abcdefghijklmnopqrstuvwxy4","id":"m1","text":"Tere"}`))
	f.Add([]byte(`{"session":"not an id"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{
			new(HelloPayload), new(AttachPayload), new(PingPayload), new(SayPayload), new(MarkPayload), new(TypingPayload),
			new(SessionRef), new(OpenPayload), new(ConsentPayload), new(TabPayload), new(CardPayload), new(StatePayload),
			new(AnswerPayload), new(WatchPayload), new(BlockPayload),
		} {
			if err := Decode(Frame{Kind: Say, Payload: b}, v); err != nil && relay.CodeOf(err) != relay.CodeMalformed {
				t.Fatalf("%T of %q: %v", v, b, err)
			}
		}
	})
}

func TestTheLowerVersionIsSpokenIfTheyAreNotMoreThanOneApart(t *testing.T) {
	for _, c := range []struct {
		a, b, spoken int
	}{
		{1, 1, 1}, {1, 2, 1}, {2, 1, 1}, {5, 5, 5}, {5, 4, 4}, {5, 6, 5},
		{1, 0, 0}, {0, 1, 0}, {1, -1, 0}, {1, 3, 0}, {5, 3, 0}, {5, 7, 0},
	} {
		if spoken, ok := common(c.a, c.b); ok != (c.spoken > 0) || ok && spoken != c.spoken {
			t.Errorf("%d and %d speak %d, %v", c.a, c.b, spoken, ok)
		}
	}
}
