package gather

import throttlekit "github.com/throttlekit/throttlekit-go/sdk"

// Call is one check on its way.
type Call struct {
	// Key is what to check.
	Key string
	// Cost is how much of it to spend.
	Cost int64
	// Weight is the call's share of a trip, in the unit of Settings.MaxWeight.
	Weight int64

	// Decision is the outcome, which the Carrier sets; or else Err is.
	Decision throttlekit.Decision
	// Err is why there is no decision: a [*throttlekit.Error].
	Err error

	done       chan struct{} // one token, when the outcome is there
	prev, next *Call         // in its group, while it waits
	trip       *trip         // that took it, or nil while it waits
}
