package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/quic-go/quic-go"

	"kohe/edge/listen"
	"kohe/relay/peer"
)

// memPort is to a node in a bubble what listen.Listener is to a process: it
// serves the cluster's protocols by their ALPN and dials from the same address.
type memPort struct {
	host      *memHost
	transport *quic.Transport
	listener  *quic.EarlyListener
	ctx       context.Context
	stop      context.CancelFunc
	running   sync.WaitGroup
}

// byALPN answers a handshake with the configuration of what the other end offers.
func byALPN(configs map[string]*tls.Config) *tls.Config {
	chosen := map[string]*tls.Config{}
	for alpn, c := range configs {
		c = c.Clone()
		c.NextProtos = []string{alpn}
		chosen[alpn] = c
	}
	return &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, alpn := range hello.SupportedProtos {
			if c := chosen[alpn]; c != nil {
				return c, nil
			}
		}
		return nil, fmt.Errorf("no protocol of %v", hello.SupportedProtos)
	}}
}

func openMemPort(n *memNet, addr netip.AddrPort, config listen.Config) (*memPort, error) {
	p := &memPort{host: n.bind(addr)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	p.transport = &quic.Transport{Conn: p.host, StatelessResetKey: config.ResetKey}
	udp, tcp := map[string]*tls.Config{}, map[string]*tls.Config{}
	for alpn, c := range config.Protocols {
		udp[alpn] = c.TLS
	}
	for alpn, c := range config.TCPProtocols {
		tcp[alpn] = c.TLS
	}
	var err error
	if p.listener, err = p.transport.ListenEarly(byALPN(udp), peer.QUIC()); err != nil {
		p.stop()
		return nil, err
	}
	p.running.Go(func() { p.acceptQUIC(config.Protocols) })
	p.running.Go(func() { p.acceptTCP(byALPN(tcp), config.TCPProtocols) })
	return p, nil
}

func (p *memPort) acceptQUIC(protocols map[string]listen.Protocol) {
	for {
		conn, err := p.listener.Accept(p.ctx)
		if err != nil {
			return
		}
		p.running.Go(func() { protocols[conn.ConnectionState().TLS.NegotiatedProtocol].Serve(conn) })
	}
}

func (p *memPort) acceptTCP(config *tls.Config, protocols map[string]listen.TCPProtocol) {
	for {
		select {
		case raw := <-p.host.calls:
			p.running.Go(func() {
				conn := tls.Server(raw, config)
				if conn.HandshakeContext(p.ctx) != nil {
					_ = raw.Close()
					return
				}
				protocols[conn.ConnectionState().NegotiatedProtocol].Serve(conn)
			})
		case <-p.ctx.Done():
			return
		}
	}
}

// Dial implements network.
func (p *memPort) Dial(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	return p.transport.Dial(ctx, net.UDPAddrFromAddrPort(to), t, q)
}

// DialTCP implements network.
func (p *memPort) DialTCP(ctx context.Context, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	return p.host.call(ctx, to)
}

// Port implements port.
func (p *memPort) Port() int { return int(p.host.addr.Port()) }

// Hashes implements port.
func (p *memPort) Hashes() []string { return nil }

// Close implements port.
func (p *memPort) Close(context.Context) error {
	p.stop()
	errs := []error{p.listener.Close(), p.transport.Close(), p.host.Close()}
	p.running.Wait()
	return errors.Join(errs...)
}
