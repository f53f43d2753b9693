package policy_test

import (
	"fmt"

	"github.com/throttlekit/throttlekit-go/sdk/policy"
)

func ExampleParse() {
	file, err := policy.Parse("limits.yaml", []byte(`
version: 1
limiters:
  api:
    strategy: gcra
    limit: 100
    period: 1m
    burst: 20
  login:
    strategy: fixedWindow
    limit: 5
    period: 15m
    prefix: auth
  model:
    tokenBudget: {budget: 50000, windowMs: 60000}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range file.Policies {
		if p.Unserved != "" {
			fmt.Printf("%s: %s\n", p.Name, p.Unserved)
			continue
		}
		fmt.Printf("%s: %s, keys such as %s\n", p.Name, p.StrategyName, policy.JoinKey(p.Prefix, "alice"))
	}
	// Output:
	// api: gcra, keys such as api:alice
	// login: fixedWindow, keys such as auth:alice
	// model: this server does not serve tokenBudget policies yet
}

// Every problem is reported, each with its line and column.
func ExampleParse_errors() {
	_, err := policy.Parse("limits.yaml", []byte(`limiters:
  api:
    strategy: gcra
    limit: ten
    period: 1w
    bursts: 20
`))
	fmt.Println(err)
	// Output:
	// limits.yaml:4:12: limiters[api].limit: is "ten", want a number above 0
	// limits.yaml:5:13: limiters[api].period: is "1w", want a duration above 0: digits and one of ms, s, m, h, d, such as 30s
	// limits.yaml:6:5: limiters[api].bursts: is not a field of a gcra policy; did you mean burst?
}

// A shared Redis needs a prefix of its own for each policy.
func ExampleFile_Collisions() {
	file, err := policy.Parse("limits.yaml", []byte(`
limiters:
  api: {strategy: gcra, limit: 100, period: 1m, prefix: acme}
  login: {strategy: fixedWindow, limit: 5, period: 15m, prefix: "acme:login"}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(file.Collisions()), "collision")
	// Output: 1 collision
}

func ExampleLint() {
	file, err := policy.Parse("limits.yaml", []byte("limiters:\n  api: {strategy: gcra, limit: 10, period: 60}\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, finding := range policy.Lint(file) {
		fmt.Println(finding)
	}
	// Output:
	// limits.yaml:2:44: warning: limiters[api]: period 60 has no unit and is 60 milliseconds; if that is meant, write 60ms, and 60s for seconds
}
