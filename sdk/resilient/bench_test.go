package resilient_test

import (
	"context"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// instant is a limiter that answers at once, so that what is measured is what is around it.
type instant struct {
	throttlekit.Limiter
	decision throttlekit.Decision
	err      error
}

func (i instant) CheckN(context.Context, string, int64) (throttlekit.Decision, error) {
	return i.decision, i.err
}

func BenchmarkCheck(b *testing.B) {
	gone := &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Source: throttlekit.SourceTransport}
	share, err := resilient.LocalShare(strategy.GCRA{Limit: 1 << 40, Period: time.Hour}, 3)
	if err != nil {
		b.Fatal(err)
	}
	ended, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	soon, cancelSoon := context.WithTimeout(context.Background(), time.Minute)
	defer cancelSoon()
	longOpen := resilient.WithBreaker(1, time.Hour)
	for _, bench := range []struct {
		name    string
		ctx     context.Context
		limiter throttlekit.Limiter
		options []resilient.Option
	}{
		{"closed", context.Background(), instant{}, nil},
		{"closed/deadline of the caller's later", ended, instant{}, nil},
		{"closed/deadline of the caller's earlier", soon, instant{}, []resilient.Option{resilient.WithDeadline(time.Hour)}},
		{"open/error", context.Background(), instant{err: gone}, []resilient.Option{longOpen}},
		{"open/open", context.Background(), instant{err: gone}, []resilient.Option{longOpen, resilient.WithFailMode(resilient.FailOpen)}},
		{"open/closed", ended, instant{err: gone}, []resilient.Option{longOpen, resilient.WithFailMode(resilient.FailClosed)}},
		{"open/local", context.Background(), instant{err: gone}, []resilient.Option{longOpen, resilient.WithFailLocal(share)}},
		{"denied from memory", context.Background(), instant{decision: throttlekit.Decision{RetryAfter: time.Hour}},
			[]resilient.Option{resilient.WithStrategy(strategy.GCRA{Limit: 1, Period: time.Hour}), resilient.WithDenyCache(1000)}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			limiter, err := resilient.New(bench.limiter, bench.options...)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = limiter.Check(bench.ctx, secretKey) // opens the breaker, and is denied
			b.ReportAllocs()
			for b.Loop() {
				_, _ = limiter.Check(bench.ctx, secretKey)
			}
		})
	}
}

// BenchmarkDoor is what the wrapper adds to the doors.
func BenchmarkDoor(b *testing.B) {
	pool, err := redisdoor.Dial(redistest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	gcra := strategy.GCRA{Limit: 1 << 40, Period: time.Hour}
	door, err := redisdoor.New(pool, gcra)
	if err != nil {
		b.Fatal(err)
	}
	alone, err := redisdoor.New(pool, gcra, redisdoor.WithoutFusing())
	if err != nil {
		b.Fatal(err)
	}
	local, err := localdoor.New(gcra)
	if err != nil {
		b.Fatal(err)
	}
	defer local.Close()
	request, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for _, bench := range []struct {
		name    string
		limiter throttlekit.Limiter
	}{{"redis", door}, {"redis alone", alone}, {"local", local}} {
		wrapped, err := resilient.New(bench.limiter)
		if err != nil {
			b.Fatal(err)
		}
		for _, how := range []struct {
			name    string
			limiter throttlekit.Limiter
		}{{"bare", bench.limiter}, {"resilient", wrapped}} {
			for _, caller := range []struct {
				name string
				ctx  context.Context
			}{{"background", context.Background()}, {"request", request}} {
				b.Run(bench.name+"/"+caller.name+"/"+how.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if _, err := how.limiter.Check(caller.ctx, secretKey); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run(bench.name+"/"+caller.name+"/"+how.name+"/64", func(b *testing.B) {
					b.ReportAllocs()
					b.SetParallelism(32)
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if _, err := how.limiter.Check(caller.ctx, secretKey); err != nil {
								b.Error(err)
							}
						}
					})
				})
			}
		}
	}
}
