package main

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

func TestWitness(t *testing.T) {
	s, _ := newTestSession(t)
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			now, err := s.serverTime(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, plan, err := roomy(d, 3, now)
			if err != nil {
				t.Fatal(err)
			}
			for _, keep := range []bool{false, true} {
				c, err := s.ourClient(plan, keep)
				if err != nil {
					t.Fatal(err)
				}
				key := s.key()
				// The first of them finds a Redis that does not know the script.
				a, err := c.check(t.Context(), key, 1, 0)
				if err != nil {
					t.Fatal(err)
				}
				if !a.Decision.allowed || a.Decision.remaining != 2 {
					t.Errorf("keep %t: %v, want it admitted with 2 left", keep, a.Decision)
				}
				after, err := s.serverTime(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if a.Before < now || a.Before > a.After || a.After > after || a.TTL <= 0 {
					t.Errorf("keep %t: it saw %+v, want readings from %d to %d and an expiry", keep, a.sighting, now, after)
				}
				ttl, err := redis.Int64(s.do(t.Context(), "PTTL", key))
				if err != nil || keep != (ttl == -1) {
					t.Errorf("keep %t: the key expires in %d ms (%v)", keep, ttl, err)
				}
			}
		})
	}
}

func TestWitnessRefusesWhatItCannotBearWitnessTo(t *testing.T) {
	s, _ := newTestSession(t)
	conn, err := (&witness{pool: s.pool}).GetContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Do("GET", "k"); err == nil {
		t.Error("GET passes")
	}
	if _, err := conn.Do("EVAL", "return 1", 0); err == nil {
		t.Error("a script without a key passes")
	}
	if _, err := conn.Do("EVAL", "return redis.error_reply('WRONG it is')", 1, "k"); err == nil || err.Error() != "WRONG it is" {
		t.Errorf("a script's error arrives as %v", err)
	}
	if n, err := redis.Int(conn.Do("EVAL", "return 7", 1, "k")); n != 7 || err != nil {
		t.Errorf("a script's reply arrives as %d, %v", n, err)
	}
}

func TestSameExpiry(t *testing.T) {
	at := func(ttl, passed int64) sighting { return sighting{Before: 1000, After: 1000 + passed, TTL: ttl} }
	for _, row := range []struct {
		name string
		a, b sighting
		want bool
	}{
		{"equal", at(100, 0), at(100, 0), true},
		{"the millisecond turned unseen", at(100, 0), at(99, 0), true},
		{"more than passed", at(100, 0), at(98, 0), false},
		{"Redis was held up for a while", at(100, 0), at(90, 9), true},
		{"for less than the difference", at(100, 0), at(90, 8), false},
		{"no expiry, both", at(-1, 0), at(-1, 0), true},
		{"no expiry, one", at(-1, 50), at(0, 50), false},
		{"no key, one", at(-2, 0), at(-1, 0), false},
	} {
		if row.a.sameExpiry(row.b) != row.want || row.b.sameExpiry(row.a) != row.want {
			t.Errorf("%s: %+v and %+v are the same: %t, want %t", row.name, row.a, row.b, !row.want, row.want)
		}
	}
}
