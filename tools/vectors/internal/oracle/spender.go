package oracle

import "math"

// Spender spends leased credits on the client's side. It never denies: it either serves
// from its credits or says that it needs another lease.
type Spender struct {
	limit, ttlMs float64
	coupled      bool

	credits   float64
	leased    bool
	expiresAt float64
}

// NewSpender returns a spender without credits. A spender that is coupled to the window
// drops what is left of a lease when the lease expires.
func NewSpender(limit, ttlMs float64, coupled bool) *Spender {
	return &Spender{limit: limit, ttlMs: ttlMs, coupled: coupled}
}

// Grant adds the credits of a lease. The lease's expiry replaces the one before, even a
// later one.
func (s *Spender) Grant(capacity, expiresAt float64) {
	s.credits += capacity
	s.expiresAt, s.leased = expiresAt, true
}

// Spend takes cost from the credits. It reports false, and takes nothing, when they do
// not suffice.
func (s *Spender) Spend(now, cost float64) (Reply, bool) {
	if s.coupled && s.leased && now >= s.expiresAt && s.credits > 0 {
		s.credits = 0
	}
	if s.credits < cost {
		return Reply{}, false
	}
	s.credits -= cost
	resetAt := now + s.ttlMs
	if s.leased {
		resetAt = s.expiresAt
	}
	return Reply{true, s.limit, max(0, math.Floor(s.credits)), resetAt, 0}, true
}
