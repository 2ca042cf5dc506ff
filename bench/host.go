package bench

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"kohe/edge/api"
	"kohe/edge/link"
	"kohe/relay"
	"kohe/relay/wire"
)

// host is a node under test and how to reach it.
type host struct {
	process   *Process
	transport string
	dialer    link.Dialer

	mu       sync.Mutex // guards what follows
	accepted map[relay.ID]chan *member
}

// seed makes the site and the agents.
func (h *host) seed(ctx context.Context, agents int) error {
	site := api.LocalSite{ID: benchSite, Origins: []string{benchOrigin}, Departments: []string{"help"}}
	if err := h.process.call(ctx, http.MethodPost, "/sites", site, &site); err != nil {
		return err
	}
	for i := range agents {
		a := api.LocalAgent{ID: agentName(i), Role: relay.RoleAgent, Capacity: 1}
		if err := h.process.call(ctx, http.MethodPost, "/agents", a, &a); err != nil {
			return err
		}
	}
	return nil
}

func agentName(i int) string { return fmt.Sprintf("agent%d", i) }

// member is one end of a session over a link.
type member struct {
	client  *link.Client
	session relay.ID
	stop    context.CancelFunc
	done    chan struct{} // closed when its reader has ended
}

func (m *member) say(n int, text string) error {
	_, err := m.client.Send(wire.Say, wire.SayPayload{Session: m.session, ID: strconv.Itoa(n), Text: text})
	return err
}

func (m *member) close() {
	m.stop()
	m.client.Close()
	<-m.done
}

// idleLink is a connection that is only held.
type idleLink struct{ *link.Client }

func (l idleLink) close() { l.Client.Close() }

// dial connects over the host's transport, a quiet visitor over WebSocket.
func (h *host) dial(ctx context.Context, hello wire.HelloPayload) (closer, error) {
	c, err := h.connect(ctx, hello)
	if err != nil {
		return nil, err
	}
	return idleLink{c}, nil
}

func (h *host) connect(ctx context.Context, hello wire.HelloPayload) (*link.Client, error) {
	address := strings.Replace(h.process.Base, "http:", "ws:", 1) + "/kohe/ws"
	if h.transport == "ws" || hello.Quiet {
		return h.dialer.WebSocket(ctx, address, hello)
	}
	if len(h.dialer.Hashes) == 0 {
		return nil, fmt.Errorf("the node's certificate is not known")
	}
	return h.dialer.WebTransport(ctx, strings.Replace(h.process.Base, "http:", "https:", 1)+"/kohe/wt", hello)
}

// learn asks the node for the hashes of its certificate, as a page does.
func (h *host) learn(ctx context.Context) error {
	c, err := h.dial(ctx, wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: benchSite, Quiet: true})
	if err != nil {
		return err
	}
	defer c.close()
	h.dialer.Hashes = c.(idleLink).Welcome().Hashes
	return nil
}

// staff signs the agents in; each accepts what it is offered.
func (h *host) staff(ctx context.Context, agents int) error {
	h.accepted = make(map[relay.ID]chan *member)
	_, err := connectMany(ctx, agents, func(ctx context.Context, i int) (closer, error) {
		t := api.LocalTicket{Agent: agentName(i)}
		if err := h.process.call(ctx, http.MethodPost, "/ticket", t, &t); err != nil {
			return nil, err
		}
		c, err := h.connect(ctx, wire.HelloPayload{Version: wire.Version, Role: relay.RoleAgent, Ticket: t.Ticket})
		if err != nil {
			return nil, err
		}
		if _, err := c.Send(wire.State, wire.StatePayload{State: relay.Service, Departments: []string{"help"}}); err != nil {
			return nil, err
		}
		return nil, h.await(ctx, c)
	})
	return err
}

// await accepts the agent's one offer in the background and hands the link to
// whoever opened that session.
func (h *host) await(ctx context.Context, c *link.Client) error {
	for {
		f, err := c.Recv(ctx)
		if err != nil {
			return err
		}
		if f.Kind == wire.OK {
			break
		}
	}
	go func() { // ends with the link, which its pair closes
		for {
			f, err := c.Recv(context.Background())
			if err != nil {
				return
			}
			var o wire.OfferPayload
			if f.Kind != wire.Offer || wire.Decode(f, &o) != nil {
				continue
			}
			if _, err := c.Send(wire.Answer, wire.AnswerPayload{Session: o.Session.ID, Assignment: o.Assignment, Accept: true}); err != nil {
				return
			}
			h.waiting(o.Session.ID) <- &member{client: c, session: o.Session.ID}
			return
		}
	}()
	return nil
}

func (h *host) waiting(id relay.ID) chan *member {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.accepted[id] == nil {
		h.accepted[id] = make(chan *member, 1)
	}
	return h.accepted[id]
}

// pair opens a session and waits until it is accepted and both ends know it.
func (h *host) pair(ctx context.Context, i int, t *tally) (person, person, error) {
	c, err := h.connect(ctx, wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: benchSite})
	if err != nil {
		return nil, nil, err
	}
	id := relay.NewID()
	if _, err := c.Send(wire.Open, wire.OpenPayload{Session: id, Name: fmt.Sprintf("Visitor %d", i)}); err != nil {
		return nil, nil, err
	}
	visitor := &member{client: c, session: id}
	var agent *member
	select {
	case agent = <-h.waiting(id):
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("pair %d: nobody accepted: %w", i, ctx.Err())
	}
	for side, m := range []*member{visitor, agent} {
		ready := make(chan error, 1)
		m.listen(t.side(i, side), ready)
		select {
		case err = <-ready:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("pair %d: %w", i, err)
		}
	}
	return visitor, agent, nil
}

// listen reads the link until it is closed; ready hears once that the session
// is active.
func (m *member) listen(ear *ear, ready chan<- error) {
	ctx, stop := context.WithCancel(context.Background())
	m.stop, m.done = stop, make(chan struct{})
	go func() {
		defer close(m.done)
		active := false
		for {
			f, err := m.client.Recv(ctx)
			if err != nil {
				if !active {
					ready <- err
				}
				return
			}
			if s := (relay.Session{}); !active && f.Kind == wire.Session && wire.Decode(f, &s) == nil && s.State == relay.Active {
				active = true
				ready <- nil
			}
			ear.hear(f)
		}
	}()
}
