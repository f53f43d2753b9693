package gen

// hint is what has been found about the RetryAfter of a strategy's denials. It is true of
// the very bytes that it was found with.
type hint struct {
	Strategy string
	SHA256   string // of the check script
	Promise  string // a constant of package script
}

// hints are facts about scripts that the manifest does not state and that cannot be read
// off their text. Where each comes from:
//
//   - gcra and fixedWindow deny until an instant that no check of theirs moves while it
//     denies, and name it; a higher cost only moves it away. slidingWindowLog names the
//     instant at which enough of its units have left, rounded up to the millisecond.
//   - tokenBucket names the instant at which enough has come back, but divides where the
//     check multiplies, and the two round apart: by a millisecond at most.
//   - slidingWindow has no row: it names an edge of a bucket at which nothing may come
//     back, or a point of a slope that ends before it.
//
// TestRetryHintsKeepWhatTheyPromise of sdk/localdoor holds them against random timelines.
// A script that changed has to pass it before its row gets the new checksum.
var hints = []hint{
	{"gcra", "ce2fe50159d984deb9fcde812d3abab7fa7710c44cce494f40a938c0843b91d6", "HintExact"},
	{"tokenBucket", "a1fd27c750198ad60132216e9109aab2b432b5203b0991a7b185c87cf0166f95", "HintWithinMillisecond"},
	{"fixedWindow", "4a3f136c79c354491ea5e70ef335db4610915b593beed7b85010f3a51075e3b3", "HintExact"},
	{"slidingWindowLog", "10602ca9948fe963877a7dd815c858215a59038916febdbe0cf23ad8d3712471", "HintExact"},
}

// promise finds what is known of the script's retry hints.
func (s *strategy) promise(p *problems) {
	for _, h := range hints {
		switch {
		case h.SHA256 == s.Check.SHA256:
			s.RetryHint = h.Promise
		case h.Strategy == s.Name:
			p.noticef(s.Check.File, "is not the script whose retry hints were found to be %s; its denials are never answered from memory, until hints.go has its checksum", h.Promise)
		}
	}
}
