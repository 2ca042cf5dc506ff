package peer

import (
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/quic-go/quic-go"
)

// LinkState is how this node stands with another, for an operator.
type LinkState struct {
	Node     string
	Addr     string // where it is dialled; "" for a node that is no member
	Conn     *Conn  // nil: not connected
	Failures int    // tries in a row
	Err      error  // why it is not connected; nil if nobody tried
}

// Links returns how the node stands with every member, and with every other
// node that is or was connected, in the order of their names.
func (p *Peers) Links() []LinkState {
	p.mu.Lock()
	defer p.mu.Unlock()
	states := map[string]LinkState{}
	for id, n := range p.members {
		if id != p.self.Node {
			states[id] = LinkState{Node: id, Addr: n.Addr}
		}
	}
	for id, l := range p.links {
		states[id] = LinkState{Node: id, Addr: p.members[id].Addr, Conn: l.current, Failures: l.failures, Err: l.err}
	}
	var all []LinkState
	for _, id := range slices.Sorted(maps.Keys(states)) {
		all = append(all, states[id])
	}
	return all
}

// Known returns the settings for a connection from a member's address, nil from
// any other: for a listener that must choose before it knows who calls. A
// member that is listed by a name is known once it was connected.
func (p *Peers) Known(from netip.AddrPort) *quic.Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.members {
		if addr, err := netip.ParseAddrPort(n.Addr); err == nil && addr == from {
			return QUIC()
		}
	}
	for id, l := range p.links {
		if _, is := p.members[id]; is && l.remote == from {
			return QUIC()
		}
	}
	return nil
}

// addrPort returns an address as Known compares it.
func addrPort(a net.Addr) netip.AddrPort {
	u, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := u.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
