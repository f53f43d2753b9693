package servicedoor

// The bounds of gathering, for tests that reach them.
const (
	GatherSeats   = gatherSeats
	GatherKeys    = gatherKeys
	GatherWaiting = gatherWaiting
	LongKey       = longKey
)
