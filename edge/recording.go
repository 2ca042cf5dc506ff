package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"kohe/edge/record"
	"kohe/raft/blob"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// Keeper keeps recordings on the disks of core nodes.
type Keeper interface {
	// Holders names the nodes that should keep a new file, at most
	// state.MaxHolders.
	Holders() []string
	// Append adds to a file on a node (blob.Store.Append).
	Append(ctx context.Context, node string, n blob.Name, offset int64, b []byte) error
}

// keepRecording records the session for as long as its visitor lets us and its
// site wants it. mu is held.
func (l *live) keepRecording() {
	site, _ := l.edge.Store.Site(l.row.Site)
	want := l.row.State == relay.Active && l.row.Consent && l.row.Record && site.Record > 0 && l.edge.Keeper != nil && !l.closed
	switch {
	case want && l.recorder == nil:
		rec := record.Start(record.Config{
			Open: l.openSegment, Page: l.recordPage,
			Log: l.edge.Log.With("session", l.id.String()),
		})
		l.recorder = rec
		l.edge.running.Go(func() { <-rec.Done() })
		l.recordWhole()
	case !want && l.recorder != nil:
		l.recorder.Close()
		l.recorder = nil
	}
}

// siteChanged tells the site's people, and ends or begins what the site's
// setting says of its sessions' recordings.
func (e *Edge) siteChanged(id string) {
	e.desk.touchSite(id)
	e.mu.Lock()
	lives := slices.Collect(maps.Values(e.lives))
	e.mu.Unlock()
	for _, l := range lives {
		if !l.isReady() {
			continue
		}
		l.mu.Lock()
		if l.row.Site == id && l.row.Record {
			l.lead()
			for c := range l.clients {
				c.push(wire.Session, e.sessionFor(c.who.Role, l.row))
			}
		}
		l.mu.Unlock()
	}
}

// recordPage records the whole page, if there is one.
func (l *live) recordPage() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recordWhole()
}

// recordWhole is recordPage with mu held.
func (l *live) recordWhole() {
	if l.recorder == nil || l.mirror.page == nil {
		return
	}
	if msg := l.mirror.page.Whole(); len(msg) > 0 {
		l.recorder.Begin(l.edge.at(), msg)
		l.recordState(l.mirrorState())
		for _, p := range l.drawnNow().stay {
			l.record(record.Draw, wire.Encode(p))
		}
	}
}

// record records what happens, if the session is recorded. Nobody changes the
// payload any more. mu is held.
func (l *live) record(kind record.Kind, payload []byte) {
	if l.recorder != nil && l.recorder.Add(l.edge.at(), kind, payload) {
		l.recordWhole()
	}
}

// recordState records whether the page is live. mu is held.
func (l *live) recordState(p wire.MirrorPayload) {
	if l.recorder == nil {
		return
	}
	b, err := json.Marshal(struct {
		On     bool `json:"on"`
		Frozen bool `json:"frozen,omitempty"`
	}{p.On, p.Frozen})
	if err == nil {
		l.record(record.State, b)
	}
}

// openSegment says in the state where the next piece of the recording is kept.
func (l *live) openSegment(ctx context.Context, at int64) (record.File, error) {
	nodes := l.edge.Keeper.Holders()
	if len(nodes) == 0 {
		return nil, errors.New("no core node can be reached")
	}
	s := state.Segment{ID: relay.NewID(), Session: l.id, Writer: l.edge.Node, Nodes: nodes, At: at}
	ctx, cancel := context.WithTimeout(ctx, proposeFor)
	defer cancel()
	if _, err := l.edge.Cell.Propose(ctx, state.AddSegment{Segment: s, At: at}); err != nil {
		return nil, fmt.Errorf("begin a recording's file: %w", err)
	}
	return &segmentFile{keeper: l.edge.Keeper, name: blob.Name{Of: l.id, ID: s.ID}, nodes: nodes}, nil
}

// segmentFile is a file on the nodes that keep it. It belongs to the recorder's
// goroutine.
type segmentFile struct {
	keeper Keeper
	name   blob.Name
	nodes  []string
}

// Append implements record.File.
func (f *segmentFile) Append(ctx context.Context, offset int64, b []byte) error {
	errs := make([]error, len(f.nodes))
	var all sync.WaitGroup
	for i, node := range f.nodes {
		all.Go(func() { errs[i] = f.keeper.Append(ctx, node, f.name, offset, b) })
	}
	all.Wait()
	err := errors.Join(errs...)
	var kept []string
	for i, node := range f.nodes {
		if errs[i] == nil {
			kept = append(kept, node)
		}
	}
	f.nodes = kept
	switch {
	case len(kept) == 0:
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", record.ErrWorn, err)
	case len(kept) < len(f.keeper.Holders()):
		return record.ErrWorn
	}
	return nil
}
