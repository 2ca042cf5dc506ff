package backup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"kohe/relay"
)

var update = flag.Bool("update", false, "write the golden files anew")

var header = Header{Cluster: "c", Node: "n1", At: 1_700_000_000_000, Applied: 7, Schema: 2, Customer: "acme", Program: "1.2", Behind: "no leader"}

// sample is a backup of a few things.
type sample struct {
	header Header
	rows   [][2]string
	pieces []Piece
	key    string
	missed int
}

func (s sample) bytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, s.header)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	for _, r := range s.rows {
		check(w.Row([]byte(r[0]), []byte(r[1])))
	}
	for _, p := range s.pieces {
		check(w.Piece(p))
	}
	if s.key != "" {
		check(w.Key([]byte(s.key)))
	}
	for range s.missed {
		w.Missing()
	}
	check(w.Close())
	return b.Bytes()
}

// read returns what is in a backup.
func read(in io.Reader) (s sample, t Totals, err error) {
	t, err = Read(in, Contents{
		Header: func(h Header) error { s.header = h; return nil },
		Row:    func(k, v []byte) error { s.rows = append(s.rows, [2]string{string(k), string(v)}); return nil },
		Piece: func(p Piece) error {
			p.Bytes = bytes.Clone(p.Bytes)
			s.pieces = append(s.pieces, p)
			return nil
		},
		Key: func(pem []byte) error { s.key = string(pem); return nil },
	})
	s.missed = int(t.Missing)
	return s, t, err
}

func small() sample {
	return sample{
		header: header,
		rows:   [][2]string{{"a", ""}, {"b", "two"}, {"b\x00", "\xff\x00"}},
		pieces: []Piece{
			{relay.ID{1}, relay.ID{1}, 0, []byte("begins ")},
			{relay.ID{1}, relay.ID{1}, 7, []byte("and ends")},
			{relay.ID{1}, relay.ID{2}, 0, []byte("another")},
			{relay.ID{2}, relay.ID{1}, 0, []byte("of another session")},
		},
		key: "secret", missed: 1,
	}
}

// large is a backup of several chunks of rows, some of which can be compressed.
func large() sample {
	s := small()
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 100<<10)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for i := range 40 {
		s.rows = append(s.rows, [2]string{fmt.Sprintf("c%03d", i), strings.Repeat("tere ", 5000)}, [2]string{fmt.Sprintf("c%03d+", i), string(noise[:i*2000])})
	}
	s.pieces[3].Bytes = noise
	return s
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for what, s := range map[string]sample{"small": small(), "large": large(), "empty": {header: Header{Node: "n"}}} {
		b := s.bytes(t)
		for how, in := range map[string]io.Reader{"at once": bytes.NewReader(b), "in halves": iotest.HalfReader(bytes.NewReader(b)), "with the end": iotest.DataErrReader(bytes.NewReader(b))} {
			got, totals, err := read(in)
			if err != nil {
				t.Fatalf("%s, %s: %v", what, how, err)
			}
			if !reflect.DeepEqual(got, s) {
				t.Errorf("%s, %s: read %+v", what, how, got)
			}
			files := map[[2]relay.ID]bool{}
			for _, p := range s.pieces {
				files[[2]relay.ID{p.Session, p.Segment}] = true
			}
			if int(totals.Rows) != len(s.rows) || int(totals.Files) != len(files) {
				t.Errorf("%s: %+v", what, totals)
			}
		}
	}
	if b := large().bytes(t); len(b) > 3<<20 {
		t.Errorf("%d bytes: nothing was compressed", len(b))
	}
}

func TestEveryCutIsSeen(t *testing.T) {
	b := small().bytes(t)
	for n := range b {
		if _, _, err := read(bytes.NewReader(b[:n])); !errors.Is(err, ErrCut) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(b), err)
		}
	}
	b = large().bytes(t)
	for n := 0; n < len(b); n += 997 {
		if _, _, err := read(bytes.NewReader(b[:n])); !errors.Is(err, ErrCut) {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(b), err)
		}
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	b := small().bytes(t)
	flip := func(b []byte, i int, bit byte) {
		t.Helper()
		b[i] ^= bit
		if _, _, err := read(bytes.NewReader(b)); err == nil {
			t.Fatalf("bit %#x of byte %d of %d was flipped, and nobody saw it", bit, i, len(b))
		}
		b[i] ^= bit
	}
	for i := range b {
		for bit := byte(1); bit != 0; bit <<= 1 {
			flip(b, i, bit)
		}
	}
	b = large().bytes(t)
	for i := 0; i < len(b); i += 4999 {
		flip(b, i, 0x10)
	}
}

func TestWhatIsNoBackupIsSaidToBeNone(t *testing.T) {
	b := small().bytes(t)
	newer := bytes.Replace(b, []byte("backup 1"), []byte("backup 2"), 1)
	for what, c := range map[string]struct {
		b    []byte
		want error
	}{
		"a text":           {[]byte("hello, this is a text"), ErrNotBackup},
		"a short text":     {[]byte("hello"), ErrNotBackup},
		"another version":  {newer, ErrVersion},
		"something behind": {append(bytes.Clone(b), 0), ErrDamaged},
		"twice":            {append(bytes.Clone(b), b...), ErrDamaged},
	} {
		if _, _, err := read(bytes.NewReader(c.b)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	broken := errors.New("no disk")
	if _, _, err := read(io.MultiReader(bytes.NewReader(b[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("the reader's own error became %v", err)
	}
	if _, err := Read(bytes.NewReader(b), Contents{Row: func(_, _ []byte) error { return broken }}); !errors.Is(err, broken) {
		t.Errorf("the error of who gets the rows became %v", err)
	}
}

// forge writes chunks with good sums, as whoever makes a file on purpose can.
func forge(t *testing.T, f func(w *Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, header)
	if err == nil {
		err = f(w)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAForgedBackupIsRefused(t *testing.T) {
	for what, f := range map[string]func(*Writer) error{
		"a second header":     func(w *Writer) error { return w.put(kindHeader, nil) },
		"rows after the key":  func(w *Writer) error { return errors.Join(w.put(kindKey, nil), w.put(kindRows, []byte{1, 'a', 0})) },
		"two keys":            func(w *Writer) error { return errors.Join(w.put(kindKey, nil), w.put(kindKey, nil)) },
		"half a row":          func(w *Writer) error { return w.put(kindRows, []byte{1, 'a', 9, 'b'}) },
		"a row without a key": func(w *Writer) error { return w.put(kindRows, []byte{0, 0}) },
		"rows out of order":   func(w *Writer) error { return w.put(kindRows, []byte{1, 'b', 0, 1, 'a', 0}) },
		"a row twice":         func(w *Writer) error { return w.put(kindRows, []byte{1, 'b', 0, 1, 'b', 0}) },
		"rows not counted":    func(w *Writer) error { return w.put(kindRows, []byte{1, 'b', 0}) },
		"a piece too short":   func(w *Writer) error { return w.put(kindPiece, make([]byte, pieceHead)) },
		"a file with a gap": func(w *Writer) error {
			return w.put(kindPiece, Piece{relay.ID{1}, relay.ID{1}, 5, []byte("x")}.append(nil))
		},
		"a negative place": func(w *Writer) error {
			return w.put(kindPiece, Piece{relay.ID{1}, relay.ID{1}, -5, []byte("x")}.append(nil))
		},
		"a header of nonsense": nil,
	} {
		var b []byte
		if f != nil {
			b = forge(t, f)
		} else {
			var out bytes.Buffer
			w, err := NewWriter(&out, header)
			if err != nil {
				t.Fatal(err)
			}
			out.Truncate(len(Magic))
			if err := w.put(kindHeader, []byte{0xff}); err != nil {
				t.Fatal(err)
			}
			b = out.Bytes()
		}
		if _, _, err := read(bytes.NewReader(b)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTheWriterRefusesWhatNobodyCouldRead(t *testing.T) {
	w, err := NewWriter(io.Discard, header)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Row([]byte("b"), make([]byte, MaxValue)); err != nil {
		t.Errorf("the largest row: %v", err)
	}
	for what, err := range map[string]error{
		"no key":        w.Row(nil, nil),
		"a long key":    w.Row(bytes.Repeat([]byte("k"), MaxKey+1), nil),
		"a long value":  w.Row([]byte("c"), make([]byte, MaxValue+1)),
		"a key again":   w.Row([]byte("b"), nil),
		"a key before":  w.Row([]byte("a"), nil),
		"a long piece":  w.Piece(Piece{relay.ID{1}, relay.ID{1}, 0, make([]byte, MaxPiece+1)}),
		"an empty one":  w.Piece(Piece{relay.ID{1}, relay.ID{1}, 0, nil}),
		"a later piece": w.Piece(Piece{relay.ID{1}, relay.ID{1}, 1, []byte("x")}),
		"a long secret": w.Key(make([]byte, MaxHead+1)),
	} {
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

// The golden file is read for as long as its version is: whoever changes what
// is written makes another.
func TestTheGoldenBackup(t *testing.T) {
	const path = "testdata/1.kohe"
	s := small()
	s.rows = append(s.rows, [2]string{"c", strings.Repeat("tere ", 100)})
	s.pieces = append(s.pieces, Piece{relay.ID{3}, relay.ID{1}, 0, []byte(strings.Repeat("page ", 100))})
	if *update {
		if err := os.WriteFile(path, s.bytes(t), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := read(bytes.NewReader(golden)); err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%v, %+v", err, got)
	}
	// What cannot be compressed is the same whatever the compressor's version.
	if b, want := small().bytes(t), "testdata/1-small.hex"; *update {
		if err := os.WriteFile(want, []byte(hex.EncodeToString(b)), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text, err := os.ReadFile(want); err != nil || string(text) != hex.EncodeToString(b) {
		t.Errorf("%v; it is written as\n%x", err, b)
	}
}

// mend gives the chunks of b good checksums, so that what they hold is looked at.
func mend(b []byte) []byte {
	b = bytes.Clone(b)
	for at := len(Magic); at+headSize <= len(b); {
		head := b[at : at+headSize]
		size := int(binary.BigEndian.Uint32(head[6:]))
		if at += headSize; size > len(b)-at {
			break
		}
		binary.BigEndian.PutUint32(head[sumAt:], checksum(head, b[at:at+size]))
		at += size
	}
	return b
}

func FuzzRead(f *testing.F) {
	s := small()
	f.Add(s.bytes(f), false)
	f.Add(s.bytes(f), true)
	s.rows = append(s.rows, [2]string{"c", strings.Repeat("tere ", 100)})
	f.Add(s.bytes(f), true)
	f.Add([]byte(Magic), false)
	f.Fuzz(func(t *testing.T, b []byte, mended bool) {
		if mended {
			b = mend(b)
		}
		got, totals, err := read(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, same, err := read(bytes.NewReader(got.bytes(t)))
		if err != nil || same != totals || !reflect.DeepEqual(again, got) {
			t.Errorf("%v: %+v, %+v", err, again, got)
		}
	})
}
