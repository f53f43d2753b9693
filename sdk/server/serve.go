package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers on listener until ctx ends: HTTP/1.1 and HTTP/2, in the clear. For TLS
// give it a [crypto/tls] listener whose NextProtos name h2 and http/1.1. It takes the
// listener over and closes it. With [WithStoreCheck] it asks the store once before it
// answers anybody.
//
// When ctx ends, health turns to NOT_SERVING ([Server.Drain]), the listener closes and
// calls under way finish, for as long as [WithDrainTimeout] allows; then the rest is cut
// off. Serve returns nil after a clean stop, an error if calls had to be cut off, and what
// the listener failed with if it ended before ctx did.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	s.store.ask(ctx)
	// Health is told until the last call is answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { s.store.watch(background) })
	defer watching.Wait()
	defer stop()

	httpServer := s.httpServer()
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()

	select {
	case err := <-served:
		_ = httpServer.Close()
		return fmt.Errorf("server: serving %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}

	s.Drain()
	bound, cancel := context.WithTimeout(background, s.settings.drainTimeout)
	defer cancel()
	err := httpServer.Shutdown(bound)
	if err != nil {
		_ = httpServer.Close()
		err = fmt.Errorf("server: calls still under way %v after the stop were cut off: %w", s.settings.drainTimeout, err)
	}
	<-served
	return err
}

// httpServer is the HTTP server that Serve runs. HTTP/2's frames and windows stay as Go has
// them: they are for bodies far larger than a check's, and neither smaller nor larger ones
// changed its rate.
func (s *Server) httpServer() *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           s,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, WriteByteTimeout: s.settings.writeTimeout},
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: s.settings.readHeaderTimeout,
		WriteTimeout:      s.settings.callTimeout,
		IdleTimeout:       s.settings.idleTimeout,
		ConnState:         s.firstBytes,
		ErrorLog:          slog.NewLogLogger(s.settings.logger.Handler(), slog.LevelWarn),
	}
}

// firstBytes ends a connection on which nothing comes at all. For one in the clear Go 1.25.0
// starts the timeout for headers with their first byte only.
func (s *Server) firstBytes(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		_ = conn.SetReadDeadline(time.Now().Add(s.settings.readHeaderTimeout))
	case http.StateActive:
		_ = conn.SetReadDeadline(time.Time{})
	}
}

// WatchStore asks the store by the check of [WithStoreCheck] about once a second until ctx
// ends. [Server.Serve] does it by itself. Run it beside an HTTP server of your own.
func (s *Server) WatchStore(ctx context.Context) {
	s.store.ask(ctx)
	s.store.watch(ctx)
}

// Drain turns health to NOT_SERVING for good and ends open health watches and reflection
// streams, so that load balancers look elsewhere and an HTTP server can shut down; requests
// are still answered.
// [Server.Serve] does it by itself. Call it before the Shutdown of an HTTP server of your
// own.
func (s *Server) Drain() {
	s.drain()
	s.health.announce()
}
