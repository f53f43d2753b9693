package main

import (
	"fmt"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// TestNativePeekAndForecast draws states and holds Peek and Forecast of the checks in
// Go against the Redis door's, at the same instant of the same state.
func TestNativePeekAndForecast(t *testing.T) {
	kinds := strategies(t)
	r := newReplayer(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			admitted, differing := 0, 0
			for i := 0; i < *states && differing < 3; i++ {
				s := newDraw(*seed, kind+" native state", i).state(kind)
				plan := nativePlan(t, kind, s.options)
				allowed, report := r.nativePeekDifference(t, plan, s)
				if report != "" {
					differing++
					t.Errorf("state %d of seed %d:\n%s%s", i, *seed, report, s.listing())
				}
				if allowed {
					admitted++
				}
			}
			t.Logf("%d states, in %d of which a unit is left", *states, admitted)
			if *states >= 100 && min(admitted, *states-admitted) < *states/20 {
				t.Errorf("in %d of %d states a unit is left: too much of one kind to compare anything", admitted, *states)
			}
		})
	}
}

func (r *replayer) nativePeekDifference(t *testing.T, plan *script.Plan, s state) (allowed bool, report string) {
	var local script.State
	for _, o := range s.ops {
		if _, err := plan.CheckLocal(&local, stillClock, o.now, o.cost); err != nil {
			return false, err.Error()
		}
	}
	gotPeek, err := plan.PeekLocal(&local, stillClock, s.now)
	if err != nil {
		return false, err.Error()
	}
	gotForecast, err := plan.ForecastLocal(&local, stillClock, s.now, int64(s.cost))
	if err != nil {
		return false, err.Error()
	}
	for range tries {
		if report, err = r.peekReport(t, plan, s, gotPeek, gotForecast); err != nil {
			return false, err.Error()
		} else if report == "" {
			break
		}
	}
	return gotPeek.Allowed, report
}

func (r *replayer) peekReport(t *testing.T, plan *script.Plan, s state, gotPeek, gotForecast any) (report string, err error) {
	r.count++
	m := &moment{state: s, prefix: fmt.Sprintf("%s:%d", r.prefix, r.count)}
	if m.Limiter, err = redisdoor.New(r.pool, plan, redisdoor.WithPrefix(m.prefix)); err != nil {
		return "", err
	}
	if m.conn, err = r.pool.GetContext(t.Context()); err != nil {
		return "", err
	}
	defer m.conn.Close()
	if err := m.prepare(plan, "base"); err != nil {
		return "", err
	}
	defer m.do("DEL", m.key("base"))
	peek, err := m.PeekAt(t.Context(), "base", m.at(0))
	if err != nil {
		return "", err
	}
	forecast, err := m.ForecastAt(t.Context(), "base", int64(s.cost), m.at(0))
	if err != nil {
		return "", err
	}
	if gotPeek != peek {
		report += fmt.Sprintf("  peek in Go    %+v\n  peek in Redis %+v\n", gotPeek, peek)
	}
	if gotForecast != forecast {
		report += fmt.Sprintf("  forecast in Go    %+v\n  forecast in Redis %+v\n", gotForecast, forecast)
	}
	return report, nil
}
