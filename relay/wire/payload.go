package wire

import (
	"encoding/json"
	"unicode/utf8"

	"kohe/relay"
)

// The payloads of the control lane, JSON (RFC 8259). Unknown members are
// ignored, so that newer clients may say more. Times are ms since 1970 or
// spans in ms, as their names say.
type (
	// HelloPayload is the first frame of a connection. A visitor sends Site and,
	// if they have one, Token; an agent sends Ticket.
	HelloPayload struct {
		Version int          `json:"v"` // the newest that the client speaks
		Role    relay.Role   `json:"role"`
		Quiet   bool         `json:"quiet,omitempty"` // before the click: button state only
		Site    string       `json:"site,omitempty"`
		Token   string       `json:"token,omitempty"` // a Welcome's
		Ticket  string       `json:"ticket,omitempty"`
		Tab     string       `json:"tab,omitempty"` // the client's own, one a tab
		Lang    string       `json:"lang,omitempty"`
		Resume  []Resume     `json:"resume,omitempty"`
		Page    *TabPayload  `json:"page,omitempty"`
		Facts   *relay.Facts `json:"facts,omitempty"`
	}
	// Resume says what of a session the client already has.
	Resume struct {
		Session relay.ID `json:"session"`
		Epoch   uint32   `json:"epoch"`
		Seq     uint64   `json:"seq"`
	}
	// WelcomePayload answers Hello.
	WelcomePayload struct {
		Version  int            `json:"v"`             // that is spoken (Common)
		Link     relay.ID       `json:"link"`          // names this connection
		Key      string         `json:"key,omitempty"` // proves it, for Attach on a second socket
		Now      int64          `json:"now"`
		PingMS   int            `json:"ping_ms"`            // send a ping when nothing was sent for so long
		Token    string         `json:"token,omitempty"`    // visitors: keep it; agents: for a hello to another node, in place of a ticket
		Visitor  relay.ID       `json:"visitor,omitzero"`   // visitors
		Node     string         `json:"node,omitempty"`     // which edge this is
		Nodes    []string       `json:"nodes,omitempty"`    // the other edges' addresses, in the order to try them
		WT       string         `json:"wt,omitempty"`       // WebTransport address, "" if there is none
		Hashes   []string       `json:"hashes,omitempty"`   // base64 SHA-256 of certificates to accept (development)
		Site     *SiteView      `json:"site,omitempty"`     // visitors
		Agent    *AgentView     `json:"agent,omitempty"`    // agents
		Button   *ButtonPayload `json:"button,omitempty"`   // visitors
		Sessions []relay.ID     `json:"sessions,omitempty"` // the live sessions that follow as Session frames
		Views    bool           `json:"views,omitempty"`    // agents: view and invite may be sent
	}
	// SiteView is what a visitor may know of a site.
	SiteView struct {
		ID          string           `json:"id"`
		Name        string           `json:"name"`
		Color       string           `json:"color,omitempty"` // #rrggbb
		Departments []DepartmentView `json:"departments"`
		CoBrowse    bool             `json:"cobrowse"`
		Record      int              `json:"record,omitempty"`   // days that recordings are kept; 0: none are made
		Mask        []string         `json:"mask,omitempty"`     // selectors masked before they leave the page
		MaskAll     bool             `json:"mask_all,omitempty"` // all else is masked too
		Unmask      []string         `json:"unmask,omitempty"`   // but for these selectors
		Canvas      bool             `json:"canvas,omitempty"`   // what canvases show is shared
		Images      []string         `json:"images,omitempty"`   // selectors of images that the visitor's browser sends
		Without     []relay.Level    `json:"without,omitempty"`  // what no agent may do on its pages
		Origins     []string         `json:"origins,omitempty"`  // visitors: where its pages are
		Links       []string         `json:"links,omitempty"`    // visitors: where else links may lead to
		Visitors    bool             `json:"visitors,omitempty"` // agents see who is on its pages
	}
	// DepartmentView names a department.
	DepartmentView struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	// AgentView is the signed-in agent.
	AgentView struct {
		ID          string           `json:"id"`
		Name        string           `json:"name"`
		Alias       string           `json:"alias"`
		Role        relay.Role       `json:"role"`
		Operator    bool             `json:"operator,omitempty"` // may see and change the cluster's nodes
		Departments []DepartmentView `json:"departments"`
		Sites       []SiteView       `json:"sites"`
	}
	// AttachPayload is the first frame of a page lane. Over WebTransport the
	// stream belongs to its connection and both members are empty.
	AttachPayload struct {
		Link relay.ID `json:"link,omitzero"`
		Key  string   `json:"key,omitempty"`
	}
	// PingPayload is echoed in a Pong.
	PingPayload struct {
		T int64 `json:"t"`
	}
	// ErrorPayload ends a request or, with a fatal code, the connection.
	ErrorPayload struct {
		Code    relay.Code `json:"code"`
		Text    string     `json:"text"`
		RetryMS int64      `json:"retry_ms,omitempty"`
		Ref     uint64     `json:"ref,omitempty"`    // Seq of the frame that it answers
		Session relay.ID   `json:"session,omitzero"` // with not_saved, conflict
		ID      string     `json:"id,omitempty"`     // with not_saved, conflict: the message
	}
	// OKPayload answers a request that has no other answer.
	OKPayload struct {
		Ref uint64 `json:"ref"`
		ID  string `json:"id,omitempty"`
	}
	// SayPayload asks the origin to number a message.
	SayPayload struct {
		Session relay.ID `json:"session"`
		ID      string   `json:"id"`
		Text    string   `json:"text"`

		Kind relay.MessageKind `json:"kind,omitempty"` // "": text; link: an agent sends a page
	}
	// SentPayload tells an author the number of their message.
	SentPayload struct {
		Session relay.ID `json:"session"`
		ID      string   `json:"id"`
		Epoch   uint32   `json:"epoch"`
		Seq     uint64   `json:"seq"`
		At      int64    `json:"at"`
	}
	// StoredPayload says that every message of the session up to Seq is stored.
	StoredPayload struct {
		Session relay.ID `json:"session"`
		Epoch   uint32   `json:"epoch"`
		Seq     uint64   `json:"seq"`
		Index   uint64   `json:"index"` // Raft index that stored it
	}
	// MarkPayload is a watermark. By is set by the edge.
	MarkPayload struct {
		Session   relay.ID   `json:"session"`
		By        relay.Role `json:"by,omitempty"` // visitor or agent
		Delivered uint64     `json:"delivered"`
		Read      uint64     `json:"read"`
	}
	// TypingPayload says that somebody types. It expires after 6 s.
	TypingPayload struct {
		Session relay.ID      `json:"session"`
		By      *relay.Author `json:"by,omitempty"` // set by the edge
		On      bool          `json:"on"`
	}
	// SessionRef names a session (End).
	SessionRef struct {
		Session relay.ID `json:"session"`
	}
	// OpenPayload asks for an agent. Session is chosen by the client, so that
	// asking twice opens one session.
	OpenPayload struct {
		Session    relay.ID     `json:"session"`
		Name       string       `json:"name"`
		Department string       `json:"department,omitempty"` // "": the site's first
		Facts      *relay.Facts `json:"facts,omitempty"`
	}
	// ConsentPayload turns co-browse on or off, and with it the recording.
	ConsentPayload struct {
		Session relay.ID `json:"session"`
		On      bool     `json:"on"`
		Record  bool     `json:"record,omitempty"`
	}
	// GrantPayload says what the visitor lets the agent do; off: no more, and not
	// to be asked for again.
	GrantPayload struct {
		Session relay.ID    `json:"session"`
		Level   relay.Level `json:"level"`
		On      bool        `json:"on"`
	}
	// AskPayload asks the visitor for a level. By is set by the edge.
	AskPayload struct {
		Session relay.ID    `json:"session"`
		Level   relay.Level `json:"level"`
		By      string      `json:"by,omitempty"` // the agent's alias
	}
	// ActPayload is something that an agent does on the visitor's page, to one of
	// its nodes. By is set by the edge.
	ActPayload struct {
		Session relay.ID `json:"session"`
		ID      string   `json:"id"` // the agent's own, for Acted
		Do      Deed     `json:"do"`
		Node    uint32   `json:"node"`
		Text    string   `json:"text,omitempty"` // fill: the whole value; a box: "on" or "off"; an option: its value
		Base    string   `json:"base,omitempty"` // fill: names the value that Text was made of, at most MaxSum bytes
		Done    bool     `json:"done,omitempty"` // fill: the agent leaves the field
		By      string   `json:"by,omitempty"`   // the agent's alias
	}
	// ActedPayload says what became of an act. Why is "" when it was done, gone
	// (the page has changed), refused (the page does not let itself be acted on
	// there), stale (the visitor has changed the same part of the text), covered
	// (something lies over the element), or outside (that leads out of the site).
	ActedPayload struct {
		Session relay.ID `json:"session"`
		ID      string   `json:"id"`
		Why     string   `json:"why,omitempty"`
		Now     string   `json:"now,omitempty"` // fill: names the value that the field has now
	}
	// DrawPayload is a drawing on the visitor's page, which sticks to one of its
	// nodes. By and Colour are set by the edge.
	DrawPayload struct {
		Session relay.ID `json:"session"`
		ID      string   `json:"id"` // of the drawing, given by who drew it
		Node    uint32   `json:"node,omitempty"`
		Shape   Shape    `json:"shape"`
		Points  []int32  `json:"points,omitempty"` // x and y in turn, ten-thousandths of the node's box; outside it too
		Stay    bool     `json:"stay,omitempty"`   // it does not fade
		By      string   `json:"by,omitempty"`     // the agent's alias
		Colour  uint8    `json:"colour,omitempty"` // of the agent's hand
	}
	// FaultsPayload is what went wrong on the visitor's page, for those who watch
	// it. It is kept nowhere.
	FaultsPayload struct {
		Session relay.ID `json:"session"`
		Faults  []Fault  `json:"faults"` // at most MaxFaults
	}
	// Fault is an error of the page's scripts, or a request of its that failed.
	Fault struct {
		At     int64  `json:"at"`
		Text   string `json:"text,omitempty"`   // the error's first line; "" where all is masked
		URL    string `json:"url,omitempty"`    // of what, without its query
		Status int    `json:"status,omitempty"` // of the answer, 400 or more; 0: none came, or it was no request
	}
	// TabPayload is the state of one tab of a visitor.
	TabPayload struct {
		URL     string `json:"url"`
		Title   string `json:"title"`
		Visible bool   `json:"visible"`
		Focused bool   `json:"focused"`
	}
	// MirrorPayload tells every tab of a visitor which one is mirrored, and
	// every watching agent whether the page is live. To the tab itself: On
	// starts or stops capture, Full asks for a whole snapshot now; Seen is the
	// sum of what it need not send again (dom/FORMAT.md).
	MirrorPayload struct {
		Session relay.ID `json:"session"`
		Tab     string   `json:"tab"`
		On      bool     `json:"on"`
		Full    bool     `json:"full,omitempty"`
		Seen    string   `json:"seen,omitempty"`
		Frozen  bool     `json:"frozen,omitempty"` // to agents: the page is hidden or unreachable; what is shown is its last state
	}
	// ButtonPayload is what the button says.
	ButtonPayload struct {
		State   relay.ButtonState `json:"state"`
		Waiting int               `json:"waiting,omitempty"`
	}
	// CardPayload is the offline form. ID is the client's own, for resending.
	CardPayload struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Contact    string `json:"contact"`
		Text       string `json:"text"`
		Department string `json:"department,omitempty"`
	}
	// StatePayload sets an agent's state. Departments nil: unchanged.
	StatePayload struct {
		State       relay.AgentState `json:"state"`
		Departments []string         `json:"departments,omitempty"`
	}
	// DeskPayload is what an agent's desk looks like now.
	DeskPayload struct {
		State        relay.AgentState `json:"state"`
		Departments  []string         `json:"departments"`
		Capacity     int              `json:"capacity"`
		Load         int              `json:"load"` // places taken, offers included
		Queues       []relay.Queue    `json:"queues"`
		Missed       int              `json:"missed,omitempty"`        // offers in a row that expired
		RestingUntil int64            `json:"resting_until,omitempty"` // no offers before, unless the agent sets a state
	}
	// OfferPayload offers a session.
	OfferPayload struct {
		Session    relay.Session `json:"session"`
		Assignment uint64        `json:"assignment"`
		ExpiresAt  int64         `json:"expires_at"`
	}
	// OfferEndPayload withdraws an offer.
	OfferEndPayload struct {
		Session    relay.ID `json:"session"`
		Assignment uint64   `json:"assignment"`
		Why        string   `json:"why"` // accepted, declined, expired, gone
	}
	// AnswerPayload accepts or declines an offer.
	AnswerPayload struct {
		Session    relay.ID `json:"session"`
		Assignment uint64   `json:"assignment"`
		Accept     bool     `json:"accept"`
	}
	// WatchPayload subscribes to a session's page, or ends that. The edge sends
	// a snapshot of its own tree first; the visitor's browser does nothing.
	WatchPayload struct {
		Session  relay.ID `json:"session"`
		On       bool     `json:"on"`
		Diverged bool     `json:"diverged,omitempty"` // on again, because the mirror failed a check
	}
	// BlockPayload blocks a visitor on their site, or lifts that.
	BlockPayload struct {
		Visitor relay.ID `json:"visitor"`
		Site    string   `json:"site"`
		On      bool     `json:"on"`
	}
)

// Bounds of what is told of a page's faults.
const (
	MaxFaults    = 10  // in one frame
	MaxFaultText = 200 // bytes
	MaxFaultURL  = 300 // bytes
)

// MaxSum is how long the name of a field's value may be, in bytes.
const MaxSum = 32

// Deed is what an Act does.
type Deed string

// The deeds.
const (
	DeedPoint  Deed = "point"  // the element lights up
	DeedScroll Deed = "scroll" // the element comes into view
	DeedFill   Deed = "fill"   // the field has this value
	DeedClick  Deed = "click"
	DeedOpen   Deed = "open" // the tab goes to the page of the site whose address is Text; no node
)

// Level returns the level that a deed needs, "" for no deed.
func (d Deed) Level() relay.Level {
	return map[Deed]relay.Level{
		DeedPoint: relay.LevelPoint, DeedScroll: relay.LevelScroll, DeedFill: relay.LevelFill, DeedClick: relay.LevelClick,
		DeedOpen: relay.LevelClick,
	}[d]
}

// Shape is what a Draw draws.
type Shape string

// The shapes. Clear takes all drawings away.
const (
	ShapeArrow Shape = "arrow" // from the first point to the second
	ShapeBox   Shape = "box"   // two opposite corners
	ShapePen   Shape = "pen"   // through all points
	ShapeClear Shape = "clear"
)

// Decode reads a control payload into v. Text that is not UTF-8 is refused.
func Decode(f Frame, v any) error {
	if !utf8.Valid(f.Payload) {
		return relay.Errorf(relay.CodeMalformed, "The payload of a %s frame is not UTF-8.", f.Kind)
	}
	if err := json.Unmarshal(f.Payload, v); err != nil {
		return &relay.Error{Code: relay.CodeMalformed, Text: "The payload of a " + f.Kind.String() + " frame cannot be read.", Err: err}
	}
	return nil
}

// Encode returns v as a control payload. v is one of this package's payload
// types or of relay's, none of which can fail to encode.
func Encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("wire: " + err.Error())
	}
	return b
}

// AppendSession appends what precedes a page message or pointer record: the
// 16 bytes of the session's id.
func AppendSession(b []byte, id relay.ID) []byte { return append(b, id[:]...) }

// SplitSession takes the session's id off a page or cursor payload.
func SplitSession(f Frame) (relay.ID, []byte, error) {
	var id relay.ID
	if len(f.Payload) < len(id) {
		return id, nil, relay.Errorf(relay.CodeMalformed, "A %s frame is too short to name its session.", f.Kind)
	}
	copy(id[:], f.Payload)
	return id, f.Payload[len(id):], nil
}
