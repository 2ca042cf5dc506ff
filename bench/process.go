package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"kohe/edge/api"
)

// Process is a server under test: a process of its own.
type Process struct {
	Base string // such as http://127.0.0.1:PORT
	Data string // a node's data folder
	cmd  *exec.Cmd
	log  *journal
	http *http.Client
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
	g, err := loopback()
	if err != nil {
		return nil, err
	}
	address, err := g.address("")
	if err != nil {
		return nil, err
	}
	return g.serve(ctx, "", address, dir, args...)
}

// serve is Start of a node at an address of the ground.
func (g *ground) serve(ctx context.Context, name, address, dir string, args ...string) (*Process, error) {
	p := &Process{Base: g.scheme + "://" + address, Data: filepath.Join(dir, "data"), log: &journal{}, http: g.http}
	p.cmd = exec.Command(g.program, slices.Concat(args, g.args, []string{"--listen", address})...)
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, p.log
	public := p.Base // not localhost: a browser would try ::1 first
	if g.public != nil {
		public = g.public(name)
	}
	p.cmd.Env = append(os.Environ(), "KOHE_LOG_LEVEL=warn", "KOHE_PUBLIC_URL="+public)
	if err := g.start(name, p.cmd); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		answer, err := p.http.Get(p.Base + "/healthz")
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
	answer, err := p.http.Get(p.Base + "/memory")
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
