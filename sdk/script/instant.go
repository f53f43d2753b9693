package script

import (
	"math"
	"time"
)

// Time turns the wire's epoch milliseconds into a Time in UTC. The wire's 0 means "no
// instant" and becomes the zero Time.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Duration turns the wire's milliseconds into a Duration, saturating at what a
// Duration holds (292 years either way).
func Duration(ms int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	switch {
	case ms > most:
		return math.MaxInt64
	case ms < -most:
		return math.MinInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// Millis turns a Duration into the wire's milliseconds, fraction included.
func Millis(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}
