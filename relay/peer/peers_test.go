package peer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
)

const kindEcho = FirstKind

// node is a Peers with its port.
type node struct {
	*Peers
	*port
	creds *Credentials
	ups   chan Event
}

func (n *node) member() Node {
	id := n.creds.Identity()
	return Node{ID: id.Node, Addr: n.addr(), Role: id.Role, Region: id.Region}
}

// openNode starts a node that echoes streams and datagrams of kindEcho.
func openNode(t testing.TB, conn net.PacketConn, creds *Credentials, change func(*Config), key ...*quic.StatelessResetKey) *node {
	t.Helper()
	n := &node{creds: creds, ups: make(chan Event, 1000)}
	c := Config{Credentials: creds, Dial: func(ctx context.Context, addr string, tls *tlsConfig, q *quic.Config) (*quic.Conn, error) {
		return n.port.dial(ctx, addr, tls, q)
	}}
	if change != nil {
		change(&c)
	}
	n.Peers = New(c)
	n.Handle(kindEcho, func(_ context.Context, _ *Conn, s Stream) {
		_, _ = io.Copy(s, s.Stream)
		_ = s.Stream.Close()
	})
	n.HandleDatagrams(kindEcho+1, func(c *Conn, b []byte) { _ = c.Datagram(kindEcho+2, b) })
	n.Watch(func(e Event) { n.ups <- e })
	n.port = openPort(t, conn, append(key, nil)[0], map[string]served{ALPN: {n.TLS(), n.Peers.Serve}})
	return n
}

// stop ends a node cleanly, kill as kill -9 does.
func (n *node) stop() {
	n.Peers.Close()
	n.port.close()
}

func (n *node) kill() {
	n.port.close()
	n.Peers.Close()
}

// Up returns the connections that are up.
func (n *node) Up() []*Conn {
	var up []*Conn
	for _, l := range n.Links() {
		if l.Conn != nil {
			up = append(up, l.Conn)
		}
	}
	return up
}

// know makes nodes members of one cluster.
func know(nodes ...*node) {
	var members []Node
	for _, n := range nodes {
		members = append(members, n.member())
	}
	for _, n := range nodes {
		n.Set(members)
	}
}

// pair opens the nodes a and b on a network.
func pair(t testing.TB, n *memNet) (a, b *node) {
	t.Helper()
	ca := newCA(t)
	a, b = openNode(t, n.listen(), issue(t, ca, "a", RoleCore), nil), openNode(t, n.listen(), issue(t, ca, "b", RoleCore), nil)
	know(a, b)
	return a, b
}

func echo(t testing.TB, c *Conn, text string) {
	t.Helper()
	s, err := c.Open(t.Context(), kindEcho)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := s.Stream.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(s); err != nil || string(b) != text {
		t.Fatalf("%q, %v", b, err)
	}
}

func TestNodesTalkOverOneConnection(t *testing.T) {
	ca := newCA(t)
	a, b := openNode(t, udp(t), issue(t, ca, "a", RoleCore), nil), openNode(t, udp(t), issue(t, ca, "b", RoleEdge), nil)
	defer a.stop()
	defer b.stop()
	know(a, b)
	answers := make(chan []byte, 1)
	a.HandleDatagrams(kindEcho+2, func(_ *Conn, b []byte) { answers <- b })
	var callers sync.WaitGroup
	conns := make([]*Conn, 20)
	for i := range conns {
		callers.Go(func() {
			c, err := a.Conn(t.Context(), "b")
			if err != nil {
				t.Error(err)
			}
			conns[i] = c
		})
	}
	callers.Wait()
	for _, c := range conns {
		if c != conns[0] {
			t.Error("callers got different connections")
		}
	}
	up := <-b.ups
	back, err := b.Conn(t.Context(), "a")
	if err != nil || !up.Up || up.Conn != back || back.Peer() != a.creds.Identity() || conns[0].Peer() != b.creds.Identity() {
		t.Errorf("%+v, %v", back.Peer(), err)
	}
	echo(t, conns[0], "there")
	echo(t, back, strings.Repeat("and back ", 100_000))
	if err := conns[0].Datagram(kindEcho+1, make([]byte, MaxDatagram)); err != nil {
		t.Fatal(err)
	}
	if have := <-answers; len(have) != MaxDatagram {
		t.Errorf("%d bytes", len(have))
	}
	if err := conns[0].Datagram(kindEcho+1, make([]byte, MaxDatagram+1)); err != ErrTooLarge {
		t.Errorf("%v", err)
	}
	s := conns[0].Stats()
	if !s.Dialled || s.RTT == 0 || conns[0].RTT() == 0 || s.BytesIn < 900_000 || s.StreamsOut != 1 || s.StreamsIn != 1 || s.DatagramsIn != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := a.Conn(t.Context(), "c"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("%v", err)
	}
	if _, err := a.Conn(t.Context(), "a"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("%v", err)
	}
}

func TestAStreamOfAnUnknownKindIsRefused(t *testing.T) {
	ca := newCA(t)
	a, b := openNode(t, udp(t), issue(t, ca, "a", RoleCore), nil), openNode(t, udp(t), issue(t, ca, "b", RoleEdge), nil)
	defer a.stop()
	defer b.stop()
	know(a, b)
	c, err := a.Conn(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Kind{kindHello, 200} {
		s, err := c.Open(t.Context(), kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(s); err == nil {
			t.Errorf("kind %d: no error", kind)
		}
	}
	echo(t, c, "nothing else is harmed")
}

func TestWhoIsNotOfTheClusterIsRefused(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	twin := &CA{cluster: ca.cluster, key: other.key, cert: other.cert} // says our cluster's name under its own key
	expired, err := ca.Issue(Identity{ca.Cluster(), "b", RoleEdge, ""}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	old, err := ca.Issue(Identity{ca.Cluster(), "b", RoleEdge, ""}, time.Now().Add(-2*nodeLife))
	if err == nil || old != nil {
		t.Fatal("an expired certificate became credentials")
	}
	request, _ := expired.Request()
	past, err := ca.Sign(request, expired.Identity(), time.Now().Add(-2*nodeLife))
	if err != nil {
		t.Fatal(err)
	}
	pair := *expired.pair.Load()
	pair.Certificate, pair.Leaf = [][]byte{past.Raw}, past
	expired.pair.Store(&pair)
	forged := issue(t, other, "b", RoleEdge)
	twinCert, err := twinIssue(twin, "b")
	if err != nil {
		t.Fatal(err)
	}
	for name, creds := range map[string]*Credentials{
		"a foreign CA": forged, "a CA of the same name": twinCert, "an expired certificate": expired,
		"another role": issue(t, ca, "b", RoleCore), "no member": issue(t, ca, "z", RoleEdge),
	} {
		t.Run(name, func(t *testing.T) {
			a := openNode(t, udp(t), issue(t, ca, "a", RoleCore), nil)
			b := openNode(t, udp(t), creds, nil)
			defer a.stop()
			defer b.stop()
			a.Set([]Node{a.member(), {ID: "b", Addr: b.addr(), Role: RoleEdge}})
			b.Set([]Node{a.member()})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if c, err := a.Conn(ctx, "b"); err == nil {
				waitGone(t, c)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if c, err := b.Conn(ctx, "a"); err == nil {
				waitGone(t, c)
			}
			if up := a.Up(); len(up) != 0 {
				t.Errorf("connected to %+v", up[0].Peer())
			}
		})
	}
}

// twinIssue makes credentials that trust our CA but are signed by the twin.
func twinIssue(twin *CA, name string) (*Credentials, error) {
	key, request, err := newRequest()
	if err != nil {
		return nil, err
	}
	id := Identity{twin.cluster, name, RoleEdge, ""}
	cert, err := twin.Sign(request, id, time.Now())
	if err != nil {
		return nil, err
	}
	c := &Credentials{id: id, key: key, ca: twin.cert}
	own, err := newCredentials(key, cert, twin.cert, time.Now())
	if own != nil || err == nil {
		return nil, fmt.Errorf("a CA that signs for another cluster is taken: %w", err)
	}
	c.pool = poolOf(twin.cert)
	c.pair.Store(pairOf(key, cert))
	return c, nil
}

func waitGone(t testing.TB, c *Conn) {
	t.Helper()
	select {
	case <-c.Done():
	case <-time.After(3 * time.Second):
		t.Errorf("the connection to %s stays", c.Peer().Node)
	}
}

func TestLeavingAndAllowTakeEffectAtOnce(t *testing.T) {
	ca := newCA(t)
	var mu sync.Mutex
	barred := ""
	a := openNode(t, udp(t), issue(t, ca, "a", RoleCore), func(c *Config) {
		c.Allow = func(id Identity) error {
			mu.Lock()
			defer mu.Unlock()
			if id.Node == barred {
				return relay.Errorf(relay.CodeForbidden, "Barred.")
			}
			return nil
		}
	})
	b, c := openNode(t, udp(t), issue(t, ca, "b", RoleEdge), nil), openNode(t, udp(t), issue(t, ca, "c", RoleEdge), nil)
	defer a.stop()
	defer b.stop()
	defer c.stop()
	know(a, b, c)
	toB, err := a.Conn(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	toC, err := a.Conn(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	a.Set([]Node{a.member(), b.member()})
	waitGone(t, toC)
	if _, err := a.Conn(t.Context(), "c"); relay.CodeOf(err) != relay.CodeNotFound {
		t.Errorf("%v", err)
	}
	if toB.quic.Context().Err() != nil {
		t.Error("b is gone too")
	}
	mu.Lock()
	barred = "b"
	mu.Unlock()
	a.Set([]Node{a.member(), b.member()})
	waitGone(t, toB)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	<-b.ups // up
	<-b.ups // down
	if _, err := b.Conn(ctx, "a"); err == nil {
		t.Error("who is barred gets in")
	}
	if _, err := c.Conn(t.Context(), "a"); err != nil { // no member, but allowed
		t.Error(err)
	}
}

func TestADialThatNobodyAnswersGivesWayToTheNodeThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(time.Millisecond, 0)
		ca := newCA(t)
		a := openNode(t, n.listen(), issue(t, ca, "a", RoleCore), nil)
		socket, creds := n.listen(), issue(t, ca, "b", RoleCore)
		b := openNode(t, socket, creds, nil)
		know(a, b)
		b.kill()
		go func() { _, _ = a.Conn(t.Context(), "b") }()
		time.Sleep(time.Second) // the dial goes nowhere
		back := openNode(t, n.relisten(socket.addr), creds, nil)
		know(a, back)
		began := time.Now()
		c, err := back.Conn(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		echo(t, c, "here again")
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it came in after %v", took)
		}
		a.stop()
		back.stop()
	})
}

func TestBothDialAndOneConnectionServes(t *testing.T) {
	const races = 200
	dialledByA := 0
	for race := range races {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNet(time.Duration(race%5)*time.Millisecond, 0)
			a, b := pair(t, n)
			head := time.Duration(race-races/2) * 200 * time.Microsecond // who is first, and by how much
			conns := make([]*Conn, 2)
			var both sync.WaitGroup
			for i, from := range []*node{a, b} {
				both.Go(func() {
					if wait := head * time.Duration(1-2*i); wait > 0 {
						time.Sleep(wait)
					}
					c, err := from.Conn(t.Context(), []string{"b", "a"}[i])
					if err != nil {
						t.Errorf("race %d: %v", race, err)
						return
					}
					echo(t, c, "used at once") // nothing used is ever closed
					conns[i] = c
				})
			}
			both.Wait()
			if t.Failed() {
				t.FailNow()
			}
			time.Sleep(5 * time.Second)
			upA, upB := a.Up(), b.Up()
			if len(upA) != 1 || len(upB) != 1 || upA[0] != conns[0] || upB[0] != conns[1] || upA[0].dialled == upB[0].dialled {
				t.Fatalf("race %d: %d and %d connections", race, len(upA), len(upB))
			}
			if upA[0].dialled {
				dialledByA++
			}
			echo(t, upA[0], "still there")
			if ups := len(a.ups) + len(b.ups); ups != 2 {
				t.Errorf("race %d: %d events", race, ups)
			}
			a.stop()
			b.stop()
		})
	}
	if dialledByA == 0 || dialledByA == races {
		t.Errorf("a dialled %d of %d: the race was none", dialledByA, races)
	}
	t.Logf("a dialled %d of %d", dialledByA, races)
}

func TestADeadNodeIsNoticedWithinTwoSeconds(t *testing.T) {
	var worst time.Duration
	for i := range 40 {
		synctest.Test(t, func(t *testing.T) {
			n := newMemNet(10*time.Millisecond, 0)
			a, b := pair(t, n)
			from, to := a, b
			if i%2 == 1 {
				from, to = b, a
			}
			c, err := from.Conn(t.Context(), to.creds.Identity().Node)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second + time.Duration(i)*37*time.Millisecond)
			busy := make(chan struct{})
			go func() { // whoever keeps talking notices too
				defer close(busy)
				for i%4 < 2 {
					if c.Datagram(kindEcho, []byte("x")) != nil || c.quic.Context().Err() != nil {
						return
					}
					time.Sleep(90 * time.Millisecond)
				}
			}()
			killed := time.Now()
			if i%3 == 0 {
				n.setCut(to.addr(), from.addr(), true) // only one way
			} else {
				to.kill()
			}
			<-c.Done()
			worst = max(worst, time.Since(killed))
			<-busy
			if i%3 == 0 {
				to.kill()
			}
			from.stop()
		})
	}
	if worst > 2*time.Second {
		t.Errorf("it took %v", worst)
	}
	t.Logf("noticed within %v", worst)
}

func TestAPoorPathIsNotTakenForADeadNode(t *testing.T) {
	for _, c := range []struct {
		delay time.Duration
		loss  float64
	}{{0, 0.1}, {10 * time.Millisecond, 0.1}, {75 * time.Millisecond, 0.02}, {150 * time.Millisecond, 0.02}, {400 * time.Millisecond, 0}} {
		t.Run(fmt.Sprintf("%v %v", c.delay, c.loss), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newMemNet(c.delay, c.loss)
				a, b := pair(t, n)
				if _, err := a.Peers.Conn(t.Context(), "b"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				if events := len(a.ups); events != 1 {
					t.Errorf("%d events in ten idle minutes: %v", events, a.Links()[0].Err)
				}
				a.stop()
				b.stop()
			})
		})
	}
}

func TestARestartedNodeIsNoticedAtOnce(t *testing.T) {
	key := &quic.StatelessResetKey{1}
	for _, c := range []struct {
		name          string
		key           *quic.StatelessResetKey
		dials, spoken bool // the restarted node dials, is spoken to
		most          time.Duration
	}{
		{"it dials", nil, true, false, 100 * time.Millisecond},
		{"it has its reset key and is spoken to", key, false, true, 50 * time.Millisecond},
		{"it has no key and is spoken to", nil, false, true, 2 * time.Second},
		{"nobody says anything", key, false, false, 3 * tick},
		{"nobody says anything and it has no key", nil, false, false, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca := newCA(t)
				n := newMemNet(10*time.Millisecond, 0)
				a := openNode(t, n.listen(), issue(t, ca, "a", RoleCore), nil)
				socket, creds := n.listen(), issue(t, ca, "b", RoleCore)
				b := openNode(t, socket, creds, nil, c.key)
				know(a, b)
				conn, err := a.Conn(t.Context(), "b")
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				b.kill()
				again := openNode(t, n.relisten(socket.addr), creds, nil, c.key)
				know(a, again)
				began := time.Now()
				if c.spoken {
					if err := conn.Datagram(kindEcho, make([]byte, 30)); err != nil {
						t.Fatal(err)
					}
				}
				if c.dials {
					if _, err := again.Conn(t.Context(), "a"); err != nil {
						t.Fatal(err)
					}
				}
				<-conn.Done()
				took := time.Since(began)
				if took > c.most {
					t.Errorf("noticed after %v", took)
				}
				t.Logf("noticed after %v", took)
				a.stop()
				again.stop()
			})
		})
	}
}

func TestTriesAreSharedAndBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newCA(t)
		n := newMemNet(time.Millisecond, 0)
		dials := 0
		a := openNode(t, n.listen(), issue(t, ca, "a", RoleCore), func(c *Config) {
			c.Dial = func(context.Context, string, *tlsConfig, *quic.Config) (*quic.Conn, error) {
				dials++
				time.Sleep(time.Millisecond)
				return nil, fmt.Errorf("nobody there")
			}
		})
		a.Set([]Node{{ID: "b", Addr: "10.0.0.9:1", Role: RoleEdge}})
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				if _, err := a.Conn(t.Context(), "b"); err == nil {
					t.Error("no error")
				}
			})
		}
		callers.Wait()
		if dials != 1 {
			t.Errorf("%d dials for 50 callers", dials)
		}
		began := time.Now()
		for range 20 {
			_, _ = a.Conn(t.Context(), "b")
		}
		took := time.Since(began)
		if dials != 21 || took < 30*time.Second || took > 20*maxBackoff {
			t.Errorf("%d dials in %v", dials, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := a.Conn(ctx, "b"); err == nil || time.Since(began) > took+time.Second {
			t.Errorf("a caller's ctx does not count: %v", err)
		}
		a.stop()
		if _, err := a.Conn(t.Context(), "b"); err != ErrClosed {
			t.Errorf("%v", err)
		}
	})
}

func TestAnOperatorSeesHowNodesStand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(10*time.Millisecond, 0)
		a, b := pair(t, n)
		members := []Node{a.member(), b.member(), {ID: "c", Addr: "10.0.0.9:1", Role: RoleEdge}, {ID: "d", Addr: "node.example:1", Role: RoleEdge}}
		a.Set(members)
		if _, err := a.Conn(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Peers.Conn(t.Context(), "c"); err == nil {
			t.Error("nobody is at c")
		}
		links := a.Links()
		if len(links) != 3 || links[0].Conn == nil || links[0].Conn.RTT() < 20*time.Millisecond ||
			links[1].Conn != nil || links[1].Err == nil || links[1].Failures != 1 || links[2].Err != nil || links[2].Addr != "node.example:1" {
			t.Errorf("%+v", links)
		}
		for addr, known := range map[string]bool{b.addr(): true, "10.0.0.9:1": true, "10.0.0.9:2": false, "10.0.0.8:1": false} {
			if have := a.Known(netip.MustParseAddrPort(addr)); (have != nil) != known {
				t.Errorf("%s is known: %v", addr, have != nil)
			}
		}
		a.Set([]Node{a.member(), {ID: "b", Addr: "b.example:1", Role: RoleCore}})
		if a.Known(netip.MustParseAddrPort(b.addr())) == nil {
			t.Error("a connected member that is listed by name is not known")
		}
		a.stop()
		b.stop()
	})
}

func TestANodeRenewsItsCertificateAtACoreNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newCA(t)
		n := newMemNet(time.Millisecond, 0)
		core := openNode(t, n.listen(), issue(t, ca, "core", RoleCore), func(c *Config) { c.CA = ca })
		edge := openNode(t, n.listen(), issue(t, ca, "edge", RoleEdge), nil)
		know(core, edge)
		time.Sleep(nodeLife * 7 / 10)
		before := edge.creds.Certificate()
		if err := edge.Renew(t.Context(), "core"); err != nil {
			t.Fatal(err)
		}
		after := edge.creds.Certificate()
		if edge.creds.Due(time.Now()) || after.NotAfter.Sub(before.NotAfter) < nodeLife*6/10 || edge.creds.Identity().Role != RoleEdge {
			t.Errorf("valid until %v, before until %v", after.NotAfter, before.NotAfter)
		}
		if err := core.Renew(t.Context(), "edge"); relay.CodeOf(err) != relay.CodeForbidden {
			t.Errorf("at an edge: %v", err)
		}
		core.stop()
		edge.stop()
	})
}

func TestDatagramsNeverBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(10*time.Millisecond, 0)
		a, b := pair(t, n)
		c, err := a.Conn(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		n.setCut(b.addr(), a.addr(), true)
		began, full := time.Now(), 0
		for range 10_000 {
			if c.Datagram(kindEcho, make([]byte, MaxDatagram)) == ErrFull {
				full++
			}
		}
		if full == 0 || time.Since(began) != 0 || c.Stats().DatagramsDropped < uint64(full) {
			t.Errorf("%d did not fit in %v, %+v", full, time.Since(began), c.Stats())
		}
		a.stop()
		b.stop()
	})
}

func TestAnIdlePairCostsNextToNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newMemNet(10*time.Millisecond, 0)
		a, b := pair(t, n)
		c, err := a.Conn(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		before, bytes := n.packets(), c.Stats().BytesIn+c.Stats().BytesOut
		time.Sleep(time.Minute)
		packets := float64(n.packets()-before) / 60
		rate := float64(c.Stats().BytesIn+c.Stats().BytesOut-bytes) / 60
		if packets > 7 { // a probe and its acknowledgement every 0.4 s
			t.Errorf("%.1f packets a second", packets)
		}
		t.Logf("%.1f packets and %.0f bytes a second", packets, rate)
		a.stop()
		b.stop()
	})
}

func FuzzHello(f *testing.F) {
	id := relay.NewID()
	f.Add(append([]byte{byte(kindHello)}, id[:]...))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := readHello(strings.NewReader(string(b)))
		if err == nil && (id.IsZero() || len(b) < 17) {
			t.Errorf("%v of %x", id, b)
		}
	})
}
