package page

import (
	"fmt"
	"testing"

	"kohe/dom"
	"kohe/relay"
)

func BenchmarkWhole(b *testing.B) {
	p, err := New(0, nil).Open(relay.NewID(), Rules{})
	if err != nil {
		b.Fatal(err)
	}
	var rows []dom.Branch
	for i := range 2500 {
		rows = append(rows, dom.Branch{Tag: "li", Attrs: []string{"class", "row"}, Nodes: []dom.Branch{
			{Tag: "b", Nodes: []dom.Branch{{Text: fmt.Sprint("product ", i)}}}, {Text: fmt.Sprint(" costs ", i*7)},
		}})
	}
	if _, _, err := p.Apply(first(rows...)); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		if len(p.Whole()) == 0 {
			b.Fatal("no page")
		}
	}
}
