package wire

import (
	"fmt"

	"kohe/relay"
)

// Kind says what a frame is. Numbers are never reused.
type Kind uint8

// The kinds. C is the client, E the edge.
const (
	// Connection.
	Hello   Kind = 0x01 // C→E first frame of the control lane
	Welcome Kind = 0x02 // E→C its answer
	Attach  Kind = 0x03 // C→E first frame of the page lane
	Ping    Kind = 0x04 // both
	Pong    Kind = 0x05 // both
	Error   Kind = 0x06 // E→C
	GoAway  Kind = 0x07 // E→C the node is leaving: connect elsewhere
	OK      Kind = 0x08 // E→C a request was done

	// Session, both roles.
	Session Kind = 0x11 // E→C the whole state of one session
	Say     Kind = 0x12 // C→E a message to be numbered
	Message Kind = 0x13 // E→C a numbered message
	Sent    Kind = 0x14 // E→C to the author: your message has this number
	Stored  Kind = 0x15 // E→C everything up to here is stored
	Mark    Kind = 0x16 // both: watermarks of a participant
	Typing  Kind = 0x17 // both
	End     Kind = 0x18 // C→E

	// Visitor.
	Open    Kind = 0x20 // C→E ask for an agent
	Consent Kind = 0x21 // C→E co-browse on or off
	Tab     Kind = 0x22 // C→E this tab: page, visibility, focus
	Mirror  Kind = 0x23 // E→C which tab is mirrored, and whether to capture
	Button  Kind = 0x24 // E→C what the button says
	Card    Kind = 0x25 // C→E the offline form
	Grant   Kind = 0x26 // C→E what the agent may do on the page
	Acted   Kind = 0x27 // both: what became of an Act

	Presence   Kind = 0x28 // C→E this tab: where it is, for the list of visitors
	Invitation Kind = 0x29 // both: an agent invites to a chat, and the answer

	// Agent.
	State    Kind = 0x30 // C→E my state and departments
	Desk     Kind = 0x31 // E→C my state, capacity and queues
	Offer    Kind = 0x32 // E→C a session offered to me
	OfferEnd Kind = 0x33 // E→C the offer is over
	Answer   Kind = 0x34 // C→E accept or decline
	Watch    Kind = 0x35 // C→E page of this session on or off
	Block    Kind = 0x36 // C→E block a visitor
	Ask      Kind = 0x37 // both: an agent asks the visitor for a level
	Act      Kind = 0x38 // both: an agent does something on the visitor's page
	Draw     Kind = 0x39 // both: a drawing on the visitor's page, or none any more
	Faults   Kind = 0x3a // both: what went wrong on the visitor's page
	View     Kind = 0x3b // C→E a site's visitors on or off
	Visits   Kind = 0x3c // E→C what changed among them
	Invite   Kind = 0x3d // C→E invite one of them

	// Page lane.
	PageDiff Kind = 0x80 // both: session id, one page message (dom/FORMAT.md)

	// Cursor lane.
	Pointer Kind = 0x90 // both: session id, one pointer record (dom/FORMAT.md)
	Hand    Kind = 0x91 // both: session id, where an agent points (PROTOCOL.md)
)

var kinds = map[Kind]string{
	Hello: "hello", Welcome: "welcome", Attach: "attach", Ping: "ping", Pong: "pong", Error: "error",
	GoAway: "goaway", OK: "ok",
	Session: "session", Say: "say", Message: "message", Sent: "sent", Stored: "stored", Mark: "mark",
	Typing: "typing", End: "end",
	Open: "open", Consent: "consent", Tab: "tab", Mirror: "mirror", Button: "button", Card: "card", Grant: "grant", Acted: "acted",
	State: "state", Desk: "desk", Offer: "offer", OfferEnd: "offer_end", Answer: "answer", Watch: "watch", Block: "block",
	Ask: "ask", Act: "act", Draw: "draw", Faults: "faults",
	Presence: "presence", Invitation: "invitation", View: "view", Visits: "visits", Invite: "invite",
	PageDiff: "page_diff", Pointer: "pointer", Hand: "hand",
}

// Known reports whether the kind is one of this version's.
func (k Kind) Known() bool { _, ok := kinds[k]; return ok }

func (k Kind) String() string {
	if s, ok := kinds[k]; ok {
		return s
	}
	return fmt.Sprintf("kind 0x%02x", uint8(k))
}

// Lane returns the lane that frames of this kind travel on.
func (k Kind) Lane() relay.Lane {
	switch {
	case k == Attach, k == PageDiff:
		return relay.Page
	case k == Pointer, k == Hand:
		return relay.Cursor
	}
	return relay.Control
}

// Class returns what happens to frames of this kind when their reader is slow.
func (k Kind) Class() relay.Class {
	switch k {
	case PageDiff:
		return relay.ClassPage
	case Pointer, Hand, Typing:
		return relay.ClassCursor
	case Session, Message, Sent, Stored, Mark, Offer, OfferEnd, Desk, Mirror, Draw, Visits, OK:
		return relay.ClassChat
	}
	return relay.ClassControl
}

// Doubled reports whether frames of this kind are sent twice where datagrams
// exist: at once in a datagram and a little later on the stream. Such frames
// are idempotent and may overtake others.
func (k Kind) Doubled() bool { return k == Say || k == Message || k == Typing }

// Patient reports whether frames of this kind may wait a few ms for others to
// go with on the stream: ticks, which nobody waits for.
func (k Kind) Patient() bool { return k == Sent || k == Stored || k == Mark }

// Before reports whether the kind may come before authentication.
func (k Kind) Before() bool { return k == Hello || k == Attach }
