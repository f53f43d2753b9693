// Package doctor examines a Redis that is to keep rate limits: what would lose them, what
// would slow their checks down, and what would refuse them.
//
//	Examine -> a node, or each node of the cluster -> the checks in table order -> findings
//
// It changes nothing but keys of its own, which it removes.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Severity is how much a finding matters.
type Severity string

// The severities. Warnings and errors are what somebody should act on.
const (
	OK      Severity = "ok"
	Note    Severity = "note"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Finding is what one check has found on one node.
type Finding struct {
	Node     string   `json:"node"`
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	// Advice is what to do about it. It is empty where there is nothing to do.
	Advice string `json:"advice,omitempty"`
}

// String is the finding for a terminal, with its advice on a line of its own.
func (f Finding) String() string {
	s := fmt.Sprintf("%-7s  %-11s  %s: %s", f.Severity, f.Check, f.Node, f.Message)
	if f.Advice != "" {
		s += "\n" + strings.Repeat(" ", 22) + f.Advice
	}
	return s
}

// Patient is what is examined.
type Patient struct {
	// Address is the Redis, in one of the forms that redisdoor knows.
	Address string
	// Prefix is put before the keys of the trial, as a door's prefix is: a user may be
	// allowed to use the keys of one prefix only.
	Prefix string
	// Strategies are tried, each with all its operations.
	Strategies []script.Strategy
	// Definitions are all whose scripts the server may have cached.
	Definitions []*script.Definition
}

// node is one server under examination.
type node struct {
	name    string
	standby bool // a replica where one is wanted
	conn    redis.Conn
	info    map[string]string // nil when the user may not ask for it
}

// check looks at one thing. Its error means that nothing can be said.
type check struct {
	name string
	run  func(ctx context.Context, n *node, p Patient) ([]Finding, error)
}

var checks = []check{
	{"server", server},
	{"role", role},
	{"latency", latency},
	{"clock", clock},
	{"eviction", eviction},
	{"persistence", persistence},
	{"scripts", scripts},
}

// Examine returns all findings, in the order of nodes and checks. The error means that
// the Redis could not be examined, as when none answers at the address.
func Examine(ctx context.Context, p Patient) ([]Finding, error) {
	at, findings, err := layout(ctx, p.Address)
	if err != nil {
		return nil, err
	}
	for _, n := range at.places {
		found, err := examineNode(ctx, n, p)
		switch {
		case err == nil:
			findings = append(findings, found...)
		case at.clustered && ctx.Err() == nil: // the others are there
			findings = append(findings, Finding{n.name, "server", Error, "could not be examined: " + err.Error(),
				"see that the process runs and can be reached from here under this address"})
		default:
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
	}
	found, err := rights(ctx, at, p)
	if err != nil {
		return nil, err
	}
	return append(append(findings, found...), fips()), nil
}

func examineNode(ctx context.Context, at place, p Patient) (_ []Finding, err error) {
	connections, err := redisdoor.DialAny(at.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, connections.Close()) }()
	conn, err := connections.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	n := &node{name: at.name, standby: at.standby, conn: conn}
	var findings []Finding
	if n.info, err = info(ctx, conn); forbidden(err) {
		findings = append(findings, Finding{n.name, "server", Note,
			"the user may not run INFO, so version, role, eviction and persistence were not examined", "run this as a user with +info"})
	} else if err != nil {
		return nil, err
	}
	for _, c := range checks {
		found, err := c.run(ctx, n, p)
		if forbidden(err) {
			found = []Finding{{Severity: Note, Message: "not examined, since the user may not: " + err.Error()}}
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		for _, f := range found {
			f.Node, f.Check = n.name, c.name
			findings = append(findings, f)
		}
	}
	return findings, nil
}

// info is what the server says of itself, all sections in one.
func info(ctx context.Context, conn redis.Conn) (map[string]string, error) {
	text, err := redis.String(redis.DoContext(conn, ctx, "INFO"))
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
