package servicedoor_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// discardLog takes what net/http says about connections that tests break on purpose.
var discardLog = log.New(io.Discard, "", 0)

func TestAddresses(t *testing.T) {
	const secret = "hunter2"
	for _, tt := range []struct {
		name, address string
		want          string // in the error; "" means accepted
		reason        string
	}{
		{"http", "http://localhost:50051", "", "the usual"},
		{"https", "https://localhost:50051", "", "the usual"},
		{"upper-case scheme", "HTTP://localhost:50051", "", "schemes have no case"},
		{"default port", "https://limits.example.com", "", "443"},
		{"path", "https://example.com/limits/", "", "behind a gateway"},
		{"IPv6", "http://[::1]:50051", "", "a host like any other"},
		{"bare", "localhost:50051", "", "http is meant"},
		{"bare IPv6", "[::1]:50051", "", "http is meant"},
		{"empty", "", "neither a URL nor host:port", "nothing to dial"},
		{"no port", "localhost", "neither a URL nor host:port", "which one?"},
		{"no host", ":50051", "neither a URL nor host:port", "that is how servers name theirs"},
		{"port zero", "localhost:0", "a port that is no number from 1 to 65535", "nobody listens there"},
		{"port too big", "http://localhost:65536", "a port that is no number from 1 to 65535", "there is none"},
		{"named port", "localhost:grpc", "a port that is no number from 1 to 65535", "names differ between machines"},
		{"other scheme", "redis://localhost:6379", `scheme "redis", want http or https`, "the other door's"},
		{"no host in the URL", "http://:50051", "the address has no host", "nothing to dial"},
		{"user", "http://me:" + secret + "@localhost:50051", "holds a user or a password", "and must not be repeated"},
		{"user, bare", "me:" + secret + "@localhost:50051", "neither a URL nor host:port", "and must not be repeated"},
		{"token, bare", secret + "@localhost:50051", "neither a URL nor host:port", "and must not be repeated"},
		{"query", "http://localhost:50051?token=" + secret, "holds a query or a fragment", "and must not be repeated"},
		{"fragment", "http://localhost:50051#" + secret, "holds a query or a fragment", "and must not be repeated"},
		{"no URL", "http://" + secret + "%zz", "not a valid URL", "net/url's own error would repeat it"},
		{"port that is a password", "http://me:" + secret, "not a valid URL", "net/url's own error would repeat it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := servicedoor.New(tt.address)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("New(%q): %v, want a client: %s", tt.address, err, tt.reason)
			case tt.want == "":
				_ = client.Close()
			case err == nil || !strings.HasPrefix(err.Error(), "servicedoor: ") || !strings.Contains(err.Error(), tt.want):
				t.Errorf("New(%q): %v, want %q: %s", tt.address, err, tt.want, tt.reason)
			case strings.Contains(err.Error(), secret):
				t.Errorf("New(%q) repeats a secret: %v", tt.address, err)
			}
		})
	}
}

func TestOptionsThatDoNotFit(t *testing.T) {
	const plain, secure = "http://localhost:1", "https://localhost:1"
	for _, tt := range []struct {
		name    string
		address string
		options []servicedoor.Option
		want    string
	}{
		{"TLS without https", plain, []servicedoor.Option{servicedoor.WithTLSConfig(&tls.Config{})}, "WithTLSConfig needs an https:// address"},
		{"TLS beside an HTTP client", secure, []servicedoor.Option{servicedoor.WithTLSConfig(&tls.Config{}), servicedoor.WithHTTPClient(http.DefaultClient)}, "WithTLSConfig has no effect"},
		{"ping beside an HTTP client", secure, []servicedoor.Option{servicedoor.WithPing(1, 1), servicedoor.WithHTTPClient(http.DefaultClient)}, "WithPing has no effect"},
		{"ping over HTTP/1.1", plain, []servicedoor.Option{servicedoor.WithPing(1, 1), servicedoor.WithConnect()}, "WithPing needs HTTP/2"},
		{"no TLS config", secure, []servicedoor.Option{servicedoor.WithTLSConfig(nil)}, "WithTLSConfig was given nil"},
		{"no HTTP client", plain, []servicedoor.Option{servicedoor.WithHTTPClient(nil)}, "WithHTTPClient was given nil"},
		{"no interceptor", plain, []servicedoor.Option{servicedoor.WithInterceptors(nil)}, "WithInterceptors was given nil at position 0"},
		{"no timeout", plain, []servicedoor.Option{servicedoor.WithTimeout(0)}, "WithTimeout was given 0s"},
		{"no ping interval", plain, []servicedoor.Option{servicedoor.WithPing(0, time.Second)}, "WithPing was given interval 0s"},
		{"no ping timeout", plain, []servicedoor.Option{servicedoor.WithPing(time.Second, -1)}, "WithPing was given interval 1s and timeout -1ns"},
		{"no option", plain, []servicedoor.Option{nil}, "option 0 is nil"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := servicedoor.New(tt.address, tt.options...); err == nil || !strings.HasPrefix(err.Error(), "servicedoor: "+tt.want) {
				t.Errorf("New: %v, want servicedoor: %s", err, tt.want)
			}
		})
	}
}

func TestOptionsThatFit(t *testing.T) {
	client, err := servicedoor.New("https://localhost:1",
		servicedoor.WithGRPCWeb(), servicedoor.WithConnect(), servicedoor.WithTLSConfig(&tls.Config{MinVersion: tls.VersionTLS13}),
		servicedoor.WithPing(time.Second, time.Second), servicedoor.WithTimeout(time.Second), servicedoor.WithInterceptors([]connect.Interceptor{}...))
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
}
