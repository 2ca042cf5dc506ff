package relay

import "unicode/utf8"

// Limits on what a message may carry.
const (
	MaxText     = 4000 // characters of a message
	MaxName     = 80   // characters of a visitor's name
	MaxClientID = 40   // bytes of an author's own message id
	MaxURL      = 2048 // bytes
	MaxTitle    = 200  // characters
)

// MessageKind says what a message is.
type MessageKind string

// The kinds of message in a transcript.
const (
	KindText    MessageKind = "text"
	KindJoined  MessageKind = "joined"  // an agent accepted
	KindLeft    MessageKind = "left"    // an agent vanished or gave the session back
	KindEnded   MessageKind = "ended"   // Text: visitor, agent or timeout
	KindConsent MessageKind = "consent" // Text: on, recorded (on, and recorded) or off
	KindLevel   MessageKind = "level"   // Text: a Level, and on, off or no
	KindLink    MessageKind = "link"    // an agent sends a page; Text: its address, a space, and what it is called (Link)
	KindAct     MessageKind = "act"     // an agent did something on the visitor's page; Text: what, and to what
)

// Message is one line of a transcript. Its identity is (session, author, ID);
// its place is (Epoch, Seq). Seq starts at 1 and runs on across epochs, so in
// the stored prefix Seq alone names the place.
type Message struct {
	Session ID          `json:"session" cbor:"1,keyasint"`
	Epoch   uint32      `json:"epoch" cbor:"2,keyasint"`
	Seq     uint64      `json:"seq" cbor:"3,keyasint"`
	Author  Author      `json:"author" cbor:"4,keyasint"`
	ID      string      `json:"id" cbor:"5,keyasint"` // the author's own, at most MaxClientID bytes of printable ASCII
	Kind    MessageKind `json:"kind" cbor:"6,keyasint"`
	Text    string      `json:"text,omitempty" cbor:"7,keyasint,omitempty"`
	At      int64       `json:"at" cbor:"8,keyasint"` // ms since 1970 by the origin's clock
	// Stored says, on the wire only, that the message is stored: its place will
	// not change.
	Stored bool `json:"stored,omitempty" cbor:"-"`
}

// Spoken reports whether messages of this kind are said by people.
func (k MessageKind) Spoken() bool { return k == KindText || k == KindLink }

// CheckText says whether text may be a message of kind text.
func CheckText(text string) error {
	switch {
	case text == "":
		return Errorf(CodeInvalid, "The message is empty.")
	case !utf8.ValidString(text):
		return Errorf(CodeInvalid, "The message is not valid UTF-8.")
	case utf8.RuneCountInString(text) > MaxText:
		return Errorf(CodeInvalid, "The message is longer than %d characters. Please send it in parts.", MaxText)
	}
	return nil
}

// CheckClientID says whether id may be an author's message id.
func CheckClientID(id string) error {
	if id == "" || len(id) > MaxClientID {
		return Errorf(CodeInvalid, "A message id has 1 to %d characters.", MaxClientID)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return Errorf(CodeInvalid, "A message id is printable ASCII without spaces.")
		}
	}
	return nil
}

// SessionState is where a session is in its life.
type SessionState string

// The states of a session.
const (
	Waiting SessionState = "waiting" // in the queue, or offered to an agent
	Active  SessionState = "active"  // an agent has accepted
	Ended   SessionState = "ended"
)

// Session is one conversation as a participant may see it. What only agents
// may see is in Facts.
type Session struct {
	ID         ID           `json:"id" cbor:"1,keyasint"`
	Site       string       `json:"site" cbor:"2,keyasint"`
	Department string       `json:"department" cbor:"3,keyasint"`
	State      SessionState `json:"state" cbor:"4,keyasint"`
	Visitor    ID           `json:"visitor" cbor:"5,keyasint"`
	Name       string       `json:"name" cbor:"6,keyasint"` // the visitor's
	Lang       string       `json:"lang,omitempty" cbor:"7,keyasint,omitempty"`
	Agent      string       `json:"agent,omitempty" cbor:"8,keyasint,omitempty"`      // who has it now; visitors get the alias only
	AgentName  string       `json:"agent_name,omitempty" cbor:"9,keyasint,omitempty"` // the alias shown to visitors
	Assignment uint64       `json:"assignment,omitempty" cbor:"10,keyasint,omitempty"`
	Epoch      uint32       `json:"epoch" cbor:"11,keyasint"`
	Stored     uint64       `json:"stored" cbor:"12,keyasint"` // last stored Seq
	Place      int          `json:"place,omitempty" cbor:"-"`  // 1 = next; 0 = not waiting
	OpenedAt   int64        `json:"opened_at" cbor:"13,keyasint"`
	AcceptedAt int64        `json:"accepted_at,omitempty" cbor:"14,keyasint,omitempty"`
	EndedAt    int64        `json:"ended_at,omitempty" cbor:"15,keyasint,omitempty"`
	EndedBy    string       `json:"ended_by,omitempty" cbor:"16,keyasint,omitempty"` // visitor, agent or timeout
	Consent    bool         `json:"consent" cbor:"17,keyasint"`
	AwaySince  int64        `json:"away_since,omitempty" cbor:"18,keyasint,omitempty"` // the visitor has no connection since
	Visited    Marks        `json:"visitor_marks" cbor:"19,keyasint"`
	Agented    Marks        `json:"agent_marks" cbor:"20,keyasint"`
	URL        string       `json:"url,omitempty" cbor:"21,keyasint,omitempty"` // the page the visitor is on
	Title      string       `json:"title,omitempty" cbor:"22,keyasint,omitempty"`
	Facts      *Facts       `json:"facts,omitempty" cbor:"23,keyasint,omitempty"`    // agents only
	Version    uint64       `json:"version" cbor:"24,keyasint"`                      // Raft index of its last change: a lower one is older news
	Declined   bool         `json:"declined,omitempty" cbor:"25,keyasint,omitempty"` // the visitor's last word on consent was no
	Granted    []Level      `json:"granted,omitempty" cbor:"26,keyasint,omitempty"`  // what the agent may do on the page
	Refused    []Level      `json:"refused,omitempty" cbor:"27,keyasint,omitempty"`  // what is not to be asked for again
	Record     bool         `json:"record,omitempty" cbor:"28,keyasint,omitempty"`   // the visitor lets the page be recorded
	Recorded   bool         `json:"recorded,omitempty" cbor:"29,keyasint,omitempty"` // there is a recording, or was until its time was over
}

// Marks are a participant's watermarks within the stored prefix: everything up
// to and including the Seq was drawn, or read.
type Marks struct {
	Delivered uint64 `json:"delivered" cbor:"1,keyasint"`
	Read      uint64 `json:"read" cbor:"2,keyasint"`
}

// Facts is what an agent sees about a visitor. It comes from the visitor's
// browser and is only ever shown as text.
type Facts struct {
	Visits    int        `json:"visits" cbor:"1,keyasint"`
	FirstSeen int64      `json:"first_seen" cbor:"2,keyasint"`
	Referrer  string     `json:"referrer,omitempty" cbor:"3,keyasint,omitempty"`
	UserAgent string     `json:"user_agent,omitempty" cbor:"4,keyasint,omitempty"`
	Screen    string     `json:"screen,omitempty" cbor:"5,keyasint,omitempty"` // "390x844"
	TimeZone  string     `json:"time_zone,omitempty" cbor:"6,keyasint,omitempty"`
	Pages     []PageView `json:"pages,omitempty" cbor:"7,keyasint,omitempty"` // newest last, at most MaxPages
}

// MaxPages is how many page views of a visit are kept.
const MaxPages = 50

// PageView is one page that a visitor looked at.
type PageView struct {
	URL   string `json:"url" cbor:"1,keyasint"`
	Title string `json:"title,omitempty" cbor:"2,keyasint,omitempty"`
	At    int64  `json:"at" cbor:"3,keyasint"`
}

// AgentState is what an agent is there for.
type AgentState string

// The agent states (PRODUCT A1).
const (
	Service   AgentState = "service"   // takes everything
	Paperwork AgentState = "paperwork" // colleagues only
	Break     AgentState = "break"     // nothing
	SignedOut AgentState = "out"
)

// DefaultCapacity is how many sessions an agent takes at once.
const DefaultCapacity = 4

// Queue is a department's queue as its agents see it.
type Queue struct {
	Department string `json:"department"`
	Name       string `json:"name"`
	Waiting    int    `json:"waiting"`
	OldestAt   int64  `json:"oldest_at,omitempty"` // when the longest waiting session opened
	Free       int    `json:"free"`                // free places over all agents in service
	Agents     int    `json:"agents"`              // agents in service who can be reached
}

// ButtonState is what a site's button tells the truth about (PRODUCT V2).
type ButtonState string

// The button states.
const (
	ButtonOpen   ButtonState = "open"   // someone can take you now
	ButtonBusy   ButtonState = "busy"   // all are busy; there is a queue
	ButtonClosed ButtonState = "closed" // nobody is there; leave a message
)
