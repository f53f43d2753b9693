package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// layout returns the servers to examine, which are all masters of a cluster, and what
// there is to say of the cluster as a whole.
func layout(ctx context.Context, address string) (_ []place, _ []Finding, err error) {
	connections, err := redisdoor.Dial(address)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, connections.Close()) }()
	conn, err := connections.GetContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	fields, err := info(ctx, conn)
	if err != nil && !forbidden(err) {
		return nil, nil, err
	}
	if fields["cluster_enabled"] != "1" {
		return []place{{"the server", address}}, nil, nil
	}
	slots, err := redis.Values(redis.DoContext(conn, ctx, "CLUSTER", "SLOTS"))
	if err != nil {
		return nil, nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
	}
	return examineSlots(address, slots)
}

const allSlots = 16384

// examineSlots reads the reply of CLUSTER SLOTS: for each range its ends, then its master
// and its replicas.
func examineSlots(address string, slots []any) ([]place, []Finding, error) {
	var places []place
	covered, known := 0, map[string]bool{}
	var alone []string // masters without a replica
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
		master, err := redis.Values(parts[2], nil)
		if err != nil {
			return nil, nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
		}
		var host string
		var port int
		if _, err := redis.Scan(master, &host, &port); err != nil {
			return nil, nil, fmt.Errorf("CLUSTER SLOTS: %w", err)
		}
		name := net.JoinHostPort(host, strconv.Itoa(port))
		if known[name] {
			continue
		}
		known[name] = true
		if len(parts) == 3 {
			alone = append(alone, name)
		}
		at, err := serverOf(address, name)
		if err != nil {
			return nil, nil, err
		}
		places = append(places, place{name, at})
	}
	f := Finding{Node: "the cluster", Check: "slots", Severity: OK, Message: fmt.Sprintf("all %d slots are served, by %d masters", allSlots, len(places))}
	if covered < allSlots {
		f.Severity, f.Message = Error, fmt.Sprintf("%d of %d slots are served by nobody: the checks of their keys fail", allSlots-covered, allSlots)
		f.Advice = "redis-cli --cluster check, then --cluster fix"
	}
	findings := []Finding{f}
	if len(alone) > 0 {
		findings = append(findings, Finding{Node: "the cluster", Check: "slots", Severity: Note,
			Message: "no replica stands by for " + strings.Join(alone, ", "), Advice: "when it goes away, the checks of its keys fail until it is back"})
	}
	return places, findings, nil
}

// serverOf is the address of one server of a cluster, with the user, password and TLS of the
// cluster's own address.
func serverOf(cluster, hostPort string) (string, error) {
	u, err := url.Parse(cluster)
	if err != nil {
		return "", errors.New("the address does not parse as a URL") // its text may hold a password
	}
	scheme, _, _ := strings.Cut(u.Scheme, "+")
	return (&url.URL{Scheme: scheme, User: u.User, Host: hostPort}).String(), nil
}
