package chaos

import "time"

// dataFaults are what happens to what Redis holds, and to what it lets its clients do.
var dataFaults = []scenario{
	{
		name:  "scripts are flushed",
		fault: "SCRIPT FLUSH twenty times while the limits are being spent",
		setup: setup{deadline: generous},
		clean: true,
		play: func(s *stage) {
			for i := range 20 {
				s.spends(float64(i) / 20)
				s.redis.Do("SCRIPT", "FLUSH")
			}
		},
	},
	{
		name:  "everything is flushed",
		fault: "FLUSHALL three times, each time with half the limits spent",
		setup: setup{deadline: generous},
		clean: true,
		play: func(s *stage) {
			for range 3 {
				s.spends(0.5)
				s.loses(func() { s.redis.Do("FLUSHALL") })
			}
		},
	},
	{
		name:  "clients are killed",
		fault: "CLIENT KILL of every connection, five times",
		play: func(s *stage) {
			for i := range 5 {
				s.spends(float64(i+1) / 6)
				s.strikes(1)
				s.redis.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			}
			s.recovers()
		},
	},
	{
		name:  "a key holds something else",
		fault: "one key of each limiter is a list until it is deleted",
		setup: setup{before: func(s *stage) {
			for name := range s.strategy {
				s.redis.Do("LPUSH", name+":"+keys[0], "not a limit")
			}
		}},
		play: func(s *stage) {
			s.spends(0.5)
			for name := range s.strategy {
				s.redis.Do("DEL", name+":"+keys[0])
			}
			s.recovers()
		},
	},
	{
		name:  "Redis is out of memory",
		fault: "maxmemory 1 with noeviction; then none again",
		play: func(s *stage) {
			s.spends(0.5)
			s.redis.Do("CONFIG", "SET", "maxmemory", "1")
			s.lasts(s.fault)
			s.redis.Do("CONFIG", "SET", "maxmemory", "0")
			s.recovers()
		},
	},
}

// generous is a deadline that no healthy call meets, on however busy a machine.
const generous = 5 * time.Second
