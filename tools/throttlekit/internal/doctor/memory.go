package doctor

import (
	"context"
	"fmt"
	"strconv"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// nearlyFull is the share of maxmemory from which on it is worth saying.
const nearlyFull = 0.9

// eviction tells whether limits may be dropped to make room. All keys of limits have an
// expiry, so the volatile policies drop them as well.
func eviction(_ context.Context, n *node, _ Patient) ([]Finding, error) {
	if n.info == nil {
		return nil, nil
	}
	policy := n.info["maxmemory_policy"]
	most, _ := strconv.ParseInt(n.info["maxmemory"], 10, 64)
	used, _ := strconv.ParseInt(n.info["used_memory"], 10, 64)
	evicted, _ := strconv.ParseInt(n.info["evicted_keys"], 10, 64)
	const advice = "set maxmemory-policy noeviction, or keep limits in a Redis of their own: an evicted limit can be spent again"
	var findings []Finding
	switch {
	case policy == "noeviction" && most == 0:
		findings = append(findings, Finding{Severity: OK, Message: "nothing is evicted, and memory is not bounded"})
	case policy == "noeviction":
		findings = append(findings, Finding{Severity: OK, Message: fmt.Sprintf("nothing is evicted; when all of %s is used, checks fail", bytes(most))})
	case most == 0:
		findings = append(findings, Finding{Severity: Note, Advice: advice,
			Message: fmt.Sprintf("maxmemory-policy is %s, which evicts limits once a maxmemory is set; none is", policy)})
	default:
		findings = append(findings, Finding{Severity: Warning, Advice: advice,
			Message: fmt.Sprintf("maxmemory-policy is %s: limits are evicted once all of %s is used", policy, bytes(most))})
	}
	if most > 0 && float64(used) > nearlyFull*float64(most) {
		findings = append(findings, Finding{Severity: Warning, Advice: "raise maxmemory, or find out what fills it: MEMORY STATS, redis-cli --bigkeys",
			Message: fmt.Sprintf("%s of %s is used", bytes(used), bytes(most))})
	}
	if evicted > 0 {
		findings = append(findings, Finding{Severity: Warning, Advice: advice,
			Message: fmt.Sprintf("%d keys were evicted since the server started", evicted)})
	}
	return findings, nil
}

func bytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// persistence tells what a restart forgets.
func persistence(_ context.Context, n *node, _ Patient) ([]Finding, error) {
	if n.info == nil {
		return nil, nil
	}
	if n.info["aof_enabled"] == "1" {
		return []Finding{{Severity: OK, Message: "an append-only file is kept: a restart forgets a second or less"}}, nil
	}
	return []Finding{{Severity: Note, Message: "no append-only file is kept: a crash forgets what was spent since the last snapshot, if there is any",
		Advice: "fine for windows of minutes; for budgets of days set appendonly yes"}}, nil
}

// manyScripts is more than a fleet of services needs: a few for each strategy.
const manyScripts = 1000

// scripts tells whether the server's cache holds the contract's scripts.
func scripts(ctx context.Context, n *node, p Patient) ([]Finding, error) {
	args := []any{"EXISTS"}
	for _, d := range p.Definitions {
		for _, s := range []script.Script{d.Check, d.Many, d.Probe} {
			if s.SHA1 != "" {
				args = append(args, s.SHA1)
			}
		}
	}
	there, err := redis.Ints(redis.DoContext(n.conn, ctx, "SCRIPT", args...))
	if err != nil {
		return nil, err
	}
	count := 0
	for _, one := range there {
		count += one
	}
	findings := []Finding{{Severity: OK,
		Message: fmt.Sprintf("%d of %d scripts are cached; a missing one is sent with its first use", count, len(there))}}
	if cached, _ := strconv.Atoi(n.info["number_of_cached_scripts"]); cached > manyScripts {
		findings = append(findings, Finding{Severity: Warning, Message: fmt.Sprintf("the script cache holds %d scripts, which are never dropped", cached),
			Advice: "some client writes its arguments into the text of scripts; find it with MONITOR, and pass them in KEYS and ARGV"})
	}
	return findings, nil
}
