package server

import (
	"io"
	"time"
)

// WithPatience shortens what the server waits for from a dawdling client, which tests
// cannot wait out.
func WithPatience(header, body, idle time.Duration) Option {
	return option(func(s *settings) error {
		s.readHeaderTimeout, s.readBodyTimeout, s.idleTimeout = header, body, idle
		return nil
	})
}

// WithCallTimeout shortens how long a call may take until its answer has been read.
func WithCallTimeout(timeout time.Duration) Option {
	return option(func(s *settings) error {
		s.writeTimeout, s.callTimeout = timeout, timeout
		return nil
	})
}

// WithStoreInterval changes how often the store is asked.
func WithStoreInterval(interval time.Duration) Option {
	return option(func(s *settings) error {
		s.storeInterval = interval
		return nil
	})
}

// The bounds, for tests that go past them.
const (
	MaxKeys        = maxKeys
	MaxKeyBytes    = maxKeyBytes
	MaxPolicyBytes = maxPolicyBytes
	MaxStreams     = maxStreams
	MaxHeaderBytes = maxHeaderBytes
	MaxProbeBytes  = maxProbeBytes
)

// Inflate reads all that the server would of gzip.
func Inflate(from io.Reader) (int64, error) {
	i := new(inflater)
	if err := i.Reset(from); err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, i)
}

// MaxRequestBytes is how long a message may be.
const MaxRequestBytes = maxRequestBytes
