package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kohe/relay"
)

// How long what the node signs is good for.
const (
	VisitorTokenFor   = 400 * 24 * time.Hour // what browsers keep at most (RFC 6265bis §5.5)
	ConsoleSessionFor = 12 * time.Hour       // one working day
)

// maxToken bounds what is decoded before its signature is checked, in bytes.
const maxToken = 1024

// Key signs for one node. A visitor token is good for one site only, a console
// session for one generation of an agent's sign-in.
type Key struct {
	private ed25519.PrivateKey
}

// VisitorToken binds a browser to a visitor of one site.
type VisitorToken struct {
	Site    string   `json:"s"`
	Visitor relay.ID `json:"v"`
	Issued  int64    `json:"t"` // ms since 1970
}

// ConsoleSession is a signed-in agent.
type ConsoleSession struct {
	ID         relay.ID `json:"i"`
	Agent      string   `json:"a"`
	Generation uint64   `json:"g"` // state.Agent.Generation at sign-in; an older one is void
	Issued     int64    `json:"t"` // ms since 1970
}

// What a signature is for; one purpose's token is never good for another.
const (
	forVisitor = "kohe visitor 1"
	forConsole = "kohe console 1"
	forPass    = "kohe pass 1"
	forBearer  = "kohe bearer 1"
	forGrant   = "kohe grant 1"
	forCarry   = "kohe carry 1"
	forLook    = "kohe look 1"
)

var errToken = relay.Errorf(relay.CodeAuth, "This sign-in is not valid here any more. Please load the page again.")

// OpenKey reads the key in dir/node.key and makes it, readable by its owner
// only, if there is none.
func OpenKey(dir string) (*Key, error) {
	path := filepath.Join(dir, "node.key")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	} else if err != nil {
		return nil, fmt.Errorf("read the node's key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "KOHE NODE KEY" || len(block.Bytes) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s is not a node key; restore it from a backup, or move it away to have a new one made (visitors and agents then sign in anew)", path)
	}
	return &Key{private: ed25519.NewKeyFromSeed(block.Bytes)}, nil
}

func makeKey(path string) (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	key := &Key{private: private}
	return key, writeKey(path, key.PEM())
}

// PEM returns the key as OpenKey reads it: all core nodes of a cluster have the
// same, so that each honours what another has signed.
func (k *Key) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "KOHE NODE KEY", Bytes: k.private.Seed()})
}

// SaveKey writes another node's PEM into dir, where there is no key yet.
func SaveKey(dir string, b []byte) error {
	if block, _ := pem.Decode(b); block == nil || len(block.Bytes) != ed25519.SeedSize {
		return errors.New("the cluster's answer holds no key")
	}
	return writeKey(filepath.Join(dir, "node.key"), b)
}

func writeKey(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the node's key: %w", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the node's key: %w", err)
	}
	return nil
}

// SignVisitor returns a visitor's token.
func (k *Key) SignVisitor(site string, visitor relay.ID, now time.Time) string {
	return k.sign(forVisitor, VisitorToken{Site: site, Visitor: visitor, Issued: now.UnixMilli()})
}

// Visitor checks a visitor's token for a site. A token of another site, a
// forged or an expired one is CodeAuth.
func (k *Key) Visitor(token, site string, now time.Time) (VisitorToken, error) {
	var t VisitorToken
	if err := k.open(forVisitor, token, &t); err != nil {
		return t, err
	}
	if t.Site != site || t.Visitor.IsZero() || expired(t.Issued, VisitorTokenFor, now) {
		return VisitorToken{}, errToken
	}
	return t, nil
}

// SignConsole returns the signed form of a new console session.
func (k *Key) SignConsole(agent string, generation uint64, now time.Time) string {
	return k.sign(forConsole, ConsoleSession{ID: relay.NewID(), Agent: agent, Generation: generation, Issued: now.UnixMilli()})
}

// Console checks a console session's signature and age. Its generation is for
// the caller to compare with the agent's.
func (k *Key) Console(token string, now time.Time) (ConsoleSession, error) {
	return k.console(forConsole, token, now)
}

func (k *Key) console(purpose, token string, now time.Time) (ConsoleSession, error) {
	var s ConsoleSession
	if err := k.open(purpose, token, &s); err != nil {
		return s, err
	}
	if s.Agent == "" || expired(s.Issued, ConsoleSessionFor, now) {
		return ConsoleSession{}, errToken
	}
	return s, nil
}

// SignPass returns a pass for a console session: with it a console that is
// open already connects to another edge when its own has died. It is good for
// as long as the session.
func (k *Key) SignPass(s ConsoleSession) string { return k.sign(forPass, s) }

// Pass checks a pass as Console checks a session.
func (k *Key) Pass(token string, now time.Time) (ConsoleSession, error) {
	return k.console(forPass, token, now)
}

// SignBearer returns a token for a console session (RFC 6750): with it a console
// goes on asking another node's HTTP side when the node that served it does not
// answer. It is apart from a pass, which every node hears that the console's
// link is ever at. It is good for as long as the session.
func (k *Key) SignBearer(s ConsoleSession) string { return k.sign(forBearer, s) }

// Bearer checks a token of SignBearer as Console checks a session.
func (k *Key) Bearer(token string, now time.Time) (ConsoleSession, error) {
	return k.console(forBearer, token, now)
}

func expired(issued int64, span time.Duration, now time.Time) bool {
	age := now.Sub(time.UnixMilli(issued))
	return age > span || age < -time.Minute // a minute of clock skew between nodes
}

func (k *Key) sign(purpose string, v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic("auth: " + err.Error()) // our own types only
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	sig := ed25519.Sign(k.private, []byte(purpose+"\x00"+text))
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (k *Key) open(purpose, token string, v any) error {
	text, sigText, ok := strings.Cut(token, ".")
	if !ok || len(token) > maxToken {
		return errToken
	}
	sig, err := base64.RawURLEncoding.DecodeString(sigText)
	if err != nil || !ed25519.Verify(k.private.Public().(ed25519.PublicKey), []byte(purpose+"\x00"+text), sig) {
		return errToken
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(body, v) != nil {
		return errToken
	}
	return nil
}
