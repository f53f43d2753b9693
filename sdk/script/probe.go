package script

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// A probe runs a check dry: up to its first write, since a check that gets as far as
// writing would have been admitted. Peek and Forecast are made of its answers alone;
// nothing here knows how any strategy decides.
//
// The questions are costs. The first is one that can never be admitted, since it is far
// above the greatest limit ([MaxParam]); its denial therefore reports the state as it is.
const never = 1 << 60

// What a probe script takes for a cost besides a number.
const (
	wholeLimit = "limit" // the limit that the first answer reported
	oneMore    = "next"  // one unit more than the first answer said remains
)

// PeekQuestions are the costs that a probe is asked for [Plan.Peek], as ARGV.
func PeekQuestions() []any { return []any{neverText, "1"} }

// ForecastQuestions are the costs that a probe is asked for [Plan.Forecast], as ARGV.
func ForecastQuestions() []any { return []any{neverText, wholeLimit, oneMore} }

var neverText = strconv.FormatInt(never, 10)

// Answer is what one dry check came to.
type Answer struct {
	// Admitted reports whether the check got as far as its first write.
	Admitted bool
	// Denial is the check's decision when it did not.
	Denial throttlekit.Decision
}

// AppendParams appends the ARGV that a many and a probe script begin with: now
// and the parameters.
func (p *Plan) AppendParams(dst []any, now any) []any {
	dst = append(dst, now)
	for i, formatted := range p.argv {
		if i != p.now && i != p.cost {
			dst = append(dst, formatted)
		}
	}
	return dst
}

// DecodeProbe turns a probe's reply into the instant at which it was asked and an answer
// for each question.
func (p *Plan) DecodeProbe(reply any, questions int) (now int64, answers []Answer, err error) {
	list, ok := reply.([]any)
	if !ok || len(list) != questions+1 {
		return 0, nil, fmt.Errorf("reply is %s, want a list of %d", describe(reply), questions+1)
	}
	now, ok = list[0].(int64)
	if !ok {
		return 0, nil, fmt.Errorf("reply element 0 (now) is %s, want an integer", describe(list[0]))
	}
	answers = make([]Answer, questions)
	for i, element := range list[1:] {
		if n, ok := element.(int64); ok && n == 1 {
			answers[i].Admitted = true
			continue
		}
		if answers[i].Denial, err = p.Decode(element); err != nil {
			return 0, nil, fmt.Errorf("answer %d: %w", i, err)
		}
		// A check that is allowed without having written would have to be told apart from
		// a denial by its reply.
		answers[i].Admitted = answers[i].Denial.Allowed
	}
	return now, answers, nil
}

var errNoState = errors.New("a cost that no limit admits was admitted, so the probe does not know the state")

// Peek makes the answers to [PeekQuestions] into what a check of cost 1 would find:
// Remaining is what is there now.
func (p *Plan) Peek(answers []Answer) (throttlekit.Decision, error) {
	state, one := answers[0], answers[1]
	if state.Admitted {
		return throttlekit.Decision{}, errNoState
	}
	d := throttlekit.Decision{
		Allowed:   one.Admitted,
		Limit:     state.Denial.Limit,
		Remaining: state.Denial.Remaining,
		ResetAt:   state.Denial.ResetAt,
	}
	if !one.Admitted {
		d.RetryAfter = one.Denial.RetryAfter
	}
	return d, nil
}

// Forecast makes the answers to [ForecastQuestions] into a forecast for that cost.
func (p *Plan) Forecast(nowMs int64, cost int64, answers []Answer) (throttlekit.Forecast, error) {
	state, whole, next := answers[0], answers[1], answers[2]
	if state.Admitted {
		return throttlekit.Forecast{}, errNoState
	}
	now := Time(nowMs)
	f := throttlekit.Forecast{SpendableNow: state.Denial.Remaining / cost, NextReplenishAt: now, FullAt: now}
	if whole.Admitted {
		return f, nil
	}
	if f.FullAt = now.Add(whole.Denial.RetryAfter); state.Denial.ResetAt.After(f.FullAt) {
		f.FullAt = state.Denial.ResetAt
	}
	if !next.Admitted {
		f.NextReplenishAt = now.Add(next.Denial.RetryAfter)
	}
	return f, nil
}

// Limit is the value of the parameter that Decision.Limit reports, cut to a whole
// number as Redis cuts it; 0 when the generator did not know which one it is.
func (p *Plan) Limit() int64 {
	v, _ := p.Value(p.def.ReportedLimit)
	return int64(math.Trunc(v))
}
