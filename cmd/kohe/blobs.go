package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"kohe/raft/blob"
	"kohe/raft/cells"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
)

// Spans of the life of files.
const (
	blobFor     = 5 * time.Second // a request of another node
	segmentFor  = 2 * time.Second // until the state here knows a segment that another node writes
	segmentLook = 20 * time.Millisecond
	fullFor     = 10 * time.Minute
	sweepEvery  = 10 * time.Minute
	sweepFirst  = time.Minute
	sweepAfter  = time.Hour // a file without a segment is nobody's
)

// blobs are the files of recordings, on this node and on others. It implements
// edge.Keeper and api.Recordings.
type blobs struct {
	node    string
	store   *blob.Store // nil: the node is an edge only
	cells   *cells.Set  // likewise
	cluster *cluster    // nil: the node is alone
	log     *slog.Logger
	now     func() time.Time

	stop    context.CancelFunc
	running errgroup.Group

	mu        sync.Mutex // guards what follows
	fullUntil map[string]time.Time
}

// openBlobs opens the files of a core node.
func (n *node) openBlobs() error {
	b := &blobs{node: n.config.Node, cells: n.cells, cluster: n.cluster, log: n.log.With("part", "recordings"), now: n.now, fullUntil: map[string]time.Time{}}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	if n.cell != nil {
		store, err := blob.Open(filepath.Join(n.config.Data, "blobs"), n.fs, b.log)
		if err != nil {
			stop()
			return err
		}
		b.store = store
		b.running.Go(func() error { b.sweep(ctx); return nil })
	}
	n.blobs = b
	if n.cluster != nil {
		n.cluster.blobs.Store(b)
	}
	return nil
}

func (b *blobs) close() error {
	b.stop()
	err := b.running.Wait()
	if b.store != nil {
		err = errors.Join(err, b.store.Close())
	}
	return err
}

// Holders implements edge.Keeper: this node, if it is a core node, then the
// nearest others.
func (b *blobs) Holders() []string {
	var list []string
	if b.store != nil {
		list = append(list, b.node)
	}
	if b.cluster != nil {
		linked := b.cluster.linked()
		for _, n := range b.cluster.nearestCores("") {
			if linked[n.ID] {
				list = append(list, n.ID)
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	list = slices.DeleteFunc(list, func(node string) bool { return b.now().Before(b.fullUntil[node]) })
	return list[:min(len(list), state.MaxHolders)]
}

// Append implements edge.Keeper.
func (b *blobs) Append(ctx context.Context, node string, n blob.Name, offset int64, p []byte) error {
	if node == b.node {
		if s, ok := b.cells.Read().Segment(n.Of, n.ID); !ok || !slices.Contains(s.Nodes, b.node) {
			return errNoFile // forgotten meanwhile
		}
		return b.full(node, b.store.Append(n, offset, p))
	}
	_, err := b.ask(ctx, node, blob.Request{Name: n, Offset: offset, Bytes: p})
	return b.full(node, err)
}

// full notes a node whose disk is full, which keeps nothing new for a while.
func (b *blobs) full(node string, err error) error {
	if errors.Is(err, blob.ErrFull) {
		b.mu.Lock()
		b.fullUntil[node] = b.now().Add(fullFor)
		b.mu.Unlock()
	}
	return err
}

// Read implements api.Recordings: it asks the nodes that keep a segment, this
// one first, for at most size bytes from an offset on.
func (b *blobs) Read(ctx context.Context, s state.Segment, offset int64, size int) (longest []byte, err error) {
	n := blob.Name{Of: s.Session, ID: s.ID}
	nodes := slices.Clone(s.Nodes)
	if i := slices.Index(nodes, b.node); i > 0 {
		nodes[0], nodes[i] = nodes[i], nodes[0]
	}
	var errs []error
	for _, node := range nodes {
		var p []byte
		if node == b.node && b.store != nil {
			p, err = b.store.Read(n, offset, size)
		} else {
			p, err = b.ask(ctx, node, blob.Request{Name: n, Offset: offset, Size: size})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("read a recording on %s: %w", node, err))
			continue
		}
		if len(p) == size {
			return p, nil
		}
		if len(p) >= len(longest) { // one of them may have missed the end
			longest = p
		}
	}
	if len(errs) == len(nodes) {
		return nil, errors.Join(errs...)
	}
	return longest, nil
}

// ask sends one request to another node.
func (b *blobs) ask(ctx context.Context, node string, q blob.Request) ([]byte, error) {
	if b.cluster == nil {
		return nil, errUnreached
	}
	ctx, cancel := context.WithTimeout(ctx, blobFor)
	defer cancel()
	s, err := b.cluster.open(ctx, node, kindBlob)
	if err != nil {
		return nil, err
	}
	defer s.Reset() // after the answer there is nothing to lose
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	return blob.Ask(s, q)
}

// serveBlob serves another node's request for a file.
func (c *cluster) serveBlob(ctx context.Context, conn *peer.Conn, s peer.Stream) {
	b := c.blobs.Load()
	stream := halfStream{s.Stream}
	if b == nil || b.store == nil || !c.ready() {
		stream.Reset()
		return
	}
	if err := s.SetDeadline(time.Now().Add(blobFor)); err != nil {
		stream.Reset()
		return
	}
	err := b.store.Serve(stream, func(q blob.Request) error { return b.may(ctx, conn.Peer(), q) })
	if err != nil {
		c.log.Debug("a request for a file failed", "node", conn.Peer().Node, "err", err)
	}
	s.CancelRead(0)    // what was not read is not wanted
	_ = stream.Close() // the answer is gone with the stream
}

// may says whether another node may read, as core nodes may, or append: only
// what the state says that it writes and this node keeps.
func (b *blobs) may(ctx context.Context, from peer.Identity, q blob.Request) error {
	if q.Size > 0 {
		if from.Role != peer.RoleCore {
			return errNoFile
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, segmentFor)
	defer cancel()
	for {
		s, ok := b.cells.Read().Segment(q.Name.Of, q.Name.ID)
		switch {
		case ok && s.Writer == from.Node && slices.Contains(s.Nodes, b.node):
			return nil
		case ok:
			return errNoFile
		}
		select { // its writer may have heard of it before this node
		case <-time.After(segmentLook):
		case <-ctx.Done():
			return errNoFile
		}
	}
}

var errNoFile = relay.Errorf(relay.CodeForbidden, "There is no such file for that node.")

// sweep forgets what has been kept for long enough, and removes the files that
// no segment names.
func (b *blobs) sweep(ctx context.Context) {
	wait := time.NewTimer(sweepFirst)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		wait.Reset(sweepEvery)
		if err := b.forget(ctx); err != nil && ctx.Err() == nil {
			b.log.Warn("old recordings could not be removed", "err", err)
		}
	}
}

func (b *blobs) forget(ctx context.Context) error {
	_, all := b.cells.Cells()
	for _, cell := range all {
		for leader, _ := cell.Node().Leader(); leader == b.node; {
			result, err := cell.Propose(ctx, state.Forget{At: b.now().UnixMilli()})
			if err != nil {
				return err
			}
			if done, ok := result.(state.Forgotten); !ok || done.Segments < state.MaxForget {
				break
			}
		}
	}
	if err := b.cells.Err(); err != nil {
		return err // what the state says here may be old
	}
	names, err := b.store.Names(b.now().Add(-sweepAfter))
	if err != nil {
		return err
	}
	for _, n := range names {
		if s, ok := b.cells.Read().Segment(n.Of, n.ID); ok && slices.Contains(s.Nodes, b.node) {
			continue
		}
		if err := b.store.Remove(n); err != nil {
			return err
		}
	}
	return nil
}
