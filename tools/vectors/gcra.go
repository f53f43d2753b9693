package main

// gcra is a timeline of the strategy of that name. In the comments T is the interval
// periodMs/limit, tau is T*burst, t the stored arrival time or now, n = t + T*cost and
// a = n - tau; a check is denied if now < a.
func gcra(name, why string, periodMs, limit, burst float64, ops ...op) timeline {
	return timeline{name, why, "gcra", options{"periodMs": periodMs, "limit": limit, "burst": burst}, ops}
}

var gcraTimelines = []timeline{
	// T 100, tau 500. The i-th check has n = 1000+100i and a = 500+100i, which reaches
	// beyond 1000 with the sixth. Remaining is (500-(n-1000))/100 = 5-i. The sixth is
	// denied with t = 1500: (500-500)/100 = 0 left, retry 1100-1000.
	gcra("gcra/cold-burst", "a cold key admits its burst and no more", 1000, 10, 5,
		at(1000, 1).allow(5, 4, 1100),
		at(1000, 1).allow(5, 3, 1200),
		at(1000, 1).allow(5, 2, 1300),
		at(1000, 1).allow(5, 1, 1400),
		at(1000, 1).allow(5, 0, 1500),
		at(1000, 1).deny(5, 0, 1500, 100),
	),

	// T 100, tau 200. The burst takes t to 1200, so the next check has a = 1100: denied
	// at 1050 (50 to go, (200-150)/100 = 0.5 left) and at 1099 (1 to go), admitted at
	// 1100, which takes t to 1300 and a to 1200. At 2000 the past counts as now.
	gcra("gcra/paced-denial-and-recovery", "denied a millisecond early, admitted on time", 1000, 10, 2,
		at(1000, 2).allow(2, 0, 1200),
		at(1050, 1).deny(2, 0, 1200, 50),
		at(1099, 1).deny(2, 0, 1200, 1),
		at(1100, 1).allow(2, 0, 1300),
		at(1199, 1).deny(2, 0, 1300, 1),
		at(1200, 1).allow(2, 0, 1400),
		at(2000, 1).allow(2, 1, 2100),
	),

	// T 100, tau 500. Three units take t to 1300 and leave 2. Three more would have
	// a = 1600-500 = 1100: denied for 100 ms, and t stays. So two more still fit:
	// n = 1500, a = 1000.
	gcra("gcra/cost-above-one", "a denied cost consumes nothing, a smaller one still fits", 1000, 10, 5,
		at(1000, 3).allow(5, 2, 1300),
		at(1000, 3).deny(5, 2, 1300, 100),
		at(1000, 2).allow(5, 0, 1500),
		at(1250, 3).deny(5, 2, 1500, 50), // (500-250)/100 = 2.5; a = 1800-500 = 1300
		at(1300, 3).allow(5, 0, 1800),
	),

	// T 100, tau 500: a = t. One millisecond early (500-1)/100 = 4.99 are there.
	gcra("gcra/cost-equals-burst", "the whole burst at once, again as soon as it is whole", 1000, 10, 5,
		at(1000, 5).allow(5, 0, 1500),
		at(1499, 5).deny(5, 4, 1500, 1),
		at(1500, 5).allow(5, 0, 2000),
	),

	// T 100, tau 500. Nine units have a = 1000+900-500 = 1400: retry 400, five left, no
	// key is made, so t is still now. Measured on Redis: 0, 5, 5, now, 400.
	gcra("gcra/cost-above-burst", "never admitted, leaves no trace, and still names a finite retry", 1000, 10, 5,
		at(1000, 9).deny(5, 5, 1000, 400),
		at(1000, 1).allow(5, 4, 1100),
		at(1000, 9).deny(5, 4, 1100, 500),
		at(1750000000000, 9).deny(5, 5, 1750000000000, 400),
	),

	// T 2000, tau 2000: half a unit a second. a = t, so 2999 is a millisecond early,
	// with (2000-1)/2000 left.
	gcra("gcra/half-a-unit-a-second", "an interval longer than a second", 2000, 1, 1,
		at(1000, 1).allow(1, 0, 3000),
		at(2999, 1).deny(1, 0, 3000, 1),
		at(3000, 1).allow(1, 0, 5000),
		at(3001, 1).deny(1, 0, 5000, 1999),
	),

	// T 1000/0.5 = 2000, tau 4000. Two take t to 5000; the third has a = 7000-4000.
	gcra("gcra/fractional-limit", "a limit below one needs its burst and then works", 1000, 0.5, 2,
		at(1000, 1).allow(2, 1, 3000),
		at(1000, 1).allow(2, 0, 5000),
		at(1000, 1).deny(2, 0, 5000, 2000),
		at(3000, 1).allow(2, 0, 7000),
	),

	// T 100, tau 250, reported as 2. (250-100)/100 = 1.5 left, then 0.5; the third has
	// a = 1300-250 = 1050.
	gcra("gcra/fractional-burst", "half a unit of burst is time, not a unit", 1000, 10, 2.5,
		at(1000, 1).allow(2, 1, 1100),
		at(1000, 1).allow(2, 0, 1200),
		at(1000, 1).deny(2, 0, 1200, 50),
		at(1050, 1).allow(2, 0, 1300),
	),

	// T 100, tau 100. Half a unit takes t to 1050 with 0.5 left, the next to 1100; the
	// third has a = 1150-100.
	gcra("gcra/fractional-cost", "costs are not rounded", 1000, 10, 1,
		at(1000, 0.5).allow(1, 0, 1050),
		at(1000, 0.5).allow(1, 0, 1100),
		at(1000, 0.5).deny(1, 0, 1100, 50),
		at(1049, 0.5).deny(1, 0, 1100, 1),
		at(1050, 0.5).allow(1, 0, 1150),
	),

	// T 600, tau 12000: a = t for the whole burst, and n-12000 = t-11400 for one unit.
	gcra("gcra/large-epoch", "present-day instants keep the millisecond", 60000, 100, 20,
		at(1750000000000, 20).allow(20, 0, 1750000012000),
		at(1750000000000, 1).deny(20, 0, 1750000012000, 600),
		at(1750000000599, 1).deny(20, 0, 1750000012000, 1),
		at(1750000000600, 1).allow(20, 0, 1750000012600),
		at(1750000006600, 4).allow(20, 6, 1750000015000), // 12600+2400; (12000-8400)/600
	),

	// T 100, tau 500. The key's life is 500 ms, the time to t. At its very end t = now,
	// as for an absent key.
	gcra("gcra/idle-beyond-ttl", "an expired key and an idle one answer alike", 1000, 10, 5,
		at(1000, 5).allow(5, 0, 1500),
		at(1500, 5).allow(5, 0, 2000),
		at(2501, 5).allow(5, 0, 3001),
		at(90000, 1).allow(5, 4, 90100),
	),

	// T 100, tau 500. Seen from 4000 the stored 5500 is 1500 ahead: (500-1500)/100 is
	// below zero, a = 5600-500 = 5100. Back at 5100 nothing is broken.
	gcra("gcra/clock-steps-back", "an earlier clock waits longer and damages nothing", 1000, 10, 5,
		at(5000, 5).allow(5, 0, 5500),
		at(4000, 1).deny(5, 0, 5500, 1100),
		at(5099, 1).deny(5, 0, 5500, 1),
		at(5100, 1).allow(5, 0, 5600),
	),

	gcra("gcra/fractional-interval", "a third of a second is no binary fraction", 1000, 3, 3,
		at(1000, 1), at(1000, 1), at(1000, 1), at(1000, 1),
		at(1333, 1), at(1334, 1), at(1666, 1), at(1667, 1), at(1668, 1), at(4000, 3), at(4999, 3), at(5000, 3), at(5001, 3),
	),
	gcra("gcra/one-short-of-the-burst", "rounding takes the sixth of six, and gives it back a millisecond later", 1000, 6, 6,
		at(1000, 1), at(1000, 1), at(1000, 1), at(1000, 1), at(1000, 1), at(1000, 1), at(1001, 1),
	),

	// T 166.67, tau 1000. Doubles at this epoch are 1/4096 ms apart, and T
	// is 682666.67 of those: each sum is rounded up by a third of one, and the next
	// starts from there. Counted in 1/4096 ms after now the sums are 682667, 1365334,
	// 2048001, 2730668, 3413335 and 4096002, which is 166.7, 333.3, just above 500,
	// 666.7, 833.3 and just above 1000 ms. So what is left is always a hair less than a
	// whole number of units, and the sixth is a hair too much, for a millisecond.
	gcra("gcra/one-short-of-the-burst-large-epoch", "the same at a present-day instant", 1000, 6, 6,
		at(1750000000000, 1).allow(6, 4, 1750000000167),
		at(1750000000000, 1).allow(6, 3, 1750000000334),
		at(1750000000000, 1).allow(6, 2, 1750000000501),
		at(1750000000000, 1).allow(6, 1, 1750000000667),
		at(1750000000000, 1).allow(6, 0, 1750000000834),
		at(1750000000000, 1).deny(6, 0, 1750000000834, 1),
		at(1750000000001, 1).allow(6, 0, 1750000001001),
	),

	gcra("gcra/fractional-period", "a period with a fraction of a millisecond", 333.3, 7, 4,
		at(1000, 4), at(1047, 1), at(1048, 1), at(1095, 1), at(1096, 1), at(1200, 2), at(1200, 2), at(1333, 1), at(1334, 4),
	),

	// T 0.00001, tau 0.00005: at this epoch doubles are 1/4096 ms apart, so that a unit
	// is lost in the sum and n = now. The key must live for a millisecond all the same.
	gcra("gcra/unit-below-the-clock", "a unit shorter than a double's step is free, and no expiry is 0", 1, 100000, 5,
		at(1750000000000, 1), at(1750000000000, 1), at(1750000000000, 5), at(1750000000000, 100),
	),
}
