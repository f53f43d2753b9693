package servicedoor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// parseAddress reads what New takes. No error repeats any part of the address but the
// scheme: people paste addresses with passwords and tokens in them.
func parseAddress(address string) (*url.URL, error) {
	if !strings.Contains(address, "://") {
		return parseHostPort(address)
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address is not a valid URL, want http://host:port or https://host:port")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("the address has the scheme %q, want http or https", base.Scheme)
	case base.User != nil:
		return nil, errors.New("the address holds a user or a password, which the service has no use for; want only a host, a port and a path")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("the address holds a query or a fragment; want only a host, a port and a path")
	case base.Hostname() == "":
		return nil, errors.New("the address has no host, want http://host:port or https://host:port")
	}
	if port := base.Port(); port != "" {
		if err := validatePort(port); err != nil {
			return nil, err
		}
	}
	return base, nil
}

func parseHostPort(address string) (*url.URL, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, "/@?# ") {
		return nil, errors.New("the address is neither a URL nor host:port, want http://host:port, https://host:port or host:port")
	}
	if err := validatePort(port); err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}, nil
}

func validatePort(port string) error {
	if number, err := strconv.ParseUint(port, 10, 16); err == nil && number > 0 {
		return nil
	}
	return errors.New("the address has a port that is no number from 1 to 65535")
}

// loopbackHost reports whether a host by its name is this machine. What a name stands for
// in the end is for the dial to see.
func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// keepHere gives back a connection that does not leave this machine, and closes another.
func keepHere(conn net.Conn) (net.Conn, error) {
	switch peer := conn.RemoteAddr().(type) {
	case *net.UnixAddr:
		return conn, nil
	case *net.TCPAddr:
		if peer.IP.IsLoopback() {
			return conn, nil
		}
	}
	_ = conn.Close()
	return nil, errors.New("the address leads to another machine, where the secret would go in the clear; use https://")
}
