package peer

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"log/slog"
	"net"
	"strings"
	"time"

	"kohe/relay"
)

// TokenLife is how long a stored token may be redeemed.
const TokenLife = time.Hour

// Bounds of a token.
const (
	secretLen    = 20 // bytes; 160 random bits cannot be guessed
	maxAddrs     = 4
	maxAddr      = 255 // bytes, host and port
	maxTokenText = 4 << 10
)

// tokenPrefix is the version of a token's text form. No '-': a double click
// selects the whole word.
const tokenPrefix = "kohe1_"

// Token lets one node join in one role, once, within TokenLife. It is a secret:
// only Text gives it away, printing and logging do not.
type Token struct {
	Role        Role
	Secret      [secretLen]byte
	Fingerprint Fingerprint // of the CA, so that the newcomer knows whom it joins
	Addrs       []string    // core nodes to ask, host:port, 1 to 4
}

// TokenHash is what is stored of a token. It covers the role.
type TokenHash [sha256.Size]byte

// NewToken makes a token for a node of that role. Errors: relay.CodeInvalid.
func NewToken(role Role, ca Fingerprint, addrs ...string) (Token, error) {
	t := Token{Role: role, Fingerprint: ca, Addrs: addrs}
	_, _ = rand.Read(t.Secret[:]) // never fails since Go 1.24
	return t, t.validate()
}

func (t Token) validate() error {
	if t.Role != RoleCore && t.Role != RoleEdge {
		return relay.Errorf(relay.CodeInvalid, "The role of a token is core or edge, not %q.", clip(string(t.Role)))
	}
	if len(t.Addrs) == 0 || len(t.Addrs) > maxAddrs {
		return relay.Errorf(relay.CodeInvalid, "A token names 1 to %d addresses.", maxAddrs)
	}
	for _, a := range t.Addrs {
		if _, _, err := net.SplitHostPort(a); err != nil || len(a) > maxAddr {
			return relay.Errorf(relay.CodeInvalid, "The address %q in the token is not host:port.", clip(a))
		}
	}
	return nil
}

// Hash returns what to store in place of the token.
func (t Token) Hash() TokenHash { return hashToken(t.Role, t.Secret[:]) }

func hashToken(role Role, secret []byte) TokenHash {
	return sha256.Sum256(append([]byte("kohe join "+string(role)+" "), secret...))
}

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Text returns the token as one word to paste.
func (t Token) Text() string {
	b := append([]byte{roleByte(t.Role)}, t.Secret[:]...)
	b = append(b, t.Fingerprint[:]...)
	for _, a := range t.Addrs {
		b = append(b, byte(len(a)))
		b = append(b, a...)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return tokenPrefix + tokenText.EncodeToString(b)
}

func roleByte(r Role) byte {
	if r == RoleCore {
		return 'c'
	}
	return 'e'
}

func roleOf(b byte) Role {
	return map[byte]Role{'c': RoleCore, 'e': RoleEdge}[b] // any other byte: "", which is no role
}

// ParseToken reads the text form; case and the line breaks of a terminal do not
// matter. Errors are relay.CodeInvalid and never repeat the token.
func ParseToken(text string) (Token, error) {
	if len(text) > maxTokenText {
		return Token{}, relay.Errorf(relay.CodeInvalid, "This is too long for a join token.")
	}
	word := strings.ToLower(strings.Join(strings.Fields(text), ""))
	body, ok := strings.CutPrefix(word, tokenPrefix)
	if !ok {
		return Token{}, relay.Errorf(relay.CodeInvalid, "A join token begins with %q.", tokenPrefix)
	}
	b, err := tokenText.DecodeString(body)
	const fixed = 1 + secretLen + len(Fingerprint{})
	if err != nil || len(b) < fixed+crc32.Size || tokenText.EncodeToString(b) != body {
		return Token{}, relay.Errorf(relay.CodeInvalid, "The join token is mistyped or not whole. Copy it again.")
	}
	b, sum := b[:len(b)-crc32.Size], b[len(b)-crc32.Size:]
	if crc32.ChecksumIEEE(b) != binary.BigEndian.Uint32(sum) {
		return Token{}, relay.Errorf(relay.CodeInvalid, "The join token is mistyped or not whole. Copy it again.")
	}
	t := Token{Role: roleOf(b[0]), Secret: [secretLen]byte(b[1:]), Fingerprint: Fingerprint(b[1+secretLen:])}
	for rest := b[fixed:]; len(rest) > 0; {
		n := int(rest[0])
		if len(rest) < 1+n {
			return Token{}, relay.Errorf(relay.CodeInvalid, "The join token ends within an address.")
		}
		t.Addrs = append(t.Addrs, string(rest[1:1+n]))
		rest = rest[1+n:]
	}
	return t, t.validate()
}

// String names the token without giving it away.
func (t Token) String() string {
	return "join token for a node of role " + string(t.Role)
}

// GoString is String, so that no format prints the secret.
func (t Token) GoString() string { return t.String() }

// LogValue is String, so that no log shows the secret.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
