package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

const (
	aSecret       = "correct-horse-battery-staple"
	anotherSecret = "hunter2-hunter2-hunter2"
)

// showing adds a header to every request.
type showing struct {
	connect.HTTPClient
	header string // of Authorization
}

// forwarded has every request say that it came from this machine over TLS, as who sits
// behind a proxy that says so, or only says so.
type forwarded struct{ connect.HTTPClient }

func (f forwarded) Do(req *http.Request) (*http.Response, error) {
	req.Header.Set("Forwarded", "for=127.0.0.1;proto=https")
	req.Header.Set("X-Forwarded-For", "127.0.0.1")
	req.Header.Set("X-Forwarded-Proto", "https")
	req.Header.Set("X-Real-Ip", "127.0.0.1")
	return f.HTTPClient.Do(req)
}

func (s showing) Do(req *http.Request) (*http.Response, error) {
	if s.header != "" {
		req.Header.Set("Authorization", s.header)
	}
	return s.HTTPClient.Do(req)
}

// dialects are the protocols, each over the HTTP it is mostly spoken over.
var dialects = []struct {
	name    string
	http1   bool
	options []connect.ClientOption
}{
	{"gRPC", false, []connect.ClientOption{connect.WithGRPC()}},
	{"gRPC-Web", true, []connect.ClientOption{connect.WithGRPCWeb()}},
	{"Connect", true, nil},
	{"Connect with JSON", false, []connect.ClientOption{connect.WithProtoJSON()}},
}

// everyCall makes each call of the contract's services, streams among them, in each
// protocol, and returns what they came to.
func everyCall(t *testing.T, url, authorization string, transport func(http1 bool) *http.Client) map[string]error {
	t.Helper()
	all := map[string]error{}
	for _, d := range dialects {
		c := showing{transport(d.http1), authorization}
		limiter := throttlekitv1connect.NewRateLimiterClient(c, url, d.options...)
		monitor := throttlekitv1connect.NewMonitorClient(c, url, d.options...)
		fleet := throttlekitv1connect.NewFleetClient(c, url, d.options...)
		ctx := t.Context()
		for _, op := range []string{"check", "checkMany", "peek", "forecast"} {
			all[d.name+" "+op] = do(ctx, limiter, op, "api")
		}
		_, all[d.name+" debit"] = limiter.Debit(ctx, &throttlekitv1.DebitRequest{Policy: "api"})
		_, all[d.name+" release"] = limiter.Release(ctx, &throttlekitv1.ReleaseRequest{})
		_, all[d.name+" getSnapshot"] = monitor.GetSnapshot(ctx, &throttlekitv1.GetSnapshotRequest{})
		_, all[d.name+" reserve"] = fleet.Reserve(ctx, &throttlekitv1.ReserveRequest{})
		stream, err := monitor.Watch(ctx, &throttlekitv1.WatchRequest{})
		if err == nil {
			if stream.Receive() {
				t.Errorf("%s: Watch sent %v", d.name, stream.Msg())
			}
			err = errors.Join(stream.Err(), stream.Close())
		}
		all[d.name+" watch"] = err
	}
	return all
}

// inTheClear is a client of either HTTP without TLS.
func inTheClear(t *testing.T) func(bool) *http.Client {
	http1, http2 := client(t, &http.Transport{}), h2c(t)
	return func(one bool) *http.Client {
		if one {
			return http1
		}
		return http2
	}
}

// overTLS is a client of either HTTP that trusts one pair and shows another, if there is
// one, whomever the server asks for.
func overTLS(t *testing.T, trust, show *pair) func(bool) *http.Client {
	of := func(choose func(*http.Protocols, bool)) *http.Client {
		config := &tls.Config{RootCAs: trust.pool}
		if show != nil {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &show.certificate, nil }
		}
		protocols := new(http.Protocols)
		choose(protocols, true)
		return client(t, &http.Transport{TLSClientConfig: config, Protocols: protocols})
	}
	http1, http2 := of((*http.Protocols).SetHTTP1), of((*http.Protocols).SetHTTP2)
	return func(one bool) *http.Client {
		if one {
			return http1
		}
		return http2
	}
}

// notOffered are the calls that even a welcome caller gets UNIMPLEMENTED for.
func notOffered(call string) bool {
	for _, name := range []string{"debit", "release", "getSnapshot", "reserve", "watch"} {
		if strings.HasSuffix(call, " "+name) {
			return true
		}
	}
	return false
}

func TestSecrets(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, server.WithSecrets(aSecret, anotherSecret))
	for _, row := range []struct {
		name, header string
		want         string // of the refusal; empty for a welcome
	}{
		{"the first", "Bearer " + aSecret, ""},
		{"the second, while one takes the other's place", "Bearer " + anotherSecret, ""},
		{"the scheme in another case", "bEARER " + aSecret, ""},
		{"none", "", `this service wants a secret, as "authorization: Bearer SECRET"`},
		{"an empty one", "Bearer ", `this service wants a secret, as "authorization: Bearer SECRET"`},
		{"of another scheme", "Basic " + aSecret, `this service wants a secret, as "authorization: Bearer SECRET"`},
		{"without a scheme", aSecret, `this service wants a secret, as "authorization: Bearer SECRET"`},
		{"a wrong one", "Bearer " + aSecret + "r", "the secret is not one of this service's"},
		{"the beginning of one", "Bearer " + aSecret[:5], "the secret is not one of this service's"},
		{"both at once", "Bearer " + aSecret + anotherSecret, "the secret is not one of this service's"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for call, err := range everyCall(t, r.url, row.header, inTheClear(t)) {
				switch {
				case row.want != "":
					if want := "unauthenticated: " + row.want; err == nil || err.Error() != want {
						t.Errorf("%s: %v\nwant %s", call, err, want)
					}
				case notOffered(call):
					if connect.CodeOf(err) != connect.CodeUnimplemented {
						t.Errorf("%s: %v, want UNIMPLEMENTED", call, err)
					}
				case err != nil:
					t.Errorf("%s: %v, want an answer", call, err)
				}
			}
		})
	}
}

// TestStrangersFindHealthAndReflection: both are open to those without a secret.
func TestStrangersFindHealthAndReflection(t *testing.T) {
	r := start(t, nil, server.WithSecrets(aSecret), server.WithClientCertificates())
	c := newHealthClient(h2c(t), connect.WithGRPC(), r.url)
	if res, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(""))); err != nil || res.Msg.GetValue() != serving {
		t.Errorf("health: %v, %v; want SERVING", res, err)
	}
	if names, err := openReflection(t, r).ListServices(); err != nil || len(names) == 0 {
		t.Errorf("reflection: %v, %v", names, err)
	}
}

func TestRefusalsOverPlainHTTP(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, server.WithSecrets(aSecret),
		server.WithAuthorization(func(_ context.Context, caller server.Caller) error {
			if caller.Spends() {
				return errors.New("only for looking")
			}
			return nil
		}))
	for _, row := range []struct {
		name, method, authorization string
		status                      int
		body                        string
	}{
		{"nobody", "Check", "", 401, `{"code":"unauthenticated","message":"this service wants a secret, as \"authorization: Bearer SECRET\""}`},
		{"somebody who may not", "Check", "Bearer " + aSecret, 403, `{"code":"permission_denied","message":"only for looking"}`},
		{"somebody who may", "Peek", "Bearer " + aSecret, 200, `{"decision":{"allowed":true,"limit":"10","remaining":"10","resetAt":"1750000000123"}}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPost, r.url+"/throttlekit.v1.RateLimiter/"+row.method, strings.NewReader(`{"policy":"api"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", row.authorization)
			res, err := client(t, &http.Transport{}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != row.status || strings.ReplaceAll(string(body), `, "`, `,"`) != row.body {
				t.Errorf("status %d %s (%v)\nwant   %d %s", res.StatusCode, body, err, row.status, row.body)
			}
			if asks := res.Header.Get("WWW-Authenticate"); (asks == "Bearer") != (row.status == 401) {
				t.Errorf("WWW-Authenticate is %q", asks)
			}
		})
	}
}

// afar is a listener whose callers seem to be on another machine.
type afar struct{ net.Listener }

type farConn struct{ net.Conn }

func (l afar) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return farConn{conn}, err
}

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4711} }

func TestSecretsInTheClear(t *testing.T) {
	pair := newPair(t)
	for _, row := range []struct {
		name   string
		listen func(*testing.T) net.Listener
		tls    bool
		want   string
	}{
		{"from a loopback address", func(t *testing.T) net.Listener { return listenTCP(t) }, false, ""},
		{"through a Unix socket", listenUnix, false, ""},
		{"from another machine", func(t *testing.T) net.Listener { return afar{listenTCP(t)} }, false,
			"unauthenticated: this service takes its secret over TLS only; one that came in the clear should be replaced"},
		{"from another machine over TLS", func(t *testing.T) net.Listener {
			return tls.NewListener(afar{listenTCP(t)}, &tls.Config{Certificates: []tls.Certificate{pair.certificate}, NextProtos: []string{"h2", "http/1.1"}})
		}, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv, err := server.New([]server.Policy{{Name: "api", Limiter: echo()}}, server.WithSecrets(aSecret))
			if err != nil {
				t.Fatal(err)
			}
			listener := row.listen(t)
			serve(t, srv, listener)
			transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, listener.Addr().Network(), listener.Addr().String())
			}}
			url := "http://localhost"
			if row.tls {
				transport.TLSClientConfig = &tls.Config{RootCAs: pair.pool, ServerName: "127.0.0.1"}
				url = "https://127.0.0.1"
			}
			c := throttlekitv1connect.NewRateLimiterClient(forwarded{showing{client(t, transport), "Bearer " + aSecret}}, url)
			err = do(t.Context(), c, "check", "api")
			if row.want == "" && err != nil || row.want != "" && (err == nil || err.Error() != row.want) {
				t.Errorf("%v\nwant %q", err, row.want)
			}
		})
	}
}

func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func listenUnix(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("unix", filepath.Join(shortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// TestClientCertificates: a certificate counts that the listener's configuration has
// verified, no other.
func TestClientCertificates(t *testing.T) {
	host, guest, stranger := newPair(t), newPair(t), newPair(t)
	for _, row := range []struct {
		name    string
		auth    tls.ClientAuthType
		shown   *pair
		options []server.Option
		want    connect.Code // 0 for a welcome
	}{
		{"a guest's", tls.VerifyClientCertIfGiven, guest, nil, 0},
		{"a guest's, and a secret is wanted, too", tls.VerifyClientCertIfGiven, guest, []server.Option{server.WithSecrets(aSecret)}, connect.CodeUnauthenticated},
		{"none", tls.VerifyClientCertIfGiven, nil, nil, connect.CodeUnauthenticated},
		{"one that was looked at and not verified", tls.RequireAnyClientCert, stranger, nil, connect.CodeUnauthenticated},
		{"a guest's where none is asked for", tls.NoClientCert, guest, nil, connect.CodeUnauthenticated},
		{"a guest's who is not let do this", tls.VerifyClientCertIfGiven, guest, []server.Option{
			server.WithAuthorization(func(_ context.Context, caller server.Caller) error {
				return errors.New("not you, " + caller.Certificate.Subject.CommonName)
			})}, connect.CodePermissionDenied},
	} {
		t.Run(row.name, func(t *testing.T) {
			srv, err := server.New([]server.Policy{{Name: "api", Limiter: echo()}}, append(row.options, server.WithClientCertificates())...)
			if err != nil {
				t.Fatal(err)
			}
			r := serve(t, srv, tls.NewListener(listenTCP(t), &tls.Config{
				Certificates: []tls.Certificate{host.certificate}, NextProtos: []string{"h2", "http/1.1"},
				ClientAuth: row.auth, ClientCAs: guest.pool,
			}))
			for call, err := range everyCall(t, "https://"+r.address, "", overTLS(t, host, row.shown)) {
				want := row.want
				if want == 0 && notOffered(call) {
					want = connect.CodeUnimplemented
				}
				if want == 0 && err != nil || want != 0 && connect.CodeOf(err) != want {
					t.Errorf("%s: %v, want code %v", call, err, want)
				}
			}
		})
	}
}

func TestAuthorization(t *testing.T) {
	var asked atomic.Pointer[server.Caller]
	own := connect.NewError(connect.CodeFailedPrecondition, errors.New("not today"))
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}},
		server.WithSecrets(aSecret, anotherSecret),
		server.WithAuthorization(func(_ context.Context, caller server.Caller) error {
			asked.Store(&caller)
			switch {
			case caller.Procedure == throttlekitv1connect.RateLimiterForecastProcedure:
				return own
			case caller.Spends() && caller.Secret != 0:
				return errors.New("this secret is for looking only")
			}
			return nil
		}))
	for _, row := range []struct {
		name, secret string
		spend, look  connect.Code
		position     int
	}{
		{"a spender", aSecret, 0, 0, 0},
		{"a reader", anotherSecret, connect.CodePermissionDenied, 0, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			for call, err := range everyCall(t, r.url, "Bearer "+row.secret, inTheClear(t)) {
				want := row.spend
				switch {
				case strings.HasSuffix(call, " peek"):
					want = row.look
				case strings.HasSuffix(call, " forecast"):
					want = connect.CodeFailedPrecondition
				case row.spend == 0 && notOffered(call):
					want = connect.CodeUnimplemented
				}
				if want == 0 && err != nil || want != 0 && connect.CodeOf(err) != want {
					t.Errorf("%s: %v, want code %v", call, err, want)
				}
			}
			if caller := asked.Load(); caller.Secret != row.position || caller.Certificate != nil {
				t.Errorf("asked about %+v, want secret %d and no certificate", caller, row.position)
			}
		})
	}
}

// TestCallerFrom: who calls is known to interceptors and to limiters.
func TestCallerFrom(t *testing.T) {
	want := server.Caller{Procedure: throttlekitv1connect.RateLimiterCheckProcedure, Secret: 1}
	seen := func(where string) func(context.Context) {
		return func(ctx context.Context) {
			if got, ok := server.CallerFrom(ctx); !ok || got != want {
				t.Errorf("%s: %+v, %v; want %+v", where, got, ok, want)
			}
		}
	}
	inLimiter, inInterceptor := seen("limiter"), seen("interceptor")
	limiter := &fake{checkN: func(ctx context.Context, _ string, _ int64) (throttlekit.Decision, error) {
		inLimiter(ctx)
		return throttlekit.Decision{Allowed: true}, nil
	}}
	looking := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			inInterceptor(ctx)
			return next(ctx, req)
		}
	})
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter}},
		server.WithSecrets(aSecret, anotherSecret), server.WithHandlerOptions(connect.WithInterceptors(looking)))
	c := throttlekitv1connect.NewRateLimiterClient(showing{h2c(t), "Bearer " + anotherSecret}, r.url, connect.WithGRPC())
	if err := do(t.Context(), c, "check", "api"); err != nil {
		t.Error(err)
	}
	if _, ok := server.CallerFrom(t.Context()); ok {
		t.Error("a context of no call has a caller")
	}
}

// TestRefusedRequestsAreNotRead: a stranger gets the answer before the request is there.
func TestRefusedRequestsAreNotRead(t *testing.T) {
	r := start(t, nil, server.WithSecrets(aSecret))
	body, write := io.Pipe()
	defer write.Close()
	req, err := http.NewRequest(http.MethodPost, r.url+throttlekitv1connect.RateLimiterCheckProcedure, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h2c(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", res.StatusCode)
	}
}

// TestRefusalsAreTold to the log once a minute, and to the observer each time, and neither
// learns a secret.
func TestRefusalsAreTold(t *testing.T) {
	var log bytes.Buffer // written before the answers are read
	notes := &notes{}
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, server.WithSecrets(aSecret),
		server.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), server.WithObserver(notes))
	wire := h2c(t)
	c := throttlekitv1connect.NewRateLimiterClient(showing{wire, "Bearer " + anotherSecret}, r.url, connect.WithGRPC())
	for range 3 {
		if err := do(t.Context(), c, "peek", "api"); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("%v, want UNAUTHENTICATED", err)
		}
	}
	wire.CloseIdleConnections()
	r.stop()
	<-r.done
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `msg="a caller was refused" from=127.0.0.1 error="unauthenticated: the secret is not one of this service's"`) {
		t.Errorf("logged %s", got)
	}
	if got := notes.String(); strings.Contains(log.String()+got, "hunter2") || got != strings.Repeat("peek:unauthenticated ", 3) {
		t.Errorf("observed %s", got)
	}
}

// notes is an observer that writes down the calls.
type notes struct{ strings.Builder }

func (n *notes) Called(op, policy string, _ time.Duration, err error) {
	n.WriteString(op + policy + ":" + connect.CodeOf(err).String() + " ")
}
func (*notes) Decided(string, throttlekit.Decision, bool) {}
func (*notes) StoreChanged(bool)                          {}

func TestGuardsThatAreRefused(t *testing.T) {
	for _, row := range []struct {
		name   string
		option server.Option
		want   string
	}{
		{"no secret at all", server.WithSecrets(), "server: WithSecrets was given none; leave it out to have everybody answered"},
		{"an empty one", server.WithSecrets(aSecret, ""), "server: WithSecrets: secret 1 is empty, want printable ASCII without spaces"},
		{"a line's end in it", server.WithSecrets(aSecret + "\n"), "server: WithSecrets: secret 0 has a character that no header can carry, want printable ASCII without spaces"},
		{"a space in it", server.WithSecrets("correct horse"), "server: WithSecrets: secret 0 has a character that no header can carry, want printable ASCII without spaces"},
		{"one twice", server.WithSecrets(aSecret, anotherSecret, aSecret), "server: WithSecrets: secret 2 is the same as secret 0"},
		{"no function", server.WithAuthorization(nil), "server: WithAuthorization was given nil"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := server.New(nil, row.option); err == nil || err.Error() != row.want {
				t.Errorf("%v\nwant %s", err, row.want)
			}
		})
	}
}
