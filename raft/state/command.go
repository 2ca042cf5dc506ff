package state

import (
	"fmt"

	"kohe/relay"
)

// Command is one change to the replicated state. Every command is idempotent
// by the identities in it, because an error from Raft does not mean "not
// committed" (DESIGN 8). At is ms since 1970 by the proposer's clock; the
// state's own clock is the largest At it has seen and never runs backwards.
type Command interface{ kind() commandKind }

// What the command set holds. Rows are replaced whole by Put commands.
type (
	// Customer is who the sites, departments and agents belong to.
	Customer struct {
		ID    string `cbor:"1,keyasint"`
		Name  string `cbor:"2,keyasint"`
		Moves uint64 `cbor:"4,keyasint,omitzero"` // number of the last one that was begun; the state's own
	}
	// Site is a web site with the snippet on it.
	Site struct {
		ID          string   `cbor:"1,keyasint"`
		Customer    string   `cbor:"2,keyasint"`
		Name        string   `cbor:"3,keyasint"`
		Origins     []string `cbor:"4,keyasint"` // "https://shop.example", exact
		Departments []string `cbor:"5,keyasint"` // the first is the default
		Color       string   `cbor:"6,keyasint,omitempty"`
		CoBrowse    bool     `cbor:"7,keyasint"`
		Mask        []string `cbor:"8,keyasint,omitempty"`  // selectors (dom/mask), besides data-kohe-mask
		Assets      []string `cbor:"9,keyasint,omitempty"`  // origins that the mirror may load images, sheets and fonts from, besides Origins
		MaskAll     bool     `cbor:"10,keyasint,omitempty"` // all is masked that Unmask and data-kohe-unmask do not show
		Unmask      []string `cbor:"11,keyasint,omitempty"` // selectors
		Canvas      bool     `cbor:"12,keyasint,omitempty"` // agents see what canvases show

		Without []relay.Level `cbor:"13,keyasint,omitempty"` // what no agent may do on the site's pages
		Record  int           `cbor:"16,keyasint,omitempty"` // days that recordings are kept; 0: none are made, and none kept
		Pages   []Page        `cbor:"20,keyasint,omitempty"` // that agents send visitors to
		Links   []string      `cbor:"21,keyasint,omitempty"` // origins that links may lead to, besides Origins

		Visitors bool `cbor:"22,keyasint,omitempty"` // agents see who is on the site's pages

		Images []string `cbor:"23,keyasint,omitempty"` // selectors of images that the visitor's browser sends
	}
	// Page is a page of use to visitors.
	Page struct {
		Title string `cbor:"1,keyasint" json:"title"`
		URL   string `cbor:"2,keyasint" json:"url"`
	}
	// Department is a queue.
	Department struct {
		ID       string `cbor:"1,keyasint"`
		Customer string `cbor:"2,keyasint"`
		Name     string `cbor:"3,keyasint"`
	}
	// Agent may sign in to the console. ID is the sign-in name, lower case.
	Agent struct {
		ID          string     `cbor:"1,keyasint"`
		Customer    string     `cbor:"2,keyasint"`
		Name        string     `cbor:"3,keyasint"` // colleagues see this
		Alias       string     `cbor:"4,keyasint"` // visitors see this
		Role        relay.Role `cbor:"5,keyasint"` // agent or supervisor
		Sites       []string   `cbor:"6,keyasint"`
		Departments []string   `cbor:"7,keyasint"`
		Password    string     `cbor:"8,keyasint"`  // argon2id, encoded
		Capacity    int        `cbor:"9,keyasint"`  // 0: relay.DefaultCapacity
		Generation  uint64     `cbor:"10,keyasint"` // raised by SetPassword and sign-out everywhere; older sign-ins are void
		Disabled    bool       `cbor:"11,keyasint,omitempty"`
		Operator    bool       `cbor:"12,keyasint,omitempty"` // may see and change the cluster's nodes
	}
	// Visitor is a browser that came back.
	Visitor struct {
		ID        relay.ID `cbor:"1,keyasint"`
		Site      string   `cbor:"2,keyasint"`
		Name      string   `cbor:"3,keyasint,omitempty"`
		Lang      string   `cbor:"4,keyasint,omitempty"`
		FirstSeen int64    `cbor:"5,keyasint"`
		LastSeen  int64    `cbor:"6,keyasint"`
		Visits    int      `cbor:"7,keyasint"`
		Blocked   bool     `cbor:"8,keyasint,omitempty"`
	}
	// Card is the record of one contact; for now, of an offline form.
	Card struct {
		ID         string   `cbor:"1,keyasint" json:"id"` // (site, visitor, client's id) make it idempotent
		Site       string   `cbor:"2,keyasint" json:"site"`
		Department string   `cbor:"3,keyasint" json:"department"`
		Visitor    relay.ID `cbor:"4,keyasint" json:"visitor"`
		Name       string   `cbor:"5,keyasint" json:"name"`
		Contact    string   `cbor:"6,keyasint" json:"contact"`
		Text       string   `cbor:"7,keyasint" json:"text"`
		At         int64    `cbor:"8,keyasint" json:"at"`
		Solved     bool     `cbor:"9,keyasint,omitempty" json:"solved"`
	}
)

// The commands.
type (
	// Put stores rows: whichever are not nil.
	Put struct {
		Customer   *Customer   `cbor:"1,keyasint,omitempty"`
		Site       *Site       `cbor:"2,keyasint,omitempty"`
		Department *Department `cbor:"3,keyasint,omitempty"`
		Agent      *Agent      `cbor:"4,keyasint,omitempty"`
		Card       *Card       `cbor:"5,keyasint,omitempty"`
		At         int64       `cbor:"6,keyasint"`
	}
	// StartEdge says that an edge process has started: whoever was connected
	// through its former self is no longer. Version is the node's.
	StartEdge struct {
		Node    string `cbor:"1,keyasint"`
		At      int64  `cbor:"2,keyasint"`
		Version int    `cbor:"3,keyasint,omitempty"`
	}
	// OpenSession opens a session and puts it in its department's queue. The
	// visitor row is made or updated. Node becomes origin with epoch 1.
	// Refused: blocked visitor (forbidden), unknown site or department
	// (not_found), a visitor with a live session (that session is the result).
	OpenSession struct {
		Session    relay.ID    `cbor:"1,keyasint"`
		Site       string      `cbor:"2,keyasint"`
		Department string      `cbor:"3,keyasint"`
		Visitor    relay.ID    `cbor:"4,keyasint"`
		Name       string      `cbor:"5,keyasint"`
		Lang       string      `cbor:"6,keyasint"`
		URL        string      `cbor:"7,keyasint"`
		Title      string      `cbor:"8,keyasint"`
		Facts      relay.Facts `cbor:"9,keyasint"`
		Node       string      `cbor:"10,keyasint"`
		At         int64       `cbor:"11,keyasint"`
	}
	// Claim makes Node the origin and raises the epoch. Refused: the epoch is
	// not Since any more (ErrStale). Result: Claimed.
	Claim struct {
		Session relay.ID `cbor:"1,keyasint"`
		Node    string   `cbor:"2,keyasint"`
		Nonce   relay.ID `cbor:"3,keyasint"` // the same claim twice raises the epoch once
		At      int64    `cbor:"4,keyasint"`
		Since   uint32   `cbor:"5,keyasint,omitempty"` // 0: whatever the epoch is
	}
	// Append stores messages, consecutive by Seq, at most MaxAppend. Refused:
	// another epoch than the current (ErrStale), a new Seq beyond last+1 (Gap),
	// a session that ended more than AppendGrace ago (gone), and one message
	// that cannot be stored (Refused): an identity stored with another body, an
	// agent other than the session's. What is stored already is skipped, so
	// repeating is harmless. Joined, left, ended and consent are messages
	// too: the origin says them on seeing the Change, with author system and an
	// id made of what happened, such as "joined-3" for assignment 3, so that a
	// second origin saying the same again changes nothing. Result: Appended.
	Append struct {
		Session  relay.ID        `cbor:"1,keyasint"`
		Epoch    uint32          `cbor:"2,keyasint"`
		Messages []relay.Message `cbor:"3,keyasint"`
		At       int64           `cbor:"4,keyasint"`
	}
	// SetMarks raises a participant's watermarks; they never fall and never
	// pass the stored prefix.
	SetMarks struct {
		Session relay.ID    `cbor:"1,keyasint"`
		By      relay.Role  `cbor:"2,keyasint"` // visitor, or agent for agents and supervisors
		Marks   relay.Marks `cbor:"3,keyasint"`
		At      int64       `cbor:"4,keyasint"`
	}
	// SetConsent records the visitor's consent to co-browse, and to a recording
	// of it where the site makes any.
	SetConsent struct {
		Session relay.ID `cbor:"1,keyasint"`
		On      bool     `cbor:"2,keyasint"`
		At      int64    `cbor:"3,keyasint"`
		Record  bool     `cbor:"4,keyasint,omitempty"`
	}
	// SetLevel records what the visitor lets the agent do on their page. Off, for
	// a level that was granted or not, says that it is not to be asked for again
	// in this session. A session that is not shared any more, or has another agent,
	// has no levels. Refused: one that the site is without (forbidden), without
	// consent to see the page (forbidden), no level (invalid).
	SetLevel struct {
		Session relay.ID    `cbor:"1,keyasint"`
		Level   relay.Level `cbor:"2,keyasint"`
		On      bool        `cbor:"3,keyasint"`
		At      int64       `cbor:"4,keyasint"`
	}
	// SetPage records the page that the visitor is on, for the list and for
	// whoever comes next.
	SetPage struct {
		Session relay.ID       `cbor:"1,keyasint"`
		View    relay.PageView `cbor:"2,keyasint"`
	}
	// SetOnline says whether the visitor has a connection (a session without
	// one for 30 minutes ends).
	SetOnline struct {
		Session relay.ID `cbor:"1,keyasint"`
		Node    string   `cbor:"2,keyasint"`
		On      bool     `cbor:"3,keyasint"`
		At      int64    `cbor:"4,keyasint"`
	}
	// EndSession ends a session. Ending twice is harmless.
	EndSession struct {
		Session relay.ID `cbor:"1,keyasint"`
		By      string   `cbor:"2,keyasint"` // visitor, agent or timeout
		At      int64    `cbor:"3,keyasint"`
	}
	// SetAgentState sets what the agent is there for. Departments nil leaves
	// them; others than the agent's own are refused.
	SetAgentState struct {
		Agent       string           `cbor:"1,keyasint"`
		State       relay.AgentState `cbor:"2,keyasint"`
		Departments []string         `cbor:"3,keyasint"` // not omitempty: none ticked is not the same as nil
		At          int64            `cbor:"4,keyasint"`
	}
	// SetAgentOnline says whether the agent has a connection at Node. An agent
	// who cannot be reached is not free; 20 s later their sessions go back to
	// the front of the queue.
	SetAgentOnline struct {
		Agent string `cbor:"1,keyasint"`
		Node  string `cbor:"2,keyasint"`
		On    bool   `cbor:"3,keyasint"`
		At    int64  `cbor:"4,keyasint"`
	}
	// Answer accepts or declines an offer. Refused: another assignment (stale),
	// an offer that is over (gone).
	Answer struct {
		Session    relay.ID `cbor:"1,keyasint"`
		Agent      string   `cbor:"2,keyasint"`
		Assignment uint64   `cbor:"3,keyasint"`
		Accept     bool     `cbor:"4,keyasint"`
		At         int64    `cbor:"5,keyasint"`
	}
	// Block blocks a visitor, or lifts that. A blocked visitor's live session ends.
	Block struct {
		Site    string   `cbor:"1,keyasint"`
		Visitor relay.ID `cbor:"2,keyasint"`
		On      bool     `cbor:"3,keyasint"`
		By      string   `cbor:"4,keyasint"`
		At      int64    `cbor:"5,keyasint"`
	}
	// SetPassword replaces an agent's password hash and raises the generation.
	SetPassword struct {
		Agent    string `cbor:"1,keyasint"`
		Password string `cbor:"2,keyasint"`
		At       int64  `cbor:"3,keyasint"`
	}
	// PutNode makes a node a member of the cluster, or changes its address,
	// role, region or public address. Its times and Version are the state's own.
	PutNode struct {
		Node Node  `cbor:"1,keyasint"`
		At   int64 `cbor:"2,keyasint"`
	}
	// RemoveNode takes a node out of the cluster; again is harmless.
	RemoveNode struct {
		Node string `cbor:"1,keyasint"`
		At   int64  `cbor:"2,keyasint"`
	}
	// LoseEdge says that a node cannot be reached: whoever was connected there
	// is no longer. It does nothing if the node has started anew since.
	LoseEdge struct {
		Node      string `cbor:"1,keyasint"`
		StartedAt int64  `cbor:"2,keyasint"`
		At        int64  `cbor:"3,keyasint"`
	}
	// PutToken stores the SHA-256 of a join token (relay/peer).
	PutToken struct {
		Hash      []byte `cbor:"1,keyasint"`
		Role      string `cbor:"2,keyasint"`
		ExpiresAt int64  `cbor:"3,keyasint"`
		At        int64  `cbor:"4,keyasint"`
	}
	// RedeemToken spends a join token for a node, which becomes a member without
	// an address yet. Refused: one that is unknown,
	// spent for another node or over (auth), a name that is taken (conflict).
	RedeemToken struct {
		Hash   []byte `cbor:"1,keyasint"`
		Role   string `cbor:"2,keyasint"`
		Node   string `cbor:"3,keyasint"`
		At     int64  `cbor:"4,keyasint"`
		Region string `cbor:"5,keyasint,omitempty"`
	}
	// AddSegment says where a piece of a session's recording is kept, before
	// anything is. Refused: a segment that is there and kept otherwise (conflict), a writer
	// that is not the session's origin (ErrStale), a session that may not be
	// recorded (forbidden), more than MaxSegments (too_large).
	AddSegment struct {
		Segment Segment `cbor:"1,keyasint"`
		At      int64   `cbor:"2,keyasint"`
	}
	// Forget takes segments out whose time is over (Site.Record), the oldest
	// first, at most MaxForget. Result: Forgotten.
	Forget struct {
		At int64 `cbor:"1,keyasint"`
	}
	// Tick lets deadlines pass: offers that expired, agents who vanished,
	// visitors who stayed away. The leader proposes it when the state's next
	// deadline is due.
	Tick struct {
		At int64 `cbor:"1,keyasint"`
	}
)

// What Apply answers besides an error.
type (
	// Claimed answers Claim and OpenSession.
	Claimed struct {
		Session relay.Session
		Epoch   uint32
		Seq     uint64 // last stored
	}
	// Forgotten answers Forget.
	Forgotten struct {
		Segments int
	}
	// Appended answers Append.
	Appended struct {
		Seq uint64 // last stored
	}
)

// ErrStale is the error of an Append or a repeated Claim of a former epoch:
// another origin has claimed the session since.
var ErrStale = &relay.Error{Code: relay.CodeStale, Text: "The conversation has moved to another node."}

// Gap is the error of an Append that does not follow what is stored.
type Gap struct {
	Have uint64 // last stored Seq
}

func (g *Gap) Error() string { return "gap: messages before these are not stored" }

// Refused is the error of an Append with a message that can never be stored.
// Those before it are stored; it and those after it are not. Unwrap gives the
// reason: conflict (the place holds another message, or the identity has another
// body or another place), forbidden (the session is not with that author, or
// not any more), invalid.
type Refused struct {
	Seq  uint64 // of the message
	Have uint64 // last stored
	Err  *relay.Error
}

func (r *Refused) Error() string { return fmt.Sprintf("message %d: %v", r.Seq, r.Err) }
func (r *Refused) Unwrap() error { return r.Err }

// Change is what a command changed that somebody live may be waiting for. It
// carries the whole new value, so a receiver needs no further read and may
// drop all but the newest of one key.
type Change struct {
	Index   uint64         // Raft index
	Session *relay.Session // opened, assigned, consented, ended …; Facts are nil unless they changed
	Stored  *Stored        // the stored prefix grew; the messages are those new
	Offer   *Offer         // offered, or over
	Agent   *AgentDesk     // state, load, departments
	Queues  []string       // departments whose queue, places or free agents changed
	Revoked string         // an agent whose older sign-ins are void now
	Blocked relay.ID       // a visitor who is blocked now
	Site    string         // a site whose row changed
	Node    string         // a node whose row changed, or is gone
	Cell    uint64         // a cell that there is now

	// Reloaded says that this member was too far behind and was sent the whole
	// state: anything may have changed since the Change before, and what is of
	// interest is to be read anew. Nothing else is set but Index.
	Reloaded bool
}

// Stored is a piece of the stored prefix.
type Stored struct {
	Session  relay.ID
	Epoch    uint32
	Messages []relay.Message
}

// Offer is a session offered to an agent, or the end of that.
type Offer struct {
	Session    relay.ID
	Agent      string
	Assignment uint64
	ExpiresAt  int64
	Over       string // "": offered; else accepted, declined, expired or gone
}

// AgentDesk is an agent at work.
type AgentDesk struct {
	Agent       string
	State       relay.AgentState
	Departments []string // ticked on
	Capacity    int
	Load        int // sessions and offers
	Online      bool
	Missed      int   // offers in a row that expired
	RestUntil   int64 // no offers before; 0: not resting
}

type commandKind uint8
