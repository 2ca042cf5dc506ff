package edge

import (
	"cmp"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"kohe/edge/record"
	"kohe/relay"
	"kohe/relay/wire"
)

// Bounds of drawing on a visitor's page.
const (
	maxPoints   = 128                    // of one drawing
	farthest    = 1_000_000              // ten-thousandths of the node's box that a point may lie away from it
	keptDrawn   = 32                     // drawings that stay, in one session; the oldest goes
	drawEvery   = 100 * time.Millisecond // a drawing, of all who draw in one session
	drawAtOnce  = 10
	drawingDeed = wire.Deed("draw") // as the transcript has it
)

// drawings are what is drawn on the page of one session. Guarded by live.mu.
type drawings struct {
	on   *client // the tab that they are on; another page has none of them
	stay []wire.DrawPayload
	told bool // the transcript says that something was drawn
	pace *rate.Limiter
}

// draw puts a drawing on the visitor's page, or takes all of them away.
func (c *client) draw(p wire.DrawPayload, seq uint64) error {
	l, err := c.edge.sessionOf(c, p.Session)
	if err == nil {
		err = cmp.Or(relay.CheckClientID(p.ID), checkShape(p))
	}
	if err == nil {
		l.mu.Lock()
		err = l.drawNow(c, p)
		l.mu.Unlock()
	}
	if err != nil {
		c.edge.refused(c, p.Session, drawingDeed, p.Node, err)
		return err
	}
	l.store()
	c.ok(seq, p.ID)
	return nil
}

// checkShape reports what is wrong with a drawing in itself.
func checkShape(p wire.DrawPayload) error {
	least, most := 2, 2
	switch p.Shape {
	case wire.ShapeClear:
		least, most = 0, 0
	case wire.ShapePen:
		most = maxPoints
	case wire.ShapeArrow, wire.ShapeBox:
	default:
		return relay.Errorf(relay.CodeInvalid, "There is no shape %q.", clip(string(p.Shape)))
	}
	if n := len(p.Points); n%2 != 0 || n < 2*least || n > 2*most {
		return relay.Errorf(relay.CodeInvalid, "A drawing of this shape has %d to %d points.", least, most)
	}
	if slices.ContainsFunc(p.Points, func(n int32) bool { return n < -farthest || n > farthest }) {
		return relay.Errorf(relay.CodeInvalid, "A point is too far away from what it belongs to.")
	}
	return nil
}

// drawNow checks a drawing and shows it to the captured tab and to the others
// who watch. mu is held.
func (l *live) drawNow(c *client, p wire.DrawPayload) error {
	if err := l.mayShow(c, relay.LevelDraw); err != nil {
		return err
	}
	d := l.drawnNow()
	if !d.pace.AllowN(l.edge.Now(), 1) {
		return &relay.Error{Code: relay.CodeRate, Text: "Too fast. Please wait a moment.", Retry: time.Second}
	}
	colour, ok := l.handOf(c)
	if !ok {
		return relay.Errorf(relay.CodeBusy, "Too many people draw here already.")
	}
	p.By, p.Colour = c.who.Name, colour
	if p.Shape == wire.ShapeClear {
		p.Node, p.Stay, d.stay = 0, false, nil
	} else {
		target, ok := l.mirror.page.Target(p.Node)
		if !ok {
			return relay.Errorf(relay.CodeForbidden, "Nothing can be done there.")
		}
		if p.Stay {
			d.stay = append(d.stay[max(0, len(d.stay)-keptDrawn+1):], p)
		}
		if !d.told {
			d.told = true
			l.writeDeed(c, wire.ActPayload{Do: drawingDeed, Node: p.Node}, target.Label)
		}
	}
	out := wire.Outgoing{Kind: wire.Draw, Payload: wire.Encode(p)}
	l.mirror.lead.queue.Push(out)
	l.toOthers(c, out)
	l.record(record.Draw, out.Payload)
	return nil
}

// drawnNow returns the drawings on the page that is captured now, without those
// that have gone with another page or with the level. mu is held.
func (l *live) drawnNow() *drawings {
	d := &l.drawn
	if d.pace == nil {
		d.pace = rate.NewLimiter(rate.Every(drawEvery), drawAtOnce)
	}
	if (d.told || len(d.stay) > 0) && (d.on != l.mirror.lead || !slices.Contains(l.row.Granted, relay.LevelDraw)) {
		l.record(record.Draw, wire.Encode(wire.DrawPayload{Session: l.id, Shape: wire.ShapeClear}))
	}
	if d.on != l.mirror.lead || !slices.Contains(l.row.Granted, relay.LevelDraw) {
		d.on, d.stay, d.told = l.mirror.lead, nil, false
	}
	return d
}

// showDrawn shows someone who begins to watch what is drawn already. mu is held.
func (l *live) showDrawn(c *client) {
	for _, p := range l.drawnNow().stay {
		c.push(wire.Draw, p)
	}
}
