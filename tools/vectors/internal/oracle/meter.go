package oracle

import "math"

// Meter is the service's token budget for one key. It never goes through Redis, so
// nothing is truncated; its formulas give whole numbers.
type Meter struct {
	budget, windowMs float64

	started       bool
	start, served float64
}

// NewMeter returns a meter of budget tokens per windowMs that has served nothing.
func NewMeter(budget, windowMs float64) *Meter { return &Meter{budget: budget, windowMs: windowMs} }

// Debit serves tokens at the instant now unless the budget of the window is spent. The
// debit that crosses the budget is served whole.
func (m *Meter) Debit(now, tokens float64) Reply {
	if !m.started || now >= m.start+m.windowMs {
		m.start, m.served, m.started = float64(math.Floor(now/m.windowMs)*m.windowMs), 0, true
	}
	limit := math.Floor(m.budget)
	end := math.Ceil(m.start + m.windowMs)
	if m.served >= limit {
		return Reply{false, limit, 0, end, max(0, math.Ceil(end-now))}
	}
	m.served += tokens
	return Reply{true, limit, max(0, limit-m.served), end, 0}
}
