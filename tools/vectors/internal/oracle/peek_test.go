package oracle

import "testing"

func full(spendable, now float64) Forecast { return Forecast{spendable, now, now} }

// The numbers were worked out by hand from the contract's formulas.
func TestPeekAndForecast(t *testing.T) {
	type look struct {
		name, why string
		checks    []check // their wants are left out: TestJudges has them
		now       float64
		peek      Reply
		cost      float64
		forecast  Forecast
	}
	for _, strategy := range []struct {
		kind    string
		options map[string]float64
		looks   []look
	}{
		// T 100, tau 500.
		{"gcra", map[string]float64{"periodMs": 1000, "limit": 10, "burst": 5}, []look{
			{"cold", "all of the burst, and nothing to come",
				nil, 1000, yes(5, 5, 1000), 2, full(2, 1000)},
			{"three spent", "TAT 1300: (500-300)/100 left, the third unit at 1300-500+300",
				[]check{{now: 1000, cost: 3}}, 1000, yes(5, 2, 1300), 1, Forecast{2, 1100, 1300}},
			{"all spent", "TAT 1500: nothing left, the first unit at 1500-500+100",
				[]check{{now: 1000, cost: 5}}, 1000, no(5, 0, 1500, 100), 3, Forecast{0, 1100, 1500}},
			{"between two units", "TAT 1500 seen from 1250: (500-250)/100 is 2.5, the third at 1300",
				[]check{{now: 1000, cost: 5}}, 1250, yes(5, 2, 1500), 2, Forecast{1, 1300, 1500}},
			{"drained", "a TAT of now is full, as none is",
				[]check{{now: 1000, cost: 5}}, 1500, yes(5, 5, 1500), 5, full(1, 1500)},
			{"clock back", "TAT 1500 seen from 700 is 800 ahead: none left, and one only at 1100",
				[]check{{now: 1000, cost: 5}}, 700, no(5, 0, 1500, 400), 1, Forecast{0, 1100, 1500}},
		}},
		// 0.005 tokens a millisecond, one in 200.
		{"tokenBucket", map[string]float64{"capacity": 10, "refillPerSec": 5}, []look{
			{"cold", "a bucket never used is full",
				nil, 1000, yes(10, 10, 1000), 3, full(3, 1000)},
			{"four spent", "6 left; the 7th in 200, all 4 in 800",
				[]check{{now: 1000, cost: 4}}, 1000, yes(10, 6, 1800), 4, Forecast{1, 1200, 1800}},
			{"empty", "one in 200, ten in 2000",
				[]check{{now: 1000, cost: 10}}, 1000, no(10, 0, 3000, 200), 1, Forecast{0, 1200, 3000}},
			{"half a token", "0.5 after 100 ms: the other half takes 100 more, 9.5 take 1900",
				[]check{{now: 1000, cost: 10}}, 1100, no(10, 0, 3000, 100), 1, Forecast{0, 1200, 3000}},
			{"full again", "refilled to the brim and no further",
				[]check{{now: 1000, cost: 10}}, 9000, yes(10, 10, 9000), 10, full(1, 9000)},
			{"clock back", "no time has passed: 6 as they were, counted from the earlier instant",
				[]check{{now: 1000, cost: 4}}, 500, yes(10, 6, 1300), 2, Forecast{3, 700, 1300}},
		}},
		// Windows begin at 0, 1000, 2000.
		{"fixedWindow", map[string]float64{"limit": 5, "windowMs": 1000}, []look{
			{"cold", "the window's end, even for a window that nobody used",
				nil, 1400, yes(5, 5, 2000), 2, Forecast{2, 2000, 2000}},
			{"three spent", "two left until 2000",
				[]check{{now: 1400, cost: 3}}, 1500, yes(5, 2, 2000), 2, Forecast{1, 2000, 2000}},
			{"all spent", "600 until the window ends",
				[]check{{now: 1400, cost: 5}}, 1400, no(5, 0, 2000, 600), 1, Forecast{0, 2000, 2000}},
			{"next window", "the count was another window's",
				[]check{{now: 1400, cost: 5}}, 2000, yes(5, 5, 3000), 5, Forecast{1, 3000, 3000}},
		}},
		{"fixedWindow", map[string]float64{"limit": 2, "windowMs": 333.3}, []look{
			{"fractional end", "the window from 999.9 ends at 1333.2, which is 1334 whole",
				[]check{{now: 1000, cost: 2}}, 1000, no(2, 0, 1334, 334), 1, Forecast{0, 1334, 1334}},
		}},
		// Two buckets of 500; the window reaches from the newest's edge 1000 further.
		{"slidingWindow", map[string]float64{"windowMs": 1000, "limit": 5, "buckets": 2}, []look{
			{"cold", "the clock alone decides the instants: bucket 4 ends at 2500",
				nil, 2100, yes(5, 5, 3500), 2, Forecast{2, 2500, 3500}},
			{"two spent", "three left; a bucket later is the next look",
				[]check{{now: 2100, cost: 2}}, 2100, yes(5, 3, 3500), 1, Forecast{3, 2500, 3500}},
			{"all spent", "nothing fades yet, so the hint is the bucket's edge, 400 away",
				[]check{{now: 2100, cost: 5}}, 2100, no(5, 0, 3500, 400), 1, Forecast{0, 2500, 3500}},
			{"fading", "bucket 4 leaves over bucket 6: at 3100 it weighs 0.8, 4 of 5, and 1 is left",
				[]check{{now: 2100, cost: 5}}, 3100, yes(5, 1, 4500), 1, Forecast{1, 3500, 4500}},
			{"fading too slowly", "at 3050 it weighs 0.9, 4.5 of 5; half a unit takes 0.5*500/5 to leave",
				[]check{{now: 2100, cost: 5}}, 3050, no(5, 0, 4500, 50), 1, Forecast{0, 3500, 4500}},
			{"gone", "bucket 4 is out of bucket 7's sight",
				[]check{{now: 2100, cost: 5}}, 3500, yes(5, 5, 5000), 5, Forecast{1, 4000, 5000}},
		}},
		{"slidingWindowLog", map[string]float64{"windowMs": 1000, "limit": 5}, []look{
			{"cold", "nothing spent: full now, and a window from now is as good a reset as any",
				nil, 1000, yes(5, 5, 2000), 2, full(2, 1000)},
			{"two and one spent", "the two leave at 2000, the one at 2300",
				[]check{{now: 1000, cost: 2}, {now: 1300, cost: 1}}, 1400, yes(5, 2, 2000), 2, Forecast{1, 2000, 2300}},
			{"all spent", "the oldest leaves in 600",
				[]check{{now: 1000, cost: 2}, {now: 1300, cost: 3}}, 1400, no(5, 0, 2000, 600), 1, Forecast{0, 2000, 2300}},
			{"the oldest have left", "at 2000 the two of 1000 count no longer",
				[]check{{now: 1000, cost: 2}, {now: 1300, cost: 3}}, 2000, yes(5, 2, 2300), 1, Forecast{2, 2300, 2300}},
			{"all have left", "full again, at once",
				[]check{{now: 1000, cost: 5}}, 2000, yes(5, 5, 3000), 5, full(1, 2000)},
		}},
		{"slidingWindowLog", map[string]float64{"windowMs": 1000, "limit": 0.5}, []look{
			{"a limit below one", "no wait ever admits a unit; the window is named all the same",
				nil, 1000, Reply{false, 0.5, 0.5, 2000, 1000}, 1, full(0, 1000)},
		}},
	} {
		for _, look := range strategy.looks {
			t.Run(strategy.kind+" "+look.name, func(t *testing.T) {
				judge, err := New(strategy.kind, strategy.options)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range look.checks {
					if !judge.Check(c.now, c.cost).Allowed {
						t.Fatalf("the check at %v of %v, which should prepare the state, was denied", c.now, c.cost)
					}
				}
				for _, again := range []string{"", ", asked again"} { // looking changes nothing
					if got := judge.Peek(look.now); got != look.peek {
						t.Errorf("peek at %v%s is %+v, want %+v (%s)", look.now, again, got, look.peek, look.why)
					}
					if got := judge.Forecast(look.now, look.cost); got != look.forecast {
						t.Errorf("forecast of %v at %v%s is %+v, want %+v (%s)", look.cost, look.now, again, got, look.forecast, look.why)
					}
				}
			})
		}
	}
}
