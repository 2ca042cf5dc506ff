// Package relay holds what crosses the wire and nothing else: identities,
// principals, messages, sessions as a participant sees them, lanes, classes
// and errors with codes. It has no behaviour beyond validating and printing
// these values, so every other package may import it.
package relay

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
)

// ID is a 128-bit random identity (sessions, visitors, visits, links). Its
// text form is 26 characters of lower-case RFC 4648 base32 without padding.
type ID [16]byte

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// IDTextLen is the length of an ID's text form in bytes.
const IDTextLen = 26

// NewID returns a fresh random identity.
func NewID() ID {
	var id ID
	_, _ = rand.Read(id[:]) // never fails since Go 1.24
	return id
}

// ParseID reads the text form.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != IDTextLen {
		return id, fmt.Errorf("id %q: want %d characters, have %d", clip(s), IDTextLen, len(s))
	}
	if _, err := idText.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("id %q: want letters a–z and digits 2–7", clip(s))
	}
	if id.String() != s { // unused low bits of the last character must be zero
		return ID{}, fmt.Errorf("id %q: not in canonical form", clip(s))
	}
	return id, nil
}

// String returns the text form.
func (id ID) String() string { return idText.EncodeToString(id[:]) }

// IsZero reports whether the identity was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. Empty text is the zero ID.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(b))
	if err == nil {
		*id = parsed
	}
	return err
}

// Role says what a principal may do.
type Role string

// The roles.
const (
	RoleVisitor    Role = "visitor"
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleSystem     Role = "system" // events written by Kohe itself
)

// Principal is who a connection has proved to be. The zero Principal has
// proved nothing.
type Principal struct {
	Role     Role
	Customer string
	Site     string   // visitors: the one site that the token is bound to
	Visitor  ID       // visitors
	Agent    string   // agents and supervisors: the sign-in name
	Name     string   // display name
	Sites    []string // agents: the sites they may see
	Depts    []string // agents: the departments they may see
}

// Author returns the principal as the author of a message.
func (p Principal) Author() Author {
	if p.Role == RoleVisitor {
		return Author{Role: p.Role, ID: p.Visitor.String(), Name: p.Name}
	}
	return Author{Role: p.Role, ID: p.Agent, Name: p.Name}
}

// Sees reports whether a session is an agent's business: their own, and for a
// supervisor every one of their sites and departments.
func (p Principal) Sees(s Session) bool {
	if p.Role == RoleVisitor || p.Role == "" {
		return false
	}
	if s.Agent == p.Agent {
		return true
	}
	return p.Role == RoleSupervisor && slices.Contains(p.Sites, s.Site) && slices.Contains(p.Depts, s.Department)
}

// Author is who wrote a message, as proved by their connection, never as
// claimed by the message.
type Author struct {
	Role Role   `json:"role" cbor:"1,keyasint"`
	ID   string `json:"id,omitempty" cbor:"2,keyasint,omitempty"`
	Name string `json:"name,omitempty" cbor:"3,keyasint,omitempty"`
}

// Same reports whether two authors are one principal; names may change.
func (a Author) Same(b Author) bool { return a.Role == b.Role && a.ID == b.ID }

// Lane is one of a client's three ways to and from its edge.
type Lane uint8

// The lanes. Control is ordered and reliable, Page likewise but on its own so
// that a burst never delays chat; on Cursor the latest wins and loss is normal.
const (
	Control Lane = iota
	Page
	Cursor
	Lanes = 3
)

func (l Lane) String() string {
	return [...]string{"control", "page", "cursor"}[min(int(l), 2)]
}

// Class decides what happens to a frame when its reader is slow.
type Class uint8

// The classes, in the order in which a connection writes them.
const (
	ClassControl Class = iota // pings, acknowledgements, errors: own queue, written first
	ClassChat                 // never dropped; overflow disconnects, the client resumes by sequence
	ClassCursor               // latest wins, one per key
	ClassPage                 // an overflowing queue is replaced by one delta from the page's tree
	Classes      = 4
)

func (c Class) String() string {
	return [...]string{"control", "chat", "cursor", "page"}[min(int(c), 3)]
}

func clip(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
