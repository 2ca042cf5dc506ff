package peer

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"

	"kohe/relay"
)

// Role says what a node is in its cluster.
type Role string

// The roles.
const (
	RoleCore Role = "core" // votes and keeps the state
	RoleEdge Role = "edge" // keeps nothing personal at rest
)

// maxName bounds a node's and a region's name, in bytes.
const maxName = 63

// Identity is who a node is. It stands in the node's certificate as its one
// URI: kohe://CLUSTER/ROLE/NODE?region=REGION.
type Identity struct {
	Cluster relay.ID
	Node    string // 1 to 63 of a–z, 0–9, '-', '.' and '_', beginning with a letter or digit
	Role    Role
	Region  string // like Node, or ""
}

// Validate returns a relay.CodeInvalid error that says what is wrong.
func (id Identity) Validate() error {
	switch {
	case id.Cluster.IsZero():
		return relay.Errorf(relay.CodeInvalid, "A node needs a cluster.")
	case id.Role != RoleCore && id.Role != RoleEdge:
		return relay.Errorf(relay.CodeInvalid, "The role of a node is core or edge, not %q.", clip(string(id.Role)))
	case !validName(id.Node):
		return relay.Errorf(relay.CodeInvalid, "The node's name %q is not 1 to %d of a–z, 0–9, '-', '.' and '_'.", clip(id.Node), maxName)
	case id.Region != "" && !validName(id.Region):
		return relay.Errorf(relay.CodeInvalid, "The region's name %q is not 1 to %d of a–z, 0–9, '-', '.' and '_'.", clip(id.Region), maxName)
	}
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > maxName || strings.IndexByte("-._", s[0]) >= 0 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r)
	}) < 0
}

func clip(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// String returns the URI.
func (id Identity) String() string { return id.uri().String() }

func (id Identity) uri() *url.URL {
	u := &url.URL{Scheme: "kohe", Host: id.Cluster.String(), Path: "/" + string(id.Role) + "/" + id.Node}
	if id.Region != "" {
		u.RawQuery = url.Values{"region": {id.Region}}.Encode()
	}
	return u
}

// IdentityOf reads the identity that a certificate states. It does not verify
// the certificate.
func IdentityOf(c *x509.Certificate) (Identity, error) {
	if len(c.URIs) != 1 {
		return Identity{}, fmt.Errorf("certificate of %q: it has %d URIs, a node's has one", clip(c.Subject.CommonName), len(c.URIs))
	}
	id, err := parseIdentity(c.URIs[0])
	if err != nil {
		return Identity{}, fmt.Errorf("certificate of %q: %w", clip(c.Subject.CommonName), err)
	}
	return id, nil
}

func parseIdentity(u *url.URL) (Identity, error) {
	cluster, err := relay.ParseID(u.Host)
	if err != nil {
		return Identity{}, err
	}
	role, node, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	id := Identity{Cluster: cluster, Node: node, Role: Role(role), Region: u.Query().Get("region")}
	if err := id.Validate(); err != nil {
		return Identity{}, err
	}
	if id.String() != u.String() { // one spelling, so that nothing hides in a URI
		return Identity{}, fmt.Errorf("%q is not how a node's URI is written", clip(u.String()))
	}
	return id, nil
}
