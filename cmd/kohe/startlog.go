package main

import (
	"net"
	"path/filepath"
	"runtime"
	"strconv"

	"kohe/relay/peer"
)

// logStart says what has begun to run where, before it waits for anything.
func (n *node) logStart() {
	role := "alone"
	if n.cluster != nil {
		role = string(peer.RoleEdge)
		if n.cluster.isCore() {
			role = string(peer.RoleCore)
		}
	}
	data, err := filepath.Abs(n.config.Data)
	if err != nil {
		data = n.config.Data
	}
	n.log.Info("starting", "version", version, "go", runtime.Version(), "node", n.config.Node, "role", role,
		"listen", listening(n.config.addresses(), n.port.Port()), "public_url", n.public, "data", data)
}

// listening returns addresses with the port that was given for 0.
func listening(addresses []string, port int) (list []string) {
	for _, address := range addresses {
		if host, asked, err := net.SplitHostPort(address); err == nil && asked == "0" {
			address = net.JoinHostPort(host, strconv.Itoa(port))
		}
		list = append(list, address)
	}
	return list
}
