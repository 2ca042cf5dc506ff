package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"kohe/bench/writers"
)

// openEtcd starts a cluster with its defaults, which sync before a write is
// acknowledged. Sixteen connections, spread over the servers, carry the
// writers: the client library shares them by design.
func openEtcd(_ context.Context, dir string) (_ *store, err error) {
	free, err := ports(2 * members)
	if err != nil {
		return nil, err
	}
	at := func(i int) url.URL { return url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", free[i])} }
	var initial []string
	for i := range members {
		peer := at(2 * i)
		initial = append(initial, fmt.Sprintf("n%d=%s", i+1, peer.String()))
	}
	var servers []*embed.Etcd
	var clients []*clientv3.Client
	closeAll := func() {
		for _, c := range clients {
			_ = c.Close()
		}
		for _, s := range servers {
			s.Close()
		}
	}
	for i := range members {
		c := embed.NewConfig()
		c.Name, c.Dir, c.LogLevel = fmt.Sprintf("n%d", i+1), filepath.Join(dir, fmt.Sprintf("n%d", i+1)), "fatal"
		c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{at(2 * i)}, []url.URL{at(2 * i)}
		c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{at(2*i + 1)}, []url.URL{at(2*i + 1)}
		c.InitialCluster = strings.Join(initial, ",")
		s, err := embed.StartEtcd(c)
		if err != nil {
			closeAll()
			return nil, err
		}
		servers = append(servers, s)
	}
	late := time.After(ready)
	for _, s := range servers {
		select {
		case <-s.Server.ReadyNotify():
		case <-late:
			closeAll()
			return nil, errors.New("a server is not ready")
		}
	}
	for i := range connections {
		client := at(2*(i%members) + 1)
		c, err := clientv3.New(clientv3.Config{Endpoints: []string{client.String()}, DialTimeout: ready})
		if err != nil {
			closeAll()
			return nil, err
		}
		clients = append(clients, c)
	}
	body := strings.Repeat("x", writers.Size)
	return &store{close: closeAll, write: func(ctx context.Context, writer int) error {
		_, err := clients[writer%connections].Put(ctx, fmt.Sprintf("writer/%d", writer), body)
		return err
	}}, nil
}

const connections = 16
