package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"kohe/relay"
)

// argon2id at 19 MiB, two passes, one lane: the OWASP Password Storage Cheat
// Sheet's first choice for a server.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16
)

// Bounds of a password, in characters.
const (
	MinPassword = 10
	MaxPassword = 200
)

// CheckPassword says whether text may be somebody's password.
func CheckPassword(text string) error {
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return relay.Errorf(relay.CodeInvalid, "The password is not valid UTF-8.")
	case n < MinPassword:
		return relay.Errorf(relay.CodeInvalid, "The password needs at least %d characters.", MinPassword)
	case n > MaxPassword:
		return relay.Errorf(relay.CodeInvalid, "The password may have at most %d characters.", MaxPassword)
	}
	return nil
}

// HashPassword returns the PHC string of a password.
func HashPassword(text string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	key := argon2.IDKey([]byte(text), salt, argonTime, argonMemory, argonLanes, argonKey)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		enc.EncodeToString(salt), enc.EncodeToString(key))
}

// Passwords checks passwords a few at a time, so that a burst of sign-ins can
// take neither the memory nor the cores of the live path.
type Passwords struct {
	places chan struct{}
	nobody string // checked where there is no such agent, so that time tells nothing
}

// NewPasswords returns a checker that works on at most n passwords at once.
func NewPasswords(n int) *Passwords {
	return &Passwords{places: make(chan struct{}, n), nobody: HashPassword(rand.Text())}
}

// Check reports whether text is the password behind hash. An empty hash is
// nobody's; it costs the same time.
func (p *Passwords) Check(ctx context.Context, hash, text string) (bool, error) {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if hash == "" {
		verify(p.nobody, text)
		return false, nil
	}
	return verify(hash, text), nil
}

func verify(hash, text string) bool {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || len(text) > 4*MaxPassword {
		return false
	}
	var memory, passes uint32
	var lanes uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes); err != nil || memory > 1<<20 || passes == 0 || lanes == 0 {
		return false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) == 0 {
		return false
	}
	have := argon2.IDKey([]byte(text), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(have, want) == 1
}
