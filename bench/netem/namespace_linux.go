package netem

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// MTU is that of the hosts' devices in bytes.
const MTU = 1500

// Namespaces is a network of hosts that are network namespaces of their own.
// The kernel frees a namespace with the last process and descriptor in it, so
// nothing stays behind however the process that opened it ends.
type Namespaces struct {
	*links
	hosts   map[string]*Host
	addrs   map[netip.Addr]string
	reading sync.WaitGroup
}

// Host is a namespace with one device besides loopback.
type Host struct {
	Name string
	Addr netip.Addr // 10.77.0.1 for the first host, and so on, in 10.77.0.0/24

	tun *os.File
	ns  *os.File // /proc/…/ns/net
}

// Open makes a namespace for each host, joined by links of the zero Shape. It
// needs Linux, root (or CAP_NET_ADMIN and CAP_SYS_ADMIN) and /dev/net/tun;
// where these cannot be had the error is errors.ErrUnsupported.
func Open(hosts ...string) (*Namespaces, error) {
	n := &Namespaces{hosts: map[string]*Host{}, addrs: map[netip.Addr]string{}}
	for i, name := range hosts {
		h, err := openHost(name, hostAddr(i))
		if err != nil {
			n.free()
			return nil, fmt.Errorf("make the host %s: %w", name, err)
		}
		n.hosts[name], n.addrs[h.Addr] = h, name
	}
	n.links = connect(rand.Uint64(), hosts, func(to string, body []byte) {
		_, _ = n.hosts[to].tun.Write(body) // a device that is full drops, as networks do
	})
	for _, h := range n.hosts {
		n.reading.Go(func() { n.read(h) })
	}
	return n, nil
}

// Host returns one of the hosts.
func (n *Namespaces) Host(name string) *Host {
	h := n.hosts[name]
	if h == nil {
		panic(fmt.Sprintf("netem: no host %q", name))
	}
	return h
}

// Close ends the network. Processes that run on its hosts are cut off; whoever
// started them ends them.
func (n *Namespaces) Close() {
	n.free()
	n.reading.Wait()
	n.links.close()
}

func (n *Namespaces) free() {
	for _, h := range n.hosts {
		_ = h.tun.Close()
		_ = h.ns.Close()
	}
}

// read takes the packets that a host sends until its device is closed.
func (n *Namespaces) read(h *Host) {
	buffer := make([]byte, MTU)
	for {
		size, err := h.tun.Read(buffer)
		if err != nil {
			return
		}
		to, ok := destination(buffer[:size])
		if !ok {
			continue
		}
		if name, ok := n.addrs[to]; ok && name != h.Name {
			n.at(h.Name, name).send(append([]byte(nil), buffer[:size]...))
		}
	}
}

// destination returns where an IPv4 packet goes (RFC 791 §3.1).
func destination(b []byte) (netip.Addr, bool) {
	if len(b) < 20 || b[0]>>4 != 4 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(b[16:20])), true
}

// Do runs f on a thread of the host: sockets that f opens by itself (not in
// another goroutine) are the host's and stay so.
func (h *Host) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(h.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the host %s: %w", h.Name, err)
		}
		return f()
	})
}

// Start starts a command on the host. The thread that starts it ends at once, so
// the command must not have a SysProcAttr.Pdeathsig.
func (h *Host) Start(c *exec.Cmd) error { return h.Do(c.Start) }

// onThread runs f on a thread that ends with it, so that what f does to the
// thread concerns nobody else.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock it
		done <- f()
	}()
	return <-done
}

func openHost(name string, addr netip.Addr) (h *Host, err error) {
	h = &Host{Name: name, Addr: addr}
	err = onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return unsupported("make a network namespace", err)
		}
		if h.ns, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())); err != nil {
			return err
		}
		if h.tun, err = openTUN(addr); err != nil {
			return errors.Join(err, h.ns.Close())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

func unsupported(what string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%s: %w: %w", what, errors.ErrUnsupported, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// device is the name of each host's TUN device.
const device = "kohe0"

// openTUN makes the calling thread's namespace reachable at addr.
func openTUN(addr netip.Addr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, unsupported("open /dev/net/tun", err)
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = configure(addr)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, unsupported("make a TUN device", err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil // after TUNSETIFF: only then can it be polled
}

// configure brings loopback and the device up, in 10.77.0.0/24.
func configure(addr netip.Addr) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }()
	set := func(name string, request uint, fill func(*unix.Ifreq) error) error {
		r, err := unix.NewIfreq(name)
		if err == nil {
			err = fill(r)
		}
		if err == nil {
			err = unix.IoctlIfreq(s, request, r)
		}
		return err
	}
	ip := addr.As4()
	up := func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }
	return errors.Join(
		set("lo", unix.SIOCSIFFLAGS, up),
		set(device, unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(ip[:]) }),
		set(device, unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr(net.IPv4Mask(255, 255, 255, 0)) }),
		set(device, unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(MTU); return nil }),
		set(device, unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(1 << 14); return nil }), // packets; the emulated queue is the one that counts
		set(device, unix.SIOCSIFFLAGS, up),
	)
}
