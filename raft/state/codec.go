package state

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"kohe/relay"
)

// The numbers of the commands in the log: never renumbered, never reused.
const (
	kindPut commandKind = iota + 1
	kindStartEdge
	kindOpenSession
	kindClaim
	kindAppend
	kindSetMarks
	kindSetConsent
	kindSetPage
	kindSetOnline
	kindEndSession
	kindSetAgentState
	kindSetAgentOnline
	kindAnswer
	kindBlock
	kindSetPassword
	kindTick
	kindPutNode
	kindRemoveNode
	kindLoseEdge
	kindPutToken
	kindRedeemToken
	kindSetLevel
	kindAddSegment
	kindForget
	_ // what version 4 had of moves and cells
	_
	_
	_
	_
	_
	kindDepart
	kindArrive
	kindSettle
	kindLeave
	kindStay
	kindPutCell
	kindSeatCell
	kindReserve
)

func (Put) kind() commandKind            { return kindPut }
func (StartEdge) kind() commandKind      { return kindStartEdge }
func (OpenSession) kind() commandKind    { return kindOpenSession }
func (Claim) kind() commandKind          { return kindClaim }
func (Append) kind() commandKind         { return kindAppend }
func (SetMarks) kind() commandKind       { return kindSetMarks }
func (SetConsent) kind() commandKind     { return kindSetConsent }
func (SetPage) kind() commandKind        { return kindSetPage }
func (SetOnline) kind() commandKind      { return kindSetOnline }
func (EndSession) kind() commandKind     { return kindEndSession }
func (SetAgentState) kind() commandKind  { return kindSetAgentState }
func (SetAgentOnline) kind() commandKind { return kindSetAgentOnline }
func (Answer) kind() commandKind         { return kindAnswer }
func (Block) kind() commandKind          { return kindBlock }
func (SetPassword) kind() commandKind    { return kindSetPassword }
func (Tick) kind() commandKind           { return kindTick }
func (PutNode) kind() commandKind        { return kindPutNode }
func (RemoveNode) kind() commandKind     { return kindRemoveNode }
func (LoseEdge) kind() commandKind       { return kindLoseEdge }
func (PutToken) kind() commandKind       { return kindPutToken }
func (RedeemToken) kind() commandKind    { return kindRedeemToken }
func (SetLevel) kind() commandKind       { return kindSetLevel }
func (AddSegment) kind() commandKind     { return kindAddSegment }
func (Forget) kind() commandKind         { return kindForget }
func (Depart) kind() commandKind         { return kindDepart }
func (Arrive) kind() commandKind         { return kindArrive }
func (Settle) kind() commandKind         { return kindSettle }
func (Leave) kind() commandKind          { return kindLeave }
func (Stay) kind() commandKind           { return kindStay }
func (PutCell) kind() commandKind        { return kindPutCell }
func (SeatCell) kind() commandKind       { return kindSeatCell }
func (Reserve) kind() commandKind        { return kindReserve }

// Bounds of an encoded command.
const (
	MaxAppend  = 200     // messages in one Append
	MaxCommand = 4 << 20 // bytes; more than MaxAppend messages of MaxText characters need

	maxElements = 1024 // of any list or map in a command or row
	maxNesting  = 8
)

// The one form of a row or command: RFC 8949 §4.2 core deterministic encoding.
var (
	encoder = must(cbor.CoreDetEncOptions().EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxArrayElements: maxElements,
		MaxMapPairs:      maxElements,
		MaxNestedLevels:  maxNesting,
	}.DecMode())
	// commandDecoder refuses members that it does not know: see Version.
	commandDecoder = must(func() (cbor.DecMode, error) {
		o := decoder.DecOptions()
		o.ExtraReturnErrors = cbor.ExtraDecErrorUnknownField
		return o.DecMode()
	}())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// marshal returns the encoding of a command or row. None of them has a member
// that cannot be encoded.
func marshal(v any) []byte { return must(encoder.Marshal(v)) }

// Encode returns a command as it goes into the log: one byte of kind, then the
// command in CBOR.
func Encode(c Command) []byte {
	if c, ok := c.(Append); ok {
		return append(make(form, 0, c.size()), byte(kindAppend)).append(c)
	}
	var b bytes.Buffer
	b.WriteByte(byte(c.kind()))
	if err := encoder.NewEncoder(&b).Encode(c); err != nil {
		panic(err) // as marshal
	}
	return b.Bytes()
}

// Decode reads what Encode made. The error is of CodeMalformed, also for what a
// later version may have made (Version).
func Decode(data []byte) (Command, error) {
	if len(data) == 0 || len(data) > MaxCommand {
		return nil, relay.Errorf(relay.CodeMalformed, "A command of %d bytes; it has 1 to %d.", len(data), MaxCommand)
	}
	switch kind, body := commandKind(data[0]), data[1:]; kind {
	case kindPut:
		return decode[Put](body)
	case kindStartEdge:
		return decode[StartEdge](body)
	case kindOpenSession:
		return decode[OpenSession](body)
	case kindClaim:
		return decode[Claim](body)
	case kindAppend:
		if c, ok := readAppend(body); ok {
			return c, nil
		}
		return decode[Append](body)
	case kindSetMarks:
		return decode[SetMarks](body)
	case kindSetConsent:
		return decode[SetConsent](body)
	case kindSetPage:
		return decode[SetPage](body)
	case kindSetOnline:
		return decode[SetOnline](body)
	case kindEndSession:
		return decode[EndSession](body)
	case kindSetAgentState:
		return decode[SetAgentState](body)
	case kindSetAgentOnline:
		return decode[SetAgentOnline](body)
	case kindAnswer:
		return decode[Answer](body)
	case kindBlock:
		return decode[Block](body)
	case kindSetPassword:
		return decode[SetPassword](body)
	case kindTick:
		return decode[Tick](body)
	case kindPutNode:
		return decode[PutNode](body)
	case kindRemoveNode:
		return decode[RemoveNode](body)
	case kindLoseEdge:
		return decode[LoseEdge](body)
	case kindPutToken:
		return decode[PutToken](body)
	case kindRedeemToken:
		return decode[RedeemToken](body)
	case kindSetLevel:
		return decode[SetLevel](body)
	case kindAddSegment:
		return decode[AddSegment](body)
	case kindForget:
		return decode[Forget](body)
	case kindDepart:
		return decode[Depart](body)
	case kindArrive:
		return decode[Arrive](body)
	case kindSettle:
		return decode[Settle](body)
	case kindLeave:
		return decode[Leave](body)
	case kindStay:
		return decode[Stay](body)
	case kindPutCell:
		return decode[PutCell](body)
	case kindSeatCell:
		return decode[SeatCell](body)
	case kindReserve:
		return decode[Reserve](body)
	default:
		return nil, &relay.Error{Code: relay.CodeMalformed, Text: fmt.Sprintf("A command of unknown kind %d.", kind), Err: errNewer}
	}
}

func decode[C Command](body []byte) (Command, error) {
	var c C
	if err := commandDecoder.Unmarshal(body, &c); err != nil {
		return nil, decodeError(c, err)
	}
	return c, nil
}
