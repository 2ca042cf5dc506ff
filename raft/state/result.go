package state

import (
	"errors"
	"time"

	"kohe/relay"
)

// wireResult is a Result as one node tells it to another.
type wireResult struct {
	Claimed  *Claimed   `cbor:"1,keyasint,omitempty"`
	Appended *Appended  `cbor:"2,keyasint,omitempty"`
	Err      *wireError `cbor:"3,keyasint,omitempty"`
	Gap      *Gap       `cbor:"4,keyasint,omitempty"`
	Seq      uint64     `cbor:"5,keyasint,omitempty"` // Refused: of the message; Err says why
	Have     uint64     `cbor:"6,keyasint,omitempty"` // Refused
}

type wireError struct {
	Code  relay.Code    `cbor:"1,keyasint"`
	Text  string        `cbor:"2,keyasint"`
	Retry time.Duration `cbor:"3,keyasint,omitempty"`
}

// EncodeResult returns a result as DecodeResult reads it. What an error wraps
// stays behind.
func EncodeResult(r Result) []byte {
	if v, ok := r.Value.(Appended); ok && r.Err == nil {
		return form(nil).members(1).key(2).members(1).text("Seq").uint(v.Seq)
	}
	var w wireResult
	switch v := r.Value.(type) {
	case Claimed:
		w.Claimed = &v
	case Appended:
		w.Appended = &v
	}
	if refused, ok := errors.AsType[*Refused](r.Err); ok {
		w.Seq, w.Have = refused.Seq, refused.Have
		r.Err = refused.Err
	}
	if gap, ok := errors.AsType[*Gap](r.Err); ok {
		w.Gap = gap
	} else if r.Err != nil {
		e := relay.AsError(r.Err)
		w.Err = &wireError{e.Code, e.Text, e.Retry}
	}
	return marshal(w)
}

// DecodeResult reads what EncodeResult made.
func DecodeResult(b []byte) (r Result, err error) {
	if v, ok := readAppended(b); ok {
		return Result{Value: v}, nil
	}
	var w wireResult
	if err := decoder.Unmarshal(b, &w); err != nil {
		return r, &relay.Error{Code: relay.CodeMalformed, Text: "The answer of another node cannot be read.", Err: err}
	}
	switch {
	case w.Claimed != nil:
		r.Value = *w.Claimed
	case w.Appended != nil:
		r.Value = *w.Appended
	}
	switch {
	case w.Gap != nil:
		r.Err = w.Gap
	case w.Err != nil && w.Seq != 0:
		r.Err = &Refused{Seq: w.Seq, Have: w.Have, Err: w.Err.error()}
	case w.Err != nil && w.Err.Code == ErrStale.Code && w.Err.Text == ErrStale.Text:
		r.Err = ErrStale
	case w.Err != nil:
		r.Err = w.Err.error()
	}
	return r, nil
}

func (e wireError) error() *relay.Error {
	return &relay.Error{Code: e.Code, Text: e.Text, Retry: e.Retry}
}
