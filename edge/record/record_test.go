package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const noon int64 = 1_700_000_000_000

// golden is testdata/golden.json: a file and what is in it.
type golden struct {
	File   string        `json:"file"` // base64
	Index  Index         `json:"index"`
	Groups []goldenGroup `json:"groups"`
}

type goldenGroup struct {
	Body    string         `json:"body"` // base64, as the API answers
	Records []goldenRecord `json:"records"`
}

type goldenRecord struct {
	After   int64  `json:"after"`
	Kind    Kind   `json:"kind"`
	Payload string `json:"payload"` // base64
}

func sample() []byte {
	var w Writer
	var file []byte
	w.Begin(noon, bytes.Repeat([]byte("page "), 300))
	w.Add(noon+5, State, []byte(`{"on":true}`))
	w.Add(noon+40, Page, []byte("changed"))
	file = append(file, w.Take()...)
	w.Add(noon+1000, Pointer, []byte{1, 2, 0, 9})
	w.Add(noon+990, Page, []byte("changed again")) // the clock was set back
	file = append(file, w.Take()...)
	w.Add(noon+9000, Hand, []byte{0})
	w.Begin(noon+9500, []byte("another page"))
	w.Add(noon+9501, Draw, nil)
	return append(file, w.Take()...)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func read(t *testing.T, file []byte) golden {
	t.Helper()
	g := golden{File: b64(file), Index: Scan(file)}
	for _, at := range g.Index.Groups {
		body, err := Body(file[at.From:at.To])
		if err != nil {
			t.Fatal(err)
		}
		list, err := Records(body)
		if err != nil {
			t.Fatal(err)
		}
		group := goldenGroup{Body: b64(body)}
		for _, r := range list {
			group.Records = append(group.Records, goldenRecord{r.After, r.Kind, b64(r.Payload)})
		}
		g.Groups = append(g.Groups, group)
	}
	return g
}

// TestAFileStaysReadable: the same vectors are read by the browser's tests.
func TestAFileStaysReadable(t *testing.T) {
	const name = "testdata/golden.json"
	if *update {
		text, err := json.MarshalIndent(read(t, sample()), "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	file, err := base64.StdEncoding.DecodeString(want.File)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nnot\n%+v", got, want)
	}
	first := want.Groups[0].Records
	if len(want.Groups) != 2 || len(first) != 6 || first[4].After != 1000 || first[5].After != 9000 {
		t.Errorf("%+v", want.Groups)
	}
	if active := want.Index.Active; len(active) != 2 || active[0] != [2]int64{noon, noon + 1000} || active[1] != [2]int64{noon + 9000, noon + 9501} {
		t.Errorf("active in %v", active)
	}
}

// A file that was cut anywhere, or whose end is nonsense, is read up to there.
func TestWhatACrashLeftIsRead(t *testing.T) {
	file := sample()
	whole := Scan(file)
	for cut := range file {
		x := Scan(file[:cut])
		for i, g := range x.Groups {
			if g.At != whole.Groups[i].At || g.To > int64(cut) {
				t.Fatalf("cut at %d: %+v", cut, x)
			}
			body, err := Body(file[g.From:g.To])
			if err == nil {
				_, err = Records(body)
			}
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
		torn := append(bytes.Clone(file[:cut]), make([]byte, 100)...)
		if y := Scan(torn); !reflect.DeepEqual(x, y) {
			t.Fatalf("zeros from %d on: %+v, not %+v", cut, y, x)
		}
	}
	if len(Scan(file[1:]).Groups) != 0 {
		t.Error("what begins in the middle of a part is read")
	}
}

func TestManyRecordsAreReadAsTheyWere(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for range 50 {
		var w Writer
		var file []byte
		var want []string
		at := noon
		w.Begin(at, []byte("page"))
		for range random.IntN(200) {
			at += int64(random.IntN(500))
			payload := bytes.Repeat([]byte{byte(random.IntN(256))}, random.IntN(1<<random.IntN(14)))
			w.Add(at, Page, payload)
			want = append(want, fmt.Sprint(at, b64(payload)))
			if random.IntN(9) == 0 {
				file = append(file, w.Take()...)
			}
		}
		file = append(file, w.Take()...)
		body, err := Body(file)
		if err != nil {
			t.Fatal(err)
		}
		list, err := Records(body)
		if err != nil || len(list) != len(want)+1 {
			t.Fatal(len(list), err)
		}
		for i, r := range list[1:] {
			if got := fmt.Sprint(noon+r.After, b64(r.Payload)); got != want[i] {
				t.Fatalf("record %d: %s, not %s", i, got, want[i])
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(sample())
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, g := range Scan(file).Groups {
			body, err := Body(file[g.From:g.To])
			if err != nil {
				t.Fatal(err) // Scan took it
			}
			_, _ = Records(body)
		}
	})
}

func FuzzRecords(f *testing.F) {
	file := sample()
	g := Scan(file).Groups[0]
	body, err := Body(file[g.From:g.To])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = Records(body) })
}
