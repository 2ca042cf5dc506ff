package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// A patron gives a link up when a message is not acknowledged within
// patience, or patienceTrips round trips if that is longer.
const (
	patience      = 300 * time.Millisecond
	patienceTrips = 4
	look          = 20 * time.Millisecond // how often it looks
	attempt       = 2 * time.Second       // to connect
)

// patron is a client that behaves as the browser's does: when its link ends or
// falls silent it connects to the next node at once and says again what is not
// stored.
type patron struct {
	role      relay.Role
	agent     string   // an agent's sign-in name
	console   *console // theirs, of home; a visitor has none
	ring      []*node  // [0] is home, the others in the order in which it tries them
	transport string   // wt or ws
	pace      atomic.Int64
	kick      chan struct{} // of one: speak now, at the new pace

	mu     sync.Mutex // guards what follows
	client *link.Client
	at     int  // of ring
	ashore bool // go home
	side   *side
	token  string        // of the last welcome: a visitor's token, an agent's pass
	trip   time.Duration // smoothed time to an acknowledgement
	left   time.Time     // when it last gave a link up
	came   time.Time     // when it was last welcomed
	leave  time.Time     // when it is to connect elsewhere; zero: it is not
	repeat time.Time     // when it says again what a node would not take; zero: nothing
}

// run is connected, somewhere, until ctx is done.
func (p *patron) run(ctx context.Context) {
	for ctx.Err() == nil {
		c, err := p.connect(ctx)
		if err == nil {
			_ = p.serve(ctx, c) // whatever it is, the next node follows
			p.away()
			c.Close()
		}
		p.mu.Lock()
		if p.ashore || p.token == "" { // who was never welcomed knows of no other node
			p.ashore, p.at = false, 0
		} else {
			p.at = (p.at + 1) % len(p.ring)
		}
		p.mu.Unlock()
		if err != nil {
			_ = sleepUntil(ctx, time.Now().Add(look)) // run looks at ctx
		}
	}
}

// home has the patron connect to its own node again.
func (p *patron) home() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ashore = p.at != 0
}

// reload has the patron connect to its own node again even if it is there.
func (p *patron) reload() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ashore = true
}

// isHome reports whether the patron is connected to its own node.
func (p *patron) isHome() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at == 0 && p.client != nil && !p.ashore
}

// connect connects to the node whose turn it is. As the console does, an agent
// shows a ticket at home and at other nodes the pass of the last welcome.
func (p *patron) connect(ctx context.Context) (*link.Client, error) {
	p.mu.Lock()
	to := p.ring[p.at]
	hello := wire.HelloPayload{Version: wire.Version, Role: p.role, Token: p.token}
	if p.role == relay.RoleVisitor {
		hello.Site, hello.Tab = benchSite, "t1"
	}
	if p.side != nil {
		hello.Resume = []wire.Resume{p.side.resume()}
	}
	p.mu.Unlock()
	var err error
	if p.role == relay.RoleAgent && to == p.ring[0] {
		hello.Token = ""
		if hello.Ticket, err = p.console.ticket(ctx); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	if p.transport == "ws" {
		return to.dialer.WebSocket(ctx, to.webSocket(), hello)
	}
	return to.dialer.WebTransport(ctx, "https://"+to.address+"/kohe/wt", hello)
}

// serve reads a link until it is time for another one.
func (p *patron) serve(ctx context.Context, c *link.Client) error {
	if err := p.arrive(c); err != nil {
		return err
	}
	for {
		wait, cancel := context.WithTimeout(ctx, look)
		f, err := c.Recv(wait)
		cancel()
		switch {
		case err == nil:
			err = p.take(c, f)
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			err = nil
		}
		if err == nil {
			err = p.over()
		}
		if err != nil {
			return err
		}
	}
}

// arrive is welcomed: what is not stored is said again.
func (p *patron) arrive(c *link.Client) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client, p.came, p.leave = c, time.Now(), time.Time{}
	if t := c.Welcome().Token; t != "" {
		p.token = t
	}
	if p.role == relay.RoleAgent && p.left.IsZero() {
		if _, err := c.Send(wire.State, wire.StatePayload{State: relay.Service, Departments: []string{p.agent}}); err != nil {
			return err
		}
	}
	return p.sayAgain()
}

// sayAgain says what is not stored. mu is held.
func (p *patron) sayAgain() error {
	p.repeat = time.Time{}
	if p.side == nil {
		return nil
	}
	for _, say := range p.side.again() {
		if _, err := p.client.Send(wire.Say, say); err != nil {
			return err
		}
	}
	return nil
}

// away notes that the link is given up.
func (p *patron) away() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.client, p.left = nil, time.Now()
}

// over says why this link is not to be kept, if it is not, and does what is due.
func (p *patron) over() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch now := time.Now(); {
	case p.ashore:
		return errors.New("going home")
	case !p.leave.IsZero() && now.After(p.leave):
		return errors.New("the node drains")
	case p.side != nil && min(p.side.waiting(now), now.Sub(p.client.Heard())) > max(patience, patienceTrips*p.trip):
		return errors.New("the node is silent")
	case !p.repeat.IsZero() && now.After(p.repeat):
		return p.sayAgain()
	}
	return nil
}

// take handles a frame.
func (p *patron) take(c *link.Client, f wire.Frame) error {
	now := time.Now()
	p.mu.Lock()
	s := p.side
	p.mu.Unlock()
	switch f.Kind {
	case wire.GoAway:
		var e wire.ErrorPayload
		if err := wire.Decode(f, &e); err != nil {
			return err
		}
		p.mu.Lock()
		p.leave = now.Add(time.Duration(e.RetryMS) * time.Millisecond)
		p.mu.Unlock()
	case wire.Offer:
		var o wire.OfferPayload
		if err := wire.Decode(f, &o); err != nil {
			return err
		}
		_, err := c.Send(wire.Answer, wire.AnswerPayload{Session: o.Session.ID, Assignment: o.Assignment, Accept: true})
		return err
	case wire.Error:
		var e wire.ErrorPayload
		if err := wire.Decode(f, &e); err == nil && s != nil {
			s.refused(e)
			p.mu.Lock()
			p.repeat = now.Add(max(time.Duration(e.RetryMS)*time.Millisecond, look))
			p.mu.Unlock()
		}
	default:
		if s == nil {
			return nil
		}
		took, err := s.take(f, now)
		if took > 0 {
			p.mu.Lock()
			p.trip += (took - p.trip) / 8 // RFC 6298 §2
			p.mu.Unlock()
		}
		return err
	}
	return nil
}

// speak says one message after another at the patron's pace; 0 is silence.
func (p *patron) speak(ctx context.Context) {
	for ctx.Err() == nil {
		var due <-chan time.Time
		if pace := time.Duration(p.pace.Load()); pace > 0 {
			due = time.After(pace)
		}
		select {
		case <-due:
		case <-p.kick:
			if p.pace.Load() == 0 {
				continue
			}
		case <-ctx.Done():
			return
		}
		p.say()
	}
}

// setPace has the patron speak now and then once in a while.
func (p *patron) setPace(every time.Duration) {
	p.pace.Store(int64(every))
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *patron) say() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.side == nil {
		return
	}
	say := p.side.say(time.Now())
	if p.client != nil {
		_, _ = p.client.Send(wire.Say, say) // said again over the next link
		_, _ = p.client.Send(wire.Ping, wire.PingPayload{T: time.Now().UnixMilli()})
	}
}

// send sends a frame over the present link.
func (p *patron) send(kind wire.Kind, payload any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client == nil {
		return fmt.Errorf("send %s: not connected", kind)
	}
	_, err := p.client.Send(kind, payload)
	return err
}

// join takes a side in a session.
func (p *patron) join(s *side) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.side = s
}

// travel returns when the patron last gave a link up and was last welcomed.
func (p *patron) travel() (left, came time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left, p.came
}
