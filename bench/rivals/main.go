// Command rivals measures stores that Kohe's is compared with: three servers of
// NATS JetStream or of etcd in this process, on loopback, each with a disk of
// its own that is synced before a write is acknowledged. It prints a JSON list
// of writers.Figures. `kohe bench raft` builds and runs it; it is a module of
// its own so that Kohe depends on none of this.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"time"

	"kohe/bench/writers"
)

// members is how many servers a store has.
const members = 3

// ready bounds a store's start.
const ready = 30 * time.Second

// store is a rival that runs. write may be called for writers at once.
type store struct {
	write func(ctx context.Context, writer int) error
	close func()
}

func main() {
	name := flag.String("store", "", "nats or etcd")
	dir := flag.String("dir", "", "an empty folder")
	span := flag.Duration("span", 3*time.Second, "of each number of writers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *name, *dir, *span); err != nil {
		fmt.Fprintln(os.Stderr, "rivals:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name, dir string, span time.Duration) error {
	open := map[string]func(context.Context, string) (*store, error){"nats": openNATS, "etcd": openEtcd}[name]
	if open == nil || dir == "" {
		return fmt.Errorf("want -store nats or etcd, and -dir")
	}
	s, err := open(ctx, dir)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer s.close()
	list, err := writers.All(ctx, span, s.write)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(list)
}

// ports returns n ports of loopback that are free now.
func ports(n int) (list []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		list = append(list, l.Addr().(*net.TCPAddr).Port)
	}
	return list, nil
}
