package localdoor

import "github.com/throttlekit/throttlekit-go/sdk/script"

// Plan returns what the limiter runs: its strategy with the parameters filled in.
func (l *Limiter) Plan() *script.Plan { return l.plan }
