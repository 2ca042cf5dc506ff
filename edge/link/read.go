package link

import (
	"time"

	"kohe/relay"
	"kohe/relay/wire"
)

// readControl reads the control lane until the connection ends.
func (l *link) readControl(in lane) {
	for {
		f, err := in.read(wire.MaxControl)
		if err == nil {
			err = l.fromStream(f)
		}
		if err != nil {
			l.end(err)
			return
		}
	}
}

func (l *link) fromStream(f wire.Frame) error {
	if !l.open.Load() {
		return nil // what comes after the last word is not heard
	}
	l.heard.Store(time.Now().UnixNano())
	switch {
	case f.Kind.Lane() == relay.Control:
		l.turn <- struct{}{}
		defer func() { <-l.turn }()
		state, err := l.window.stream(f.Seq)
		if err != nil {
			return err
		}
		return l.onControl(f, state)
	case f.Kind.Lane() == relay.Cursor && l.t.datagrams() == nil:
		return l.onCursor(f)
	}
	return wrongLane(f)
}

// readDatagrams reads doubled control frames and the cursor lane. Its end is
// noticed where the control lane is read.
func (l *link) readDatagrams() {
	for {
		b, err := l.t.datagrams().ReceiveDatagram(l.ctx)
		if err != nil {
			return
		}
		if !l.open.Load() {
			l.server.metrics.Early.Add(1)
			continue
		}
		if err := l.fromDatagram(b); err != nil {
			l.end(err)
			return
		}
	}
}

func (l *link) fromDatagram(b []byte) error {
	f, rest, err := wire.Split(b)
	switch {
	case err != nil || len(rest) > 0:
		return relay.Errorf(relay.CodeMalformed, "A datagram is not one whole frame.")
	case f.Kind.Lane() == relay.Cursor:
		l.heard.Store(time.Now().UnixNano())
		return l.onCursor(f)
	case !f.Kind.Doubled():
		return wrongLane(f)
	}
	l.heard.Store(time.Now().UnixNano())
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	return l.onControl(f, l.window.datagram(f.Seq))
}

func wrongLane(f wire.Frame) error {
	return relay.Errorf(relay.CodeProtocol, "A %s frame came on the wrong lane.", f.Kind)
}

// onControl handles one copy of a control frame. The caller holds turn.
func (l *link) onControl(f wire.Frame, state freshness) error {
	m := l.server.metrics
	switch state {
	case duplicate:
		m.Duplicates.Add(1)
		return nil
	case ahead:
		m.Ahead.Add(1)
		return nil
	}
	m.FramesIn[relay.Control].Add(1)
	m.BytesIn[relay.Control].Add(uint64(len(f.Payload)))
	if !l.control.allow(f) {
		return l.overRate(f)
	}
	switch f.Kind {
	case wire.Ping:
		answer, err := pong(f)
		if err != nil {
			return err
		}
		return l.out[relay.Control].reply(answer)
	case wire.Pong:
		return nil
	case wire.Hello:
		return relay.Errorf(relay.CodeProtocol, "A second hello came.")
	}
	return l.answer(l.handler.Frame(relay.Control, f), f)
}

// answer tells the client of an error of its frame. What it returns ends the
// link.
func (l *link) answer(err error, f wire.Frame) error {
	if err == nil {
		return nil
	}
	e := relay.AsError(err)
	if e.Code.Fatal() || e.Code == relay.CodeInternal {
		return e
	}
	l.server.metrics.refuse(e.Code)
	return l.out[relay.Control].reply(errorFrame(e, f.Seq))
}

// overRate refuses a frame that came too soon, and the client if it goes on so.
func (l *link) overRate(f wire.Frame) error {
	l.refused++
	if l.refused > MaxRefused {
		return relay.Errorf(relay.CodeProtocol, "The client sends more than it may and does not slow down.")
	}
	return l.answer(&relay.Error{Code: relay.CodeRate, Text: "That was too quick. Please wait a moment.", Retry: time.Second}, f)
}

// onCursor handles a frame of the cursor lane: the newest wins.
func (l *link) onCursor(f wire.Frame) error {
	m := l.server.metrics
	if f.Seq <= l.pointed || !l.cursor.allow(f) {
		m.Limited.Add(1)
		return nil
	}
	l.pointed = f.Seq
	m.FramesIn[relay.Cursor].Add(1)
	m.BytesIn[relay.Cursor].Add(uint64(len(f.Payload)))
	return l.answer(l.handler.Frame(relay.Cursor, f), f)
}

// acceptPage waits for the page lane as a stream of the same connection.
func (l *link) acceptPage() {
	in, err := l.t.open(l.ctx)
	if err != nil {
		return // closing, or noticed where the control lane is read
	}
	f, err := in.read(wire.MaxHello)
	if err == nil && (f.Kind != wire.Attach || f.Seq != 1) {
		err = relay.Errorf(relay.CodeProtocol, "The page lane does not begin with attach.")
	}
	if err != nil {
		l.end(err)
		return
	}
	l.setOut(relay.Page, in)
	l.startWriter(relay.Page)
	l.readPage(in)
}

// handOver gives a second socket to the link that it names, or refuses it.
func (l *link) handOver(in lane, first wire.Frame) {
	owner, err := l.server.attach(first)
	if err == nil {
		err = owner.adopt(l.t, in)
	}
	if err != nil {
		l.end(err)
		<-l.gone
		return
	}
	l.cancel()
	owner.startWriter(relay.Page)
	owner.readPage(in)
	owner.workers.Done()
}

// adopt takes a second socket as the page lane. The caller goes on to read it
// and then calls workers.Done.
func (l *link) adopt(t transport, in lane) error {
	second, _ := t.(*wsTransport)
	pair, ok := l.t.(*wsTransport)
	if !ok || second == nil {
		return relay.Errorf(relay.CodeProtocol, "The page lane of this connection is a stream of it.")
	}
	if !l.setOut(relay.Page, in) {
		return relay.Errorf(relay.CodeProtocol, "This connection has a page lane.")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return relay.Errorf(relay.CodeGone, "This connection is closing.")
	}
	pair.setSecond(second)
	l.workers.Add(1)
	return nil
}

// readPage reads the page lane until it ends; the connection ends with it. A
// client over its rate is read more slowly.
func (l *link) readPage(in lane) {
	buckets := newBuckets(l.server.limits.Page, wire.MaxPage)
	m := l.server.metrics
	for seq := uint64(2); ; seq++ { // 1 was the attach
		f, err := in.read(wire.MaxPage)
		switch {
		case err != nil:
		case !l.open.Load():
			continue
		case f.Kind.Lane() != relay.Page, f.Kind == wire.Attach:
			err = wrongLane(f)
		case f.Seq != seq:
			err = relay.Errorf(relay.CodeProtocol, "A frame has the sequence %d where %d follows.", f.Seq, seq)
		default:
			l.heard.Store(time.Now().UnixNano())
			m.FramesIn[relay.Page].Add(1)
			m.BytesIn[relay.Page].Add(uint64(len(f.Payload)))
			if err = buckets.wait(l.ctx, f); err == nil {
				err = l.answer(l.handler.Frame(relay.Page, f), f)
			}
		}
		if err != nil {
			l.end(err)
			return
		}
	}
}
