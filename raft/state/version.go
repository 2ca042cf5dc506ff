package state

import (
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"kohe/relay"
)

// Version is the version of the state that this program speaks: its commands,
// their members and the rows that they write. A later one adds to it and takes
// nothing away, and a command says with which it came (Since).
//
// Members of another version share a log, and one that left a command or a
// member of it out would go on with another state than the rest. So what is new
// is proposed only when every core node knows it (Known), and a node that meets
// what it does not know stops (errNewer). The rows say the latest version that
// any command in them came with; a program of an earlier one does not open them.
const Version = 6

// first is the oldest version whose rows this program reads. Version 1 was
// never released.
const first = 2

// errNewer is what Decode's error wraps if a later version may have made the
// command. State.Err is then one that says what to do.
var errNewer = errors.New("a later version of Kohe wrote it")

// Since returns the version that a command came with: that of its kind or of
// its newest member that is set. A command of a later version than the first
// has a method Since that says so.
func Since(c Command) int {
	if c, ok := c.(interface{ Since() int }); ok {
		return c.Since()
	}
	return first
}

// third is the version that Agent.Operator and Site.Visitors came with.
const third = 3

// fifth is the version that cells and the moves of customers came with. What
// version 4 had of them was never released.
const fifth = 5

// sixth is the version that Site.Images came with.
const sixth = 6

// Since implements what Since asks for.
func (p Put) Since() int {
	switch {
	case p.Site != nil && len(p.Site.Images) > 0:
		return sixth
	case p.Agent != nil && p.Agent.Operator || p.Site != nil && p.Site.Visitors:
		return third
	}
	return first
}

// Level returns the version that every core node speaks, of all nodes of the
// cluster: the lowest that one of them said when it started. A node that has not
// said any yet may speak none but the first. Without a cluster it is this
// program's.
func Level(nodes []Node) int {
	level := Version
	for _, n := range nodes {
		if n.Role == CoreNode {
			level = min(level, max(n.Version, first))
		}
	}
	return level
}

// Known returns nil if every core node of the cluster knows a command, else an
// error (CodeUnavailable) that names one to be upgraded. It asks for the nodes
// only if some might not.
func Known(c Command, nodes func() []Node) error {
	since := Since(c)
	if since <= first {
		return nil
	}
	for _, n := range nodes() {
		if n.Role == CoreNode && n.StartedAt == 0 && n.Version == 0 {
			return &relay.Error{
				Code: relay.CodeUnavailable, Text: "This will be possible once all servers have been started.", Retry: time.Minute,
				Err: fmt.Errorf("the node %s has joined and was never started: start it, or take it out with `kohe cluster leave %s`", n.ID, n.ID),
			}
		}
		if n.Role == CoreNode && max(n.Version, first) < since {
			return &relay.Error{
				Code: relay.CodeUnavailable, Text: "This will be possible once all servers have been upgraded.", Retry: time.Minute,
				Err: fmt.Errorf("that is of version %d of the state and the node %s speaks %d: upgrade that node", since, n.ID, n.Version),
			}
		}
	}
	return nil
}

// Form returns the version of the rows: the latest that any command in them came
// with.
func (r *Reader) Form() int {
	r.state.mu.RLock()
	defer r.state.mu.RUnlock()
	return r.state.form
}

// Readable returns nil if rows of a version can be read.
func Readable(version int) error {
	switch {
	case version > Version:
		return fmt.Errorf("the rows are of version %d and this program reads up to %d: a later version of Kohe wrote them; run that one again", version, Version)
	case version < first:
		return fmt.Errorf("the rows are of version %d and this program reads none before %d: upgrade by way of the version of Kohe before this one", version, first)
	}
	return nil
}

// decodeError says why the body of a command cannot be read.
func decodeError(c Command, err error) error {
	if _, ok := errors.AsType[*cbor.UnknownFieldError](err); ok {
		err = fmt.Errorf("%w: %w", errNewer, err)
	}
	return &relay.Error{Code: relay.CodeMalformed, Text: fmt.Sprintf("A %T command that cannot be read.", c), Err: err}
}

// stop ends the use of the state before a command that it does not know. It is
// in the log and nothing of its batch is in the rows, so a program that knows it
// goes on from there.
func (t *txn) stop(err error) error {
	return t.fail(fmt.Errorf("entry %d of the log has a command that this version of Kohe does not know; upgrade this node, nothing is lost: %w", t.index, err))
}
