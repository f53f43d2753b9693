package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// place is a server and how to reach it.
type place struct {
	name, address string
	standby       bool // a replica, which may become a master
}

// premises are all servers behind an address.
type premises struct {
	address   string // for a door
	clustered bool
	places    []place
}

// layout returns the servers to examine, which are all nodes of a cluster, and what there is
// to say of them as a whole.
func layout(ctx context.Context, address string) (_ premises, _ []Finding, err error) {
	connections, err := redisdoor.DialAny(address)
	if err != nil {
		return premises{}, nil, err
	}
	defer func() { err = errors.Join(err, connections.Close()) }()
	_, clustered := connections.(*redisdoor.Cluster)
	conn, err := connections.GetContext(ctx)
	if clustered && forbidden(err) {
		return premises{}, []Finding{unseen(err)}, nil
	} else if err != nil {
		return premises{}, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	fields, err := info(ctx, conn)
	if err != nil && !forbidden(err) {
		return premises{}, nil, err
	}
	if !clustered && fields["cluster_enabled"] != "1" {
		name, err := nameOf(ctx, conn, address)
		return premises{address: address, places: []place{{name: name, address: address}}}, nil, err
	}
	at, findings := premises{address: address, clustered: true}, []Finding(nil)
	if !clustered {
		if at.address, err = clusterOf(address); err != nil {
			return premises{}, nil, err
		}
		findings = []Finding{{Node: "the cluster", Check: "address", Severity: Error,
			Message: "the address is that of one server, which belongs to a cluster: the checks of the other servers' keys fail",
			Advice:  "give an address that begins with redis+cluster:// or rediss+cluster://"}}
	}
	slots, err := redis.Values(redis.DoContext(conn, ctx, "CLUSTER", "SLOTS"))
	if forbidden(err) {
		return premises{}, append(findings, unseen(err)), nil
	} else if err != nil {
		return premises{}, nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
	}
	var found []Finding
	at.places, found, err = examineSlots(address, slots)
	return at, append(findings, found...), err
}

// unseen is for a user who may not ask a cluster where keys are.
func unseen(err error) Finding {
	return Finding{Node: "the cluster", Check: "rights", Severity: Error,
		Message: "the user may not ask who serves which slots: " + err.Error(), Advice: "allow the user what it takes: ACL SETUSER <name> +cluster|slots"}
}

// nameOf is what to call the one server of an address, which sentinels chose if it is theirs.
func nameOf(ctx context.Context, conn redis.Conn, address string) (string, error) {
	if scheme, _, _ := strings.Cut(address, "://"); !strings.HasSuffix(scheme, "+sentinel") {
		return "the server", nil
	}
	text, err := redis.String(redis.DoContext(conn, ctx, "CLIENT", "INFO"))
	var said redis.Error
	if err != nil && !errors.As(err, &said) {
		return "", err
	}
	// Older servers do not tell, nor do those whose user may not ask.
	for _, field := range strings.Fields(text) {
		if at, ok := strings.CutPrefix(field, "laddr="); ok {
			return "the master " + at, nil
		}
	}
	return "the master", nil
}

const allSlots = 16384

// examineSlots reads the reply of CLUSTER SLOTS: for each range its ends, then its master
// and its replicas, but for those that have received nothing yet.
func examineSlots(address string, slots []any) (places []place, _ []Finding, _ error) {
	covered, masters := 0, 0
	for _, of := range slots {
		parts, err := redis.Values(of, nil)
		if err != nil || len(parts) < 3 {
			return nil, nil, fmt.Errorf("CLUSTER SLOTS answered with a range of %d parts: %w", len(parts), err)
		}
		var first, last int
		if _, err := redis.Scan(parts, &first, &last); err != nil {
			return nil, nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
		}
		covered += last - first + 1
		for i, part := range parts[2:] {
			at, err := placeOf(address, part)
			if err != nil {
				return nil, nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
			}
			if slices.ContainsFunc(places, func(known place) bool { return known.name == at.name }) {
				continue
			}
			if at.standby = i > 0; !at.standby {
				masters++
			}
			places = append(places, at)
		}
	}
	f := Finding{Node: "the cluster", Check: "slots", Severity: OK, Message: fmt.Sprintf("all %d slots are served, by %d masters", allSlots, masters)}
	if covered < allSlots {
		f.Severity, f.Message = Error, fmt.Sprintf("%d of %d slots are served by nobody: the checks of their keys fail", allSlots-covered, allSlots)
		f.Advice = "redis-cli --cluster check, then --cluster fix"
	}
	return places, []Finding{f}, nil
}

// placeOf reads a node of a reply of CLUSTER SLOTS. One that does not know its own host is
// the one that was asked.
func placeOf(address string, node any) (place, error) {
	parts, err := redis.Values(node, nil)
	if err != nil {
		return place{}, err
	}
	var host string
	var port int
	if _, err := redis.Scan(parts, &host, &port); err != nil {
		return place{}, err
	}
	u, err := firstOf(address)
	if err != nil {
		return place{}, err
	}
	if host == "" {
		host = u.Hostname()
	}
	name := net.JoinHostPort(host, strconv.Itoa(port))
	scheme, _, _ := strings.Cut(u.Scheme, "+")
	// With the user, password and TLS of the cluster's own address.
	return place{name: name, address: (&url.URL{Scheme: scheme, User: u.User, Host: name}).String()}, nil
}

// clusterOf is the address of the cluster that the server at an address belongs to.
func clusterOf(server string) (string, error) {
	u, err := firstOf(server)
	if err != nil {
		return "", err
	}
	return (&url.URL{Scheme: u.Scheme + "+cluster", User: u.User, Host: u.Host}).String(), nil
}

// firstOf is an address cut down to the first of its hosts.
func firstOf(address string) (*url.URL, error) {
	scheme, rest, _ := strings.Cut(address, "://")
	at := strings.LastIndex(rest, "@") + 1
	host := rest[at:]
	if i := strings.IndexAny(host, ",/"); i >= 0 {
		host = host[:i]
	}
	u, err := url.Parse(scheme + "://" + rest[:at] + host)
	if err != nil {
		return nil, errors.New("the address does not parse as a URL") // its text may hold a password
	}
	return u, nil
}
