package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	// readHeaderTimeout ends connections that open and then dawdle, which would otherwise
	// cost a goroutine and a file descriptor each for as long as they like. Checks send
	// their headers in one packet.
	readHeaderTimeout = 10 * time.Second

	// idleTimeout is longer than the 90 seconds after which Go clients, this SDK's
	// included, drop an unused connection: where the client closes, no check is lost by
	// crossing with the server's goodbye. There is no bound on reading or writing, which
	// would end an open Watch.
	idleTimeout = 3 * time.Minute
)

// Serve answers on listener until ctx ends: HTTP/1.1 and HTTP/2, in the clear. For TLS
// give it a [crypto/tls] listener whose NextProtos name h2 and http/1.1. It takes the
// listener over and closes it.
//
// When ctx ends, health turns to NOT_SERVING ([Server.Drain]), the listener closes and
// calls under way finish, for as long as [WithDrainTimeout] allows; then the rest is cut
// off. Serve returns nil after a clean stop, an error if calls had to be cut off, and what
// the listener failed with if it ended before ctx did.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	httpServer := &http.Server{
		Handler:           s,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
	}
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()

	select {
	case err := <-served:
		_ = httpServer.Close()
		return fmt.Errorf("server: serving %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}

	s.Drain()
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drainTimeout)
	defer cancel()
	err := httpServer.Shutdown(bound)
	if err != nil {
		_ = httpServer.Close()
		err = fmt.Errorf("server: calls still under way %v after the stop were cut off: %w", s.drainTimeout, err)
	}
	<-served
	return err
}

// Drain turns health to NOT_SERVING for good and ends open health watches, so that load
// balancers look elsewhere and an HTTP server can shut down; requests are still answered.
// [Server.Serve] does it by itself. Call it before the Shutdown of an HTTP server of your
// own.
func (s *Server) Drain() { s.health.drain() }
