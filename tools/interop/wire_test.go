package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

func TestDecisionFromPython(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       decision
		ok         bool
	}{
		{"five fields in the contract's order", `[true,5,4,1100,0]`, decision{true, 5, 4, 1100, 0}, true},
		{"beyond what a float holds exactly", `[false,9007199254740993,0,1,2]`, decision{false, 9007199254740993, 0, 1, 2}, true},
		{"an integer is no bool", `[1,5,4,1100,0]`, decision{}, false},
		{"a float is no integer", `[true,5,4,1100.5,0]`, decision{}, false},
		{"nor is text", `[true,5,4,"1100",0]`, decision{}, false},
		{"None is nothing", `[true,5,null,1100,0]`, decision{}, false},
		{"one is missing", `[true,5,4,1100]`, decision{}, false},
		{"one is too many", `[true,5,4,1100,0,0]`, decision{}, false},
		{"not a list", `{"allowed":true}`, decision{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got decision
			err := json.Unmarshal([]byte(row.text), &got)
			if (err == nil) != row.ok || row.ok && got != row.want {
				t.Errorf("%s is %v, %v; want %v, ok %t", row.text, got, err, row.want, row.ok)
			}
		})
	}
}

func TestForecastFromPython(t *testing.T) {
	var got forecast
	if err := json.Unmarshal([]byte(`[3,1000,2000]`), &got); err != nil || got != (forecast{3, 1000, 2000}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{`[3,1000]`, `[3,1000,2000,1]`, `[3,1000.5,2000]`, `{}`} {
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is taken for a forecast", text)
		}
	}
}

func TestOurDecisionOnTheWire(t *testing.T) {
	for _, row := range []struct {
		name string
		in   throttlekit.Decision
		want decision
	}{
		{"admitted", throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 4, ResetAt: time.UnixMilli(1100).UTC()}, decision{true, 5, 4, 1100, 0}},
		{"denied", throttlekit.Decision{Limit: 5, ResetAt: time.UnixMilli(1100), RetryAfter: 1500 * time.Millisecond}, decision{false, 5, 0, 1100, 1500}},
		{"a fail mode's, with no instant", throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 5}, decision{true, 5, 5, 0, 0}},
	} {
		if got := onWire(row.in); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestFaultKnowsItsClasses(t *testing.T) {
	f := &fault{Kinds: []string{"PolicyNotFoundError", "ThrottleKitError", "Exception"}, Message: "unknown"}
	if !f.is("PolicyNotFoundError") || !f.is("ThrottleKitError") || f.is("OperationNotSupportedError") {
		t.Errorf("%v is of the wrong classes", f)
	}
	if got := f.Error(); got != "PolicyNotFoundError: unknown" {
		t.Errorf("it says %q", got)
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	r := &report{out: &out}
	r.begin("first")
	r.check(true, "not told")
	r.holds(10)
	r.end("a detail of 7")
	r.begin("second")
	for i := range maxTold + 2 {
		r.check(false, "failure %d\nin two lines", i)
	}
	r.end("")
	if got, want := r.summary(), "16 checks, 5 failures"; got != want {
		t.Errorf("the summary is %q, want %q", got, want)
	}
	text := out.String()
	for _, want := range []string{
		"ok    first: 11 checks; a detail of 7\n",
		"FAIL  second: failure 0\n      in two lines\n",
		"FAIL  second: failure 2\n",
		"FAIL  second: 5 checks; 2 more failures are not told\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "failure 3") || strings.Contains(text, "not told\nok") {
		t.Errorf("too much is told:\n%s", text)
	}
}
