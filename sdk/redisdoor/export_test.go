package redisdoor

import (
	"context"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// CheckManyAt is CheckMany at a given instant, to be held against CheckAt.
func (l *Limiter) CheckManyAt(ctx context.Context, keys []string, cost int64, now time.Time) ([]throttlekit.Decision, error) {
	return l.checkMany(ctx, keys, cost, now.UnixMilli())
}

// ManySize is how many checks of that cost travel in one script.
func (l *Limiter) ManySize(cost int64) int { return l.manySize(cost) }
