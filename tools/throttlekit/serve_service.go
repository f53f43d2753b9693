package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/policy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/tools/throttlekit/internal/metrics"
)

// service is a running serve.
type service struct {
	options *serveOptions
	logger  *slog.Logger
	store   *store
	door    *redisdoor.Door
	local   map[string]*memory // by policy, where no --redis is given
	metrics *metrics.Metrics
	server  *server.Server
	file    *policy.File // as it was at the start
}

// openService makes everything but the listeners, so that whatever is wrong is said before
// anybody can connect. Redis is not asked.
func openService(ctx context.Context, o *serveOptions, log io.Writer) (_ *service, err error) {
	s := &service{options: o, store: &store{}, metrics: metrics.New()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	s.logger = slog.New(slog.NewTextHandler(log, nil))
	if o.jsonLog {
		s.logger = slog.New(slog.NewJSONHandler(log, nil))
	}
	url := o.redis
	if url == "" && needsRedis() {
		// A stop must not take it from under the calls that are under way.
		if s.store.server, err = embedded.Start(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
		url = s.store.server.URL()
	}
	if url != "" {
		if s.store.Connections, err = redisdoor.DialAny(url); err != nil {
			return nil, fmt.Errorf("--redis: %w", err)
		}
		s.door = redisdoor.Open(s.store.Connections)
	}
	var policies []server.Policy
	if s.file, policies, s.local, err = s.readPolicies(); err != nil {
		return nil, err
	}
	options := []server.Option{
		server.WithFailMode(o.fail),
		server.WithStoreCheck(s.ping),
		server.WithDrainTimeout(o.drain),
		server.WithLogger(s.logger),
		server.WithObserver(s.metrics),
	}
	if len(o.secrets) > 0 {
		options = append(options, server.WithSecrets(o.secrets...))
	}
	if s.server, err = server.New(policies, options...); err != nil {
		return nil, err
	}
	return s, nil
}

// needsRedis reports whether there are strategies that only a Redis can run. A reload may
// ask for any of them.
func needsRedis() bool {
	return slices.ContainsFunc(strategy.All(), func(d *script.Definition) bool { return d.Local == nil })
}

func (s *service) ping(ctx context.Context) error {
	if s.door == nil {
		return nil // nothing but this process
	}
	return s.store.do(ctx, "PING")
}

// warn logs what the operator should know of a start that went well.
func (s *service) warn() {
	s.announce(s.file)
	o := s.options
	if o.tls == nil && !loopback(o.host) {
		s.logger.Warn("listening beyond this machine without TLS: anybody who can connect can spend the limits", slog.String("host", o.host))
	}
	if slices.ContainsFunc(o.secrets, func(secret string) bool { return len(secret) < guessable }) {
		s.logger.Warn("a secret can be guessed: it is shorter than 16 bytes")
	}
	if o.metrics && !loopback(o.metricsHost) {
		s.logger.Warn("metrics can be read from beyond this machine", slog.String("host", o.metricsHost))
	}
}

// run serves until ctx ends and the calls under way are answered.
func (s *service) run(ctx context.Context, out io.Writer) (err error) {
	o := s.options
	listener, err := net.Listen("tcp", net.JoinHostPort(o.host, strconv.Itoa(o.port)))
	if err != nil {
		return fmt.Errorf("--host and --port: %w", err)
	}
	metricsPort := ""
	if o.metrics {
		metricsListener, err := net.Listen("tcp", net.JoinHostPort(o.metricsHost, strconv.Itoa(o.metricsPort)))
		if err != nil {
			return fmt.Errorf("--metrics-host and --metrics-port: %w", errors.Join(err, listener.Close()))
		}
		metricsPort = portOf(metricsListener)
		stop := s.metrics.Serve(metricsListener, s.server.Serving, s.logger)
		defer func() { err = errors.Join(err, stop()) }()
	}
	s.warn()
	fmt.Fprintln(out, s.startLine(portOf(listener), metricsPort))
	if o.tls != nil {
		listener = tls.NewListener(listener, o.tls)
	}

	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(serving, listener) }()
	told := ctx.Done()
	tell := time.NewTicker(tellEvery)
	defer tell.Stop()
	for {
		select {
		case <-hangups:
			s.reload()
		case <-tell.C:
			s.tellEvictions()
		case <-told:
			told = nil
			// From here on the signals do what they do to any process: end it at once.
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			s.logger.Info("draining", slog.Any("reason", context.Cause(ctx)), slog.Duration("bound", o.drain))
			stop()
		case err := <-served:
			s.tellEvictions()
			s.logger.Info("stopped")
			return err
		}
	}
}

// startLine is what scripts wait for.
func (s *service) startLine(port, metricsPort string) string {
	o := s.options
	store := "redis"
	if o.redis == "" {
		store = "memory"
	}
	traits := []string{store, o.security()}
	if len(o.secrets) > 0 {
		traits = append(traits, "secret")
	}
	traits = append(traits, "fail="+o.fail.String())
	if o.metrics {
		traits = append(traits, "metrics:"+metricsPort)
	}
	names := make([]string, len(s.file.Policies))
	for i, p := range s.file.Policies {
		names[i] = p.Name
	}
	policies := fmt.Sprintf("%d policies", len(names))
	if len(names) > 0 {
		policies += ": " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("throttlekit listening on %s [%s] (%s)", net.JoinHostPort(o.host, port), strings.Join(traits, ", "), policies)
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String()) // a TCP listener's address has one
	return port
}

// closeTimeout is more than a door with nobody waiting needs for a Redis that went silent.
const closeTimeout = 3 * time.Second

// close ends what openService made. Its calls have been answered or cut off by then.
func (s *service) close() error {
	if s.door != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		_ = s.door.Close(ctx) // what is under way for so long ends with its connection
	}
	return s.store.Close()
}
