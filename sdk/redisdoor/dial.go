package redisdoor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// What a pool made by Dial is set to. A limiter stands in front of other work, so it
// must learn early that Redis does not answer, and never be short of a connection that
// it had a moment ago.
const (
	// dialTimeout, and ioTimeout for one write or read, are far more than what a
	// healthy Redis in the same data centre needs.
	dialTimeout = time.Second
	ioTimeout   = time.Second

	// poolSize connections at most, all of them kept while idle: with fewer idle than
	// active ones, each burst would dial anew. Callers beyond wait for their turn.
	poolSize = 64

	// idleTimeout closes what has not been used for so long, before firewalls that
	// forget idle connections do it unseen.
	idleTimeout = 4 * time.Minute

	// checkAfter is how long a connection may have been idle before it has to answer a
	// PING first. A connection that died unseen would otherwise cost a check whose
	// outcome is unknown.
	checkAfter = 15 * time.Second
)

// DialOption changes how [Dial] connects.
type DialOption interface{ applyDial(*dialSettings) }

type dialSettings struct{ tls *tls.Config }

type dialOptionFunc func(*dialSettings)

func (f dialOptionFunc) applyDial(s *dialSettings) { f(s) }

// WithTLSConfig gives the TLS configuration of a rediss:// address, as for a private
// certificate authority or a client certificate. It is cloned. Its ServerName defaults
// to the address's host.
func WithTLSConfig(config *tls.Config) DialOption {
	return dialOptionFunc(func(s *dialSettings) { s.tls = config.Clone() })
}

// Dial returns a pool of connections to the Redis at address. Despite its name it does
// not connect yet: the first call does. The caller closes the pool. Addresses are
//
//	redis://[[user]:password@]host[:port][/database]       plain TCP, port 6379
//	rediss://[[user]:password@]host[:port][/database]      TLS 1.2 or newer
//	unix://[[user]:password@]/path/to/socket[?db=database]
//
// The pool holds up to 64 connections and keeps them; calls beyond wait until one is
// free or their context ends. Dialling, each write and each read may take a second. The
// fields of the pool may be changed before its first use. Errors never repeat the
// address's user or password.
func Dial(address string, opts ...DialOption) (*redis.Pool, error) {
	var settings dialSettings
	for _, o := range opts {
		o.applyDial(&settings)
	}
	target, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("redisdoor: redis address: %w", err)
	}
	if settings.tls != nil && !target.tls {
		return nil, errors.New("redisdoor: WithTLSConfig needs a rediss:// address; without TLS the configuration would be ignored")
	}
	dialOptions := []redis.DialOption{
		redis.DialConnectTimeout(dialTimeout),
		redis.DialReadTimeout(ioTimeout),
		redis.DialWriteTimeout(ioTimeout),
		redis.DialUsername(target.user),
		redis.DialPassword(target.password),
		redis.DialDatabase(target.database),
	}
	if target.tls {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if settings.tls != nil {
			config = settings.tls
		}
		if config.ServerName == "" {
			config.ServerName = target.host
		}
		dialOptions = append(dialOptions, redis.DialUseTLS(true),
			redis.DialTLSHandshakeTimeout(dialTimeout), redis.DialTLSConfig(config))
	}
	return &redis.Pool{
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, target.network, target.address, dialOptions...)
		},
		TestOnBorrowContext: func(ctx context.Context, c redis.Conn, lastUsed time.Time) error {
			if time.Since(lastUsed) < checkAfter {
				return nil
			}
			_, err := redis.DoContext(c, ctx, "PING")
			return err
		},
		MaxIdle:     poolSize,
		MaxActive:   poolSize,
		IdleTimeout: idleTimeout,
		Wait:        true,
	}, nil
}

// target is a parsed address.
type target struct {
	network, address string // for net.Dial
	host             string // for TLS
	tls              bool
	user, password   string
	database         int
}

const addressForms = "redis://host:port/database, rediss://host:port/database or unix:///path?db=database"

// parseAddress never quotes its argument in an error: it may hold a password, and an
// address that does not parse may hold it anywhere.
func parseAddress(address string) (target, error) {
	u, err := url.Parse(address)
	if err != nil {
		return target{}, fmt.Errorf("does not parse as a URL, want %s", addressForms)
	}
	var t target
	if u.User != nil {
		t.user = u.User.Username()
		t.password, _ = u.User.Password()
	}
	var database string
	switch u.Scheme {
	case "redis", "rediss":
		t.network, t.tls, t.host = "tcp", u.Scheme == "rediss", u.Hostname()
		if t.host == "" {
			return target{}, fmt.Errorf("names no host, want %s", addressForms)
		}
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		t.address = net.JoinHostPort(t.host, port)
		database = strings.Trim(u.Path, "/")
	case "unix":
		if t.network, t.address = "unix", u.Path; u.Path == "" || u.Host != "" {
			return target{}, fmt.Errorf("names no absolute path of a socket, want %s", addressForms)
		}
		database = u.Query().Get("db")
	default:
		return target{}, fmt.Errorf("has another scheme, want %s", addressForms)
	}
	if database != "" {
		if t.database, err = strconv.Atoi(database); err != nil || t.database < 0 {
			return target{}, errors.New("names a database that is not a number of 0 or more")
		}
	}
	return t, nil
}
