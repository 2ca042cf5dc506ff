package page

import (
	"testing"

	"kohe/dom"
)

func TestAFieldIsCalledWhatItsLabelSays(t *testing.T) {
	p := open(t, New(0, nil))
	v := watch(t, p)
	wrapped := dom.Branch{Tag: "label", Nodes: []dom.Branch{{Text: "Size"}, {Tag: "select", Attrs: []string{"name", "s"}, Nodes: []dom.Branch{text("option", "XL")}}}}
	v.send(first(
		text("label", "First name", "for", "n1"), // 4, 5
		el("input", "id", "n1", "name", "fname"), // 6
		wrapped,                                  // 7, 8, 9, 10, 11
		text("label", "Secret word", "for", "n2", "data-kohe-mask", ""), // 12, 13
		el("input", "id", "n2", "name", "word"),                         // 14
		el("input", "id", "n3", "placeholder", "Street"),                // 15
		text("button", "Send"),                                          // 16, 17
		el("input", "aria-label", "Search", "id", "n1"),                 // 18
		el("input", "name", "alone"),                                    // 19
		text("legend", "Extras"),                                        // 20, 21
		el("div"),                                                       // 22
		text("div", "what they wrote", "contenteditable", ""),           // 23, 24
		text("textarea", "what they wrote"),                             // 25, 26
		dom.Branch{Tag: "p", Nodes: []dom.Branch{{Text: "Note"}, text("span", "what they wrote", "contenteditable", "")}}, // 27, 28, 29, 30
	))
	for node, want := range map[uint32]string{6: "First name", 9: "Size", 14: "word", 15: "Street", 16: "Send", 18: "Search", 19: "alone", 20: "Extras", 22: "div", 23: "div", 25: "textarea", 27: "Note"} {
		if got, ok := p.Target(node); !ok || got.Label != want {
			t.Errorf("%d is called %q, %v; want %q", node, got.Label, ok, want)
		}
	}
}
