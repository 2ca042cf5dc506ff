package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// clientQueue bounds the frames that a Client has received and nobody has
// taken; then it reads no more.
const clientQueue = 256

// Client is the client's end of a connection: of a link that this node has
// carried to another, and in tests and benchmarks. It doubles, drops second
// copies and pings as a browser does, but never connects again by itself. Send
// may be called by many goroutines; Recv too.
type Client struct {
	t        transport
	welcome  wire.WelcomePayload
	frames   chan wire.Frame
	taker    func(wire.Frame) // gets what follows the Welcome in place of Recv; nil: Recv does
	ctx      context.Context
	cancel   context.CancelFunc
	turn     chan struct{} // guards window
	window   window
	control  *sender
	pulse    *time.Timer
	sent     atomic.Int64 // when something was last sent or heard, ns since 1970
	heard    atomic.Int64 // when the last control frame came, likewise
	readers  sync.WaitGroup
	welcomed atomic.Bool // before it, any Error is the end
	metrics  Metrics
	pointed  uint64 // last cursor sequence; owned by who reads the cursor lane

	mu   sync.Mutex // guards what follows
	page *sender
	err  error // why it ended
}

// dialed sends the hello over a new connection and waits for the welcome.
func dialed(ctx context.Context, t transport, hello wire.HelloPayload) (*Client, error) {
	return dialedTo(ctx, t, hello, nil)
}

func dialedTo(ctx context.Context, t transport, hello wire.HelloPayload, taker func(wire.Frame)) (*Client, error) {
	c := &Client{t: t, taker: taker, frames: make(chan wire.Frame, clientQueue), turn: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	in, err := t.open(ctx)
	if err != nil {
		t.close(ctx, "")
		return nil, fmt.Errorf("open control lane: %w", err)
	}
	c.control = c.newSender(in, t.datagrams())
	c.add(c.control, wire.Outgoing{Kind: wire.Hello, Payload: wire.Encode(hello)})
	c.readers.Go(func() { c.readControl(in) })
	if t.datagrams() != nil {
		c.readers.Go(c.readDatagrams)
	}
	first, err := c.Recv(ctx)
	if err == nil && first.Kind != wire.Welcome {
		err = fmt.Errorf("the first frame is %s, not welcome", first.Kind)
	}
	if err == nil {
		err = wire.Decode(first, &c.welcome)
	}
	if _, ok := wire.Common(c.welcome.Version); err == nil && !ok {
		err = relay.Errorf(relay.CodeVersion, "This node speaks version %d of the protocol, this client %d.", c.welcome.Version, hello.Version)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("hello: %w", err)
	}
	if c.welcome.PingMS > 0 {
		every := time.Duration(c.welcome.PingMS) * time.Millisecond
		c.mu.Lock()
		c.pulse = time.AfterFunc(every, func() { c.beat(every) })
		c.mu.Unlock()
	}
	return c, nil
}

// Welcome returns what the edge answered the hello with.
func (c *Client) Welcome() wire.WelcomePayload { return c.welcome }

// Metrics counts this client's frames and second copies.
func (c *Client) Metrics() *Metrics { return &c.metrics }

// Send sends a frame on the lane of its kind and returns its sequence, which
// an answer's ref names. payload is bytes as they are or a value to encode. It
// blocks as long as the lane does.
func (c *Client) Send(kind wire.Kind, payload any) (uint64, error) {
	b, ok := payload.([]byte)
	if !ok {
		b = wire.Encode(payload)
	}
	out := c.control
	if kind.Lane() == relay.Page {
		c.mu.Lock()
		out = c.page
		c.mu.Unlock()
		if out == nil {
			return 0, errors.New("send on the page lane: it was not opened")
		}
	}
	seq := c.add(out, wire.Outgoing{Kind: kind, Payload: b})
	if seq == 0 {
		return 0, c.Err()
	}
	return seq, nil
}

// OpenPage opens the page lane.
func (c *Client) OpenPage(ctx context.Context) error {
	in, err := c.t.open(ctx)
	if err != nil {
		return fmt.Errorf("open page lane: %w", err)
	}
	var attach wire.AttachPayload
	if c.t.datagrams() == nil {
		attach = wire.AttachPayload{Link: c.welcome.Link, Key: c.welcome.Key}
	}
	out := c.newSender(in, nil)
	c.mu.Lock()
	c.page = out
	c.mu.Unlock()
	c.add(out, wire.Outgoing{Kind: wire.Attach, Payload: wire.Encode(attach)})
	c.readers.Go(func() { c.readPage(in) })
	return nil
}

// Recv returns the next frame of any lane. Pongs and second copies are left
// out. After a fatal Error frame, or the connection's end, it returns why; the
// edge's Error is a *relay.Error.
func (c *Client) Recv(ctx context.Context) (wire.Frame, error) {
	select {
	case f := <-c.frames:
		return f, nil
	default:
	}
	select {
	case f := <-c.frames:
		return f, nil
	case <-c.ctx.Done():
		select {
		case f := <-c.frames:
			return f, nil
		default:
			return wire.Frame{}, c.Err()
		}
	case <-ctx.Done():
		return wire.Frame{}, ctx.Err()
	}
}

// Err returns why the connection ended, nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Heard returns when the last control frame came, Pongs included.
func (c *Client) Heard() time.Time { return time.Unix(0, c.heard.Load()) }

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.ctx.Done() }

// Close leaves and waits for the client's goroutines.
func (c *Client) Close() {
	c.end(errors.New("closed by the client"))
	c.readers.Wait()
}

// end closes the connection, once.
func (c *Client) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	page, pulse := c.page, c.pulse
	c.mu.Unlock()
	c.cancel()
	if pulse != nil {
		pulse.Stop()
	}
	c.control.stop()
	if page != nil {
		page.stop()
	}
	c.t.close(context.Background(), "")
}

func (c *Client) newSender(to lane, d datagrams) *sender {
	s := &sender{write: to.write, failed: c.end, metrics: &c.metrics}
	if d != nil {
		s.datagram = d.SendDatagram
	}
	return s
}

func (c *Client) add(out *sender, f wire.Outgoing) uint64 {
	c.sent.Store(time.Now().UnixNano())
	seq := out.add(f)
	out.flush()
	return seq
}

// beat pings when nothing was sent for as long as the welcome said.
func (c *Client) beat(every time.Duration) {
	if rest := every - time.Since(time.Unix(0, c.sent.Load())); rest > 0 {
		c.again(rest)
		return
	}
	c.add(c.control, wire.Outgoing{Kind: wire.Ping, Payload: wire.Encode(wire.PingPayload{T: time.Now().UnixMilli()})})
	c.again(every)
}

func (c *Client) again(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.pulse.Reset(wait)
	}
}

func (c *Client) readControl(in lane) {
	for {
		f, err := in.read(wire.MaxControl)
		if err == nil && f.Kind.Lane() == relay.Cursor && c.t.datagrams() == nil {
			c.deliver(f)
			continue
		}
		var state freshness
		if err == nil {
			c.turn <- struct{}{}
			state, err = c.window.stream(f.Seq)
			<-c.turn
		}
		if err == nil {
			err = c.take(f, state)
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

func (c *Client) readDatagrams() {
	for {
		b, err := c.t.datagrams().ReceiveDatagram(c.ctx)
		if err != nil {
			return
		}
		f, _, err := wire.Split(b)
		if err != nil || !c.welcomed.Load() { // one that overtook the Welcome comes again on the stream
			continue
		}
		if f.Kind.Lane() == relay.Cursor {
			if f.Seq > c.pointed {
				c.pointed = f.Seq
				c.deliver(f)
			}
			continue
		}
		c.turn <- struct{}{}
		state := c.window.datagram(f.Seq)
		<-c.turn
		if err := c.take(f, state); err != nil {
			c.end(err)
			return
		}
	}
}

func (c *Client) readPage(in lane) {
	for {
		f, err := in.read(wire.MaxPage)
		if err == nil && f.Kind == wire.Error {
			err = c.take(f, fresh)
		}
		if err != nil {
			c.end(err)
			return
		}
		c.deliver(f)
	}
}

// take delivers the first copy of a control frame. It returns a fatal Error.
func (c *Client) take(f wire.Frame, state freshness) error {
	c.heard.Store(time.Now().UnixNano())
	switch {
	case state != fresh:
		c.metrics.Duplicates.Add(1)
		return nil
	case f.Kind == wire.Pong:
		return nil
	case f.Kind == wire.Ping:
		c.add(c.control, wire.Outgoing{Kind: wire.Pong, Payload: f.Payload})
		return nil
	case f.Kind == wire.Welcome:
		c.deliver(f)
		c.welcomed.Store(true)
		return nil
	case f.Kind == wire.Error:
		var e wire.ErrorPayload
		if err := wire.Decode(f, &e); err != nil {
			return err
		}
		if e.Code.Fatal() || e.Ref == 0 && (e.Code == relay.CodeInternal || !c.welcomed.Load()) {
			return &relay.Error{Code: e.Code, Text: e.Text, Retry: time.Duration(e.RetryMS) * time.Millisecond}
		}
	}
	c.deliver(f)
	return nil
}

func (c *Client) deliver(f wire.Frame) {
	c.metrics.FramesIn[f.Kind.Lane()].Add(1)
	c.metrics.BytesIn[f.Kind.Lane()].Add(uint64(len(f.Payload)))
	if c.taker != nil && c.welcomed.Load() {
		c.taker(f)
		return
	}
	select {
	case c.frames <- f:
	case <-c.ctx.Done():
	}
}
