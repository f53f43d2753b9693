package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

func TestArgumentsAreBounded(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, server.WithFailMode(server.FailOpen))
	c := grpcClient(t, r)
	long := strings.Repeat("k", server.MaxKeyBytes+1)
	one := func(key string, cost int64) error {
		_, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: key, Cost: cost})
		return err
	}
	many := func(keys []string, cost int64) error {
		_, err := c.CheckMany(t.Context(), &throttlekitv1.CheckManyRequest{Policy: "api", Keys: keys, Cost: cost})
		return err
	}
	for _, tt := range []struct {
		name string
		call func() error
		want string // empty when it is still allowed
	}{
		{"the longest key", func() error { return one(long[1:], 1) }, ""},
		{"a longer key", func() error { return one(long, 1) }, "invalid_argument: key is 4097 bytes long, want at most 4096"},
		{"a longer key among others", func() error { return many([]string{"a", long}, 1) }, "invalid_argument: keys[1] is 4097 bytes long, want at most 4096"},
		{"a longer key to peek at", func() error {
			_, err := c.Peek(t.Context(), &throttlekitv1.PeekRequest{Policy: "api", Key: long})
			return err
		}, "invalid_argument: key is 4097 bytes long, want at most 4096"},
		{"the most keys", func() error { return many(make([]string, server.MaxKeys), 1) }, ""},
		{"more keys", func() error { return many(make([]string, server.MaxKeys+1), 1) }, "invalid_argument: keys has 10001 elements, want at most 10000; split the call"},
		{"the largest cost", func() error { return one("k", throttlekit.MaxCost) }, ""},
		{"a larger cost", func() error { return one("k", throttlekit.MaxCost+1) },
			"invalid_argument: throttlekit: check: invalid argument: cost is 9007199254740992, want 1 to 2^53-1 (9007199254740991)"},
		{"a larger cost of many", func() error { return many([]string{"k"}, throttlekit.MaxCost+1) },
			"invalid_argument: throttlekit: checkMany: invalid argument: cost is 9007199254740992, want 1 to 2^53-1 (9007199254740991)"},
		{"a larger cost to forecast", func() error {
			_, err := c.Forecast(t.Context(), &throttlekitv1.ForecastRequest{Policy: "api", Key: "k", Cost: throttlekit.MaxCost + 1})
			return err
		}, "invalid_argument: throttlekit: forecast: invalid argument: cost is 9007199254740992, want 1 to 2^53-1 (9007199254740991)"},
		{"a name longer than any policy's", func() error {
			_, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: strings.Repeat("p", server.MaxPolicyBytes+1)})
			return err
		}, `not_found: unknown policy with a name of 257 bytes; the server has "api"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("%v\nwant %q", err, tt.want)
			}
		})
	}
}

// TestInflationEnds: what is too long is not inflated to its end, for which nobody would pay
// but the server.
func TestInflationEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		gzip string
		want int64
	}{
		{"short enough", gzipOf(t, 1000), 1000},
		{"the longest", gzipOf(t, server.MaxRequestBytes), server.MaxRequestBytes},
		{"64 GiB", bomb(4096), server.MaxRequestBytes + 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			if n, err := server.Inflate(strings.NewReader(row.gzip)); err != nil || n != row.want {
				t.Errorf("inflated %d bytes (%v), want %d", n, err, row.want)
			}
		})
	}
}

func gzipOf(t *testing.T, zeros int) string {
	t.Helper()
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	if _, err := w.Write(make([]byte, zeros)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return small.String()
}

// TestStreamsAreBounded fills one HTTP/2 connection with calls; a client then needs another.
func TestStreamsAreBounded(t *testing.T) {
	arrived, open := make(chan struct{}), make(chan struct{})
	limiter := &fake{checkN: func(ctx context.Context, key string, _ int64) (throttlekit.Decision, error) {
		if key == aKey {
			arrived <- struct{}{}
			<-open
		}
		return throttlekit.Decision{Allowed: true}, nil
	}}
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter}})
	var dials atomic.Int32
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	c := throttlekitv1connect.NewRateLimiterClient(client(t, transport), r.url, connect.WithGRPC())
	// The first call learns what the server allows.
	if _, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: "first"}); err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, server.MaxStreams+1)
	ask := func(calls int) {
		for range calls {
			go func() { answers <- do(t.Context(), c, "check", "api") }()
			<-arrived
		}
	}
	// The client may still count the first call for a moment after its answer.
	ask(server.MaxStreams - 1)
	if n := dials.Load(); n != 1 {
		t.Errorf("%d calls took %d connections, want 1", server.MaxStreams-1, n)
	}
	ask(2)
	if n := dials.Load(); n != 2 {
		t.Errorf("%d calls took %d connections, want 2", server.MaxStreams+1, n)
	}
	close(open)
	for range server.MaxStreams + 1 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

func TestHeadersAreBounded(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}})
	for name, c := range map[string]*http.Client{"HTTP/1.1": client(t, &http.Transport{}), "HTTP/2": h2c(t)} {
		t.Run(name, func(t *testing.T) {
			post := func(header string) int {
				t.Helper()
				req, err := http.NewRequest(http.MethodPost, r.url+"/throttlekit.v1.RateLimiter/Check", strings.NewReader(`{"policy":"api"}`))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Trace", header)
				res, err := c.Do(req)
				if err != nil {
					return 0 // cut off, which is an answer too
				}
				_ = res.Body.Close()
				return res.StatusCode
			}
			if got := post(strings.Repeat("h", server.MaxHeaderBytes/2)); got != http.StatusOK {
				t.Errorf("half of the most: status %d, want 200", got)
			}
			if got := post(strings.Repeat("h", 2*server.MaxHeaderBytes)); got == http.StatusOK {
				t.Error("twice the most was accepted")
			}
		})
	}
}

// dawdle sends text to the server and nothing more, and returns what comes back until the
// server hangs up.
func dawdle(t *testing.T, r *running, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // the failure of the test
	answer, err := io.ReadAll(bufio.NewReader(conn))
	if nerr, ok := err.(net.Error); ok && nerr.Timeout() {
		t.Fatal("the server never hung up")
	}
	return string(answer)
}

func TestDawdlersAreHungUpOn(t *testing.T) {
	t.Parallel()
	const long, short = time.Minute, 10 * time.Millisecond
	const head = "POST /throttlekit.v1.RateLimiter/Check HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
	for _, tt := range []struct {
		name               string
		header, body, idle time.Duration
		text               string
		answered           bool
	}{
		{"in the headers", short, long, long, head, false},
		{"in the body", long, short, long, head + "Content-Length: 100\r\n\r\n{", true},
		{"after a call", long, long, short, head + "Content-Length: 16\r\n\r\n" + `{"policy":"api"}`, true},
		{"after the preface of HTTP/2", long, long, short, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, server.WithPatience(tt.header, tt.body, tt.idle))
			if answer := dawdle(t, r, tt.text); tt.answered != (answer != "") {
				t.Errorf("the server said %q", answer)
			}
		})
	}
}

// TestOpenBodyOverHTTP2 is the dawdler who keeps a stream, not the connection.
func TestOpenBodyOverHTTP2(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}}, server.WithPatience(time.Minute, 10*time.Millisecond, time.Minute))
	body, write := io.Pipe()
	defer write.Close()
	req, err := http.NewRequest(http.MethodPost, r.url+"/throttlekit.v1.RateLimiter/Check", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := h2c(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		t.Errorf("status %d, want an error", res.StatusCode)
	}
}

// TestOpenStreamsStay is what must not be hung up on: streams that wait for news, of either
// side, for longer than anybody else may take.
func TestOpenStreamsStay(t *testing.T) {
	t.Parallel()
	const patience = 10 * time.Millisecond
	for _, tt := range []struct {
		name     string
		client   connect.HTTPClient
		protocol connect.ClientOption
	}{
		{"Watch over gRPC", h2c(t), connect.WithGRPC()},
		{"Watch over gRPC-Web and HTTP/1.1", client(t, &http.Transport{}), connect.WithGRPCWeb()},
		{"Watch by a browser", wholeBody{client(t, &http.Transport{})}, connect.WithGRPCWeb()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := &outage{}
			r := start(t, nil, server.WithStoreCheck(store.check), server.WithStoreInterval(10*patience), server.WithPatience(patience, patience, patience))
			next := watchHealthBy(t, tt.client, tt.protocol, r, server.StoreService)
			next()
			store.gone.Store(true)
			if got := next(); got != notServing {
				t.Errorf("the Watch told %d, want NOT_SERVING", got)
			}
		})
	}
	t.Run("reflection", func(t *testing.T) {
		stream := openReflection(t, start(t, nil, server.WithPatience(patience, patience, patience)))
		for range 2 {
			if _, err := stream.ListServices(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * patience)
		}
	})
}

// wholeBody sends requests as browsers do, in one piece of known length, so that a server
// has read all of it while it still answers.
type wholeBody struct{ *http.Client }

func (c wholeBody) Do(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return c.Client.Do(req)
}
