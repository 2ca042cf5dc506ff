package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"kohe/edge/api"
	"kohe/raft/backup"
	"kohe/raft/state"
	"kohe/relay"
)

// backupStall is how long whoever asked for a backup may leave a piece of it
// unread: while one is written the disk keeps what has been replaced since.
const backupStall = time.Minute

// maxBehind bounds what a backup says of why it may lack something, in bytes.
const maxBehind = 500

// backupAsk asks a node for a backup.
type backupAsk struct {
	Customer string `json:"customer"` // "": everything
	Key      bool   `json:"key"`      // with the cell's key: only for what will be encrypted, and of everything
}

// registerBackup adds the backup to the node's socket. stop ends one that is
// being written.
func (n *node) registerBackup(mux *http.ServeMux) (stop func()) {
	closing, stop := context.WithCancel(context.Background())
	mux.HandleFunc("POST /backup", func(w http.ResponseWriter, r *http.Request) {
		var in backupAsk
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&in)
		if err != nil {
			err = relay.Errorf(relay.CodeMalformed, "The request cannot be read.")
		} else {
			err = n.mayBackUp(in)
		}
		if err != nil {
			api.AnswerLocal(w, nil, err)
			return
		}
		if !n.backing.TryLock() {
			api.AnswerLocal(w, nil, relay.Errorf(relay.CodeBusy, "This node is writing another backup. Wait for that one, or ask another core node."))
			return
		}
		defer n.backing.Unlock()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(closing, cancel)()
		out := &patient{ctx: ctx, to: w, control: http.NewResponseController(w)}
		defer context.AfterFunc(ctx, func() { _ = out.control.SetWriteDeadline(time.Now()) })() // it is over anyway
		if err := n.backUp(ctx, out, in); err != nil {
			n.log.Warn("a backup was broken off", "err", err)
			if !out.begun {
				api.AnswerLocal(w, nil, err)
				return
			}
			panic(http.ErrAbortHandler) // so that it is not taken for whole
		}
	})
	return stop
}

func (n *node) mayBackUp(in backupAsk) error {
	switch {
	case n.remote != nil:
		return errEdgeOnly
	case in.Key && in.Customer != "":
		return relay.Errorf(relay.CodeInvalid, "The cell's key is not in the backup of one customer: it would be a key to the others.")
	case in.Customer != "" && !slices.ContainsFunc(n.cells.Read().Customers(), func(c state.Customer) bool { return c.ID == in.Customer }):
		return relay.Errorf(relay.CodeNotFound, "There is no customer %q.", in.Customer)
	}
	return nil
}

// patient writes an answer and waits for its reader, but not for ever.
type patient struct {
	ctx     context.Context
	to      http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (p *patient) Write(b []byte) (int, error) {
	p.begun = true
	if err := p.control.SetWriteDeadline(time.Now().Add(backupStall)); err != nil {
		return 0, err
	}
	if err := p.ctx.Err(); err != nil { // after the deadline was moved, see registerBackup
		return 0, err
	}
	return p.to.Write(b)
}

// backUp writes a backup of what this node has, and of the recordings that it
// or a node that it is connected to keeps.
func (n *node) backUp(ctx context.Context, out *patient, in backupAsk) (err error) {
	rows, behind, err := n.cells.Export(ctx, in.Customer)
	if err != nil {
		return err
	}
	defer rows.Close() // read only
	h := backup.Header{
		Node: n.config.Node, At: n.now().UnixMilli(), Applied: rows.Applied(), Schema: rows.Version(), Customer: in.Customer, Program: version,
	}
	if n.cluster != nil {
		h.Cluster = n.cluster.creds.Identity().Cluster.String()
	}
	if behind != nil {
		if e, ok := errors.AsType[*relay.Error](behind); ok && e.Err != nil {
			behind = e.Err // the text is for people who chat
		}
		h.Behind = strings.ToValidUTF8(behind.Error()[:min(len(behind.Error()), maxBehind)], "")
	}
	w, err := backup.NewWriter(out, h)
	if err != nil {
		return err
	}
	if err := rows.Each(ctx, w.Row); err != nil {
		return err
	}
	if err := rows.Segments(ctx, func(s state.Segment) error { return n.backUpFile(ctx, w, s) }); err != nil {
		return err
	}
	if in.Key {
		if err := w.Key(n.key.PEM()); err != nil {
			return err
		}
	}
	return w.Close()
}

// backUpFile copies a segment of a recording from the nearest that has it.
func (n *node) backUpFile(ctx context.Context, w *backup.Writer, s state.Segment) error {
	if n.cluster != nil {
		linked := n.cluster.linked()
		s.Nodes = slices.DeleteFunc(s.Nodes, func(node string) bool { return node != n.config.Node && !linked[node] }) // not waited for
	}
	for offset := int64(0); ; {
		p, err := n.blobs.Read(ctx, s, offset, backup.MaxPiece)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || len(p) == 0 && offset == 0 {
			n.log.Warn("a recording is not in the backup, or not to its end", "session", s.Session, "segment", s.ID, "bytes", offset, "err", err)
			w.Missing()
			return nil
		}
		if len(p) > 0 {
			if err := w.Piece(backup.Piece{Session: s.Session, Segment: s.ID, Offset: offset, Bytes: p}); err != nil {
				return err
			}
		}
		if len(p) < backup.MaxPiece {
			return nil
		}
		offset += int64(len(p))
	}
}
