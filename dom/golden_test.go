package dom

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

// golden is testdata/golden.json: messages and what they leave, for both sides.
type golden struct {
	Messages []struct {
		Name string   `json:"name"`
		Hex  []string `json:"hex"`
		Tree []string `json:"tree"`
	} `json:"messages"`
	Pointer struct {
		Hex             string `json:"hex"`
		X, Y            int
		Buttons, Target uint32
	} `json:"pointer"`
}

func readGolden(t testing.TB) (g golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGoldenMessagesLeaveTheirTrees(t *testing.T) {
	for _, v := range readGolden(t).Messages {
		tree := NewTree(Open{})
		for _, h := range v.Hex {
			msg, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			apply(t, tree, msg)
		}
		if got := strings.Split(strings.TrimSuffix(outline(tree), "\n"), "\n"); !reflect.DeepEqual(got, v.Tree) {
			t.Errorf("%s: have\n%s\nwant\n%s", v.Name, strings.Join(got, "\n"), strings.Join(v.Tree, "\n"))
		}
	}
}

func TestGoldenPointer(t *testing.T) {
	g := readGolden(t).Pointer
	b, err := hex.DecodeString(g.Hex)
	if err != nil {
		t.Fatal(err)
	}
	p, err := DecodePointer(b)
	if err != nil || p != (Pointer{g.X, g.Y, g.Buttons, g.Target}) {
		t.Fatalf("have %+v, %v", p, err)
	}
	for n := range b {
		if _, err := DecodePointer(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes are a pointer too", n, len(b))
		}
	}
}

func TestNamesAreTheBrowsers(t *testing.T) {
	text, err := os.ReadFile("../widget/capture/names.ts")
	if err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string][]string{"tags": tagNames, "attrs": attrNames, "values": valueTexts} {
		_, rest, ok := strings.Cut(string(text), "export const "+name+" =")
		_, rest, _ = strings.Cut(rest, "`")
		table, _, closed := strings.Cut(rest, "`")
		if !ok || !closed {
			t.Fatalf("names.ts has no %s", name)
		}
		theirs := strings.Fields(table)
		for i := range theirs {
			theirs[i] = strings.ReplaceAll(theirs[i], "␣", " ")
		}
		if !reflect.DeepEqual(theirs, words) {
			t.Errorf("%s differ from names.txt", name)
		}
	}
}

// outline writes a tree as golden.json does: a line a node, two spaces a level.
func outline(t *Tree) string {
	var b strings.Builder
	t.walk(t.doc, func(n *Node) {
		if n.kind == KindDocument {
			return
		}
		b.WriteString(strings.Repeat("  ", int(n.depth)-1))
		switch n.kind {
		case KindText:
			b.WriteString("'" + n.text + "'")
		case KindRoot:
			b.WriteString(map[int]string{0: "#shadow", 1: "#document"}[n.frames()])
		default:
			b.WriteString(n.tag)
			for i := range n.attrs {
				if v, ok := n.attrs[i].shown(); ok {
					b.WriteString(" " + n.attrs[i].Name + "=" + v)
				}
			}
			if n.more != nil && n.more.custom != "" {
				b.WriteString(" kohe-state=" + n.more.custom)
			}
			if n.more != nil && n.more.value != nil {
				b.WriteString(" value: " + *n.more.value)
			}
		}
		b.WriteByte('\n')
	})
	return b.String()
}
