package server_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// watched is a limiter that holds what reaches it to what the server promises, and counts.
type watched struct {
	throttlekit.Limiter
	t     *testing.T
	calls int
}

func watch(t *testing.T) *watched { return &watched{Limiter: echo(), t: t} }

func (w *watched) look(cost int64, keys ...string) {
	w.calls++
	if cost < 1 || cost > throttlekit.MaxCost {
		w.t.Errorf("a cost of %d reached the limiter", cost)
	}
	if len(keys) > server.MaxKeys {
		w.t.Errorf("%d keys reached the limiter", len(keys))
	}
	for _, key := range keys {
		if len(key) > server.MaxKeyBytes || !utf8.ValidString(key) {
			w.t.Errorf("a key of %d bytes, UTF-8 %v, reached the limiter", len(key), utf8.ValidString(key))
		}
	}
}

func (w *watched) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	w.look(cost, key)
	return w.Limiter.CheckN(ctx, key, cost)
}

func (w *watched) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	w.look(cost, keys...)
	return w.Limiter.CheckMany(ctx, keys, cost)
}

func (w *watched) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	w.look(1, key)
	return w.Limiter.Peek(ctx, key)
}

func (w *watched) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	w.look(cost, key)
	return w.Limiter.Forecast(ctx, key, cost)
}

// methods are those of the service that read a key.
var methods = []string{"Check", "CheckMany", "Peek", "Forecast", "Debit", "Admit"}

// fuzzBody feeds a method whatever body may come.
func fuzzBody(t *testing.T, contentType string, method uint8, body []byte) {
	limiter := watch(t)
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}})
	if err != nil {
		t.Fatal(err)
	}
	path := "/throttlekit.v1.RateLimiter/" + methods[int(method)%len(methods)]
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body)))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	srv.ServeHTTP(w, r)
	switch w.Code {
	case http.StatusOK:
		// To decide on no key at all the limiter is not needed.
		if empty := w.Body.Len() == 0 || w.Body.String() == "{}"; limiter.calls != 1 && !(empty && limiter.calls == 0) {
			t.Errorf("answered after %d calls of the limiter", limiter.calls)
		}
	case http.StatusBadRequest, http.StatusNotFound, http.StatusTooManyRequests, http.StatusNotImplemented:
		if limiter.calls != 0 {
			t.Errorf("status %d after the limiter was called", w.Code)
		}
	default:
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if answer := w.Body.String(); !utf8.ValidString(answer) && contentType == jsonType {
		t.Errorf("the answer is not UTF-8: %q", answer)
	}
}

// FuzzJSON feeds the server whatever JSON may come.
func FuzzJSON(f *testing.F) {
	for i, seed := range []string{
		`{"policy":"api","key":"k","cost":"2"}`, `{"policy":"api","keys":["a","b",""],"cost":3}`, `{"policy":"api","key":"\u0000"}`,
		`{"policy":"api","cost":1e3}`, `{"policy":"api","cost":-1}`, `{"policy":"nobody"}`, `{}`, ``, `[]`, `{"policy":"api","keys":null}`,
		"{\"policy\":\"api\",\"key\":\"\xff\"}", `{"policy":"api","key":"\ud800"}`,
	} {
		f.Add(uint8(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, method uint8, body []byte) { fuzzBody(t, jsonType, method, body) })
}

// FuzzProto feeds the server whatever protobuf may come.
func FuzzProto(f *testing.F) {
	for i, seed := range []string{
		"\x0a\x03api\x12\x01k\x18\x02", "\x0a\x03api\x12\x01a\x12\x01b\x18\x03", "\x0a\x03api\x12\x01\xff", "\x0a\x06nobody", "",
		"\x0a\x03api\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x0a\x03api\x7b\x7b\x7c", "\x0a\xff\xff\xff\xff\x0f",
	} {
		f.Add(uint8(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, method uint8, body []byte) { fuzzBody(t, protoType, method, body) })
}

// FuzzHeaders feeds the server whatever headers and path may come, as net/http reads them.
// Nobody gets to the limiter without the secret, and no answer tells it.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{
		"Content-Type: application/json\r\nAuthorization: Bearer " + aSecret,
		"Content-Type: application/json\r\nAuthorization: bearer  " + aSecret,
		"Content-Type: application/json\r\nAuthorization: Bearer guess\r\nAuthorization: Bearer " + aSecret,
		"Content-Type: application/grpc\r\nGrpc-Timeout: 99999999H\r\nGrpc-Encoding: gzip",
		"Content-Type: application/grpc-web+proto\r\nX-User-Agent: x", "Content-Type: application/connect+json\r\nConnect-Protocol-Version: 2",
		"Content-Type: application/json; charset=utf-16\r\nContent-Encoding: gzip\r\nAccept-Encoding: br;q=1", "Connect-Timeout-Ms: -1", "",
	} {
		f.Add(checkPath, seed)
	}
	f.Add("/grpc.health.v1.Health/Check", "Content-Type: application/json")
	f.Add("//throttlekit.v1.RateLimiter/Check", "Content-Type: application/json")
	f.Fuzz(func(t *testing.T, path, headers string) {
		body := `{"policy":"api"}`
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST " + path + " HTTP/1.1\r\nHost: here\r\n" + headers + "\r\n\r\n" + body)))
		if err != nil {
			return // net/http answers it
		}
		if r.ContentLength == 0 && len(r.TransferEncoding) == 0 {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
		r.RemoteAddr = "127.0.0.1:4711"
		limiter := watch(t)
		srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}}, server.WithSecrets(aSecret))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // for a Watch would wait
		if !strings.HasPrefix(r.URL.Path, "/grpc.health") {
			ctx = t.Context()
		}
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, r.WithContext(ctx))
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if shown := strings.EqualFold(scheme, "Bearer") && token == aSecret; limiter.calls > 0 && !shown {
			t.Errorf("a caller who showed %q got to the limiter", r.Header["Authorization"])
		}
		if strings.Contains(w.Body.String(), aSecret) {
			t.Errorf("the answer has the secret: %s", w.Body)
		}
	})
}
