package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/raft/quicnet"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
	"kohe/relay/wire"
)

// intruder is somebody who took over a node that is an edge only: they have its
// certificate and say what they like.
type intruder struct {
	t     *testing.T
	creds *peer.Credentials
	quic  *quic.Transport
	peers *peer.Peers
	links map[*peer.Conn]*link.Carrier
}

func takeOver(t *testing.T, p *process, nodes []*process) *intruder {
	t.Helper()
	p.kill()
	creds, err := peer.LoadCredentials(clusterDir(p.data), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &intruder{t: t, links: map[*peer.Conn]*link.Carrier{}, creds: creds, quic: &quic.Transport{Conn: socket}}
	i.peers = peer.New(peer.Config{Credentials: creds, Dial: i.dial})
	var list []peer.Node
	for _, n := range nodes {
		role := map[bool]peer.Role{false: peer.RoleCore, true: peer.RoleEdge}[n.edge]
		list = append(list, peer.Node{ID: n.name, Addr: n.address(), Role: role, Region: n.name})
	}
	i.peers.Set(list)
	t.Cleanup(func() {
		i.peers.Close()
		_ = i.quic.Close()
		_ = socket.Close()
	})
	return i
}

func (i *intruder) dial(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	return i.quic.Dial(ctx, to, t, q)
}

// conn is the intruder's connection to another node.
func (i *intruder) conn(node string) (*peer.Conn, error) {
	ctx, cancel := context.WithTimeout(i.t.Context(), 3*time.Second)
	defer cancel()
	return i.peers.Conn(ctx, node)
}

// ask says something on a stream of a kind and returns what comes back.
func (i *intruder) ask(node string, kind peer.Kind, say []byte) ([]byte, error) {
	i.t.Helper()
	conn, err := i.conn(node)
	if err != nil {
		i.t.Fatal(err)
	}
	s, err := conn.Open(i.t.Context(), kind)
	if err != nil {
		return nil, err
	}
	_ = s.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := s.Write(say); err != nil {
		return nil, err
	}
	_ = s.Stream.Close()
	return io.ReadAll(s)
}

func TestAnEdgesCertificateOpensNoOtherDoor(t *testing.T) {
	nodes := newCluster(t, 1, 2)
	core, edge := nodes[0], nodes[1]
	visitor, agent := core.visitor(""), core.console("ann")
	id := talk(visitor, agent)
	visitor.say(id, "private")
	agent.hearText("private")
	i := takeOver(t, nodes[2], nodes)

	// Raft does not speak with it.
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	raft, err := i.dial(ctx, core.address(), i.creds.ClientTLS(quicnet.ALPN, core.name), quicnet.QUICConfig())
	if err == nil { // the client ends its handshake before the server judges it
		select {
		case <-raft.Context().Done():
		case <-ctx.Done():
			t.Error("Raft's port keeps the connection of an edge")
		}
	}
	// Proposals that are not judged are for core nodes only.
	before := core.status().Applied
	forged := state.Encode(state.Put{Agent: &state.Agent{ID: "eve", Customer: "main", Role: relay.RoleSupervisor}, At: time.Now().UnixMilli()})
	if b, err := i.ask(core.name, kindPropose, forged); err == nil && len(b) > 1 {
		t.Errorf("a proposal of an edge was answered: %q", b)
	}
	// Who enrols is who the certificate says, with the role of its token.
	row, err := json.Marshal(state.Node{ID: "n1", Addr: "127.0.0.1:1", Role: state.CoreNode, Public: "https://evil.example"})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = i.ask(core.name, kindEnrol, row)
	for _, n := range core.status().Nodes {
		if n.Node == "n1" && n.Address != core.address() || n.Node == "n3" && (n.Role != state.EdgeNode || n.Voter) {
			t.Errorf("an edge enrolled as %+v", n)
		}
	}
	if got := core.status().Applied; got > before+3 { // its own row, and who is connected
		t.Errorf("the state moved from %d to %d", before, got)
	}
	// A carried link without a grant, or with one of its own making, leads nowhere.
	hello := wire.HelloPayload{Version: wire.Version, Role: relay.RoleVisitor, Site: "shop", Resume: []wire.Resume{{Session: id}}}
	for _, node := range []string{core.name, edge.name} {
		for _, hello.Token = range []string{"", "e30.e30", visitor.Welcome().Token} {
			if err := i.visit(node, hello); err == nil {
				t.Errorf("%s welcomed a carried link with the token %q", node, hello.Token)
			}
		}
	}
	key, err := auth.OpenKey(core.data)
	if err != nil {
		t.Fatal(err)
	}
	hello.Token = key.SignCarry(auth.Grant{
		From: "n3", Node: core.name, Role: relay.RoleVisitor, Site: "shop", Visitor: visitor.Welcome().Visitor, Session: id, Issued: time.Now().UnixMilli(),
	})
	if err := i.visit(core.name, hello); err != nil {
		t.Errorf("with a core node's grant: %v", err) // else nothing of the above means anything
	}
	// Nor does it see who is on a site: no agent at it has asked for that.
	look := wire.HelloPayload{Version: wire.Version, Role: relay.RoleAgent}
	pass := agent.Welcome().Token
	own := auth.Grant{From: "n3", Role: relay.RoleAgent, Agent: "ann", Generation: 1, Site: "shop", Issued: time.Now().UnixMilli()}
	forger, err := auth.OpenKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{core.name, edge.name} {
		own.Node = node
		for _, look.Token = range []string{"", pass, forger.SignLook(own)} {
			if err := i.visit(node, look); err == nil {
				t.Errorf("%s shows its visitors for the token %q", node, look.Token)
			}
		}
		look.Token = key.SignLook(own)
		if err := i.visit(node, look); err != nil {
			t.Errorf("%s: with a core node's grant: %v", node, err)
		}
	}
	// A core node makes it no new certificate for somebody else: its name and
	// role come from the one it has.
	if err := i.peers.Renew(ctx, core.name); err == nil && i.creds.Identity() != (peer.Identity{Cluster: i.creds.Identity().Cluster, Node: "n3", Role: peer.RoleEdge, Region: "n3"}) {
		t.Errorf("it is %+v now", i.creds.Identity())
	}

	// Taken out of the cluster, it is gone everywhere within two seconds.
	var ends []*peer.Conn
	for _, node := range []string{core.name, edge.name} {
		conn, err := i.conn(node)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, conn)
	}
	removed := time.Now()
	kohe(t, "cluster", "leave", "n3", "--data", core.data)
	for _, conn := range ends {
		select {
		case <-conn.Done():
			t.Logf("%s ended the connection %v after the removal", conn.Peer().Node, time.Since(removed).Round(time.Millisecond))
		case <-time.After(2*time.Second - time.Since(removed)):
			t.Errorf("%s keeps the connection", conn.Peer().Node)
		}
	}
	for _, node := range []string{core.name, edge.name} {
		if conn, err := i.conn(node); err == nil {
			select {
			case <-conn.Done():
			case <-time.After(2 * time.Second):
				t.Errorf("%s lets it in again", node)
			}
		}
	}
	visitor.say(id, "all is well")
	agent.hearText("all is well")
}

// visit tries to open a carried link.
func (i *intruder) visit(node string, hello wire.HelloPayload) error {
	i.t.Helper()
	conn, err := i.conn(node)
	if err != nil {
		i.t.Fatal(err)
	}
	if i.links[conn] == nil {
		i.links[conn] = link.NewServer(link.Config{}).Carry(node, nodeConn{conn})
	}
	ctx, cancel := context.WithTimeout(i.t.Context(), 2*time.Second)
	defer cancel()
	l, err := i.links[conn].Dial(ctx, hello, func(wire.Frame) {})
	if err == nil {
		l.Close()
	}
	return err
}
