package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"kohe/edge/link"
)

// ground is where servers run and how this process, and clients in it, reach
// them.
type ground struct {
	program string   // kohe
	args    []string // of kohe serve, besides the server's own
	scheme  string   // of a server's base: http or https
	http    *http.Client
	address func(name string) (string, error)    // where a server listens
	public  func(name string) string             // its base for browsers; nil: as for this process
	start   func(name string, c *exec.Cmd) error // a process where that server is
	dialer  func() *link.Dialer                  // of those clients
}

// loopback is this machine, and this program.
func loopback() (*ground, error) {
	self, err := os.Executable()
	return &ground{
		program: self, scheme: "http", http: http.DefaultClient,
		address: func(string) (string, error) { return freeAddress() },
		start:   func(_ string, c *exec.Cmd) error { return c.Start() },
		dialer:  func() *link.Dialer { return &link.Dialer{Origin: benchOrigin} },
	}, err
}

// freeAddress returns an address of loopback whose port is free on UDP and TCP
// now.
func freeAddress() (string, error) {
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		l.Close()
		if err == nil {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), u.Close()
		}
	}
	return "", errors.New("no free port on loopback")
}

// command runs the program to its end where a server is and returns what it
// printed.
func (g *ground) command(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	var out bytes.Buffer
	c := exec.CommandContext(ctx, g.program, args...)
	c.Stdout, c.Stderr = &out, &out
	err := g.start(name, c)
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		return "", fmt.Errorf("kohe %s: %w\n%s", strings.Join(args, " "), err, &out)
	}
	return strings.TrimSpace(out.String()), nil
}
