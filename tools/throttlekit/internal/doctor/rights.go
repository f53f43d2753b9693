package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// operations are all that a door does with a strategy. The last one takes away what the
// others left.
var operations = []struct {
	name string
	try  func(ctx context.Context, l *redisdoor.Limiter, key string) error
}{
	{"checks", func(ctx context.Context, l *redisdoor.Limiter, key string) error {
		_, err := l.Check(ctx, key)
		return err
	}},
	{"checks of many", func(ctx context.Context, l *redisdoor.Limiter, key string) error {
		_, err := l.CheckMany(ctx, []string{key, key}, 1)
		return err
	}},
	{"peeks", func(ctx context.Context, l *redisdoor.Limiter, key string) error {
		_, err := l.Peek(ctx, key)
		return err
	}},
	{"resets", func(ctx context.Context, l *redisdoor.Limiter, key string) error {
		return l.Reset(ctx, key)
	}},
}

// rights does what a door does, with every strategy and at every master, and tells what was
// refused. To ask the server for the user's rights would take more rights than a limiter
// needs.
func rights(ctx context.Context, at premises, p Patient) (_ []Finding, err error) {
	if at.address == "" {
		return nil, nil // there is a finding that says why
	}
	connections, err := redisdoor.DialAny(at.address)
	if err != nil {
		return nil, err
	}
	door := redisdoor.Open(connections, redisdoor.WithPrefix(p.Prefix))
	defer func() { err = errors.Join(err, door.Close(ctx), connections.Close()) }()
	var findings []Finding
	where, masters := "", 0
	for _, place := range at.places {
		if place.standby {
			continue
		}
		name := "the door"
		if masters++; at.clustered {
			name = place.name
		}
		for _, s := range p.Strategies {
			f, ok, err := try(ctx, door, s, place.name, p.Prefix)
			if err != nil {
				return nil, err
			}
			if f.Node = name; !ok {
				findings = append(findings, f)
			}
		}
	}
	if masters > 1 {
		where = fmt.Sprintf(" at each of %d masters", masters)
	}
	if len(findings) == 0 {
		findings = append(findings, Finding{Node: "the door", Severity: OK,
			Message: fmt.Sprintf("the user may do all that a door does, tried with %d strategies%s on keys that begin with %s:", len(p.Strategies), where, p.Prefix)})
	}
	for i := range findings {
		findings[i].Check = "rights"
	}
	return findings, nil
}

// keyAt returns a key of a strategy that a master of the cluster has, or any key where there
// is no cluster. Of some thousand keys a master without any has no slots to speak of.
func keyAt(ctx context.Context, l *redisdoor.Limiter, strategy, master string) string {
	key := "doctor-" + strategy
	if l.Node(key) == "" {
		_, _ = l.Peek(ctx, key) // has the cluster asked; if it fails, so will the trial
	}
	for i := 0; i < 4096 && l.Node(key) != "" && l.Node(key) != master; i++ {
		key = fmt.Sprintf("doctor-%s-%d", strategy, i)
	}
	return key
}

// try does all operations of one strategy at one master. It is ok when none failed.
func try(ctx context.Context, door *redisdoor.Door, s script.Strategy, master, prefix string) (_ Finding, ok bool, _ error) {
	plan, err := s.Plan()
	if err != nil {
		return Finding{}, false, err
	}
	limiter, err := door.Limiter(s)
	if err != nil {
		return Finding{}, false, err
	}
	d := plan.Definition()
	key := keyAt(ctx, limiter, d.Name, master)
	var failed []string
	var first error
	for _, op := range operations {
		err := op.try(ctx, limiter, key)
		if err == nil || errors.Is(err, throttlekit.ErrNotSupported) {
			continue
		}
		failed = append(failed, op.name)
		if first == nil {
			first = err
		}
	}
	if first == nil {
		return Finding{}, true, nil
	}
	f := Finding{Severity: Error, Message: fmt.Sprintf("%s of %s fail: %v", strings.Join(failed, ", "), d.Name, first)}
	if forbidden(first) {
		f.Advice = "allow the user what it takes: ACL SETUSER <name> ~" + prefix + ":* " + strings.Join(needed(d), " ")
	}
	return f, false, nil
}

// forbidden reports whether a user's rights do not suffice, for a command or for what a
// script does.
func forbidden(err error) bool {
	var said redis.Error
	if !errors.As(err, &said) {
		return false
	}
	text := strings.ToLower(string(said))
	return strings.HasPrefix(text, "noperm") || strings.Contains(text, "the user executing the script can't") ||
		strings.Contains(text, "acl failure in script") || strings.Contains(text, "no permissions")
}

// commandInLua finds the commands that a check script calls, by whatever name.
var commandInLua = regexp.MustCompile(`call\('([A-Z]+)'`)

// needed are the rights to run a strategy's scripts and to reset its keys.
func needed(d *script.Definition) []string {
	rights := []string{"+del", "+eval", "+evalsha", "+ping"}
	for _, found := range commandInLua.FindAllStringSubmatch(d.Check.Source, -1) {
		rights = append(rights, "+"+strings.ToLower(found[1]))
	}
	slices.Sort(rights)
	return slices.Compact(rights)
}
