//go:build race

package chaos

import "time"

// beyond is how much later than its deadline a caller may come back, besides what the
// machine made the whole process wait. The race detector makes everything slower.
const beyond = 50 * time.Millisecond
