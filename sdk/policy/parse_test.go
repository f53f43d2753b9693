package policy_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/policy"
)

var update = flag.Bool("update", false, "write the golden messages anew")

// parse parses text that must be valid.
func parse(t *testing.T, text string) *policy.File {
	t.Helper()
	f, err := policy.Parse("limits", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// params are the values that a policy runs with, by ARGV name.
func params(t *testing.T, p policy.Policy) (name string, values map[string]float64) {
	t.Helper()
	plan, err := p.Strategy.Plan()
	if err != nil {
		t.Fatal(err)
	}
	values = map[string]float64{}
	for _, param := range plan.Definition().Params {
		values[param.Name], _ = plan.Value(param.Name)
	}
	return plan.Definition().Name, values
}

func TestFieldsFillParameters(t *testing.T) {
	type values = map[string]float64
	for _, row := range []struct {
		name, reason, policy, runs string
		want                       values
	}{
		{"gcra in full", "every field by its name", "{strategy: gcra, limit: 100, period: 1m, burst: 20}", "gcra",
			values{"limit": 100, "periodMs": 60_000, "burst": 20}},
		{"gcra burst", "the default is the limit", "{strategy: gcra, limit: 100, period: 1m}", "gcra",
			values{"limit": 100, "periodMs": 60_000, "burst": 100}},
		{"gcra null burst", "null stands for the default", "{strategy: gcra, limit: 100, period: 1m, burst: null}", "gcra",
			values{"limit": 100, "periodMs": 60_000, "burst": 100}},
		{"gcra periodMs", "it has no period", "{strategy: gcra, limit: 1, periodMs: 1500}", "gcra",
			values{"limit": 1, "periodMs": 1500, "burst": 1}},
		{"gcra windowMs", "the last resort", "{strategy: gcra, limit: 1, windowMs: 7}", "gcra",
			values{"limit": 1, "periodMs": 7, "burst": 1}},
		{"gcra periodMs first", "before windowMs", "{strategy: gcra, limit: 1, windowMs: 7, periodMs: 8}", "gcra",
			values{"limit": 1, "periodMs": 8, "burst": 1}},
		{"gcra period first", "before both", "{strategy: gcra, limit: 1, windowMs: 7, periodMs: 8, period: 9}", "gcra",
			values{"limit": 1, "periodMs": 9, "burst": 1}},
		{"a fractional limit", "the wire allows it", "{strategy: gcra, limit: 0.5, period: 1s, burst: 1}", "gcra",
			values{"limit": 0.5, "periodMs": 1000, "burst": 1}},
		{"token bucket", "it has no period", "{strategy: tokenBucket, capacity: 10, refillPerSec: 2.5}", "tokenBucket",
			values{"capacity": 10, "refillPerSec": 2.5}},
		{"fixed window", "a period is its window", "{strategy: fixedWindow, limit: 5, period: 15m}", "fixedWindow",
			values{"limit": 5, "windowMs": 900_000}},
		{"fixed windowMs", "there is no period", "{strategy: fixedWindow, limit: 5, windowMs: 333.25}", "fixedWindow",
			values{"limit": 5, "windowMs": 333.25}},
		{"sliding window", "ten buckets by default", "{strategy: slidingWindow, limit: 5, period: 1h}", "slidingWindow",
			values{"limit": 5, "windowMs": 3_600_000, "buckets": 10}},
		{"sliding window buckets", "as given", "{strategy: slidingWindow, limit: 5, period: 1h, buckets: 4}", "slidingWindow",
			values{"limit": 5, "windowMs": 3_600_000, "buckets": 4}},
		{"sliding log", "like the windows", "{strategy: slidingWindowLog, limit: 5, period: 1d}", "slidingWindowLog",
			values{"limit": 5, "windowMs": 86_400_000}},
		{"rolling quota", "it is the sliding window", "{strategy: quota, resetCadence: rolling, limit: 5, periodMs: 1000, buckets: 5}", "slidingWindow",
			values{"limit": 5, "windowMs": 1000, "buckets": 5}},
		{"fixed quota", "it is the fixed window", "{strategy: quota, resetCadence: fixed, limit: 5, period: 1d}", "fixedWindow",
			values{"limit": 5, "windowMs": 86_400_000}},
		{"fixed quota anchored at 0", "that is where windows begin", "{strategy: quota, resetCadence: fixed, anchor: 0, limit: 5, period: 1d}", "fixedWindow",
			values{"limit": 5, "windowMs": 86_400_000}},
		{"twoTier", "it runs its plain strategy", "{strategy: fixedWindow, limit: 5, period: 1d, twoTier: {mode: leased, batch: 8, windowCoupled: true}}", "fixedWindow",
			values{"limit": 5, "windowMs": 86_400_000}},
		{"quoted texts", "they are texts as well", `{strategy: "gcra", limit: 1, period: '1s'}`, "gcra",
			values{"limit": 1, "periodMs": 1000, "burst": 1}},
		{"leading zeros", "ten, not eight", "{strategy: gcra, limit: 010, period: 1s}", "gcra",
			values{"limit": 10, "periodMs": 1000, "burst": 10}},
		{"an exponent", "it belongs to the grammar", "{strategy: gcra, limit: 1e3, period: 25e-1}", "gcra",
			values{"limit": 1000, "periodMs": 2.5, "burst": 1000}},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := parse(t, "limiters:\n  api: "+row.policy)
			if len(f.Policies) != 1 || f.Policies[0].Unserved != "" {
				t.Fatalf("policies are %+v, want one that is served (%s)", f.Policies, row.reason)
			}
			runs, got := params(t, f.Policies[0])
			if diff := cmp.Diff(row.want, got); diff != "" || runs != row.runs {
				t.Errorf("runs %s with (-want +got)\n%s\n%s", runs, diff, row.reason)
			}
		})
	}
}

// TestEveryStrategyOfTheContract writes each strategy by its ARGV names alone, as it must
// be possible for one that this package has never heard of.
func TestEveryStrategyOfTheContract(t *testing.T) {
	for _, d := range strategy.All() {
		var text strings.Builder
		text.WriteString("limiters:\n  api:\n    strategy: " + d.Name + "\n")
		for _, p := range d.Params {
			text.WriteString("    " + p.Name + ": 500\n")
		}
		name, got := params(t, parse(t, text.String()).Policies[0])
		for _, p := range d.Params {
			if name != d.Name || got[p.Name] != 500 {
				t.Errorf("%s is %s with %v, want every parameter to be 500", d.Name, name, got)
			}
		}
	}
}

func TestDurations(t *testing.T) {
	for _, row := range []struct {
		text string
		want float64 // 0: refused
	}{
		{"250", 250}, {"0.5", 0.5}, {"250ms", 250}, {"1.5s", 1500}, {"1.0005s", 1000.5}, {"1m", 60_000}, {"2h", 7_200_000}, {"1d", 86_400_000},
		{`" 30 s "`, 30_000}, {`"1500"`, 1500}, {"1 m", 60_000}, {"01s", 1000},
		{"0", 0}, {"0s", 0}, {"-1", 0}, {"-1s", 0}, {"+1s", 0}, {"1e3s", 0}, {".5s", 0}, {"5.", 0}, {"5.s", 0}, {"1h30m", 0}, {"1w", 0}, {"1S", 0}, {"1H", 0},
		{`""`, 0}, {`" "`, 0}, {"s", 0}, {"1e400", 0}, {"true", 0}, {"1_000", 0}, {"{a: 1}", 0}, {"[1]", 0}, {"\"1\\n\"", 0}, {"9007199254740992", 0},
	} {
		t.Run(row.text, func(t *testing.T) {
			f, err := policy.Parse("limits", []byte("limiters:\n  api: {strategy: fixedWindow, limit: 1, period: "+row.text+"}"))
			if row.want == 0 {
				if err == nil || !strings.HasPrefix(err.Error(), "limits:2:50: limiters[api].period: is ") {
					t.Errorf("error is %v, want one about the period", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, got := params(t, f.Policies[0]); got["windowMs"] != row.want {
				t.Errorf("is %v ms, want %v", got["windowMs"], row.want)
			}
		})
	}
}

// TestMessages compares the errors about each file in testdata/refused with the golden
// ones beside it.
func TestMessages(t *testing.T) {
	var paths []string
	for _, kind := range []string{"*.yaml", "*.json"} {
		found, err := filepath.Glob("testdata/refused/" + kind)
		if err != nil || len(found) < 5 {
			t.Fatalf("found %d files %s (%v)", len(found), kind, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := policy.Parse(filepath.Base(path), text)
			if err == nil || f != nil {
				t.Fatalf("it is valid: %+v", f)
			}
			var located *policy.Error
			if !errors.As(err, &located) || located.Line == 0 {
				t.Errorf("the error holds no *policy.Error with a line")
			}
			golden := path + ".want"
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("messages (-want +got)\n%s", diff)
			}
		})
	}
}

// TestPrefixTable is the core's table of Redis keys, for key u1 of policy api.
func TestPrefixTable(t *testing.T) {
	for _, row := range []struct{ name, defaults, own, store, want string }{
		{"nothing is configured", "", "", "", "api:u1"},
		{"a store prefix", "", "", "prod", "prod:api:u1"},
		{"a default prefix replaces the name", "{prefix: acme}", "", "", "acme:u1"},
		{"a default and a store prefix", "{prefix: acme}", "", "prod", "prod:acme:u1"},
		{"a policy's prefix wins", "{prefix: acme}", "x", "prod", "prod:x:u1"},
		{"a policy's prefix alone", "", "x", "prod", "prod:x:u1"},
		{"an empty prefix", "", `""`, "", "u1"},
		{"an empty prefix and a store prefix", "", `""`, "prod", "prod:u1"},
		{"null is not given", "{prefix: null}", "null", "", "api:u1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := "limiters:\n  api:\n    strategy: gcra\n    limit: 1\n    period: 1s\n"
			if row.own != "" {
				text += "    prefix: " + row.own + "\n"
			}
			if row.defaults != "" {
				text += "defaults: " + row.defaults + "\n"
			}
			prefix := parse(t, text).Policies[0].Prefix
			if got := policy.JoinKey(row.store, policy.JoinKey(prefix, "u1")); got != row.want {
				t.Errorf("the key is %s, want %s", got, row.want)
			}
		})
	}
	if got := policy.JoinKey("api", ""); got != "api:" {
		t.Errorf("an empty key is %q, want api:", got)
	}
}

func TestWhatIsNotServed(t *testing.T) {
	const window = "strategy: fixedWindow, limit: 5, period: 1d"
	for _, row := range []struct {
		name, policy, kind, unserved string
	}{
		{"calendar quota", "{strategy: quota, resetCadence: calendar-month, limit: 5, offsetMinutes: -60}", "", "this server does not serve quota policies with resetCadence calendar-month yet"},
		{"weekly quota", "{strategy: quota, resetCadence: calendar-week, limit: 5, weekStartsOn: 0}", "", "this server does not serve quota policies with resetCadence calendar-week yet"},
		{"anchored quota", "{strategy: quota, resetCadence: fixed, limit: 5, period: 1d, anchor: 7}", "", "this server does not serve quota policies with an anchor other than 0 yet"},
		{"token budget", "{tokenBudget: {budget: 100, windowMs: 1000, maxKeys: 5}}", "tokenBudget", "this server does not serve tokenBudget policies yet"},
		{"fleet budget", "{fleetBudget: {budget: 100, windowMs: 1000, prefix: p}}", "fleetBudget", "this server does not serve fleetBudget policies yet"},
		{"concurrency", "{concurrency: {minLimit: 2, maxLimit: 9, initialLimit: 9, algorithm: aimd, rttWindow: 5, smoothing: 1, tolerance: 1, backoffRatio: 0.5}}", "concurrency", "this server does not serve concurrency policies yet"},
		{"concurrency with defaults", "{concurrency: }", "concurrency", "this server does not serve concurrency policies yet"},
		{"unified", "{" + window + ", concurrency: {}}", "concurrency", "this server does not serve a strategy together with concurrency yet"},
		{"distributed concurrency", "{distributedConcurrency: {whatever: 1}}", "distributedConcurrency", "this server does not serve distributedConcurrency policies yet"},
		{"fair escrow", "{fairEscrow: {}}", "fairEscrow", "this server does not serve fairEscrow policies yet"},
		{"federated fair escrow", "{federatedFairEscrow: {}}", "federatedFairEscrow", "this server does not serve federatedFairEscrow policies yet"},
		{"federated", "{" + window + ", federated: {region: eu, batch: 4, prefix: \"tk:fed\"}}", "federated", "this server does not serve federated policies yet"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := parse(t, "limiters:\n  api: "+row.policy).Policies[0]
			if p.Strategy != nil || p.Unserved != row.unserved || p.Kind != row.kind {
				t.Errorf("is %+v, want kind %q, unserved %q and no strategy", p, row.kind, row.unserved)
			}
		})
	}
	p := parse(t, "limiters:\n  api: {"+window+", twoTier: }").Policies[0]
	if p.Kind != "twoTier" || p.Strategy == nil || p.Unserved != "" || len(p.Notices) != 1 || !strings.Contains(p.Notices[0], "Check and CheckMany run the plain strategy") ||
		!strings.Contains(p.NoPeek, "does not offer Peek and Forecast") {
		t.Errorf("twoTier is %+v, want it served without Peek, and a notice", p)
	}
	f := parse(t, "capture: {keys: [1, {a: b}]}\nreplay: ~\nlimiters: {}\n")
	want := []string{"capture belongs to another server and is not used by this one", "replay belongs to another server and is not used by this one"}
	if len(f.Policies) != 0 || !reflect.DeepEqual(f.Notices, want) {
		t.Errorf("notices are %q and policies %v, want %q and none", f.Notices, f.Policies, want)
	}
}

func TestPositions(t *testing.T) {
	for name, text := range map[string]string{
		"YAML":                     "version: 1\nlimiters:\n  api: {strategy: gcra, limit: 1, period: 1s}\n  ü: {fairEscrow: {}}\n",
		"YAML of Windows":          "\uFEFFversion: 1\r\nlimiters:\r\n  api: {strategy: gcra, limit: 1, period: 1s}\r\n  ü: {fairEscrow: {}}\r\n",
		"YAML with a document end": "---\nlimiters: # these\n  api: {strategy: gcra, limit: 1, period: 1s}\n  ü: {fairEscrow: {}}\n...\n",
		"JSON of Windows":          "\uFEFF{\"limiters\": {\r\n\r\n  \"api\": {\"strategy\": \"gcra\", \"limit\": 1, \"period\": \"1s\"},\r\n  \"ü\": {\"fairEscrow\": {}}}}",
		"JSON":                     "{\"version\": 1,\n\"limiters\": {\n  \"api\": {\"strategy\": \"gcra\", \"limit\": 1, \"period\": \"1s\"},\n  \"\\u00fc\": {\"fairEscrow\": {}}}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := parse(t, text)
			var got [][3]any
			for _, p := range f.Policies {
				got = append(got, [3]any{p.Name, p.Line, p.Column})
			}
			if want := [][3]any{{"api", 3, 3}, {"ü", 4, 3}}; !reflect.DeepEqual(got, want) {
				t.Errorf("policies stand at %v, want %v", got, want)
			}
		})
	}
}

func TestCollisions(t *testing.T) {
	const rest = "strategy: gcra, limit: 1, period: 1s"
	for _, row := range []struct{ name, text, want string }{
		{"names apart", "limiters:\n  a: {" + rest + "}\n  ab: {" + rest + "}\n", ""},
		{"equal prefixes", "limiters:\n  a: {" + rest + "}\n  b: {" + rest + ", prefix: a}\n", `limits:3:3: limiters[b]: its keys can be those of limiters[a] at line 2: both have the prefix "a"; on a shared Redis`},
		{"a default prefix", "defaults: {prefix: x}\nlimiters:\n  a: {" + rest + "}\n  b: {" + rest + "}\n", `limits:4:3: limiters[b]: its keys can be those of limiters[a] at line 3: both have the prefix "x"`},
		{"a longer one", "limiters:\n  a: {" + rest + "}\n  b: {" + rest + ", prefix: \"a:b\"}\n", `the prefix "a:b" is the prefix "a" and more`},
		{"a shorter one", "limiters:\n  b: {" + rest + ", prefix: \"a:b\"}\n  a: {" + rest + "}\n", `limiters[a]: its keys can be those of limiters[b] at line 2: the prefix "a:b" is the prefix "a" and more`},
		{"an empty one before", "limiters:\n  a: {" + rest + ", prefix: ''}\n  b: {" + rest + "}\n", "one has an empty prefix"},
		{"an empty one behind", "limiters:\n  b: {" + rest + "}\n  a: {" + rest + ", prefix: ''}\n", "one has an empty prefix"},
		{"two empty ones", "defaults: {prefix: \"\"}\nlimiters:\n  b: {" + rest + "}\n  a: {" + rest + "}\n", "both have an empty prefix"},
		{"one that is not served before", "limiters:\n  b: {fairEscrow: , prefix: a}\n  a: {" + rest + "}\n", ""},
		{"those that are not served", "limiters:\n  a: {" + rest + "}\n  b: {fairEscrow: , prefix: a}\n  c: {fairEscrow: , prefix: a}\n", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := errors.Join(parse(t, row.text).Collisions()...)
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("collisions are %v, want %q", err, row.want)
			}
		})
	}
	f := parse(t, "defaults: {prefix: x}\nlimiters:\n  a: {"+rest+"}\n  b: {"+rest+"}\n  c: {"+rest+"}\n")
	if got := f.Collisions(); len(got) != 2 {
		t.Errorf("%d collisions of three policies on one prefix, want 2: %v", len(got), got)
	}
}
