package listen

import (
	"context"
	"io"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/relay"
	"kohe/relay/peer"
)

// clusterNode is a node as cmd wires it: Peers and JoinServer on a Listener.
type clusterNode struct {
	*peer.Peers
	port  *Listener
	heard chan string
}

func openClusterNode(t *testing.T, ca *peer.CA, name string, role peer.Role, tokens peer.Tokens, change ...func(*Config)) *clusterNode {
	t.Helper()
	creds, err := ca.Issue(peer.Identity{Cluster: ca.Cluster(), Node: name, Role: role}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	n := &clusterNode{heard: make(chan string, 1000)}
	n.Peers = peer.New(peer.Config{Credentials: creds, CA: ca, Dial: func(ctx context.Context, addr string, tls *tlsConfig, q *quic.Config) (*quic.Conn, error) {
		return n.port.Dial(ctx, addr, tls, q)
	}})
	n.Handle(peer.FirstKind, func(_ context.Context, c *peer.Conn, s peer.Stream) {
		said, _ := io.ReadAll(s)
		n.heard <- c.Peer().Node + " " + string(said)
		_ = s.Close()
	})
	join := peer.NewJoinServer(peer.JoinConfig{CA: ca, Credentials: creds, Tokens: tokens})
	config := Config{
		Addrs: []string{"127.0.0.1:0"}, ResetKey: &quic.StatelessResetKey{7}, Known: n.Known,
		Protocols: map[string]Protocol{
			peer.ALPN:     {TLS: n.TLS(), Serve: n.Serve},
			peer.JoinALPN: {TLS: join.TLS(), Serve: join.Serve},
		},
	}
	for _, c := range change {
		c(&config)
	}
	n.port = open(t, config)
	return n
}

func (n *clusterNode) stop(t *testing.T) {
	n.Close()
	closeListener(t, n.port)
}

// anyToken redeems everything.
type anyToken struct{}

func (anyToken) Redeem(context.Context, peer.TokenHash, peer.Identity) error { return nil }

func TestNodesMeetOnTheirPorts(t *testing.T) {
	ca, err := peer.NewCA(relay.NewID(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	nodes := []*clusterNode{openClusterNode(t, ca, "a", peer.RoleCore, anyToken{}), openClusterNode(t, ca, "b", peer.RoleEdge, nil), openClusterNode(t, ca, "c", peer.RoleEdge, nil)}
	members := []peer.Node{
		{ID: "a", Addr: nodes[0].port.Addr(), Role: peer.RoleCore},
		{ID: "b", Addr: nodes[1].port.Addr(), Role: peer.RoleEdge},
		{ID: "c", Addr: nodes[2].port.Addr(), Role: peer.RoleEdge},
	}
	for _, n := range nodes {
		n.Set(members)
		defer n.stop(t)
	}
	for i, n := range nodes {
		for j, m := range members {
			if i == j {
				continue
			}
			conn, err := n.Conn(t.Context(), m.ID)
			if err != nil {
				t.Fatal(err)
			}
			s, err := conn.Open(t.Context(), peer.FirstKind)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, n := range nodes {
		from := map[string]bool{}
		for range len(nodes) - 1 {
			from[<-n.heard] = true
		}
		for j, m := range members {
			if i != j && !from[m.ID+" hello"] {
				t.Errorf("%s heard %v", members[i].ID, from)
			}
		}
		for _, l := range n.Links() {
			if at := l.Conn.Stats(); l.Conn.Peer().Node != l.Node || at.StreamsOut != 1 {
				t.Errorf("%s to %s: %+v", members[i].ID, l.Node, at)
			}
		}
	}
	token, err := peer.NewToken(peer.RoleEdge, ca.Fingerprint(), nodes[0].port.Addr())
	if err != nil {
		t.Fatal(err)
	}
	newcomer := open(t, Config{})
	defer closeListener(t, newcomer)
	if creds, _, err := peer.Join(t.Context(), newcomer.Dial, token, "d", ""); err != nil || creds.Identity().Node != "d" {
		t.Errorf("%v", err)
	}
}

func TestADeadNodeIsNoticedThroughStrangersSettingsToo(t *testing.T) {
	ca, err := peer.NewCA(relay.NewID(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	// a dials b, which takes it for a stranger.
	a, b := openClusterNode(t, ca, "a", peer.RoleCore, nil), openClusterNode(t, ca, "b", peer.RoleEdge, nil, func(c *Config) { c.Known = nil })
	members := []peer.Node{{ID: "a", Addr: "localhost:" + strconv.Itoa(a.port.Port()), Role: peer.RoleCore}, {ID: "b", Addr: b.port.Addr(), Role: peer.RoleEdge}}
	a.Set(members)
	b.Set(members)
	if b.Known(netip.MustParseAddrPort(a.port.Addr())) != nil {
		t.Fatal("b knows a before it ever came")
	}
	conn, err := a.Conn(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if b.Known(netip.MustParseAddrPort(a.port.Addr())) == nil {
		t.Error("b does not know a after it came")
	}
	there := b.Links()[0].Conn
	a.port.udp[0].Conn.Close() // as if the process were killed: nobody is told
	began := time.Now()
	<-there.Done()
	if took := time.Since(began); took > 3*time.Second { // 2 s, and what a busy machine takes; quic-go alone would take 5
		t.Errorf("noticed after %v", took)
	}
	<-conn.Done()
	a.Close()
	b.stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = a.port.Close(ctx) // its socket is closed already
}
