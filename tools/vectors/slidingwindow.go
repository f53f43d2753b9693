package main

// slidingWindow is a timeline of the strategy of that name. In the comments w is the
// width of a bucket, c = floor(now/w) the current one, full the sum of the window's
// buckets up to it, and old the bucket that fades out behind them, which weighs wt. A
// check is admitted if full + old*wt + cost <= limit, and the reset is (c+1)*w + windowMs.
func slidingWindow(name, why string, windowMs, limit, buckets float64, ops ...op) timeline {
	return timeline{name, why, "slidingWindow", options{"windowMs": windowMs, "limit": limit, "buckets": buckets}, ops}
}

var slidingWindowTimelines = []timeline{
	// w 100, c 10: reset 1100+1000. With nothing fading the retry is the bucket's edge.
	// At 1100 c is 11, and the 5 of bucket 10 are still within the window.
	slidingWindow("slidingWindow/cold-burst", "a cold window admits its limit and no more", 1000, 5, 10,
		at(1000, 1).allow(5, 4, 2100),
		at(1000, 1).allow(5, 3, 2100),
		at(1000, 1).allow(5, 2, 2100),
		at(1000, 1).allow(5, 1, 2100),
		at(1000, 1).allow(5, 0, 2100),
		at(1000, 1).deny(5, 0, 2100, 100),
		at(1099, 1).deny(5, 0, 2100, 1),
		at(1100, 1).deny(5, 0, 2200, 100),
	),

	// w 1000. At 2000 the 10 of bucket 1 weigh 1: one too many, which fades in
	// 1*1000/10 = 100 ms. At 2100 they weigh 0.9, so 9+1 fits. At 2500 1+5+4 fits. At
	// 2999 5+0.01+5 does not, by 0.01, which fades in 1 ms. At 3000 bucket 2 has 5.
	slidingWindow("slidingWindow/one-bucket-fades", "a single bucket is the classic two-window estimate", 1000, 10, 1,
		at(1000, 10).allow(10, 0, 3000),
		at(1999, 1).deny(10, 0, 3000, 1),
		at(2000, 1).deny(10, 0, 4000, 100),
		at(2100, 1).allow(10, 0, 4000),
		at(2500, 4).allow(10, 0, 4000),
		at(2999, 5).deny(10, 4, 4000, 1),
		at(3000, 5).allow(10, 0, 5000),
	),

	// w 100, four slots for three buckets and the fading one.
	//   100: c 1, alone.                             1 of 20
	//   200: c 2, full 1.                            3
	//   300: c 3, full 1+2.                          7
	//   400: c 4, full 2+4, old 1 weighs 1.          6+1+8 = 15
	//   550: c 5 in slot 1, over bucket 1. full 4+8, old 2 weighs 0.5.  12+1+1 = 14
	//   650: c 6 in slot 2, full 8+1, old 4 weighs 0.5.                 9+2+6 = 17
	//   900: c 9 in slot 1, over bucket 5. full 0, old is bucket 6.     0+6+1 = 7
	//  1000: c 10 in slot 2, over bucket 6. full 1, old (bucket 7) 0.   1+0+1 = 2
	slidingWindow("slidingWindow/slots-wrap-around", "a slot that another bucket holds counts nothing and is taken over", 300, 20, 3,
		at(100, 1).allow(20, 19, 500),
		at(200, 2).allow(20, 17, 600),
		at(300, 4).allow(20, 13, 700),
		at(400, 8).allow(20, 5, 800),
		at(550, 1).allow(20, 6, 900),
		at(650, 6).allow(20, 3, 1000),
		at(900, 1).allow(20, 13, 1300),
		at(1000, 1).allow(20, 18, 1400),
	),

	// w 500, c 2: reset 1500+1000. Nine are never admitted, and nothing fades, so the
	// retry is the edge. Denials leave 5, then 2. At 2000 the 5 fade: one too many goes
	// in 1*500/5 = 100 ms, when they weigh 0.8. At 2500 only the 1 of bucket 4 counts.
	slidingWindow("slidingWindow/denied-costs", "a denied cost consumes nothing, above the limit or below", 1000, 5, 2,
		at(1000, 9).deny(5, 5, 2500, 500),
		at(1000, 3).allow(5, 2, 2500),
		at(1000, 3).deny(5, 2, 2500, 500),
		at(1000, 2).allow(5, 0, 2500),
		at(1499, 1).deny(5, 0, 2500, 1),
		at(2000, 1).deny(5, 0, 3500, 100),
		at(2100, 1).allow(5, 0, 3500),
		at(2500, 4).allow(5, 0, 4000),
	),

	// w 1000. At 2200 the 5 weigh 0.8, which is 4. Cost 2 is 1 too many: 1*1000/5. Cost
	// 5 is 4 too many: 800. Cost 6 is 5 too many, more than fades: the edge, 3000-2200.
	slidingWindow("slidingWindow/retry-hints", "what fades in time names the retry, what does not names the edge", 1000, 5, 1,
		at(1000, 5).allow(5, 0, 3000),
		at(2200, 2).deny(5, 1, 4000, 200),
		at(2200, 5).deny(5, 1, 4000, 800),
		at(2200, 6).deny(5, 1, 4000, 800),
		at(2400, 2).allow(5, 0, 4000), // 5*0.6 + 2
	),

	// w 250. 1249 is bucket 4, 1250 bucket 5. At 2000 (c 8) bucket 4 fades: one too
	// many goes in 1*250/2 = 125 ms. At 2125 it weighs 0.5: 2+1+1. At 2250 (c 9) full is
	// the 1 of bucket 8, and the 2 of bucket 5 weigh 1.
	slidingWindow("slidingWindow/edges", "one millisecond either side of a bucket's edge", 1000, 4, 4,
		at(1249, 2).allow(4, 2, 2250),
		at(1250, 2).allow(4, 0, 2500),
		at(1251, 1).deny(4, 0, 2500, 249),
		at(2000, 1).deny(4, 0, 3250, 125),
		at(2125, 1).allow(4, 0, 3250),
		at(2250, 1).allow(4, 0, 3500),
	),

	// w 600. c = 2916666666 starts at 1749999999600 and ends at ...0200. A hundred
	// buckets on, at ...59600, the 100 weigh 1; six milliseconds take one of them.
	slidingWindow("slidingWindow/hundred-buckets-large-epoch", "a fine window at a present-day instant", 60000, 100, 100,
		at(1750000000000, 100).allow(100, 0, 1750000060200),
		at(1750000000000, 1).deny(100, 0, 1750000060200, 200),
		at(1750000000200, 1).deny(100, 0, 1750000060800, 600),
		at(1750000059600, 1).deny(100, 0, 1750000120200, 6),
		at(1750000059606, 1).allow(100, 0, 1750000120200),
	),

	// w 1000. Counts are stored with 14 digits, so 0.7 added up is 2.1 and 6.3 where
	// doubles drift to 6.300000000000001, and the tenth still fits: 6.3+0.7 = 7.
	slidingWindow("slidingWindow/fractional-costs-add-up", "a stored count has 14 digits and forgets what floating point adds", 1000, 7, 1,
		at(1000, 0.7).allow(7, 6, 3000),
		at(1000, 0.7).allow(7, 5, 3000),
		at(1000, 0.7).allow(7, 4, 3000),
		at(1000, 0.7).allow(7, 4, 3000),
		at(1000, 0.7).allow(7, 3, 3000),
		at(1000, 0.7).allow(7, 2, 3000),
		at(1000, 0.7).allow(7, 2, 3000),
		at(1000, 0.7).allow(7, 1, 3000),
		at(1000, 0.7).allow(7, 0, 3000),
		at(1000, 0.7).allow(7, 0, 3000),
		at(1000, 0.7).deny(7, 0, 3000, 1000),
	),

	// 123456789012347 is stored as 1.2345678901235e+14, 3 more than was spent; 1 more
	// is ...351, which is stored as ...350 again.
	slidingWindow("slidingWindow/fifteen-digit-count", "a stored count of 15 digits loses the last", 1000, 1e15, 1,
		at(1000, 123456789012347).allow(1e15, 876543210987653, 3000),
		at(1000, 1).allow(1e15, 876543210987649, 3000),
		at(1000, 1).allow(1e15, 876543210987649, 3000),
	),

	// w 100. The key lives 400 ms. At 1399 (c 13) the 10 of bucket 10 weigh 0.01:
	// 0.1+1. At 1400 (c 14) they are gone, and bucket 13 has 1.
	slidingWindow("slidingWindow/idle-beyond-ttl", "an expired key and an idle one answer alike", 300, 10, 3,
		at(1000, 10).allow(10, 0, 1400),
		at(1399, 1).allow(10, 8, 1700),
		at(1400, 1).allow(10, 8, 1800),
		at(5000, 1).allow(10, 9, 5400),
	),

	// w 100, four slots.
	//   500: c 5 in slot 1.                              4 of 10
	//   450: c 4 does not see bucket 5.                  3
	//   500: full 3+4.                                   7+1 = 8
	//   150: c 1 takes slot 1 from bucket 5.             2
	//   500: bucket 5 is gone, full is the 3 of bucket 4, and bucket 2 never was. 3+7
	slidingWindow("slidingWindow/clock-steps-back", "later buckets are not seen, and can be lost", 300, 10, 3,
		at(500, 4).allow(10, 6, 900),
		at(450, 3).allow(10, 7, 800),
		at(500, 1).allow(10, 2, 900),
		at(150, 2).allow(10, 8, 500),
		at(500, 7).allow(10, 0, 900),
	),

	// w 200, c 5: reset 1200+2000. At 3000 (c 15) it fades: 1 too many, 1*200/1; at 3199
	// it weighs 0.005 and that is still too much, for ceil(0.005*200) = 1 ms.
	slidingWindow("slidingWindow/half-a-unit-a-second", "one unit in two seconds", 2000, 1, 10,
		at(1000, 1).allow(1, 0, 3200),
		at(2999, 1).deny(1, 0, 5000, 1),
		at(3000, 1).deny(1, 0, 5200, 200),
		at(3199, 1).deny(1, 0, 5200, 1),
		at(3200, 1).allow(1, 0, 5400),
	),

	slidingWindow("slidingWindow/fractional-limit", "fractions count, replies are cut", 1000, 2.5, 2,
		at(1000, 1).allow(2, 1, 2500),
		at(1000, 1).allow(2, 0, 2500),
		at(1000, 1).deny(2, 0, 2500, 500),
		at(1000, 0.5).allow(2, 0, 2500),
	),

	slidingWindow("slidingWindow/fractional-window", "buckets of 83.325 ms", 333.3, 6, 4,
		at(1000, 6), at(1083, 1), at(1084, 1), at(1333, 1), at(1334, 1), at(1340, 1), at(1400, 2), at(1416, 3), at(1417, 3), at(2000, 7), at(2000, 6),
	),
	slidingWindow("slidingWindow/one-ms-either-side", "retry hints where the excess is no binary fraction", 1000, 4, 4,
		at(1000, 2), at(1250, 2), at(2000, 1), at(2123, 1), at(2124, 1), at(2125, 1), at(2249, 1), at(2250, 1), at(2251, 1),
	),
	slidingWindow("slidingWindow/window-that-ten-does-not-divide", "seven buckets in a second, at a present-day instant", 1000, 20, 7,
		at(1750000000000, 9), at(1750000000142, 5), at(1750000000143, 5), at(1750000000285, 3), at(1750000000999, 2),
		at(1750000001000, 2), at(1750000001071, 4), at(1750000001142, 6), at(1750000001143, 6), at(1750000009999, 20),
	),
	// The whole limit is too much by just what fades: 3 units by their share of a third
	// of 100 ms. When it has faded comes out a rounding later than the bucket's end.
	slidingWindow("slidingWindow/excess-equals-what-fades", "the hint of a wait for all that fades is its own", 100, 5, 3,
		at(1000, 3), at(1072, 5), at(1073, 5), at(1074, 5), at(1080, 5),
	),
}
