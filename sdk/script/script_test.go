package script_test

import (
	"math"
	"strings"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// sample is a definition as luagen writes them, with every kind of parameter.
var sample = script.Definition{
	Name: "sample",
	Params: []script.Param{
		{Name: "windowMs", Field: "Window", Unit: script.Milliseconds, Min: 0.5, Max: script.MaxParam},
		{Name: "limit", Field: "Limit", Unit: script.Count, Max: script.MaxParam},
		{Name: "burst", Field: "Burst", Unit: script.Count, Min: 1, Max: script.MaxParam, DefaultFrom: "limit"},
		{Name: "parts", Field: "Parts", Unit: script.Count, Min: 1, Max: 100, Integer: true, Default: 10},
	},
	Derived: []script.Derived{
		{Over: []string{"windowMs", "burst"}, Under: []string{"limit"}, Scale: 1, Meaning: "the time of a burst, in ms,"},
		{Over: []string{"windowMs"}, Under: []string{"parts"}, Scale: 1, Min: 0.05, Meaning: "the width of a part, in ms,"},
	},
	Argv:  []string{"now", "parts", "cost", "burst", "windowMs", "limit"},
	Work:  []script.Term{{Steps: 3}, {Steps: 2, Per: []string{"cost"}}, {Steps: 1, Per: []string{"cost", "parts"}}},
	Reply: []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"},
	Decode: func(r script.Reply) throttlekit.Decision {
		return throttlekit.Decision{Allowed: r[0] == 1, Limit: r[1], Remaining: r[2], ResetAt: script.Time(r[3]), RetryAfter: script.Duration(r[4])}
	},
}

func TestPlanAppliesDefaultsAndFormatsOnce(t *testing.T) {
	plan, err := sample.New(map[string]float64{"windowMs": 1e6 / 3.0, "limit": 2.5})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"windowMs": 1e6 / 3.0, "limit": 2.5, "burst": 2.5, "parts": 10} {
		if got, ok := plan.Value(name); !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", name, got, ok, want)
		}
	}
	if _, ok := plan.Value("other"); ok {
		t.Error("a parameter that does not exist has a value")
	}
	got := plan.AppendArgv([]any{"before"}, int64(7), int64(3))
	want := []any{"before", int64(7), "10", int64(3), "2.5", "333333.3333333333", "2.5"}
	if len(got) != len(want) {
		t.Fatalf("ARGV is %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("ARGV[%d] is %#v, want %#v", i, got[i], want[i])
		}
	}
	if again := plan.AppendArgv(nil, "0", "1"); again[0] != "0" || got[1] != int64(7) {
		t.Error("two calls share their ARGV")
	}
	if self, err := plan.Plan(); self != plan || err != nil {
		t.Error("a plan is not its own plan")
	}
}

func TestDefinitionRefuses(t *testing.T) {
	valid := func(name string, v float64) map[string]float64 {
		return map[string]float64{"windowMs": 1000, "limit": 5, name: v}
	}
	for _, row := range []struct {
		name   string
		params map[string]float64
		says   string
	}{
		{"nothing given, nothing to default to", nil, "strategy sample: windowMs (Window) is 0, want at least 0.5 and at most 2^53-1"},
		{"a field whose name says it all", valid("limit", 0), "strategy sample: limit is 0, want above 0 and at most 2^53-1"},
		{"negative", valid("limit", -3), "limit is -3, want above 0"},
		{"below its least", valid("burst", 0.5), "burst is 0.5, want at least 1 and at most 2^53-1"},
		{"not a number", valid("limit", math.NaN()), "limit is NaN, want a finite number, above 0"},
		{"endless", valid("limit", math.Inf(1)), "limit is +Inf, want a finite number"},
		{"beyond exactness", valid("limit", 1<<53), "limit is 9007199254740992, want above 0 and at most 2^53-1"},
		{"a fraction where none is allowed", valid("parts", 2.5), "parts is 2.5, want a whole number, at least 1 and at most 100"},
		{"above its greatest", valid("parts", 101), "parts is 101, want a whole number, at least 1 and at most 100"},
		{"unknown", valid("windowMS", 1), "windowMS is not a parameter; it has windowMs, limit, burst, parts"},
		{"a quotient too large", map[string]float64{"windowMs": 1e15, "limit": 1, "burst": 100},
			"windowMs and burst and limit make the time of a burst, in ms, 1e+17, want above 0 and at most 2^53-1"},
		{"a quotient too small", map[string]float64{"windowMs": 1, "limit": 1, "parts": 100},
			"windowMs and parts make the width of a part, in ms, 0.01, want at least 0.05"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := sample.New(row.params)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want one that says %q", err, row.says)
			}
		})
	}
	if _, err := sample.Plan(1, 2); err == nil || !strings.Contains(err.Error(), "2 values for 4 parameters") {
		t.Errorf("too few values is %v", err)
	}
}

func TestWork(t *testing.T) {
	plan, err := sample.New(map[string]float64{"windowMs": 1000, "limit": 5, "parts": 4})
	if err != nil {
		t.Fatal(err)
	}
	for cost, want := range map[int64]int64{1: 3 + 2 + 4, 10: 3 + 20 + 40} {
		if got := plan.Work(cost); got != want {
			t.Errorf("a cost of %d is %d steps, want %d", cost, got, want)
		}
	}
	huge := sample
	huge.Work = []script.Term{{Steps: math.MaxInt64, Per: []string{"cost"}}}
	if plan, err = huge.New(map[string]float64{"windowMs": 1000, "limit": 5}); err != nil {
		t.Fatal(err)
	}
	if got := plan.Work(2); got != math.MaxInt64 {
		t.Errorf("work beyond an int64 is %d, want it to saturate", got)
	}
}

func TestNumberIsPlainDecimal(t *testing.T) {
	for v, want := range map[float64]string{
		1e6: "1000000", 1e20: "100000000000000000000", 0.1: "0.1", 1e-7: "0.0000001", 1750000000000.25: "1750000000000.25", -5: "-5",
	} {
		if got := script.Number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestInstantsAndDurations(t *testing.T) {
	if got := script.Time(0); !got.IsZero() {
		t.Errorf("no instant is %v, want the zero Time", got)
	}
	if got := script.Time(1500); !got.Equal(time.Unix(1, 5e8)) || got.Location() != time.UTC {
		t.Errorf("1500 ms is %v, want 1.5 s after the epoch in UTC", got)
	}
	const most = math.MaxInt64 / 1_000_000
	for ms, want := range map[int64]time.Duration{
		1500: 1500 * time.Millisecond, most: most * time.Millisecond, most + 1: math.MaxInt64,
		math.MaxInt64: math.MaxInt64, -most - 1: math.MinInt64, -2: -2 * time.Millisecond,
	} {
		if got := script.Duration(ms); got != want {
			t.Errorf("%d ms is %v, want %v", ms, got, want)
		}
	}
	if got := script.Millis(1500 * time.Microsecond); got != 1.5 {
		t.Errorf("1500 microseconds are %v ms, want 1.5", got)
	}
}

// FuzzDecode decodes lists of every shape that a Redis client may hand over: each byte
// picks an element.
func FuzzDecode(f *testing.F) {
	plan, err := sample.New(map[string]float64{"windowMs": 1000, "limit": 5})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 0, 0, 0, 0}, int64(1))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6}, int64(-1))
	f.Add([]byte{}, int64(0))
	f.Fuzz(func(t *testing.T, shape []byte, n int64) {
		list := make([]any, len(shape))
		integers := 0
		for i, kind := range shape {
			switch kind % 7 {
			case 0:
				list[i] = n
				integers++
			case 1:
				list[i] = nil
			case 2:
				list[i] = []byte("1")
			case 3:
				list[i] = "1"
			case 4:
				list[i] = []any{n}
			case 5:
				list[i] = 1.5
			case 6:
				list[i] = throttlekit.ErrUnavailable
			}
		}
		d, err := plan.Decode(list)
		good := integers == 5 && len(shape) == 5
		if (err == nil) != good {
			t.Fatalf("decoding %v is %v, want an error unless it is five integers", list, err)
		}
		if good && (d.Limit != n || d.Allowed != (n == 1)) {
			t.Errorf("decoding %v is %+v", list, d)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	plan, err := sample.New(map[string]float64{"windowMs": 1000, "limit": 5})
	if err != nil {
		b.Fatal(err)
	}
	reply := any([]any{int64(1), int64(5), int64(4), int64(1_750_000_000_000), int64(0)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := plan.Decode(reply); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendArgv(b *testing.B) {
	plan, err := sample.New(map[string]float64{"windowMs": 1000, "limit": 5})
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]any, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		dst = plan.AppendArgv(dst[:0], "0", "1")
	}
}
