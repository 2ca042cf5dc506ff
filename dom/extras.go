package dom

import (
	"fmt"
	"slices"
	"time"
)

// animation is an animation that a script made: a @keyframes rule and its
// timing. Times are in ms, rate and iterations in hundredths.
type animation struct {
	flags, duration, iterations uint32
	delay, rate, time           int
	easing, rule                string
}

// picture is what a canvas or video shows, at so many hundredths of its size.
type picture struct {
	percent uint32
	url     string
}

// media says whether a video or sound plays (1) and is muted (2), where it was
// then (ms) and how fast it plays (hundredths).
type media struct{ flags, time, rate uint32 }

const (
	plays  = 1  // flag of media
	paused = 16 // flag of an animation

	latestMedia     = 4_000_000_000 // ms
	latestAnimation = 1 << 29       // ms
)

// after returns it as it is a time later.
func (m media) after(d time.Duration) media {
	if m.flags&plays != 0 {
		m.time = uint32(min(float64(m.time)+d.Seconds()*10*float64(m.rate), latestMedia))
	}
	return m
}

// after returns it as it is a time later.
func (a animation) after(d time.Duration) animation {
	if a.flags&paused == 0 && d > 0 {
		a.time = int(max(min(float64(a.time)+d.Seconds()*10*float64(a.rate), latestAnimation), -latestAnimation))
	}
	return a
}

// textRange is a stretch of the page that is marked, in UTF-16 code units or
// children of its ends.
type textRange struct{ start, from, end, to uint32 }

// ranges are what is marked under one name: "" is the visitor's selection.
type ranges struct {
	list []textRange
	ver  uint64
}

func (r *reader) animations() []animation {
	list := make([]animation, r.count())
	for i := range list {
		a := &list[i]
		a.flags, a.duration, a.iterations = r.uint(), r.uint(), r.uint()
		a.delay, a.rate, a.time = r.int(), r.int(), r.int()
		a.easing, a.rule = r.plain(), r.plain()
	}
	return list
}

func (r *reader) ranges() []textRange {
	list := make([]textRange, r.count())
	for i := range list {
		list[i] = textRange{r.ref(), r.uint(), r.ref(), r.uint()}
	}
	return list
}

func (t *Tree) time() time.Duration {
	if t.Clock == nil {
		return 0
	}
	return t.Clock()
}

// setAnimations replaces an element's animations by those that may be shown.
func (t *Tree) setAnimations(el *Node, list []animation) error {
	if len(list) > MaxAnimations {
		return fmt.Errorf("%w: over %d animations of node %d", ErrTooLarge, MaxAnimations, el.id)
	}
	t.putAnimations(el, list)
	return t.grow(0)
}

func (t *Tree) putAnimations(el *Node, list []animation) {
	m := el.ext()
	t.bytes -= animationsCost(m.animations)
	shown := slices.DeleteFunc(list, func(a animation) bool { return !t.filter.CSS(a.rule) || !t.filter.CSS(a.easing) })
	if len(shown) < len(list) {
		t.filtered = true
	}
	for i := range shown {
		if el.masked {
			shown[i].rule, shown[i].easing = t.maskedCSS(shown[i].rule), t.maskedCSS(shown[i].easing)
		}
	}
	m.animations, m.animateVer, m.animatedAt = shown, t.to, t.time()
	t.bytes += animationsCost(shown)
	t.change(el)
}

func animationsCost(list []animation) int {
	c := 0
	for _, a := range list {
		c += animationCost + len(a.rule) + len(a.easing)
	}
	return c
}

// setPicture gives a canvas or video its picture, or none.
func (t *Tree) setPicture(el *Node, p picture) error {
	if err := checkString(p.url); err != nil {
		return err
	}
	if p.url != "" && (el.masked || el.tag != "canvas" && el.tag != "video" || !t.filter.Picture(p.url)) {
		p = picture{}
		t.filtered = true
	}
	t.putPicture(el, p)
	return t.grow(0)
}

func (t *Tree) putPicture(el *Node, p picture) {
	m := el.ext()
	t.bytes += len(p.url) - len(m.picture.url)
	m.picture, m.imageVer = p, t.to
	t.change(el)
}

// setMedia says what a video or sound does.
func (t *Tree) setMedia(el *Node, now media) {
	if el.masked || el.tag != "video" && el.tag != "audio" {
		t.filtered = true
		return
	}
	t.putMedia(el, now)
}

func (t *Tree) putMedia(el *Node, now media) {
	m := el.ext()
	m.media, m.mediaVer, m.playedAt = now, t.to, t.time()
	t.change(el)
}

// setCustom gives a custom element its states, with spaces between.
func (t *Tree) setCustom(el *Node, states string) error {
	if el.masked && states != "" || len(states) > maxStates {
		states = ""
		t.filtered = true
	}
	t.putCustom(el, states)
	return t.grow(0)
}

func (t *Tree) putCustom(el *Node, states string) {
	m := el.ext()
	t.bytes += len(states) - len(m.custom)
	m.custom, m.customVer = states, t.to
	t.change(el)
}

// remaskExtras takes from a node that came under a mask what the mask hides.
func (t *Tree) remaskExtras(n *Node) {
	if n.more.picture.url != "" {
		t.filtered = true
		t.putPicture(n, picture{})
	}
	if n.more.media != (media{}) {
		t.filtered = true
		t.putMedia(n, media{rate: 100})
	}
	if n.more.custom != "" {
		t.filtered = true
		t.putCustom(n, "")
	}
	if list := n.more.animations; len(list) > 0 {
		for i := range list {
			list[i] = list[i].after(t.time() - n.more.animatedAt)
		}
		t.putAnimations(n, list)
	}
}

// setRanges replaces what is marked under a name. What ends in a masked place
// is left out: its offsets tell the length of what is there.
func (t *Tree) setRanges(name string, list []textRange) error {
	if len(list) > MaxRanges {
		return fmt.Errorf("%w: over %d ranges", ErrTooLarge, MaxRanges)
	}
	shown := slices.DeleteFunc(list, func(r textRange) bool { return t.hides(r.start) || t.hides(r.end) })
	if len(shown) < len(list) {
		t.filtered = true
	}
	old := t.ranges[name]
	if old == nil {
		if len(t.ranges) >= MaxHighlights || len(name) > maxTabled {
			t.filtered = true
			return nil
		}
		old = &ranges{}
		t.ranges[name] = old
	}
	cost := rangeCost * (len(shown) - len(old.list))
	old.list, old.ver = shown, t.to
	return t.grow(cost)
}

func (t *Tree) hides(id uint32) bool {
	n := t.nodes[id]
	return n != nil && n.masked
}

// encodeRanges writes what was marked since a version.
func (t *Tree) encodeRanges(w *writer, since uint64) {
	var names []string
	for name, r := range t.ranges {
		if r.ver > since && (since > 0 || len(r.list) > 0) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		w.op(OpRange, 0)
		w.str(name)
		w.uint(uint32(len(t.ranges[name].list)))
		for _, r := range t.ranges[name].list {
			w.ref(r.start)
			w.uint(r.from)
			w.ref(r.end)
			w.uint(r.to)
		}
	}
}

// extras writes a node's animations, picture, media and states, as far as they
// changed after w.since.
func (w *writer) extras(n *Node, m *more) {
	if m.animateVer > w.since {
		w.op(OpAnimate, 0)
		w.ref(n.id)
		w.uint(uint32(len(m.animations)))
		for _, a := range m.animations {
			a.rule = w.clip(a.rule)
			w.animation(a.after(w.now - m.animatedAt))
		}
	}
	if m.imageVer > w.since {
		w.op(OpImage, 0)
		w.ref(n.id)
		w.uint(m.picture.percent)
		w.plain(w.clip(m.picture.url))
	}
	if m.mediaVer > w.since {
		w.op(OpMedia, 0)
		w.ref(n.id)
		played := m.media.after(w.now - m.playedAt)
		for _, u := range [...]uint32{played.flags, played.time, played.rate} {
			w.uint(u)
		}
	}
	if m.customVer > w.since {
		w.op(OpCustom, 0)
		w.ref(n.id)
		w.str(m.custom)
	}
}

func (w *writer) animation(a animation) {
	for _, u := range [...]uint32{a.flags, a.duration, a.iterations} {
		w.uint(u)
	}
	for _, i := range [...]int{a.delay, a.rate, a.time} {
		w.int(i)
	}
	w.plain(a.easing)
	w.plain(a.rule)
}
