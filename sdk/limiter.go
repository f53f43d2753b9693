package throttlekit

import "context"

// MaxCost is the largest cost of one check: 2^53-1, the largest integer that the
// contract's arithmetic (IEEE-754 doubles) holds exactly together with all below it.
const MaxCost = 1<<53 - 1

// Limiter is one limit, applied to any number of keys. Limiters of every door satisfy
// it, and so can a fake of yours. Implementations are safe for concurrent use.
//
// Every method honours its context. A cost below 1 or above [MaxCost] and a key longer than
// [MaxKeyBytes] are [ErrInvalidArgument] before anything is asked. A method that a limiter cannot
// perform answers [ErrNotSupported].
type Limiter interface {
	// Check spends one unit of key's limit if it can.
	Check(ctx context.Context, key string) (Decision, error)

	// CheckN spends cost units of key's limit if it can spend all of them, else none.
	CheckN(ctx context.Context, key string, cost int64) (Decision, error)

	// CheckMany runs CheckN for each of keys, in order, and answers in the same order.
	// A key that occurs twice is checked twice. No keys give an empty slice. When some
	// keys could not be decided, the decisions of the others stand and the error is a
	// [*ManyError].
	CheckMany(ctx context.Context, keys []string, cost int64) ([]Decision, error)

	// Peek reports what a check of cost 1 would find now, and consumes nothing:
	// Remaining is what is there now.
	Peek(ctx context.Context, key string) (Decision, error)

	// Forecast reports how often cost could be spent now and when more comes back, and
	// consumes nothing.
	Forecast(ctx context.Context, key string, cost int64) (Forecast, error)
}
