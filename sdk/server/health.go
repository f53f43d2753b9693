package server

import (
	"context"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// statusServiceUnknown is what grpc.health.v1 has a Watch say about a service that the
// server does not have; grpchealth has no name for it.
const statusServiceUnknown grpchealth.Status = 3

// health answers grpc.health.v1 for the whole server (the empty name) and one service. It
// is written here because grpchealth's own checker has no Watch, and because a Watch
// never ends by itself: while one is open, an HTTP server cannot shut down.
type health struct {
	service string

	mu       sync.Mutex
	draining bool
	watchers map[*watcher]struct{}
}

type watcher struct{ onChange func() }

var _ grpchealth.Watcher = (*health)(nil)

func newHealth(service string) *health {
	return &health{service: service, watchers: make(map[*watcher]struct{})}
}

// endWatchKey is where the context of a Watch keeps the function that ends it.
type endWatchKey struct{}

// watchable gives each request's context the means to end a Watch. It goes by way of the
// context because that is all that a Watch shares with the Check calls made for it.
func (h *health) watchable(next http.Handler) http.Handler {
	const watch = "/" + grpchealth.HealthV1ServiceName + "/Watch"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == watch {
			ctx, end := context.WithCancel(r.Context())
			defer end()
			r = r.WithContext(context.WithValue(ctx, endWatchKey{}, end))
		}
		next.ServeHTTP(w, r)
	})
}

// Check implements [grpchealth.Checker]. It is also what a Watch asks before each message;
// once it has answered NOT_SERVING there, the Watch sends that and ends.
func (h *health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	end, watching := ctx.Value(endWatchKey{}).(context.CancelFunc)
	h.mu.Lock()
	draining := h.draining
	h.mu.Unlock()
	if draining && watching {
		end()
	}
	switch known := req.Service == "" || req.Service == h.service; {
	case !known && watching:
		return &grpchealth.CheckResponse{Status: statusServiceUnknown}, nil
	case !known:
		return nil, connect.NewError(connect.CodeNotFound, unknownService(req.Service))
	case draining:
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}

// Watch implements [grpchealth.Watcher].
func (h *health) Watch(_ context.Context, _ *grpchealth.CheckRequest, onChange func()) (func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watcher{onChange: onChange}
	h.watchers[w] = struct{}{}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers, w)
	}, nil
}

// drain turns health to NOT_SERVING for good.
func (h *health) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
	for w := range h.watchers {
		w.onChange()
	}
}

type unknownService string

func (s unknownService) Error() string { return "unknown service " + quoted(string(s)) }
