package vectorfile

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample has one suite of each primitive, in the layout that Encode gives to it.
const sample = `{
  "contractVersion": "1",
  "generatedFrom": "somebody@2.0.0",
  "frozen": true,
  "decisionFields": ["allowed","limit","remaining","resetAt","retryAfterMs"],
  "suites": [
    {
      "primitive": "rateLimit",
      "name": "newStrategy/one",
      "strategy": {"kind":"newStrategy","options":{"aMs":333.3,"b":0.5}},
      "key": "k",
      "ops": [
        {"now":1750000000000,"cost":9007199254740991,"expect":{"allowed":false,"limit":5,"remaining":0,"resetAt":1750000000500,"retryAfterMs":500}},
        {"now":1750000000001,"cost":0.5,"expect":{"allowed":true,"limit":5,"remaining":4,"resetAt":1750000000500,"retryAfterMs":0}}
      ]
    },
    {
      "primitive": "tokenBudget",
      "name": "tokenBudget/one",
      "options": {"budget":100,"windowMs":60000},
      "ops": [
        {"now":0,"tokens":80,"expect":{"allowed":true,"limit":100,"remaining":20,"resetAt":60000,"retryAfterMs":0}}
      ]
    },
    {
      "primitive": "lease",
      "name": "lease/one",
      "limit": 5,
      "ttlMs": 1000,
      "windowCoupled": false,
      "events": [
        {"op":"grant","capacity":5,"expiresAt":1000},
        {"op":"spend","now":0,"cost":1,"expect":{"needsRefresh":false,"decision":{"allowed":true,"limit":5,"remaining":4,"resetAt":1000,"retryAfterMs":0}}},
        {"op":"spend","now":0,"cost":9,"expect":{"needsRefresh":true}}
      ]
    }
  ]
}
`

var sampleFile = File{
	ContractVersion: "1",
	GeneratedFrom:   "somebody@2.0.0",
	Frozen:          true,
	Suites: []Suite{
		{
			Primitive: RateLimit, Name: "newStrategy/one", Key: "k",
			Strategy: Strategy{Kind: "newStrategy", Options: map[string]float64{"aMs": 333.3, "b": 0.5}},
			Ops: []Op{
				{1750000000000, 1<<53 - 1, Decision{false, 5, 0, 1750000000500, 500}},
				{1750000000001, 0.5, Decision{true, 5, 4, 1750000000500, 0}},
			},
		},
		{
			Primitive: TokenBudget, Name: "tokenBudget/one", Meter: Meter{100, 60000},
			Debits: []Debit{{0, 80, Decision{true, 100, 20, 60000, 0}}},
		},
		{
			Primitive: Lease, Name: "lease/one", Spender: Spender{5, 1000, false},
			Events: []Event{
				{Op: Grant, Capacity: 5, ExpiresAt: 1000},
				{Op: Spend, Cost: 1, Expect: Spent{Decision: &Decision{true, 5, 4, 1000, 0}}},
				{Op: Spend, Cost: 9, Expect: Spent{NeedsRefresh: true}},
			},
		},
	},
}

func TestParse(t *testing.T) {
	got, err := Load(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sampleFile, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEncode(t *testing.T) {
	got, err := sampleFile.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		suite Suite
		want  string
	}{
		{"unknown primitive", Suite{Primitive: "quota", Name: "q"}, `suite "q": primitive is "quota"`},
		{"infinite number", Suite{Primitive: RateLimit, Name: "r", Ops: []Op{{Now: math.Inf(1)}}}, `suite "r": json: unsupported value`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := (File{Suites: []Suite{tt.suite}}).Encode(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// What a newer core may add must not stop the rest from being replayed.
func TestParseTolerates(t *testing.T) {
	for _, tt := range []struct{ name, from, to string }{
		{"unknown field of the file", `{`, `{"$schema":"x",`},
		{"unknown field of a suite", `"key":`, `"tags":["a"],"key":`},
		{"unknown field of an op", `{"now":17`, `{"note":"n","now":17`},
		{"unknown field of a reply", `{"allowed"`, `{"policy":1,"allowed"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse([]byte(strings.Replace(sample, tt.from, tt.to, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(sampleFile, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("unknown primitive", func(t *testing.T) {
		got, err := Parse([]byte(`{"suites":[{"primitive":"fairness","name":"f","ops":"anything"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		want := File{Suites: []Suite{{Primitive: "fairness", Name: "f"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("lease without windowCoupled", func(t *testing.T) {
		got, err := Parse([]byte(`{"suites":[{"primitive":"lease","name":"l","limit":5,"events":[{"op":"grant","capacity":1,"expiresAt":2}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Suites[0].Spender.WindowCoupled {
			t.Error("windowCoupled is false, want the spender's default, true")
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ name, from, to, want string }{
		{"not JSON", "{", "[", "golden vectors: invalid character"},
		{"no suites", `"suites"`, `"suits"`, "golden vectors: no suites"},
		{"suite is no object", `{
      "primitive": "rateLimit"`, `7, {"primitive": "rateLimit"`, "suites[0]: json: cannot unmarshal number"},
		{"no primitive", `"primitive": "rateLimit",`, "", `suites[0] "newStrategy/one": primitive is missing`},
		{"no name", `"name": "newStrategy/one",`, "", "suites[0]: name is missing"},
		{"no kind", `"kind":"newStrategy",`, "", `suites[0] "newStrategy/one": strategy.kind is missing`},
		{"null option", `"b":0.5`, `"b":null`, "strategy.options.b is null, want a number"},
		{"text option", `"b":0.5`, `"b":"0.5"`, `suites[0] "newStrategy/one": json: cannot unmarshal string`},
		{"no now", `"now":1750000000001,`, "", `suites[0] "newStrategy/one": ops[1]: now is missing`},
		{"text now", `"now":1750000000001`, `"now":"soon"`, `"newStrategy/one": ops[1]: json: cannot unmarshal string`},
		{"no cost", `"cost":0.5,`, "", `ops[1]: cost is missing`},
		{"no reply", `"cost":0.5,"expect"`, `"cost":0.5,"expected"`, "ops[1]: expect is missing"},
		{"no allowed", `"cost":0.5,"expect":{"allowed":true,`, `"cost":0.5,"expect":{`, "ops[1]: expect.allowed is missing"},
		{"four fields", `,"retryAfterMs":500`, "", "ops[0]: expect.retryAfterMs is missing"},
		{"number too large", `"cost":0.5`, `"cost":1e999`, "ops[1]: json: cannot unmarshal number 1e999"},
		{"no budget", `"budget":100,`, "", `suites[1] "tokenBudget/one": options.budget is missing`},
		{"no tokens", `"tokens":80,`, "", `ops[0]: tokens is missing`},
		{"no limit", `"limit": 5,`, "", `suites[2] "lease/one": limit is missing`},
		{"unknown event", `"op":"grant"`, `"op":"revoke"`, `events[0]: op is "revoke", want "grant" or "spend"`},
		{"no capacity", `"capacity":5,`, "", "events[0]: capacity is missing"},
		{"no decision", `"needsRefresh":false,"decision"`, `"needsRefresh":false,"decided"`, "events[1]: expect.decision is missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(sample, tt.from) {
				t.Fatalf("the sample does not hold %q", tt.from)
			}
			_, err := Parse([]byte(strings.Replace(sample, tt.from, tt.to, 1)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
	t.Run("no ops", func(t *testing.T) {
		_, err := Parse([]byte(`{"suites":[{"primitive":"rateLimit","name":"r","strategy":{"kind":"s"},"ops":[]}]}`))
		if want := `"r": ops is missing or empty`; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	})
}

func TestShift(t *testing.T) {
	zero := []Op{{Now: 500}, {Now: 0}}
	for _, tt := range []struct {
		name  string
		suite Suite
		want  float64
	}{
		{"an op at 0", Suite{Primitive: RateLimit, Ops: zero}, 1000},
		{"no op at 0", Suite{Primitive: RateLimit, Ops: zero[:1]}, 0},
		{"a meter knows no sentinel", Suite{Primitive: TokenBudget, Debits: []Debit{{Now: 0}}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.suite.Shift(); got != tt.want {
				t.Errorf("Shift() = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestVendored reads the contract's own file, whoever wrote it.
func TestVendored(t *testing.T) {
	f, err := os.Open("../../../contract/golden-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := Load(f); err != nil {
		t.Error(err)
	}
}

// FuzzParse: Parse never panics, and what it accepts survives Encode, if Encode knows
// all of its primitives.
func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"suites":[{"primitive":"lease","name":"l","limit":1,"events":[{"op":"spend","now":1,"cost":1,"expect":{"needsRefresh":true,"decision":null}}]}]}`))
	f.Add([]byte(`{"suites":[null,{"primitive":"x","name":"y"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		text, err := file.Encode()
		if err != nil {
			return
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(file, again); diff != "" {
			t.Errorf("-parsed +encoded and parsed:\n%s", diff)
		}
	})
}
