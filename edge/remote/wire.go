package remote

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"kohe/edge/auth"
	"kohe/raft/state"
	"kohe/relay"
)

// Bounds of what is said on a stream.
const (
	maxRequest  = state.MaxCommand + 1024 // bytes
	maxReply    = 16 << 20                // bytes
	maxHeld     = 200_000                 // grants that one edge holds at one core node
	maxAsking   = 1024                    // requests of one edge that wait for the cell
	maxQueued   = 1 << 17                 // frames that wait to be written
	maxMessages = state.MaxPage           // in one answer
	maxRecalls  = 16                      // sessions that a visitor's browser remembers
)

// A request is from the edge; one of the pointers is set.
type request struct {
	ID       uint64    `cbor:"1,keyasint"`
	Hold     *hold     `cbor:"2,keyasint,omitempty"`
	Show     *show     `cbor:"3,keyasint,omitempty"`
	Leave    uint64    `cbor:"4,keyasint,omitempty"` // a showing
	Carry    *carry    `cbor:"5,keyasint,omitempty"`
	Propose  []byte    `cbor:"6,keyasint,omitempty"`
	Messages *messages `cbor:"7,keyasint,omitempty"`
	Look     *look     `cbor:"8,keyasint,omitempty"`
}

type (
	// hold shows what the edge was given by another stream. It is the first
	// request on each.
	hold struct {
		Held []held `cbor:"1,keyasint"`
	}
	// held is a grant that the edge was given when it showed somebody.
	held struct {
		Showing uint64 `cbor:"1,keyasint"` // number of the request
		Grant   string `cbor:"2,keyasint"`
	}
	// show says who has connected. The number of the request is the showing.
	show struct {
		Role    relay.Role `cbor:"1,keyasint"` // visitor or agent; "": a guest
		Site    string     `cbor:"2,keyasint,omitempty"`
		Token   string     `cbor:"3,keyasint,omitempty"` // a visitor's token, an agent's pass, a guest's grant
		Ticket  string     `cbor:"4,keyasint,omitempty"`
		From    string     `cbor:"5,keyasint,omitempty"` // the guest's node
		Recalls []relay.ID `cbor:"6,keyasint,omitempty"` // sessions that the visitor remembers
	}
	// carry asks for the grant to carry somebody's link to another node.
	carry struct {
		Showing uint64   `cbor:"1,keyasint"`
		Session relay.ID `cbor:"2,keyasint"`
		To      string   `cbor:"3,keyasint"`
		Site    string   `cbor:"4,keyasint,omitempty"` // in place of a session: to look at that site's visitors there
	}
	// look asks whether another node may look at the visitors of this one.
	look struct {
		From  string `cbor:"1,keyasint"`
		Token string `cbor:"2,keyasint"`
	}
	// messages asks for a piece of a transcript.
	messages struct {
		Session relay.ID `cbor:"1,keyasint"`
		After   uint64   `cbor:"2,keyasint"`
		Limit   int      `cbor:"3,keyasint"`
	}
)

// A reply is from the core node: an answer, news, or both, the news first.
type reply struct {
	ID       uint64          `cbor:"1,keyasint,omitempty"` // of the request; 0: news only
	Result   []byte          `cbor:"2,keyasint,omitempty"` // state.EncodeResult
	Admitted *admitted       `cbor:"3,keyasint,omitempty"`
	Carry    string          `cbor:"4,keyasint,omitempty"`
	Messages []relay.Message `cbor:"5,keyasint,omitempty"`
	Refused  []uint64        `cbor:"6,keyasint,omitempty"` // of hold: showings that are void now
	News     *news           `cbor:"7,keyasint,omitempty"`
}

type admitted struct {
	Grant auth.Grant `cbor:"1,keyasint"`
	Held  string     `cbor:"2,keyasint"` // what to begin the next stream with
	Token string     `cbor:"3,keyasint,omitempty"`
}

// news are rows as they are now, and what changed.
type news struct {
	Anew        bool               `cbor:"1,keyasint,omitempty"` // all former rows are void
	Sites       []state.Site       `cbor:"2,keyasint,omitempty"`
	Departments []state.Department `cbor:"3,keyasint,omitempty"`
	Queues      []relay.Queue      `cbor:"4,keyasint,omitempty"`
	Nodes       []state.Node       `cbor:"5,keyasint,omitempty"` // all, if any
	Agents      []state.Agent      `cbor:"6,keyasint,omitempty"` // without passwords
	Desks       []state.AgentDesk  `cbor:"7,keyasint,omitempty"`
	Offers      map[string][]offer `cbor:"8,keyasint,omitempty"` // all of those agents
	Visitors    []visitor          `cbor:"9,keyasint,omitempty"`
	Sessions    []session          `cbor:"10,keyasint,omitempty"`
	Places      map[relay.ID]int   `cbor:"11,keyasint,omitempty"`
	Changes     []state.Change     `cbor:"12,keyasint,omitempty"`
	Index       uint64             `cbor:"13,keyasint,omitempty"`
}

type offer = state.Offer

// visitor is a visitor's row; without one they are new.
type visitor struct {
	Site string        `cbor:"1,keyasint"`
	Row  state.Visitor `cbor:"2,keyasint"`
}

// session is a session's row and what is told apart from it.
type session struct {
	Row    relay.Session `cbor:"1,keyasint"`
	Origin string        `cbor:"2,keyasint,omitempty"` // "" once it has ended
	Place  int           `cbor:"3,keyasint,omitempty"`
}

var (
	encoder = must(cbor.CoreDetEncOptions().EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxArrayElements: maxHeld, MaxMapPairs: maxHeld, MaxNestedLevels: 12,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// readFrame reads four bytes of length, big-endian, and that much CBOR.
func readFrame(r io.Reader, most int, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > uint32(most) {
		return relay.Errorf(relay.CodeTooLarge, "A frame of %d bytes between nodes; at most %d.", n, most)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	if err := decoder.Unmarshal(body, v); err != nil {
		return &relay.Error{Code: relay.CodeMalformed, Text: "A frame between nodes cannot be read.", Err: err}
	}
	return nil
}

// outbox holds frames until its one writer has written them.
type outbox struct {
	wake chan struct{} // of one

	mu    sync.Mutex // guards queue
	queue []any
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put queues a frame; false says that too many wait.
func (o *outbox) put(v any) bool {
	o.mu.Lock()
	full := len(o.queue) >= maxQueued
	if !full {
		o.queue = append(o.queue, v)
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return !full
}

// run writes what is put until done.
func (o *outbox) run(w io.Writer, done <-chan struct{}) error {
	for {
		select {
		case <-o.wake:
		case <-done:
			return nil
		}
		o.mu.Lock()
		queue := o.queue
		o.queue = nil
		o.mu.Unlock()
		var b []byte
		for _, v := range queue {
			body, err := encoder.Marshal(v)
			if err != nil {
				return fmt.Errorf("encode a frame between nodes: %w", err)
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
			b = append(b, body...)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
}

// Stream is the one stream between an edge and a core node.
type Stream interface {
	io.Reader
	io.Writer
	Reset() // ends both directions
}
