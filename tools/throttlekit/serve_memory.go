package main

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// memory is a policy that counts in this process.
type memory struct {
	*localdoor.Limiter
	told int64 // how many evictions the log knows of
}

// remember makes a limiter in memory that is the policy's own. One whose strategy is the
// same as before goes on with what was spent; one that nobody goes on with is collected.
func (s *service) remember(name string, plan *script.Plan) (*memory, error) {
	if old, ok := s.local[name]; ok {
		if l, err := old.With(plan); err == nil {
			return &memory{l, old.told}, nil
		}
	}
	l, err := localdoor.New(plan)
	return &memory{Limiter: l}, err
}

// tellEvery is how often the log may tell of evictions.
const tellEvery = time.Minute

// tellEvictions logs which policies have forgotten keys that still counted, since it was
// last called.
func (s *service) tellEvictions() {
	for _, name := range slices.Sorted(maps.Keys(s.local)) {
		m := s.local[name]
		stats := m.Stats()
		if stats.Evictions == m.told {
			continue
		}
		s.logger.Warn("more keys than are remembered: some were forgotten, and what they had spent can be spent again",
			slog.String("policy", name), slog.Int64("keys", stats.Keys), slog.Int64("forgotten", stats.Evictions-m.told))
		m.told = stats.Evictions
	}
}
