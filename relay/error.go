package relay

import (
	"errors"
	"fmt"
	"time"
)

// Code tells a client what went wrong. Codes are part of the protocol
// (relay/wire/PROTOCOL.md): never renumbered, never reused.
type Code string

// The codes. After a fatal code the edge closes the connection.
const (
	CodeMalformed   Code = "malformed"   // fatal: bytes that are no frame, or a payload that is not its kind's
	CodeTooLarge    Code = "too_large"   // fatal: over a named limit
	CodeProtocol    Code = "protocol"    // fatal: a frame at the wrong time or on the wrong lane
	CodeVersion     Code = "version"     // fatal: no common protocol version
	CodeAuth        Code = "auth"        // fatal: token or ticket missing, forged, spent or expired
	CodeTimeout     Code = "timeout"     // fatal: no first frame in time, or no heartbeat
	CodeRate        Code = "rate"        // slow down; retry_ms says when
	CodeForbidden   Code = "forbidden"   // authenticated, but not allowed
	CodeNotFound    Code = "not_found"   // no such session, site or department
	CodeStale       Code = "stale"       // an older epoch or assignment
	CodeConflict    Code = "conflict"    // the same identity with another body
	CodeGone        Code = "gone"        // the offer or session has ended
	CodeInvalid     Code = "invalid"     // a value is out of bounds; text says which
	CodeBusy        Code = "busy"        // fatal: the node is full; retry_ms says when
	CodeOverflow    Code = "overflow"    // fatal: the reader is too slow; connect again and resume
	CodeRevoked     Code = "revoked"     // fatal: signed out, blocked or removed
	CodeUnavailable Code = "unavailable" // cannot be stored now; retry_ms says when
	CodeInternal    Code = "internal"    // our fault; the detail is in the node's log
	CodeNotSaved    Code = "not_saved"   // a message that nobody can store any more
	CodeDraining    Code = "draining"    // the node is going away; retry_ms says when to connect elsewhere
)

// Fatal reports whether the edge closes the connection after this code.
func (c Code) Fatal() bool {
	switch c {
	case CodeMalformed, CodeTooLarge, CodeProtocol, CodeVersion, CodeAuth, CodeTimeout,
		CodeBusy, CodeOverflow, CodeRevoked, CodeDraining:
		return true
	}
	return false
}

// Error is an error that a client may see. Text is a sentence for a person;
// what an operator needs goes into the wrapped error and the log, never here.
type Error struct {
	Code  Code
	Text  string
	Retry time.Duration // zero: no advice
	Err   error         // for the operator
}

// Errorf returns an Error; a %w operand is kept for the operator.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Text: err.Error(), Err: errors.Unwrap(err)}
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Text, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Text)
}

func (e *Error) Unwrap() error { return e.Err }

// AsError returns err as an Error; what was none becomes CodeInternal with a
// text that gives nothing away.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeInternal, Text: "Something went wrong on our side. Please try again.", Err: err}
}

// CodeOf returns the code of err, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
