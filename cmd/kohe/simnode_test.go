package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"kohe/edge/listen"
	"kohe/raft/state"
)

// keptEntries stay in the log behind a snapshot, so that a member which was
// away has to be sent the state.
const keptEntries = 300

// server is a machine: an address, a disk, and the process that runs there.
type server struct {
	sim    *simulation
	name   string
	edge   bool // and nothing else
	addr   netip.AddrPort
	slow   atomic.Int64 // how long the disk takes for a sync, ns
	full   atomic.Bool  // the disk takes no writes
	wrote  atomic.Int64 // bytes in the newest file of the write-ahead log
	failed atomic.Int64 // starts in a row that came to nothing
	lives  int          // folders that were used

	// Guarded by sim.mu.
	data string // folder of the membership, on the real disk
	mem  *vfs.MemFS
	life *life // nil: no process runs
}

// life is one process of a server, from its start to its end.
type life struct {
	*node
	server *server
	ctx    context.Context
	stop   context.CancelFunc
	opened chan struct{} // closed when open has returned
	at     atomic.Pointer[memPort]
	up     atomic.Bool // serves clients
	gone   atomic.Bool // has ended, or is about to
	dead   atomic.Bool // has ended: what it still does to its disk is not done
}

// newDisk is a crashable file system with a node's folder.
func newDisk(folder string) *vfs.MemFS {
	mem := vfs.NewCrashableMem()
	for at := range parents(folder) {
		if err := errors.Join(mem.MkdirAll(at, 0o700), syncFolder(mem, filepath.Dir(at))); err != nil {
			panic(err)
		}
	}
	return mem
}

// parents yields a folder's ancestors from the root on, and the folder.
func parents(folder string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := 1; i < len(folder); i++ {
			if folder[i] == filepath.Separator && !yield(folder[:i]) {
				return
			}
		}
		yield(folder)
	}
}

func syncFolder(fs vfs.FS, path string) error {
	dir, err := fs.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// disk is what Pebble sees of a server's file system: syncs of the write-ahead
// log may be lies, and there may be no space for more of it.
type disk struct {
	vfs.FS
	life *life
}

func (d disk) file(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".log") {
		return f
	}
	d.life.server.wrote.Store(0)
	return diskFile{f, d.life}
}

func (d disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, c)
	return d.file(name, f), err
}

func (d disk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, c)
	return d.file(name, f), err
}

type diskFile struct {
	vfs.File
	life *life
}

func (f diskFile) SyncData() error {
	if f.life.server.sim.lies {
		return nil
	}
	return f.File.SyncData()
}

func (f diskFile) Write(b []byte) (int, error) {
	if f.life.server.full.Load() && !f.life.dead.Load() && !rotating() {
		return 0, syscall.ENOSPC
	}
	f.life.server.wrote.Add(int64(len(b)))
	return f.File.Write(b)
}

// rotating reports whether Pebble is changing to another log anywhere. Who waits
// for a log's end holds a mutex, and who waits for a mutex keeps a bubble's clock
// from going on; so that write finds space.
func rotating() bool {
	all := make([]byte, 16<<20)
	return bytes.Contains(all[:runtime.Stack(all, true)], []byte("(*DB).rotateWAL("))
}

// never is longer than a simulation: Pebble changes to another log to reclaim
// space, too. If the disk is full just then, and a write waits in the former log,
// the next one waits for a mutex: see rotating.
const never = 1000 * time.Hour

// soonRotated is more than the write-ahead log may hold when its disk becomes
// full. Pebble begins another when the first memtable, of 256 KiB, is full, and
// holds a mutex until the former is written: see rotating.
const soonRotated = 64 << 10

// fill makes the disk full, if that is no danger to the bubble's clock.
func (v *server) fill() bool {
	return !v.edge && v.serving() != nil && v.wrote.Load() < soonRotated && !v.full.Swap(true)
}

// newServer is a machine with an empty disk.
func (s *simulation) newServer(name string, edge bool) *server {
	s.hosts++
	v := &server{sim: s, name: name, edge: edge, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(s.hosts)}), 1)}
	v.wipe()
	return v
}

// wipe gives the machine an empty disk.
func (v *server) wipe() {
	v.lives++
	v.data = filepath.Join(v.sim.folder, fmt.Sprint(v.name, "-", v.lives))
	if err := os.MkdirAll(v.data, 0o700); err != nil {
		v.sim.t.Fatal(err)
	}
	v.mem = newDisk(v.data)
}

// start starts a process. One that cannot begin is started again, as whatever
// supervises processes does.
func (v *server) start() {
	s := v.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	v.startLocked()
}

func (v *server) startLocked() {
	s := v.sim
	if v.life != nil || s.closing {
		return
	}
	c := defaults()
	c.Data, c.Opens = v.data, 1_000_000
	l := &life{node: newNode(c, s.log.With("at", v.name)), server: v, opened: make(chan struct{})}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.fs = disk{v.mem, l}
	l.delay = func() { time.Sleep(time.Duration(v.slow.Load())) }
	l.reclaim = never
	l.now = v.clock(s.seeds)
	l.trailing = keptEntries
	if s.public {
		l.public = "https://" + v.name + ".kohe.test"
	}
	l.fatal = func(err error) { s.running.Go(func() { l.exit(err) }) }
	v.life = l
	s.running.Go(l.run)
}

// maxAhead is how far a process's clock may be ahead of the bubble's, or behind.
const maxAhead = 3 * time.Second

// clock returns the clock of the server's next process.
func (v *server) clock(rng *rand.Rand) func() time.Time {
	ahead := time.Duration(rng.Int64N(int64(2*maxAhead))) - maxAhead
	return func() time.Time { return time.Now().Add(ahead) }
}

// What a supervisor of processes waits before it starts one anew: at first, and
// at most when that has failed again and again.
const (
	restartAfter = 200 * time.Millisecond
	restartMost  = 10 * time.Second
)

func (l *life) run() {
	err := l.open()
	close(l.opened)
	if err == nil {
		l.server.failed.Store(0)
		l.up.Store(!l.gone.Load())
		return
	}
	if !l.gone.Load() {
		l.log.Warn("cannot begin", "err", err)
		l.server.failed.Add(1)
		l.exit(nil)
	}
}

// exit ends the process by itself; it is started again. One that is being ended
// already may give up what waits for its disk.
func (l *life) exit(why error) {
	if why != nil && l.server.slow.Load() == 0 && !l.gone.Load() {
		l.server.sim.violated("%s ended itself: %v", l.server.name, why)
	}
	if l.server.kill(l, false) {
		time.Sleep(min(restartAfter<<min(l.server.failed.Load(), 10), restartMost))
		l.server.start()
	}
}

// open makes the node as openNode does, on the network and disk of the bubble
// and without HTTP.
func (l *life) open() (err error) {
	if err := l.openCluster(); err != nil {
		return err
	}
	var config listen.Config
	if err := l.cluster.listening(&config); err != nil {
		return err
	}
	p, err := openMemPort(l.server.sim.net, l.server.addr, config)
	if err != nil {
		return err
	}
	l.port = p
	l.at.Store(p)
	if l.gone.Load() { // killed meanwhile
		p.host.vanish(false)
		return errKilled
	}
	l.cluster.listens(p)
	if err := l.openCell(l.ctx); err != nil {
		return err
	}
	if l.cell != nil {
		l.server.sim.audit(l)
	}
	if err := l.openBlobs(); err != nil {
		return err
	}
	return l.openEdge(l.ctx)
}

var errKilled = errors.New("killed")

// kill ends a process without a word, by taking its power or only by a signal,
// if it is still l (nil: whichever runs). What it had on its disk stays.
func (v *server) kill(l *life, power bool) bool {
	s := v.sim
	s.mu.Lock()
	now := v.life
	s.mu.Unlock()
	if now == nil || l != nil && now != l || now.gone.Swap(true) {
		return false
	}
	l = now
	l.up.Store(false)
	if p := l.at.Load(); p != nil {
		p.host.vanish(power)
	}
	dice := s.dice()
	kept := 100
	if power {
		kept = dice.IntN(101)
	}
	s.mu.Lock()
	v.mem = v.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: dice})
	v.life = nil
	s.mu.Unlock()
	l.dead.Store(true)
	l.stop()
	s.running.Go(func() { // what is left of it can reach nobody
		<-l.opened
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // more than any answer takes
		defer cancel()
		_ = l.close(ctx)
	})
	return true
}

// endsWithin is how long a process that is told to end may take.
const endsWithin = 30 * time.Second

// shutDown ends a process as SIGTERM does.
func (v *server) shutDown(drain time.Duration) {
	s := v.sim
	s.mu.Lock()
	l := v.life
	s.mu.Unlock()
	if l == nil {
		return
	}
	if l.up.Swap(false) {
		l.edge.Drain(drain)
		l.edge.WaitEmpty(context.Background(), drain)
	}
	if l.gone.Swap(true) {
		return // it ended by itself meanwhile
	}
	l.stop()
	<-l.opened
	ctx, cancel := context.WithTimeout(context.Background(), endsWithin)
	defer cancel()
	err := l.close(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil { // its disk is full; what it still does with it is not done
		l.log.Warn("closed", "err", err)
		v.mem = v.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(s.seeds)})
		l.dead.Store(true)
	}
	v.life = nil
}

// serving returns the process of the server, if it serves.
func (v *server) serving() *life {
	v.sim.mu.Lock()
	defer v.sim.mu.Unlock()
	if v.life == nil || !v.life.up.Load() {
		return nil
	}
	return v.life
}

// all returns the servers in the order of their names.
func (s *simulation) all() []*server {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*server
	for _, v := range s.servers {
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b *server) int { return cmp.Compare(a.name, b.name) })
	return list
}

// up returns the processes that serve.
func (s *simulation) up() (list []*life) {
	for _, v := range s.all() {
		if l := v.serving(); l != nil {
			list = append(list, l)
		}
	}
	return list
}

// cores returns the processes that serve and have the cell.
func (s *simulation) cores() []*life {
	return slices.DeleteFunc(s.up(), func(l *life) bool { return l.server.edge })
}

// leader returns the process that leads the cell, nil if none does.
func (s *simulation) leader() *life {
	for _, l := range s.cores() {
		if id, _ := l.cell.Node().Leader(); id == l.server.name {
			return l
		}
	}
	return nil
}

// within tries until it is done, or a while of the bubble's time is over.
func within(most time.Duration, try func() error) (err error) {
	for until := time.Now().Add(most); time.Now().Before(until); time.Sleep(250 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

// join makes a machine a member of the cluster.
func (s *simulation) join(v *server) error {
	return within(2*time.Minute, func() error {
		up := s.cores()
		if len(up) == 0 {
			return errors.New("no core node is up")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		role := map[bool]string{false: state.CoreNode, true: state.EdgeNode}[v.edge]
		token, err := up[s.rng.IntN(len(up))].cluster.token(ctx, role)
		if err != nil {
			return err
		}
		p, err := openMemPort(s.net, v.addr, listen.Config{})
		if err != nil {
			return err
		}
		err = redeem(ctx, p.Dial, v.data, v.name, v.addr.String(), "here", token)
		return errors.Join(err, p.Close(ctx))
	})
}

// leave takes a server out of the cluster and ends it.
func (s *simulation) leave(v *server) error {
	err := within(2*time.Minute, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		l := s.leader()
		switch {
		case l == nil:
			return errors.New("nobody leads")
		case l.server == v:
			return cmp.Or(l.cluster.transfer(ctx), errors.New("it handed over"))
		}
		return l.cluster.remove(ctx, v.name)
	})
	v.kill(nil, false)
	return err
}
