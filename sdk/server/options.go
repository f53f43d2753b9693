package server

import (
	"errors"
	"fmt"
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

// WithHandlerOptions adds options, such as interceptors, to the handlers of the contract's
// services. Health checks are not affected.
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
	drainTimeout   time.Duration
	handlerOptions []connect.HandlerOption
}

func newSettings(options []Option) (*settings, error) {
	s := &settings{drainTimeout: defaultDrainTimeout}
	for _, o := range options {
		if o == nil {
			return nil, errors.New("an option is nil")
		}
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}
