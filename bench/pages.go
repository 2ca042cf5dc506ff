package bench

import (
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"strings"
)

// What the generated pages are like: as many as there are, from the smallest
// to the largest, by the nodes that the browser makes of them.
const (
	pageCount = 20
	pageLeast = 300
	pageMost  = 10_000
)

// samplePage is a generated page of a site.
type samplePage struct {
	name  string
	nodes int // about
	kind  func(*pageWriter)
}

// samplePages returns articles, shops and dashboards in turn, each larger than
// the one before.
func samplePages() []samplePage {
	kinds := []struct {
		name string
		kind func(*pageWriter)
	}{{"article", (*pageWriter).article}, {"shop", (*pageWriter).shop}, {"dashboard", (*pageWriter).dashboard}}
	pages := make([]samplePage, pageCount)
	for i := range pages {
		nodes := int(pageLeast * math.Pow(pageMost/pageLeast, float64(i)/(pageCount-1)))
		k := kinds[i%len(kinds)]
		pages[i] = samplePage{name: fmt.Sprintf("%s-%d", k.name, nodes), nodes: nodes, kind: k.kind}
	}
	return pages
}

// livePages returns the pages that change while they are shared: a small one
// on which nothing happens but the measured change, and one on which several
// tables of prices tick.
func livePages() []samplePage {
	return []samplePage{
		{name: "light", nodes: pageLeast, kind: (*pageWriter).note},
		{name: "heavy", nodes: 6000, kind: (*pageWriter).market},
	}
}

// html returns the page. The same seed gives the same page; another one gives
// other words, names and prices in the same template.
func (p samplePage) html(seed uint64) string {
	w := &pageWriter{most: p.nodes, dice: rand.New(rand.NewPCG(seed, uint64(p.nodes)))}
	w.raw("<!doctype html><html lang=en><head><meta charset=utf-8><title>" + w.words(4) + "</title><style>" + styleSheet + "</style></head><body>")
	w.nodes = 8
	w.header()
	p.kind(w)
	w.footer()
	w.raw("</body></html>")
	return w.b.String()
}

// pageWriter writes HTML and counts the nodes that it makes.
type pageWriter struct {
	b     strings.Builder
	nodes int
	most  int
	dice  *rand.Rand
}

func (w *pageWriter) raw(s string) { w.b.WriteString(s) }

func (w *pageWriter) more() bool { return w.nodes < w.most }

// put writes elements and texts and counts them.
func (w *pageWriter) put(nodes int, format string, args ...any) {
	fmt.Fprintf(&w.b, format, args...)
	w.nodes += nodes
}

var vocabulary = strings.Fields(`the of lake boat wind harbour sail summer wood rope light oar river morning north repair hull
deck anchor map weather evening crew island wave paint engine season bridge market winter jetty keel mast bay shore storm quiet
small open early bright heavy narrow slow warm clear steady plain`)

// words returns n words with a capital at the start, as HTML.
func (w *pageWriter) words(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = vocabulary[w.dice.IntN(len(vocabulary))]
	}
	text := strings.Join(list, " ")
	return html.EscapeString(strings.ToUpper(text[:1]) + text[1:])
}

func (w *pageWriter) price() string {
	return fmt.Sprintf("%d.%02d €", 1+w.dice.IntN(900), w.dice.IntN(100))
}

// siteLinks are how many links a page has around its content: a median page
// has 61 to its own site (HTTP Archive, Web Almanac 2020, SEO).
const siteLinks = 61

// header and footer are the same on every page of the site.
func (w *pageWriter) header() { w.links("header", "top", 0, siteLinks/2) }
func (w *pageWriter) footer() { w.links("footer", "bottom", siteLinks/2, siteLinks) }

func (w *pageWriter) links(tag, class string, from, to int) {
	w.put(3, `<%s class="%s"><a class="brand" href="/">Harbour</a><nav class="menu" aria-label="Main"><ul class="list">`, tag, class)
	for i := from; i < to; i++ {
		name := vocabulary[i%len(vocabulary)] + " " + vocabulary[i*7%len(vocabulary)]
		w.put(6, `<li class="list-item menu-item"><svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="%s"/></svg><a class="link" href="/section/%s?from=menu">%s</a></li>`,
			iconPath(i%8), strings.ReplaceAll(name, " ", "-"), name)
	}
	w.raw("</ul></nav></" + tag + ">")
}

// iconPath draws one of the site's icons.
func iconPath(i int) string {
	var b strings.Builder
	b.WriteString("M12 2")
	for k := range 12 {
		fmt.Fprintf(&b, "c%d.%d-%d.%d %d.%d %d", (i*k)%9, (i+k)%10, (i+3*k)%8, (i*5+k)%10, k%7, (i*3)%10, (i*k*7)%11)
	}
	return b.String() + "z"
}

// number writes what bench/page.js changes, and names the page for it.
func (w *pageWriter) number(page string) {
	w.put(4, `<p class="text">Change <b id="number" data-page="%s">0</b></p>`, page)
}

// end marks that the page is there as a whole.
func (w *pageWriter) end() { w.put(1, `<footer id="end"></footer>`) }

func (w *pageWriter) article() {
	w.put(3, `<main class="article"><h1>%s</h1>`, w.words(7))
	for section := 0; w.more(); section++ {
		w.put(3, `<section id="s%d" class="section"><h2>%s</h2>`, section, w.words(5))
		for i := range 4 {
			w.put(6, `<p class="text">%s <a class="link" href="/notes/%d">%s</a> %s <em>%s</em></p>`,
				w.words(10+w.dice.IntN(10)), section*4+i, w.words(2), w.words(5), w.words(1))
		}
		w.put(5, `<figure class="figure"><img class="picture" src="data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' width='640' height='360'/%%3E" alt="%s"><figcaption>%s</figcaption></figure>`,
			w.words(4), w.words(6))
		w.put(1, `<ul class="list">`)
		for range 5 {
			w.put(2, `<li class="list-item">%s</li>`, w.words(4))
		}
		w.raw("</ul></section>")
	}
	w.raw("</main>")
}

func (w *pageWriter) shop() {
	w.put(3, `<main class="shop"><h1>%s</h1><div class="grid">`, w.words(3))
	for item := 0; w.more(); item++ {
		w.put(17, `<article class="card" data-item="%d"><a class="card-link" href="/item/%d"><img class="card-picture" loading="lazy" `+
			`src="data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' width='320' height='240'/%%3E" alt=""><h3 class="card-title">%s</h3></a>`+
			`<p class="card-text">%s</p><div class="card-foot"><span class="price">%s</span><span class="stars" aria-label="%d of 5"><svg class="star" viewBox="0 0 24 24">`+
			`<path d="M12 2l3 7h7l-6 4 2 8-6-5-6 5 2-8-6-4h7z"/></svg></span><button class="buy" type="button">Add to cart</button></div></article>`,
			item, item, w.words(3), w.words(8), w.price(), 1+w.dice.IntN(5))
	}
	w.raw("</div></main>")
}

func (w *pageWriter) dashboard() {
	w.put(2, `<main class="board"><form class="filters">`)
	for i := range 6 {
		w.put(7, `<label class="field"><span>%s</span><select name="f%d"><option value="1">All</option><option value="2" selected>Open</option></select></label>`,
			vocabulary[i], i)
	}
	w.put(7, `<label class="field"><span>Search</span><input name="q" value="%s"></label></form><table class="table"><thead><tr>`, w.words(2))
	for i := range 8 {
		w.put(2, `<th scope="col" class="head">%s</th>`, vocabulary[i])
	}
	w.raw("</tr></thead><tbody>")
	for row := 0; w.more(); row++ {
		w.put(1, `<tr class="row" id="row-%d">`, row)
		for column := range 8 {
			text := w.words(1)
			if column > 3 {
				text = fmt.Sprint(w.dice.IntN(1000))
			}
			w.put(2, `<td class="cell cell-%d">%s</td>`, column, text)
		}
		w.raw("</tr>")
	}
	w.raw("</tbody></table></main>")
}

func (w *pageWriter) note() {
	w.number("light")
	w.put(4, `<p class="section"><label>Note <input id="note" name="note"></label></p>`)
	w.article()
	w.end()
}

// market is tables of prices; what has the class tick changes all the time.
func (w *pageWriter) market() {
	w.number("heavy")
	w.put(1, `<main class="board">`)
	for table := 0; w.more(); table++ {
		w.put(5, `<section class="section"><h2>%s</h2><table class="table"><tbody>`, w.words(2))
		for row := range 60 {
			w.put(9, `<tr class="row" id="row-%d-%d"><th class="head">%s</th><td class="cell tick">%s</td><td class="cell tick">%s</td><td class="cell tick">%s</td></tr>`,
				table, row, w.words(2), w.price(), w.price(), w.price())
		}
		w.raw("</tbody></table></section>")
	}
	w.raw("</main>")
	w.end()
}

// siteRules are how many rules the site's style sheet has: a median page has
// 613 (HTTP Archive, Web Almanac 2022, CSS).
const siteRules = 613

// A site has some colours and some distances.
var (
	palette = strings.Fields("#10243e #1f4b7a #2f74b5 #e8f1fa #ffffff #f4f5f7 #c9ced6 #68707d #b3261e #1b7f4b #f2b705 #00000014")
	steps   = strings.Fields("0 4px 8px 12px 16px 24px 32px")
)

func pick(from []string, i int) string { return from[i%len(from)] }

// styleSheet is the same on all pages, as one site's is.
var styleSheet = func() string {
	var b strings.Builder
	classes := strings.Fields(`top bottom brand menu menu-item icon link article section text figure picture list list-item shop grid
card card-link card-picture card-title card-text card-foot price stars star buy board filters field table head row cell`)
	states := []string{"", ":hover", ":focus-visible", " > :first-child", "::before", "[aria-expanded=true]"}
	for i := range siteRules {
		class, state := classes[i%len(classes)], states[i/len(classes)%len(states)]
		selector := "." + class + state
		if group := i / len(classes) / len(states); group > 0 {
			selector = fmt.Sprintf(".%s-%s %s", vocabulary[group%len(vocabulary)], vocabulary[i%len(vocabulary)], selector)
		}
		fmt.Fprintf(&b, "%s{margin:%s;padding:%s %s;color:%s;border-radius:%s;line-height:1.%d}\n",
			selector, pick(steps, i), pick(steps, i/3), pick(steps, i/5), pick(palette, i/2), pick(steps, i/7), 3+i/11%4)
	}
	return b.String()
}()
