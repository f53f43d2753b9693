package servicedoor_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// aSecret is shown to services, and stands in no error.
const aSecret = "hunter2-hunter2-hunter2"

// guarded answers who shows the secret, and lets interceptors of the client see nothing.
func guarded(t *testing.T) *httptest.Server {
	t.Helper()
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+aSecret {
			_ = connect.NewErrorWriter().Write(w, r, connect.NewError(connect.CodeUnauthenticated, nil))
			return
		}
		failing(connect.NewError(connect.CodeFailedPrecondition, nil)).handler().ServeHTTP(w, r)
	}))
}

func TestSecretIsShownWithEveryCall(t *testing.T) {
	address := guarded(t).URL
	var leaked atomic.Bool
	looking := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			res, err := next(ctx, req)
			if req.Header().Get("Authorization") != "" {
				leaked.Store(true)
			}
			return res, err
		}
	})
	for _, protocol := range protocols {
		for _, row := range []struct {
			name   string
			secret string
			want   connect.Code
		}{
			{"the right one", aSecret, connect.CodeFailedPrecondition},
			{"another", aSecret[1:], connect.CodeUnauthenticated},
			{"none", "", connect.CodeUnauthenticated},
		} {
			t.Run(protocol.name+"/"+row.name, func(t *testing.T) {
				options := append(protocol.options[:len(protocol.options):len(protocol.options)], servicedoor.WithInterceptors(looking))
				if row.secret != "" {
					options = append(options, servicedoor.WithSecret(row.secret))
				}
				client := dial(t, address, options...)
				for _, o := range operations {
					fault := asFault(t, o.op, o.call(t.Context(), client))
					if connect.CodeOf(fault) != row.want || fault.MayHaveConsumed != (o.consumes && row.want != connect.CodeUnauthenticated) {
						t.Errorf("%s: %v, want %v", o.op, fault, row.want)
					}
					if strings.Contains(fault.Error(), aSecret[1:]) {
						t.Errorf("%s: the error holds the secret: %v", o.op, fault)
					}
				}
				_, err := client.RateLimiter().Debit(t.Context(), &throttlekitv1.DebitRequest{})
				if unary := connect.CodeOf(err); (unary == connect.CodeUnauthenticated) != (row.want == connect.CodeUnauthenticated) {
					t.Errorf("the raw client: %v", err)
				}
				stream, err := client.Monitor().Watch(t.Context(), &throttlekitv1.WatchRequest{})
				if err == nil {
					stream.Receive()
					err = stream.Err()
					_ = stream.Close()
				}
				if code := connect.CodeOf(err); (code == connect.CodeUnauthenticated) != (row.want == connect.CodeUnauthenticated) {
					t.Errorf("a stream: %v", err)
				}
			})
		}
	}
	if leaked.Load() {
		t.Error("an interceptor saw the secret")
	}
}

func TestWhereSecretsGo(t *testing.T) {
	const far = "servicedoor: WithSecret needs an https:// address, or one on this machine such as http://localhost:50051: in the clear the secret would be anybody's who listens"
	for _, row := range []struct{ name, address, secret, want string }{
		{"TLS", "https://limits.example.com", aSecret, ""},
		{"this machine by name", "http://localhost:50051", aSecret, ""},
		{"this machine, bare", "LOCALHOST:50051", aSecret, ""},
		{"this machine by address", "http://127.8.9.1:50051", aSecret, ""},
		{"this machine in IPv6", "[::1]:50051", aSecret, ""},
		{"another machine", "http://limits.example.com", aSecret, far},
		{"another machine, bare", "192.0.2.1:50051", aSecret, far},
		{"a name that only begins like this machine's", "localhost.example.com:50051", aSecret, far},
		{"every machine's any", "0.0.0.0:50051", aSecret, far},
		{"empty", "https://localhost", "", "servicedoor: WithSecret was given an empty secret; leave it out for none"},
		{"a line's end in it", "https://localhost", aSecret + "\r\n", "servicedoor: WithSecret was given a secret with a character that no header can carry, want printable ASCII without spaces"},
		{"not ASCII", "https://localhost", aSecret + "é", "servicedoor: WithSecret was given a secret with a character that no header can carry, want printable ASCII without spaces"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, options := range [][]servicedoor.Option{nil, {servicedoor.WithConnect()}, {servicedoor.WithHTTPClient(http.DefaultClient)}} {
				client, err := servicedoor.New(row.address, append(options, servicedoor.WithSecret(row.secret))...)
				if err == nil {
					_ = client.Close()
				}
				if row.want == "" && err != nil || row.want != "" && (err == nil || err.Error() != row.want) {
					t.Errorf("%v\nwant %q", err, row.want)
				}
			}
		})
	}
}

// TestDialsWithASecretStayHere: a name may lead elsewhere than it says.
func TestDialsWithASecretStayHere(t *testing.T) {
	for _, row := range []struct {
		name  string
		peer  net.Addr
		stays bool
	}{
		{"loopback", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true},
		{"loopback in IPv6", &net.TCPAddr{IP: net.IPv6loopback}, true},
		{"loopback of IPv4 in IPv6", &net.TCPAddr{IP: net.ParseIP("::ffff:127.0.0.1")}, true},
		{"a Unix socket", &net.UnixAddr{Name: "s", Net: "unix"}, true},
		{"a private network", &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}, false},
		{"the rest of the world", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, false},
		{"who knows", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			got, err := servicedoor.KeepHere(peered{ours, row.peer})
			if (err == nil) != row.stays {
				t.Errorf("error is %v, want stays %v", err, row.stays)
			}
			if err == nil {
				_ = got.Close()
			}
			if _, err := theirs.Read(make([]byte, 1)); err == nil {
				t.Error("something was sent")
			}
		})
	}
}

// TestDialsAreLookedAt where a secret would go in the clear, and only there. A peer over UDP
// stands for one that is not known to be here; nothing is sent to it.
func TestDialsAreLookedAt(t *testing.T) {
	for _, row := range []struct {
		name, address string
		options       []servicedoor.Option
		refused       bool
	}{
		{"a secret in the clear", "http://localhost:50051", []servicedoor.Option{servicedoor.WithSecret(aSecret)}, true},
		{"a secret in the clear by Connect", "http://localhost:50051", []servicedoor.Option{servicedoor.WithConnect(), servicedoor.WithSecret(aSecret)}, true},
		{"a secret over TLS", "https://localhost:50051", []servicedoor.Option{servicedoor.WithSecret(aSecret)}, false},
		{"no secret", "http://localhost:50051", nil, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			dial, err := servicedoor.DialerOf(row.address, row.options...)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := dial(t.Context(), "udp", "127.0.0.1:9")
			if err == nil {
				_ = conn.Close()
			}
			if (err != nil) != row.refused || row.refused && !strings.Contains(err.Error(), "leads to another machine") {
				t.Errorf("error is %v, want refused %v", err, row.refused)
			}
		})
	}
}

type peered struct {
	net.Conn
	peer net.Addr
}

func (p peered) RemoteAddr() net.Addr { return p.peer }

// TestSecretAndHTTPClient: a client of the user's own may go through a Unix socket, and
// follows no redirect, which could lead the secret anywhere.
func TestSecretAndHTTPClient(t *testing.T) {
	dir, err := os.MkdirTemp("", "tk") // t.TempDir's is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var shown, followed atomic.Int32
	listenWith(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed.Add(1)
		}
		if r.Header.Get("Authorization") == "Bearer "+aSecret {
			shown.Add(1)
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}), func(s *httptest.Server) {
		_ = s.Listener.Close()
		s.Listener = listener
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", listener.Addr().String())
	}}
	defer transport.CloseIdleConnections()
	client := dial(t, "http://localhost", servicedoor.WithConnect(), servicedoor.WithSecret(aSecret),
		servicedoor.WithHTTPClient(&http.Client{Transport: transport}))
	if _, err := client.Peek(t.Context(), "api", aKey); err == nil {
		t.Error("a redirect is no answer")
	}
	if shown.Load() != 1 || followed.Load() != 0 {
		t.Errorf("shown %d times, followed %d redirects; want 1 and 0", shown.Load(), followed.Load())
	}
}
