package chaos

// networkFaults are what happens on the way to Redis.
var networkFaults = []scenario{
	{
		name:  "replies are cut",
		fault: "ten times a connection is closed in the middle of a reply",
		setup: setup{way: knife},
		play: func(s *stage) {
			for i, after := range []int{0, 1, 2, 3, 5, 8, 13, 21, 34, 55} {
				s.spends(float64(i+1) / 12)
				s.lost += s.perConnection()
				s.knife.Cut(after)
				s.eventually("a reply is cut", func() bool { return !s.knife.Pending() })
			}
			s.recovers()
		},
	},
	{
		name:  "the network is slow",
		fault: "20 ms more in each direction, give or take 10",
		setup: setup{way: toxic, deadline: generous},
		clean: true,
		play: func(s *stage) {
			s.spends(0.3)
			s.toxic.Both("latency", map[string]int{"latency": 20, "jitter": 10})
			s.spends(0.6)
			s.toxic.Heal()
		},
	},
	{
		name:  "the network passes one byte at a time",
		fault: "every byte is a packet of its own, in both directions",
		setup: setup{way: toxic, deadline: generous},
		clean: true,
		play: func(s *stage) {
			s.spends(0.3)
			s.toxic.Both("slicer", map[string]int{"average_size": 1})
			s.spends(0.6)
			s.toxic.Heal()
		},
	},
	{
		name:  "the network swallows everything",
		fault: "what is sent never arrives, in either direction, until the connections break",
		setup: setup{way: toxic},
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.toxic.Both("timeout", map[string]int{"timeout": 0})
			s.outlasts()
			s.toxic.Heal()
			s.recovers()
		},
	},
	{
		name:  "connections go silent for good",
		fault: "every connection to Redis that there is passes nothing on any more; new ones are well",
		setup: setup{way: knife},
		play: func(s *stage) {
			s.spends(0.5)
			s.silent()
			s.knife.Silence()
			s.recovers()
		},
	},
}
