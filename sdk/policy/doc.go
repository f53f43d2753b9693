// Package policy reads the policy file of a ThrottleKit service: which limits there
// are, by the names that clients call them.
//
//	version: 1
//	limiters:
//	  api:
//	    strategy: gcra
//	    limit: 100
//	    period: 1m
//	    burst: 20
//	  login:
//	    strategy: fixedWindow
//	    limit: 5
//	    period: 15m
//	    prefix: auth
//
// [Parse] reads YAML and JSON alike. The fields of a policy are
//
//	strategy               a strategy of the contract, or quota
//	period                 500ms, 30s, 15m, 1h, 1d, or a number of milliseconds
//	periodMs, windowMs     the same in milliseconds, where there is no period
//	limit, burst, ...      the strategy's other parameters, by their names in the contract
//	prefix                 stands before the policy's keys in place of its name
//
// and defaults.prefix is the prefix of all policies that have none of their own, in place
// of their names.
//
// A quota has resetCadence: rolling is the sliding window, fixed the fixed window; the
// calendar's cadences are known, and not served yet. Policies of other kinds, such as
// tokenBudget or concurrency, are checked, listed and not served yet either
// ([Policy.Unserved]).
//
// What ThrottleKit's core accepts in silence and a second reader may read otherwise is
// an error here: unknown fields, keys given twice, quoted keys, numbers in quotes, YAML's
// aliases, tags and merge keys. Numbers are plain decimals: 1_000, 0x10 and .5 are text,
// and 010 is ten.
package policy
