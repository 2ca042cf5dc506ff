package wire

import "kohe/relay"

// Who is on a site's pages now: what pages tell, and what consoles and other
// edges are shown of it.
type (
	// PresencePayload says where a tab of a visitor is. Pages of a site that shows
	// its visitors send it after the welcome, and when it has changed. Spans are
	// until now, so that no clock has to be right.
	PresencePayload struct {
		Visit     relay.ID `json:"visit"` // of this tab: the same from page to page
		URL       string   `json:"url"`
		Title     string   `json:"title,omitempty"`
		PageMS    int64    `json:"page_ms"`              // on this page
		VisitMS   int64    `json:"visit_ms"`             // on the site
		Referrer  string   `json:"referrer,omitempty"`   // the host that the visit came from
		Pages     []string `json:"pages,omitempty"`      // addresses looked at before, newest last; at most MaxSeen
		InvitedMS int64    `json:"invited_ms,omitempty"` // since the last invitation; 0: none is remembered
	}
	// ViewPayload asks for the visitors of a site, or ends that. A connection has
	// one view; a new one replaces it.
	ViewPayload struct {
		On     bool   `json:"on"`
		Site   string `json:"site,omitempty"`
		Sort   Sort   `json:"sort,omitempty"`   // "": newest
		Filter string `json:"filter,omitempty"` // of address, title, referrer; any case; at most MaxFilter bytes
		Limit  int    `json:"limit,omitempty"`  // rows, at most MaxVisits; 0: that many
		Board  bool   `json:"board,omitempty"`  // set between edges: the agent is a supervisor
		Grant  string `json:"grant,omitempty"`  // set between edges: a fresh one
	}
	// VisitsPayload is what changed in a view: first a frame with Anew, then at
	// most a few a second. Rows replace those of the same id. A change may take
	// several frames; the numbers are in the last.
	VisitsPayload struct {
		Anew   bool          `json:"anew,omitempty"` // former rows are void
		Rows   []Visit       `json:"rows,omitempty"`
		Gone   []relay.ID    `json:"gone,omitempty"`
		Visits int           `json:"visits"`          // on the site now, shown or not
		Board  *BoardPayload `json:"board,omitempty"` // supervisors
		Away   int           `json:"away,omitempty"`  // edges that have not answered: their visitors are not among these
		More   bool          `json:"more,omitempty"`  // the rest follows
	}
	// Visit is one visitor on a site now.
	Visit struct {
		ID       relay.ID `json:"id"`
		Was      relay.ID `json:"was,omitzero"`     // the id before they opened the chat
		Node     string   `json:"node"`             // the edge that has them
		Known    bool     `json:"known,omitempty"`  // the id was proved to be a visitor's; else their page says it
		Chat     bool     `json:"chat,omitempty"`   // in a chat
		Name     string   `json:"name,omitempty"`   // in a chat: for supervisors, of departments of theirs
		Session  relay.ID `json:"session,omitzero"` // the same
		URL      string   `json:"url"`
		Title    string   `json:"title,omitempty"`
		At       int64    `json:"at"`    // on this page since, ms since 1970
		Since    int64    `json:"since"` // on the site since
		Referrer string   `json:"referrer,omitempty"`
		Lang     string   `json:"lang,omitempty"`
		Pages    []string `json:"pages,omitempty"` // looked at before, newest last
		Tabs     int      `json:"tabs,omitempty"`  // if several
		Invited  Invited  `json:"invited,omitempty"`
	}
	// BoardPayload is how the departments of a supervisor are doing.
	BoardPayload struct {
		Agents   map[relay.AgentState]int `json:"agents"` // signed in, by state
		Chats    int                      `json:"chats"`
		Waiting  int                      `json:"waiting"`
		OldestAt int64                    `json:"oldest_at,omitempty"` // when the longest waiting session opened
	}
	// InvitePayload invites a visitor to a chat.
	InvitePayload struct {
		Site  string   `json:"site"`
		Visit relay.ID `json:"visit"`
		Node  string   `json:"node"` // as in the row
	}
	// InvitationPayload is shown to the visitor, and answered with Accept or not.
	InvitationPayload struct {
		By     string `json:"by,omitempty"` // the agent's alias
		Accept bool   `json:"accept,omitempty"`
	}
)

// Bounds of what is told of a site's visitors.
const (
	MaxVisits = 100 // rows of a view
	MaxSeen   = 5   // pages looked at before
	MaxFilter = 80  // bytes
)

// Sort is the order of a view's rows.
type Sort string

// The orders.
const (
	SortNewest  Sort = "newest"  // who came to their page last comes first
	SortLongest Sort = "longest" // who is longest on their page comes first
)

// Invited says what became of an invitation.
type Invited string

// What can become of an invitation. "": there was none within the last hour.
const (
	InvitedAsked    Invited = "asked"
	InvitedAccepted Invited = "accepted"
	InvitedDeclined Invited = "declined"
)
