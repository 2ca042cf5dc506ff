package api

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"

	"kohe/edge/record"
	"kohe/raft/blob"
	"kohe/raft/state"
	"kohe/relay"
)

// Recordings reads the files of recordings, wherever they are.
type Recordings interface {
	// Read returns at most size bytes of a segment from an offset on, fewer at
	// its end. The error is fs.ErrNotExist if nothing was written.
	Read(ctx context.Context, s state.Segment, offset int64, size int) ([]byte, error)
}

// octets is an answer that is not JSON.
type octets []byte

// SegmentView is a piece of a recording: what can be read for itself, and when
// something happened.
type SegmentView struct {
	ID relay.ID `json:"id"`
	record.Index
}

// RecordingView says where in the recording of a session what time is.
type RecordingView struct {
	Segments []SegmentView `json:"segments"`
	Missing  int           `json:"missing,omitempty"` // segments that no node can give now
}

func (a *API) recording(r *http.Request, agent state.Agent) (any, error) {
	s, err := a.visible(r, agent)
	if err != nil {
		return nil, err
	}
	segments, err := a.Store.Segments(s.ID)
	if err != nil {
		return nil, err
	}
	view := RecordingView{Segments: []SegmentView{}}
	for _, segment := range segments {
		x, err := a.index(r.Context(), segment)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			a.Log.Warn("a recording cannot be read", "session", s.ID.String(), "segment", segment.ID.String(), "err", err)
			view.Missing++
		case len(x.Groups) > 0:
			view.Segments = append(view.Segments, SegmentView{segment.ID, x})
		}
	}
	a.Log.Info("a recording is read", "session", s.ID.String(), "agent", agent.ID)
	return view, nil
}

// keptIndexes is how many segments' indexes are kept: who goes through a
// recording that goes on asks for it again and again.
const keptIndexes = 200

// index returns a segment's index: as it was when it was asked for last, and
// what came since.
func (a *API) index(ctx context.Context, s state.Segment) (record.Index, error) {
	x, _ := a.indexes.Get(s.ID)
	x.Groups, x.Active = slices.Clone(x.Groups), slices.Clone(x.Active)
	for x.End() < blob.MaxFile {
		b, err := a.Recordings.Read(ctx, s, x.End(), blob.MaxAppend)
		if err != nil {
			return x, err
		}
		before := x.End()
		x.Extend(b)
		if len(b) < blob.MaxAppend || x.End() == before {
			break
		}
	}
	a.indexes.Add(s.ID, x)
	return x, nil
}

// group answers the records of one group, as a deflate stream: the bytes of a
// segment from one offset to another, as recording gave them.
func (a *API) group(r *http.Request, agent state.Agent) (any, error) {
	s, err := a.visible(r, agent)
	if err != nil {
		return nil, err
	}
	id, err := relay.ParseID(r.PathValue("segment"))
	if err != nil {
		return nil, relay.Errorf(relay.CodeInvalid, "That is not a segment's id.")
	}
	segment, ok := a.Store.Segment(s.ID, id)
	if !ok {
		return nil, relay.Errorf(relay.CodeNotFound, "That part of the recording is not kept any more.")
	}
	from, err := number(r, "from")
	if err != nil {
		return nil, err
	}
	to, err := number(r, "to")
	if err != nil {
		return nil, err
	}
	if to <= from || to > blob.MaxFile {
		return nil, relay.Errorf(relay.CodeInvalid, "A part of a recording is from one offset to a later one.")
	}
	b, err := a.span(r.Context(), segment, from, to)
	if err != nil {
		return nil, err
	}
	body, err := record.Body(b)
	if err != nil {
		return nil, &relay.Error{Code: relay.CodeInvalid, Text: "That is not a whole part of the recording.", Err: err}
	}
	return octets(body), nil
}

// span reads a segment from one offset to another.
func (a *API) span(ctx context.Context, s state.Segment, from, to int64) (b []byte, err error) {
	for from+int64(len(b)) < to {
		p, err := a.Recordings.Read(ctx, s, from+int64(len(b)), int(min(to-from-int64(len(b)), blob.MaxAppend)))
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(p) == 0 {
			return nil, relay.Errorf(relay.CodeNotFound, "That part of the recording is not kept any more.")
		}
		if err != nil {
			return nil, err
		}
		b = append(b, p...)
	}
	return b, nil
}
