package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"kohe/edge/api"
)

// Process is a server under test: a process of its own on loopback.
type Process struct {
	Base string // "http://127.0.0.1:PORT"
	Data string // a node's data folder
	cmd  *exec.Cmd
	log  *journal
}

// journal is what a process writes to its log, read while it does.
type journal struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.text = append(j.text, b...)
	return len(b), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.text)
}

// clockTick is the unit of /proc/PID/stat times on Linux: USER_HZ is 100 on
// every architecture that Go runs on.
const clockTick = 10 * time.Millisecond

// startTime bounds a server's start.
const startTime = 20 * time.Second

// Start runs this program with args on a free port of loopback, which follows
// as --listen, and waits until it answers.
func Start(ctx context.Context, dir string, args ...string) (*Process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return startAt(ctx, address, dir, args...)
}

// freeAddress returns an address of loopback whose port is free.
func freeAddress() (string, error) {
	port, err := freePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// startAt is Start at an address.
func startAt(ctx context.Context, address, dir string, args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &Process{Base: "http://" + address, Data: filepath.Join(dir, "data"), log: &journal{}}
	p.cmd = exec.Command(self, append(args, "--listen", address)...)
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, p.log
	p.cmd.Env = append(os.Environ(), "KOHE_LOG_LEVEL=warn", "KOHE_PUBLIC_URL="+p.Base) // not localhost: a browser would try ::1 first
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		answer, err := http.Get(p.Base + "/healthz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return p, nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			p.Stop()
			return nil, fmt.Errorf("%s did not start: %w\n%s", strings.Join(args, " "), ctx.Err(), p.log)
		}
	}
}

// freePort returns a port that is free on UDP and TCP now.
func freePort() (int, error) {
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		l.Close()
		if err == nil {
			return port, u.Close()
		}
	}
	return 0, errors.New("no free port on loopback")
}

// Stop ends the process and waits for it.
func (p *Process) Stop() { p.Drain(5 * time.Second) }

// Kill ends the process without a word to it and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed
}

// Drain tells the process to stop and waits until it has, most at most; then
// it is killed.
func (p *Process) Drain(most time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(most, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // its code says nothing more
}

// CPU returns the processor time that the process has used.
func (p *Process) CPU() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("processor time needs Linux's /proc: %w", err)
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is not as expected")
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(err1, err2)
}

// baselineMemory is Memory of the minimal relay, which has no socket.
func (p *Process) baselineMemory() (int64, error) {
	answer, err := http.Get(p.Base + "/memory")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	var m api.LocalMemory
	err = json.NewDecoder(answer.Body).Decode(&m)
	return m.Resident, err
}

// call asks the node over its unix socket.
func (p *Process) call(ctx context.Context, method, path string, in, out any) error {
	return api.CallLocal(ctx, filepath.Join(p.Data, "kohe.sock"), method, path, in, out)
}

// Memory returns the resident bytes of the process after a garbage collection.
func (p *Process) Memory(ctx context.Context) (int64, error) {
	var m api.LocalMemory
	err := p.call(ctx, http.MethodPost, "/memory", nil, &m)
	return m.Resident, err
}
