package page

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// corpus is hostile.json: what a hostile visitor may send. A case is a page,
// whose nodes have the ids from 4 on in the body 3 of html 2, and the messages
// that follow it. A node is its text, or its tag, its attributes and its
// children; #document and the like stand for what FORMAT.md has no tag for. An
// operation is its name and its fields, in the order that "operations" gives
// after its code and k.
type corpus struct {
	Operations map[string]string `json:"operations"`
	Cases      []hostileCase     `json:"cases"`
}

type hostileCase struct {
	Name string    `json:"name"`
	Page []any     `json:"page"`
	Then [][][]any `json:"then"`
}

func readCorpus(t *testing.T) (c corpus) {
	t.Helper()
	text, err := os.ReadFile("../../dom/sanitize/testdata/hostile.json")
	if err == nil {
		text = []byte(strings.NewReplacer("{run}", "top.canary(1)", "{n}", "1", "{evil}", "https://evil.example", "{secret}", secret).Replace(string(text)))
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// messages returns a case as the messages that a browser would send.
func (c corpus) messages(h hostileCase) [][]byte {
	html := []any{"html", append([]any{"body"}, h.Page...)}
	e := encoder{head: []byte{0x85, 0, 1, 2}} // a snapshot with its span, from 0 to 1, in format 2
	e.operation(c, []any{"page", 0.0, "https://shop.example/", "Shop"})
	e.operation(c, []any{"viewport", 100.0, 100.0, 0.0, 100.0, 100.0})
	e.operation(c, []any{"insert", 1.0, 0.0, 2.0, html})
	messages := [][]byte{e.message()}
	for i, operations := range h.Then {
		e = encoder{head: []byte{0x80, byte(i + 2)}}
		for _, operation := range operations {
			e.operation(c, operation)
		}
		messages = append(messages, e.message())
	}
	return messages
}

// encoder writes one message as FORMAT.md says, with every name and string
// written out.
type encoder struct {
	head, b []byte
	text    []string
	last    int
}

func (e *encoder) message() []byte {
	ops := encoder{}
	ops.u(len(e.b))
	return slices.Concat(e.head, ops.b, e.b, []byte(strings.Join(e.text, "\x00")))
}

func (e *encoder) operation(c corpus, operation []any) {
	name, args := operation[0].(string), operation[1:]
	if name == "hex" {
		raw, _ := hex.DecodeString(args[0].(string))
		e.b = append(e.b, raw...)
		return
	}
	var code, k byte
	var fields string
	if _, err := fmt.Sscanf(c.Operations[name], "%d %d", &code, &k); err == nil {
		_, fields, _ = strings.Cut(c.Operations[name][len(fmt.Sprint(code))+1:], " ")
	}
	e.b = append(e.b, code|k<<5)
	for i, field := range strings.Fields(fields) {
		e.field(field, args[i:])
	}
}

// field writes the first of the arguments, or all of them where the field is a
// list.
func (e *encoder) field(kind string, args []any) {
	switch kind {
	case "ref":
		e.ref(args[0])
	case "u":
		e.u(number(args[0]))
	case "z":
		e.z(number(args[0]))
	case "plain":
		e.plain(args[0])
	case "str":
		e.u(0)
		e.plain(args[0])
	case "name":
		e.u(0)
		e.u(0)
		e.plain(args[0])
	case "nodes":
		e.nodes(args)
	case "set":
		e.u(len(args))
		for _, id := range args {
			e.ref(id)
			e.u(0)
		}
	case "refs":
		e.u(len(args))
		for _, id := range args {
			e.ref(id)
		}
	case "plains":
		e.u(len(args))
		for _, s := range args {
			e.plain(s)
		}
	}
}

func (e *encoder) nodes(nodes []any) {
	for _, n := range nodes {
		e.node(n)
	}
	e.u(3)
}

// roots are the heads of what is inside an element.
var roots = map[string]int{"#shadow": 1<<2 | 3, "#document": 3<<2 | 3, "#manual": 4<<2 | 3, "#quirks": 5<<2 | 3}

func (e *encoder) node(n any) {
	if text, ok := n.(string); ok {
		e.u(0)
		e.plain(text)
		return
	}
	tag, rest := n.([]any)[0].(string), n.([]any)[1:]
	switch {
	case tag == "#existing":
		e.u(2<<2 | 3)
		e.u(number(rest[0]))
		return
	case tag == "#times":
		for range number(rest[0]) {
			e.node(rest[1])
		}
		return
	case tag == "#nest":
		deep := append([]any{rest[0]}, rest[2:]...)
		for range number(rest[1]) - 1 {
			deep = []any{rest[0], deep}
		}
		e.node(deep)
		return
	case roots[tag] != 0:
		e.u(roots[tag])
		e.nodes(rest)
		return
	}
	e.u(2)
	e.u(0)
	e.plain(tag)
	rest = e.attributes(rest)
	e.nodes(rest)
}

// attributes writes the objects that lead an element's list, and returns the
// rest: its children. Two objects can hold the same name.
func (e *encoder) attributes(list []any) []any {
	var attrs []string
	for len(list) > 0 {
		object, ok := list[0].(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			attrs = append(attrs, name, object[name].(string))
		}
		list = list[1:]
	}
	e.u(len(attrs) / 2)
	for i := 0; i < len(attrs); i += 2 {
		e.field("name", []any{attrs[i]})
		e.u(0)
		e.plain(attrs[i+1])
	}
	return list
}

func number(n any) int { return int(n.(float64)) }

func (e *encoder) u(n int) {
	for ; n > 127; n >>= 7 {
		e.b = append(e.b, byte(n)|128)
	}
	e.b = append(e.b, byte(n))
}

func (e *encoder) z(n int) {
	if n < 0 {
		e.u(-2*n - 1)
		return
	}
	e.u(2 * n)
}

func (e *encoder) ref(id any) {
	if e.last == 0 {
		e.u(number(id))
	} else {
		e.z(number(id) - e.last)
	}
	e.last = number(id)
}

// plain writes a string behind its length, which is shifted by so many bits.
func (e *encoder) plain(s any) { e.text = append(e.text, s.(string)) }
