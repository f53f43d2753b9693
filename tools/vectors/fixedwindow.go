package main

// fixedWindow is a timeline of the strategy of that name. In the comments s is the
// window's start, floor(now/windowMs)*windowMs, and end = s + windowMs.
func fixedWindow(name, why string, limit, windowMs float64, ops ...op) timeline {
	return timeline{name, why, "fixedWindow", options{"limit": limit, "windowMs": windowMs}, ops}
}

var fixedWindowTimelines = []timeline{
	// s 1000, end 2000.
	fixedWindow("fixedWindow/cold-burst", "a cold window admits its limit and no more", 3, 1000,
		at(1500, 1).allow(3, 2, 2000),
		at(1500, 1).allow(3, 1, 2000),
		at(1500, 1).allow(3, 0, 2000),
		at(1500, 1).deny(3, 0, 2000, 500),
	),

	// Windows 1000-2000, 2000-3000, 3000-4000. Four units pass within two milliseconds
	// around 2000: that is what a fixed window does.
	fixedWindow("fixedWindow/edges", "one millisecond either side of a window's end", 2, 1000,
		at(1999, 2).allow(2, 0, 2000),
		at(1999, 1).deny(2, 0, 2000, 1),
		at(2000, 1).allow(2, 1, 3000),
		at(2001, 1).allow(2, 0, 3000),
		at(2001, 1).deny(2, 0, 3000, 999),
		at(2999, 1).deny(2, 0, 3000, 1),
		at(3000, 2).allow(2, 0, 4000),
		at(3001, 1).deny(2, 0, 4000, 999),
	),

	// 7 of 10 are gone: 4 is denied and changes nothing, 3 fits.
	fixedWindow("fixedWindow/cost-above-one", "a denied cost consumes nothing, a smaller one still fits", 10, 1000,
		at(1000, 7).allow(10, 3, 2000),
		at(1000, 4).deny(10, 3, 2000, 1000),
		at(1000, 3).allow(10, 0, 2000),
		at(1250, 1).deny(10, 0, 2000, 750),
	),

	fixedWindow("fixedWindow/cost-equals-limit", "the whole limit at once, in every window", 5, 1000,
		at(1250, 5).allow(5, 0, 2000),
		at(1999, 5).deny(5, 0, 2000, 1),
		at(2000, 5).allow(5, 0, 3000),
	),

	fixedWindow("fixedWindow/cost-above-limit", "never admitted, leaves no trace, and names the window's end", 5, 1000,
		at(1250, 9).deny(5, 5, 2000, 750),
		at(1250, 5).allow(5, 0, 2000),
		at(2000, 6).deny(5, 5, 3000, 1000),
	),

	// s = 3*333.3 = 999.9, end 1333.2, which Redis cuts to 1333. 5.5-2 = 3.5 left,
	// reported as 3; measured on Redis for the first op. 6 would be above 5.5; 5 fits.
	// 1333/333.3 is still below 4, 1334/333.3 above it: s 1333.2, end 1666.5.
	fixedWindow("fixedWindow/fractional-limit-and-window", "fractions count, replies are cut", 5.5, 333.3,
		at(1000, 2).allow(5, 3, 1333),
		at(1000, 2).allow(5, 1, 1333),
		at(1000, 2).deny(5, 1, 1333, 334),
		at(1333, 1).allow(5, 0, 1333),
		at(1334, 1).allow(5, 4, 1666),
	),

	// Windows 0-1000.5, 1000.5-2001, 2001-3001.5. A reset cut to 1000 lies in the
	// window that it ends; the retry, rounded up, does not.
	fixedWindow("fixedWindow/fractional-window-edges", "a window that ends between two milliseconds", 2, 1000.5,
		at(1000, 1).allow(2, 1, 1000),
		at(1000, 2).deny(2, 1, 1000, 1),
		at(1001, 2).allow(2, 0, 2001),
		at(2000, 1).deny(2, 0, 2001, 1),
		at(2001, 1).allow(2, 1, 3001),
	),

	fixedWindow("fixedWindow/half-a-unit-a-second", "one unit in two seconds", 1, 2000,
		at(1000, 1).allow(1, 0, 2000),
		at(1999, 1).deny(1, 0, 2000, 1),
		at(2000, 1).allow(1, 0, 4000),
		at(3000, 1).deny(1, 0, 4000, 1000),
	),

	// 2-0.75 = 1.25, 2-1.5 = 0.5, and 2.25 is above 2; 0.5 fits exactly.
	fixedWindow("fixedWindow/fractional-cost", "costs are not rounded", 2, 1000,
		at(1000, 0.75).allow(2, 1, 2000),
		at(1000, 0.75).allow(2, 0, 2000),
		at(1000, 0.75).deny(2, 0, 2000, 1000),
		at(1000, 0.5).allow(2, 0, 2000),
	),

	// Days since the epoch: 1750000000000/86400000 = 20254.6, so s = 1749945600000 and
	// end = 1750032000000.
	fixedWindow("fixedWindow/large-epoch-day", "a day's window ends at midnight UTC", 1000, 86400000,
		at(1750000000000, 999).allow(1000, 1, 1750032000000),
		at(1750000000000, 2).deny(1000, 1, 1750032000000, 32000000),
		at(1750031999999, 1).allow(1000, 0, 1750032000000),
		at(1750031999999, 1).deny(1000, 0, 1750032000000, 1),
		at(1750032000000, 1).allow(1000, 999, 1750118400000),
	),

	fixedWindow("fixedWindow/idle-beyond-ttl", "an expired key and an idle one answer alike", 3, 1000,
		at(1500, 3).allow(3, 0, 2000),
		at(2500, 2).allow(3, 1, 3000),
		at(50000, 1).allow(3, 2, 51000),
	),

	// Over the boundary and back: each crossing finds another window's start stored,
	// counts from nothing and overwrites it.
	fixedWindow("fixedWindow/clock-steps-back", "stepping back over an edge starts the count again", 2, 1000,
		at(2000, 2).allow(2, 0, 3000),
		at(1999, 1).allow(2, 1, 2000),
		at(2000, 2).allow(2, 0, 3000),
		at(1500, 3).deny(2, 2, 2000, 500), // denied, so the window of 2000 stays stored
		at(2000, 1).deny(2, 0, 3000, 1000),
	),

	fixedWindow("fixedWindow/clock-steps-back-within", "within the window the clock does not matter", 3, 1000,
		at(1500, 1).allow(3, 2, 2000),
		at(1200, 1).allow(3, 1, 2000),
		at(1999, 1).allow(3, 0, 2000),
		at(1000, 1).deny(3, 0, 2000, 1000),
	),
}
