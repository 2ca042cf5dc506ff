package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kohe/dom"
	"kohe/edge/record"
	"kohe/raft/blob"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/wire"
)

// recording is what the API says of one.
type recording struct {
	Segments []struct {
		ID relay.ID `json:"id"`
		record.Index
	} `json:"segments"`
}

// get reads from a node's API as a signed-in agent.
func (p *process) get(client *http.Client, path string) []byte {
	p.t.Helper()
	r, err := client.Get("http://" + p.address() + "/api/v1" + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %q, %v", path, r.Status, b, err)
	}
	return b
}

// recorded reads all that was recorded of a session.
func (p *process) recorded(client *http.Client, id relay.ID) string {
	p.t.Helper()
	path := "/sessions/" + id.String() + "/recording"
	var index recording
	if err := json.Unmarshal(p.get(client, path), &index); err != nil {
		p.t.Fatal(err)
	}
	var all []byte
	for _, s := range index.Segments {
		for _, g := range s.Groups {
			body := p.get(client, path+"/"+s.ID.String()+"?from="+itoa(g.From)+"&to="+itoa(g.To))
			list, err := record.Records(body)
			if err != nil {
				p.t.Fatal(err)
			}
			for _, r := range list {
				all = append(all, r.Payload...)
			}
		}
	}
	return string(all)
}

func itoa(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// keeps returns the files of recordings that a node has.
func (p *process) keeps() (list []blob.Name) {
	p.t.Helper()
	err := filepath.WalkDir(filepath.Join(p.data, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		of, err := relay.ParseID(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return err
		}
		id, err := relay.ParseID(d.Name())
		list = append(list, blob.Name{Of: of, ID: id})
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return list
}

func TestARecordingIsKeptByTwoCoreNodesAndOutlivesOne(t *testing.T) {
	nodes := newCluster(t, 3, 1)
	cores, edge := nodes[:3], nodes[3]
	kohe(t, "site", "add", "shop", "--origin", shopOrigin, "--record", "30", "--data", cores[0].data)
	visitor, agent := edge.visitor(""), edge.console("ann")
	id := talk(visitor, agent)
	ctx := t.Context()
	if err := visitor.OpenPage(ctx); err != nil {
		t.Fatal(err)
	}
	visitor.send(wire.Consent, wire.ConsentPayload{Session: id, On: true, Record: true})
	hear(visitor, wire.Mirror, func(m wire.MirrorPayload) bool { return m.On && m.Full })
	show := func(msg []byte) { visitor.send(wire.PageDiff, append(wire.AppendSession(nil, id), msg...)) }
	show(dom.NewSnapshot(1, "https://shop.example/", "Shop").Insert(dom.Document, 0, 2, dom.Branch{Tag: "html", Nodes: []dom.Branch{
		{Tag: "body", Nodes: []dom.Branch{{Tag: "p", Nodes: []dom.Branch{{Text: "as it was"}}}}},
	}}).Bytes())
	holders := func() (list []*process) {
		for _, p := range cores {
			if len(p.keeps()) > 0 {
				list = append(list, p)
			}
		}
		return list
	}
	edge.await("two core nodes keep it", func() bool { return len(holders()) == 2 })
	if len(edge.keeps()) != 0 {
		t.Error("the edge keeps it")
	}
	if _, err := os.Stat(filepath.Join(edge.data, "blobs")); err == nil {
		t.Error("an edge has a folder for files")
	}

	gone := holders()[0]
	gone.kill()
	version := uint64(1)
	change := func(text string) {
		version++
		show(dom.NewDiff(version).Text(5, text).Bytes())
	}
	left := func() (all int) {
		for _, p := range cores {
			if p != gone {
				all += len(p.keeps())
			}
		}
		return all
	}
	edge.await("it goes on, on the two that are left", func() bool {
		change("one node is gone")
		time.Sleep(200 * time.Millisecond)
		return left() >= 3
	})
	change("and it went on")
	console := edge.signIn("ann")
	var text string
	edge.await("all of it is there", func() bool {
		text = edge.recorded(console, id)
		return strings.Contains(text, "and it went on")
	})
	for _, want := range []string{"as it was", "one node is gone"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in it", want)
		}
	}

	// What an edge may do with files: write what the state says that it writes.
	file := holders()[0].keeps()[0]
	for _, p := range cores {
		if p != gone && len(p.keeps()) > 0 {
			file = p.keeps()[0]
		}
	}
	i := takeOver(t, edge, nodes)
	for what, q := range map[string]blob.Request{
		"reads it":                {Name: file, Size: 100},
		"writes where nobody may": {Name: blob.Name{Of: id, ID: relay.NewID()}, Bytes: []byte("forged")},
	} {
		for _, p := range cores {
			if p == gone {
				continue
			}
			conn, err := i.conn(p.name)
			if err != nil {
				t.Fatal(err)
			}
			s, err := conn.Open(ctx, kindBlob)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetDeadline(time.Now().Add(soon)); err != nil {
				t.Fatal(err)
			}
			if b, err := blob.Ask(s, q); err == nil || !strings.Contains(err.Error(), "no such file") {
				t.Errorf("an edge %s: %q, %v", what, b, err)
			}
		}
	}
	for _, p := range cores {
		for _, n := range p.keeps() {
			if b, err := os.ReadFile(filepath.Join(p.data, "blobs", n.Of.String(), n.ID.String())); err != nil || bytes.Contains(b, []byte("forged")) {
				t.Errorf("%s keeps %q, %v", p.name, b, err)
			}
		}
	}

}

func TestOldRecordingsAndStrayFilesAreRemoved(t *testing.T) {
	c := defaults()
	c.Data, c.Listen = t.TempDir(), []string{"127.0.0.1:" + freePort(t)}
	n, err := openNode(t.Context(), c, true, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := n.close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := seedDemo(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	session, visitor, at := relay.NewID(), relay.NewID(), now()
	kept := blob.Name{Of: session, ID: relay.NewID()}
	stray := blob.Name{Of: session, ID: relay.NewID()}
	for _, cmd := range []state.Command{
		state.OpenSession{Session: session, Site: "demo", Visitor: visitor, Node: c.Node, At: at},
		state.SetConsent{Session: session, On: true, Record: true, At: at},
		state.AddSegment{Segment: state.Segment{ID: kept.ID, Session: session, Writer: c.Node, Nodes: []string{c.Node}, At: at}, At: at},
	} {
		if _, err := n.cell.Propose(t.Context(), cmd); err != nil {
			t.Fatalf("%T: %v", cmd, err)
		}
	}
	if err := n.blobs.Append(t.Context(), c.Node, kept, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := n.blobs.Append(t.Context(), c.Node, stray, 0, []byte("x")); err == nil {
		t.Error("a file without a segment can be written")
	}
	if err := n.blobs.store.Append(stray, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	left := func(after time.Duration) (list []blob.Name) {
		t.Helper()
		n.blobs.now = func() time.Time { return time.UnixMilli(at).Add(after) }
		if err := n.blobs.forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		list, err := n.blobs.store.Names(time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := left(0); len(list) != 2 {
		t.Errorf("at once: %v", list) // a file may be ahead of what the state here knows
	}
	if list := left(2 * sweepAfter); len(list) != 1 || list[0] != kept {
		t.Errorf("two hours later: %v", list)
	}
	if list := left(8 * 24 * time.Hour); len(list) != 0 {
		t.Errorf("when its time is over: %v", list)
	}
}
