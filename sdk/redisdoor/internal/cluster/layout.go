package cluster

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/gomodule/redigo/redis"
)

// share is some of the slots and who serves them.
type share struct {
	from, to int      // slots, both included
	nodes    []string // addresses, the master's first
}

// parseLayout reads the reply of CLUSTER SLOTS, which the node at the address asked gave.
// Servers add to each entry as they grow; what is not known is passed over.
func parseLayout(reply any, asked string) ([]share, error) {
	entries, err := redis.Values(reply, nil)
	if err != nil {
		return nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
	}
	shares := make([]share, 0, len(entries))
	for _, e := range entries {
		entry, err := redis.Values(e, nil)
		if err != nil || len(entry) < 3 {
			return nil, errors.New("CLUSTER SLOTS: an entry is not two slots and their nodes")
		}
		from, okFrom := entry[0].(int64)
		to, okTo := entry[1].(int64)
		if !okFrom || !okTo || from < 0 || to < from || to >= Slots {
			return nil, fmt.Errorf("CLUSTER SLOTS: an entry is of the slots %v to %v, want two of 0 to %d", entry[0], entry[1], Slots-1)
		}
		s := share{from: int(from), to: int(to)}
		for _, n := range entry[2:] {
			node, err := redis.Values(n, nil)
			if err != nil || len(node) < 2 {
				return nil, errors.New("CLUSTER SLOTS: a node is not a host and a port")
			}
			// A node that does not know its own host has none.
			host, err := redis.String(node[0], nil)
			if err != nil && !errors.Is(err, redis.ErrNil) {
				return nil, fmt.Errorf("CLUSTER SLOTS: a node's host: %w", err)
			}
			port, ok := node[1].(int64)
			if !ok || port < 0 || port > 65535 {
				return nil, fmt.Errorf("CLUSTER SLOTS: a node's port is %v", node[1])
			}
			s.nodes = append(s.nodes, complete(net.JoinHostPort(host, strconv.FormatInt(port, 10)), asked))
		}
		shares = append(shares, s)
	}
	if len(shares) == 0 {
		return nil, errors.New("CLUSTER SLOTS: no slot is served")
	}
	return shares, nil
}

// complete gives an address without a host that of the node which told it: that is what
// the missing host means.
func complete(address, asked string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "" {
		return address
	}
	host, _, _ = net.SplitHostPort(asked)
	return net.JoinHostPort(host, port)
}
