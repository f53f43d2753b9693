package localdoor

import (
	"sync/atomic"
	"time"
)

// clock is a limiter's: the system's, or that of [WithClock].
type clock struct {
	now    func() time.Time // nil for the system's
	told   atomic.Int64     // what now said last, in ms
	system systemClock
}

// millis is the time in milliseconds since 1970, for a caller.
func (c *clock) millis() int64 {
	if c.now == nil {
		return c.system.millis()
	}
	ms := max(1, c.now().UnixMilli())
	c.told.Store(ms)
	return ms
}

// last is the time for whoever is not a caller. The clock of [WithClock] may be a test's,
// which does not expect to be asked by anybody else.
func (c *clock) last() int64 {
	if c.now == nil {
		return c.system.millis()
	}
	return c.told.Load()
}

// systemClock tells the system's time for half of what asking for it costs: of the two
// clocks that time.Now reads it reads one, that which is never set, and knows how far the
// other is ahead. It asks again where that was longer ago than rereadEvery, so that a
// clock that is set, or runs at another speed, is followed within that time.
type systemClock struct {
	base  time.Time
	ahead atomic.Int64 // of the time since base: the wall clock, in ns since 1970
	until atomic.Int64 // the time since base up to which ahead is good
}

const rereadEvery = 10 * time.Millisecond

func (c *systemClock) start() {
	c.base = time.Now()
	c.read()
}

func (c *systemClock) millis() int64 {
	since := time.Since(c.base)
	if int64(since) >= c.until.Load() {
		return c.read()
	}
	return (c.ahead.Load() + int64(since)) / int64(time.Millisecond)
}

func (c *systemClock) read() int64 {
	now := time.Now()
	since := now.Sub(c.base)
	c.ahead.Store(now.UnixNano() - int64(since))
	c.until.Store(int64(since + rereadEvery))
	return now.UnixMilli()
}
