package metrics

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Text is everything counted so far in Prometheus's text format, version 0.0.4, in an order
// that does not change.
func (m *Metrics) Text() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := new(bytes.Buffer)
	m.writeDecisions(b, "throttlekit_decisions_total", "Decisions that limiters made.", false)
	m.writeDecisions(b, "throttlekit_synthesized_decisions_total", "Decisions that the fail mode made up for a store that failed.", true)

	head(b, "throttlekit_errors_total", "counter", "Calls that were answered with an error.")
	for _, f := range slices.SortedFunc(maps.Keys(m.errors), func(a, b failure) int {
		return cmp.Or(cmp.Compare(a.op, b.op), cmp.Compare(a.code, b.code))
	}) {
		fmt.Fprintf(b, "throttlekit_errors_total{op=%s,code=%s} %d\n", label(f.op), label(f.code), m.errors[f])
	}

	const calls = "throttlekit_call_duration_seconds"
	head(b, calls, "histogram", "How long calls took to answer.")
	for _, op := range slices.Sorted(maps.Keys(m.calls)) {
		h := m.calls[op]
		within := uint64(0)
		for i, bound := range bounds {
			within += h.within[i]
			fmt.Fprintf(b, "%s_bucket{op=%s,le=%s} %d\n", calls, label(op), label(number(bound.Seconds())), within)
		}
		fmt.Fprintf(b, "%s_bucket{op=%s,le=\"+Inf\"} %d\n", calls, label(op), h.count)
		fmt.Fprintf(b, "%s_sum{op=%s} %s\n", calls, label(op), number(h.sum.Seconds()))
		fmt.Fprintf(b, "%s_count{op=%s} %d\n", calls, label(op), h.count)
	}

	head(b, "throttlekit_store_up", "gauge", "1 while the store answers, else 0.")
	up := 1
	if m.storeDown.Load() {
		up = 0
	}
	fmt.Fprintf(b, "throttlekit_store_up %d\n", up)
	return b.Bytes()
}

func (m *Metrics) writeDecisions(b *bytes.Buffer, name, help string, madeUp bool) {
	head(b, name, "counter", help)
	for _, d := range slices.SortedFunc(maps.Keys(m.decisions), func(a, b decision) int {
		return cmp.Or(cmp.Compare(a.policy, b.policy), cmp.Compare(a.outcome(), b.outcome()))
	}) {
		if d.madeUp == madeUp {
			fmt.Fprintf(b, "%s{policy=%s,outcome=%s} %d\n", name, label(d.policy), label(d.outcome()), m.decisions[d])
		}
	}
}

func (d decision) outcome() string {
	if d.allowed {
		return "allowed"
	}
	return "denied"
}

func head(b *bytes.Buffer, name, kind, help string) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// label is a label's value, escaped as the format wants it; policies have any name.
func label(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
