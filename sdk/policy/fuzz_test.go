package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/policy"
)

// FuzzParse: Parse never panics, says the same of the same text, and gives policies that
// a door can run, or errors that are all located.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/refused/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("limiters:\n  api: {strategy: quota, resetCadence: rolling, limit: 5, period: 1d, prefix: x}\n"))
	f.Add([]byte(`{"limiters": {"a": {"strategy": "gcra", "limit": 1, "period": "1s", "prefix": "\ud83d\ude00"}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := policy.Parse("limits", text)
		again, errAgain := policy.Parse("limits", text)
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !reflect.DeepEqual(first, again) {
			t.Fatalf("twice parsed it is\n%+v, %v\n%+v, %v", first, err, again, errAgain)
		}
		if err != nil {
			for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
				if e, ok := one.(*policy.Error); !ok || e.Line < 1 || e.Column < 0 || strings.ContainsAny(e.Error(), "\n\x00") {
					t.Errorf("error %#v is not located on one line", one)
				}
			}
			return
		}
		for _, p := range first.Policies {
			if (p.Strategy == nil) == (p.Unserved == "") {
				t.Errorf("policy %q has strategy %v and is unserved because %q", p.Name, p.Strategy, p.Unserved)
			}
			if p.Strategy != nil {
				if _, err := p.Strategy.Plan(); err != nil {
					t.Errorf("policy %q has no plan: %v", p.Name, err)
				}
			}
		}
		policy.Lint(first)
	})
}

// TestYAMLAndJSONAgree writes random policies, valid or not, in both formats.
func TestYAMLAndJSONAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 2000 {
		name, fields := randomPolicy(random)
		text, err := json.Marshal(map[string]any{"limiters": map[string]any{name: fields}})
		if err != nil {
			t.Fatal(err)
		}
		fromJSON, errJSON := policy.Parse("limits", text)
		var yaml strings.Builder
		fmt.Fprintf(&yaml, "limiters:\n  %s:\n", name)
		for field, value := range fields {
			inYAML, err := json.Marshal(value) // each JSON scalar here is YAML
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&yaml, "    %s: %s\n", field, inYAML)
		}
		fromYAML, errYAML := policy.Parse("limits", []byte(yaml.String()))
		if got, want := problems(errYAML), problems(errJSON); !reflect.DeepEqual(got, want) {
			t.Fatalf("of\n%s%s\nYAML says %q, JSON %q", yaml.String(), text, got, want)
		}
		if errJSON != nil {
			continue
		}
		valid++
		a, b := fromYAML.Policies[0], fromJSON.Policies[0]
		if a.Name != b.Name || a.Prefix != b.Prefix || a.StrategyName != b.StrategyName || a.Unserved != b.Unserved || !reflect.DeepEqual(a.Strategy, b.Strategy) {
			t.Fatalf("of\n%s%s\nYAML is %+v, JSON %+v", yaml.String(), text, a, b)
		}
	}
	if valid < 300 {
		t.Errorf("%d policies were valid, too few to tell", valid)
	}
}

// randomPolicy takes the right fields most of the time, and any others at times.
func randomPolicy(random *rand.Rand) (name string, fields map[string]any) {
	values := []any{1, 5, 10, 100, 1000, 1000, 60_000, 2.5, 0, -1, "1s", "10", "ten", true, nil, 1e7}
	pick := func() any { return values[random.IntN(len(values))] }
	all := strategy.All()
	d := all[random.IntN(len(all))]
	fields = map[string]any{"strategy": d.Name}
	for _, p := range d.Params {
		fields[p.Name] = []any{5, 1000, 2500}[random.IntN(3)]
		if random.IntN(6) == 0 {
			fields[p.Name] = pick()
		}
	}
	for _, other := range []string{"period", "burst", "windowMs", "prefix", "bursts", "buckets"} {
		if random.IntN(12) == 0 {
			fields[other] = pick()
		}
	}
	return []string{"api", "a b", "v1.login", "10", "true"}[random.IntN(5)], fields
}

// problems are an error's, but for where they stand, in no order.
func problems(err error) map[string]int {
	said := map[string]int{}
	if err != nil {
		for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
			e := one.(*policy.Error)
			said[e.Field+": "+e.Problem]++
		}
	}
	return said
}
