//go:build !race

package chaos

import "time"

// beyond is how much later than its deadline a caller may come back, besides what the
// machine made the whole process wait.
const beyond = 10 * time.Millisecond
