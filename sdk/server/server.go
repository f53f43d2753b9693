package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

const (
	// maxRequestBytes is what gRPC servers accept by default, and so what clients of the
	// contract expect to get through. It bounds CheckMany, whose keys have no other bound.
	maxRequestBytes = 4 << 20

	// minCompressBytes keeps gzip away from single decisions, which it makes larger and
	// much slower. A long CheckMany gains from it.
	minCompressBytes = 1 << 10
)

// Policy is a limiter and the name that callers know it by.
type Policy struct {
	// Name is what requests carry. Not empty, and unique within a server.
	Name string

	// Limiter decides. The server calls it from many goroutines and never closes it.
	Limiter throttlekit.Limiter
}

// Server serves policies. Make one with [New]; it is safe for concurrent use.
type Server struct {
	mux          *http.ServeMux
	health       *health
	drainTimeout time.Duration
}

var _ http.Handler = (*Server)(nil)

// New makes a server of policies, which keep their order in what callers are told. It
// refuses an empty or repeated name and a nil limiter. No policies are allowed: every
// request is answered with NOT_FOUND then.
func New(policies []Policy, options ...Option) (*Server, error) {
	book, err := newPolicyBook(policies)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	settings, err := newSettings(options)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}

	ours := []connect.HandlerOption{
		connect.WithReadMaxBytes(maxRequestBytes),
		connect.WithCompressMinBytes(minCompressBytes),
	}
	all := append(ours[:len(ours):len(ours)], settings.handlerOptions...)
	srv := &Server{
		mux:          http.NewServeMux(),
		health:       newHealth(throttlekitv1connect.RateLimiterName),
		drainTimeout: settings.drainTimeout,
	}
	srv.mux.Handle(throttlekitv1connect.NewRateLimiterHandler(&rateLimiter{policies: book}, all...))
	// The contract's other services are mounted to say UNIMPLEMENTED themselves, in every
	// protocol; a bare 404 is for the caller to interpret.
	srv.mux.Handle(throttlekitv1connect.NewMonitorHandler(throttlekitv1connect.UnimplementedMonitorHandler{}, all...))
	srv.mux.Handle(throttlekitv1connect.NewFleetHandler(throttlekitv1connect.UnimplementedFleetHandler{}, all...))
	// Health stays outside the user's interceptors: a probe has no credentials.
	path, handler := grpchealth.NewHandler(srv.health, ours...)
	srv.mux.Handle(path, srv.health.watchable(handler))
	return srv, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// policyBook finds policies by name and remembers their order.
type policyBook struct {
	names    []string
	limiters map[string]throttlekit.Limiter
}

func newPolicyBook(policies []Policy) (*policyBook, error) {
	book := &policyBook{limiters: make(map[string]throttlekit.Limiter, len(policies))}
	for i, policy := range policies {
		switch _, taken := book.limiters[policy.Name]; {
		case policy.Name == "":
			return nil, fmt.Errorf("policies[%d] has no name", i)
		case policy.Limiter == nil:
			return nil, fmt.Errorf("policies[%d] (%s) has no limiter", i, quoted(policy.Name))
		case taken:
			return nil, fmt.Errorf("policies[%d] has the name %s, which an earlier policy has too", i, quoted(policy.Name))
		}
		book.names = append(book.names, policy.Name)
		book.limiters[policy.Name] = policy.Limiter
	}
	return book, nil
}

// find returns the limiter of a policy, or the NOT_FOUND that the caller gets.
func (b *policyBook) find(name string) (throttlekit.Limiter, error) {
	if limiter, ok := b.limiters[name]; ok {
		return limiter, nil
	}
	return nil, connect.NewError(connect.CodeNotFound, errors.New(
		"unknown policy "+quoted(name)+"; the server has "+quotedList(b.names)))
}
