package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"

	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
)

// Server serves policies. Make one with [New]; it is safe for concurrent use.
type Server struct {
	services services
	limiter  *rateLimiter
	store    *store
	health   *health
	settings *settings

	draining context.Context
	drain    context.CancelFunc
}

var _ http.Handler = (*Server)(nil)

// New makes a server of policies, which keep their order in what callers are told. It
// refuses an empty, overlong or repeated name, and a nil limiter unless the policy is
// unserved. No policies are allowed: every request is answered with NOT_FOUND then.
func New(policies []Policy, options ...Option) (*Server, error) {
	settings, err := newSettings(options)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &Server{services: services{}, settings: settings}
	s.draining, s.drain = context.WithCancel(context.Background())
	s.health = newHealth(s.draining, throttlekitv1connect.RateLimiterName, settings.failMode)
	s.store = newStore(settings, s.health.announce)
	s.health.store = s.store
	s.limiter = &rateLimiter{settings: settings, store: s.store}
	if err := s.SetPolicies(policies); err != nil {
		return nil, err
	}

	ours := []connect.HandlerOption{
		connect.WithCodec(protoCodec{}), connect.WithCodec(jsonCodec{"json"}), connect.WithCodec(jsonCodec{"json; charset=utf-8"}),
		inflation(),
		connect.WithReadMaxBytes(maxRequestBytes),
		connect.WithCompressMinBytes(minCompressBytes),
	}
	all := append(ours[:len(ours):len(ours)], settings.handlerOptions...)
	protect := s.guarding(all)
	s.services.add(protect(throttlekitv1connect.NewRateLimiterHandler(s.limiter, all...)))
	// The contract's other services are mounted to say UNIMPLEMENTED themselves, in every
	// protocol; a bare 404 is for the caller to interpret.
	s.services.add(protect(throttlekitv1connect.NewMonitorHandler(throttlekitv1connect.UnimplementedMonitorHandler{}, all...)))
	s.services.add(protect(throttlekitv1connect.NewFleetHandler(throttlekitv1connect.UnimplementedFleetHandler{}, all...)))
	// Health and reflection stay outside the user's interceptors: a probe has no
	// credentials, and what reflection tells is public.
	probes := append(ours[:len(ours):len(ours)], connect.WithReadMaxBytes(maxProbeBytes))
	path, handler := grpchealth.NewHandler(s.health, probes...)
	s.services.add(path, s.health.watchable(handler))
	reflector := grpcreflect.NewStaticReflector(throttlekitv1connect.RateLimiterName, grpchealth.HealthV1ServiceName)
	path, handler = grpcreflect.NewHandlerV1(reflector, probes...)
	s.services.add(path, s.untilDrain(handler))
	path, handler = grpcreflect.NewHandlerV1Alpha(reflector, probes...)
	s.services.add(path, s.untilDrain(handler))
	return s, nil
}

// guarding puts the guard before a service, unless everybody may call.
func (s *Server) guarding(options []connect.HandlerOption) func(string, http.Handler) (string, http.Handler) {
	if s.settings.guard.open() {
		return func(path string, next http.Handler) (string, http.Handler) { return path, next }
	}
	writer, noticed := connect.NewErrorWriter(options...), new(atomic.Int64)
	return func(path string, next http.Handler) (string, http.Handler) {
		return path, &guard{settings: s.settings, next: next, errors: writer, noticed: noticed}
	}
}

// SetPolicies replaces all policies at once, on the terms of [New]. Calls under way finish
// with the policies that they began with. When it returns an error, nothing has changed.
func (s *Server) SetPolicies(policies []Policy) error {
	book, err := newPolicyBook(policies, s.settings.storeTimeout)
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	s.limiter.policies.Store(book)
	return nil
}

// Serving reports what grpc.health.v1 says about the server as a whole.
func (s *Server) Serving() bool { return s.health.of("") == grpchealth.StatusServing }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !converses[r.URL.Path] {
		// An error means that the HTTP server around this one has no such deadlines.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.settings.readBodyTimeout))
	}
	if streams(r.URL.Path) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the HTTP server's is for calls
	}
	s.services.ServeHTTP(w, r)
}

// untilDrain ends next's request when the server drains: a stream of questions may stay
// open for as long as its client likes.
func (s *Server) untilDrain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ended := make(chan struct{})
		cancel := context.AfterFunc(s.draining, func() {
			defer close(ended)
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
		})
		defer func() {
			if !cancel() {
				<-ended // w must not be used after this
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// converses are the calls whose requests go on while they are answered. A Watch is none:
// its one message is there before the first answer.
var converses = map[string]bool{
	"/" + grpcreflect.ReflectV1ServiceName + "/ServerReflectionInfo":      true,
	"/" + grpcreflect.ReflectV1AlphaServiceName + "/ServerReflectionInfo": true,
}

// streams reports whether the answer to a call goes on for as long as its caller likes.
func streams(path string) bool { return converses[path] || path == watchProcedure }

// services finds the handler of a request by what all its methods' paths begin with, such
// as /grpc.health.v1.Health/. It does what [http.ServeMux] would, which parses patterns for
// each request anew.
type services map[string]http.Handler

func (s services) add(path string, handler http.Handler) { s[path] = handler }

// ServeHTTP implements [http.Handler].
func (s services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := r.URL.Path[:strings.LastIndexByte(r.URL.Path, '/')+1]
	if handler, ok := s[service]; ok {
		handler.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}
