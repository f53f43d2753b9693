package oracle

import "math"

// gcra paces checks by one instant. Its state is the theoretical arrival time (TAT),
// which Redis keeps in 17 digits and so exactly.
type gcra struct {
	periodMs, limit, burst float64

	stored bool
	tat    float64
}

func (g *gcra) Check(now, cost float64) Reply {
	interval := g.periodMs / g.limit
	tau := float64(interval * g.burst)
	inc := float64(interval * cost)

	t := now
	if g.stored {
		t = max(g.tat, now)
	}
	n := t + inc
	a := n - tau
	if now < a {
		remaining := max(0, math.Floor((tau-(t-now))/interval))
		return reply(false, g.burst, remaining, math.Ceil(t), math.Ceil(a-now))
	}
	g.tat, g.stored = n, true
	remaining := max(0, math.Floor((tau-(n-now))/interval))
	return reply(true, g.burst, remaining, math.Ceil(n), 0)
}
