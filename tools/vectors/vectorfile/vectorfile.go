// Package vectorfile reads and writes golden-vectors.json, the contract's file of
// timelines with the replies that every implementation must give to them.
//
// A reader must get along with files that a newer core wrote, so unknown fields are
// ignored, and a suite of an unknown primitive keeps its name and nothing else. What a
// reader would stumble over in the middle of a replay (an op without its time, a reply
// with four fields) is refused when the file is read, with the suite's name and the
// index of the op.
package vectorfile

// The primitives that this package knows, as [Suite].Primitive spells them.
const (
	RateLimit   = "rateLimit"   // a strategy, replayed through its check script
	TokenBudget = "tokenBudget" // a meter of the service, no script
	Lease       = "lease"       // the client's lease spender, no script
)

// File is a whole vector file.
type File struct {
	// ContractVersion is the version of the wire that the replies hold for.
	ContractVersion string

	// GeneratedFrom says who wrote the file, as name@version.
	GeneratedFrom string

	// Frozen reports whether the contract promises never to change a reply again.
	Frozen bool

	// Suites are the timelines, in file order.
	Suites []Suite
}

// DecisionFields returns the names of a reply's five fields in the order of the reply.
func DecisionFields() []string {
	return []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"}
}

// Decision is an expected reply. Times are epoch milliseconds and durations are
// milliseconds. A reply that went through Redis is whole, since Redis truncates numbers
// toward zero; float64 holds all of them because vectors stay below 2^53.
type Decision struct {
	Allowed      bool    `json:"allowed"`
	Limit        float64 `json:"limit"`
	Remaining    float64 `json:"remaining"`
	ResetAt      float64 `json:"resetAt"`
	RetryAfterMs float64 `json:"retryAfterMs"`
}

// Suite is one timeline. State carries over from op to op, and a suite starts from a
// key that does not exist. Primitive says which of the groups below is filled in; for
// a primitive that this package does not know it is none.
type Suite struct {
	Primitive string
	Name      string

	// Strategy, Key and Ops make up a rateLimit suite.
	Strategy Strategy
	Key      string
	Ops      []Op

	// Meter and Debits make up a tokenBudget suite.
	Meter  Meter
	Debits []Debit

	// Spender and Events make up a lease suite.
	Spender Spender
	Events  []Event
}

// Strategy names a strategy as the manifest does, with its parameters under the names
// of the check script's ARGV.
type Strategy struct {
	Kind    string             `json:"kind"`
	Options map[string]float64 `json:"options"`
}

// Op is one check: cost units at the instant now, in epoch milliseconds.
type Op struct {
	Now    float64  `json:"now"`
	Cost   float64  `json:"cost"`
	Expect Decision `json:"expect"`
}

// Meter is the configuration of a tokenBudget suite: budget tokens per window.
type Meter struct {
	Budget   float64 `json:"budget"`
	WindowMs float64 `json:"windowMs"`
}

// Debit is one debit of a tokenBudget suite.
type Debit struct {
	Now    float64  `json:"now"`
	Tokens float64  `json:"tokens"`
	Expect Decision `json:"expect"`
}

// Spender is the configuration of a lease suite.
type Spender struct {
	Limit         float64 `json:"limit"`
	TTLMs         float64 `json:"ttlMs"`
	WindowCoupled bool    `json:"windowCoupled"`
}

// The kinds of [Event], as Event.Op spells them.
const (
	Grant = "grant"
	Spend = "spend"
)

// Event is one step of a lease suite. A grant has Capacity and ExpiresAt, a spend has
// Now, Cost and Expect.
type Event struct {
	Op string

	Capacity  float64
	ExpiresAt float64

	Now    float64
	Cost   float64
	Expect Spent
}

// Spent is the expected outcome of a spend: a decision, or the need to ask for another
// lease, in which case Decision is nil.
type Spent struct {
	NeedsRefresh bool      `json:"needsRefresh"`
	Decision     *Decision `json:"decision,omitempty"`
}

// Shift returns the milliseconds to add to every now of the suite and to every resetAt
// that it expects before it is sent to Redis: 1000 for a rateLimit suite with an op at
// now 0, which the wire reserves for "the server's clock", and 0 for every other.
// Older cores wrote such suites. It is exactly 1000 because a larger shift can move the
// floor of a fractional interval.
func (s Suite) Shift() float64 {
	if s.Primitive != RateLimit {
		return 0
	}
	for _, op := range s.Ops {
		if op.Now == 0 {
			return 1000
		}
	}
	return 0
}
