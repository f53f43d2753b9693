package script_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

func samplePlan(tb testing.TB) *script.Plan {
	tb.Helper()
	plan, err := sample.New(map[string]float64{"windowMs": 1000, "limit": 5})
	if err != nil {
		tb.Fatal(err)
	}
	return plan
}

// denial is a check's reply as a Redis client hands it over.
func denial(limit, remaining, resetAt, retryAfterMs int64) []any {
	return []any{int64(0), limit, remaining, resetAt, retryAfterMs}
}

func TestQuestions(t *testing.T) {
	for _, row := range []struct {
		name      string
		questions []any
		after     []any
	}{
		{"peek: what nothing fits, and one", script.PeekQuestions(), []any{"1"}},
		{"forecast: what nothing fits, all, and one more", script.ForecastQuestions(), []any{"limit", "next"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			// Above every limit that there can be: the greatest one would fit itself.
			if never, err := strconv.ParseFloat(row.questions[0].(string), 64); err != nil || never <= script.MaxParam {
				t.Errorf("the first question is %v, want a cost above %d", row.questions[0], int64(script.MaxParam))
			}
			if diff := cmp.Diff(row.after, row.questions[1:]); diff != "" {
				t.Errorf("questions after the first (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendParamsLeavesOutTheCost(t *testing.T) {
	got := samplePlan(t).AppendParams([]any{"sha", 1, "key"}, int64(7))
	want := []any{"sha", 1, "key", int64(7), "10", "5", "1000", "5"} // parts, burst, windowMs, limit
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ARGV of a derived script (-want +got):\n%s", diff)
	}
}

func TestDecodeProbe(t *testing.T) {
	denied := throttlekit.Decision{Limit: 5, Remaining: 2, ResetAt: time.UnixMilli(1500).UTC(), RetryAfter: 300 * time.Millisecond}
	allowed := denied
	allowed.Allowed = true
	now, answers, err := samplePlan(t).DecodeProbe([]any{
		int64(1000), denial(5, 2, 1500, 300), int64(1), []any{int64(1), int64(5), int64(2), int64(1500), int64(300)},
	}, 3)
	if err != nil || now != 1000 {
		t.Fatalf("now is %d (%v), want 1000", now, err)
	}
	want := []script.Answer{
		{Denial: denied},
		{Admitted: true},
		{Admitted: true, Denial: allowed}, // by a check that writes nothing
	}
	if diff := cmp.Diff(want, answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestDecodeProbeRefuses(t *testing.T) {
	plan := samplePlan(t)
	good := denial(5, 2, 1500, 300)
	for _, row := range []struct {
		name  string
		reply any
		says  string
	}{
		{"nothing", nil, "reply is nil, want a list of 3"},
		{"a number", int64(3), "reply is an integer, want a list of 3"},
		{"text, which may hold a key", []byte("user-4711"), "reply is a string, want a list of 3"},
		{"an error inside a reply", throttlekit.ErrUnavailable, "reply is an error, want a list of 3"},
		{"what no Redis client makes", 1.5, "reply is a float64, want a list of 3"},
		{"an empty list", []any{}, "reply is a list of 0, want a list of 3"},
		{"an answer less", []any{int64(1), good}, "reply is a list of 2, want a list of 3"},
		{"an answer more", []any{int64(1), good, good, good}, "reply is a list of 4, want a list of 3"},
		{"no instant", []any{nil, good, good}, "reply element 0 (now) is nil, want an integer"},
		{"an instant of text", []any{[]byte("1000"), good, good}, "reply element 0 (now) is a string, want an integer"},
		{"a number that is not 1", []any{int64(1), int64(0), good}, "answer 0: reply is an integer, want 5 integers"},
		{"an answer of nil", []any{int64(1), good, nil}, "answer 1: reply is nil, want 5 integers"},
		{"a decision cut short", []any{int64(1), good, good[:4]}, "answer 1: reply has 4 elements, want 5 integers"},
		{"a decision with text", []any{int64(1), []any{int64(0), int64(1), "2", int64(3), int64(4)}, good},
			"answer 0: reply element 2 (remaining) is a string, want an integer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			now, answers, err := plan.DecodeProbe(row.reply, 2)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want one that says %q", err, row.says)
			}
			if now != 0 || answers != nil {
				t.Errorf("beside the error came %d and %v", now, answers)
			}
		})
	}
}

var (
	admitted = script.Answer{Admitted: true}
	at       = func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
)

func denied(remaining, resetAt, retryAfterMs int64) script.Answer {
	return script.Answer{Denial: throttlekit.Decision{
		Limit: 5, Remaining: remaining, ResetAt: at(resetAt), RetryAfter: time.Duration(retryAfterMs) * time.Millisecond,
	}}
}

func TestPeek(t *testing.T) {
	plan := samplePlan(t)
	for _, row := range []struct {
		name       string
		state, one script.Answer
		want       throttlekit.Decision
	}{
		{"one fits: the state as it is, and no wait", denied(2, 1500, 7777), admitted,
			throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 2, ResetAt: at(1500)}},
		{"none fits: one's own wait, not that of the impossible", denied(0, 1500, 7777), denied(0, 1600, 300),
			throttlekit.Decision{Limit: 5, ResetAt: at(1500), RetryAfter: 300 * time.Millisecond}},
		{"an admitted one may carry a decision, of which nothing is used", denied(2, 1500, 7777),
			script.Answer{Admitted: true, Denial: throttlekit.Decision{Allowed: true, Limit: 9, RetryAfter: time.Hour}},
			throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 2, ResetAt: at(1500)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := plan.Peek([]script.Answer{row.state, row.one})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("peek (-want +got):\n%s", diff)
			}
		})
	}
}

func TestForecast(t *testing.T) {
	plan := samplePlan(t)
	for _, row := range []struct {
		name               string
		state, whole, next script.Answer
		cost               int64
		want               throttlekit.Forecast
	}{
		{"whole: full now, whatever else was answered", denied(5, 9000, 1), admitted, denied(5, 9000, 4000), 2,
			throttlekit.Forecast{SpendableNow: 2, NextReplenishAt: at(1000), FullAt: at(1000)}},
		{"full when all of it fits, which is after the state's reset", denied(3, 1500, 7777), denied(3, 1500, 800), denied(3, 1500, 200), 1,
			throttlekit.Forecast{SpendableNow: 3, NextReplenishAt: at(1200), FullAt: at(1800)}},
		{"full at the state's reset, which is later", denied(3, 3000, 7777), denied(3, 3000, 800), denied(3, 3000, 200), 3,
			throttlekit.Forecast{SpendableNow: 1, NextReplenishAt: at(1200), FullAt: at(3000)}},
		{"one more fits already, by a rounding", denied(4, 1500, 7777), denied(4, 1500, 500), admitted, 5,
			throttlekit.Forecast{SpendableNow: 0, NextReplenishAt: at(1000), FullAt: at(1500)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := plan.Forecast(1000, row.cost, []script.Answer{row.state, row.whole, row.next})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("forecast (-want +got):\n%s", diff)
			}
		})
	}
}

// A probe that admits what nothing can hold knows no state, and nothing may be made of
// it.
func TestNoStateNoAnswer(t *testing.T) {
	const says = "a cost that no limit admits was admitted"
	plan := samplePlan(t)
	if d, err := plan.Peek([]script.Answer{admitted, admitted}); err == nil || !strings.Contains(err.Error(), says) || d != (throttlekit.Decision{}) {
		t.Errorf("peek is %+v, %v, want an error that says %q", d, err, says)
	}
	if f, err := plan.Forecast(1000, 1, []script.Answer{admitted, admitted, admitted}); err == nil || !strings.Contains(err.Error(), says) || f != (throttlekit.Forecast{}) {
		t.Errorf("forecast is %+v, %v, want an error that says %q", f, err, says)
	}
}

func TestLimitIsCutAsRedisCutsIt(t *testing.T) {
	for _, row := range []struct {
		name, reported string
		limit          float64
		want           int64
	}{
		{"whole", "limit", 5, 5},
		{"fractional", "limit", 2.9, 2},
		{"by another parameter's default", "parts", 5, 10},
		{"unknown to the generator", "", 5, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := sample
			d.ReportedLimit = row.reported
			plan, err := d.New(map[string]float64{"windowMs": 1000, "limit": row.limit})
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Limit(); got != row.want {
				t.Errorf("limit is %d, want %d", got, row.want)
			}
		})
	}
}

// FuzzDecodeProbe decodes lists of every shape that a Redis client may hand over: the
// first byte is the number of questions, and each other one picks an element.
func FuzzDecodeProbe(f *testing.F) {
	plan := samplePlan(f)
	f.Add([]byte{2, 0, 1, 2}, int64(1))
	f.Add([]byte{3, 0, 2, 1, 3}, int64(1000))
	f.Add([]byte{0, 0}, int64(0))
	f.Add([]byte{2, 4, 5, 6, 7}, int64(-1))
	f.Add([]byte{255}, int64(7))
	f.Fuzz(func(t *testing.T, shape []byte, n int64) {
		questions := 0
		if len(shape) > 0 {
			questions, shape = int(shape[0]), shape[1:]
		}
		list := make([]any, len(shape))
		for i, kind := range shape {
			list[i] = []any{n, int64(1), []any{n, n, n, n, n}, []any{int64(0), n, n, n, n}, nil, []byte("1"), 1.5, []any{n}, throttlekit.ErrUnavailable}[kind%9]
		}
		good := len(list) == questions+1
		for i, element := range list {
			switch element := element.(type) {
			case int64:
				good = good && (i == 0 || element == 1)
			case []any:
				good = good && i > 0 && len(element) == 5
			default:
				good = false
			}
		}
		now, answers, err := plan.DecodeProbe(list, questions)
		if (err == nil) != good {
			t.Fatalf("decoding %v for %d questions is %v, want an error: %t", list, questions, err, !good)
		}
		if !good {
			return
		}
		if now != list[0] || len(answers) != questions {
			t.Errorf("decoding %v gives %d and %d answers", list, now, len(answers))
		}
		for i, answer := range answers {
			decision, _ := list[i+1].([]any)
			if want := decision == nil || decision[0] == int64(1); answer.Admitted != want {
				t.Errorf("answer %d of %v is admitted: %t, want %t", i, list, answer.Admitted, want)
			}
		}
		// Whatever the numbers are, something is made of them, or is refused.
		if questions >= 3 {
			_, _ = plan.Peek(answers)
			_, _ = plan.Forecast(now, 1, answers)
		}
	})
}
