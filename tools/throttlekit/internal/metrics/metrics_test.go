package metrics_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/tools/throttlekit/internal/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func Example() {
	m := metrics.New()
	m.Decided("api", throttlekit.Decision{Allowed: true}, false)
	for line := range strings.Lines(string(m.Text())) {
		if strings.Contains(line, "api") {
			fmt.Print(line)
		}
	}
	// Output: throttlekit_decisions_total{policy="api",outcome="allowed"} 1
}

func TestText(t *testing.T) {
	allowed, denied := throttlekit.Decision{Allowed: true}, throttlekit.Decision{}
	m := metrics.New()
	m.Decided("web", denied, false)
	m.Decided("api", allowed, false)
	m.Decided("api", allowed, false)
	m.Decided("api", denied, true)
	m.Decided("a\\b\n\"c\"", allowed, false)
	m.Called("peek", "api", 30*time.Millisecond, connect.NewError(connect.CodeInternal, errors.New("x")))
	m.Called("check", "api", 500*time.Microsecond, nil)
	m.Called("check", "", 2*time.Second, connect.NewError(connect.CodeNotFound, errors.New("x")))
	m.Called("check", "api", time.Second, errors.New("of nobody's making"))
	m.StoreChanged(false)
	want := `# HELP throttlekit_decisions_total Decisions that limiters made.
# TYPE throttlekit_decisions_total counter
throttlekit_decisions_total{policy="a\\b\n\"c\"",outcome="allowed"} 1
throttlekit_decisions_total{policy="api",outcome="allowed"} 2
throttlekit_decisions_total{policy="web",outcome="denied"} 1
# HELP throttlekit_synthesized_decisions_total Decisions that the fail mode made up for a store that failed.
# TYPE throttlekit_synthesized_decisions_total counter
throttlekit_synthesized_decisions_total{policy="api",outcome="denied"} 1
# HELP throttlekit_errors_total Calls that were answered with an error.
# TYPE throttlekit_errors_total counter
throttlekit_errors_total{op="check",code="not_found"} 1
throttlekit_errors_total{op="check",code="unknown"} 1
throttlekit_errors_total{op="peek",code="internal"} 1
# HELP throttlekit_call_duration_seconds How long calls took to answer.
# TYPE throttlekit_call_duration_seconds histogram
throttlekit_call_duration_seconds_bucket{op="check",le="0.0005"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.001"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.0025"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.005"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.01"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.025"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.05"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.1"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.25"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="0.5"} 1
throttlekit_call_duration_seconds_bucket{op="check",le="1"} 2
throttlekit_call_duration_seconds_bucket{op="check",le="+Inf"} 3
throttlekit_call_duration_seconds_sum{op="check"} 3.0005
throttlekit_call_duration_seconds_count{op="check"} 3
throttlekit_call_duration_seconds_bucket{op="peek",le="0.0005"} 0
throttlekit_call_duration_seconds_bucket{op="peek",le="0.001"} 0
throttlekit_call_duration_seconds_bucket{op="peek",le="0.0025"} 0
throttlekit_call_duration_seconds_bucket{op="peek",le="0.005"} 0
throttlekit_call_duration_seconds_bucket{op="peek",le="0.01"} 0
throttlekit_call_duration_seconds_bucket{op="peek",le="0.025"} 0
throttlekit_call_duration_seconds_bucket{op="peek",le="0.05"} 1
throttlekit_call_duration_seconds_bucket{op="peek",le="0.1"} 1
throttlekit_call_duration_seconds_bucket{op="peek",le="0.25"} 1
throttlekit_call_duration_seconds_bucket{op="peek",le="0.5"} 1
throttlekit_call_duration_seconds_bucket{op="peek",le="1"} 1
throttlekit_call_duration_seconds_bucket{op="peek",le="+Inf"} 1
throttlekit_call_duration_seconds_sum{op="peek"} 0.03
throttlekit_call_duration_seconds_count{op="peek"} 1
# HELP throttlekit_store_up 1 while the store answers, else 0.
# TYPE throttlekit_store_up gauge
throttlekit_store_up 0
`
	if got := string(m.Text()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.StoreChanged(true)
	if got := string(m.Text()); !strings.HasSuffix(got, "\nthrottlekit_store_up 1\n") {
		t.Errorf("a store that is up again:\n%s", got)
	}
}

func TestCountsFromManyGoroutines(t *testing.T) {
	m := metrics.New()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				m.Decided("api", throttlekit.Decision{Allowed: true}, false)
				m.Called("check", "api", time.Millisecond, nil)
			}
			_ = m.Text()
		})
	}
	group.Wait()
	for _, want := range []string{`{policy="api",outcome="allowed"} 8000`, `_count{op="check"} 8000`} {
		if text := string(m.Text()); !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving atomic.Bool
	m := metrics.New()
	stop := m.Serve(listener, serving.Load, slog.New(slog.DiscardHandler))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, row := range []struct {
		name, path string
		serving    bool
		code       int
		text       string
	}{
		{"metrics", "/metrics", true, 200, "\nthrottlekit_store_up 1\n"},
		{"metrics of a server that is not well", "/metrics", false, 200, "\nthrottlekit_store_up 1\n"},
		{"healthy", "/healthz", true, 200, "ok\n"},
		{"not healthy", "/healthz", false, 503, "not serving\n"},
		{"anything else", "/", true, 404, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			serving.Store(row.serving)
			res, err := client.Get("http://" + listener.Addr().String() + row.path)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != row.code || !strings.HasSuffix(string(text), row.text) {
				t.Errorf("%d %q, %v; want %d and %q", res.StatusCode, text, err, row.code, row.text)
			}
		})
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := client.Get("http://" + listener.Addr().String() + "/healthz"); err == nil {
		t.Error("it answers after stop")
	}
}
