package blob

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/relay"
)

func TestAnotherNodeAppendsAndReads(t *testing.T) {
	s := open(t, vfs.NewMem(), "blobs")
	defer closed(t, s)
	n := Name{relay.NewID(), relay.NewID()}
	errNo := errors.New("not you")
	ask := func(q Request, may error) ([]byte, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		served := make(chan error, 1)
		go func() {
			there, err := l.Accept()
			if err == nil {
				defer there.Close()
				_ = s.Serve(there, func(Request) error { return may }) // as the answer says
				_, err = io.Copy(io.Discard, there)
			}
			served <- err
		}()
		here, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b, err := Ask(here, q)
		if closed := errors.Join(here.Close(), <-served); closed != nil {
			t.Error(closed)
		}
		return b, err
	}
	if _, err := ask(Request{Name: n, Bytes: []byte("tere")}, errNo); err == nil || err.Error() != errNo.Error() {
		t.Error(err)
	}
	if _, err := ask(Request{Name: n, Size: 9}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what was refused is there:", err)
	}
	for _, c := range []struct {
		q    Request
		want error
	}{
		{Request{Name: n, Bytes: []byte("tere")}, nil},
		{Request{Name: n, Offset: 9, Bytes: []byte("x")}, Gap{4}},
		{Request{Name: n, Bytes: []byte("x")}, ErrConflict},
		{Request{Name: n, Offset: MaxFile, Bytes: []byte("x")}, ErrTooLarge},
	} {
		if _, err := ask(c.q, nil); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, not %v", c.q, err, c.want)
		}
	}
	if b, err := ask(Request{Name: n, Offset: 1, Size: 2}, nil); err != nil || string(b) != "er" {
		t.Errorf("%q, %v", b, err)
	}
}

func FuzzServe(f *testing.F) {
	var b bytes.Buffer
	if err := write(&b, Request{Name: Name{relay.NewID(), relay.NewID()}, Bytes: []byte("tere")}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := open(t, vfs.NewMem(), "blobs")
		defer closed(t, s)
		_ = s.Serve(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(data), io.Discard}, func(Request) error { return nil })
	})
}
