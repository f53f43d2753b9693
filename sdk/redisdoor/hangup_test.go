package redisdoor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestOneHangUpTellsOfAll: a server that hangs up on a full pool costs one check rather
// than one for each connection.
func TestOneHangUpTellsOfAll(t *testing.T) {
	for _, row := range []struct {
		name   string
		hangUp func(*redistest.Server) error
	}{
		{"it was killed and started again", (*redistest.Server).Restart},
		{"it closed every connection", func(s *redistest.Server) error {
			_, err := s.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := redistest.StartServer(t)
			pool := dial(t, s.URL())
			fill(t, pool)
			if err := row.hangUp(s); err != nil {
				t.Fatal(err)
			}
			limiter := newLimiter(t, pool, fivePerHour, redisdoor.WithoutFusing())
			if _, err := limiter.Check(t.Context(), secretKey); !errors.Is(err, throttlekit.ErrUnavailable) {
				t.Errorf("the first check after it: %v, want unavailable: nobody could know", err)
			}
			for i := range 5 {
				if d, err := limiter.Check(t.Context(), secretKey); err != nil || d.Remaining != int64(4-i) {
					t.Errorf("check %d after it: %+v, %v", i+2, d, err)
				}
			}
			if idle := pool.IdleCount(); idle != 1 {
				t.Errorf("%d connections are idle, want the one that was made since", idle)
			}
		})
	}
}

// TestATimeoutCondemnsNothing: what did not answer in time may be slow rather than gone, and
// its other connections with it.
func TestATimeoutCondemnsNothing(t *testing.T) {
	s := redistest.StartServer(t)
	pool := dial(t, s.URL())
	fill(t, pool)
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	limiter := newLimiter(t, pool, fivePerHour, redisdoor.WithoutFusing())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := limiter.Check(ctx, secretKey); err == nil {
		t.Error("a frozen Redis answered")
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	before := pool.IdleCount()
	if _, err := limiter.Check(t.Context(), secretKey); err != nil {
		t.Error(err)
	}
	if after := pool.IdleCount(); after != before || before < 2 {
		t.Errorf("%d connections are idle, want the %d of before", after, before)
	}
}

// fill has a pool make as many connections as it may.
func fill(t *testing.T, pool *redis.Pool) {
	t.Helper()
	var conns []redis.Conn
	for range pool.MaxActive {
		conn := pool.Get()
		if _, err := conn.Do("PING"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = conn.Close() // hands it back
	}
}
