package mask

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"kohe/dom"
)

// vectors are what masks make of attributes and CSS; capture's tests read them
// too.
type vectors struct {
	Attributes []struct {
		Tag, Name, Value string
		With             []string // other attributes
		Masked           *string  // null: it does not leave
	}
	CSS [][2]string
}

func read(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/masked.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMaskedAttributesSayHowThingsLook(t *testing.T) {
	for _, v := range read(t).Attributes {
		el := dom.Branch{Tag: v.Tag, Attrs: append([]string{v.Name, v.Value}, v.With...)}
		tree := dom.NewTree(dom.Open{})
		if _, err := tree.Apply(dom.NewSnapshot(1, "", "").Insert(dom.Document, 0, 2, el).Bytes()); err != nil {
			t.Fatal(err)
		}
		n := tree.Node(2)
		got, ok := Rules{}.Masked(n, v.Name, v.Value)
		if ok != (v.Masked != nil) || ok && got != *v.Masked {
			t.Errorf("%s %s=%q: %q, %t", v.Tag, v.Name, v.Value, got, ok)
		}
		if again, _ := (Rules{}).Masked(n, v.Name, got); ok && again != got {
			t.Errorf("%s %s=%q: masked twice it is %q", v.Tag, v.Name, v.Value, again)
		}
	}
}

func TestMaskedCSSSaysHowThingsLook(t *testing.T) {
	for _, v := range read(t).CSS {
		if got := css(v[0]); got != v[1] {
			t.Errorf("%s\n\tis  %s\n\tnot %s", v[0], got, v[1])
		}
		if got := css(v[1]); got != v[1] {
			t.Errorf("%s: masked twice it is %s", v[1], got)
		}
	}
}

func FuzzMaskedCSS(f *testing.F) {
	for _, v := range read(f).CSS {
		f.Add(v[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := css(text)
		if twice := css(once); twice != once {
			t.Errorf("%q\nmasked     %q\nand again  %q", text, once, twice)
		}
		quoted := css(`a{content:"` + strings.NewReplacer(`"`, "", `\`, "", "\n", "", "\r", "", "\f", "").Replace(text) + `1234 canary"}`)
		if strings.Contains(quoted, "canary") {
			t.Errorf("%q: a string is shown: %q", text, quoted)
		}
	})
}
