package bench

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"kohe/relay"
	"kohe/relay/wire"
)

// tally notes when each message was due, heard and stored.
type tally struct {
	stores bool
	ears   []*ear // two a pair
}

// ear is one side of a pair: what it said, and what it heard.
type ear struct {
	role  relay.Role
	other *ear

	mu     sync.Mutex  // guards what follows
	said   []time.Time // by message number
	heard  []float64   // by the other side's message number: ms from due to heard; 0: not heard
	stored []float64   // by own message number
	places []place     // own messages that are numbered and not known to be stored
}

type place struct {
	n   int
	seq uint64
}

func newTally(s Chat, stores bool) *tally {
	t := &tally{stores: stores, ears: make([]*ear, 2*s.Pairs)}
	count := int(s.Span.Seconds() * float64(s.Rate))
	for i := range t.ears {
		role := relay.RoleVisitor
		if i%2 == 1 {
			role = relay.RoleAgent
		}
		t.ears[i] = &ear{role: role, said: make([]time.Time, count), heard: make([]float64, count), stored: make([]float64, count)}
	}
	for i := range t.ears {
		t.ears[i].other = t.ears[i^1]
	}
	return t
}

func (t *tally) side(pair, side int) *ear { return t.ears[2*pair+side] }

func (t *tally) said(i, n int, due time.Time) {
	e := t.ears[i]
	e.mu.Lock()
	defer e.mu.Unlock()
	e.said[n] = due
}

func (t *tally) sent() int { return len(t.ears) * len(t.ears[0].said) }

// results returns sorted times in ms and how many messages were never heard
// or, where they are to be stored, never stored.
func (t *tally) results() (deliver, stored []float64, lost int) {
	for _, e := range t.ears {
		e.mu.Lock()
		for n := range e.said {
			if e.heard[n] > 0 {
				deliver = append(deliver, e.heard[n])
			} else {
				lost++
			}
			if !t.stores {
				continue
			}
			if e.stored[n] > 0 {
				stored = append(stored, e.stored[n])
			} else {
				lost++
			}
		}
		e.mu.Unlock()
	}
	slices.Sort(deliver)
	slices.Sort(stored)
	return deliver, stored, lost
}

// hear takes a frame of a node.
func (e *ear) hear(f wire.Frame) {
	now := time.Now()
	switch f.Kind {
	case wire.Message:
		var m relay.Message
		if wire.Decode(f, &m) != nil || m.Kind != relay.KindText {
			return
		}
		n, ok := number(m.Text)
		if !ok {
			return
		}
		if m.Author.Role != e.role {
			e.deliver(n, now)
		}
	case wire.Sent:
		var s wire.SentPayload
		if wire.Decode(f, &s) != nil {
			return
		}
		if n, ok := number(s.ID); ok {
			e.mu.Lock()
			e.places = append(e.places, place{n, s.Seq})
			e.mu.Unlock()
		}
	case wire.Stored:
		var s wire.StoredPayload
		if wire.Decode(f, &s) == nil {
			e.store(s.Seq, now)
		}
	}
}

// number reads the message number that a text begins with.
func number(text string) (int, bool) {
	head, _, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(head)
	return n, err == nil
}

// deliver notes that the other side's message n was heard here, once.
func (e *ear) deliver(n int, at time.Time) {
	e.other.mu.Lock()
	due := e.other.said[n]
	e.other.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.heard[n] == 0 {
		e.heard[n] = ms(at.Sub(due))
	}
}

func (e *ear) store(seq uint64, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := e.places[:0]
	for _, p := range e.places {
		if p.seq > seq {
			rest = append(rest, p)
		} else if e.stored[p.n] == 0 {
			e.stored[p.n] = ms(at.Sub(e.said[p.n]))
		}
	}
	e.places = rest
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// baselineClient is one end of a pair at the minimal relay.
type baselineClient struct {
	conn *websocket.Conn
	done chan struct{}
}

func dialBaseline(ctx context.Context, base, pair string, side int, ear *ear) (*baselineClient, error) {
	url := strings.Replace(base, "http:", "ws:", 1) + "/?pair=" + pair + "&side=" + strconv.Itoa(side)
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	c := &baselineClient{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		for {
			_, b, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			if n, ok := number(string(b)); ok && ear != nil {
				ear.deliver(n, time.Now())
			}
		}
	}()
	return c, nil
}

func (c *baselineClient) say(_ int, text string) error {
	return c.conn.Write(context.Background(), websocket.MessageText, []byte(text))
}

func (c *baselineClient) close() {
	_ = c.conn.CloseNow() // the relay is about to be stopped
	<-c.done
}
