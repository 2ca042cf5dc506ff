package mask

import (
	"strings"
	"testing"
	"unicode/utf8"

	"kohe/dom"
)

// shop returns the elements of a small page by their id attributes.
func shop(t *testing.T) map[string]*dom.Node {
	t.Helper()
	el := func(tag, attrs string, below ...dom.Branch) dom.Branch {
		return dom.Branch{Tag: tag, Attrs: strings.Split(attrs, "|"), Nodes: below}
	}
	tree := dom.NewTree(dom.Open{})
	_, err := tree.Apply(dom.NewSnapshot(1, "", "").Insert(dom.Document, 0, 2, el("html", "lang|et",
		el("body", "id|body|class|shop",
			el("form", "id|form|class|loan private",
				el("input", "id|name|type|text"), el("input", "id|pass|type|PASSWORD"),
				el("input", "id|card|autocomplete|section-a CC-Number"), el("input", "id|code|autocomplete|one-time-code")),
			el("div", "id|marked|data-kohe-mask|", el("p", "id|inside")),
			el("section", "id|odd|data-kind|Loan-2", el("svg:text", "id|drawn"))))).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*dom.Node{}
	var walk func(n *dom.Node)
	walk = func(n *dom.Node) {
		if id, ok := n.Attr("id"); ok {
			found[id] = n
		}
		for c := range n.Children() {
			walk(c)
		}
	}
	walk(tree.Root())
	return found
}

func TestEverySiteMasksWhatIsSecret(t *testing.T) {
	rules, err := NewRules(Site{})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"pass": true, "card": true, "code": true, "marked": true, "name": false, "form": false, "odd": false} {
		if got := rules.Masks(shop(t)[id]); got != want {
			t.Errorf("%s: masked %t, want %t", id, got, want)
		}
	}
}

func TestUnmaskCountsWhereAllIsMasked(t *testing.T) {
	for _, all := range []bool{false, true} {
		rules, err := NewRules(Site{All: all, Unmask: []string{"#form", "p"}})
		if err != nil {
			t.Fatal(err)
		}
		found := shop(t)
		for id, want := range map[string]bool{"form": all, "inside": all, "name": false, "body": false} {
			if got := rules.Shows(found[id]); got != want {
				t.Errorf("all %t, %s: shown %t, want %t", all, id, got, want)
			}
		}
		if !rules.MaskedBy(found["name"], "data-kohe-unmask") || !rules.MaskedBy(found["name"], "id") || !rules.MaskedBy(found["name"], "") {
			t.Error("a change of what unmasks is not seen")
		}
		url, title := rules.Page("https://shop.example/a?b#c", "Mari")
		if all != (url == "https://shop.example/a") || all != (title == "••••") {
			t.Errorf("all %t: %s, %s", all, url, title)
		}
	}
}

func TestSelectorsMatchLikeABrowsers(t *testing.T) {
	all := shop(t)
	for selector, want := range map[string]string{
		"form": "form", ".private": "form", "#name": "name", "form.loan.private": "form", "*": "body form name pass card code marked inside odd drawn",
		"body input": "name pass card code", "body > input": "", "form > input[type=text]": "name", "[data-kind]": "odd",
		`[data-kind="loan-2" i]`: "odd", "[data-kind^=Loan]": "odd", "[data-kind$='-2']": "odd", "[data-kind*=an]": "odd", "[data-kind=loan-2]": "",
		"[class~=loan]": "form", "html .shop > form > #pass": "pass", ".none, p ,section": "inside odd", "text": "drawn", "div p": "inside", "html>p": "",
	} {
		rules, err := NewRules(Site{Mask: []string{selector}})
		if err != nil {
			t.Errorf("%s: %v", selector, err)
			continue
		}
		for id, el := range all {
			got := false
			for _, s := range rules.masked {
				got = got || s.matches(el)
			}
			if wanted := strings.Contains(" "+want+" ", " "+id+" "); got != wanted {
				t.Errorf("%s: matches %s: %t, want %t", selector, id, got, wanted)
			}
		}
	}
}

func TestSelectorsOutsideTheSubsetAreRefused(t *testing.T) {
	for _, selector := range []string{
		"", " ", ",", "a,", ",a", "a >", "> a", "a + b", "a ~ b", "a:hover", "a::before", "[", "[a", "[a=", "[a=b", "[=b]", `[a="b]`, `[a="\"]`,
		".", "#", ".a b c d e", "a{}", "ab*c(", "[a|=b]", strings.Repeat("a", MaxSelector+1),
	} {
		if _, err := NewRules(Site{Mask: []string{selector}}); err == nil {
			t.Errorf("%q is accepted", selector)
		}
	}
}

func TestMaskedTextTellsAClassOfLength(t *testing.T) {
	el := shop(t)["marked"]
	rules, err := NewRules(Site{})
	if err != nil {
		t.Fatal(err)
	}
	mask := func(name, text string) string { s, _ := rules.Masked(el, name, text); return s }
	if mask("", "Ann") != mask("", "Ülle") || mask("title", strings.Repeat("x", 70)) != mask("title", strings.Repeat("y", 9000)) {
		t.Error("lengths of one class are told apart")
	}
	for _, text := range []string{"", " \n", "a", "Mari Maasikas", strings.Repeat("õ", 999), "•••"} {
		once := mask("", text)
		if mask("", once) != once {
			t.Errorf("%q: masking twice gives %q", text, mask("", once))
		}
		for _, c := range once {
			if c != Bullet && c != ' ' && c != '\n' {
				t.Errorf("%q: %q is left", text, once)
			}
		}
	}
	if _, ok := rules.Masked(el, "href", "https://shop.example/?name=Mari"); ok {
		t.Error("an address is shown")
	}
	pass := shop(t)["pass"]
	if s, _ := rules.Masked(pass, "=", strings.Repeat("x", 30)); utf8.RuneCountInString(s) != maxPassword {
		t.Errorf("a password of 30 shows as %q", s)
	}
}

func FuzzSelectors(f *testing.F) {
	for _, s := range []string{"a > b .c", `[a="b" i]`, "#x,*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := NewRules(Site{Mask: []string{text}})
		if err != nil {
			return
		}
		for _, el := range shop(t) {
			rules.Masks(el)
		}
	})
}
