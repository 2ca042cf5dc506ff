package edge

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/hub"
	"kohe/relay/wire"
)

// deskEvery is how often desks and buttons are told the news at most: quick
// enough for "within a second" (PRODUCT V2), and a busy desk costs one frame.
const deskEvery = 100 * time.Millisecond

// desk keeps every console's desk and every site's button true. Changes mark
// what they touch; its one goroutine tells the rest.
type desk struct {
	edge *Edge
	wake chan struct{} // of one: wake-ups are coalesced

	mu     sync.Mutex // guards what follows
	agents map[string]bool
	queues map[string]bool
	sites  map[string]bool
	told   map[string]wire.ButtonPayload // by site
}

func newDesk(e *Edge) *desk {
	return &desk{edge: e, wake: make(chan struct{}, 1), agents: make(map[string]bool), queues: make(map[string]bool),
		sites: make(map[string]bool), told: make(map[string]wire.ButtonPayload)}
}

func (d *desk) touchAgent(id string) { d.touch(d.agents, id) }
func (d *desk) touchQueue(id string) { d.touch(d.queues, id) }
func (d *desk) touchSite(id string)  { d.touch(d.sites, id) }

func (d *desk) touch(set map[string]bool, id string) {
	d.mu.Lock()
	set[id] = true
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *desk) run(ctx context.Context) {
	for {
		select {
		case <-d.wake:
		case <-ctx.Done():
			return
		}
		d.tell()
		select {
		case <-time.After(deskEvery):
		case <-ctx.Done():
			return
		}
	}
}

// tell brings everyone up to date whom the marked changes concern.
func (d *desk) tell() {
	d.mu.Lock()
	agents, queues, sites := maps.Clone(d.agents), maps.Clone(d.queues), maps.Clone(d.sites)
	clear(d.agents)
	clear(d.queues)
	clear(d.sites)
	d.mu.Unlock()
	for _, id := range d.signedIn() {
		row, ok := d.edge.Store.Agent(id)
		if ok && (agents[id] || slices.ContainsFunc(row.Departments, func(dep string) bool { return queues[dep] })) {
			out := wire.Outgoing{Kind: wire.Desk, Payload: wire.Encode(d.of(id))}
			for _, c := range d.edge.clientsOf(id) {
				c.queue.Push(out)
			}
		}
	}
	for _, site := range d.edge.Store.AllSites() {
		if sites[site.ID] || slices.ContainsFunc(site.Departments, func(dep string) bool { return queues[dep] }) {
			d.tellSite(site)
		}
	}
	if len(queues) > 0 {
		d.tellPlaces(queues)
	}
}

func (d *desk) signedIn() []string {
	d.edge.mu.Lock()
	defer d.edge.mu.Unlock()
	return slices.Collect(maps.Keys(d.edge.agents))
}

// tellSite publishes a site's button if it says something new.
func (d *desk) tellSite(site state.Site) {
	button := d.button(site)
	d.mu.Lock()
	same := d.told[site.ID] == button
	d.told[site.ID] = button
	d.mu.Unlock()
	if !same {
		d.buttonTopic(site.ID).Publish(wire.Outgoing{Kind: wire.Button, Payload: wire.Encode(button)})
	}
}

// tellPlaces tells waiting visitors here their new place in the queue.
func (d *desk) tellPlaces(queues map[string]bool) {
	d.edge.mu.Lock()
	lives := slices.Collect(maps.Values(d.edge.lives))
	d.edge.mu.Unlock()
	for _, l := range lives {
		if l.isReady() {
			l.tellPlace(queues)
		}
	}
}

func (l *live) tellPlace(queues map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.row.State != relay.Waiting || !queues[l.row.Department] {
		return
	}
	view := l.edge.sessionFor(relay.RoleVisitor, l.row)
	if view.Place == l.place {
		return
	}
	l.place = view.Place
	for c := range l.clients {
		if c.who.Role == relay.RoleVisitor {
			c.push(wire.Session, view)
		}
	}
}

func (d *desk) buttonTopic(site string) *hub.Topic { return d.edge.hub.Topic("button/" + site) }

// button returns what a site's button says: the truth about all departments of
// the site together.
func (d *desk) button(site state.Site) wire.ButtonPayload {
	b := wire.ButtonPayload{State: relay.ButtonClosed}
	for _, id := range site.Departments {
		q := d.edge.Store.Queue(id)
		b.Waiting += q.Waiting
		switch {
		case q.Free > 0:
			b.State = relay.ButtonOpen
		case q.Agents > 0 && b.State == relay.ButtonClosed:
			b.State = relay.ButtonBusy
		}
	}
	if b.State != relay.ButtonBusy {
		b.Waiting = 0
	}
	return b
}

// of returns an agent's desk as it is now.
func (d *desk) of(agent string) wire.DeskPayload {
	p := wire.DeskPayload{State: relay.SignedOut, Departments: []string{}, Queues: []relay.Queue{}, Capacity: relay.DefaultCapacity}
	if now, ok := d.edge.Store.Desk(agent); ok {
		p.State, p.Capacity, p.Load = now.State, now.Capacity, now.Load
		p.Missed, p.RestingUntil = now.Missed, now.RestUntil
		p.Departments = append(p.Departments, now.Departments...)
	}
	if row, ok := d.edge.Store.Agent(agent); ok {
		for _, id := range row.Departments {
			p.Queues = append(p.Queues, d.edge.Store.Queue(id))
		}
	}
	return p
}
