package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	hashiraft "github.com/hashicorp/raft"
	"github.com/quic-go/quic-go"
	"github.com/spf13/cobra"

	"kohe/bench"
	"kohe/bench/writers"
	"kohe/raft/beat"
	"kohe/raft/client"
	"kohe/raft/logstore"
	raftnode "kohe/raft/node"
	"kohe/raft/quicnet"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
)

func benchCells() *cobra.Command {
	var file string
	var only int
	s := bench.DefaultCells
	c := &cobra.Command{
		Use: "cells", Short: "What 1, 8 and 64 cells cost three nodes (at most 5 minutes)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if only > 0 {
				f, err := s.One(cmd.Context(), only, openHosts)
				if err != nil {
					return err
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(f)
			}
			report := bench.NewReport("cells", version)
			s.Progress = cmd.ErrOrStderr()
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().IntVar(&s.Rounds, "rounds", s.Rounds, "rounds, of which the medians are taken")
	c.Flags().DurationVar(&s.Idle, "idle", s.Idle, "how long the cells are watched at rest")
	c.Flags().DurationVar(&s.Span, "span", s.Span, "how long the writers write")
	c.Flags().IntVar(&only, "only", 0, "measure this number of cells in this process, and print it as JSON")
	return c
}

// cellHosts are three nodes in this process that are all members of some cells:
// one database, one port and one QUIC connection to each other for all of them.
type cellHosts struct {
	hosts   []*cellHost
	writers []cellWriter
	filling string // of a message, with which it is writers.Size long
}

type cellHost struct {
	name, addr string
	disk       *logstore.Disk
	udp        *quic.Transport
	raft       *quicnet.Net
	beats      *beat.Beats
	cells      []*client.Cell
	serving    sync.WaitGroup
}

// cellWriter has a session in one cell.
type cellWriter struct {
	cell    int // index in every host's
	session relay.ID
	author  relay.Author
	seq     uint64
}

// openHosts makes the cells in folders in dir, each led by the nodes in turn.
func openHosts(ctx context.Context, dir string, cells, n int) (bench.CellStore, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c := &cellHosts{filling: strings.Repeat("x", writers.Size)}
	if err := c.open(ctx, dir, cells, n); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *cellHosts) open(ctx context.Context, dir string, cells, n int) error {
	now := time.Now()
	ca, err := peer.NewCA(relay.NewID(), now)
	if err != nil {
		return err
	}
	for i := range voterCount {
		name := fmt.Sprint("n", i+1)
		creds, err := ca.Issue(peer.Identity{Cluster: ca.Cluster(), Node: name, Role: peer.RoleCore}, now)
		if err != nil {
			return err
		}
		h, err := openHost(name, filepath.Join(dir, name), creds, c)
		if err != nil {
			return err
		}
		c.hosts = append(c.hosts, h)
	}
	for k := range cells {
		if err := c.found(ctx, k); err != nil {
			return fmt.Errorf("cell %d: %w", k+1, err)
		}
	}
	for i := range n {
		if err := c.seat(ctx, i, i%cells); err != nil {
			return fmt.Errorf("writer %d: %w", i, err)
		}
	}
	return c.spreadLeaders(ctx)
}

func openHost(name, dir string, creds *peer.Credentials, all *cellHosts) (*cellHost, error) {
	log := slog.New(slog.DiscardHandler)
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	h := &cellHost{name: name, addr: socket.LocalAddr().String(), udp: &quic.Transport{Conn: socket}}
	listener, err := h.udp.Listen(creds.ServerTLS(quicnet.ALPN), quicnet.QUICConfig())
	if err != nil {
		return nil, err
	}
	h.raft = quicnet.New(quicnet.Config{
		Addr: hashiraft.ServerAddress(h.addr), Logger: log, Allow: func(*x509.Certificate) error { return nil }, // who is no node has none of this CA's
		Dial: func(ctx context.Context, to hashiraft.ServerAddress) (*quic.Conn, error) {
			addr, err := net.ResolveUDPAddr("udp", string(to))
			if err != nil {
				return nil, err
			}
			return h.udp.Dial(ctx, addr, creds.ClientTLS(quicnet.ALPN, all.nameAt(string(to))), quicnet.QUICConfig())
		},
	})
	h.serving.Go(func() {
		for {
			conn, err := listener.Accept(context.Background())
			if err != nil {
				return
			}
			h.serving.Go(func() { h.raft.Serve(conn) })
		}
	})
	h.beats = beat.Open(h.raft.Group(beatGroup), log)
	h.disk, err = logstore.Open(logstore.Config{Dir: dir, Logger: log})
	return h, err
}

func (c *cellHosts) nameAt(addr string) string {
	for _, h := range c.hosts {
		if h.addr == addr {
			return h.name
		}
	}
	return ""
}

// found makes the k-th cell, which the k-th of the nodes in turn leads.
func (c *cellHosts) found(ctx context.Context, k int) error {
	leads := c.hosts[k%len(c.hosts)]
	var founder *client.Cell
	for _, h := range c.hosts {
		group := uint64(firstCell + k)
		cell, err := client.Open(client.Config{
			NodeID: h.name, Disk: h.disk, Number: group, Join: h != leads, Logger: slog.New(slog.DiscardHandler),
			Transport: h.beats.Transport(group, raftnode.NewTransport(h.raft.Group(group), raftnode.Timing{}, slog.New(slog.DiscardHandler))),
		})
		if err != nil {
			return err
		}
		h.cells = append(h.cells, cell)
		if h == leads {
			founder = cell
		}
	}
	select {
	case <-founder.Ready():
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, h := range c.hosts {
		if h == leads {
			continue
		}
		if err := c.atLeader(ctx, k, func(cell *client.Cell) error { return cell.Node().Add(ctx, h.name, h.addr) }); err != nil {
			return fmt.Errorf("add %s: %w", h.name, err)
		}
	}
	at := time.Now().UnixMilli()
	for _, row := range []state.Put{
		{Customer: &state.Customer{ID: votersSite, Name: votersSite}, At: at},
		{Department: &state.Department{ID: votersSite, Customer: votersSite, Name: votersSite}, At: at},
		{Site: &state.Site{ID: votersSite, Customer: votersSite, Name: votersSite, Origins: []string{"http://bench.localhost"}, Departments: []string{votersSite}}, At: at},
	} {
		if err := c.propose(ctx, k, row); err != nil {
			return err
		}
	}
	return nil
}

// spreadLeaders hands each cell to the node whose turn it is, as often as a busy
// machine makes elections.
func (c *cellHosts) spreadLeaders(ctx context.Context) error {
	for k := range c.hosts[0].cells {
		want := c.hosts[k%len(c.hosts)].name
		for {
			leader, _ := c.hosts[0].cells[k].Node().Leader()
			if leader == want {
				break
			}
			if i := slices.IndexFunc(c.hosts, func(h *cellHost) bool { return h.name == leader }); i >= 0 {
				_ = c.hosts[i].cells[k].Node().TransferTo(ctx, want) // it may lead no longer
			}
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("cell %d is led by %q, not %s: %w", k+1, leader, want, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

// seat gives the i-th writer a session in the k-th cell.
func (c *cellHosts) seat(ctx context.Context, i, k int) error {
	visitor := relay.NewID()
	w := cellWriter{cell: k, session: relay.NewID(), author: relay.Author{Role: relay.RoleVisitor, ID: visitor.String(), Name: "Visitor"}}
	c.writers = append(c.writers, w)
	return c.propose(ctx, k, state.OpenSession{
		Session: w.session, Site: votersSite, Department: votersSite, Visitor: visitor, Name: "Visitor", Node: votersSite, At: time.Now().UnixMilli(),
	})
}

// propose has a command settled.
func (c *cellHosts) propose(ctx context.Context, k int, cmd state.Command) error {
	return c.atLeader(ctx, k, func(cell *client.Cell) error {
		_, err := cell.Propose(ctx, cmd)
		if relay.CodeOf(err) == relay.CodeUnavailable {
			return errors.Join(errElsewhere, err)
		}
		return err
	})
}

// errElsewhere says that a cell may be led by another node by now.
var errElsewhere = errors.New("the cell is not led here")

// atLeader does something where the k-th cell is led, and again where it is led
// then if that has changed: a busy machine makes elections.
func (c *cellHosts) atLeader(ctx context.Context, k int, do func(*client.Cell) error) error {
	for {
		leader, _ := c.hosts[k%len(c.hosts)].cells[k].Node().Leader()
		i := max(0, slices.IndexFunc(c.hosts, func(h *cellHost) bool { return h.name == leader }))
		err := do(c.hosts[i].cells[k])
		if err == nil || !errors.Is(err, errElsewhere) && !errors.Is(err, hashiraft.ErrNotLeader) && !errors.Is(err, hashiraft.ErrLeadershipLost) {
			return err
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// Write implements bench.CellStore.
func (c *cellHosts) Write(ctx context.Context, i int) error {
	w := &c.writers[i]
	now, next := time.Now().UnixMilli(), w.seq+1
	m := relay.Message{Session: w.session, Epoch: 1, Seq: next, Author: w.author, ID: fmt.Sprint(next), Kind: relay.KindText, Text: c.filling, At: now}
	err := c.propose(ctx, w.cell, state.Append{Session: w.session, Epoch: 1, Messages: []relay.Message{m}, At: now})
	if err == nil {
		w.seq = next
	}
	return err
}

// Leaders implements bench.CellStore.
func (c *cellHosts) Leaders() (led []int) {
	for _, h := range c.hosts {
		n := 0
		for _, cell := range h.cells {
			if id, _ := cell.Node().Leader(); id == h.name {
				n++
			}
		}
		led = append(led, n)
	}
	return led
}

// Close implements bench.CellStore.
func (c *cellHosts) Close() error {
	var errs []error
	for _, h := range c.hosts {
		for _, cell := range h.cells {
			errs = append(errs, cell.Close())
		}
	}
	for _, h := range c.hosts {
		errs = append(errs, h.beats.Close(), h.raft.Close(), h.udp.Close())
		if h.disk != nil {
			errs = append(errs, h.disk.Close())
		}
	}
	for _, h := range c.hosts {
		h.serving.Wait()
	}
	return errors.Join(errs...)
}
