package main

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// store is the Redis that a command runs on.
type store struct {
	redisdoor.Connections
	name   string // for the reader
	server *embedded.Redis
}

// openStore connects to the Redis at url, or starts one inside the process when url is
// empty. It fails when that Redis does not answer.
func openStore(ctx context.Context, url string) (*store, error) {
	s := &store{name: "the Redis of --redis"}
	if url == "" {
		// Ctrl-C must not take it from under the command, which then cleans up.
		server, err := embedded.Start(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		s.server, s.name, url = server, "a Redis inside this process", server.URL()
	}
	connections, err := redisdoor.DialAny(url)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Connections = connections
	if err := s.do(ctx, "PING"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the connections and, if it was started here, the server.
func (s *store) Close() error {
	var errs []error
	if s.Connections != nil {
		errs = append(errs, s.Connections.Close())
	}
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	return errors.Join(errs...)
}

// do runs a command that is about no key.
func (s *store) do(ctx context.Context, command string, args ...any) error {
	conn, err := s.GetContext(ctx)
	if err != nil {
		return err
	}
	_, err = redis.DoContext(conn, ctx, command, args...)
	return errors.Join(err, conn.Close())
}

// ownPrefix makes a prefix that no one else's keys have: the Redis may be in use.
func ownPrefix(command string) string {
	return "throttlekit-" + command + "-" + strings.ToLower(rand.Text()[:8])
}
