package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kohe/bench/writers"
)

// openNATS starts a cluster with a stream of three replicas that syncs always.
// Each writer has a connection of its own, spread over the servers.
func openNATS(ctx context.Context, dir string) (_ *store, err error) {
	free, err := ports(members)
	if err != nil {
		return nil, err
	}
	var routes []*url.URL
	for _, port := range free {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)})
	}
	var servers []*server.Server
	var conns []*nats.Conn
	closeAll := func() {
		for _, c := range conns {
			c.Close()
		}
		for _, s := range servers {
			s.Shutdown()
			s.WaitForShutdown()
		}
	}
	for i, port := range free {
		name := fmt.Sprintf("n%d", i+1)
		s, err := server.NewServer(&server.Options{
			ServerName: name, Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
			JetStream: true, StoreDir: filepath.Join(dir, name), SyncAlways: true,
			Cluster: server.ClusterOpts{Name: "rivals", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			closeAll()
			return nil, err
		}
		servers = append(servers, s)
		s.Start()
	}
	streams := make([]jetstream.JetStream, writers.Counts[len(writers.Counts)-1])
	for i := range streams {
		s := servers[i%members]
		if !s.ReadyForConnections(ready) {
			closeAll()
			return nil, errors.New("a server takes no connections")
		}
		c, err := nats.Connect(s.ClientURL())
		if err != nil {
			closeAll()
			return nil, err
		}
		conns = append(conns, c)
		if streams[i], err = jetstream.New(c); err != nil {
			closeAll()
			return nil, err
		}
	}
	if err := makeStream(ctx, streams[0]); err != nil {
		closeAll()
		return nil, err
	}
	body := make([]byte, writers.Size)
	return &store{close: closeAll, write: func(ctx context.Context, writer int) error {
		_, err := streams[writer].Publish(ctx, subject, body)
		return err
	}}, nil
}

const subject = "messages"

// makeStream makes the stream as soon as the servers have found each other.
func makeStream(ctx context.Context, js jetstream.JetStream) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	for {
		once, done := context.WithTimeout(ctx, 2*time.Second) // a request before there is a leader is never answered
		_, err := js.CreateOrUpdateStream(once, jetstream.StreamConfig{
			Name: subject, Subjects: []string{subject}, Storage: jetstream.FileStorage, Replicas: members,
		})
		done()
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}
