package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/quic-go/quic-go"

	"kohe/edge/auth"
	"kohe/raft/state"
	"kohe/relay"
	"kohe/relay/peer"
)

// membership is what a node that belongs to a cluster keeps in its folder
// besides its credentials.
type membership struct {
	Address string       `json:"address"` // host:port at which the other nodes reach this one
	Region  string       `json:"region"`
	Joined  bool         `json:"joined"` // it joined a cell that was there; the first node made it
	Nodes   []state.Node `json:"nodes"`  // as it last heard; the state says it better
}

// answer is what a newcomer is told. The keys are for core nodes only.
type answer struct {
	Nodes []state.Node `json:"nodes"`
	Key   []byte       `json:"key,omitempty"` // that signs visitors' tokens and agents' sign-ins
	CA    []byte       `json:"ca,omitempty"`
}

const membershipFile = "member.json"

func clusterDir(data string) string { return filepath.Join(data, "cluster") }

// loadMembership reads what save wrote; fs.ErrNotExist says that the node is
// alone.
func loadMembership(data string) (m membership, err error) {
	path := filepath.Join(clusterDir(data), membershipFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return m, fmt.Errorf("read the membership: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("%s: %w; restore it from a backup, or join the node again", path, err)
	}
	return m, nil
}

func (m membership) save(data string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(clusterDir(data), membershipFile)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return fmt.Errorf("save the membership: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("save the membership: %w", err)
	}
	return nil
}

// checkAddress says whether the other nodes can be given an address.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	n, bad := strconv.Atoi(port)
	if err != nil || host == "" || bad != nil || n < 1 || n > 65535 || len(address) > state.MaxAddr {
		return fmt.Errorf("address %q: want host:port, as the other nodes reach this one, such as kohe1.example:8443", address)
	}
	return nil
}

// alone refuses a folder that belongs to a cluster already.
func alone(data string) error {
	if _, err := os.Stat(clusterDir(data)); err == nil {
		return fmt.Errorf("the node in %s belongs to a cluster already", data)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// initCluster makes the node in a folder the first of a cluster. What the node
// keeps stays.
func initCluster(data, name, address, region string) error {
	if err := errors.Join(checkAddress(address), alone(data)); err != nil {
		return err
	}
	ca, err := peer.NewCA(relay.NewID(), time.Now())
	if err != nil {
		return err
	}
	credentials, err := ca.Issue(peer.Identity{Cluster: ca.Cluster(), Node: name, Role: peer.RoleCore, Region: region}, time.Now())
	if err != nil {
		return err
	}
	m := membership{Address: address, Region: region}
	return keep(data, credentials, ca, m)
}

// keep writes all that makes a node a member, the membership last.
func keep(data string, c *peer.Credentials, ca *peer.CA, m membership) error {
	dir := clusterDir(data)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	if err := c.Save(dir); err != nil {
		return err
	}
	if ca != nil {
		if err := ca.Save(dir); err != nil {
			return err
		}
	}
	return m.save(data)
}

// joinCluster makes an empty folder a node of the cluster that made the token.
func joinCluster(ctx context.Context, data, name, address, region, text string) error {
	if err := errors.Join(checkAddress(address), alone(data)); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(data, "cell")); err == nil {
		return fmt.Errorf("the folder %s holds a node's data already; a node joins with an empty folder", data)
	}
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return err
	}
	transport := &quic.Transport{Conn: socket}
	defer func() { _, _ = transport.Close(), socket.Close() }()
	dial := func(ctx context.Context, addr string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
		to, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return nil, err
		}
		return transport.Dial(ctx, to, t, q)
	}
	return redeem(ctx, dial, data, name, address, region, text)
}

// redeem spends a join token for a folder.
func redeem(ctx context.Context, dial peer.Dial, data, name, address, region, text string) error {
	token, err := peer.ParseToken(text)
	if err != nil {
		return err
	}
	credentials, extra, err := peer.Join(ctx, dial, token, name, region)
	if err != nil {
		return err
	}
	var told answer
	if err := json.Unmarshal(extra, &told); err != nil {
		return fmt.Errorf("read the cluster's answer: %w", err)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	var ca *peer.CA
	if token.Role == peer.RoleCore {
		if ca, err = peer.ParseCA(told.CA); err != nil {
			return fmt.Errorf("read the cluster's answer: %w", err)
		}
		if err := auth.SaveKey(data, told.Key); err != nil {
			return err
		}
	}
	return keep(data, credentials, ca, membership{Address: address, Region: region, Joined: true, Nodes: told.Nodes})
}
