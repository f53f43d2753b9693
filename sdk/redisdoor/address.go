package redisdoor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// target is a parsed address.
type target struct {
	layout         layout
	network        string   // for net.Dial
	addresses      []string // likewise; of a single Redis one
	tls            bool
	user, password string
	database       int
	master         string // its name, for sentinels
}

// layout is how a Redis is set up.
type layout uint8

const (
	single    layout = iota
	sentinels        // one Redis of several, which sentinels name
	clustered
)

const addressForms = "redis://host:port/database, rediss://host:port/database, unix:///path?db=database, " +
	"redis+sentinel://host:port,host:port/master/database, rediss+sentinel://..., redis+cluster://host:port,host:port or rediss+cluster://..."

var (
	errNoURL    = fmt.Errorf("does not parse as a URL, want %s", addressForms)
	errNoHost   = fmt.Errorf("names no host, want %s", addressForms)
	errDatabase = errors.New("names a database that is not a number of 0 or more")
)

// parseAddress never quotes its argument in an error: it may hold a password, and an
// address that does not parse may hold it anywhere.
func parseAddress(address string) (target, error) {
	scheme, _, _ := strings.Cut(address, "://")
	switch scheme {
	case "redis", "rediss":
		return parseSingle(address)
	case "unix":
		return parseSocket(address)
	case "redis+sentinel", "rediss+sentinel":
		return parseSentinels(address)
	case "redis+cluster", "rediss+cluster":
		return parseCluster(address)
	}
	return target{}, fmt.Errorf("has another scheme, want %s", addressForms)
}

func parseSingle(address string) (target, error) {
	u, err := url.Parse(address)
	if err != nil {
		return target{}, errNoURL
	}
	if u.Hostname() == "" {
		return target{}, errNoHost
	}
	t := target{network: "tcp", tls: u.Scheme == "rediss", addresses: []string{hostPort(u, "6379")}}
	t.identify(u)
	return t, t.choose(strings.Trim(u.Path, "/"))
}

func parseSocket(address string) (target, error) {
	u, err := url.Parse(address)
	if err != nil {
		return target{}, errNoURL
	}
	if u.Path == "" || u.Host != "" {
		return target{}, fmt.Errorf("names no absolute path of a socket, want %s", addressForms)
	}
	t := target{network: "unix", addresses: []string{u.Path}}
	t.identify(u)
	return t, t.choose(u.Query().Get("db"))
}

func parseSentinels(address string) (target, error) {
	t, path, err := parseHosts(address, "26379")
	if err != nil {
		return target{}, err
	}
	t.layout = sentinels
	name, database, _ := strings.Cut(path, "/")
	if t.master = name; name == "" {
		return target{}, fmt.Errorf("names no master for the sentinels to find, want %s", addressForms)
	}
	return t, t.choose(database)
}

func parseCluster(address string) (target, error) {
	t, path, err := parseHosts(address, "6379")
	if err != nil {
		return target{}, err
	}
	t.layout = clustered
	if path != "" && path != "0" {
		return target{}, errors.New("names a database, and a cluster has none but 0")
	}
	return t, nil
}

// parseHosts parses an address of one or more hosts, which is no URL any more when each
// of them has a port, so each is parsed as if it were alone.
func parseHosts(address, port string) (t target, path string, err error) {
	scheme, rest, _ := strings.Cut(address, "://")
	end := len(rest)
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		end = i
	}
	at := strings.LastIndexByte(rest[:end], '@') + 1
	t = target{network: "tcp", tls: strings.HasPrefix(scheme, "rediss+")}
	for host := range strings.SplitSeq(rest[at:end], ",") {
		u, err := url.Parse("redis://" + rest[:at] + host + rest[end:])
		if err != nil {
			return target{}, "", errNoURL
		}
		if u.Hostname() == "" {
			return target{}, "", errNoHost
		}
		t.addresses = append(t.addresses, hostPort(u, port))
		t.identify(u)
		path = strings.Trim(u.Path, "/")
	}
	return t, path, nil
}

func hostPort(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (t *target) identify(u *url.URL) {
	if u.User != nil {
		t.user = u.User.Username()
		t.password, _ = u.User.Password()
	}
}

func (t *target) choose(database string) (err error) {
	if database == "" {
		return nil
	}
	if t.database, err = strconv.Atoi(database); err != nil || t.database < 0 {
		return errDatabase
	}
	return nil
}
