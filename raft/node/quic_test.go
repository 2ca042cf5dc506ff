package node

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"

	"kohe/raft/canary"
	"kohe/raft/logstore"
	"kohe/raft/quicnet"
)

// certificates returns what the members of a cluster authenticate with, by id.
func certificates(t testing.TB, ids ...string) map[string]*tls.Config {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"core"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: name == "", BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		}
	}
	caKey := key()
	sign := func(c *x509.Certificate, k *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, c, template(""), &k.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	ca, err := x509.ParseCertificate(sign(template(""), caKey))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	all := map[string]*tls.Config{}
	for _, id := range ids {
		k := key()
		all[id] = &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{sign(template(id), k)}, PrivateKey: k}},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool, RootCAs: pool,
			ServerName: "core", NextProtos: []string{quicnet.ALPN}, MinVersion: tls.VersionTLS13,
		}
	}
	return all
}

// core is a member with its port, UDP and TCP, as cmd wires it.
type core struct {
	id, addr string
	dir      string
	tls      *tls.Config
	net      *quicnet.Net
	udp      *quic.Transport
	quic     *quic.Listener
	tcp      net.Listener
	flock    *canary.Flock
	running  sync.WaitGroup
	node     atomic.Pointer[Node]
	*cell
}

// openCore starts a member at addr.
func openCore(t testing.TB, id, addr, dir string, config *tls.Config, join bool) *core {
	t.Helper()
	c := &core{id: id, dir: dir, tls: config}
	c.listen(t, addr)
	c.net = quicnet.New(quicnet.Config{
		Addr: raft.ServerAddress(c.addr), Logger: quiet,
		Dial: func(ctx context.Context, to raft.ServerAddress) (*quic.Conn, error) {
			addr, err := net.ResolveUDPAddr("udp", string(to))
			if err != nil {
				return nil, err
			}
			return c.udp.Dial(ctx, addr, config, quicnet.QUICConfig())
		},
		Allow: func(cert *x509.Certificate) error {
			if n := c.node.Load(); n != nil {
				return n.Admits(cert.Subject.CommonName)
			}
			return nil
		},
	})
	c.flock = canary.New(canary.Config{
		Dial: func(ctx context.Context, _, to string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to)
		},
		Lost: func(id string, certain bool) {
			n := c.node.Load()
			for _, m := range n.Members() {
				if m.ID == id {
					c.net.Gone(raft.ServerAddress(m.Address))
				}
			}
			if certain {
				n.Dead(id)
			} else {
				n.Suspect(id)
			}
		},
		Found: func(id string) { c.node.Load().Trust(id) },
	})
	c.serve()
	disk, err := logstore.Open(logstore.Config{Dir: dir, FS: vfs.Default, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	c.cell = &cell{disk: disk, counter: openCounter(t, disk.DB)}
	c.Node, err = Open(Config{
		ID: id, Disk: disk, Prefix: []byte("raft/"), Machine: c.counter, Logger: quiet, Join: join,
		Transport: NewTransport(c.net.Group(1), Timing{}, quiet), MembersChanged: c.membersChanged,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.node.Store(c.Node)
	c.membersChanged()
	return c
}

func (c *core) membersChanged() {
	n := c.node.Load()
	if n == nil {
		return
	}
	c.net.Recheck()
	peers := map[string]string{}
	for _, m := range n.Members() {
		if m.ID != c.id {
			peers[m.ID] = m.Address
		}
	}
	c.flock.Watch(peers)
}

func (c *core) listen(t testing.TB, addr string) {
	t.Helper()
	var err error
	if c.tcp, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	c.addr = c.tcp.Addr().String()
	at, err := net.ResolveUDPAddr("udp", c.addr)
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUDP("udp", at)
	if err != nil {
		t.Fatal(err)
	}
	c.udp = &quic.Transport{Conn: socket}
	if c.quic, err = c.udp.Listen(c.tls, quicnet.QUICConfig()); err != nil {
		t.Fatal(err)
	}
}

func (c *core) serve() {
	c.running.Go(func() {
		for {
			conn, err := c.quic.Accept(context.Background())
			if err != nil {
				return
			}
			c.running.Go(func() { c.net.Serve(conn) })
		}
	})
	c.running.Go(func() {
		for {
			conn, err := c.tcp.Accept()
			if err != nil {
				return
			}
			c.running.Go(func() { c.flock.Hold(conn) })
		}
	})
}

// close stops the member; kill does so as the kernel does: its sockets end
// first and nobody is told.
func (c *core) close(t testing.TB) {
	t.Helper()
	_ = c.flock.Close()
	c.cell.close(t)
	_ = c.net.Close()
	c.hangUp()
	c.running.Wait()
}

func (c *core) kill(t testing.TB) {
	t.Helper()
	c.hangUp()
	_ = c.flock.Close()
	c.running.Go(func() {
		c.cell.close(t)
		_ = c.net.Close()
	})
}

func (c *core) hangUp() {
	_ = c.udp.Conn.Close() // silent from here on
	_ = c.tcp.Close()
	_ = c.quic.Close()
	_ = c.udp.Close()
}

// openCores starts a cell of as many members over QUIC on loopback.
func openCores(t testing.TB, ids ...string) map[string]*core {
	t.Helper()
	certs := certificates(t, ids...)
	all := map[string]*core{}
	for i, id := range ids {
		all[id] = openCore(t, id, "127.0.0.1:0", t.TempDir(), certs[id], i > 0)
		if i == 0 {
			<-all[id].Ready()
		} else if err := leading(t, all).Add(t.Context(), id, all[id].addr); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// leading waits for the member that leads.
func leading(t testing.TB, all map[string]*core) *core {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, c := range all {
			if c.raft.State() == raft.Leader {
				return c
			}
		}
	}
	t.Fatal("no leader")
	return nil
}

// commit applies a command wherever it can be and says how long that took.
func commit(t testing.TB, all map[string]*core, id string) time.Duration {
	t.Helper()
	began := time.Now()
	for n := 0; time.Since(began) < 20*time.Second; n++ {
		if _, err := leading(t, all).Node.Apply(fmt.Append(nil, id, "/", n)); err == nil {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no commit")
	return 0
}

func TestACellOverQUICSurvivesItsLeaders(t *testing.T) {
	all := openCores(t, "a", "b", "c")
	var took []time.Duration
	for round := range 7 {
		commit(t, all, fmt.Sprint("before ", round))
		time.Sleep(1200 * time.Millisecond) // until the canaries sing
		leader := leading(t, all)
		delete(all, leader.id)
		leader.kill(t)
		took = append(took, commit(t, all, fmt.Sprint("after ", round)))
		leader.running.Wait()
		all[leader.id] = openCore(t, leader.id, leader.addr, leader.dir, leader.tls, true)
		<-all[leader.id].Ready()
	}
	want := counts(t, leading(t, all).disk.DB)
	for _, c := range all {
		for end := time.Now().Add(10 * time.Second); len(counts(t, c.disk.DB)) != len(want) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if got := counts(t, c.disk.DB); len(got) != len(want) {
			t.Errorf("%s holds %d commands, want %d", c.id, len(got), len(want))
		}
		if err := c.Err(); err != nil {
			t.Errorf("%s: %v", c.id, err)
		}
	}
	for _, c := range all {
		c.close(t)
	}
	slices.Sort(took)
	t.Logf("from the leader's end to the next commit: median %v, most %v", took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > time.Second {
		t.Errorf("median %v", took[len(took)/2])
	}
}

// BenchmarkCommit is the latency of a commit by three voters, each with its own
// synced disk, on one machine over QUIC.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			all := openCores(b, "a", "b", "c")
			leader := leading(b, all)
			var next atomic.Int64
			took := make([]time.Duration, b.N)
			payload := make([]byte, 200)
			b.ResetTimer()
			var running sync.WaitGroup
			for range writers {
				running.Go(func() {
					command := slices.Clone(payload)
					for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
						copy(command, fmt.Sprintf("%012d", n))
						began := time.Now()
						if _, err := leader.Node.Apply(command); err != nil {
							b.Error(err)
							return
						}
						took[n] = time.Since(began)
					}
				})
			}
			running.Wait()
			b.StopTimer()
			slices.SortFunc(took, cmp.Compare[time.Duration])
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
			b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
			for _, c := range all {
				c.close(b)
			}
		})
	}
}
