package server

import (
	"context"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
)

// StoreService is the service name under which grpc.health.v1 tells the health of the
// store behind the limiters, whatever the fail mode is. See [WithStoreCheck].
const StoreService = "throttlekit.store"

// statusServiceUnknown is what grpc.health.v1 has a Watch say about a service that the
// server does not have; grpchealth has no name for it.
const statusServiceUnknown grpchealth.Status = 3

// health answers grpc.health.v1 for the whole server (the empty name), one service and the
// store. It is written here because grpchealth's own checker has no Watch, and because a
// Watch never ends by itself: while one is open, an HTTP server cannot shut down.
type health struct {
	service  string
	failMode FailMode
	store    *store

	draining context.Context

	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

type watcher struct{ onChange func() }

var _ grpchealth.Watcher = (*health)(nil)

func newHealth(draining context.Context, service string, mode FailMode) *health {
	return &health{draining: draining, service: service, failMode: mode, watchers: make(map[*watcher]struct{})}
}

const watchProcedure = "/" + grpchealth.HealthV1ServiceName + "/Watch"

// endWatchKey is where the context of a Watch keeps the function that ends it.
type endWatchKey struct{}

// watchable gives each request's context the means to end a Watch. It goes by way of the
// context because that is all that a Watch shares with the Check calls made for it.
func (h *health) watchable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == watchProcedure {
			ctx, end := context.WithCancel(r.Context())
			defer end()
			r = r.WithContext(context.WithValue(ctx, endWatchKey{}, end))
		}
		next.ServeHTTP(w, r)
	})
}

// of is the health of a service; statusServiceUnknown when the server has none of the name.
func (h *health) of(service string) grpchealth.Status {
	down := h.store.down.Load()
	switch service {
	case "", h.service:
		if h.draining.Err() != nil || down && h.failMode == FailClosed {
			return grpchealth.StatusNotServing
		}
	case StoreService:
		if !h.store.known() {
			return statusServiceUnknown
		}
		if down {
			return grpchealth.StatusNotServing
		}
	default:
		return statusServiceUnknown
	}
	return grpchealth.StatusServing
}

// Check implements [grpchealth.Checker]. It is also what a Watch asks before each message;
// when the server drains, the Watch sends the answer if it is news, and ends.
func (h *health) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	end, watching := ctx.Value(endWatchKey{}).(context.CancelFunc)
	if watching && h.draining.Err() != nil {
		end()
	}
	status := h.of(req.Service)
	if status == statusServiceUnknown && !watching {
		return nil, connect.NewError(connect.CodeNotFound, unknownService(req.Service))
	}
	return &grpchealth.CheckResponse{Status: status}, nil
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

// announce has every Watch look again.
func (h *health) announce() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.onChange()
	}
}

type unknownService string

func (s unknownService) Error() string { return "unknown service " + quoted(string(s)) }
