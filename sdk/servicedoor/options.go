package servicedoor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/sdk/internal/keyhash"
)

// Option configures [New].
type Option interface {
	apply(*settings) error
}

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

// WithConnect speaks the Connect protocol instead of gRPC: over HTTP/1.1 for http://
// addresses, over what the server offers for https:// ones. The service must speak it,
// which the one in package server does. Of WithConnect and [WithGRPCWeb] the last counts.
func WithConnect() Option {
	return option(func(s *settings) error {
		s.protocol = protocolConnect
		return nil
	})
}

// WithGRPCWeb speaks gRPC-Web instead of gRPC, for services behind a proxy that cannot
// pass gRPC on. HTTP versions are as for [WithConnect].
func WithGRPCWeb() Option {
	return option(func(s *settings) error {
		s.protocol = protocolGRPCWeb
		return nil
	})
}

// WithTLSConfig sets how https:// connections are made: root certificates, a client
// certificate. The config is copied. New refuses it with an http:// address, where it
// would do nothing. Default: the system's roots and no client certificate.
func WithTLSConfig(config *tls.Config) Option {
	return option(func(s *settings) error {
		if config == nil {
			return errors.New("WithTLSConfig was given nil; leave it out for the system's roots")
		}
		s.tls = config.Clone()
		return nil
	})
}

// WithSecret shows the service secret with every call, as "authorization: Bearer SECRET",
// those of the raw clients too. The service in package server wants one by its
// WithSecrets; others take it for their Monitor and Fleet services. It is of printable
// ASCII without spaces, and stands in no error of this package; interceptors do not see it.
//
// New refuses an http:// address that is not a loopback one: in the clear the secret goes
// no further than this machine, which is looked at again for each connection. With
// [WithHTTPClient] connections are that client's, and New looks at the address alone; an
// [*http.Client] then follows no redirect, and any other client must not.
func WithSecret(secret string) Option {
	return option(func(s *settings) error {
		if secret == "" {
			return errors.New("WithSecret was given an empty secret; leave it out for none")
		}
		if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("WithSecret was given a secret with a character that no header can carry, want printable ASCII without spaces")
		}
		s.secret = secret
		return nil
	})
}

// WithKeyHash tells the service a keyed hash in each key's place: HMAC-SHA-256(secret,
// key) in 64 lower-case hexadecimal digits. So neither the service nor the Redis behind it
// nor their logs learn whom the keys name, and a guess cannot be tried without the secret.
// All who share a limit must use it, with the same secret, the Redis door's WithKeyHash
// included; another secret begins all limits anew. Keys may then be any bytes, UTF-8 or not.
//
// The secret is at least 16 bytes that nobody can guess. It is copied.
func WithKeyHash(secret []byte) Option {
	hash, err := keyhash.New(secret)
	return option(func(s *settings) error {
		s.hash = hash
		return err
	})
}

// WithHTTPClient sends requests through client, which then owns connections, TLS,
// proxies and redirects; [WithTLSConfig] and [WithPing] are refused beside it. For gRPC
// over http:// it must speak HTTP/2 in the clear. It is called at most once per request,
// and one built on net/http cannot send a request again by itself.
func WithHTTPClient(client connect.HTTPClient) Option {
	return option(func(s *settings) error {
		if client == nil {
			return errors.New("WithHTTPClient was given nil")
		}
		s.client = client
		return nil
	})
}

// WithInterceptors adds interceptors to every call, those of the raw clients too; the
// first given is the outermost. An interceptor that calls on twice breaks the promise
// that nothing is sent twice.
func WithInterceptors(interceptors ...connect.Interceptor) Option {
	return option(func(s *settings) error {
		for i, interceptor := range interceptors {
			if interceptor == nil {
				return fmt.Errorf("WithInterceptors was given nil at position %d", i)
			}
		}
		s.interceptors = append(s.interceptors, interceptors...)
		return nil
	})
}

// WithTimeout bounds every typed call, the dial and any wait of [WithGathering] included; a
// caller's context with an earlier deadline still wins. The service is told, so it does not
// work for nobody. Default: no bound but the caller's context.
func WithTimeout(timeout time.Duration) Option {
	return option(func(s *settings) error {
		if timeout <= 0 {
			return fmt.Errorf("WithTimeout was given %v, want more than 0", timeout)
		}
		s.timeout = timeout
		return nil
	})
}

// WithPing finds out that a silent connection is dead: when nothing has arrived on it for
// interval, an HTTP/2 ping is sent, and without an answer within timeout the connection is
// closed and the calls on it fail. Without pings that is found out when a call is given up:
// a connection on which nothing arrives for 400 ms after that is closed. Pings need HTTP/2,
// so New refuses them for [WithConnect] and [WithGRPCWeb] over http://. Default: no pings.
func WithPing(interval, timeout time.Duration) Option {
	return option(func(s *settings) error {
		if interval <= 0 || timeout <= 0 {
			return fmt.Errorf("WithPing was given interval %v and timeout %v, want both more than 0", interval, timeout)
		}
		s.pingInterval, s.pingTimeout = interval, timeout
		return nil
	})
}

// WithGathering has checks for one policy and cost that wait at the same moment travel
// together: calls of Check and CheckN, of the client's limiters too, as one CheckMany of up
// to 256 keys. There is no timer. A check that finds fewer than two requests of its kind
// under way goes at once, as the Check that it is; those that come meanwhile wait for an
// answer, and then share a request.
//
// Busy clients check several times faster by it, and so does their service. But it is not
// the same to others, and so not the default:
//
//   - What the service logs and measures is one CheckMany instead of many Checks.
//   - Where the service fails to decide one key, and has no fail mode, it fails the whole
//     request, and every check in it is one that may have been consumed.
//   - Interceptors see the CheckMany, in a context without the values of its callers'.
//   - The service is told of [WithTimeout], not of the callers' own deadlines. It learns
//     that nobody waits for a request any more when the last caller has gone.
//   - A slow answer holds up the checks that wait, those of other policies too.
//
// At most 16,384 checks wait. One more is [throttlekit.ErrUnavailable], and nothing was
// consumed.
func WithGathering() Option {
	return option(func(s *settings) error {
		s.gathering = true
		return nil
	})
}

type protocol int

const (
	protocolGRPC protocol = iota
	protocolConnect
	protocolGRPCWeb
)

// settings is what options amount to.
type settings struct {
	protocol                  protocol
	tls                       *tls.Config
	client                    connect.HTTPClient
	secret                    string        // or empty
	hash                      *keyhash.Hash // or nil
	interceptors              []connect.Interceptor
	timeout                   time.Duration
	gathering                 bool
	pingInterval, pingTimeout time.Duration
}

func newSettings(base *url.URL, options []Option) (*settings, error) {
	s := new(settings)
	for i, o := range options {
		if o == nil {
			return nil, fmt.Errorf("option %d is nil", i)
		}
		if err := o.apply(s); err != nil {
			return nil, err
		}
	}
	pings := s.pingInterval > 0
	switch {
	case s.client != nil && s.tls != nil:
		return nil, errors.New("WithTLSConfig has no effect on the client of WithHTTPClient; configure that client's TLS")
	case s.client != nil && pings:
		return nil, errors.New("WithPing has no effect on the client of WithHTTPClient; configure that client's HTTP/2")
	case s.secret != "" && base.Scheme != "https" && !loopbackHost(base.Hostname()):
		return nil, errors.New("WithSecret needs an https:// address, or one on this machine such as http://localhost:50051: in the clear the secret would be anybody's who listens")
	case s.tls != nil && base.Scheme != "https":
		return nil, errors.New("WithTLSConfig needs an https:// address")
	case pings && base.Scheme == "http" && s.protocol != protocolGRPC:
		return nil, errors.New("WithPing needs HTTP/2, but Connect and gRPC-Web use HTTP/1.1 with an http:// address")
	}
	return s, nil
}

func (s *settings) connectOptions() []connect.ClientOption {
	options := []connect.ClientOption{connect.WithInterceptors(s.interceptors...)}
	switch s.protocol {
	case protocolConnect: // connect's own default
	case protocolGRPC:
		options = append(options, connect.WithGRPC())
	case protocolGRPCWeb:
		options = append(options, connect.WithGRPCWeb())
	}
	return options
}
