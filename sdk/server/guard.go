package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
)

// WithSecrets has the contract's services answer only those who show one of secrets, in the
// header or metadata "authorization: Bearer SECRET"; others get UNAUTHENTICATED, in each
// protocol's own form. With several, one can be replaced without a moment in which nobody
// can call. A secret is of printable ASCII without spaces; 32 random bytes, in hexadecimal,
// are a good one. The same one twice is refused: [Caller] could not say which it was.
//
// A secret is not accepted in the clear from another machine: over TLS, from a loopback
// address and through a Unix socket only. A proxy on this machine that ends TLS is such a
// local caller, and what it lets in is its own to answer for.
//
// Health checks and reflection stay open: a probe has no secret, and what reflection tells
// is public.
func WithSecrets(secrets ...string) Option {
	return option(func(s *settings) error {
		if len(secrets) == 0 {
			return errors.New("WithSecrets was given none; leave it out to have everybody answered")
		}
		for _, secret := range secrets {
			i := len(s.guard.digests)
			if err := validateSecret(secret); err != nil {
				return fmt.Errorf("WithSecrets: secret %d %w", i, err)
			}
			digest := sha256.Sum256([]byte(secret))
			if at := slices.Index(s.guard.digests, digest); at >= 0 {
				return fmt.Errorf("WithSecrets: secret %d is the same as secret %d", i, at)
			}
			s.guard.digests = append(s.guard.digests, digest)
		}
		return nil
	})
}

func validateSecret(secret string) error {
	if secret == "" {
		return errors.New("is empty, want printable ASCII without spaces")
	}
	if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("has a character that no header can carry, want printable ASCII without spaces")
	}
	return nil
}

// WithClientCertificates has the contract's services answer only those who showed a
// certificate that the listener's TLS configuration verified; others get UNAUTHENTICATED.
// With [crypto/tls.RequireAndVerifyClientCert] nobody else gets as far as a call, and there
// is no need of this option; with [crypto/tls.VerifyClientCertIfGiven] it is what closes
// these services and leaves health checks and reflection open. Beside [WithSecrets] both
// are wanted.
func WithClientCertificates() Option {
	return option(func(s *settings) error {
		s.guard.certificates = true
		return nil
	})
}

// WithAuthorization has authorize asked about each call of the contract's services, after
// [WithSecrets] and [WithClientCertificates] and before the request is read. An error
// refuses the call: with PERMISSION_DENIED and its text, or as it is when it is a
// [connect.Error]. So one client may spend while another only looks:
//
//	server.WithAuthorization(func(_ context.Context, caller server.Caller) error {
//		if caller.Spends() && caller.Secret != 0 {
//			return errors.New("this secret is for looking only")
//		}
//		return nil
//	})
//
// What depends on the request, such as its policy, is for an interceptor, which has the
// [Caller] from [CallerFrom].
func WithAuthorization(authorize func(context.Context, Caller) error) Option {
	return option(func(s *settings) error {
		if authorize == nil {
			return errors.New("WithAuthorization was given nil")
		}
		s.guard.authorize = authorize
		return nil
	})
}

// guardSettings is who may call.
type guardSettings struct {
	digests      [][sha256.Size]byte // of the secrets
	certificates bool
	authorize    func(context.Context, Caller) error
}

func (g *guardSettings) open() bool {
	return len(g.digests) == 0 && !g.certificates && g.authorize == nil
}

// guard stands before the contract's services. It is no interceptor: those run when a
// request has been read, inflated and decoded, which is more than strangers should be able
// to ask for.
type guard struct {
	*settings
	next    http.Handler
	errors  *connect.ErrorWriter
	noticed *atomic.Int64 // when the log was last told of a refusal
}

// ServeHTTP implements [http.Handler].
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	caller, err := g.admit(r)
	if err == nil {
		g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		return
	}
	if len(g.guard.digests) > 0 && connect.CodeOf(err) == connect.CodeUnauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer") // which HTTP wants beside its status 401
	}
	_ = g.errors.Write(w, r, err) // to a caller who may have gone
	if op, ok := operations[r.URL.Path]; ok {
		g.observer.Called(op, "", time.Since(began), err)
	}
	g.note(r, err)
}

// operations are the calls that an [Observer] is told of.
var operations = map[string]string{
	throttlekitv1connect.RateLimiterCheckProcedure:     opCheck,
	throttlekitv1connect.RateLimiterCheckManyProcedure: opCheckMany,
	throttlekitv1connect.RateLimiterPeekProcedure:      opPeek,
	throttlekitv1connect.RateLimiterForecastProcedure:  opForecast,
	throttlekitv1connect.RateLimiterDebitProcedure:     opDebit,
	throttlekitv1connect.RateLimiterAdmitProcedure:     opAdmit,
}

// admit tells who calls, or why the call is refused.
func (g *guard) admit(r *http.Request) (Caller, error) {
	caller := Caller{Procedure: r.URL.Path, Secret: -1}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		caller.Certificate = r.TLS.VerifiedChains[0][0]
	}
	if g.guard.certificates && caller.Certificate == nil {
		return caller, unauthenticated("this service wants a client certificate, and none was shown that it trusts")
	}
	if len(g.guard.digests) > 0 {
		if r.TLS == nil && !local(r) {
			return caller, unauthenticated("this service takes its secret over TLS only; one that came in the clear should be replaced")
		}
		shown, ok := bearer(r.Header.Get("Authorization"))
		if !ok {
			return caller, unauthenticated(`this service wants a secret, as "authorization: Bearer SECRET"`)
		}
		if caller.Secret = g.guard.find(shown); caller.Secret < 0 {
			return caller, unauthenticated("the secret is not one of this service's")
		}
	}
	if g.guard.authorize == nil {
		return caller, nil
	}
	err := g.guard.authorize(r.Context(), caller)
	if own := new(connect.Error); err != nil && !errors.As(err, &own) {
		err = connect.NewError(connect.CodePermissionDenied, err)
	}
	return caller, err
}

// find is the position of a secret, or -1, in a time that does not depend on what was
// shown but for its length. Digests have one length, so that the secrets' own do not show.
func (g *guardSettings) find(shown string) int {
	digest := sha256.Sum256([]byte(shown))
	found := -1
	for i := range g.digests {
		same := subtle.ConstantTimeCompare(digest[:], g.digests[i][:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	return found
}

// bearer is the token of an Authorization header. Its scheme is written in any case.
func bearer(header string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return token, ok && token != "" && strings.EqualFold(scheme, "Bearer")
}

func unauthenticated(why string) error {
	return connect.NewError(connect.CodeUnauthenticated, errors.New(why))
}

// local reports whether nobody but this machine can have seen the request.
func local(r *http.Request) bool {
	if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && at.Network() == "unix" {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

// note tells the log of a refusal, once a minute: strangers decide how many there are.
func (g *guard) note(r *http.Request, err error) {
	now := time.Now().UnixNano()
	last := g.noticed.Load()
	if now-last < int64(noticeInterval) || !g.noticed.CompareAndSwap(last, now) {
		return
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr) // none from a Unix socket
	g.logger.Warn("a caller was refused", slog.String("from", host), slog.String("error", err.Error()))
}
