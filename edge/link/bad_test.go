package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/quic-go/webtransport-go"

	"kohe/edge/listen"
	"kohe/relay"
	"kohe/relay/wire"
)

// rawClient writes whatever a test wants.
type rawClient struct {
	t    transport
	test *testing.T
	lane lane
}

func raw(t *testing.T, over transport) *rawClient {
	t.Helper()
	l, err := over.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { over.close(context.Background(), "") })
	t.Cleanup(func() { stuck.Stop() })
	return &rawClient{over, t, l}
}

func (r *rawClient) write(b []byte) {
	r.test.Helper()
	if err := r.lane.write(b); err != nil {
		r.test.Fatal(err)
	}
}

func (r *rawClient) say(k wire.Kind, seq uint64, payload []byte) {
	r.test.Helper()
	r.write(wire.Append(nil, wire.Frame{Kind: k, Seq: seq, Payload: payload}))
}

// welcome says hello and waits for the answer.
func (r *rawClient) welcome() wire.WelcomePayload {
	r.test.Helper()
	r.say(wire.Hello, 1, wire.Encode(hello))
	f, err := r.lane.read(wire.MaxControl)
	var w wire.WelcomePayload
	if err != nil || f.Kind != wire.Welcome || wire.Decode(f, &w) != nil {
		r.test.Fatalf("welcome: %v, %v", f.Kind, err)
	}
	return w
}

// told reads until a fatal Error frame, or one that is about no frame.
func (r *rawClient) told() wire.ErrorPayload {
	r.test.Helper()
	for {
		f, err := r.lane.read(wire.MaxControl)
		if err != nil {
			r.test.Fatalf("waiting for an Error frame: %v", err)
		}
		var e wire.ErrorPayload
		if f.Kind == wire.Error {
			if err := wire.Decode(f, &e); err != nil {
				r.test.Fatal(err)
			}
			if e.Ref == 0 {
				return e
			}
		}
	}
}

// way connects a raw client to the echoing server over one transport.
type way struct {
	name      string
	connect   func(*testing.T) transport
	datagrams bool
}

// port is a listening node whose links echo.
type port struct {
	server   *Server
	handlers <-chan *echo
	listener *listen.Listener
	dialer   *Dialer
	ws, wt   string
}

func openPort(t *testing.T, c Config) *port {
	t.Helper()
	p := &port{}
	p.server, p.handlers = newServer(t, c, nil)
	mux := http.NewServeMux()
	mux.Handle("/kohe/ws", p.server)
	var err error
	p.listener, err = listen.Open(listen.Config{
		Addrs: []string{"127.0.0.1:0"}, Handler: mux, WebTransportPath: "/kohe/wt", WebTransport: p.server.ServeWebTransport,
		Limits: listen.Limits{ConnsPerAddr: 10_000},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.dialer = &Dialer{Hashes: p.listener.Hashes(), Origin: "http://shop.example"}
	p.ws = "ws://" + p.listener.Addr() + "/kohe/ws"
	p.wt = "https://" + p.listener.Addr() + "/kohe/wt"
	return p
}

func (p *port) close(t *testing.T) {
	t.Helper()
	closeServer(t, p.server)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.listener.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := p.dialer.Close(); err != nil {
		t.Error(err)
	}
}

func (p *port) ways() []way {
	return []way{
		{"memory", func(*testing.T) transport { return p.dialer.memory(p.server, Path{}) }, true},
		{"websocket", func(t *testing.T) transport {
			ws, err := p.dialer.webSocket(t.Context(), p.ws)
			if err != nil {
				t.Fatal(err)
			}
			return ws
		}, false},
		{"webtransport", func(t *testing.T) transport {
			wt, err := p.dialer.transport()
			if err != nil {
				t.Fatal(err)
			}
			_, session, err := wt.Dial(t.Context(), p.wt, p.dialer.header())
			if err != nil {
				t.Fatal(err)
			}
			return &wtTransport{session: session, client: true}
		}, true},
	}
}

func TestBadInputIsAnsweredWithItsCodeAndHurtsNobodyElse(t *testing.T) {
	frame := func(k wire.Kind, seq uint64, n int) []byte {
		return wire.Append(nil, wire.Frame{Kind: k, Seq: seq, Payload: bytes.Repeat([]byte(" "), n)})
	}
	first := []struct {
		name  string
		bytes []byte
		code  relay.Code
	}{
		{"a first frame that is no hello", frame(wire.Say, 1, 2), relay.CodeProtocol},
		{"a first frame of sequence 2", wire.Append(nil, wire.Frame{Kind: wire.Hello, Seq: 2, Payload: wire.Encode(hello)}), relay.CodeProtocol},
		{"a hello over 4 KiB", frame(wire.Hello, 1, wire.MaxHello+1), relay.CodeTooLarge},
		{"a control frame over 4 KiB", frame(wire.Say, 1, wire.MaxHello+1), relay.CodeTooLarge},
		{"a hello that is no JSON", frame(wire.Hello, 1, 2), relay.CodeMalformed},
		{"no version", wire.Append(nil, wire.Frame{Kind: wire.Hello, Seq: 1, Payload: []byte(`{}`)}), relay.CodeVersion},
		{"a version of the future", wire.Append(nil, wire.Frame{Kind: wire.Hello, Seq: 1, Payload: []byte(`{"v":3}`)}), relay.CodeVersion},
		{"an unknown kind", []byte{0x7f, 0, 1, 0, 0, 0}, relay.CodeMalformed},
		{"a number in long form", []byte{byte(wire.Hello), 0x80, 0, 1}, relay.CodeMalformed},
		{"a forged token", wire.Append(nil, wire.Frame{Kind: wire.Hello, Seq: 1, Payload: []byte(`{"v":1,"token":"forged"}`)}), relay.CodeAuth},
		{"an attach to nothing", wire.Append(nil, wire.Frame{Kind: wire.Attach, Seq: 1, Payload: []byte(`{}`)}), ""},
	}
	later := []struct {
		name  string
		bytes []byte
		code  relay.Code
	}{
		{"an unknown kind", []byte{0xff, 0, 2}, relay.CodeMalformed},
		{"a control frame over its limit", wire.AppendHeader(nil, wire.Say, wire.MaxControl+1, 2), relay.CodeTooLarge},
		{"a gap in the sequence", frame(wire.Say, 3, 2), relay.CodeProtocol},
		{"a sequence again", frame(wire.Say, 1, 2), relay.CodeProtocol},
		{"a page frame on the control lane", frame(wire.PageDiff, 2, 20), relay.CodeProtocol},
		{"an attach on the control lane", frame(wire.Attach, 2, 2), relay.CodeProtocol},
		{"a second hello", frame(wire.Hello, 2, 2), relay.CodeProtocol},
		{"a ping that is no JSON", frame(wire.Ping, 2, 2), relay.CodeMalformed},
	}
	p := openAuthPort(t)
	defer p.close(t)
	bystander, err := p.dialer.WebSocket(t.Context(), p.ws, hello)
	if err != nil {
		t.Fatal(err)
	}
	defer bystander.Close()
	for _, over := range p.ways() {
		for _, bad := range first {
			code := bad.code
			if code == "" { // only a second socket may begin with attach
				code = relay.CodeProtocol
				if over.name == "websocket" {
					code = relay.CodeAuth
				}
			}
			t.Run(over.name+"/first/"+bad.name, func(t *testing.T) {
				r := raw(t, over.connect(t))
				r.write(bad.bytes)
				r.refused(code)
			})
		}
		for _, bad := range later {
			t.Run(over.name+"/later/"+bad.name, func(t *testing.T) {
				r := raw(t, over.connect(t))
				r.welcome()
				r.write(bad.bytes)
				r.refused(bad.code)
			})
		}
	}
	if _, err := bystander.Send(wire.Say, say("still here")); err != nil {
		t.Fatal(err)
	}
	expect(t, bystander, wire.Message)
}

// openAuthPort is an openPort that refuses tokens.
func openAuthPort(t *testing.T) *port {
	var s *Server
	echoing, handlers := accept(&s, nil)
	p := openPort(t, Config{Accept: func(ctx context.Context, peer Peer, h wire.HelloPayload) (Handler, error) {
		if h.Token != "" {
			return nil, relay.Errorf(relay.CodeAuth, "This token is not ours.")
		}
		return echoing(ctx, peer, h)
	}})
	s, p.handlers = p.server, handlers
	return p
}

// refused expects an Error frame with the code, and then the close.
func (r *rawClient) refused(code relay.Code) {
	r.test.Helper()
	if e := r.told(); e.Code != code || e.Text == "" {
		r.test.Errorf("told %+v, want %s", e, code)
	}
	if wt, ok := r.t.(*wtTransport); ok { // it waits for us to go first
		wt.close(r.test.Context(), "")
		return
	}
	r.closed()
}

// closed expects the connection's end, with the close code if the transport
// has one.
func (r *rawClient) closed() {
	r.test.Helper()
	var err error
	for err == nil {
		_, err = r.lane.read(wire.MaxControl)
	}
	if status := websocket.CloseStatus(err); status != -1 && status != CloseCode {
		r.test.Errorf("closed with %d", status)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r.t.close(ctx, "")
}

func TestASessionThatStaysAfterItsErrorIsClosedWithTheCode(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	r := raw(t, p.ways()[2].connect(t))
	r.say(wire.Say, 1, nil)
	if e := r.told(); e.Code != relay.CodeProtocol {
		t.Errorf("told %v", e)
	}
	_, err := r.lane.read(wire.MaxControl)
	if e, ok := errors.AsType[*webtransport.SessionError](err); !ok || e.ErrorCode != CloseCode || e.Message != "protocol" {
		t.Errorf("closed with %v", err)
	}
}

func TestNoHelloInTimeIsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, Config{}, nil)
		began := time.Now()
		mute := raw(t, new(Dialer).memory(s, Path{}))
		slow := raw(t, new(Dialer).memory(s, Path{}))
		slow.write([]byte{byte(wire.Hello), 100})
		mute.refused(relay.CodeTimeout)
		slow.refused(relay.CodeTimeout)
		if d := time.Since(began); d < HelloTimeout || d > HelloTimeout+2*closeGrace {
			t.Errorf("refused after %v", d)
		}
		nothing := new(Dialer).memory(s, Path{}) // not even a lane
		<-nothing.shared.closed
		late := raw(t, new(Dialer).memory(s, Path{Latency: HelloTimeout}))
		late.say(wire.Hello, 1, wire.Encode(hello))
		late.closed()
		closeServer(t, s)
	})
}

func TestDatagramsBeforeWelcomeDoNotCount(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	for _, over := range p.ways() {
		if !over.datagrams {
			continue
		}
		t.Run(over.name, func(t *testing.T) {
			before := p.server.metrics.Early.Load()
			r := raw(t, over.connect(t))
			early := wire.Append(nil, wire.Frame{Kind: wire.Say, Seq: 2, Payload: wire.Encode(say("early"))})
			if err := r.t.datagrams().SendDatagram(early); err != nil {
				t.Fatal(err)
			}
			for p.server.metrics.Early.Load() == before {
				if err := r.t.datagrams().SendDatagram([]byte{0xff}); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Millisecond)
			}
			r.welcome()
			r.say(wire.Say, 2, wire.Encode(say("in time")))
			f, err := r.lane.read(wire.MaxControl)
			if err != nil || f.Kind != wire.Message || !strings.Contains(string(f.Payload), "in time") {
				t.Errorf("%v %s %v", f.Kind, f.Payload, err)
			}
			r.t.close(t.Context(), "")
		})
	}
}

func TestAClientLeavesADatagramThatOvertakesTheWelcomeToTheStream(t *testing.T) {
	client, server := memPair(Path{})
	done := make(chan error, 1)
	go func() {
		c, err := dialed(t.Context(), client, hello)
		if err == nil {
			defer c.Close()
			var f wire.Frame
			if f, err = c.Recv(t.Context()); err == nil && f.Kind != wire.Message {
				err = fmt.Errorf("%s came after the welcome", f.Kind)
			}
		}
		done <- err
	}()
	in, err := server.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	message := wire.Append(nil, wire.Frame{Kind: wire.Message, Seq: 2, Payload: wire.Encode(relay.Message{Text: "hello"})})
	if err := server.SendDatagram(message); err != nil {
		t.Fatal(err)
	}
	for len(server.out.datagrams) > 0 { // the client reads it before there is a welcome
		<-time.After(time.Millisecond)
	}
	welcome := wire.Append(nil, wire.Frame{Kind: wire.Welcome, Seq: 1, Payload: wire.Encode(wire.WelcomePayload{Version: wire.Version})})
	if err := in.write(append(welcome, message...)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestBadDatagramsAreAnsweredWithTheirCode(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	for _, over := range p.ways() {
		if !over.datagrams {
			continue
		}
		for _, bad := range []struct {
			name  string
			bytes []byte
			code  relay.Code
		}{
			{"no frame", []byte{0xff}, relay.CodeMalformed},
			{"half a frame", []byte{byte(wire.Say), 9, 2}, relay.CodeMalformed},
			{"a frame and a half", append(wire.Append(nil, wire.Frame{Kind: wire.Pointer, Seq: 1}), 0), relay.CodeMalformed},
			{"a kind that is not doubled", wire.Append(nil, wire.Frame{Kind: wire.Open, Seq: 2}), relay.CodeProtocol},
			{"a page frame", wire.Append(nil, wire.Frame{Kind: wire.PageDiff, Seq: 2}), relay.CodeProtocol},
		} {
			t.Run(over.name+"/"+bad.name, func(t *testing.T) {
				r := raw(t, over.connect(t))
				r.welcome()
				if err := r.t.datagrams().SendDatagram(bad.bytes); err != nil {
					t.Fatal(err)
				}
				r.refused(bad.code)
			})
		}
	}
}

func TestDatagramsFarAheadAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, Config{}, nil)
		r := raw(t, new(Dialer).memory(s, Path{}))
		r.welcome()
		for _, seq := range []uint64{1 + seenAhead + 1, 1<<63 + 1} {
			if err := r.t.datagrams().SendDatagram(wire.Append(nil, wire.Frame{Kind: wire.Say, Seq: seq, Payload: wire.Encode(say("far"))})); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if n := s.metrics.Ahead.Load(); n != 2 {
			t.Errorf("%d datagrams were dropped, want 2", n)
		}
		r.say(wire.Say, 2, wire.Encode(say("near")))
		if f, err := r.lane.read(wire.MaxControl); err != nil || !strings.Contains(string(f.Payload), "near") {
			t.Errorf("%s %v", f.Payload, err)
		}
		r.t.close(t.Context(), "")
		closeServer(t, s)
	})
}

func TestAFloodIsRefusedAndThenClosed(t *testing.T) {
	p := openPort(t, Config{Limits: Limits{Control: Rate{Frames: 10, Bytes: 1 << 20, Burst: 1}}})
	defer p.close(t)
	for _, over := range p.ways() {
		t.Run(over.name, func(t *testing.T) {
			r := raw(t, over.connect(t))
			r.welcome()
			var flood []byte
			for seq := range uint64(10 + MaxRefused + 20) {
				flood = wire.Append(flood, wire.Frame{Kind: wire.End, Seq: seq + 2, Payload: []byte("{}")})
			}
			r.write(flood)
			r.refused(relay.CodeProtocol)
			if n := p.server.metrics.Refused()[relay.CodeRate]; n < MaxRefused {
				t.Errorf("%d frames were refused before", n)
			}
		})
	}
}

func TestAClientThatDoesNotReadItsAnswersIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // real sockets take megabytes before they block
		s, handlers := newServer(t, Config{Limits: Limits{Control: Rate{Frames: 1e6, Bytes: 1 << 30, Burst: 1}}}, nil)
		r := raw(t, new(Dialer).memory(s, Path{}))
		r.welcome()
		e := <-handlers
		ping := wire.Encode(wire.PingPayload{T: 1})
		for seq := uint64(2); r.lane.write(wire.Append(nil, wire.Frame{Kind: wire.Ping, Seq: seq, Payload: ping})) == nil; {
			seq++
		}
		if err := <-e.closed; relay.CodeOf(err) != relay.CodeOverflow {
			t.Errorf("closed with %v", err)
		}
		closeServer(t, s)
	})
}

func TestAPageLaneProvesItsConnection(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	owner := raw(t, p.ways()[1].connect(t))
	welcome := owner.welcome()
	e := <-p.handlers
	attach := func(link relay.ID, key string) *rawClient {
		r := raw(t, p.ways()[1].connect(t))
		r.say(wire.Attach, 1, wire.Encode(wire.AttachPayload{Link: link, Key: key}))
		return r
	}
	attach(welcome.Link, relay.NewID().String()).refused(relay.CodeAuth)
	attach(welcome.Link, "").refused(relay.CodeAuth)
	attach(relay.NewID(), welcome.Key).refused(relay.CodeAuth)

	page := attach(welcome.Link, welcome.Key)
	diff := wire.AppendSession(nil, relay.NewID())
	page.say(wire.PageDiff, 2, diff)
	if f, err := page.lane.read(wire.MaxPage); err != nil || f.Kind != wire.PageDiff {
		t.Fatalf("%v %v", f.Kind, err)
	}
	attach(welcome.Link, welcome.Key).refused(relay.CodeProtocol) // it has one

	page.say(wire.PageDiff, 4, diff)
	owner.refused(relay.CodeProtocol)
	page.closed()
	if err := <-e.closed; relay.CodeOf(err) != relay.CodeProtocol {
		t.Errorf("closed with %v", err)
	}
	attach(welcome.Link, welcome.Key).refused(relay.CodeAuth) // it is over
}

func TestAPageLaneOfAStreamBeginsWithAttach(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	for _, over := range p.ways() {
		if over.name == "websocket" {
			continue
		}
		for name, bytes := range map[string][]byte{
			"a page frame":         wire.Append(nil, wire.Frame{Kind: wire.PageDiff, Seq: 1, Payload: make([]byte, 16)}),
			"a control frame":      wire.Append(nil, wire.Frame{Kind: wire.Say, Seq: 1, Payload: []byte("{}")}),
			"an attach too many":   slices.Concat(wire.Append(nil, wire.Frame{Kind: wire.Attach, Seq: 1}), wire.Append(nil, wire.Frame{Kind: wire.Attach, Seq: 2})),
			"a gap after attach":   slices.Concat(wire.Append(nil, wire.Frame{Kind: wire.Attach, Seq: 1}), wire.Append(nil, wire.Frame{Kind: wire.PageDiff, Seq: 3})),
			"control after attach": slices.Concat(wire.Append(nil, wire.Frame{Kind: wire.Attach, Seq: 1}), wire.Append(nil, wire.Frame{Kind: wire.End, Seq: 2})),
		} {
			t.Run(over.name+"/"+name, func(t *testing.T) {
				r := raw(t, over.connect(t))
				r.welcome()
				second, err := r.t.open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if err := second.write(bytes); err != nil {
					t.Fatal(err)
				}
				r.refused(relay.CodeProtocol)
			})
		}
	}
}

func TestAWebSocketMessageIsBinaryAndWhole(t *testing.T) {
	p := openPort(t, Config{})
	defer p.close(t)
	whole := wire.Append(nil, wire.Frame{Kind: wire.Say, Seq: 2, Payload: wire.Encode(say("x"))})
	for _, bad := range []struct {
		name  string
		kind  websocket.MessageType
		bytes []byte
	}{
		{"text", websocket.MessageText, whole},
		{"a frame cut short", websocket.MessageBinary, whole[:len(whole)-1]},
		{"a frame and a half", websocket.MessageBinary, append(slices.Clone(whole), whole[:3]...)},
		{"nothing", websocket.MessageBinary, nil},
	} {
		t.Run(bad.name, func(t *testing.T) {
			over := p.ways()[1].connect(t).(*wsTransport)
			r := raw(t, over)
			r.welcome()
			if err := over.first.conn.Write(t.Context(), bad.kind, bad.bytes); err != nil {
				t.Fatal(err)
			}
			r.refused(relay.CodeMalformed)
		})
	}
}

func TestAWebSocketOfAnotherProtocolIsRefused(t *testing.T) {
	s, _ := newServer(t, Config{}, nil)
	defer closeServer(t, s)
	web := httptest.NewServer(s)
	defer web.Close()
	for _, offered := range [][]string{nil, {"kohe.2"}, {"graphql-ws"}} {
		_, r, err := websocket.Dial(t.Context(), web.URL, &websocket.DialOptions{Subprotocols: offered})
		if err == nil || r.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %v", offered, err)
		}
	}
	r, err := web.Client().Get(web.URL)
	if err != nil || r.StatusCode != http.StatusBadRequest {
		t.Fatalf("a plain request: %v, %v", r, err)
	}
	if err := r.Body.Close(); err != nil {
		t.Error(err)
	}
}
