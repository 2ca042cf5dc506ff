package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/quic-go/quic-go"
)

// Dial opens a QUIC connection from the port itself, so that the other side
// sees the address at which this node listens. It tries the addresses of the
// host in turn until ctx is done, each from a socket that can reach it. A nil
// config is quic-go's default.
func (l *Listener) Dial(ctx context.Context, addr string, tls *tls.Config, config *quic.Config) (*quic.Conn, error) {
	addrs, err := resolve(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	var failed []error
	for _, to := range addrs {
		transport := l.transportTo(to.Addr())
		if transport == nil {
			failed = append(failed, fmt.Errorf("%s cannot be reached from where the node listens", to))
			continue
		}
		conn, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(to), tls, config)
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
	}
	return nil, fmt.Errorf("dial %s: %w", addr, errors.Join(failed...))
}

// DialTCP opens a TCP connection to another node's port, from any of this
// machine's.
func (l *Listener) DialTCP(ctx context.Context, addr string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", addr)
}

func resolve(ctx context.Context, addr string) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return addrs, nil
}

// transportTo returns the socket to reach an address from: of its family and,
// if there is one, of the same reach; nil if none fits.
func (l *Listener) transportTo(to netip.Addr) *quic.Transport {
	var fits *quic.Transport
	for _, t := range l.udp {
		from := t.Conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		switch {
		case from.IsLoopback() && !to.IsLoopback():
		case from.Is6() && from.IsUnspecified() && fits == nil: // IPv4 too
			fits = t
		case from.Is4() == to.Is4():
			if from.IsLoopback() == to.IsLoopback() {
				return t
			}
			fits = t
		}
	}
	return fits
}
