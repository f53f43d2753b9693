package chaos

// processFaults are what happens to the redis-server process.
var processFaults = []scenario{
	{
		name:  "Redis is killed and comes back empty",
		fault: "SIGKILL with half the limits spent; a new process, with nothing saved",
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
		name:  "Redis is killed and comes back with all it held",
		fault: "the same, with an append-only file written at every command",
		setup: setup{redis: []string{"--appendonly", "yes", "--appendfsync", "always"}},
		play: func(s *stage) {
			s.spends(0.5)
			s.strikes(1)
			s.redis.Kill()
			s.outlasts()
			s.redis.Start()
			s.recovers()
		},
	},
	{
		name:  "Redis crashes again and again",
		fault: "three times SIGKILL and a new process, each time with a third spent",
		play: func(s *stage) {
			for range 3 {
				s.spends(1. / 3)
				s.strikes(1)
				s.redis.Kill()
				s.loses(s.redis.Start)
			}
			s.recovers()
		},
	},
	{
		name:  "Redis freezes and goes on",
		fault: "SIGSTOP, later SIGCONT: it takes connections meanwhile, and says nothing",
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.redis.Freeze()
			s.outlasts()
			s.redis.Thaw()
			s.recovers()
		},
	},
}
