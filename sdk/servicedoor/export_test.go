package servicedoor

// The bounds of gathering, for tests that reach them.
const (
	GatherSeats   = gatherSeats
	GatherKeys    = gatherKeys
	GatherWaiting = gatherWaiting
	LongKey       = longKey
)

// KeepHere is what a dial in the clear does when there is a secret to show.
var KeepHere = keepHere
