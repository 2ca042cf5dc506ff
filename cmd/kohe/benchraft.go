package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kohe/bench"
	"kohe/bench/writers"
	"kohe/raft/state"
	"kohe/relay"
)

func benchRaft() *cobra.Command {
	var file string
	s := bench.DefaultRaft
	c := &cobra.Command{
		Use: "raft", Short: "How long three voters take to store a message, beside NATS JetStream and etcd (at most 5 minutes)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report := bench.NewReport("raft", version)
			s.Progress, s.Open = cmd.ErrOrStderr(), openVoters
			if err := s.Run(cmd.Context(), report); err != nil {
				return err
			}
			return finish(cmd, report, file)
		},
	}
	jsonFlag(c, &file)
	c.Flags().StringVar(&s.Rivals, "rivals", s.Rivals, "source folder of the program that runs NATS and etcd; empty: Kohe alone")
	c.Flags().IntVar(&s.Rounds, "rounds", s.Rounds, "rounds, of which the medians are taken")
	c.Flags().DurationVar(&s.Span, "span", s.Span, "how long each number of writers writes in each round")
	return c
}

// voters are three whole nodes in this process. Writers are spread over them,
// so a third proposes at the leader and the others through a follower.
type voters struct {
	nodes   []*node
	writers []writer
	filling string // of a message, with which it is writers.Size long
}

// writer has a session of its own and is the only one who uses it.
type writer struct {
	session relay.ID
	author  relay.Author
	seq     uint64
}

const (
	voterCount = 3
	votersSite = "bench"
)

// openVoters starts the nodes in folders of their own in dir.
func openVoters(ctx context.Context, dir string) (bench.RaftStore, error) {
	v := &voters{filling: strings.Repeat("x", writers.Size)}
	for i := range voterCount {
		if err := v.add(ctx, filepath.Join(dir, fmt.Sprint(i+1)), fmt.Sprint("n", i+1)); err != nil {
			return nil, errors.Join(fmt.Errorf("start node %d: %w", i+1, err), v.Close())
		}
	}
	if err := v.seed(ctx); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// add starts one more node, as the commands do, and waits until it votes.
func (v *voters) add(ctx context.Context, data, name string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	if len(v.nodes) == 0 {
		err = initCluster(data, name, address, votersSite)
	} else {
		var token string
		if token, err = v.nodes[0].cluster.token(ctx, state.CoreNode); err == nil {
			err = joinCluster(ctx, data, name, address, votersSite, token)
		}
	}
	if err != nil {
		return err
	}
	c := defaults()
	c.Data, c.Listen, c.LogLevel = data, []string{address}, "error"
	if err := c.check(); err != nil {
		return err
	}
	n, err := openNode(ctx, c, false, io.Discard)
	if err != nil {
		return err
	}
	v.nodes = append(v.nodes, n)
	return v.settle(ctx)
}

// settle waits until every node sees all of them up and voting.
func (v *voters) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, enrolFor)
	defer cancel()
	for {
		if v.settled() {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the nodes do not settle: %w", ctx.Err())
		}
	}
}

func (v *voters) settled() bool {
	for _, n := range v.nodes {
		s := n.clusterStatus()
		if s.Leader == "" || len(s.Nodes) != len(v.nodes) {
			return false
		}
		for _, o := range s.Nodes {
			if !o.Up || !o.Voter {
				return false
			}
		}
	}
	return true
}

// seed opens a session for each writer.
func (v *voters) seed(ctx context.Context) error {
	cell, at := v.nodes[0].cell, time.Now().UnixMilli()
	for _, row := range []state.Put{
		{Customer: &state.Customer{ID: votersSite, Name: votersSite}, At: at},
		{Department: &state.Department{ID: votersSite, Customer: votersSite, Name: votersSite}, At: at},
		{Site: &state.Site{ID: votersSite, Customer: votersSite, Name: votersSite, Origins: []string{"http://bench.localhost"}, Departments: []string{votersSite}}, At: at},
	} {
		if _, err := cell.Propose(ctx, row); err != nil {
			return err
		}
	}
	for i := range writers.Counts[len(writers.Counts)-1] {
		visitor := relay.NewID()
		t := writer{session: relay.NewID(), author: relay.Author{Role: relay.RoleVisitor, ID: visitor.String(), Name: "Visitor"}}
		_, err := cell.Propose(ctx, state.OpenSession{
			Session: t.session, Site: votersSite, Department: votersSite, Visitor: visitor, Name: "Visitor",
			Node: v.at(i).config.Node, At: at,
		})
		if err != nil {
			return err
		}
		v.writers = append(v.writers, t)
	}
	return nil
}

// at returns the node of the i-th writer.
func (v *voters) at(i int) *node { return v.nodes[i%len(v.nodes)] }

// Write implements bench.RaftStore: it stores one message as its origin does.
func (v *voters) Write(ctx context.Context, i int) error {
	t := &v.writers[i]
	now, next := time.Now().UnixMilli(), t.seq+1
	m := relay.Message{Session: t.session, Epoch: 1, Seq: next, Author: t.author, ID: fmt.Sprint(next), Kind: relay.KindText, Text: v.filling, At: now}
	_, err := v.at(i).cell.Propose(ctx, state.Append{Session: t.session, Epoch: 1, Messages: []relay.Message{m}, At: now})
	if err == nil {
		t.seq = next
	}
	return err
}

// Close implements bench.RaftStore.
func (v *voters) Close() error {
	var errs []error
	for _, n := range v.nodes {
		errs = append(errs, n.close(context.Background()))
	}
	return errors.Join(errs...)
}
