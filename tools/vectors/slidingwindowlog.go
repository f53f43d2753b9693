package main

// slidingWindowLog is a timeline of the strategy of that name. In the comments n is the
// number of live entries after those at now-windowMs and before have been removed, and
// the retry of a denial waits for the k-th oldest, k = n + units - limit within 1 to n.
func slidingWindowLog(name, why string, windowMs, limit float64, ops ...op) timeline {
	return timeline{name, why, "slidingWindowLog", options{"windowMs": windowMs, "limit": limit}, ops}
}

var slidingWindowLogTimelines = []timeline{
	slidingWindowLog("slidingWindowLog/cold-burst", "a cold log admits its limit and no more", 1000, 3,
		at(1000, 1).allow(3, 2, 2000),
		at(1000, 1).allow(3, 1, 2000),
		at(1000, 1).allow(3, 0, 2000),
		at(1000, 1).deny(3, 0, 2000, 1000),
		at(1001, 1).deny(3, 0, 2000, 999),
	),

	// n 2, and 2+4-5 = 1: the oldest has to go, in 1000 ms. Nothing was added, so three
	// more fit.
	slidingWindowLog("slidingWindowLog/denied-cost", "cost 2, then cost 4 of 5 at the same millisecond", 1000, 5,
		at(1000, 2).allow(5, 3, 2000),
		at(1000, 4).deny(5, 3, 2000, 1000),
		at(1000, 3).allow(5, 0, 2000),
		at(1000, 1).deny(5, 0, 2000, 1000),
	),

	// n 0: the retry is the window, the reset now + window, no key. Later 5+9-5 = 9 is
	// held to 5: the newest of five, 2000-1500.
	slidingWindowLog("slidingWindowLog/cost-above-limit", "never admitted, leaves no trace, and still names a finite retry", 1000, 5,
		at(1000, 9).deny(5, 5, 2000, 1000),
		at(1000, 5).allow(5, 0, 2000),
		at(1500, 9).deny(5, 0, 2000, 500),
		at(2000, 6).deny(5, 5, 3000, 1000),
	),

	slidingWindowLog("slidingWindowLog/cost-equals-limit", "the whole limit at once, again as soon as it has left", 1000, 5,
		at(1000, 5).allow(5, 0, 2000),
		at(1999, 5).deny(5, 0, 2000, 1),
		at(2000, 5).allow(5, 0, 3000),
	),

	// An entry leaves when it is exactly a window old: the one of 1000 at 2000, the one
	// of 1300 at 2300.
	slidingWindowLog("slidingWindowLog/pruning", "each unit leaves one window after it came, to the millisecond", 1000, 2,
		at(1000, 1).allow(2, 1, 2000),
		at(1300, 1).allow(2, 0, 2000),
		at(1999, 1).deny(2, 0, 2000, 1),
		at(2000, 1).allow(2, 0, 2300),
		at(2001, 1).deny(2, 0, 2300, 299),
		at(2299, 1).deny(2, 0, 2300, 1),
		at(2300, 1).allow(2, 0, 3000),
	),

	// Scores 1000, 1100, 1100, 1200, 1200. Cost 3 waits for the third (2100-1300), cost
	// 1 for the first, cost 5 for the fifth. At 2000 the first has left.
	slidingWindowLog("slidingWindowLog/retry-names-the-last-to-leave", "a larger cost waits for more entries", 1000, 5,
		at(1000, 1).allow(5, 4, 2000),
		at(1100, 2).allow(5, 2, 2000),
		at(1200, 2).allow(5, 0, 2000),
		at(1300, 3).deny(5, 0, 2000, 800),
		at(1300, 1).deny(5, 0, 2000, 700),
		at(1300, 5).deny(5, 0, 2000, 900),
		at(2000, 1).allow(5, 0, 2100),
	),

	// 0.5 is 1 unit, 1.5 are 2, 1.1 are 2: 3+2 is above 4.
	slidingWindowLog("slidingWindowLog/fractional-cost", "a fraction is charged as a whole unit", 1000, 4,
		at(1000, 0.5).allow(4, 3, 2000),
		at(1000, 1.5).allow(4, 1, 2000),
		at(1000, 1.1).deny(4, 1, 2000, 1000),
		at(1000, 0.1).allow(4, 0, 2000),
		at(1000, 0.1).deny(4, 0, 2000, 1000),
	),

	// 1000+333.3 is rounded up to 1334 for the reset; the retry of an empty log is the
	// window, cut to 333. The entries of 1000 live at 1333 (above 999.7) and leave
	// before 1334 (not above 1000.7). 1334+333.3 gives 1668.
	slidingWindowLog("slidingWindowLog/fractional-window", "rounded up where there are entries, cut where there are none", 333.3, 5,
		at(1000, 6).deny(5, 5, 1334, 333),
		at(1000, 5).allow(5, 0, 1334),
		at(1333, 1).deny(5, 0, 1334, 1),
		at(1334, 1).allow(5, 4, 1668),
	),

	// 2.5 is reported as 2. 1.5 left, 0.5 left, and 3 is above 2.5: 0.5 entries too
	// many are held to 1. At 2000 both have left, and 3 still does not fit.
	slidingWindowLog("slidingWindowLog/fractional-limit", "fractions count, replies are cut", 1000, 2.5,
		at(1000, 1).allow(2, 1, 2000),
		at(1000, 1).allow(2, 0, 2000),
		at(1000, 1).deny(2, 0, 2000, 1000),
		at(2000, 3).deny(2, 2, 3000, 1000),
		at(2000, 2).allow(2, 0, 3000),
	),

	slidingWindowLog("slidingWindowLog/half-a-unit-a-second", "one unit in two seconds", 2000, 1,
		at(1000, 1).allow(1, 0, 3000),
		at(2999, 1).deny(1, 0, 3000, 1),
		at(3000, 1).allow(1, 0, 5000),
	),

	slidingWindowLog("slidingWindowLog/large-epoch", "present-day instants keep the millisecond", 60000, 3,
		at(1750000000000, 2).allow(3, 1, 1750000060000),
		at(1750000000001, 2).deny(3, 1, 1750000060000, 59999),
		at(1750000000001, 1).allow(3, 0, 1750000060000),
		at(1750000059999, 1).deny(3, 0, 1750000060000, 1),
		at(1750000060000, 3).deny(3, 2, 1750000060001, 1),
		at(1750000060001, 3).allow(3, 0, 1750000120001),
	),

	slidingWindowLog("slidingWindowLog/idle-beyond-ttl", "an expired key and an idle one answer alike", 1000, 2,
		at(1000, 2).allow(2, 0, 2000),
		at(2001, 2).allow(2, 0, 3001),
		at(90000, 1).allow(2, 1, 91000),
	),

	// 5000, 5000, and then 4000 is the lowest, which the reset names. At 4500 it is the
	// one to wait for; at 5000 it is gone and the two of 5000 are there.
	slidingWindowLog("slidingWindowLog/clock-steps-back", "entries of the future count", 1000, 3,
		at(5000, 2).allow(3, 1, 6000),
		at(4000, 1).allow(3, 0, 5000),
		at(4500, 1).deny(3, 0, 5000, 500),
		at(5000, 1).allow(3, 0, 6000),
		at(5999, 1).deny(3, 0, 6000, 1),
	),

	// Entries are named after their instant and their rank, n+1 onwards.
	//     50: 50-1                         n 0 -> 1
	//    100: 100-2                        n 1 -> 2
	//   1060: 50-1 is removed; 1+5 is above 5, and the one of 100 leaves in 40 ms.
	//    100: n 1, so the name is 100-2 again: still 1 entry, though 2 are reported.
	//    100: the same once more.
	//    100: 3 units, 100-2 to 100-4:     n 1 -> 3
	//    100: 2 units, 100-4 and 100-5:    n 3 -> 4
	//    100: 100-5 again:                 n 4 -> 4
	//    100: 2 units: 4+2 is above 5, and the oldest leaves in 1000 ms.
	slidingWindowLog("slidingWindowLog/clock-steps-back-onto-used-names", "a name that is there already is no new unit", 1000, 5,
		at(50, 1).allow(5, 4, 1050),
		at(100, 1).allow(5, 3, 1050),
		at(1060, 5).deny(5, 4, 1100, 40),
		at(100, 1).allow(5, 3, 1100),
		at(100, 1).allow(5, 3, 1100),
		at(100, 3).allow(5, 1, 1100),
		at(100, 2).allow(5, 0, 1100),
		at(100, 1).allow(5, 0, 1100),
		at(100, 2).deny(5, 1, 1100, 1000),
	),

	// Two more units are 1.5 above the limit, so two have to leave: the second does at
	// 2100. With a window of 333.3 the oldest leaves at 1333.3, which is rounded up, as
	// is the wait for it.
	slidingWindowLog("slidingWindowLog/fractional-excess", "as many units leave as it takes for the fraction, too", 1000, 2.5,
		at(1000, 1).allow(2, 1, 2000),
		at(1100, 1).allow(2, 0, 2000),
		at(1200, 2).deny(2, 0, 2000, 900),
		at(1200, 1).deny(2, 0, 2000, 800),
	),
	slidingWindowLog("slidingWindowLog/fractional-wait", "a wait that is no whole millisecond is rounded up", 333.3, 1,
		at(1000, 1).allow(1, 0, 1334),
		at(1100, 1).deny(1, 0, 1334, 234),
	),

	// Whatever was logged has left a millisecond later, as has the key, whose life is as
	// short as a key's can be.
	slidingWindowLog("slidingWindowLog/shortest-window", "a window of one millisecond", 1, 2,
		at(1000, 2).allow(2, 0, 1001),
		at(1001, 1).allow(2, 1, 1002),
		at(1002, 3).deny(2, 2, 1003, 1),
		at(1003, 2).allow(2, 0, 1004),
	),
}
