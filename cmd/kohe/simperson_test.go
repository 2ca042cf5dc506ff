package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// What people do in a simulation, and when.
const (
	actEvery     = 300 * time.Millisecond // on average
	impatience   = time.Second            // with a message that is not stored, and up to half as long again
	longTalk     = 150                    // stored messages after which a visitor leaves
	away         = 25 * time.Second       // of an agent now and then: their sessions go to others
	maxUnstored  = 20                     // messages that one keeps trying to say
	dialPatience = 3 * time.Second
)

// someone is a visitor or an agent with a browser that never forgets. One
// goroutine owns all of it.
type someone struct {
	sim   *simulation
	me    relay.Author // visitors: once they are known
	rng   *rand.Rand
	token string // visitors
	talks map[relay.ID]*chat
	at    relay.ID                    // visitors: the session that is open, or asked for
	mine  map[relay.ID]bool           // agents: their active sessions
	said  int                         // messages
	asked map[uint64]relay.ID         // by sequence: sessions that something was said in, on this link
	tried map[string]time.Time        // when a message was said on this link, by identity
	late  []wire.AnswerPayload        // offers that are answered late
	when  []time.Time                 // and when
	shown map[relay.ID]uint64         // agents: the assignment that was offered last
	spoke map[string]int64            // agents: when a message that is not known to be stored was first said
	waits map[uint64]func(relay.Code) // by sequence: who waits for an answer, on this link
	check chan func(s *someone)       // functions that may look at it
}

func (s *simulation) newSomeone(me relay.Author) *someone {
	return &someone{
		sim: s, me: me, rng: s.dice(), talks: map[relay.ID]*chat{}, mine: map[relay.ID]bool{}, check: make(chan func(*someone)),
		shown: map[relay.ID]uint64{}, spoke: map[string]int64{},
	}
}

func (p *someone) visitor() bool { return p.me.Role == relay.RoleVisitor }

// live goes from one node to another until ctx ends.
func (p *someone) live(ctx context.Context) {
	for ctx.Err() == nil {
		if err := p.visit(ctx); err != nil {
			p.pause(ctx, 100*time.Millisecond)
		}
		if !p.visitor() && p.rng.IntN(100) == 0 && !p.sim.quiet.Load() {
			p.pause(ctx, away)
		}
		p.pause(ctx, time.Duration(p.rng.Int64N(int64(200*time.Millisecond))))
	}
}

func (p *someone) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		case f := <-p.check:
			f(p)
		}
	}
}

// hello is what the browser says first.
func (p *someone) hello(l *life) (wire.HelloPayload, error) {
	h := wire.HelloPayload{Version: wire.Version, Role: p.me.Role}
	if p.visitor() {
		h.Site, h.Token, h.Tab = "shop", p.token, "t1"
		if t := p.talks[p.at]; t != nil {
			h.Resume = []wire.Resume{t.resume()}
		}
		return h, nil
	}
	for _, t := range p.talks {
		if t.row.State != relay.Ended {
			h.Resume = append(h.Resume, t.resume())
		}
	}
	cores := p.sim.cores()
	if len(cores) == 0 {
		return h, errKilled
	}
	signedIn := auth.ConsoleSession{ID: relay.NewID(), Agent: p.me.ID, Generation: 1, Issued: l.now().UnixMilli()}
	if l.key == nil { // an edge: with the pass of the Welcome before
		signedIn.Issued = cores[0].now().UnixMilli()
		h.Token = cores[0].key.SignPass(signedIn)
		return h, nil
	}
	var err error
	h.Ticket, err = l.tickets.Issue(signedIn, l.now())
	return h, err
}

// visit is with one node until the link ends, or is not good enough.
func (p *someone) visit(ctx context.Context) error {
	up := p.sim.up()
	if len(up) == 0 {
		return errKilled
	}
	l := up[p.rng.IntN(len(up))]
	hello, err := p.hello(l)
	if err != nil {
		return err
	}
	dialling, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	d := link.Dialer{Origin: shopOrigin}
	c, err := d.Memory(dialling, l.links, link.Path{Latency: 5 * time.Millisecond, Loss: 0.01, Seed: p.rng.Uint64()}, hello)
	if err != nil {
		return err
	}
	defer c.Close()
	p.asked, p.tried, p.waits = map[uint64]relay.ID{}, map[string]time.Time{}, map[uint64]func(relay.Code){}
	p.welcomed(c)
	return p.attend(ctx, l, c)
}

func (p *someone) welcomed(c *link.Client) {
	if !p.visitor() {
		p.send(c, wire.State, wire.StatePayload{State: relay.Service, Departments: []string{"help"}})
		clear(p.mine)
		for _, id := range c.Welcome().Sessions {
			p.mine[id] = true
		}
		for _, t := range p.talks {
			p.sayAgain(c, t)
		}
		return
	}
	w := c.Welcome()
	if p.token == "" {
		p.token, p.me.ID = w.Token, w.Visitor.String()
	}
	if t := p.talks[p.at]; t != nil && t.row.State == "" {
		p.open(c)
	} else if t != nil {
		p.sayAgain(c, t)
	}
}

func (p *someone) send(c *link.Client, k wire.Kind, payload any) uint64 {
	seq, _ := c.Send(k, payload) // a link that ends is followed by another
	return seq
}

func (p *someone) open(c *link.Client) {
	p.send(c, wire.Open, wire.OpenPayload{Session: p.at, Name: p.me.Name})
}

func (p *someone) sayAgain(c *link.Client, t *chat) {
	for _, say := range t.pending() {
		p.put(c, t, say)
	}
}

func (p *someone) put(c *link.Client, t *chat, say wire.SayPayload) {
	key := lineOf(p.me, say.ID)
	if p.tried[key].IsZero() {
		p.tried[key] = time.Now()
	}
	p.asked[p.send(c, wire.Say, say)] = t.id
}

// attend hears and acts.
func (p *someone) attend(ctx context.Context, l *life, c *link.Client) error {
	frames := make(chan wire.Frame)
	hearing, deaf := context.WithCancel(ctx)
	defer deaf()
	go func() {
		defer close(frames)
		for {
			f, err := c.Recv(hearing)
			if err != nil {
				return
			}
			select {
			case frames <- f:
			case <-hearing.Done():
				return
			}
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				return nil
			}
			if l.gone.Load() {
				continue // from a process that has ended
			}
			if !p.hear(c, f) {
				return nil
			}
		case <-next.C:
			if l.gone.Load() || p.overdue() || p.rng.IntN(300) == 0 {
				return nil
			}
			p.act(c)
			next.Reset(actEvery/2 + time.Duration(p.rng.Int64N(int64(actEvery))))
		case f := <-p.check:
			f(p)
		case <-ctx.Done():
			return nil
		}
	}
}

// overdue reports whether a message was said on this link and is not stored.
func (p *someone) overdue() bool {
	limit := impatience + time.Duration(p.rng.Int64N(int64(impatience/2)))
	for _, t := range p.talks {
		if t.row.State == relay.Ended || !p.visitor() && !p.mine[t.id] {
			continue
		}
		for _, say := range t.pending() {
			if at := p.tried[lineOf(p.me, say.ID)]; !at.IsZero() && time.Since(at) > limit {
				return true
			}
		}
	}
	return false
}

// act does what a person does now and then.
func (p *someone) act(c *link.Client) {
	if p.visitor() {
		p.actVisitor(c)
	} else {
		p.actAgent(c)
	}
	for _, t := range p.talks {
		if drawn := uint64(len(t.prefix())); t.row.State != relay.Ended && drawn > t.marked {
			t.marked = drawn
			p.send(c, wire.Mark, wire.MarkPayload{Session: t.id, Delivered: drawn})
		}
	}
}

func (p *someone) actVisitor(c *link.Client) {
	t := p.talks[p.at]
	over := t == nil || t.row.State == relay.Ended
	switch {
	case p.sim.quiet.Load():
	case over:
		p.at = p.sim.newID()
		p.talks[p.at] = newChat(p.at, p.me)
		p.open(c)
	case t.row.State == "":
	case t.row.State == relay.Active && p.rng.IntN(80) == 0, t.last.seq > longTalk:
		p.end(c, t.id)
	default:
		p.say(c, t)
	}
}

func (p *someone) actAgent(c *link.Client) {
	for i, when := range p.when {
		if time.Now().After(when) {
			p.answer(c, p.late[i])
			p.late, p.when = slices.Delete(p.late, i, i+1), slices.Delete(p.when, i, i+1)
			break
		}
	}
	if len(p.mine) == 0 || p.sim.quiet.Load() {
		return
	}
	all := slices.SortedFunc(maps.Keys(p.mine), func(a, b relay.ID) int { return strings.Compare(a.String(), b.String()) })
	t := p.talks[all[p.rng.IntN(len(all))]]
	switch {
	case t == nil || t.row.State != relay.Active:
	case p.rng.IntN(100) == 0:
		p.end(c, t.id)
	default:
		p.say(c, t)
	}
}

func (p *someone) say(c *link.Client, t *chat) {
	if len(t.pending()) >= maxUnstored {
		return
	}
	p.said++
	id := fmt.Sprint(p.me.Name, "-", p.said)
	text := id + strings.Repeat(" word", p.rng.IntN(20))
	p.sim.note(func(o *oracle) { o.said[id] = text })
	if !p.visitor() {
		p.sim.book(func(_ *ledger, now int64) { p.spoke[id] = now })
	}
	p.put(c, t, t.say(id, text))
}

// hear takes a frame; false: the link is of no more use.
func (p *someone) hear(c *link.Client, f wire.Frame) bool {
	if f.Kind.Lane() == relay.Control && p.sim.log.Enabled(context.Background(), slog.LevelDebug) {
		p.sim.log.Debug("heard", "who", p.me.Name, "kind", f.Kind.String(), "payload", string(f.Payload))
	}
	switch f.Kind {
	case wire.GoAway:
		return false
	case wire.Session:
		with(f, func(row relay.Session) { p.session(c, row) })
	case wire.Message:
		with(f, func(m relay.Message) {
			p.sim.placed(m, p.me)
			p.in(m.Session, func(t *chat) { t.place(m) })
		})
	case wire.Sent:
		with(f, func(s wire.SentPayload) {
			p.sim.placed(relay.Message{Session: s.Session, Epoch: s.Epoch, Seq: s.Seq, ID: s.ID, Author: p.me, Kind: relay.KindText}, p.me)
			p.in(s.Session, func(t *chat) { t.sent(s) })
		})
	case wire.Stored:
		with(f, func(s wire.StoredPayload) { p.in(s.Session, func(t *chat) { t.storedTo(s.Epoch, s.Seq) }) })
	case wire.Offer:
		with(f, func(o wire.OfferPayload) { p.offered(c, o) })
	case wire.OfferEnd:
		with(f, p.sawOver)
	case wire.OK:
		with(f, func(ok wire.OKPayload) { p.answered(ok.Ref, "") })
	case wire.Error:
		with(f, p.failed)
	}
	return true
}

// with decodes a frame for f.
func with[P any](f wire.Frame, take func(P)) {
	var v P
	if wire.Decode(f, &v) == nil {
		take(v)
	}
}

// talk returns a conversation; a message may overtake its session.
func (p *someone) talk(id relay.ID) *chat {
	t := p.talks[id]
	if t == nil {
		t = newChat(id, p.me)
		p.talks[id] = t
	}
	return t
}

// in changes a conversation and notes what is known to be stored now.
func (p *someone) in(id relay.ID, change func(*chat)) {
	t := p.talk(id)
	change(t)
	for _, key := range t.said {
		if e := t.entries[key]; e.stored {
			p.sim.note(func(o *oracle) { o.heard[e.message.ID] = place{id, e.message.Epoch, e.message.Seq} })
			p.stored(id, e.message.ID)
		}
	}
	t.pending()
}

func (p *someone) session(c *link.Client, row relay.Session) {
	p.saw(row)
	if p.visitor() {
		if row.ID != p.at && row.State != relay.Ended { // there was one already
			p.at = row.ID
		}
		if row.ID != p.at {
			return
		}
	} else if row.Agent != p.me.ID || row.State != relay.Active {
		delete(p.mine, row.ID)
	} else {
		p.mine[row.ID] = true
	}
	t := p.talk(row.ID)
	before := t.row.State
	p.in(row.ID, func(t *chat) { t.session(row) })
	if before == "" || before != row.State && row.State == relay.Active {
		p.sayAgain(c, t)
	}
}

// lateOnce is how many offers an agent answers late one of.
func lateOnce() int {
	if os.Getenv(hesitantEnv) != "" {
		return 2
	}
	return 10
}

// offered answers an offer: soon, late, or twice, and at times the one before.
func (p *someone) offered(c *link.Client, o wire.OfferPayload) {
	p.sawOffer(o)
	a := wire.AnswerPayload{Session: o.Session.ID, Assignment: o.Assignment, Accept: p.rng.IntN(10) > 0}
	if before := p.shown[a.Session]; before != 0 && before != a.Assignment && p.rng.IntN(2) == 0 {
		p.answer(c, wire.AnswerPayload{Session: a.Session, Assignment: before, Accept: true})
	}
	p.shown[a.Session] = max(p.shown[a.Session], a.Assignment)
	if p.rng.IntN(lateOnce()) == 0 {
		p.late, p.when = append(p.late, a), append(p.when, time.Now().Add(time.Duration(p.rng.IntN(40))*time.Second))
		return
	}
	p.answer(c, a)
	if p.rng.IntN(10) == 0 {
		p.answer(c, a)
	}
}

func (p *someone) failed(e wire.ErrorPayload) {
	p.answered(e.Ref, e.Code)
	if e.ID != "" {
		p.in(e.Session, func(t *chat) { t.failed(e) })
		return
	}
	id, ok := p.asked[e.Ref]
	if ok && p.visitor() && (e.Code == relay.CodeGone || e.Code == relay.CodeNotFound) {
		p.sim.dismissed(id, e) // a widget closes the conversation
	}
}
