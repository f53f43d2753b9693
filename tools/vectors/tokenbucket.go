package main

// tokenBucket is a timeline of the strategy of that name. In the comments r is the rate
// refillPerSec/1000 in tokens a millisecond and tok what is in the bucket. A bucket is
// full again after (capacity-left)/r milliseconds. The rates 0.01, 0.005 and 0.0005 are
// no binary fractions, but their doubles are so close (2e-17 of their value) that no
// product or quotient in a hand-worked timeline rounds to anything but the plain result,
// unless the comment says so.
func tokenBucket(name, why string, capacity, refillPerSec float64, ops ...op) timeline {
	return timeline{name, why, "tokenBucket", options{"capacity": capacity, "refillPerSec": refillPerSec}, ops}
}

var tokenBucketTimelines = []timeline{
	// r 0.01: a token is 100 ms.
	tokenBucket("tokenBucket/cold-burst", "a cold bucket is full", 5, 10,
		at(1000, 1).allow(5, 4, 1100),
		at(1000, 1).allow(5, 3, 1200),
		at(1000, 1).allow(5, 2, 1300),
		at(1000, 1).allow(5, 1, 1400),
		at(1000, 1).allow(5, 0, 1500),
		at(1000, 1).deny(5, 0, 1500, 100),
	),

	// r 0.01. At 1050 tok = 0.5: half a token short is 50 ms, a token and a half short
	// of full is 150 ms. The denial leaves the bucket as of 1000, so 1100 finds 1 token.
	tokenBucket("tokenBucket/paced-denial-and-recovery", "denials neither consume nor move the refill", 2, 10,
		at(1000, 2).allow(2, 0, 1200),
		at(1050, 1).deny(2, 0, 1200, 50),
		at(1100, 1).allow(2, 0, 1300),
		at(1150, 1).deny(2, 0, 1300, 50),
		at(1300, 2).allow(2, 0, 1500),
		at(5000, 1).allow(2, 1, 5100),
	),

	// r 0.01. After 7 there are 3: 4 is denied for 100 ms, 3 fits.
	tokenBucket("tokenBucket/cost-above-one", "a denied cost consumes nothing, a smaller one still fits", 10, 10,
		at(1000, 7).allow(10, 3, 1700),
		at(1000, 4).deny(10, 3, 1700, 100),
		at(1000, 3).allow(10, 0, 2000),
	),

	// r 0.01. At 1999 tok = 9.99: the double nearest to 9.99 lies above it by 2e-16, so
	// 0.01 short is a little less than 1 ms, and is rounded up to it.
	tokenBucket("tokenBucket/cost-equals-capacity", "the whole bucket at once, again as soon as it is full", 10, 10,
		at(1000, 10).allow(10, 0, 2000),
		at(1999, 10).deny(10, 9, 2000, 1),
		at(2000, 10).allow(10, 0, 3000),
	),

	// r 0.01. 9 tokens are 4 short of a full bucket: 400 ms, and nothing is stored.
	tokenBucket("tokenBucket/cost-above-capacity", "never admitted, leaves no trace, and still names a finite retry", 5, 10,
		at(1000, 9).deny(5, 5, 1000, 400),
		at(1000, 5).allow(5, 0, 1500),
		at(1200, 9).deny(5, 2, 1500, 700),
		at(1000000, 9).deny(5, 5, 1000000, 400),
	),

	// r 0.0005: a token is 2000 ms. At 2000 tok = 0.5.
	tokenBucket("tokenBucket/half-a-token-a-second", "a refill below one a second", 1, 0.5,
		at(1000, 1).allow(1, 0, 3000),
		at(2000, 1).deny(1, 0, 3000, 1000),
		at(3000, 1).allow(1, 0, 5000),
		at(9000, 1).allow(1, 0, 11000),
	),

	// r 0.5. 2.5 tokens: 1.5 left is 1 missing, 2 ms; 0.5 left is 2 missing, 4 ms. At
	// 1005 the refill is cut at 2.5, of which 2 leave 0.5 again.
	tokenBucket("tokenBucket/fractional-capacity", "the fraction is kept, and reported without it", 2.5, 500,
		at(1000, 1).allow(2, 1, 1002),
		at(1000, 1).allow(2, 0, 1004),
		at(1000, 1).deny(2, 0, 1004, 1),
		at(1005, 2).allow(2, 0, 1009),
		at(1009, 2.5).allow(2, 0, 1014),
	),

	// r 1. Half a token is never a whole one; half a cost fits.
	tokenBucket("tokenBucket/capacity-below-one", "can never serve cost 1, but fractions of it", 0.5, 1000,
		at(1000, 1).deny(0, 0, 1000, 1),
		at(1000, 0.5).allow(0, 0, 1001),
		at(1000, 0.25).deny(0, 0, 1001, 1),
		at(1001, 0.25).allow(0, 0, 1002),
	),

	// r 0.5, full again in 2000 ms. 1 ms gives half a token, 2 ms a whole one; 1000 ms
	// after that 500, of which 200 leave 300.
	tokenBucket("tokenBucket/large-epoch", "present-day instants keep the millisecond", 1000, 500,
		at(1750000000000, 1000).allow(1000, 0, 1750000002000),
		at(1750000000001, 1).deny(1000, 0, 1750000002000, 1),
		at(1750000000002, 1).allow(1000, 0, 1750000002002),
		at(1750000001002, 200).allow(1000, 300, 1750000002402),
	),

	// r 0.01, full again in 1000 ms, which is the key's life.
	tokenBucket("tokenBucket/idle-beyond-ttl", "an expired key and an idle one answer alike", 10, 10,
		at(1000, 10).allow(10, 0, 2000),
		at(2000, 10).allow(10, 0, 3000),
		at(4001, 1).allow(10, 9, 4101),
		at(90000, 10).allow(10, 0, 91000),
	),

	// r 0.005. 6 left at 10000. Seen from 9000 no time has passed: 5 left, but as of
	// 9000, so at 10000 the second refills again: 5+5 = 10, 9 left. Measured on Redis.
	tokenBucket("tokenBucket/clock-steps-back", "a span that was skipped back over refills twice", 10, 5,
		at(10000, 4).allow(10, 6, 10800),
		at(9000, 1).allow(10, 5, 10000),
		at(10000, 1).allow(10, 9, 10200),
	),

	// r 0.01. A denial at the earlier instant stores nothing, so nothing refills twice.
	tokenBucket("tokenBucket/clock-steps-back-denied", "a denial does not take the earlier clock along", 2, 10,
		at(5000, 2).allow(2, 0, 5200),
		at(4000, 1).deny(2, 0, 4200, 100),
		at(5050, 1).deny(2, 0, 5200, 50),
		at(5100, 1).allow(2, 0, 5300),
	),

	tokenBucket("tokenBucket/one-ms-either-side", "the edge of a rate that is no binary fraction", 1, 0.5,
		at(1000, 1), at(2999, 1), at(3000, 1), at(4998, 1), at(4999, 1), at(5000, 1), at(5001, 1),
	),
	tokenBucket("tokenBucket/fractional-refill", "capacity and rate with fractions", 7.7, 3.3,
		at(1000, 7), at(1090, 1), at(1091, 1), at(1092, 1), at(1500, 2), at(1999, 1), at(2500, 3.3), at(9000, 7.7), at(9001, 0.1),
	),
	tokenBucket("tokenBucket/third-of-a-token-a-second", "a rate without end in decimals", 3, 1.0/3,
		at(1750000000000, 3), at(1750000002999, 1), at(1750000003000, 1), at(1750000003001, 1),
		at(1750000009000, 2), at(1750000009001, 2), at(1750000018001, 3),
	),

	// perMs 10^9: full in a second, whose product with the rate is beyond any expiry.
	tokenBucket("tokenBucket/fast-and-large", "a large bucket that refills in a second", 1e12, 1e12,
		at(1000, 1e12).allow(1e12, 0, 2000),
		at(1000, 1).deny(1e12, 0, 2000, 1),
		at(1001, 1e9).allow(1e12, 0, 2001),
	),
}
