package server

import "time"

// WithPatience shortens what the server waits for from a dawdling client, which tests
// cannot wait out.
func WithPatience(header, body, idle time.Duration) Option {
	return option(func(s *settings) error {
		s.readHeaderTimeout, s.readBodyTimeout, s.idleTimeout = header, body, idle
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
)
