package edge

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"kohe/relay"
	"kohe/relay/session"
	"kohe/relay/wire"
)

// unsaid is a message that may have to be said again.
type unsaid struct {
	say   wire.SayPayload
	epoch uint32 // its place, as the origin said that the link leads to
	seq   uint64 // 0: not known, or void since a later epoch
}

// ref is a request of the client's: its own sequence and the one on the link.
type ref struct{ client, link uint64 }

// keptRefs is how many requests of one guest may be without an answer; the
// answer to an older one does not say what it answers.
const keptRefs = 32

// keptLater is how many requests may wait for an origin, besides what is said.
const keptLater = 4

// toGuest sends a frame that names a session on to the session's origin. ok is
// false where that is here.
func (c *client) toGuest(f wire.Frame) (ok bool, err error) {
	var g *guest
	if f.Kind.Lane() == relay.Control {
		if !aboutSession[f.Kind] || !c.visiting() {
			return false, nil
		}
		var of wire.SessionRef
		if err := wire.Decode(f, &of); err != nil {
			return false, err
		}
		g = c.guest(of.Session)
	} else if id, _, err := wire.SplitSession(f); err == nil {
		g = c.guest(id)
	}
	if g == nil {
		return false, nil
	}
	return g.forward(f)
}

// aboutSession are the kinds of frame that a session's origin handles.
var aboutSession = map[wire.Kind]bool{
	wire.Say: true, wire.Mark: true, wire.Typing: true, wire.Consent: true, wire.Watch: true,
	wire.Grant: true, wire.Acted: true, wire.Ask: true, wire.Act: true, wire.Draw: true, wire.Faults: true,
}

// forward sends a frame of the client's to the origin, or keeps what must not
// be lost until there is one.
// ok is false when the session is here now.
func (g *guest) forward(f wire.Frame) (ok bool, err error) {
	if f.Kind.Lane() != relay.Control {
		return g.pass(f), nil
	}
	if f.Kind == wire.Watch {
		return g.watchFrame(f)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return false, nil
	}
	if f.Kind == wire.Say {
		var say wire.SayPayload
		if err := wire.Decode(f, &say); err != nil {
			return true, err
		}
		if err := g.keep(say); err != nil {
			return true, err
		}
	}
	switch {
	case g.link != nil:
		g.request(f)
	case f.Kind != wire.Consent && f.Kind != wire.Grant: // said again, or of no use later
	case len(g.later) == keptLater:
		return true, &relay.Error{Code: relay.CodeUnavailable, Text: "Please try again in a moment.", Retry: time.Second}
	default:
		f.Payload = slices.Clone(f.Payload)
		g.later = append(g.later, f)
	}
	return true, nil
}

// watchFrame handles the one request that is this edge's to answer: the page
// is copied here.
func (g *guest) watchFrame(f wire.Frame) (ok bool, err error) {
	var watch wire.WatchPayload
	if err := wire.Decode(f, &watch); err != nil {
		return true, err
	}
	g.mu.Lock()
	over := g.over
	g.mu.Unlock()
	if over {
		return false, nil
	}
	g.watchCopy(watch)
	g.client.ok(f.Seq, "")
	return true, nil
}

// send asks something of the origin in this edge's own name, if there is one.
func (g *guest) send(k wire.Kind, payload any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.link != nil {
		_, _ = g.link.Send(k, payload) // a link that ends is followed by another
	}
}

// request sends a request on. mu is held, and there is a link.
func (g *guest) request(f wire.Frame) {
	if seq, err := g.link.Send(f.Kind, f.Payload); err == nil { // a link that ends is followed by another
		g.refs[g.asked%keptRefs] = ref{f.Seq, seq}
		g.asked++
	}
}

// pass sends a page or pointer frame on, if there is an origin: a new one asks
// for the whole page. What is said does not wait for it.
func (g *guest) pass(f wire.Frame) (ok bool) {
	g.mu.Lock()
	l, over := g.link, g.over
	g.mu.Unlock()
	if l != nil && !over {
		_, _ = l.Send(f.Kind, f.Payload)
	}
	return !over
}

// keep remembers what was said. mu is held.
func (g *guest) keep(say wire.SayPayload) error {
	if slices.ContainsFunc(g.unsaid, func(u unsaid) bool { return u.say == say }) {
		return nil
	}
	if len(g.unsaid) >= session.MaxUnstored {
		return &relay.Error{Code: relay.CodeRate, Text: "Messages cannot be stored right now. Yours will be sent again by itself.", Retry: session.RetryFull}
	}
	g.unsaid = append(g.unsaid, unsaid{say: say})
	return nil
}

// deliver takes a frame from the origin to the client.
func (g *guest) deliver(f wire.Frame) {
	out := wire.Outgoing{Kind: f.Kind, Payload: f.Payload}
	switch f.Kind {
	case wire.PageDiff, wire.Mirror, wire.Pointer, wire.Hand, wire.Draw, wire.Faults:
		if f.Kind == wire.Hand {
			out.Key = handKey(f.Payload)
		}
		if g.client.who.Role != relay.RoleVisitor {
			if k := g.edge.copyOf(g.id, false); k != nil {
				k.take(g, f)
			}
			return
		}
	case wire.GoAway:
		return // the link ends soon, or the origin moves
	case wire.OK, wire.Error:
		if out.Payload = g.answered(f); out.Payload == nil {
			return
		}
	case wire.Sent, wire.Message:
		g.placed(f)
	case wire.Stored:
		g.stored(f)
	case wire.Typing:
		who, _, _ := bytes.Cut(f.Payload, []byte(`,"on"`))
		out.Key = string(who)
	}
	g.client.queue.Push(out)
}

// answered makes an answer refer to the client's own request; nil if that was
// this edge's.
func (g *guest) answered(f wire.Frame) []byte {
	var p map[string]json.RawMessage
	var of uint64
	if json.Unmarshal(f.Payload, &p) != nil || json.Unmarshal(p["ref"], &of) != nil {
		return f.Payload
	}
	g.mu.Lock()
	i := slices.IndexFunc(g.refs[:], func(r ref) bool { return r.link == of })
	var own uint64
	if i >= 0 {
		own = g.refs[i].client
	}
	g.mu.Unlock()
	if i < 0 && f.Kind == wire.OK {
		return nil
	}
	p["ref"] = wire.Encode(own)
	return wire.Encode(p)
}

// placed notes the place that a message of the client's has at this origin.
func (g *guest) placed(f wire.Frame) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.unsaid) == 0 {
		return
	}
	var m relay.Message
	if wire.Decode(f, &m) != nil || f.Kind == wire.Message && side(m.Author.Role) != side(g.client.who.Role) {
		return
	}
	i := slices.IndexFunc(g.unsaid, func(u unsaid) bool { return u.say.ID == m.ID })
	switch {
	case i < 0:
	case m.Stored:
		g.unsaid = slices.Delete(g.unsaid, i, i+1)
	default:
		g.unsaid[i].epoch, g.unsaid[i].seq = m.Epoch, m.Seq
	}
}

// stored forgets what is safe: what has its place in that epoch. A place of an
// older one may be another message's by now, so that is said again; the origin
// knows it, or gives it a new place.
func (g *guest) stored(f wire.Frame) {
	var p wire.StoredPayload
	if wire.Decode(f, &p) != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.resume.Epoch, g.resume.Seq = p.Epoch, p.Seq
	g.unsaid = slices.DeleteFunc(g.unsaid, func(u unsaid) bool { return u.seq != 0 && u.epoch == p.Epoch && u.seq <= p.Seq })
	for i := range g.unsaid {
		if u := &g.unsaid[i]; u.seq != 0 && u.epoch < p.Epoch {
			u.seq = 0
			if g.link != nil {
				_, _ = g.link.Send(wire.Say, u.say) // a link that ends is followed by another
			}
		}
	}
}
