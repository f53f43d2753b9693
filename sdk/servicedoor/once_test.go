package servicedoor_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

type connKey struct{}

// TestConnectionDiesAfterTheHandlerRan: the check was spent and the answer is lost.
// Sending it again would spend twice.
func TestConnectionDiesAfterTheHandlerRan(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			var runs atomic.Int64
			fatal := &service{check: func(ctx context.Context, req *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
				runs.Add(1)
				if req.GetKey() == aKey {
					_ = ctx.Value(connKey{}).(net.Conn).Close()
				}
				return &throttlekitv1.CheckResponse{Decision: decided()}, nil
			}}
			host := listenWith(t, fatal.handler(), func(srv *httptest.Server) {
				srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
					return context.WithValue(ctx, connKey{}, conn)
				}
			})
			client := dial(t, host.URL, p.options...)
			// The first call makes the connection a used one: net/http is readier to repeat
			// a request on those.
			if _, err := client.Check(t.Context(), "api", "bob"); err != nil {
				t.Fatal(err)
			}
			_, err := client.Check(t.Context(), "api", aKey)
			fault := asFault(t, "check", err)
			if fault.Source != throttlekit.SourceTransport || fault.Kind != throttlekit.ErrUnavailable || !fault.MayHaveConsumed {
				t.Errorf("%+v, want the transport's ErrUnavailable that may have consumed", fault)
			}
			if got := runs.Load(); got != 2 {
				t.Errorf("the handler ran %d times for two calls", got)
			}
		})
	}
}

// TestCallsThatEndWithTheirConnectionShareTheFault: for a breaker that is one failure.
func TestCallsThatEndWithTheirConnectionShareTheFault(t *testing.T) {
	const calls = 10
	arrived, conns := make(chan struct{}, calls), make(chan net.Conn, 100)
	host := listenWith(t, (&service{check: func(ctx context.Context, req *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
		if req.GetKey() != aKey {
			return &throttlekitv1.CheckResponse{Decision: decided()}, nil
		}
		arrived <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}).handler(), func(srv *httptest.Server) {
		srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			conns <- conn
			return ctx
		}
	})
	client := dial(t, host.URL)
	faults := make(chan *throttlekit.Error, calls)
	var previous *throttlekit.Error
	for range 2 {
		if _, err := client.Check(t.Context(), "api", "bob"); err != nil { // else each would dial
			t.Fatal(err)
		}
		for range calls {
			go func() {
				_, err := client.Check(context.Background(), "api", aKey)
				fault, _ := err.(*throttlekit.Error)
				faults <- fault
			}()
		}
		for range calls {
			<-arrived
		}
		if err := (<-conns).Close(); err != nil {
			t.Fatal(err)
		}
		first := <-faults
		if first == nil || first.Kind != throttlekit.ErrUnavailable || !first.MayHaveConsumed || first == previous {
			t.Fatalf("the fault is %v after %v, want another one that may have consumed", first, previous)
		}
		for range calls - 1 {
			if fault := <-faults; fault != first {
				t.Errorf("a call ended with %v, another with %v; want one fault", fault, first)
			}
		}
		previous = first
	}
}

// TestStreamsThatAreResetStayUnsent: net/http would send the request again after the
// first and the last of these. After the last one that would even be safe.
func TestStreamsThatAreResetStayUnsent(t *testing.T) {
	for _, tt := range []struct {
		name string
		code uint32
		may  bool // have consumed
	}{
		{name: "PROTOCOL_ERROR", code: 1, may: true},
		{name: "INTERNAL_ERROR", code: 2, may: true},
		{name: "REFUSED_STREAM", code: 7, may: false}, // the server vouches for it
		{name: "GOAWAY", code: goAway, may: false},    // likewise, for streams beyond its last
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, requests := resettingServer(t, tt.code)
			// net/http waits longer before each repetition; two seconds let it show a few.
			_, err := dial(t, address, servicedoor.WithTimeout(2*time.Second)).Check(t.Context(), "api", aKey)
			fault := asFault(t, "check", err)
			if fault.Source != throttlekit.SourceTransport || fault.Kind != throttlekit.ErrUnavailable || fault.MayHaveConsumed != tt.may {
				t.Errorf("%+v, want the transport's ErrUnavailable with MayHaveConsumed %v", fault, tt.may)
			}
			if got := requests.Load(); got != 1 {
				t.Errorf("the server got %d requests for one call", got)
			}
		})
	}
}

// goAway, for resettingServer, is no code of HTTP/2's.
const goAway = 1 << 31

// resettingServer speaks just enough HTTP/2 to count requests and reset each with code, or
// tell its client to go away, and that it has looked at none.
func resettingServer(t *testing.T, code uint32) (address string, requests *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			resetStreams(conn, code, requests)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String(), requests
}

func resetStreams(conn net.Conn, code uint32, requests *atomic.Int64) {
	defer conn.Close()
	const (
		clientPreface = 24 // bytes
		frameHeader   = 9  // bytes: length 3, type 1, flags 1, stream 4
		typeHeaders   = 1
		typeRST       = 3
		typeSettings  = 4
		typeGoAway    = 7
	)
	frame := func(kind byte, stream uint32, payload []byte) []byte {
		f := []byte{0, 0, byte(len(payload)), kind, 0}
		return append(binary.BigEndian.AppendUint32(f, stream), payload...)
	}
	if _, err := io.CopyN(io.Discard, conn, clientPreface); err != nil {
		return
	}
	if _, err := conn.Write(frame(typeSettings, 0, nil)); err != nil {
		return
	}
	for {
		var header [frameHeader]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return
		}
		length := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, conn, length); err != nil {
			return
		}
		if header[3] != typeHeaders {
			continue
		}
		requests.Add(1)
		stream := binary.BigEndian.Uint32(header[5:])
		answer := frame(typeRST, stream, binary.BigEndian.AppendUint32(nil, code))
		if code == goAway {
			answer = frame(typeGoAway, 0, make([]byte, 8)) // the last stream is 0, and there is no error
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// TestNoConnectionConsumesNothing: where no connection came about, nothing was sent, and
// the caller may ask somebody else without fear.
func TestNoConnectionConsumesNothing(t *testing.T) {
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.EnableHTTP2 = true
	stranger.Config.ErrorLog = discardLog
	stranger.StartTLS()
	defer stranger.Close()
	plain := listenWith(t, http.NotFoundHandler(), func(srv *httptest.Server) { srv.Config.ErrorLog = discardLog })

	for _, tt := range []struct {
		name    string
		address string
		options []servicedoor.Option
		kind    error
		reason  string
	}{
		{
			name: "refused", address: "127.0.0.1:1", // a port that was free a moment ago may be another test's
			kind: throttlekit.ErrUnavailable, reason: "nobody listens",
		},
		{
			name: "unknown authority", address: stranger.URL,
			kind: throttlekit.ErrUnavailable, reason: "the handshake failed on our side",
		},
		{
			name: "TLS version", address: stranger.URL,
			options: []servicedoor.Option{servicedoor.WithTLSConfig(&tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})},
			kind:    throttlekit.ErrUnavailable, reason: "the handshake failed on theirs",
		},
		{
			name: "TLS to a plain server", address: "https" + plain.URL[len("http"):],
			kind: throttlekit.ErrUnavailable, reason: "there was no handshake",
		},
		{
			name: "silent handshake", address: "https://" + silence(t).Addr().String(),
			options: []servicedoor.Option{servicedoor.WithTimeout(20 * time.Millisecond)},
			kind:    nil, reason: "the caller's deadline ended it before there was a connection",
		},
	} {
		for _, p := range protocols {
			t.Run(tt.name+" "+p.name, func(t *testing.T) {
				options := append(append([]servicedoor.Option{}, tt.options...), p.options...)
				_, err := dial(t, tt.address, options...).Check(t.Context(), "api", aKey)
				fault := asFault(t, "check", err)
				if fault.Source != throttlekit.SourceTransport || fault.Kind != tt.kind || fault.MayHaveConsumed {
					t.Errorf("%+v, want the transport's, nothing consumed: %s", fault, tt.reason)
				}
				if wantDeadline := tt.kind == nil; errors.Is(err, context.DeadlineExceeded) != wantDeadline {
					t.Errorf("%v: is the caller's deadline: %t, want %t", err, !wantDeadline, wantDeadline)
				}
			})
		}
	}
}

func TestPingFindsADeadConnection(t *testing.T) {
	client := dial(t, silence(t).Addr().String(), servicedoor.WithPing(10*time.Millisecond, 10*time.Millisecond))
	_, err := client.Check(t.Context(), "api", aKey)
	if fault := asFault(t, "check", err); fault.Kind != throttlekit.ErrUnavailable || !fault.MayHaveConsumed {
		t.Errorf("%+v, want ErrUnavailable that may have consumed", fault)
	}
}

// TestForeignHTTPClient: what is not net/http tells nothing about connections, and
// nothing is concluded from its silence.
func TestForeignHTTPClient(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func() (*http.Response, error)
		source throttlekit.FaultSource
		kind   error
	}{
		{
			name:   "fails",
			answer: func() (*http.Response, error) { return nil, errors.New("broken") },
			source: throttlekit.SourceTransport,
			kind:   throttlekit.ErrUnavailable,
		},
		{
			name: "brings bytes that are no message",
			answer: func() (*http.Response, error) {
				return &http.Response{
					StatusCode: http.StatusOK,
					Header:     http.Header{"Content-Type": {"application/proto"}},
					Body:       io.NopCloser(strings.NewReader("\xff\xff")),
				}, nil
			},
			source: throttlekit.SourceDecoding,
			kind:   throttlekit.ErrMalformedReply,
		},
		{
			name: "loses its HTTP/2 connection under the answer, as net/http says it",
			answer: func() (*http.Response, error) {
				return &http.Response{
					StatusCode: http.StatusOK,
					Header:     http.Header{"Content-Type": {"application/proto"}},
					Body:       io.NopCloser(iotest.ErrReader(errors.New("http2: client connection lost"))),
				}, nil
			},
			source: throttlekit.SourceTransport,
			kind:   throttlekit.ErrUnavailable,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			foreign := &foreignClient{answer: tt.answer}
			client := dial(t, "http://service.invalid", servicedoor.WithHTTPClient(foreign), servicedoor.WithConnect())
			_, err := client.Check(t.Context(), "api", aKey)
			if fault := asFault(t, "check", err); fault.Source != tt.source || fault.Kind != tt.kind || !fault.MayHaveConsumed {
				t.Errorf("%+v, want %v from %v that may have consumed", fault, tt.kind, tt.source)
			}
			if foreign.calls != 1 || foreign.rewindable {
				t.Errorf("the client was called %d times, with a body that can be sent again: %t", foreign.calls, foreign.rewindable)
			}
		})
	}
}

type foreignClient struct {
	answer     func() (*http.Response, error)
	calls      int
	rewindable bool
}

func (c *foreignClient) Do(req *http.Request) (*http.Response, error) {
	c.calls++
	c.rewindable = req.GetBody != nil
	httptrace.ContextClientTrace(req.Context()).GotFirstResponseByte()
	return c.answer()
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		for _, p := range protocols {
			t.Run(http.StatusText(status)+" "+p.name, func(t *testing.T) {
				var requests atomic.Int64
				host := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) == 1 {
						http.Redirect(w, r, "/elsewhere", status)
					}
				}))
				_, err := dial(t, host.URL, p.options...).Check(t.Context(), "api", aKey)
				if fault := asFault(t, "check", err); fault.Kind != throttlekit.ErrMalformedReply {
					t.Errorf("%+v, want ErrMalformedReply", fault)
				}
				if got := requests.Load(); got != 1 {
					t.Errorf("the server got %d requests for one call", got)
				}
			})
		}
	}
}
