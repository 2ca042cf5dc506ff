package auth

import (
	"crypto/rand"
	"sync"
	"time"

	"kohe/relay"
)

// Bounds of tickets.
const (
	TicketFor  = 30 * time.Second
	maxTickets = 100_000 // outstanding on one node
)

// Tickets are single-use passes from a console's HTTP sign-in to its first
// control frame: browsers send no cookie over WebTransport.
type Tickets struct {
	mu  sync.Mutex
	out map[string]ticket // guarded by mu
}

type ticket struct {
	session ConsoleSession
	until   time.Time
}

// Issue returns a new ticket for a console session.
func (t *Tickets) Issue(s ConsoleSession, now time.Time) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == nil {
		t.out = make(map[string]ticket)
	}
	if len(t.out) >= maxTickets {
		t.sweep(now)
	}
	if len(t.out) >= maxTickets {
		return "", &relay.Error{Code: relay.CodeBusy, Text: "Too many sign-ins at once. Please try again in a moment.", Retry: TicketFor}
	}
	text := rand.Text()
	t.out[text] = ticket{session: s, until: now.Add(TicketFor)}
	return text, nil
}

// Redeem spends a ticket. A second use, or one too late, is CodeAuth.
func (t *Tickets) Redeem(text string, now time.Time) (ConsoleSession, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.out[text]
	delete(t.out, text)
	if !ok || now.After(k.until) {
		return ConsoleSession{}, errToken
	}
	return k.session, nil
}

func (t *Tickets) sweep(now time.Time) {
	for text, k := range t.out {
		if now.After(k.until) {
			delete(t.out, text)
		}
	}
}
