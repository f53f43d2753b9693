package servicedoor

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

const (
	// dialTimeout bounds a dial whose caller set no deadline; the operating system would
	// try for two minutes.
	dialTimeout = 10 * time.Second

	// idleTimeout is how long an unused connection is kept. It is shorter than what
	// servers and load balancers commonly allow, so that the client is the one to close
	// and no check is written into a connection that the other side has given up.
	idleTimeout = 90 * time.Second

	// idleConns is how many HTTP/1.1 connections are kept; net/http's default of 2 would
	// dial anew for nearly every call of a busy caller. HTTP/2 needs one.
	idleConns = 128
)

// newHTTPClient makes the client that requests go through, and the function that ends its
// connections.
func (s *settings) newHTTPClient(base *url.URL) (connect.HTTPClient, func()) {
	if own, ok := s.client.(*http.Client); ok && s.secret != "" {
		// A redirect could take the secret anywhere.
		still := *own
		still.CheckRedirect = noRedirect
		return &still, func() {}
	}
	if s.client != nil {
		return s.client, func() {}
	}
	protocols := new(http.Protocols)
	secure := base.Scheme == "https"
	switch {
	case s.protocol == protocolGRPC && secure:
		protocols.SetHTTP2(true)
	case s.protocol == protocolGRPC:
		protocols.SetUnencryptedHTTP2(true)
	default:
		protocols.SetHTTP1(true)
		protocols.SetHTTP2(true)
	}
	wires := &wires{loopbackOnly: s.secret != "" && !secure}
	transport := &http.Transport{
		DialContext:         wires.dial,
		TLSClientConfig:     s.tls,
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     idleTimeout,
		MaxIdleConnsPerHost: idleConns,
		Protocols:           protocols,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: s.pingInterval,
			PingTimeout:     s.pingTimeout,
		},
	}
	if secure {
		// A proxy tunnels TLS; it could not pass on HTTP/2 in the clear.
		transport.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}, func() {
		transport.CloseIdleConnections()
		wires.cut()
	}
}

// noRedirect: a redirect is no answer to a check, and following one asks somebody else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// onceClient sees to it that no request is sent twice and none after Close, and that each
// shows the secret, if there is one.
type onceClient struct {
	client connect.HTTPClient
	closed *atomic.Bool
	secret string
}

// Do implements [connect.HTTPClient].
func (o onceClient) Do(req *http.Request) (*http.Response, error) {
	if o.closed.Load() {
		return nil, errClosed
	}
	// Only GetBody lets net/http send a body again, after a redirect as after an HTTP/2
	// stream that the server reset. Without it, a request that has left has left once.
	once := *req
	once.GetBody = nil
	if o.secret != "" {
		once.Header = req.Header.Clone() // interceptors still have the other
		once.Header.Set("Authorization", "Bearer "+o.secret)
	}
	res, err := o.client.Do(&once)
	if failed, ok := err.(*url.Error); ok {
		err = turnedAway(failed)
	}
	return res, err
}

// unprocessed is how a request failed that the server vouches for not having acted on: its
// stream came after the last one that a GOAWAY names, or was reset with REFUSED_STREAM
// (RFC 9113, 8.7); or one for which the connection proved to be gone before it was used.
type unprocessed struct{ error }

func (u unprocessed) Unwrap() error { return u.error }

// turnedAway marks a failure as unprocessed if it is. net/http would repeat a request in one
// case more, PROTOCOL_ERROR, which vouches for nothing, and it keeps apart which by text
// alone. A text that is not known leaves the outcome unknown.
func turnedAway(failed *url.Error) error {
	text := failed.Err.Error()
	for _, reason := range []string{
		"[http2: Transport received Server's graceful shutdown GOAWAY]",
		"; REFUSED_STREAM; ",
		"net/http: cannot rewind body after connection loss",
	} {
		if strings.Contains(text, reason) {
			return unprocessed{failed.Err}
		}
	}
	if strings.HasPrefix(text, "http2: Transport: cannot retry") {
		// connect-go takes this text, behind the URL, for a forgotten option and says so.
		return failed.Err
	}
	return failed
}

// trip is what net/http reports about one call. The zero trip knows nothing: so it stays
// when the HTTP client is not net/http's, and then nothing is concluded from it.
type trip struct {
	asked     atomic.Bool // for a connection
	connected atomic.Bool
	answered  atomic.Bool
	ride      atomic.Pointer[ride]
}

func (t *trip) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { t.asked.Store(true) },
		GotConn: func(info httptrace.GotConnInfo) {
			t.connected.Store(true)
			t.ride.Store(newRide(info.Conn))
		},
		GotFirstResponseByte: func() { t.answered.Store(true) },
	})
}

// neverLeft reports whether the request certainly was not sent: it wanted a connection
// and got none.
func (t *trip) neverLeft() bool { return t.asked.Load() && !t.connected.Load() }

// wires knows the open connections of a client. net/http closes only those that it
// believes idle, and keeps one whose last call ended a moment ago.
type wires struct {
	loopbackOnly bool // since a secret travels in the clear

	mu   sync.Mutex
	open map[*wire]struct{}
	dead bool
}

type wire struct {
	net.Conn
	owner *wires

	heard   atomic.Int64 // when something arrived last, in nanoseconds since the epoch
	doubted atomic.Bool  // it is being listened to
	ends    sync.Map     // end -> *throttlekit.Error: how its calls ended with it
}

// end is what may be different for two calls that ended with their connection.
type end struct {
	op              string
	mayHaveConsumed bool
}

// shared is the fault that all calls have which ended as this one did, with its connection:
// one connection's end is one failure, however many calls it took along.
func (t *trip) shared(f *throttlekit.Error) *throttlekit.Error {
	r := t.ride.Load()
	if r == nil {
		return f
	}
	if status := new(connect.Error); errors.As(f.Err, &status) {
		status.Meta() // is made at first use, for which the callers would race
	}
	first, _ := r.wire.ends.LoadOrStore(end{f.Op, f.MayHaveConsumed}, f)
	return first.(*throttlekit.Error)
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if w.loopbackOnly {
		if conn, err = keepHere(conn); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		_ = conn.Close()
		return nil, errClosed
	}
	if w.open == nil {
		w.open = make(map[*wire]struct{})
	}
	opened := &wire{Conn: conn, owner: w}
	w.open[opened] = struct{}{}
	return opened, nil
}

// cut closes every connection, now and from now on.
func (w *wires) cut() {
	w.mu.Lock()
	w.dead = true
	open := w.open
	w.open = nil
	w.mu.Unlock()
	for opened := range open {
		_ = opened.Conn.Close()
	}
}

// Close implements [net.Conn].
func (w *wire) Close() error {
	w.owner.mu.Lock()
	delete(w.owner.open, w)
	w.owner.mu.Unlock()
	return w.Conn.Close()
}
