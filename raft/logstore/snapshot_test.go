package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// rows is a State that is its rows.
type rows struct {
	db     *pebble.DB
	prefix string
}

func (r rows) Span() []byte { return []byte(r.prefix) }

func (r rows) Applied() uint64 {
	it, applied, err := r.Rows()
	if err != nil {
		panic(err)
	}
	_ = it.Close()
	return applied
}

func (r rows) Rows() (*pebble.Iterator, uint64, error) {
	it, err := r.db.NewIter(&pebble.IterOptions{LowerBound: r.Span(), UpperBound: prefixEnd(r.Span())})
	if err != nil {
		return nil, 0, err
	}
	applied := uint64(0)
	if it.SeekGE(append(r.Span(), '!')) && string(it.Key()) == r.prefix+"!" && len(it.Value()) == 8 {
		applied = binary.BigEndian.Uint64(it.Value())
	}
	return it, applied, nil
}

// fill makes the state that stands for index: so many rows of some length.
func (r rows) fill(t testing.TB, index uint64, length int) {
	t.Helper()
	b := r.db.NewBatch()
	_ = b.DeleteRange(r.Span(), prefixEnd(r.Span()), nil)
	_ = b.Set(append(r.Span(), '!'), binary.BigEndian.AppendUint64(nil, index), nil)
	for i := range index {
		_ = b.Set(fmt.Appendf(r.Span(), "row %08d", i), bytes.Repeat([]byte{byte(i), byte(index)}, length/2), nil)
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		t.Fatal(err)
	}
}

// dump returns the state as text.
func (r rows) dump() string {
	it, _, err := r.Rows()
	if err != nil {
		panic(err)
	}
	var all strings.Builder
	for it.First(); it.Valid(); it.Next() {
		fmt.Fprintf(&all, "%s=%x\n", it.Key()[len(r.prefix):], crc32.ChecksumIEEE(it.Value()))
	}
	if err := it.Close(); err != nil {
		panic(err)
	}
	return all.String()
}

// attached is a store with a state on a disk of its own.
func attached(t testing.TB, fs vfs.FS) (*Disk, *Store, rows) {
	t.Helper()
	d := open(t, fs)
	s, state := newStore(t, d, "a/"), rows{d.DB, "s/"}
	if err := s.Attach(state); err != nil {
		t.Fatal(err)
	}
	return d, s, state
}

func members(ids ...string) (c raft.Configuration) {
	for _, id := range ids {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(id), Address: "here"})
	}
	return c
}

// takeLocal takes a snapshot of the state at hand.
func takeLocal(t testing.TB, s *Store, index uint64) {
	t.Helper()
	k, err := s.Create(1, index, 3, members("n1"), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.(*Sink).Local()
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}

// transfer sends from's last snapshot to to, as Raft does.
func transfer(t testing.TB, from, to *Store) (*raft.SnapshotMeta, error) {
	t.Helper()
	list, err := from.List()
	if err != nil {
		t.Fatal(err)
	}
	meta, r, err := from.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k, err := to.Create(meta.Version, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(k, r)
	if err != nil {
		return meta, errors.Join(err, k.Cancel())
	}
	if n != meta.Size {
		t.Fatalf("%d bytes, announced were %d", n, meta.Size)
	}
	return meta, k.Close()
}

func TestOnlyTheLastSnapshotIsKept(t *testing.T) {
	d, s, state := attached(t, vfs.NewMem())
	defer closeDisk(t, d)
	if l, err := s.List(); len(l) != 0 || err != nil {
		t.Fatalf("an empty store lists %v, %v", l, err)
	}
	state.fill(t, 9, 10)
	takeLocal(t, s, 7)
	takeLocal(t, s, 9)
	cancelled, _ := s.Create(1, 11, 3, members("n1"), 1, nil)
	if err := cancelled.Cancel(); err != nil {
		t.Error(err)
	}
	l, err := s.List()
	if err != nil || len(l) != 1 || l[0].Index != 9 || l[0].Configuration.Servers[0].ID != "n1" {
		t.Fatalf("listed %+v, %v", l, err)
	}
	if _, _, err := s.Open("3-7"); err == nil {
		t.Error("the former snapshot could be opened")
	}
	old, _ := s.Create(1, 8, 3, members("n1"), 1, nil)
	old.(*Sink).Local()
	if err := old.Close(); !errors.Is(err, errOld) {
		t.Errorf("an older snapshot: %v", err)
	}
	nothing, _ := s.Create(1, 12, 3, members("n1"), 1, nil)
	if err := nothing.Close(); err == nil {
		t.Error("a snapshot of nothing was taken")
	}
}

func TestAStateIsSentAsItIsNow(t *testing.T) {
	from, a, state := attached(t, vfs.NewMem())
	defer closeDisk(t, from)
	fs := vfs.NewMem()
	to, b, copied := attached(t, fs)
	logs := entries(1, 30)
	logs[19] = &raft.Log{Index: 20, Term: 3, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members("n1", "n2"))}
	logs[26] = &raft.Log{Index: 27, Term: 3, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(members("n3"))}
	logs[24].Term = 4
	if err := a.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
	state.fill(t, 10, 100_000)
	takeLocal(t, a, 10)
	state.fill(t, 25, 100_000)
	copied.fill(t, 2, 20)
	if err := b.StoreLogs(entries(1, 5)); err != nil {
		t.Fatal(err)
	}

	meta, err := transfer(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if meta.Index != 25 || meta.Term != 4 || meta.ConfigurationIndex != 20 || len(meta.Configuration.Servers) != 2 {
		t.Errorf("sent %+v", meta)
	}
	if !b.Pending() || copied.Applied() != 2 {
		t.Error("the state was replaced before Ingest")
	}
	wantBounds(t, b, 0, 0)
	if _, r, err := b.Open(meta.ID); err != nil {
		t.Error(err)
	} else if n, _ := io.Copy(io.Discard, r); n != 0 {
		t.Error("a state that waits was sent on")
	}
	if err := b.Ingest(); err != nil {
		t.Fatal(err)
	}
	if copied.dump() != state.dump() || b.Pending() {
		t.Error("another state arrived")
	}
	closeDisk(t, to)

	to, b, copied = attached(t, fs)
	defer closeDisk(t, to)
	if copied.dump() != state.dump() || b.Pending() {
		t.Error("the state did not stay")
	}
	if list, _ := b.List(); len(list) != 1 || list[0].Index != 25 {
		t.Errorf("listed %v", list)
	}
	if names, _ := fs.List("db"); strings.Contains(strings.Join(names, " "), "received") {
		t.Errorf("left behind: %v", names)
	}
	third, c, _ := attached(t, vfs.NewMem())
	defer closeDisk(t, third)
	if _, err := transfer(t, b, c); err != nil { // and from there on to others
		t.Error(err)
	}
}

func TestALargeStateComesInSeveralTables(t *testing.T) {
	from, a, state := attached(t, vfs.NewMem())
	defer closeDisk(t, from)
	to, b, copied := attached(t, vfs.NewMem())
	defer closeDisk(t, to)
	b.tableSize = 1 << 20
	state.fill(t, 150, 10<<10)
	takeLocal(t, a, 150)
	if _, err := transfer(t, a, b); err != nil {
		t.Fatal(err)
	}
	if n := b.pending.Load().Tables; n != 2 {
		t.Errorf("%d tables", n)
	}
	if err := b.Ingest(); err != nil {
		t.Fatal(err)
	}
	if copied.dump() != state.dump() {
		t.Error("another state arrived")
	}
}

func TestAnOlderStateIsRefused(t *testing.T) {
	from, a, state := attached(t, vfs.NewMem())
	defer closeDisk(t, from)
	to, b, newer := attached(t, vfs.NewMem())
	defer closeDisk(t, to)
	state.fill(t, 5, 10)
	takeLocal(t, a, 5)
	newer.fill(t, 6, 10)
	if err := b.StoreLogs(entries(1, 6)); err != nil {
		t.Fatal(err)
	}
	if _, err := transfer(t, a, b); !errors.Is(err, errOld) || b.Pending() {
		t.Errorf("answered %v", err)
	}
	wantBounds(t, b, 1, 6)
}

func TestAStateThatTheLogGoesOnFromIsRefused(t *testing.T) {
	from, a, state := attached(t, vfs.NewMem())
	defer closeDisk(t, from)
	to, b, older := attached(t, vfs.NewMem())
	defer closeDisk(t, to)
	state.fill(t, 5, 10)
	takeLocal(t, a, 5)
	older.fill(t, 4, 10)
	logs := entries(1, 6)
	for _, l := range logs {
		l.Term = 3
	}
	if err := b.StoreLogs(logs); err != nil {
		t.Fatal(err)
	}
	if _, err := transfer(t, a, b); !errors.Is(err, errOld) || b.Pending() || to.Err() != nil {
		t.Errorf("answered %v, the disk %v", err, to.Err())
	}
	wantBounds(t, b, 1, 6)
}

// stream is what a state of these keys looks like on its way.
func stream(keys ...string) []byte {
	b := binary.BigEndian.AppendUint64([]byte{streamVersion}, 9)
	for _, k := range keys {
		b = append(binary.AppendUvarint(b, uint64(len(k))+1), k...)
		b = append(b, 1, 'v')
	}
	return append(b, 0)
}

func TestWhatIsNoStateIsRefusedAndLeavesNothing(t *testing.T) {
	fs := vfs.NewMem()
	d, s, state := attached(t, fs)
	defer closeDisk(t, d)
	state.fill(t, 3, 10)
	before := state.dump()
	good := stream("a", "b")
	for name, b := range map[string][]byte{
		"cut":        good[:len(good)-1],
		"longer":     append(bytes.Clone(good), 1),
		"version":    append([]byte{streamVersion + 1}, good[1:]...),
		"order":      stream("b", "a"),
		"twice":      stream("a", "a"),
		"huge key":   binary.AppendUvarint(bytes.Clone(good[:streamHeader]), 1<<40),
		"huge value": binary.AppendUvarint(append(bytes.Clone(good[:streamHeader]), 2, 'a'), 1<<60),
		"no number":  append(bytes.Clone(good[:streamHeader]), bytes.Repeat([]byte{0xff}, 20)...),
	} {
		k, _ := s.Create(1, 9, 2, members("n1"), 1, nil)
		_, err := k.Write(b)
		if err == nil {
			err = k.Close()
		}
		if err == nil || s.Pending() {
			t.Errorf("%s: taken", name)
		}
		if err := k.Cancel(); err != nil {
			t.Errorf("%s: cancel: %v", name, err)
		}
	}
	if state.dump() != before {
		t.Error("the state changed")
	}
	if names, _ := fs.List("db"); strings.Contains(strings.Join(names, " "), "received") {
		t.Errorf("left behind: %v", names)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add(stream("a", "b", "c"), 3)
	f.Fuzz(func(t *testing.T, b []byte, chunk int) {
		d, s, state := attached(t, vfs.NewMem())
		defer closeDisk(t, d)
		k, _ := s.Create(1, 1<<62, 2, members("n1"), 1, nil)
		for rest := b; len(rest) > 0; {
			n := min(max(1, chunk), len(rest))
			if _, err := k.Write(rest[:n]); err != nil {
				_ = k.Cancel()
				return
			}
			rest = rest[n:]
		}
		if k.Close() != nil {
			return
		}
		if err := s.Ingest(); err != nil {
			t.Fatal(err)
		}
		_ = state.dump()
	})
}
