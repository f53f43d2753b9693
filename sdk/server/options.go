package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"connectrpc.com/connect"
)

// defaultDrainTimeout is shorter than the 30 seconds that Kubernetes leaves a stopping
// pod, and far longer than any check takes.
const defaultDrainTimeout = 10 * time.Second

// Option configures [New].
type Option interface {
	apply(*settings) error
}

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// WithFailMode has Check and CheckMany answer by mode when the store fails: when a limiter
// returns any error but [throttlekit.ErrInvalidArgument], [throttlekit.ErrNotSupported]
// and the caller's own context's. In a CheckMany only the keys that failed get the mode's
// decision. Without the option such errors are INTERNAL, as those of Peek and Forecast
// always are.
func WithFailMode(mode FailMode) Option {
	return option(func(s *settings) error {
		if mode != FailOpen && mode != FailClosed {
			return fmt.Errorf("WithFailMode was given %v, want FailOpen or FailClosed", mode)
		}
		s.failMode = mode
		return nil
	})
}

// WithStoreCheck tells the server how to ask the store behind its limiters whether it is
// there, such as by a PING; an error means that it is not. [Server.Serve] asks about once a
// second, and at once when a call has failed. What it learns is the health of the service
// name throttlekit.store, which is unknown without this option; under [FailClosed] it is
// also the health of the server, since a replica that denies everything serves nobody,
// while under [FailOpen] the server stays in its balancer. check may take as long as
// [WithStoreTimeout] says.
func WithStoreCheck(check func(context.Context) error) Option {
	return option(func(s *settings) error {
		if check == nil {
			return errors.New("WithStoreCheck was given nil")
		}
		s.storeCheck = check
		return nil
	})
}

// WithStoreTimeout bounds how long a limiter may take for one call, so that a store that
// hangs does not hold calls forever; CheckMany has a millisecond more for each key but the
// first. A call out of time has failed, see [WithFailMode], and a limiter that goes on
// failing is asked no more for half a second at a time, see package resilient. Default: 500
// milliseconds.
func WithStoreTimeout(timeout time.Duration) Option {
	return option(func(s *settings) error {
		if timeout <= 0 {
			return fmt.Errorf("WithStoreTimeout was given %v, want more than 0", timeout)
		}
		s.storeTimeout = timeout
		return nil
	})
}

// WithDrainTimeout bounds how long [Server.Serve] waits, once its context has ended, for
// the calls that are under way. What is still open then is cut off. Default: 10 seconds.
func WithDrainTimeout(timeout time.Duration) Option {
	return option(func(s *settings) error {
		if timeout <= 0 {
			return fmt.Errorf("WithDrainTimeout was given %v, want more than 0", timeout)
		}
		s.drainTimeout = timeout
		return nil
	})
}

// WithLogger has the server log to logger: a line when the store begins to fail and one
// when it has recovered, a line a minute for a policy whose calls fail otherwise, and what
// net/http complains of, such as failed TLS handshakes. No line holds a limited key.
// Default: nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) error {
		if logger == nil {
			return errors.New("WithLogger was given nil")
		}
		s.logger = logger
		return nil
	})
}

// WithObserver has the server tell observer what it does. Default: nobody.
func WithObserver(observer Observer) Option {
	return option(func(s *settings) error {
		if observer == nil {
			return errors.New("WithObserver was given nil")
		}
		s.observer = observer
		return nil
	})
}

// WithHandlerOptions adds options, such as interceptors, to the handlers of the contract's
// services. Health checks and reflection are not affected. Interceptors run after
// [WithSecrets], [WithClientCertificates] and [WithAuthorization].
func WithHandlerOptions(options ...connect.HandlerOption) Option {
	return option(func(s *settings) error {
		for i, o := range options {
			if o == nil {
				return fmt.Errorf("WithHandlerOptions was given nil at position %d", i)
			}
		}
		s.handlerOptions = append(s.handlerOptions, options...)
		return nil
	})
}

// settings is what options amount to.
type settings struct {
	failMode       FailMode // 0 is none
	storeCheck     func(context.Context) error
	storeTimeout   time.Duration
	drainTimeout   time.Duration
	logger         *slog.Logger
	observer       Observer
	handlerOptions []connect.HandlerOption
	guard          guardSettings

	// Constants, but for tests, which cannot wait that long.
	readHeaderTimeout, readBodyTimeout, writeTimeout, idleTimeout, storeInterval time.Duration

	// callTimeout bounds a call from its headers to the end of its answer: for the request
	// to arrive, for the store, and for the caller to read.
	callTimeout time.Duration
}

func newSettings(options []Option) (*settings, error) {
	s := &settings{
		storeTimeout:      defaultStoreTimeout,
		drainTimeout:      defaultDrainTimeout,
		logger:            slog.New(slog.DiscardHandler),
		observer:          nobody{},
		readHeaderTimeout: readHeaderTimeout,
		readBodyTimeout:   readBodyTimeout,
		writeTimeout:      writeTimeout,
		idleTimeout:       idleTimeout,
		storeInterval:     storeInterval,
	}
	for _, o := range options {
		if o == nil {
			return nil, errors.New("an option is nil")
		}
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	if s.callTimeout == 0 {
		s.callTimeout = s.readBodyTimeout + s.storeTimeout + maxKeys*keyTimeout + s.writeTimeout
	}
	return s, nil
}
