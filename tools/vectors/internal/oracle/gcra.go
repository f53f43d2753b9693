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
	interval, tau, t := g.at(now)
	n := t + float64(interval*cost)
	a := n - tau
	if now < a {
		return reply(false, g.burst, units(interval, tau, t-now), math.Ceil(t), math.Ceil(a-now))
	}
	g.tat, g.stored = n, true
	return reply(true, g.burst, units(interval, tau, n-now), math.Ceil(n), 0)
}

func (g *gcra) Peek(now float64) Reply {
	interval, tau, t := g.at(now)
	r := units(interval, tau, t-now)
	return peeked(r >= 1, g.burst, r, math.Ceil(t), math.Ceil(t+interval-tau-now))
}

func (g *gcra) Forecast(now, cost float64) Forecast {
	interval, tau, t := g.at(now)
	k := units(interval, tau, t-now)
	f := Forecast{math.Floor(k / cost), now, now}
	if t > now {
		f.NextReplenishAt = math.Ceil(t - tau + float64((k+1)*interval))
		f.FullAt = math.Ceil(t)
	}
	return f
}

// at returns the time of one unit, that of the burst, and the TAT as it counts at the
// instant now: one in the past counts as now.
func (g *gcra) at(now float64) (interval, tau, t float64) {
	interval = g.periodMs / g.limit
	tau = float64(interval * g.burst)
	if g.stored {
		return interval, tau, max(g.tat, now)
	}
	return interval, tau, now
}

// units is how many whole units are left while the TAT is so far ahead.
func units(interval, tau, ahead float64) float64 {
	return max(0, math.Floor((tau-ahead)/interval))
}
