package servicedoor

// The bounds of gathering, for tests that reach them.
const (
	GatherSeats   = gatherSeats
	GatherKeys    = gatherKeys
	GatherWaiting = gatherWaiting
	LongKey       = longKey
)

// Silence is how long a connection is listened to that may be dead.
const Silence = silence
