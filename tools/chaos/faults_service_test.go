package chaos

import "golang.org/x/net/http2"

// serviceFaults are what happens to the service, and to the Redis behind it.
var serviceFaults = []scenario{
	{
		name:  "the service is killed and started again",
		fault: "SIGKILL with half the limits spent; a new process",
		setup: setup{service: true},
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
		name:  "the service is deployed anew, three times",
		fault: "SIGTERM, which drains it; a new process",
		setup: setup{service: true},
		play: func(s *stage) {
			for i := range 3 {
				s.spends(float64(i+1) / 4)
				s.strikes(1)
				s.serve.Terminate()
				s.serve.Start()
			}
			s.recovers()
		},
	},
	{
		name:  "the service freezes and goes on",
		fault: "SIGSTOP, later SIGCONT",
		setup: setup{service: true},
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.serve.Freeze()
			s.outlasts()
			s.serve.Thaw()
			s.recovers()
		},
	},
	{
		name:  "the service answers slowly",
		fault: "20 ms more in each direction, give or take 10",
		setup: setup{service: true, way: toxic, deadline: generous},
		clean: true,
		play: func(s *stage) {
			s.spends(0.3)
			s.toxic.Both("latency", map[string]int{"latency": 20, "jitter": 10})
			s.spends(0.6)
			s.toxic.Heal()
		},
	},
	{
		name:  "the service answers too slowly",
		fault: "twice the callers' deadline more in each direction",
		setup: setup{service: true, way: toxic},
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.toxic.Both("latency", map[string]int{"latency": int(2 * s.setup.deadline.Milliseconds())})
			s.outlasts()
			s.toxic.Heal()
			s.recovers()
		},
	},
	{
		name:  "connections to the service go silent for good",
		fault: "every connection that there is passes nothing on any more; new ones are well",
		setup: setup{service: true, way: knife},
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.knife.Silence()
			s.recovers()
		},
	},
	{
		name:  "a load balancer sends GOAWAY",
		fault: "five times: requests that are under way are answered, and others never arrive",
		setup: setup{service: true, way: frames},
		play: func(s *stage) {
			for i := range 5 {
				s.spends(float64(i+1) / 6)
				if err := s.frames.GoAway(); err != nil {
					s.Fatal(err)
				}
			}
			s.recovers()
		},
	},
	{
		name:  "a load balancer resets streams",
		fault: "twenty answers end in RST_STREAM, INTERNAL_ERROR",
		setup: setup{service: true, way: frames},
		play: func(s *stage) {
			for i := range 20 {
				s.spends(float64(i+1) / 22)
				s.lost += s.perConnection()
				s.frames.Reset(1, http2.ErrCodeInternal)
				s.eventually("a stream is reset", func() bool { return !s.frames.Pending() })
			}
			s.recovers()
		},
	},
	{
		name:  "the Redis of a service that fails closed is killed",
		fault: "SIGKILL; a new process, with nothing saved",
		setup: setup{service: true, serve: []string{"--fail", "closed"}},
		play:  killedBehindTheService,
	},
	{
		name:  "the Redis of a service that fails open is killed",
		fault: "SIGKILL; a new process, with nothing saved",
		setup: setup{service: true, serve: []string{"--fail", "open"}},
		play:  killedBehindTheService,
	},
	{
		name:  "the Redis of a service freezes",
		fault: "SIGSTOP, later SIGCONT",
		setup: setup{service: true, serve: []string{"--fail", "closed"}, deadline: generous},
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.redis.Freeze()
			s.lasts(s.fault)
			s.redis.Thaw()
			s.recovers()
		},
	},
}

func killedBehindTheService(s *stage) {
	s.spends(0.5)
	s.strikes(1)
	s.redis.Kill()
	s.lasts(s.fault)
	s.loses(s.redis.Start)
	s.recovers()
}
