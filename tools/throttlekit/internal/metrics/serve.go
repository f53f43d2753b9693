package metrics

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// How long a reader of metrics may take. They come every few seconds from a machine
// nearby.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 10 * time.Second
	idleTimeout  = 2 * time.Minute
)

// Serve answers on listener over HTTP: /metrics with [Metrics.Text], /healthz with 200
// while serving says so, else 503. stop ends it, whatever is under way, and returns what it
// failed with, if it did.
func (m *Metrics) Serve(listener net.Listener, serving func() bool, logger *slog.Logger) (stop func() error) {
	s := &http.Server{
		Handler:      m.handler(serving),
		ReadTimeout:  readTimeout,
		WriteTimeout: writeTimeout,
		IdleTimeout:  idleTimeout,
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	return func() error {
		err := s.Close()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	}
}

func (m *Metrics) handler(serving func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(m.Text()) // a reader who left is no fault of ours
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !serving() {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "not serving\n")
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}
