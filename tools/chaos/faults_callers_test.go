package chaos

import "time"

// callerFaults are what the callers themselves do.
var callerFaults = []scenario{
	{
		name:  "there are 10,000 callers",
		fault: "ten thousand goroutines check the same twenty keys",
		setup: setup{callers: 10_000, pause: time.Second, deadline: generous},
		clean: true,
		play:  func(s *stage) { s.spends(1); s.lasts(s.fault) },
	},
	{
		name:  "there are 10,000 callers, and Redis is killed",
		fault: "SIGKILL with half the limits spent; a new process, with nothing saved",
		setup: setup{callers: 10_000, pause: time.Second, deadline: generous},
		play: func(s *stage) {
			s.spends(0.5)
			s.strikes(1)
			s.redis.Kill()
			s.outlasts()
			s.loses(s.redis.Start)
			s.recovers()
		},
	},
	{
		name:  "there are 10,000 callers of a service, which is killed",
		fault: "SIGKILL with half the limits spent; a new process",
		setup: setup{service: true, callers: 10_000, pause: 3 * time.Second, deadline: generous},
		play: func(s *stage) {
			s.spends(0.5)
			s.strikes(1)
			s.serve.Kill()
			s.outlasts()
			s.serve.Start()
			s.recovers()
		},
	},
	{
		name:  "callers have a deadline of their own, and Redis freezes",
		fault: "SIGSTOP, later SIGCONT; no breaker opens, since it is the callers who give up",
		setup: setup{impatient: 25 * time.Millisecond},
		play: func(s *stage) {
			s.spends(0.5)
			s.silentUnnoticed()
			s.redis.Freeze()
			s.lasts(s.fault)
			s.redis.Thaw()
			s.recovers()
		},
	},
	{
		name:  "callers cancel at random",
		fault: "every context is cancelled some time within a millisecond",
		setup: setup{fickle: time.Millisecond, deadline: generous},
		play:  func(s *stage) { s.lasts(s.fault) },
	},
	{
		name:  "callers of a service cancel at random",
		fault: "every context is cancelled some time within 20 ms",
		setup: setup{service: true, fickle: 20 * time.Millisecond, deadline: generous},
		play:  func(s *stage) { s.lasts(s.fault) },
	},
}
