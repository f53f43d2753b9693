package policy

import (
	"math"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// quotaName is a strategy of the policy file that the contract has no script for. Two of
// its cadences are windows that the contract does have: this file, alone in this
// package, knows their names.
const quotaName = "quota"

const (
	fixedCadence   = "fixed"
	rollingCadence = "rolling"
)

// quotaWindows names the strategy that runs a cadence.
var quotaWindows = map[string]string{
	fixedCadence:   "fixedWindow",
	rollingCadence: "slidingWindow",
}

var quotaCadences = []string{fixedCadence, rollingCadence, "calendar-day", "calendar-week", "calendar-month"}

// quotaTimes differ from other windows' fields: it has no windowMs.
var quotaTimes = spellings{"windowMs": {period, "periodMs"}}

var quotaShape = shape{
	fields: []string{"limit", period, "periodMs", "buckets", "resetCadence", "offsetMinutes", "weekStartsOn", "anchor"},
	read:   readQuota,
}

// maxOffset is the furthest that a clock on Earth is from UTC, in minutes.
const maxOffset = 840

func readQuota(b *block) (*script.Plan, string) {
	cadence, outcome := b.text("resetCadence", "", quotaCadences...)
	if outcome == absent {
		b.missing("resetCadence", oneOf(quotaCadences))
	}
	b.number("offsetMinutes", "a whole number of minutes, at least -840 and at most 840",
		func(v float64) bool { return whole(v) && math.Abs(v) <= maxOffset })
	b.number("weekStartsOn", "a whole number, from 0 (Sunday) to 6",
		func(v float64) bool { return whole(v) && v >= 0 && v <= 6 })
	anchor, _ := b.number("anchor", "a whole number of milliseconds since 1970, at most 2^53-1 either way",
		func(v float64) bool { return whole(v) && math.Abs(v) <= script.MaxParam })
	if outcome != sound {
		return nil, ""
	}
	window, ok := quotaWindows[cadence]
	if !ok {
		b.calendarLimit()
		return nil, "this server does not serve quota policies with resetCadence " + cadence + " yet"
	}
	d := definition(window)
	if d == nil {
		return nil, "this server's contract has no strategy " + window + ", which runs a quota with resetCadence " + cadence
	}
	plan := b.plan(d, quotaTimes)
	if cadence == fixedCadence && anchor != 0 {
		return plan, "this server does not serve quota policies with an anchor other than 0 yet"
	}
	return plan, ""
}

// calendarLimit reads the limit of a cadence that no script runs.
func (b *block) calendarLimit() {
	const want = "a number above 0 and at most 2^53-1"
	_, outcome := b.number("limit", want, func(v float64) bool { return v > 0 && v <= script.MaxParam })
	if outcome == absent {
		b.missing("limit", want)
	}
}
