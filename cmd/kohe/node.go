package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/webtransport-go"
	"golang.org/x/sync/errgroup"

	"kohe/edge"
	"kohe/edge/api"
	"kohe/edge/auth"
	"kohe/edge/link"
	"kohe/edge/listen"
	"kohe/edge/page"
	"kohe/edge/remote"
	"kohe/raft/cells"
	"kohe/raft/client"
	"kohe/raft/logstore"
	"kohe/relay"
	"kohe/widget"
)

// ping is how long a client stays silent before it pings. A silent client is
// given up after 2.5 of them, 20 s, when an agent counts as gone (PRODUCT A2).
const ping = 8 * time.Second

// port is where a node listens, and dials other nodes from; *listen.Listener
// is one.
type port interface {
	network
	Port() int
	Hashes() []string // of the certificates that the node made itself
	Close(ctx context.Context) error
}

// node is a whole Kohe node: core and edge in one process, or an edge only.
type node struct {
	config   config
	log      *slog.Logger
	fs       vfs.FS                  // of the cell's database
	delay    func()                  // see logstore.Config
	reclaim  time.Duration           // see logstore.Config
	fatal    func(error)             // ends the process where going on would be a lie
	trailing uint64                  // see raftnode.Config; 0: its default
	now      func() time.Time        // the clock of all that is said to the cell and to other nodes
	key      *auth.Key               // nil: the node is an edge only
	cluster  *cluster                // nil: the node is alone
	disk     *logstore.Disk          // nil: the node is an edge only
	cell     *client.Cell            // the first; likewise
	cells    *cells.Set              // all; likewise
	joining  map[uint64]*client.Cell // not ready yet; owned by whoever opens cells: the start, then tend
	remote   *remote.Remote          // nil: the node has the cell itself
	blobs    *blobs
	links    *link.Server
	edge     *edge.Edge
	tickets  *auth.Tickets
	port     port
	local    *http.Server
	localErr errgroup.Group
	tending  sync.WaitGroup // tend
	backing  sync.Mutex     // held while a backup is written
	public   string
	started  time.Time // set by newNode

	stopTending context.CancelFunc // nil: it has not begun

	ready    atomic.Bool
	metrics  link.Metrics
	reigns   reigns
	pace     pace
	registry *prometheus.Registry
}

func newNode(c config, log *slog.Logger) *node {
	return &node{
		config: c, log: log, fs: vfs.Default, fatal: func(error) { os.Exit(2) }, now: time.Now,
		joining: map[uint64]*client.Cell{}, started: time.Now(), tickets: &auth.Tickets{}, registry: prometheus.NewRegistry(), pace: newPace(),
	}
}

// openNode starts a node. The caller closes it.
func openNode(ctx context.Context, c config, demo bool, logTo io.Writer) (_ *node, err error) {
	n := newNode(c, c.logger(logTo))
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close(context.Background()))
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if err := cmp.Or(checkRestored(c.Data), checkAlone(ctx, c.Data)); err != nil {
		return nil, err
	}
	bundle, err := widget.Open()
	if err != nil {
		return nil, err
	}
	if err := n.openCluster(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	if err := n.openPort(mux); err != nil {
		return nil, err
	}
	n.logStart()
	if err := n.openCell(ctx); err != nil {
		return nil, err
	}
	if err := n.openBlobs(); err != nil {
		return nil, err
	}
	if err := n.openEdge(ctx); err != nil {
		return nil, err
	}
	mux.Handle("/kohe/ws", n.links)
	mux.Handle("/api/", n.consoleAPI())
	(&edge.Web{Bundle: bundle, Site: n.edge.Store.Site, Public: n.public, Shop: demo, Leaving: func() bool { return n.edge.Draining() || n.cellErr() != nil }}).Register(mux)
	n.operations(mux)
	commands := http.NewServeMux()
	commands.Handle("/", n.commands())
	n.registerCluster(commands)
	n.registerCells(commands)
	stopBackups := n.registerBackup(commands)
	n.ready.Store(true) // before a command can ask
	if err := n.openLocal(commands, stopBackups); err != nil {
		return nil, err
	}
	n.log.Info("ready", "after", time.Since(n.started).Round(time.Millisecond).String())
	return n, nil
}

// consoleAPI serves the console's requests, or has a core node serve them.
func (n *node) consoleAPI() http.Handler {
	if n.remote != nil {
		return n.cluster.coreAPI(n.reach)
	}
	config := api.Config{
		Key: n.key, Tickets: n.tickets, Passwords: auth.NewPasswords(2), Store: n.cells.Read(), Cell: n.cells,
		Recordings: n.blobs, Log: n.log, Secure: strings.HasPrefix(n.public, "https:"), Node: n.config.Node, Reach: n.reach,
		Cluster: n,
	}
	if n.cluster == nil {
		return api.New(config)
	}
	config.Consoles = n.cluster.hasConsole
	h := api.New(config)
	n.cluster.serveAPI(h)
	return h
}

// commands serves the command line, but for a cluster's commands.
func (n *node) commands() http.Handler {
	if n.remote == nil {
		return api.NewLocal(n.cells.Read(), n.cells, n.tickets, n.public)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		api.AnswerLocal(w, nil, errEdgeOnly)
	})
}

var errEdgeOnly = relay.Errorf(relay.CodeInvalid, "This node is an edge and keeps nothing. Give the command at a core node; `kohe cluster status` lists them.")

// openCluster reads which cluster the node belongs to, and the node's key.
func (n *node) openCluster() (err error) {
	if n.cluster, err = openCluster(n.config.Data, func() string { return n.public }, n.log); err != nil {
		return err
	}
	if n.cluster == nil || n.cluster.isCore() {
		if n.key, err = auth.OpenKey(n.config.Data); err != nil {
			return err
		}
	}
	if n.cluster == nil {
		return nil
	}
	n.cluster.key, n.cluster.tickets, n.cluster.now, n.cluster.pace = n.key, n.tickets, n.now, n.pace
	name := n.cluster.name()
	if given := n.config.Node; given != defaults().Node && given != name {
		return fmt.Errorf("the node in %s is called %q in its cluster, not %q", n.config.Data, name, given)
	}
	n.config.Node = name
	return nil
}

// openPort listens. Nobody is let in before the node is ready.
func (n *node) openPort(mux http.Handler) error {
	config := n.listening(mux)
	if n.cluster != nil {
		if err := n.cluster.listening(&config); err != nil {
			return err
		}
	}
	l, err := listen.Open(config)
	if err != nil {
		return err
	}
	n.port = l
	n.public = n.publicURL()
	if n.cluster != nil {
		n.cluster.listens(l)
	}
	return nil
}

// openCell starts the cell's member here and waits until it has all that was
// ever acknowledged; or, where there is none, until a core node has told what
// an edge needs.
func (n *node) openCell(ctx context.Context) (err error) {
	var ready <-chan struct{}
	if n.cluster != nil && !n.cluster.isCore() {
		n.remote = n.cluster.openRemote()
		ready = n.remote.Ready()
	} else {
		if err := n.openFirst(); err != nil {
			return err
		}
		ready = n.cell.Ready()
	}
	select {
	case <-ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	if n.cells == nil {
		return nil
	}
	return n.openOthers(ctx, true) // the first one names them
}

// edgeCutOffAfter is how long an edge may be without any core node until its
// clients are told to go. Before that it takes relay/peer up to 1.6 s to give a
// silent core node up; after two seconds together the clients are to know.
const edgeCutOffAfter = 300 * time.Millisecond

// openEdge starts what faces people.
func (n *node) openEdge(ctx context.Context) (err error) {
	config := edge.Config{
		Node: n.config.Node, Log: n.log, Reach: n.reach, Health: n.cellErr,
		Pages: page.New(0, page.NewMetrics(n.registry)), Ping: ping, OpensPerMinute: n.config.Opens, AsksPerSecond: edge.DefaultAsks,
		Now: n.now, Keeper: n.blobs,
	}
	if n.remote != nil {
		config.Cell, config.Store, config.Gate = n.remote, n.remote, n.remote.Gate()
		config.CutOffAfter = edgeCutOffAfter // and another node has the desks
	} else {
		config.Cell, config.Store, config.Desks = n.cells, n.cells.Read(), n.cells.Read()
		config.Gate = &auth.Gate{Key: n.key, Tickets: n.tickets, Node: n.config.Node, Now: n.now}
	}
	if n.cluster != nil {
		config.Mesh, config.Nodes, config.Others = n.cluster, n.cluster.otherNames, n.cluster.others
		config.Core = n.cluster.isCoreNode
	}
	if n.edge, err = edge.Open(ctx, config); err != nil {
		return err
	}
	n.links = link.NewServer(link.Config{Accept: n.edge.Accept, Carried: n.edge.Carried, Ping: ping, Metrics: &n.metrics})
	if n.cluster != nil {
		n.cluster.links.Store(n.links)
		n.cluster.operate.Store(new(n.do))
	}
	if n.cells != nil {
		tending, stop := context.WithCancel(context.Background())
		n.stopTending = stop
		n.tending.Go(func() { n.tend(tending) })
	}
	return nil
}

// cellErr returns nil while the cell settles commands for this node, or why it
// does not.
func (n *node) cellErr() error {
	if n.remote != nil {
		return n.remote.Err()
	}
	return n.cell.Err() // of the first: where another one has no leader, it has none anywhere
}

// listening says what the port serves. Until the node is ready nobody gets in.
func (n *node) listening(mux http.Handler) listen.Config {
	return listen.Config{
		Addrs: n.config.addresses(), CertFile: n.config.Cert, KeyFile: n.config.Key, Dir: n.config.Data, Log: n.log,
		Limits: listen.Limits{ConnsPerAddr: n.config.Links},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !n.ready.Load() {
				w.Header().Set("Retry-After", "1")
				http.Error(w, "not ready", http.StatusServiceUnavailable)
				return
			}
			mux.ServeHTTP(w, r)
		}),
		WebTransportPath: "/kohe/wt",
		WebTransport: func(s *webtransport.Session, r *http.Request) {
			if !n.ready.Load() {
				_ = s.CloseWithError(link.CloseCode, "not ready") // it comes back
				return
			}
			n.links.ServeWebTransport(s, r)
		},
	}
}

// publicURL returns how browsers reach the node.
func (n *node) publicURL() string {
	return n.config.public(strconv.Itoa(n.port.Port()))
}

// reach returns the node's WebTransport address and, if it made its
// certificate itself, the hashes that browsers are to accept.
func (n *node) reach() (string, []string) {
	_, rest, _ := strings.Cut(n.public, "://")
	return "https://" + rest + "/kohe/wt", n.port.Hashes()
}

// openLocal serves the commands of this machine on a socket that only the
// node's user can open. closing is called when the node closes it.
func (n *node) openLocal(h http.Handler, closing func()) error {
	path := socketPath(n.config.Data)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the former socket: %w", err) // no other node runs here: checkAlone
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("open the node's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	n.local = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	n.local.RegisterOnShutdown(closing)
	n.localErr.Go(func() error {
		if err := n.local.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// checkAlone refuses a folder that a running node has. The database of a core node
// is locked besides; an edge has none.
func checkAlone(ctx context.Context, data string) error {
	if conn, err := new(net.Dialer).DialContext(ctx, "unix", socketPath(data)); err == nil { // else nobody listens
		return errors.Join(errFolderTaken(data), conn.Close())
	}
	return nil
}

func errFolderTaken(data string) error {
	return fmt.Errorf("another node is running on the folder %s; stop it, or give this one a folder of its own with --data", data)
}

func socketPath(data string) string { return filepath.Join(data, "kohe.sock") }

// close ends the node in the reverse order of its making. Clients are told to
// connect elsewhere; what was acknowledged is stored already.
func (n *node) close(ctx context.Context) error {
	n.ready.Store(false)
	var errs []error
	if n.local != nil {
		errs = append(errs, n.local.Shutdown(ctx), n.localErr.Wait())
	}
	if n.links != nil {
		errs = append(errs, n.links.Close(ctx))
	}
	if n.edge != nil {
		n.edge.Close()
	}
	if n.blobs != nil {
		errs = append(errs, n.blobs.close())
	}
	if n.remote != nil {
		errs = append(errs, n.remote.Close())
	}
	if n.cluster != nil {
		n.cluster.closeEdges()
	}
	if n.stopTending != nil {
		n.stopTending()
		n.tending.Wait()
	}
	if n.disk != nil {
		errs = append(errs, n.closeCells(ctx))
	}
	if n.cluster != nil {
		errs = append(errs, n.cluster.close())
	}
	if n.port != nil {
		errs = append(errs, n.port.Close(ctx))
	}
	return errors.Join(errs...)
}

// run serves until ctx is done, then drains.
func (n *node) run(ctx context.Context) error {
	<-ctx.Done()
	drain, _ := time.ParseDuration(n.config.Drain) // checked
	n.log.Info("draining", "over", drain.String())
	n.edge.Drain(drain)
	done, cancel := context.WithTimeout(context.Background(), drain+10*time.Second)
	defer cancel()
	n.edge.WaitEmpty(done, drain)
	err := n.close(done)
	n.log.Info("stopped")
	return err
}

// allowed reports whether a request for figures comes from loopback or from a
// listed network.
func (n *node) allowed(r *http.Request) bool {
	if r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "" {
		return false // a proxy on this machine speaks for somebody else
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := ap.Addr().Unmap()
	if addr.IsLoopback() {
		return true
	}
	for _, text := range n.config.Metrics {
		if p, err := netip.ParsePrefix(text); err == nil && p.Contains(addr) {
			return true
		}
	}
	return false
}
